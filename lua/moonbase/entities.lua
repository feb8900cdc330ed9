--- Entities: who and what a text mentions, found by its form alone: e-mail addresses, URLs,
-- handles, hashtags, quoted titles, capitalised names. The time it takes grows with the length of
-- the text and with nothing else, whatever the text is.

local entity_marks = require "moonbase.entity_marks"
local entity_names = require "moonbase.entity_names"
local letters = require "moonbase.letters"

local entities = {}

local MOST = 32
local LONGEST = 256 -- bytes

-- The host of a URL has no case; what follows it may have.
local function normal_url(text)
  local scheme, host, rest = text:match("^(%a[%w+.-]*://)([^/?#]*)(.*)$")
  if not scheme then return nil end
  return scheme:lower() .. letters.lower(host) .. (rest == "/" and "" or rest)
end

--- The form under which a name is looked up: without case, without a leading @ or #, and with
--- single spaces. Normalising twice changes nothing.
---@param name string  valid UTF-8
---@return string  empty when nothing is left
function entities.normalise(name)
  if not name:find("[^%w]") then return (name:lower()) end
  name = name:gsub("\194\160", " "):gsub("\226\128\153", "'")
  name = name:gsub("%s+", " "):gsub("^[ @#]+", ""):gsub(" $", "")
  return normal_url(name) or letters.lower(name)
end

local function by_place(one, other)
  return one.first < other.first
end

--- The names that a text mentions, each once, in the order in which they first appear.
---@param text string  valid UTF-8
---@return string[] names  normalised, at most 32
function entities.extract(text)
  local found, rest = entity_marks.find(text)
  entity_names.find(rest, found)
  table.sort(found, by_place)
  local names, seen = {}, {}
  for _, span in ipairs(found) do
    local name = entities.normalise(span.name)
    if name ~= "" and #name <= LONGEST and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
      if #names == MOST then break end
    end
  end
  return names
end

return entities
