--- The URL of an endpoint, taken apart.

local errors = require "moonbase.errors"

local http_url = {}

local PORTS = { http = 80, https = 443 }

---@class moonbase.Endpoint
---@field scheme string  "http" or "https"
---@field host string    without the brackets of an IPv6 address
---@field port integer
---@field path string    with the query
---@field authority string  host and port as the header Host has them

-- Many documents give the base of an API, some the whole address.
local function complete_path(path, query)
  local bare = path:gsub("/+$", "")
  if bare == "" then
    path = "/v1/embeddings"
  elseif bare:find("/v%d+$") then
    path = bare .. "/embeddings"
  end
  return path .. query
end

local function host_and_port(authority, scheme)
  local host, port = authority:match("^%[([%x:.]+)%]:?(%d*)$")
  if not host then host, port = authority:match("^([%w.-]+):?(%d*)$") end
  if not host then return nil end
  port = port == "" and PORTS[scheme] or tonumber(port)
  if port < 1 or port > 65535 then return nil end
  return host, port
end

--- Takes a URL apart. A user's name or password in it is refused: they would be in messages.
---@param name string  the argument's name
---@param url string   http or https; the base of an API (its path empty or ending in /v1), or the
---  whole address
---@return moonbase.Endpoint|nil
---@return moonbase.Error|nil err  `invalid`
function http_url.parse(name, url)
  local scheme, authority, rest = url:match("^(%a+)://([^/?#]+)([^#%s%c\128-\255]*)$")
  scheme = scheme and scheme:lower()
  if not PORTS[scheme] then return errors.invalid(name, "must be an http or https URL") end
  if authority:find("@", 1, true) then
    return errors.invalid(name, "must not hold a user name or password")
  end
  local host, port = host_and_port(authority, scheme)
  if not host then return errors.invalid(name, "has no valid host and port") end
  local path, query = rest:match("^([^?]*)(.*)$")
  return { scheme = scheme, host = host, port = port, authority = authority,
    path = complete_path(path, query) }
end

return http_url
