--- The interpreters that moonbase serves, and how to start a program on them.

local engines = {}

local build = os.getenv("MOONBASE_BUILD") or "build"

---@class bench.Engine
---@field title string
---@field command string
---@field folder string  of its build

---@type table<string, bench.Engine>
engines.all = {
  lua54 = { title = "Lua 5.4", command = os.getenv("LUA") or "lua5.4", folder = build .. "/5.4" },
  luajit = { title = "LuaJIT", command = "luajit", folder = build .. "/luajit" },
}

--- The folder that `make` builds into.
engines.build = build

--- The command that runs a Lua file of this checkout.
---@param key string   "lua54" or "luajit"
---@param words string  the file and its arguments
---@return string
function engines.command(key, words)
  local engine = engines.all[key]
  return ("env LUA_PATH='./lua/?.lua;./lua/?/init.lua;./?.lua;;' LUA_CPATH='%s/?.so;;' %s %s")
    :format(engine.folder, engine.command, words)
end

--- Whether moonbase is built for it and it is installed.
---@param key string
---@return boolean
function engines.available(key)
  local engine = engines.all[key]
  local core = io.open(engine.folder .. "/moonbase/core.so")
  if not core then return false end
  core:close()
  local status = os.execute("command -v " .. engine.command .. " >/dev/null")
  return status == true or status == 0
end

return engines
