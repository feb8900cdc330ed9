--- Writing all of a store as lines of JSON: every row of every table, so of every part and scope.

local core = require "moonbase.core"
local errors = require "moonbase.errors"
local export_lines = require "moonbase.export_lines"
local file_view = require "moonbase.file_view"
local tables = require "moonbase.tables"

local export = {}

---@class moonbase.Export
---@field writer fun(line: string): any, any
---@field hash userdata   of the lines so far
---@field rows integer
local Export = {}
Export.__index = Export

-- A writer that gives nil and a reason, as file:write does, could not write.
function Export:write(line)
  self.hash:update(line):update("\n")
  local ok, err = self.writer(line)
  if ok ~= nil or err == nil then return true end
  if type(err) == "table" and err.code then return nil, err end
  return errors.fail("io", "the export cannot be written: " .. tostring(err))
end

local function columns_line(entry)
  local names = core.array {}
  for i, column in ipairs(entry.columns) do names[i] = column.name end
  local columns, err = core.encode(names, "columns")
  if not columns then return nil, err end
  return ('{"table":"%s","columns":%s}'):format(entry.name, columns)
end

local function row_line(entry, row)
  local values = {}
  for i, column in ipairs(entry.columns) do
    local value, kind = tables.value(row, column)
    local text, err = export_lines.encode(value, column, kind)
    if not text then
      return errors.fail("corrupt", ("a row of '%s' cannot be read: %s"):format(entry.name,
        err.message), { field = err.field })
    end
    values[i] = text
  end
  return "[" .. table.concat(values, ",") .. "]"
end

function Export:write_row(entry, row)
  local line, err = row_line(entry, row)
  if not line then return nil, err end
  self.rows = self.rows + 1
  return self:write(line)
end

function Export:write_table(engine, entry)
  local line, err = columns_line(entry)
  local ok = line
  if line then ok, err = self:write(line) end
  if not ok then return nil, err end
  return tables.each(engine, entry, function(row) return self:write_row(entry, row) end)
end

local HEADER = '{"moonbase":"export","format":%d,"schema":%d}'
local END = '{"end":true,"rows":%d,"sha256":"%s"}'

local function write_all(engine, self)
  local list, version, ok, err
  list, err = tables.list(engine)
  if list then version, err = engine:schema_version() end
  if version then ok, err = self:write(HEADER:format(export_lines.FORMAT, version)) end
  if not ok then return nil, err end
  for _, entry in ipairs(list) do
    ok, err = self:write_table(engine, entry)
    if not ok then return nil, err end
  end
  return self:write(END:format(self.rows, self.hash:digest()))
end

--- Writes the store of an engine, as it is at one moment.
---@param engine moonbase.Engine
---@param writer fun(line: string): any, any  takes a line without its end; where it gives nil and a
---  reason the export stops
---@return true|nil
---@return moonbase.Error|nil err  `io` for what the writer could not write, `corrupt`
function export.run(engine, writer)
  local self = setmetatable({ writer = writer, hash = core.sha256_stream(), rows = 0 }, Export)
  return file_view.run(engine, write_all, self)
end

return export
