--- Reading a whole store for as long as it takes, as it was at one moment.
-- A connection of its own reads the file, so that whoever is called meanwhile may do as he likes
-- with the store. Without a file, and inside a transaction of the caller's, whose changes it is to
-- show, the store's own connection does.

local Engine = require "moonbase.engine.sqlite"

local file_view = {}

-- The first read is what fixes the moment that a view shows.
local function read(engine, fn, ...)
  local version, err = engine:schema_version()
  if not version then return nil, err end
  return fn(engine, ...)
end

local function close(engine, returned, ok, ...)
  engine:close()
  if not returned then error(ok, 0) end
  return ok, ...
end

--- Runs fn(engine, ...), whose reads all see the same state. Gives its results.
---@param engine moonbase.Engine
---@param fn function
---@return any ...
function file_view.run(engine, fn, ...)
  local inside, err = engine:in_transaction()
  if inside == nil then return nil, err end
  if engine.path == ":memory:" or inside then return engine:snapshot(fn, engine, ...) end
  local own
  own, err = Engine.open(engine.path, { create = false, readonly = true,
    busy_timeout = engine.busy_timeout })
  if not own then return nil, err end
  return close(own, pcall(own.snapshot, own, read, own, fn, ...))
end

return file_view
