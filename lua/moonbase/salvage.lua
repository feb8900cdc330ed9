--- Takes what can be read of a damaged file into a new one, beside it.
-- Every table is copied row by row from the pages that still make sense; a row that breaks a rule
-- of its table is lost. Then what lies across rows is put right by `moonbase.salvage_rules`: tables
-- that are made from others are made again, and what must be whole ends at its first hole.

local core = require "moonbase.core"
local Engine = require "moonbase.engine.sqlite"
local errors = require "moonbase.errors"
local revived = require "moonbase.salvage_revived"
local rules = require "moonbase.salvage_rules"
local schema = require "moonbase.schema"

local salvage = {}

-- What virtual tables keep their content in is not copied, nor what the rules make anew.
local TABLES = [[
  SELECT s.name, s.rootpage AS root, l.wr AS "index(boolean)"
  FROM sqlite_schema s
  JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name AND l.type = 'table'
  WHERE s.type = 'table'
  ORDER BY s.name <> 'sqlite_sequence', s.rowid]]

-- As a row has them: the key first where there are no rowids.
local COLUMNS = [[
  SELECT c.name, c.pk, upper(c.type) AS type FROM pragma_table_info($name) c
  ORDER BY $index AND c.pk = 0, $index AND c.pk, c.cid]]

-- The indexes that have an entry for each row.
local INDEXES = [[
  SELECT s.name, s.rootpage AS root FROM pragma_index_list($name) i
  JOIN sqlite_schema s ON s.type = 'index' AND s.name = i.name
  WHERE i.partial = 0]]

local OLD_SCHEMA = [[
  CREATE TEMP TABLE old_schema (type, name, tbl_name, rootpage, sql);]]

---@class moonbase.SalvageTable
---@field name string
---@field root integer
---@field index boolean       it has no rowids
---@field assumed boolean     the damaged file does not say where it is
---@field indexes table<string, integer>  roots
---@field columns table[]

local function quoted(name)
  return '"' .. name:gsub('"', '""') .. '"'
end

-- Where a table or index is in the damaged file: as it says itself, or else where every file of
-- this schema has it.
local function old_root(engine, entry)
  local root, err = engine:value("SELECT rootpage FROM temp.old_schema WHERE name = $name",
    entry.name)
  if err then return nil, err end
  entry.assumed = type(root) ~= "number"
  return entry.assumed and entry.root or root
end

local function read_layout(engine, entry)
  local err, indexes
  entry.columns, err = engine:rows(COLUMNS, entry.name, entry.index)
  if not entry.columns then return nil, err end
  entry.root, err = old_root(engine, entry)
  if not entry.root then return nil, err end
  indexes, err = engine:rows(INDEXES, entry.name)
  if not indexes then return nil, err end
  entry.indexes = {}
  for _, index in ipairs(indexes) do
    entry.indexes[index.name], err = old_root(engine, index)
    if err then return nil, err end
  end
  return true
end

-- The schema of the damaged file.
local function read_schema(engine, old)
  local ok, err = engine:exec(OLD_SCHEMA)
  if ok then ok, err = old:claim(1, false) end
  if ok then ok, err = old:adopt() end
  if not ok then return nil, err end
  return core.salvage_rows(engine.connection, old, 1,
    "INSERT INTO temp.old_schema VALUES (?, ?, ?, ?, ?)", { columns = 5 })
end

local function claim(old, entry)
  local ok, err = old:claim(entry.root, entry.index)
  for _, root in pairs(entry.indexes) do
    if ok then ok, err = old:claim(root, true) end
  end
  return ok, err
end

-- Finds all tables and their pages.
local function find_tables(engine, old)
  local list, ok, err
  list, err = engine:rows(TABLES)
  if not list then return nil, err end
  for _, entry in ipairs(list) do
    ok, err = read_layout(engine, entry)
    if ok then ok, err = claim(old, entry) end
    if not ok then return nil, err end
  end
  ok, err = old:adopt()
  if not ok then return nil, err end
  return list
end

-- The column that stands for the rowid: the only one of the key, being an INTEGER.
local function key_of(entry)
  local key
  for i, column in ipairs(entry.columns) do
    if column.pk > 1 then return nil end
    if column.pk == 1 and column.type == "INTEGER" then key = i end
  end
  return not entry.index and key or nil
end

local function insert_sql(entry)
  local names, places = {}, {}
  for i, column in ipairs(entry.columns) do names[i], places[i] = quoted(column.name), "?" end
  return ("INSERT INTO %s (%s) VALUES (%s)"):format(quoted(entry.name), table.concat(names, ", "),
    table.concat(places, ", "))
end

-- An index that can be read as a whole knows how many rows there were. Where there is none, what
-- was found and made no sense is lost, and a page's rows are at least one; unless nothing says that
-- the page belonged to the table, or that this was a store at all.
local function lost_rows(old, entry, count)
  local lost, whole = 0, false
  for _, root in pairs(entry.indexes) do
    local entries, sound = old:entries(root)
    if not entries then return nil, sound end
    lost, whole = math.max(lost, entries - count.saved), whole or sound
  end
  local known = not entry.assumed or count.saved > 0 or old:header().sound
  local broken = known and count.broken or 0
  return whole and lost or math.max(lost, count.lost + broken)
end

local function copy_table(engine, old, entry, report)
  local ok, err = engine:run("DELETE FROM " .. quoted(entry.name))
  if not ok then return nil, err end
  local count
  count, err = core.salvage_rows(engine.connection, old, entry.root, insert_sql(entry), {
    columns = #entry.columns, key = key_of(entry), index = entry.index,
  })
  if not count then return nil, err end
  if entry.name:find "^sqlite_" then return true end
  local lost
  lost, err = lost_rows(old, entry, count)
  if not lost then return nil, err end
  report[entry.name] = { saved = count.saved, lost = lost }
  return true
end

local function copy_tables(engine, old, list, report)
  for _, entry in ipairs(list) do
    if not rules.MADE_ANEW[entry.name] then
      local ok, err = copy_table(engine, old, entry, report)
      if not ok then return nil, err end
    end
  end
  return true
end

local function fill(engine, old, version, now)
  local report, list = {}, nil
  local ok, err = read_schema(engine, old)
  if ok then list, err = find_tables(engine, old) end
  if not list then return nil, err end
  ok, err = copy_tables(engine, old, list, report)
  if ok then ok, err = schema.migrate(engine, version, now) end
  if ok then ok, err = revived.make(engine, old, list, report, now) end
  if ok then ok, err = rules.apply(engine, report, now) end
  if not ok then return nil, err end
  return report
end

-- The version of its schema that the damaged file had.
local function version_of(old)
  local header = old:header()
  local latest = #schema.migrations
  if not header.sound or header.version == 0 then return latest end
  if header.version > latest then
    return errors.fail("future_schema", ("the file has schema version %d, this program knows %d")
      :format(header.version, latest), { expected = latest, actual = header.version })
  end
  return header.version
end

local function make(engine, old, now)
  local version, ok, report, err
  version, err = version_of(old)
  if not version then return nil, err end
  -- It gets its name only when it is complete and synced.
  ok, err = engine:configure({ durability = "off", journal = "truncate", busy_timeout = 0 }, true)
  if ok then ok, err = schema.build(engine, version, now) end
  if ok then ok, err = engine:exec "PRAGMA foreign_keys=OFF" end
  if ok then report, err = engine:atomic(fill, engine, old, version, now) end
  return report, err
end

local function remove(path)
  for _, suffix in ipairs { "", "-journal", "-wal", "-shm" } do os.remove(path .. suffix) end
end

local function settle(engine, path, returned, report, err)
  local closed, failure = engine:close()
  os.remove(path .. "-journal") -- SQLite leaves it, empty
  if returned and report and not closed then report, err = nil, failure end
  if returned and report then
    local ok
    ok, err = core.file_sync(path)
    if ok then return report end
  end
  remove(path)
  if not returned then error(report, 0) end
  return nil, err
end

--- Makes a new file out of a damaged one. Whatever bore its name is removed.
---@param old userdata  the damaged file, held: `core.salvage`
---@param path string   of the new file
---@param now integer   ms since the epoch
---@return table<string, { saved: integer, lost: integer }>|nil tables  by name
---@return moonbase.Error|nil err  `full`, `io`, `future_schema`
function salvage.make(old, path, now)
  remove(path)
  local engine, err = Engine.open(path, { create = true, busy_timeout = 0 })
  if not engine then return nil, err end
  return settle(engine, path, pcall(make, engine, old, now))
end

return salvage
