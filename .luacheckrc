-- One source serves Lua 5.4 and LuaJIT, so only the globals that both have are known here. What
-- luacheck cannot see (syntax that LuaJIT lacks) `make lint` finds by loading each file there.
std = "min"
codes = true
max_line_length = 100

read_globals = { "jit" }
files["spec"] = { std = "+busted" }
files["lua/moonbase/resty.lua"] = { std = "ngx_lua" }
files["**/*.rockspec"] = { std = "+rockspec" }

exclude_files = { "build", "lua_modules", ".luarocks", "moonbase" }
