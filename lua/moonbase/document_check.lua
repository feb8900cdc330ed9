--- Whether every document is one: the columns that may name blobs are all that hold any.

local gc_sources = require "moonbase.gc_sources"
local impossible = require "moonbase.impossible"

local document_check = {}

local rules

local function make_rules()
  local list = {}
  for _, source in ipairs(gc_sources.list) do
    if source.kind == "document" then
      list[#list + 1] = {
        message = "row %s of '" .. source.table .. "' is no document",
        sql = ("SELECT rowid AS a FROM %s WHERE %s IS NOT NULL AND NOT json_valid(%s)"):format(
          source.table, source.column, source.column),
      }
    end
  end
  return list
end

---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function document_check.find(engine, report)
  rules = rules or make_rules()
  return impossible.find(engine, rules, report)
end

return document_check
