--- Texts that begin alike, as a range in byte order: `prefix <= text < prefix.after(prefix)`.
-- A range is exact and indexed whatever the characters are; LIKE and GLOB patterns are neither.

local byte, char = string.byte, string.char

local prefix = {}

-- The last character of each length of UTF-8, and the last before the surrogates: what follows.
local NEXT = {
  ["\127"] = "\194\128",
  ["\223\191"] = "\224\160\128",
  ["\237\159\191"] = "\238\128\128",
  ["\239\191\191"] = "\240\144\128\128",
  ["\244\143\191\191"] = false,
}

-- The character with the next code point; false behind the last.
local function next_character(character)
  local jump = NEXT[character]
  if jump ~= nil then return jump end
  local last = #character -- to carry past; no first byte is 191
  while byte(character, last) == 191 do last = last - 1 end
  return character:sub(1, last - 1) .. char(byte(character, last) + 1)
    .. ("\128"):rep(#character - last)
end

--- The least text behind all those that begin with `text`; nil when none is.
---@param text string  valid UTF-8
---@return string|nil
function prefix.after(text)
  while text ~= "" do
    local head, last = text:match("^(.*)([^\128-\191][\128-\191]*)$")
    local following = next_character(last)
    if following then return head .. following end
    text = head
  end
  return nil
end

return prefix
