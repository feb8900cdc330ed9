--- Whether a store agrees with itself, from the pages of the file to what one part says of another.
-- Each part knows what must hold of its rows; a part that is added has its line in the list. All of
-- it reads everything, from one state of the file.

local errors = require "moonbase.errors"
local file_view = require "moonbase.file_view"
local impossible = require "moonbase.impossible"

local integrity = {}

--- What checks: a name for what it finds, and a module whose find(engine, report) reports it.
---@type { [1]: string, [2]: string }[]
integrity.list = {
  { "file", "moonbase.file_check" },
  { "documents", "moonbase.document_check" },
  { "threads", "moonbase.thread_check" },
  { "sessions", "moonbase.session_check" },
  { "blobs", "moonbase.blob_check" },
  { "vectors", "moonbase.vector_check" },
  { "texts", "moonbase.text_check" },
  { "memory", "moonbase.memory_check" },
  { "graph", "moonbase.graph_check" },
  { "rows", "moonbase.row_check" },
}

-- Takes findings as lines; the same one is told once.
local function collector(problems)
  local seen = {}
  return function(name, message)
    local line = name .. ": " .. message
    if seen[line] then return end
    seen[line] = true
    problems[#problems + 1] = line
  end
end

local function find_all(engine)
  local problems = {}
  local add = collector(problems)
  for _, entry in ipairs(integrity.list) do
    local function report(message) add(entry[1], message) end
    local ok, err = require(entry[2]).find(engine, report)
    if not ok then ok, err = impossible.note(report, err) end
    if not ok then return nil, err end
  end
  return problems
end

--- Checks all of a store.
---@param engine moonbase.Engine
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`, with `problems`: an array of lines, all that was found
function integrity.run(engine)
  local problems, err = file_view.run(engine, find_all)
  if not problems then return nil, err end
  if #problems == 0 then return true end
  local message = problems[1]
  if #problems > 1 then message = ("%s (and %d more)"):format(message, #problems - 1) end
  return errors.fail("corrupt", message, { problems = problems })
end

return integrity
