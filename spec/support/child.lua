-- Child processes that run a function of the spec: real ones, for locks, forks and crashes.
--
--     local one = child.start(function(c) c:tell("begun") c:hear() end)
--     one:hear()             -- "begun"
--     one:tell("go on")
--     one:finish()           -- true, or the error that ended it
--
--     child.run_all(3, function(c, number) end)    -- three at once, to their ends
--
-- The child leaves without closing Lua, so nothing that it inherited is finalized in it unless the
-- function does so itself.

local process = require "process"

local Child = {}
Child.__index = Child

-- A message is a line.
function Child:tell(text)
  process.write(self.output, tostring(text):gsub("\n", " ") .. "\n")
end

-- The next line, nil when the other side is gone.
function Child:hear()
  while true do
    local line, rest = self.heard:match("^(.-)\n(.*)$")
    if line then
      self.heard = rest
      return line
    end
    local more = process.read(self.input)
    if more == "" then return nil end
    self.heard = self.heard .. more
  end
end

-- For one of several that begin together: see child.together.
function Child:ready()
  self:tell "ready"
  self:hear()
end

function Child:close()
  process.close(self.input)
  process.close(self.output)
end

-- Waits for the end; true when the function returned, else what it raised or how the child died.
function Child:finish()
  local last
  for line in function() return self:hear() end do last = line end
  self:close()
  local how, number = process.wait(self.pid)
  if how == "exited" and number == 0 then return true end
  return false, last or (how .. " " .. number)
end

-- Ends it at once, as a crash would.
function Child:kill()
  process.kill(self.pid, "KILL")
  self:close()
  return process.wait(self.pid)
end

local function ends(input, output, pid)
  return setmetatable({ input = input, output = output, pid = pid, heard = "" }, Child)
end

local function live(fn, self)
  local ok, failure = xpcall(fn, debug.traceback, self)
  if not ok then self:tell(failure) end
  process.exit_now(ok and 0 or 1)
end

local child = {}

-- Runs fn(c) in a child process; c has `tell` and `hear` too.
function child.start(fn)
  local from_child, to_parent = process.pipe()
  local from_parent, to_child = process.pipe()
  io.stdout:flush() -- else the child would have the same text to write
  local pid = process.fork()
  if pid == 0 then
    process.close(from_child)
    process.close(to_child)
    live(fn, ends(from_parent, to_parent))
  end
  process.close(from_parent)
  process.close(to_parent)
  return ends(from_child, to_child, pid)
end

-- Runs fn in a child process to its end; raises what it raised.
function child.run(fn)
  local ok, failure = child.start(fn):finish()
  if not ok then error(failure, 2) end
end

local function start_all(count, fn)
  local children = {}
  for number = 1, count do
    children[number] = child.start(function(c) fn(c, number) end)
  end
  return children
end

-- Waits for the end of each; raises what one raised.
function child.finish_all(children)
  for _, one in ipairs(children) do
    local ok, failure = one:finish()
    if not ok then error(failure, 2) end
  end
end

-- Runs fn(c, number) in so many child processes at once, to their ends.
function child.run_all(count, fn)
  child.finish_all(start_all(count, fn))
end

-- Runs fn(c, number) in so many child processes: each waits at its `c:ready()` for all others, and
-- goes on with them. Gives the children.
function child.together(count, fn)
  local children = start_all(count, fn)
  for _, one in ipairs(children) do
    local heard = one:hear()
    if heard ~= "ready" then error(heard or "a child ended before it was ready", 2) end
  end
  for _, one in ipairs(children) do one:tell "go" end
  return children
end

-- What they tell until their ends: an array of lines, of one after the other. Raises what one
-- raised.
function child.lines(children)
  local lines = {}
  for _, one in ipairs(children) do
    for line in function() return one:hear() end do lines[#lines + 1] = line end
    local ok, failure = one:finish()
    if not ok then error(lines[#lines] or failure, 2) end
  end
  return lines
end

-- Runs fn(c), which counts aloud what it has done, and kills it as a crash would once it has told
-- `count`; gives the last number that was heard.
function child.kill_at(count, fn)
  local one, last = child.start(fn), 0
  while last < count do
    local heard = one:hear()
    last = tonumber(heard) or error(heard or "the child ended too early", 2)
  end
  one:kill()
  return last
end

return child
