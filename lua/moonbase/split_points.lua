--- Places at which running text may be cut: characters, words, lines, sentences. All are given as
-- the place of the first byte behind the cut.

local find, match, sub = string.find, string.match, string.sub

local split_points = {}

-- Behind these a full stop ends no sentence.
local SHORT = {}
for word in ("mr mrs ms dr prof st vs no fig e.g i.e etc cf al inc ltd co jr sr"):gmatch("%S+") do
  SHORT[word] = true
end

local WIDE_STOPS = { "\227\128\130", "\239\188\129", "\239\188\159" } -- ideographic . ! ?
local LONGEST_CHARACTER = 4

--- How many characters a text has.
---@param text string  valid UTF-8
---@return integer
function split_points.length(text)
  local _, inner = text:gsub("[\128-\191]", "")
  return #text - inner
end

--- The first place of a character, from this one on.
---@param text string
---@param at integer
---@return integer
function split_points.character(text, at)
  local from = at
  while at - from < LONGEST_CHARACTER and find(text, "^[\128-\191]", at) do at = at + 1 end
  return at
end

--- The place `count` characters behind another; beyond the end when there are not as many.
---@param text string
---@param at integer     where a character begins
---@param count integer
---@return integer
function split_points.forward(text, at, count)
  local length = #text
  while count > 0 and at <= length do
    local last = split_points.character(text, at + count) - 1
    count = count - split_points.length(sub(text, at, last))
    at = last + 1
  end
  return at
end

-- Is the stop one of an abbreviation or an initial, or does the sentence go on in small letters?
local function goes_on(text, stop, after)
  if find(text, "^%l", after) then return true end
  if sub(text, stop, stop) ~= "." then return false end
  local word = match(sub(text, math.max(1, stop - 12), stop - 1):reverse(), "^[%a.]*"):reverse()
  return SHORT[word:lower()] or find(word, "^%u$") or find(word, "%.%a$")
end

-- A sentence ends before white space, behind a stop and what closes quotes and brackets.
local function spaced_sentences(window, list)
  for gap, after in window:gmatch("()%s+()") do
    local stop = match(sub(window, math.max(1, gap - 8), gap - 1), "()[.!?][\"')%]*_]*$")
    if stop then
      stop = math.max(1, gap - 8) + stop - 1
      if after <= #window and not goes_on(window, stop, after) then list[#list + 1] = after end
    end
  end
end

local function unspaced_sentences(window, list)
  for _, stop in ipairs(WIDE_STOPS) do
    local _, finish = find(window, stop, 1, true)
    while finish do
      if finish < #window then list[#list + 1] = finish + 1 end
      _, finish = find(window, stop, finish + 1, true)
    end
  end
end

--- The places between two others where sentences begin, ascending.
---@param text string
---@param from integer
---@param last integer
---@return integer[]
function split_points.sentences(text, from, last)
  local window, list = sub(text, from, last), {}
  spaced_sentences(window, list)
  if find(window, "[\227\239]") then
    unspaced_sentences(window, list)
    table.sort(list)
  end
  for i = 1, #list do list[i] = list[i] + from - 1 end
  return list
end

--- The places where lines begin, ascending.
---@return integer[]
function split_points.lines(text, from, last)
  local list = {}
  for at in sub(text, from, last):gmatch("\n()") do list[#list + 1] = from + at - 1 end
  return list
end

--- The last place between two words; nil without a space.
---@return integer?
function split_points.last_word(text, from, last)
  if find(text, "^%s", last + 1) then return last + 1 end
  local at = match(sub(text, from, last):reverse(), "^%S*()%s")
  return at and last - at + 2
end

--- Where the first whole word begins: `from` where there are no words, behind `last` where there
--- is only the end of one.
---@return integer
function split_points.first_word(text, from, last)
  if from == 1 or find(text, "^%s", from - 1) then return from end
  local at = match(sub(text, from, last), "^%S*%s+()")
  return at and from + at - 1 or from
end

return split_points
