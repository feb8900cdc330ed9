--- Instants at which something ends: leases, claims, values with a time to live.
-- An instant equal to the expiry is expired, everywhere.

local expiry = {}

-- The greatest whole number that both Lua versions hold exactly; an integer in Lua 5.4.
local LAST_INSTANT = 9007199254740991

--- When something that starts now ends.
---@param now integer  ms since 1970
---@param ttl integer  ms
---@return integer expires_at
function expiry.at(now, ttl)
  if ttl > LAST_INSTANT - now then return LAST_INSTANT end
  return now + ttl
end

--- Whether it has ended. What has no expiry never does.
---@param expires_at integer|nil
---@param now integer
---@return boolean
function expiry.reached(expires_at, now)
  return expires_at ~= nil and expires_at <= now
end

return expiry
