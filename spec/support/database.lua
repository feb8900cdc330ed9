-- What the specs of the core's connection share: a fresh file in a folder of its own, and what an
-- error must look like.

local core = require "moonbase.core"
local assert = require "luassert"
local lfs = require "lfs"

local database = {}

--- For before_each: a folder; the path of its database is `database.path`.
function database.make()
  database.folder = os.tmpname()
  os.remove(database.folder)
  assert(lfs.mkdir(database.folder))
  database.path = database.folder .. "/test.db"
end

--- For after_each: collects what is left open, and the folder goes.
function database.remove()
  collectgarbage()
  collectgarbage()
  os.execute("rm -rf '" .. database.folder .. "'")
end

function database.open(options, path)
  return core.open(path or database.path, options or {})
end

--- A connection on a fresh file in WAL mode with a table of items.
function database.fresh(options)
  local c = assert(database.open(options))
  assert(c:exec [[
    PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
    CREATE TABLE items (id INTEGER PRIMARY KEY, value)]])
  return c
end

local INSERT = "INSERT INTO items (id, value) VALUES ($id, $value)"

function database.put(c, id, value)
  return c:run(INSERT, id, value or ("value " .. id))
end

function database.ids(c)
  return c:values "SELECT id FROM items ORDER BY id"
end

--- A call's results are nil and an error of that code; gives the error.
function database.is_error(code, result, err)
  assert.is_nil(result)
  assert.equal("table", type(err), "an error object")
  assert.equal(code, err.code, tostring(err))
  assert.equal("string", type(err.message))
  assert.equal("boolean", type(err.retryable))
  assert.equal(code .. ": " .. err.message, tostring(err))
  return err
end

--- The call raises an error object of that code; gives the error.
function database.raises(code, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal(code, type(err) == "table" and err.code or err)
  return err
end

local function results(ok, ...)
  if not ok then error((...), 0) end
  return ...
end

--- Calls fn in another coroutine; gives what it returns or first yields.
function database.in_coroutine(fn, ...)
  return results(coroutine.resume(coroutine.create(fn), ...))
end

return database
