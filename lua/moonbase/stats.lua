--- How large a store is, and what takes the room.

local core = require "moonbase.core"
local file_view = require "moonbase.file_view"
local table_parts = require "moonbase.table_parts"

local stats = {}

---@class moonbase.Stats
---@field path string
---@field bytes integer       of the database
---@field wal_bytes integer   of its write-ahead log
---@field page_size integer
---@field parts table<string, { rows: integer, bytes: integer }>  bytes with indexes; "base": what
---  several parts share
---@field statements integer  prepared statements kept by the connection

-- A row is a cell of a leaf, or of any page where the table is itself an index. What virtual tables
-- keep their content in takes room and has no rows of the store.
local BY_PAGES = [[
  SELECT s.tbl_name AS name, sum(d.pgsize) AS bytes,
    sum(CASE WHEN s.type = 'table' AND l.type = 'table' AND (l.wr OR d.pagetype = 'leaf')
      THEN d.ncell ELSE 0 END) AS rows
  FROM dbstat d
  JOIN sqlite_schema s ON s.name = d.name
  LEFT JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name
  WHERE d.schema = 'main'
  GROUP BY s.tbl_name]]

local NAMES = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"

-- Where SQLite was built without the table of its pages: rows without their bytes.
local function count_rows(engine)
  local names, err = engine:values(NAMES)
  if not names then return nil, err end
  local found = {}
  for i, name in ipairs(names) do
    local rows
    rows, err = engine:value(('SELECT count(*) FROM "%s"'):format(name))
    if not rows then return nil, err end
    found[i] = { name = name, rows = rows, bytes = 0 }
  end
  return found
end

local function read_tables(engine)
  local found, err = engine:rows(BY_PAGES)
  if found or err.code ~= "internal" then return found, err end
  return count_rows(engine)
end

local function read_parts(engine)
  local found, err = read_tables(engine)
  if not found then return nil, err end
  local parts = {}
  for _, row in ipairs(found) do
    local name = table_parts.of(row.name)
    local part = parts[name] or { rows = 0, bytes = 0 }
    part.rows, part.bytes = part.rows + row.rows, part.bytes + row.bytes
    parts[name] = part
  end
  return parts
end

local SIZE = "SELECT page_size, page_count FROM pragma_page_size, pragma_page_count"

local function read(engine)
  local size, parts, err
  size, err = engine:row(SIZE)
  if size then parts, err = read_parts(engine) end
  if not parts then return nil, err end
  return { bytes = size.page_size * size.page_count, page_size = size.page_size, parts = parts }
end

--- What there is.
---@param engine moonbase.Engine
---@return moonbase.Stats|nil
---@return moonbase.Error|nil err
function stats.read(engine)
  local statements = engine:statements()
  local found, err = file_view.run(engine, read)
  if not found then return nil, err end
  local log = engine.path ~= ":memory:" and core.file_look(engine.path .. "-wal")
  found.path, found.statements, found.wal_bytes = engine.path, statements, log and log.size or 0
  return found
end

return stats
