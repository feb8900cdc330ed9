-- The work of the threads table through LuaDBI: dbi.lua FILE FOLDER.

local DBI = require "DBI"
local peer = require "bench.threads.peer"

local connection = assert(DBI.Connect("SQLite3", arg[1]))
connection:autocommit(true) -- transactions are begun and ended by statements

-- Prepared once, as a program that cares would have it.
local statements = setmetatable({}, { __index = function(self, sql)
  local statement = assert(connection:prepare(sql))
  self[sql] = statement
  return statement
end })

local db = {}

function db.run(sql, ...)
  assert(statements[sql]:execute(...))
end

function db.rows(sql, ...)
  local statement, rows = statements[sql], {}
  assert(statement:execute(...))
  for row in statement:rows(false) do rows[#rows + 1] = row end
  return rows
end

local cjson = require "cjson"

peer.serve(("LuaDBI %s, lua-cjson %s"):format(DBI._VERSION, cjson._VERSION), db, arg[2])
