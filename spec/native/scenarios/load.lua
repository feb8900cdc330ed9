-- Loads the core in a Lua state that is short of memory, again until it works.
local NAMES = { "moonbase.vm", "moonbase.error", "moonbase.connection", "moonbase.transaction" }

local function load_core()
  return package.preload["moonbase.core"]("moonbase.core")
end

return {
  prepare = function()
    local registry = debug.getregistry()
    for _, name in ipairs(NAMES) do registry[name] = nil end
  end,

  run = function(t)
    local ok, core = t:try(load_core)
    t.core = ok and core
  end,

  finish = function(t)
    local core = t.core or load_core()
    local connection = assert(core.open(":memory:", {}))
    t:same(7, connection:value("SELECT 7"), "answer")
    t:same("{\"a\":[1,true,null]}", core.encode { a = { 1, true, core.null } }, "text")
    assert(connection:close())
  end,

  verify = function() end,
}
