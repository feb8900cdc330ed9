-- One scenario under one fault: the chunk that faults_lua_test.c runs, with the path of the
-- scenario and the path of its database.
--
-- A scenario is a table of functions over a trial `t`:
--
--     prepare(t)   undisturbed: opens t.engine, by default with a table of items
--     run(t)       calls through t:try, which may fail; notes what was acknowledged in t.items
--     finish(t)    undisturbed again: the store still works, and closes
--     verify(t)    the file, opened anew, holds what was acknowledged and nothing else
--
-- The last three have defaults too.

local core = require "moonbase.core"
local Engine = require "moonbase.engine.sqlite"
local faults = require "faults"

local scenario_path, path = ...
local fault, code, raises = faults.fault()

local codes = {}
for _, row in ipairs(core.codes()) do codes[row.code] = true end

local function show(value)
  if type(value) ~= "table" then
    local short = type(value) == "string" and #value < 30
    return short and ("%q"):format(value) or tostring(value):sub(1, 30)
  end
  local parts = {}
  for k, v in pairs(value) do parts[#parts + 1] = "[" .. show(k) .. "]=" .. show(v) end
  table.sort(parts)
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return rawequal(a, b) end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

local Trial = { refused = 0 }
Trial.__index = Trial

-- The first few keys in which two tables differ, else the two values.
local function difference(expected, actual)
  if type(expected) ~= "table" or type(actual) ~= "table" then
    return ("expected %s, got %s"):format(show(expected), show(actual))
  end
  local parts = {}
  for k, v in pairs(expected) do
    if not same(v, actual[k]) then
      parts[#parts + 1] = ("[%s] %s"):format(show(k), difference(v, actual[k]))
    end
  end
  for k, v in pairs(actual) do
    if expected[k] == nil then parts[#parts + 1] = ("[%s] is %s"):format(show(k), show(v)) end
  end
  return table.concat(parts, ", ", 1, math.min(#parts, 5))
end

-- What did not fail must be right.
function Trial:same(expected, actual, what) -- luacheck: ignore self
  if not same(expected, actual) then
    error(what .. ": " .. difference(expected, actual), 2)
  end
end

function Trial:check_error(err)
  if type(err) ~= "table" or not codes[err.code] or type(err.message) ~= "string" then
    error("not a typed error: " .. show(err), 0)
  end
  if err.code ~= code and not (self.allowed and self.allowed[err.code]) then
    error("unexpected error: " .. tostring(err) .. " " .. show(err), 0)
  end
end

local function outcome(self, ok, first, second, ...)
  if ok and not (first == nil and second ~= nil) then return true, first, second, ... end
  if faults.injected() == 0 then error("failed without a fault: " .. show(second or first), 0) end
  self.refused = self.refused + 1
  if ok then
    self:check_error(second)
    return false, second
  end
  if self.asserts and type(first) == "table" then
    self:check_error(first)
    return false, first
  end
  local why = tostring(first)
  if not raises or not (why:find "not enough memory$" or why:find "stack overflow") then
    error("raised: " .. why, 0)
  end
  return false, first
end

-- Calls fn(...) with the fault armed. True and its results; or false and the error, when it is one
-- that the fault explains.
function Trial:try(fn, ...)
  return outcome(self, faults.attempt(fn, ...))
end

-- When the sync behind the commit of a rollback journal fails, SQLite tells of a failure after the
-- journal is gone: nothing can be rolled back any more, and what a power failure would leave is
-- unknown. Here the commit is there then; that it is there as a whole is seen at the end.
local function is_there(self, changes, err)
  local possible = self.journal == "truncate" and fault:find "sync" and type(err) == "table"
  if not possible then return false end
  local id, value = next(changes)
  return (self.engine:value("SELECT value FROM items WHERE id = $id", id) or false) == value
end

-- The same for a call that commits changes: values by id, false for a removed one.
function Trial:try_commit(changes, fn, ...)
  local ok, first = self:try(fn, ...)
  if ok or is_there(self, changes, first) then
    for id, value in pairs(changes) do self.items[id] = value or nil end
  end
  return ok, first
end

-- An engine on the file.
function Trial:open(options)
  local full = { durability = "full", journal = self.journal or "wal", busy_timeout = 0,
                 readonly = false, create = true }
  for name, value in pairs(options or {}) do full[name] = value end
  local engine, err = Engine.open(self.path, full)
  if not engine then return nil, err end
  local ok
  ok, err = engine:configure(full)
  if ok then return engine end
  engine:close()
  return nil, err
end

Trial.ITEMS = "CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, value)"
local INSERT = "INSERT INTO items (id, value) VALUES ($id, $value)"

function Trial:put(id, value)
  return self.engine:run(INSERT, id, value)
end

-- Writes an item and notes it when that is acknowledged.
function Trial:try_put(id, value)
  return self:try_commit({ [id] = value }, self.put, self, id, value)
end

local default = {}

function default.prepare(t)
  t.engine = assert(t:open())
  assert(t.engine:exec(Trial.ITEMS))
end

function default.finish(t)
  assert(t:put(-1, "after"))
  t.items[-1] = "after"
  assert(t.engine:close())
end

function default.verify(t)
  local engine = assert(t:open())
  t:same("ok", engine:value("PRAGMA integrity_check"), "integrity")
  local items = {}
  for _, row in ipairs(assert(engine:rows("SELECT id, value FROM items"))) do
    items[row.id] = row.value
  end
  t:same(t.items, items, "the file")
  assert(engine:close())
end

-- Lua 5.4.4 does not get over a lack of memory the first time that it makes a long string.
local _ = ("x"):rep(100000)

for _, suffix in ipairs { "", "-wal", "-shm", "-journal" } do os.remove(path .. suffix) end

local scenario = setmetatable(dofile(scenario_path), { __index = default })
local t = setmetatable({ path = path, items = {}, journal = scenario.journal,
                         allowed = scenario.allowed, asserts = scenario.asserts }, Trial)

for _, phase in ipairs { "prepare", "run", "finish", "verify" } do
  scenario[phase](t)
  collectgarbage()
end
return t.refused == 0
