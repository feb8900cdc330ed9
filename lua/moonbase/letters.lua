--- Letters of two cases beyond ASCII: Latin, Greek, Cyrillic and Armenian. Which letters are
-- capitals, and what their small forms are.

local char, floor = string.char, math.floor

local letters = {}

-- Ranges of capitals whose small letter stands at a fixed distance: first, last, distance, step.
local RANGES = {
  { 0xC0, 0xD6, 32, 1 }, { 0xD8, 0xDE, 32, 1 },                          -- Latin-1
  { 0x100, 0x12E, 1, 2 }, { 0x132, 0x136, 1, 2 }, { 0x139, 0x147, 1, 2 }, -- Latin Extended-A
  { 0x14A, 0x176, 1, 2 }, { 0x178, 0x178, -121, 1 }, { 0x179, 0x17D, 1, 2 },
  { 0x1CD, 0x1DB, 1, 2 }, { 0x1DE, 0x1EE, 1, 2 }, { 0x1F8, 0x21E, 1, 2 }, -- Latin Extended-B
  { 0x386, 0x386, 38, 1 }, { 0x388, 0x38A, 37, 1 }, { 0x38C, 0x38C, 64, 1 }, -- Greek
  { 0x38E, 0x38F, 63, 1 }, { 0x391, 0x3A1, 32, 1 }, { 0x3A3, 0x3AB, 32, 1 },
  { 0x400, 0x40F, 80, 1 }, { 0x410, 0x42F, 32, 1 }, { 0x460, 0x480, 1, 2 }, -- Cyrillic
  { 0x48A, 0x4BE, 1, 2 }, { 0x4D0, 0x52E, 1, 2 },
  { 0x531, 0x556, 48, 1 },                                               -- Armenian
  { 0x1E00, 0x1E94, 1, 2 }, { 0x1EA0, 0x1EFE, 1, 2 },                    -- Vietnamese and others
}

local function utf8_of(code)
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

local SMALL, CASED = {}, {}
for _, range in ipairs(RANGES) do
  for code = range[1], range[2], range[4] do SMALL[utf8_of(code)] = utf8_of(code + range[3]) end
end
SMALL["\196\176"] = "i" -- the dotted capital I of Turkish
for _, small in pairs(SMALL) do CASED[small] = true end

--- A pattern for the first byte of a capital, ASCII or not; other letters begin with some of them.
letters.CAPITAL = "A-Z\195-\197\199-\200\206-\207\208-\213\225"

--- Is this character a capital?
---@param character string  one character
---@return boolean
function letters.is_capital(character)
  return SMALL[character] ~= nil or character:find("^[A-Z]$") ~= nil
end

--- Is this a small letter of those that have capitals?
---@param character string  one character
---@return boolean
function letters.is_small(character)
  return CASED[character] ~= nil or character:find("^[a-z]$") ~= nil
end

--- The text with small letters for capitals.
---@param text string  valid UTF-8
---@return string
function letters.lower(text)
  if text:find("[A-Z]") then text = text:gsub("[A-Z]+", string.lower) end
  if not text:find("[\195-\225]") then return text end
  text = text:gsub("[\195-\213][\128-\191]", SMALL)
  return (text:gsub("\225[\184-\187][\128-\191]", SMALL))
end

return letters
