--- One HTTP request, by what there is: nginx's own sockets inside OpenResty, luasocket or lua-http
-- in a script. Chosen at each request, for in nginx the same code runs in several phases.

local core = require "moonbase.core"
local errors = require "moonbase.errors"
local http_reader = require "moonbase.embed.http_reader"
local http_sockets = require "moonbase.embed.http_sockets"
local pause = require "moonbase.pause"

local http_client = {}

---@class moonbase.HttpRequest
---@field endpoint moonbase.Endpoint
---@field headers table<string, string>  by names in small letters
---@field body string
---@field limit integer  bytes of the answer, at most

---@class moonbase.HttpAnswer
---@field status integer
---@field headers table<string, string>  by names in small letters
---@field body string

local INSTALL = "needs an HTTP client: luasocket (Debian: lua-socket, LuaRocks: luasocket), for"
  .. " https luasec too (lua-sec, luasec), or lua-http (lua-http, http)"

-- Names of headers have no case, but not every server knows.
local function capitalised(name)
  return (name:gsub("%f[%a]%l", string.upper))
end

local function text_of(request)
  local endpoint = request.endpoint
  local lines = { ("POST %s HTTP/1.1"):format(endpoint.path), "Host: " .. endpoint.authority,
    "Connection: close", "Content-Length: " .. #request.body }
  for name, value in pairs(request.headers) do
    lines[#lines + 1] = capitalised(name) .. ": " .. value
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. request.body
end

-- One request over a socket; `connect` opens it.
local function over_socket(connect, library, request, timeout)
  local deadline = core.monotonic() + timeout
  local function left() return math.max(deadline - core.monotonic(), 1) / 1000 end
  local socket, reason = connect(library, request.endpoint, left())
  if not socket then return nil, reason end
  local sent, answer
  sent, reason = socket.send(text_of(request), left())
  if sent then
    answer, reason = http_reader.read(function()
      if core.monotonic() >= deadline then return nil, "timeout" end
      return socket.more(left())
    end, request.limit)
  end
  socket.close()
  return answer, reason
end

-- The body that lua-http reads, no more of it than allowed.
local function body_of(stream, limit, deadline)
  local parts, size = {}, 0
  while size <= limit do
    local left = math.max(deadline - core.monotonic(), 1) / 1000
    local part, reason = stream:get_next_chunk(left)
    if not part then
      if reason then return nil, tostring(reason) end
      return table.concat(parts)
    end
    parts[#parts + 1], size = part, size + #part
  end
  return nil, "too long an answer"
end

-- Closes the socket itself: behind an answer that is cut off, shutting the stream down never ends.
local function hang_up(stream)
  local connection = stream.connection
  local socket = connection.socket
  connection.socket = nil
  if socket then socket:close() end
end

local function over_lua_http(library, request, timeout)
  local endpoint = request.endpoint
  local call = library.new_from_uri(endpoint.scheme .. "://" .. endpoint.authority .. endpoint.path)
  call.follow_redirects = false
  call.headers:upsert(":method", "POST")
  for name, value in pairs(request.headers) do call.headers:upsert(name, value) end
  call:set_body(request.body)
  local deadline = core.monotonic() + timeout
  local headers, stream = call:go(timeout / 1000)
  if not headers then return nil, tostring(stream) end
  local body, reason = body_of(stream, request.limit, deadline)
  hang_up(stream)
  if not body then return nil, reason end
  local plain = {}
  for name, value in headers:each() do plain[name] = value end
  local length = tonumber(plain["content-length"])
  if length and length ~= #body then return nil, "closed" end
  return { status = tonumber(headers:get ":status"), headers = plain, body = body }
end

local function module(name)
  local found, library = pcall(require, name)
  return found and library or nil
end

-- A program that runs its coroutines by cqueues must not be blocked.
local function in_cqueues()
  local cqueues = package.loaded.cqueues
  return cqueues and cqueues.running() ~= nil
end

-- Which way a request will go; `unsupported` when there is none.
---@param scheme string
---@return function|nil send  (request, timeout): answer, or nil and a reason
---@return moonbase.Error|nil err
local function choose(scheme)
  local ngx = pause.ngx()
  if ngx then
    return function(...) return over_socket(http_sockets.cosocket, ngx, ...) end
  elseif ngx == false then
    return errors.fail("unsupported", "nginx has no sockets in this phase of a request")
  end
  local socket = not in_cqueues() and module "socket"
  if socket and (scheme == "http" or module "ssl") then
    return function(...) return over_socket(http_sockets.luasocket, socket, ...) end
  end
  local lua_http = module "http.request"
  if lua_http then
    return function(...) return over_lua_http(lua_http, ...) end
  end
  return errors.fail("unsupported", "an embedder behind " .. scheme .. " " .. INSTALL)
end

--- Posts a request.
---@param request moonbase.HttpRequest
---@param timeout number  ms
---@return moonbase.HttpAnswer|nil
---@return string|moonbase.Error|nil reason  an error object when there is no client
function http_client.post(request, timeout)
  local send, err = choose(request.endpoint.scheme)
  if not send then return nil, err end
  return send(request, timeout)
end

return http_client
