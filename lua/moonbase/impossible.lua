--- Statements that find what cannot be, for store:check.

local impossible = {}

---@class moonbase.Impossible
---@field message string  what is wrong, about the columns a and b of a row; %s for each
---@field sql string      gives a row for each thing that cannot be; it reads as much as it must

--- Takes what is wrong with a part.
---@alias moonbase.Finding fun(message: string)

--- So many findings of one kind are told.
impossible.LIMIT = 10

-- What each `%s` of a message stands for: a, then b.
local function tell(message, row)
  local names, n = { "a", "b" }, 0
  return (message:gsub("%%s", function()
    n = n + 1
    return tostring(row[names[n]])
  end))
end

--- Damage that is met while reading is a finding too; anything else ends the check.
---@param report moonbase.Finding
---@param err moonbase.Error
---@return true|nil
---@return moonbase.Error|nil
function impossible.note(report, err)
  if err.code ~= "corrupt" and err.code ~= "serialization" then return nil, err end
  report(err.message)
  return true
end

--- Runs the statements and reports what they find.
---@param engine moonbase.Engine
---@param list moonbase.Impossible[]
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function impossible.find(engine, list, report)
  for _, entry in ipairs(list) do
    local rows, err = engine:rows(entry.sql .. " LIMIT " .. impossible.LIMIT)
    if not rows then
      local ok, failure = impossible.note(report, err)
      if not ok then return nil, failure end
    end
    for _, row in ipairs(rows or {}) do report(tell(entry.message, row)) end
  end
  return true
end

return impossible
