--- The programs that a table sets side by side: bare C, and moonbase on each interpreter, every one
--- with a file of its own in the table's folder.

local engines = require "bench.support.engines"
local Program = require "bench.support.program"

---@class bench.Programs
---@field folder string   of the table, emptied by `seed`
---@field entries table[] key, title, command, engine?, words?
local Programs = {}
Programs.__index = Programs

--- The programs bench/bare and bench/NAME/moonbase.lua.
---@param name string        of the table
---@param bare_title? string  what bare C is called
---@return bench.Programs
function Programs.new(name, bare_title)
  local work = "bench/" .. name .. "/moonbase.lua"
  return setmetatable({
    folder = engines.build .. "/bench/" .. name,
    entries = {
      { key = "bare", title = bare_title or "bare C", command = engines.build .. "/bench/bare" },
      { key = "lua54", title = "moonbase, Lua 5.4", command = engines.command("lua54", work) },
      { key = "luajit", title = "moonbase, LuaJIT", engine = "luajit",
        command = engines.command("luajit", work) },
    },
  }, Programs)
end

--- Runs a command that must succeed.
---@param command string
function Programs.shell(command)
  local status = os.execute(command)
  assert(status == true or status == 0, command)
end

--- Makes the folder anew.
function Programs:clear()
  self.shell(("rm -rf '%s' && mkdir -p '%s'"):format(self.folder, self.folder))
end

--- Starts one of them on its file.
---@param entry table
---@return table program
function Programs:start(entry)
  local command = ("%s %s/%s.db %s %s"):format(entry.command, self.folder, entry.key, self.folder,
    entry.words or "")
  return assert(Program.start(entry.key, entry.title, command, self.folder))
end

--- Lets moonbase fill a file, and gives each program a copy of it: rows and indexes lie in all of
--- them in the same way.
---@param fill fun(program: table)
function Programs:seed(fill)
  local maker = self.entries[2]
  local program = self:start(maker)
  fill(program)
  program:stop()
  for _, entry in ipairs(self.entries) do
    if entry ~= maker then
      self.shell(("cp %s/%s.db %s/%s.db"):format(self.folder, maker.key, self.folder, entry.key))
    end
  end
end

--- Starts all that this machine has, and says which.
---@return table[] programs
function Programs:start_all()
  local programs = {}
  for _, entry in ipairs(self.entries) do
    if not entry.engine or engines.available(entry.engine) then
      local program = self:start(entry)
      programs[#programs + 1] = program
      print(("  %-18s %s"):format(entry.title, program.version))
    end
  end
  print()
  return programs
end

--- Ends them and removes their files.
---@param programs table[]
function Programs:finish(programs)
  for _, program in ipairs(programs) do program:stop() end
  self.shell("rm -rf '" .. self.folder .. "'")
end

return Programs
