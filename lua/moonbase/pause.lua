--- Pauses: for loops that wait for another process. In OpenResty a pause lets the worker serve
--- other requests meanwhile, and is refused where it could not.

local check = require "moonbase.check"
local core = require "moonbase.core"

local pause = {}

-- The phases in which nginx can leave a request and come back to it.
local YIELDING = check.set("rewrite server_rewrite access content timer preread"
  .. " ssl_cert ssl_client_hello ssl_session_fetch")

-- Those in which it serves nobody yet: a worker that opens its store before its first request.
local BEFORE = check.set("init init_worker")

local function openresty()
  local ngx = rawget(_G, "ngx")
  if type(ngx) ~= "table" or not ngx.sleep or not ngx.get_phase then return nil end
  return ngx -- a thread of ngx.run_worker_thread has no `sleep`: it may block
end

-- Whether it slept: a coroutine inside a function of C cannot be left either. nginx counts whole
-- milliseconds, and complains of none.
local function yield(ngx, ms)
  return (pcall(ngx.sleep, math.max(ms, 1) / 1000))
end

local function context(ngx)
  return ngx.ctx
end

--- Whether this is the event loop of OpenResty, which nothing may hold up.
---@return boolean
function pause.on_event_loop()
  return openresty() ~= nil
end

--- What nginx offers to code that may wait.
---@return table|false|nil ngx  false where it would hold up every request of the worker; nil
---  outside of the event loop
function pause.ngx()
  local ngx = openresty()
  if not ngx then return nil end
  local ok, phase = pcall(ngx.get_phase)
  return ok and YIELDING[phase] and ngx or false
end

--- Waits.
---@param ms number
---@return boolean waited  false: not here, it would hold up every request of the worker
function pause.sleep(ms)
  local ngx = pause.ngx()
  if ngx == nil then
    core.sleep(ms)
    return true
  end
  return ngx and yield(ngx, ms)
end

--- What belongs to the request that is being served, or to the timer: nginx gives the coroutine of
--- one that is over to another one.
---@return table|nil
function pause.request()
  local ngx = openresty()
  local ok, found = pcall(context, ngx)
  return ok and found or nil
end

--- Waits for a lock: the same, but also while the worker serves nobody yet.
---@param ms number
---@return boolean waited
function pause.for_lock(ms)
  local ngx = openresty()
  local ok, phase = pcall(ngx and ngx.get_phase)
  if ok and BEFORE[phase] then
    core.sleep(ms)
    return true
  end
  return pause.sleep(ms)
end

return pause
