--- TLS over luasocket, by luasec. The other side must show a certificate that an authority of this
-- system vouches for, made out to the host that was asked for: luasec checks only the first.

local http_tls = {}

-- Where systems keep the certificates of authorities.
local AUTHORITIES = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem", "/usr/local/etc/openssl/cert.pem" }

local function authorities()
  local paths = { os.getenv("SSL_CERT_FILE") }
  for _, path in ipairs(AUTHORITIES) do paths[#paths + 1] = path end
  for _, path in ipairs(paths) do
    local file = io.open(path, "rb")
    if file then
      file:close()
      return path
    end
  end
  return nil
end

-- A star stands for one whole label, the first.
local function name_fits(pattern, host)
  pattern, host = pattern:lower(), host:lower()
  if pattern == host then return true end
  local rest = pattern:match("^%*(%..+%..+)$")
  return rest ~= nil and host:match("^[^.]+(%..+)$") == rest
end

local ALTERNATIVE_NAMES = "2.5.29.17"

local function certificate_fits(certificate, host)
  local names = (certificate:extensions() or {})[ALTERNATIVE_NAMES] or {}
  for _, name in ipairs(names.dNSName or {}) do
    if name_fits(name, host) then return true end
  end
  for _, address in ipairs(names.iPAddress or {}) do
    if address == host then return true end
  end
  return false
end

--- Wraps a connected socket.
---@param socket any    luasocket's
---@param host string
---@param left number   seconds
---@return any|nil socket
---@return string|nil reason
function http_tls.wrap(socket, host, left)
  local ssl = require "ssl"
  local path = authorities()
  if not path then return nil, "no authorities' certificates found; SSL_CERT_FILE names them" end
  local wrapped, reason = ssl.wrap(socket, { mode = "client", protocol = "any", verify = "peer",
    options = { "all", "no_sslv2", "no_sslv3", "no_tlsv1", "no_tlsv1_1" }, cafile = path })
  if not wrapped then return nil, reason end
  wrapped:settimeout(left)
  if host:find("%a") and not host:find(":", 1, true) then wrapped:sni(host) end
  local ok
  ok, reason = wrapped:dohandshake()
  if ok and not certificate_fits(wrapped:getpeercertificate(), host) then
    ok, reason = nil, "the certificate is made out to another host"
  end
  if ok then return wrapped end
  wrapped:close()
  return nil, reason
end

return http_tls
