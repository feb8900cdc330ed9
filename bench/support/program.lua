--- A program that is measured: a child process that does what it is told over a pipe and answers
--- with the times it took itself, so that starting it costs nothing.
--
-- A request is a line of words, the first names the work; the answer is a line `ok` with the
-- microseconds of each operation, or `error` with a reason. The first line a program writes is
-- `ready` and what it is made of.

local Program = {}
Program.__index = Program

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Lua's pipes go one way; a named one leads back.
local function connect(program, command, folder)
  local back = folder .. "/" .. program.key .. ".answers"
  assert(os.execute("mkfifo " .. quote(back)))
  program.requests = assert(io.popen("exec " .. command .. " > " .. quote(back), "w"))
  program.answers = assert(io.open(back, "r"))
  os.remove(back)
end

--- Starts a program.
---@param key string      its name in this run
---@param title string    its name for the reader
---@param command string  for the shell
---@param folder string   a place for the pipe
---@return table|nil program
---@return string|nil reason  why it cannot be measured
function Program.start(key, title, command, folder)
  local program = setmetatable({ key = key, title = title }, Program)
  connect(program, command, folder)
  local line = program.answers:read("*l") or ""
  program.version = line:match("^ready (.*)$")
  if program.version then return program end
  program:stop()
  return nil, line ~= "" and line or "it did not start"
end

--- Asks for some work, which begins at once.
---@param work string
---@param ... string|number  its arguments, words
function Program:ask(work, ...)
  self.asked = work
  self.requests:write(table.concat({ work, ... }, " "), "\n")
  self.requests:flush()
end

--- Waits for the end of the work asked for.
---@return number[]  the microseconds of its operations
function Program:answer()
  local line = self.answers:read("*l") or "error the program ended"
  local times = {}
  local list = line:match("^ok(.*)$")
  if not list then error(("%s, %s: %s"):format(self.title, self.asked, line), 0) end
  for time in list:gmatch("%S+") do times[#times + 1] = tonumber(time) end
  return times
end

--- Has some work done and gives the microseconds of its operations.
---@param work string
---@param ... string|number  its arguments, words
---@return number[]
function Program:measure(work, ...)
  self:ask(work, ...)
  return self:answer()
end

--- Ends the program.
function Program:stop()
  self.requests:close()
  self.answers:close()
end

return Program
