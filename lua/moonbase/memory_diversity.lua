--- Variety: of candidates that tell the same, one is chosen (maximal marginal relevance).

local text_index = require "moonbase.text_index"

local max = math.max

local memory_diversity = {}

-- The words of a text as a set, and how many they are.
local function words_of(text)
  local set, count = {}, 0
  for _, word in ipairs(text_index.words(text)) do
    if not set[word] then set[word], count = true, count + 1 end
  end
  return set, count
end

-- How much of their words two texts have in common, 0 to 1.
local function likeness(one, other)
  if one.size == 0 or other.size == 0 then return 0 end
  local common = 0
  for word in next, one.words do
    if other.words[word] then common = common + 1 end
  end
  return common / (one.size + other.size - common)
end

local function worth(candidate, top, balance)
  return balance * candidate.score / top - (1 - balance) * candidate.alike
end

local function take_best(list, top, balance)
  local place, most
  for i = 1, #list do
    local value = worth(list[i], top, balance)
    if not place or value > most then place, most = i, value end
  end
  return table.remove(list, place)
end

--- Chooses k of the candidates, each for what it is worth and for how little it is like those
--- chosen before it.
---@param list moonbase.MemoryCandidate[]  best first
---@param wish moonbase.MemoryWish
---@return moonbase.MemoryCandidate[]
function memory_diversity.choose(list, wish)
  local chosen, top = {}, max(list[1] and list[1].score or 0, 1e-9)
  for i = 1, #list do
    local candidate = list[i]
    candidate.alike = 0
    candidate.words, candidate.size = words_of(candidate.text)
  end
  while #chosen < wish.k and #list > 0 do
    local taken = take_best(list, top, wish.mmr)
    chosen[#chosen + 1] = taken
    for i = 1, #list do list[i].alike = max(list[i].alike, likeness(taken, list[i])) end
  end
  return chosen
end

return memory_diversity
