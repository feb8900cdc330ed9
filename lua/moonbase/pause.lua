--- Pauses: for loops that wait for another process. In OpenResty a pause lets the worker serve
--- other requests meanwhile, and is refused where it could not.

local check = require "moonbase.check"
local core = require "moonbase.core"

local pause = {}

-- The phases in which nginx can leave a request and come back to it.
local YIELDING = check.set("rewrite server_rewrite access content timer preread"
  .. " ssl_cert ssl_client_hello ssl_session_fetch")

local function openresty()
  local ngx = rawget(_G, "ngx")
  if type(ngx) ~= "table" or not ngx.sleep or not ngx.get_phase then return nil end
  return ngx -- a thread of ngx.run_worker_thread has no `sleep`: it may block
end

--- Waits.
---@param ms number
---@return boolean waited  false: not here, it would hold up every request of the worker
function pause.sleep(ms)
  local ngx = openresty()
  if not ngx then
    core.sleep(ms)
    return true
  end
  local ok, phase = pcall(ngx.get_phase)
  if not ok or not YIELDING[phase] then return false end
  ngx.sleep(ms / 1000)
  return true
end

return pause
