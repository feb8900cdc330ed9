--- Names that a text marks by signs: e-mail addresses, URLs, handles, hashtags and quoted titles.
-- Every search from a sign looks only a fixed number of bytes around it, so a text full of signs
-- that lead nowhere costs no more than another.

local letters = require "moonbase.letters"

local find, sub, match = string.find, string.sub, string.match

local entity_marks = {}

local LONGEST_LOCAL = 64  -- bytes before the @ of an address
local LONGEST = 256       -- bytes of a URL, or of an address behind its @
local LONGEST_TITLE = 80
local MOST_WORDS = 6      -- of a title

---@class moonbase.EntitySpan
---@field first integer  where it begins in the text
---@field last integer
---@field name string

local function span(first, last, name)
  return { first = first, last = last, name = name }
end

-- Signs that end a sentence or close a bracket belong to the text around, not to the name.
local function trimmed_end(text)
  return (text:gsub("[%.,;:!%?%)%]}'\"*_]+$", ""))
end

local function url_at(text, at)
  local before = sub(text, math.max(1, at - 10), at - 1):reverse()
  local scheme = match(before, "^%a[%a+.-]*")
  if not scheme then return nil end
  scheme = match(scheme:reverse(), "%a.*$")
  local rest = match(sub(text, at + 3, at + LONGEST), "^[^%s%c<>\"`|\\^{}]*")
  if #rest == LONGEST - 2 then return nil end -- it goes on, perhaps in the middle of a character
  rest = trimmed_end(rest)
  if rest == "" then return nil end
  local first = at - #scheme
  return span(first, at + 2 + #rest, sub(text, first, at + 2 + #rest))
end

local function email_at(text, at)
  local before = sub(text, math.max(1, at - LONGEST_LOCAL), at - 1):reverse()
  local mailbox = match(before, "^[%w._%%+-]+")
  local host = match(sub(text, at + 1, at + LONGEST), "^%w[%w.-]*")
  if not mailbox or not host then return nil end
  host = host:gsub("[.-]+$", "")
  if not find(host, "%.%a%a+$") or find(host, "..", 1, true) then return nil end
  mailbox = mailbox:reverse():gsub("^[._%%+-]+", "")
  if mailbox == "" then return nil end
  return span(at - #mailbox, at + #host, mailbox .. "@" .. host)
end

local function stands_alone(text, at)
  return at == 1 or not find(text, "^[%w\128-\255_@#&/.]", at - 1)
end

local function handle_at(text, at)
  if not stands_alone(text, at) then return nil end
  local name = match(sub(text, at + 1, at + LONGEST_LOCAL), "^%a[%w_.-]*%w")
  return name and span(at, at + #name, "@" .. name)
end

local function hashtag_at(text, at)
  if not stands_alone(text, at) then return nil end
  local name = match(sub(text, at + 1, at + LONGEST_LOCAL), "^[%w\128-\255_-]+")
  if not name or not find(name, "[%a\128-\255]") then return nil end
  name = name:gsub("[_-]+$", "")
  -- A character that the limit cut in two makes it no tag.
  if find(text, "^[\128-\191]", at + 1 + #name) then return nil end
  return span(at, at + #name, "#" .. name)
end

local CLOSING = { ['"'] = '"', ["\226\128\156"] = "\226\128\157", ["\226\128\158"] = "\226\128\156",
  ["\194\171"] = "\194\187", ["\227\128\140"] = "\227\128\141", ["\227\128\142"] = "\227\128\143",
  ["\227\128\138"] = "\227\128\139" }

local function first_character(text)
  return match(text, "^[%z\1-\127\194-\244][\128-\191]*") or ""
end

-- Whether a word of a title is in small letters: true, false, or nil in scripts that have none.
local function is_small(word)
  local first = first_character(word)
  if letters.is_small(first) then return true end
  return letters.is_capital(first) and false or nil
end

-- A title has capitals in its first and in all its long words, and more than one; scripts without
-- capitals are taken as they are. Other words between quotes are somebody's speech.
local function is_title(text)
  if find(text, "[%c.!?]") or find(text, "^%s") or find(text, "%s$") then return false end
  local count, capitals, cased = 0, 0, false
  for word in text:gmatch("%S+") do
    count = count + 1
    local small = is_small(word)
    if small and (count == 1 or #word > 3) then return false end
    if small == false then capitals = capitals + 1 end
    cased = cased or small ~= nil
  end
  return count <= MOST_WORDS and (capitals > 1 or not cased) and find(text, "[%a\128-\255]") ~= nil
end

local function title_at(text, at, opening)
  local closing = CLOSING[opening]
  local inside = sub(text, at + #opening, at + #opening + LONGEST_TITLE)
  local stop = find(inside, closing, 1, true)
  if not stop or stop == 1 then return nil end
  local name = sub(inside, 1, stop - 1)
  if not is_title(name) then return nil end
  return span(at, at + #opening + #name + #closing - 1, name)
end

local function mark_at(text, at)
  local sign = sub(text, at, at)
  if sign == ":" then return find(text, "^//", at + 1) and url_at(text, at) end
  if sign == "@" then return email_at(text, at) or handle_at(text, at) end
  if sign == "#" then return hashtag_at(text, at) end
  local opening = sign == '"' and sign or first_character(sub(text, at, at + 3))
  return CLOSING[opening] and title_at(text, at, opening)
end

-- The text with spaces for what was found, so that it is not found again as something else.
local function blanked(text, spans)
  if #spans == 0 then return text end
  local parts, from = {}, 1
  for _, one in ipairs(spans) do
    parts[#parts + 1] = sub(text, from, one.first - 1)
    parts[#parts + 1] = (","):rep(one.last - one.first + 1)
    from = one.last + 1
  end
  parts[#parts + 1] = sub(text, from)
  return table.concat(parts)
end

--- The marked names of a text.
---@param text string  valid UTF-8
---@return moonbase.EntitySpan[] found  in order, apart from each other
---@return string rest                  the text without them, of the same length
function entity_marks.find(text)
  local found, from, free = {}, 1, 1
  while true do
    local at = find(text, '[:@#"\194\226\227]', from)
    if not at then break end
    local one = mark_at(text, at)
    if one and one.first >= free then
      found[#found + 1] = one
      free = one.last + 1
    end
    from = math.max(at + 1, free)
  end
  return found, blanked(text, found)
end

return entity_marks
