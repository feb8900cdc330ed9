--- How long an answer asks to wait: the header Retry-After, in seconds or as a date.

local http_date = {}

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

-- Days from 1970-01-01 to a day of the Gregorian calendar; years begin in March.
local function days_of(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local leaps = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  return 365 * year + leaps + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

local function date_of(text)
  local day, month, year, hour, minute, second =
    text:match("^%a+, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$")
  if not day or not MONTHS[month] then return nil end
  local days = days_of(tonumber(year), MONTHS[month], tonumber(day))
  return ((days * 24 + tonumber(hour)) * 60 + tonumber(minute)) * 60000 + tonumber(second) * 1000
end

--- The wait that a header asks for.
---@param value string|nil  the header
---@param now integer       ms since 1970
---@return integer|nil ms   nil where it asks for none
function http_date.retry_after(value, now)
  if not value then return nil end
  local seconds = tonumber(value:match("^%d+$"))
  if seconds then return seconds * 1000 end
  local at = date_of(value)
  return at and math.max(at - now, 0)
end

return http_date
