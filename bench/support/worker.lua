--- The inside of a measured program that is written in Lua; see support/program.lua.

local core = require "moonbase.core" -- for its clock; the libraries compared have none

local monotonic = core.monotonic

local worker = {}

--- Runs fn(i) for i = 1..count and gives the microseconds that each took.
---@param count integer
---@param fn fun(i: integer)
---@return number[]
function worker.time(count, fn)
  local times = {}
  for i = 1, count do
    local start = monotonic()
    fn(i)
    times[i] = (monotonic() - start) * 1000
  end
  return times
end

--- The lines of a file: documents as JSON.
---@param path string
---@return string[]
function worker.lines(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

--- The same as tables.
---@param path string
---@return table[]
function worker.documents(path)
  local documents = worker.lines(path)
  for i, line in ipairs(documents) do documents[i] = assert(core.decode(line)) end
  return documents
end

local function answer(works, line)
  local words = {}
  for word in line:gmatch("%S+") do words[#words + 1] = tonumber(word) or word end
  local work = assert(works[table.remove(words, 1)], "unknown work: " .. line)
  local unpack = table.unpack or unpack -- luacheck: ignore
  local times = work(unpack(words))
  for i, time in ipairs(times) do times[i] = ("%.3f"):format(time) end
  return "ok " .. table.concat(times, " ")
end

local function say(line)
  io.stdout:write(line:gsub("\n", " "), "\n")
  io.stdout:flush()
end

--- Does what is asked for until nobody asks any more.
---@param version string  what this program is made of
---@param works table<string, fun(...): number[]>
function worker.serve(version, works)
  say("ready " .. version)
  for line in io.lines() do
    local ok, text = xpcall(answer, debug.traceback, works, line)
    say(ok and text or "error " .. tostring(text))
  end
end

return worker
