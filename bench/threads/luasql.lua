-- The work of the threads table through LuaSQL: luasql.lua FILE FOLDER.
-- Debian's LuaSQL ignores bound parameters, so values are escaped into the text of the statement.

local luasql = require "luasql.sqlite3"
local peer = require "bench.threads.peer"

local environment = luasql.sqlite3()
local connection = assert(environment:connect(arg[1]))

-- "?" to "%s", once for each statement.
local formats = setmetatable({}, { __index = function(self, sql)
  local format = sql:gsub("?", "%%s")
  self[sql] = format
  return format
end })

local function literal(value)
  if type(value) == "number" then return ("%d"):format(value) end
  return "'" .. connection:escape(value) .. "'"
end

local function execute(sql, ...)
  local values = { ... }
  for i = 1, #values do values[i] = literal(values[i]) end
  return assert(connection:execute(formats[sql]:format((table.unpack or unpack)(values))))
end

local db = { run = execute }

function db.rows(sql, ...)
  local cursor, rows = execute(sql, ...), {}
  local row = cursor:fetch({}, "n")
  while row do
    rows[#rows + 1] = row
    row = cursor:fetch({}, "n")
  end
  cursor:close()
  return rows
end

peer.serve(luasql._VERSION .. ", lua-cjson " .. require("cjson")._VERSION, db, arg[2])
