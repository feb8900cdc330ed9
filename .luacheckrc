-- One source serves Lua 5.4 and LuaJIT, so only the globals that both have are known here. What
-- luacheck cannot see (syntax that LuaJIT lacks) `make lint` finds by loading each file there.
std = "min"
codes = true
max_line_length = 100

-- What only one of them has and the code asks for before using it.
read_globals = {
  "jit",
  "unpack",
  math = { fields = { "maxinteger", "mininteger", "tointeger", "type" } },
  table = { fields = { "unpack" } },
}
files["spec"] = { std = "+busted", max_line_length = 120 }
files["bench"] = { max_line_length = 120 }
files["lua/moonbase/resty.lua"] = { std = "ngx_lua" }

exclude_files = { "build", "lua_modules", ".luarocks", "moonbase" }
