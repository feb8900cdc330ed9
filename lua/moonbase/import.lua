--- Making a store from the lines of an export.

local core = require "moonbase.core"
local Engine = require "moonbase.engine.sqlite"
local errors = require "moonbase.errors"
local export_lines = require "moonbase.export_lines"
local new_file = require "moonbase.new_file"
local schema = require "moonbase.schema"
local tables = require "moonbase.tables"

local import = {}

---@class moonbase.Import
---@field reader fun(): string|nil
---@field number integer           lines read
---@field hash userdata            of the lines before the present one
---@field rows integer             inserted
---@field engine moonbase.Engine   of the new file
---@field list moonbase.Table[]
---@field table? moonbase.Table    whose rows are read
---@field columns moonbase.TableColumn[]  in the order in which they stand in its rows
---@field values any[]             of the present row, in that order; and their types
---@field kinds string[]
---@field get function             what tables.insert asks for them
local Import = {}
Import.__index = Import

local function damaged(self, why)
  return export_lines.damaged(self.number, why)
end

-- The next line that is not blank, without its end; nil at the end.
local function next_text(self)
  local line
  repeat
    line = self.reader()
    if line == nil then return nil end
    if type(line) ~= "string" then errors.misuse("reader", "must give strings") end
    self.number = self.number + 1
    line = line:gsub("[\r\n]+$", "")
  until line ~= ""
  return line
end

-- The next line, and what it says.
local function next_line(self)
  local line = next_text(self)
  if not line then return nil end
  local value, err = core.decode(line)
  if err or type(value) ~= "table" then
    return damaged(self, err and err.message or "it is neither a row nor an object")
  end
  return line, value
end

local function invalid(why)
  return errors.fail("invalid", "this is no export of a store: " .. why, { field = "reader" })
end

local function is_version(value)
  return type(value) == "number" and value >= 1 and value % 1 == 0
end

local function check_known(what, version, known)
  if version <= known then return true end
  local why = ("the export has %s version %d, this program knows %d"):format(what, version, known)
  return errors.fail("future_schema", why, { expected = known, actual = version })
end

-- The first line tells whether there is any use in reading on.
local function read_header(self)
  local line, header = next_line(self)
  if not line then return invalid(header and header.message or "it is empty") end
  if header.moonbase ~= "export" or not (is_version(header.format) and is_version(header.schema))
  then
    return invalid("its first line says nothing of the kind")
  end
  local ok, err = check_known("format", header.format, export_lines.FORMAT)
  if ok then ok, err = check_known("schema", header.schema, #schema.migrations) end
  if not ok then return nil, err end
  self.hash:update(line):update("\n")
  return header
end

-- The columns of a table in the order in which the line has them.
local function columns_of(entry, names)
  local known, columns = {}, {}
  for _, column in ipairs(entry.columns) do known[column.name] = column end
  for i = 1, #names do
    columns[i], known[names[i]] = known[names[i]], nil
    if not columns[i] then return nil end
  end
  if next(known) == nil then return columns end
end

local function table_of(self, name)
  for _, entry in ipairs(self.list) do
    if entry.name == name then return entry end
  end
end

-- Gives the value of a column of the present row.
local function getter(self)
  local places = {}
  for i, column in ipairs(self.columns) do places[column] = i end
  return function(column)
    local i = places[column]
    return self.values[i], column.type == "" and self.kinds[i] or nil
  end
end

-- What the migrations put in goes: the export has it too.
local function begin_table(self, line)
  local entry = table_of(self, line.table)
  local columns = entry and type(line.columns) == "table" and columns_of(entry, line.columns)
  if not columns then return damaged(self, "a store has no table with these columns") end
  self.table, self.columns = entry, columns
  self.get = getter(self)
  return self.engine:run(('DELETE FROM "%s"'):format(entry.name))
end

local function read_row(self, line)
  local values, kinds = {}, {}
  for i, column in ipairs(self.columns) do
    local value, kind = export_lines.decode(line[i])
    if not kind then return damaged(self, "value " .. i .. " is none") end
    if (column.type == "BLOB") ~= (kind == "blob") and column.type ~= "" and kind ~= "null" then
      return damaged(self, "value " .. i .. " is of another type than its column")
    end
    values[i], kinds[i] = value, kind
  end
  self.values, self.kinds = values, kinds
  return true
end

-- Failures that are the machine's and not the line's.
local MACHINE = { full = true, io = true, busy = true, denied = true, readonly = true }

local function insert_row(self, line)
  if not self.table or #line ~= #self.columns then
    return damaged(self, "it is no row of the table before it")
  end
  local ok, err = read_row(self, line)
  if not ok then return nil, err end
  ok, err = tables.insert(self.engine, self.table, self.get)
  if not ok and not MACHINE[err.code] then return damaged(self, err.message) end
  if not ok then return nil, err end
  self.rows = self.rows + 1
  return true
end

local function check_end(self, line)
  if line.rows ~= self.rows or line.sha256 ~= self.hash:digest() then
    return damaged(self, "the lines before it are not those that were written")
  end
  if next_text(self) then return damaged(self, "it stands behind the end") end
  return true
end

local function read_rows(self)
  local ok, err = self.engine:exec "PRAGMA defer_foreign_keys=ON"
  if not ok then return nil, err end
  while true do
    local line, value = next_line(self)
    if not line then
      if value then return nil, value end
      return damaged(self, "it is the last one, and the end is missing")
    end
    if value["end"] then return check_end(self, value) end
    if value.table ~= nil then ok, err = begin_table(self, value)
    else ok, err = insert_row(self, value) end
    if not ok then return nil, err end
    self.hash:update(line):update("\n")
  end
end

-- The tables as they were when the export was written, filled, and then brought to the present.
local function fill(self, header, now)
  local ok, err = schema.build(self.engine, header.schema, now)
  if ok then self.list, err = tables.list(self.engine) end
  if ok and self.list then ok, err = self.engine:atomic(read_rows, self) end
  if not ok or err then return nil, err end
  core.blob_names() -- nobody collects blobs in a file that is not there yet
  return schema.migrate(self.engine, header.schema, now)
end

-- Nobody else knows the file, so it needs no syncs before it is complete.
local LAST = "PRAGMA synchronous=FULL; PRAGMA wal_checkpoint(TRUNCATE)"

local function build(self, header, now)
  local options = { durability = "off", journal = "wal", busy_timeout = 0 }
  local ok, err = self.engine:configure(options, true)
  if ok then ok, err = fill(self, header, now) end
  if ok then ok, err = self.engine:exec(LAST) end
  if not ok then return nil, err end
  return true
end

local function make(temporary, self, now)
  local header, ok, err, returned
  header, err = read_header(self)
  if header then self.engine, err = Engine.open(temporary, { raw = true }) end
  if not header or not self.engine then return nil, err end
  returned, ok, err = pcall(build, self, header, now)
  self.engine:close()
  if not returned then error(ok, 0) end
  return ok, err
end

--- Makes a store at a path from what an export wrote.
---@param reader fun(): string|nil  gives line by line, then nil
---@param path string
---@param now integer  for the ledger of migrations
---@return true|nil
---@return moonbase.Error|nil err  `exists`; `invalid` for something else than an export;
---  `future_schema`; `corrupt` (`line`) for one that is damaged or cut off
function import.run(reader, path, now)
  local self = setmetatable({ reader = reader, number = 0, hash = core.sha256_stream(), rows = 0 },
    Import)
  return new_file.make(path, make, self, now)
end

return import
