--- One connection per file and Lua state, shared by all handles on the file.

local connections = {}

-- Canonical path to the engines of its open handles. The set is weak, so a
-- handle that is dropped without a close does not keep the file open; its values
-- are the engines, because those are cleared before their finalizers run.
local open_engines = {}

local function usable(engine)
  -- nil for a connection that a parent process opened before a fork, true for one on a file that
  -- somebody replaced
  local ok, moved = pcall(engine.moved, engine)
  return ok and moved == false
end

--- An engine on the connection that is open for this file already, if any.
---@param key string  canonical path
---@param writable boolean  a connection that can only read will not do
---@return moonbase.Engine?
function connections.find(key, writable)
  for engine in pairs(open_engines[key] or {}) do
    if usable(engine) and not (writable and engine.readonly) then
      local shared = engine:share()
      connections.add(key, shared)
      return shared
    end
  end
  return nil
end

--- Whether this Lua state has the file open.
---@param key string  canonical path
---@return boolean
function connections.is_open(key)
  for engine in pairs(open_engines[key] or {}) do
    if usable(engine) then return true end
  end
  return false
end

--- Lets later opens of this file share the engine's connection.
---@param key string
---@param engine moonbase.Engine
function connections.add(key, engine)
  local engines = open_engines[key]
  if not engines then
    engines = setmetatable({}, { __mode = "kv" })
    open_engines[key] = engines
  end
  engines[engine] = engine
end

--- Forgets an engine that is about to be closed.
---@param key string
---@param engine moonbase.Engine
function connections.remove(key, engine)
  local engines = open_engines[key]
  if not engines then return end
  engines[engine] = nil
  if next(engines) == nil then open_engines[key] = nil end
end

return connections
