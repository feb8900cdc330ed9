--- Whether the file is sound: its pages, that every index has the rows of its table and no others,
--- and that rows refer to rows that are there. SQLite knows.

local errors = require "moonbase.errors"

local file_check = {}

local PAGES = "SELECT integrity_check AS problem FROM pragma_integrity_check(100)"

local REFERENCES = [[
  SELECT "table" AS name, "rowid" AS row, parent FROM pragma_foreign_key_check LIMIT 100]]

-- A page that could not be read is not one that is damaged: SQLite's codes for a failure of the
-- machine and for a lack of memory.
local FAILURES = { [7] = "internal", [10] = "io" }

local function failure_of(problem)
  local code = tonumber(problem:match "unable to get the page%. error code=(%d+)")
  if not code or not FAILURES[code % 256] then return nil end
  return errors.new(FAILURES[code % 256], problem, { sqlite = code })
end

---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function file_check.find(engine, report)
  local problems, err = engine:values(PAGES)
  if not problems then return nil, err end
  for _, problem in ipairs(problems) do
    err = failure_of(problem)
    if err then return nil, err end
    if problem ~= "ok" then report((problem:gsub("%s*\n%s*", " "))) end
  end
  local rows
  rows, err = engine:rows(REFERENCES)
  if not rows then return nil, err end
  for _, row in ipairs(rows) do
    report(("row %s of '%s' refers to a row of '%s' that is not there"):format(
      tostring(row.row), row.name, row.parent))
  end
  return true
end

return file_check
