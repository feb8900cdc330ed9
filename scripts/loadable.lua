-- Fails when a file named on the command line does not load on the interpreter that runs this:
-- luacheck lets syntax pass that LuaJIT lacks (`//`, `<close>`, `&`).

local failed = false
for _, path in ipairs(arg) do
  local chunk, message = loadfile(path)
  if not chunk then
    io.stderr:write(message, "\n")
    failed = true
  end
end
os.exit(failed and 1 or 0)
