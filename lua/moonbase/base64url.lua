--- Base64 for URLs (RFC 4648, section 5), without padding.
-- Plain arithmetic: the two Lua versions share no bit operations.

local byte, char, floor = string.byte, string.char, math.floor

local base64url = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

local digit, value = {}, {}
for i = 0, 63 do
  digit[i] = ALPHABET:sub(i + 1, i + 1)
  value[ALPHABET:byte(i + 1)] = i
end

local function encode_group(group)
  local a, b, c = byte(group, 1, 3)
  local bits = a * 65536 + (b or 0) * 256 + (c or 0)
  local text = digit[floor(bits / 262144)] .. digit[floor(bits / 4096) % 64]
  if b then text = text .. digit[floor(bits / 64) % 64] end
  if c then text = text .. digit[bits % 64] end
  return text
end

--- Any bytes as text.
---@param bytes string
---@return string
function base64url.encode(bytes)
  return (bytes:gsub("..?.?", encode_group))
end

local function decode_group(group)
  local a, b, c, d = byte(group, 1, 4)
  local bits = value[a] * 262144 + value[b] * 4096
    + (c and value[c] * 64 or 0) + (d and value[d] or 0)
  local bytes = char(floor(bits / 65536))
  if c then bytes = bytes .. char(floor(bits / 256) % 256) end
  if d then bytes = bytes .. char(bits % 256) end
  return bytes
end

--- The bytes that a text stands for; nil when it is none.
---@param text string
---@return string|nil
function base64url.decode(text)
  if text:find("[^A-Za-z0-9_-]") or #text % 4 == 1 then return nil end
  return (text:gsub("..?.?.?", decode_group))
end

return base64url
