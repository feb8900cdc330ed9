--- Connections to an endpoint, all with the same three functions: cosockets inside OpenResty,
-- luasocket (with luasec for https) elsewhere. Times are seconds that are left.

local core = require "moonbase.core"
local http_tls = require "moonbase.embed.http_tls"

local http_sockets = {}

---@class moonbase.HttpSocket
---@field send fun(data: string, left: number): boolean|nil, string|nil
---@field more fun(left: number): string|nil, string|nil
---@field close fun()

local SOME = 65536

local function now() return core.monotonic() / 1000 end

-- nginx wants the brackets of an IPv6 address, luasocket does not.
local function bracketed(host)
  return host:find(":", 1, true) and "[" .. host .. "]" or host
end

--- A connection of nginx's own: the worker serves others while it waits.
---@param ngx table
---@param endpoint moonbase.Endpoint
---@param left number
---@return moonbase.HttpSocket|nil
---@return string|nil reason
function http_sockets.cosocket(ngx, endpoint, left)
  local socket = ngx.socket.tcp()
  socket:settimeout(left * 1000)
  local ok, reason = socket:connect(bracketed(endpoint.host), endpoint.port)
  if ok and endpoint.scheme == "https" then
    ok, reason = socket:sslhandshake(nil, endpoint.host, true)
  end
  if not ok then return nil, reason end
  return {
    send = function(data, time)
      socket:settimeout(time * 1000)
      return socket:send(data)
    end,
    more = function(time)
      socket:settimeout(time * 1000)
      return socket:receiveany(SOME)
    end,
    close = function() socket:close() end,
  }
end

-- What has arrived, waiting for it if need be.
local function receive(library, socket, left)
  local deadline = now() + left
  socket:settimeout(0)
  while true do
    local data, reason, part = socket:receive(SOME)
    data = data or part
    if data and data ~= "" then return data end
    left = deadline - now()
    if reason ~= "timeout" and reason ~= "wantread" and reason ~= "wantwrite" then
      return nil, reason
    end
    if left <= 0 then return nil, "timeout" end
    local waiting = { socket }
    library.select(reason ~= "wantwrite" and waiting or nil,
      reason == "wantwrite" and waiting or nil, left)
  end
end

--- A connection by luasocket, which blocks.
---@param library table    luasocket
---@param endpoint moonbase.Endpoint
---@param left number
---@return moonbase.HttpSocket|nil
---@return string|nil reason
function http_sockets.luasocket(library, endpoint, left)
  local deadline = now() + left
  local socket = library.tcp()
  socket:settimeout(left)
  local ok, reason = socket:connect(endpoint.host, endpoint.port)
  if ok and endpoint.scheme == "https" then
    left = math.max(deadline - now(), 0.001)
    ok, reason = http_tls.wrap(socket, endpoint.host, left)
  end
  if not ok then
    socket:close()
    return nil, reason
  end
  if endpoint.scheme == "https" then socket = ok end
  return {
    send = function(data, time)
      socket:settimeout(time)
      return socket:send(data)
    end,
    more = function(time) return receive(library, socket, time) end,
    close = function() socket:close() end,
  }
end

return http_sockets
