--- All rows of a store, table by table, whatever part they belong to: for what takes a whole store
--- (export, import, statistics).
-- Virtual tables are left out, and the tables that they keep their content in are in.

local tables = {}

---@class moonbase.TableColumn
---@field name string
---@field type string     "INTEGER", "REAL", "TEXT", "BLOB", or "" for any

---@class moonbase.Table
---@field name string
---@field columns moonbase.TableColumn[]
---@field key moonbase.TableColumn[]  what tells its rows apart; they are read in its order
---@field page_sql string             rows behind a key
---@field first_sql string            the first rows
---@field insert_sql string

-- In the order in which the migrations made them.
local COLUMNS = [[
  SELECT l.name AS "table", c.name AS "name", upper(c.type) AS "type", c.pk AS "pk"
  FROM sqlite_schema s
  JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name
    AND l.type IN ('table', 'shadow')
  JOIN pragma_table_info(s.name) c
  WHERE s.type = 'table'
  ORDER BY s.rowid, c.cid]]

local ROWID = { name = "rowid", type = "INTEGER" }

-- A page has about so many bytes, and at most so many rows.
local PAGE_BYTES, PAGE_ROWS = 1024 * 1024, 1000

local function quoted(name)
  return '"' .. name:gsub('"', '""') .. '"'
end

-- Joins what `make` gives for each column.
local function each(columns, make)
  local list = {}
  for i, column in ipairs(columns) do list[i] = make(column, i) end
  return table.concat(list, ", ")
end

local function selected(column)
  local name = quoted(column.name)
  if column.type ~= "" then return name end
  return name .. ", typeof(" .. name .. ') AS "typeof ' .. column.name .. '"'
end

-- Where a column may hold anything, the value is bound after its type: text and bytes are both
-- strings in Lua.
local function parameter(column, i)
  if column.type == "" then
    return ([[CASE $t%d WHEN 'text' THEN CAST($p%d(blob) AS TEXT)
      WHEN 'real' THEN CAST($p%d(blob) AS REAL) ELSE $p%d(blob) END]]):format(i, i, i, i)
  end
  return "$p" .. i .. (column.type == "BLOB" and "(blob)" or "")
end

local function by_name(column)
  return quoted(column.name)
end

local function make_statements(entry)
  local from = " FROM " .. quoted(entry.name)
  local names = each(entry.columns, selected)
  if entry.key[1] == ROWID then names = "rowid AS rowid, " .. names end
  local order = " ORDER BY " .. each(entry.key, by_name) .. " LIMIT $limit"
  entry.first_sql = "SELECT " .. names .. from .. order
  entry.page_sql = ("SELECT %s%s WHERE (%s) > (%s)%s"):format(names, from, each(entry.key, by_name),
    each(entry.key, parameter), order)
  entry.insert_sql = ("INSERT INTO %s (%s) VALUES (%s)"):format(quoted(entry.name),
    each(entry.columns, by_name), each(entry.columns, parameter))
  return entry
end

local function add_column(entry, row)
  local column = { name = row.name, type = row.type == "ANY" and "" or row.type }
  entry.columns[#entry.columns + 1] = column
  if row.pk > 0 then entry.key[row.pk] = column end
end

--- Every table of the file.
---@param engine moonbase.Engine
---@return moonbase.Table[]|nil
---@return moonbase.Error|nil err
function tables.list(engine)
  local rows, err = engine:rows(COLUMNS)
  if not rows then return nil, err end
  local list, last = {}, nil
  for _, row in ipairs(rows) do
    if not last or last.name ~= row.table then
      last = { name = row.table, columns = {}, key = {} }
      list[#list + 1] = last
    end
    add_column(last, row)
  end
  for _, entry in ipairs(list) do
    if #entry.key == 0 then entry.key[1] = ROWID end
    make_statements(entry)
  end
  return list
end

local unpack = table.unpack or unpack -- luacheck: ignore

-- What is bound for some columns, whose values `get` gives with their types; how many values.
local function arguments(columns, get)
  local values, count = {}, 0
  for i, column in ipairs(columns) do
    local value, kind = get(column, i)
    if column.type == "" then
      count = count + 1
      values[count] = kind
    end
    count = count + 1
    values[count] = value
  end
  return values, count
end

--- A row's value in a column, and where the column may hold anything the type of it.
---@param row table
---@param column moonbase.TableColumn
---@return any value
---@return string|nil kind  "integer", "real", "text", "blob" or "null"
function tables.value(row, column)
  return row[column.name], column.type == "" and row["typeof " .. column.name] or nil
end

local function page_after(engine, entry, after, limit)
  local values, count = arguments(entry.key, function(column)
    return tables.value(after, column)
  end)
  values[count + 1] = limit
  return engine:rows(entry.page_sql, unpack(values, 1, count + 1))
end

local function bytes_of(rows)
  local bytes = 0
  for i = 1, #rows do
    for _, value in next, rows[i] do
      bytes = bytes + (type(value) == "string" and #value or 8)
    end
  end
  return bytes
end

--- One page of a table, in the order of its key. A row is a table by the names of the columns; on
--- LuaJIT an integer beyond 2^53 is a decimal string, which can be bound again as it is.
---@param engine moonbase.Engine
---@param entry moonbase.Table
---@param after? table  the row to go on behind; nil to begin
---@param limit integer
---@return table[]|nil rows
---@return moonbase.Error|nil err
function tables.page(engine, entry, after, limit)
  if after then return page_after(engine, entry, after, limit) end
  return engine:rows(entry.first_sql, limit)
end

--- Calls fn(row) for every row of a table, in the order of its key, reading pages that are small
--- in rows where rows are large. Stops where fn gives nil and an error.
---@param engine moonbase.Engine
---@param entry moonbase.Table
---@param fn fun(row: table): any, moonbase.Error?
---@return true|nil
---@return moonbase.Error|nil err
function tables.each(engine, entry, fn)
  local after, limit = nil, 16
  repeat
    local rows, err = tables.page(engine, entry, after, limit)
    if not rows then return nil, err end
    for i = 1, #rows do
      local ok, failure = fn(rows[i])
      if not ok and failure then return nil, failure end
    end
    after = #rows == limit and rows[limit] or nil
    local share = PAGE_BYTES / math.max(1, bytes_of(rows))
    limit = math.max(1, math.min(PAGE_ROWS, math.floor(limit * math.min(share, 8))))
  until not after
  return true
end

--- Inserts a row. Inside a write.
---@param engine moonbase.Engine
---@param entry moonbase.Table
---@param get fun(column: moonbase.TableColumn, i: integer): any, string?  the value, see
---  tables.value
---@return integer|nil
---@return moonbase.Error|nil err
function tables.insert(engine, entry, get)
  local values, count = arguments(entry.columns, get)
  return engine:run(entry.insert_sql, unpack(values, 1, count))
end

return tables
