--- Texts and questions about them: made up, the same in every run. Words are as frequent as in
-- natural language: a few make up half of it, most are rare.

local texts = {}

-- Lehmer's generator: exact in doubles too.
local state = 20240229

local function random()
  state = state * 16807 % 2147483647
  return state / 2147483647
end

local SYLLABLES = { "ba", "co", "den", "fi", "gra", "hu", "jen", "kor", "li", "mon", "ne", "por",
  "qui", "ras", "sto", "tri", "ul", "ven", "wis", "zan" }

local KNOWN, FREQUENT, LENGTH = 60000, 100, 70

local function vocabulary()
  local words, seen = {}, {}
  while #words < KNOWN do
    local word = ""
    for _ = 1, math.floor(random() * 3) + (#words < FREQUENT and 1 or 2) do
      word = word .. SYLLABLES[math.floor(random() * #SYLLABLES) + 1]
    end
    if not seen[word] then
      seen[word] = true
      words[#words + 1] = word
    end
  end
  return words
end

local WORDS = vocabulary()

-- Zipf's law: ranks whose logarithms are evenly spread.
local function rank(limit)
  return math.floor(math.exp(random() * math.log(limit)))
end

local function text()
  local parts, ranks = {}, {}
  for i = 1, LENGTH do
    ranks[i] = rank(KNOWN)
    parts[i] = WORDS[ranks[i]]
  end
  return table.concat(parts, " "), ranks
end

-- Three words of a text that tell something, among five that everybody uses.
local function question(ranks)
  local parts, telling = {}, 0
  for _ = 1, 5 do parts[#parts + 1] = WORDS[rank(FREQUENT)] end
  for _, found in ipairs(ranks) do
    if found > FREQUENT * 5 and telling < 3 then
      telling = telling + 1
      table.insert(parts, math.floor(random() * #parts) + 1, WORDS[found])
    end
  end
  return table.concat(parts, " ")
end

--- Makes texts, and a question about every so-maniest.
---@param count integer
---@param questions integer
---@return string[] texts
---@return { text: integer, question: string }[] questions
function texts.make(count, questions)
  local list, asked, every = {}, {}, math.floor(count / questions)
  for i = 1, count do
    local ranks
    list[i], ranks = text()
    if i % every == 0 then asked[#asked + 1] = { text = i, question = question(ranks) } end
  end
  return list, asked
end

return texts
