--- Long operations in OpenResty: gc, ingest, a search over a large memory, a backup. They run in a
-- thread of nginx, on a connection of their own, while the worker serves others:
--
--     local long = require("moonbase.resty").new { path = "agent.db" }
--     local report, err = long:call("gc")
--     local hits, err = long:call("memory.search", "a question")
--
-- nginx.conf needs `thread_pool moonbase threads=2;`. Where there are no such threads (plain Lua,
-- another nginx, a phase that cannot wait) a call runs in place.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local job = require "moonbase.resty_job"

---@class moonbase.Resty
---@field path string
---@field options table   of moonbase.open
---@field pool string     the thread pool of nginx.conf
local Resty = {}
Resty.__index = Resty

local resty = {}

-- What can be told to a thread: no function and no userdata.
local function check_plain(name, value)
  local kind = type(value)
  if kind == "function" or kind == "userdata" and value ~= job.null or kind == "thread" then
    errors.misuse(name, "a " .. kind .. " cannot be given to a thread")
  elseif kind == "table" then
    for key, item in pairs(value) do check_plain(name .. "." .. tostring(key), item) end
  end
end

--- Makes the caller of a file's long operations.
---@param options { path: string, pool?: string, open?: table }  pool: default "moonbase"; open:
---  what moonbase.open is given, without functions
---@return moonbase.Resty
function resty.new(options)
  check.options("options", check.type("options", options, "table"),
    { path = "string", pool = "string", open = "table" })
  check.type("options.path", options.path, "string")
  check_plain("options.open", options.open)
  return setmetatable({
    path = options.path, options = options.open or {}, pool = options.pool or "moonbase",
  }, Resty)
end

local THREADED = check.set("rewrite access content timer")

local function thread_runner()
  local ngx = rawget(_G, "ngx")
  local run = type(ngx) == "table" and ngx.run_worker_thread
  if not run then return nil end
  local ok, phase = pcall(ngx.get_phase)
  return ok and THREADED[phase] and run or nil
end

local unpack = table.unpack or unpack -- luacheck: ignore

-- An error comes as a plain table.
local function give(answer)
  if answer.raised then
    local err = answer.raised
    error(type(err) == "table" and errors.new(err.code, err.message, err) or err, 0)
  end
  local err = answer.err
  if err then return nil, errors.new(err.code, err.message, err) end
  return unpack(answer, 1, answer.n)
end

--- Calls a function of the store, such as "gc" or "memory.search", and gives what it gives. Array
--- marks of empty arrays are lost on the way.
---@param name string
---@param ... any  its arguments: no functions, no userdata
---@return any ...  nil and the error; `unsupported` when nginx has no such threads for it
function Resty:call(name, ...)
  check.type("name", name, "string")
  local arguments = { n = select("#", ...), ... }
  for i = 1, arguments.n do check_plain("argument " .. i, arguments[i]) end
  local run = thread_runner()
  if not run then return give(job.call(self.path, self.options, name, arguments)) end
  local ok, answer = run(self.pool, "moonbase.resty_job", "call", self.path, self.options, name,
    arguments)
  if ok then return give(answer) end
  return errors.fail("unsupported", "nginx cannot run it in a thread: " .. tostring(answer))
end

return resty
