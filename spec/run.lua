-- Runs the specs on the interpreter that runs this file:
--
--     lua5.4 spec/run.lua [busted options] [spec files]
--     luajit spec/run.lua spec/threads_spec.lua
--
-- Debian's `busted` command starts whatever `lua` happens to be; this does not. The modules come
-- from the checkout when its core is built (MOONBASE_BUILD names another build folder than
-- `build`), else from wherever the interpreter finds an installed moonbase.

local folder = (os.getenv("MOONBASE_BUILD") or "build") .. "/" .. (jit and "luajit" or "5.4")

-- `luarocks make` leaves its own moonbase/core.so in the working directory, built for whichever
-- Lua it served last: never load that one.
package.cpath = package.cpath:gsub("%./%?%.so;?", "")

local core = io.open(folder .. "/moonbase/core.so", "rb")
if core then
  core:close()
  package.path = "./lua/?.lua;./lua/?/init.lua;" .. package.path
end

-- The report is ours because its last line is added up over all runs of the suite.
table.insert(arg, 1, "--output=spec/support/report.lua")
table.insert(arg, 2, "--lpath=./?.lua")
table.insert(arg, 3, "--cpath=" .. folder .. "/?.so")

require "busted.runner"({ standalone = false })
os.exit(0, true) -- closes the state, so that leak checkers see a clean shutdown
