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

local function take_best(list, balance)
  local place, most
  for i, item in ipairs(list) do
    local value = balance * item.worth - (1 - balance) * item.alike
    if not place or value > most then place, most = i, value end
  end
  return table.remove(list, place)
end

local function items_of(rows, candidates)
  local list, top = {}, 1e-9
  for i, row in ipairs(rows) do
    local words, size = words_of(row.text)
    list[i] = { row = row, words = words, size = size, alike = 0,
      worth = candidates[row.serial].score }
    top = max(top, list[i].worth)
  end
  for _, item in ipairs(list) do item.worth = item.worth / top end
  return list
end

--- Chooses k of the texts, each for what it is worth and for how little it is like those chosen
--- before it.
---@param rows moonbase.MemoryRow[]  best first
---@param candidates table<integer, moonbase.MemoryCandidate>  by serial
---@param wish moonbase.MemoryWish
---@return moonbase.MemoryRow[]
function memory_diversity.choose(rows, candidates, wish)
  local list, chosen = items_of(rows, candidates), {}
  while #chosen < wish.k and #list > 0 do
    local taken = take_best(list, wish.mmr)
    chosen[#chosen + 1] = taken.row
    for _, item in ipairs(list) do item.alike = max(item.alike, likeness(taken, item)) end
  end
  return chosen
end

return memory_diversity
