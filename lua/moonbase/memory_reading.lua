--- A closer reading of what the index of words found: what was remembered next to a text tells what
-- it is about ("And the second one?" - "Blue."), so a text shares in the words of its neighbours.
-- The numbers were chosen by measuring; docs/search.md tells how.

local expiry = require "moonbase.expiry"
local memory_record = require "moonbase.memory_record"
local text_index = require "moonbase.text_index"

local max = math.max

local memory_reading = {}

--- A text that may be a hit.
---@class moonbase.MemoryCandidate
---@field serial integer
---@field namespace string
---@field source? string
---@field author? string
---@field at integer
---@field importance? number
---@field text string
---@field keyword? number       how much of the query is in it or next to it, 0 to 1
---@field rank_keyword? integer  among what the index of words found
---@field vector? number        cosine
---@field rank_vector? integer
---@field graph? number

--- What is searched for, word by word.
---@class moonbase.MemoryWords
---@field list string[]
---@field weights table<string, number>  how much each word tells: the rarer the more
---@field total number                   of a text that has them all, as often as one likes

local REACH = 3          -- neighbours on each side
local NEAR = 3600 * 1000 -- ms between two neighbours, at most
local AFTER = { 0.8, 0.56, 0.39 }  -- the share of what was said before: answers follow questions
local BEFORE = { 0.5, 0.35, 0.25 } -- and of what was said next
local SATURATION, LENGTH = 0.9, 0.3 -- of BM25, as the index has them
local SHORT = 2      -- words of a text whose share is halved: "Thanks!" tells little
local QUESTION = 0.85 -- what asks seldom answers
local AUTHOR = 1.15   -- the one who said it is named in the query

local WINDOW = [[
  SELECT m.key & 4294967295 AS serial, m.namespace, m.source, m.author, m.at, m.importance,
    m.expires_at, m.text
  FROM memories m
  WHERE m.key BETWEEN ($scope << 32) + $first AND ($scope << 32) + $last
    AND m.vector_set IS NOT NULL
  ORDER BY m.key]]

--- The texts of a range of numbers that have not expired.
---@param ctx moonbase.Context
---@param scope integer
---@param first integer
---@param last integer
---@return moonbase.MemoryCandidate[]|nil
---@return moonbase.Error|nil err
function memory_reading.range(ctx, scope, first, last)
  local rows, err = ctx.engine:rows(WINDOW, scope, first, last)
  if not rows then return nil, err end
  local now, live = ctx:now(), {}
  for i = 1, #rows do
    if not expiry.reached(rows[i].expires_at, now) then live[#live + 1] = rows[i] end
  end
  return live
end

--- What the words of a query weigh.
---@param list string[]      the words, each once
---@param rarities number[]  of each; the rarer the more
---@return moonbase.MemoryWords
function memory_reading.words(list, rarities)
  local weights, total = {}, 0
  for i, word in ipairs(list) do
    weights[word], total = rarities[i], total + rarities[i] * (SATURATION + 1)
  end
  return { list = list, weights = weights, total = max(total, 1e-9) }
end

local function are_neighbours(one, other)
  return one.namespace == other.namespace and one.source == other.source
    and one.at - other.at <= NEAR and other.at - one.at <= NEAR
end

-- Reads a window and links its texts to their neighbours.
local function read_window(ctx, scope, first, last, allowed, into)
  local rows, err = memory_reading.range(ctx, scope, first, last)
  if not rows then return nil, err end
  local previous
  for i = 1, #rows do
    local row = rows[i]
    if not allowed or allowed(row.serial) then
      if previous and are_neighbours(previous, row) then
        previous.next, row.previous = row, previous
      end
      previous = row
      into[#into + 1] = row
    end
  end
  return true
end

-- Windows around numbers, which are ascending; those that meet are one.
local function read_windows(ctx, scope, serials, allowed)
  local rows, first, last = {}, nil, nil
  for i = 1, #serials + 1 do
    local serial = serials[i]
    if first and (not serial or serial - REACH > last + 1) then
      local ok, err = read_window(ctx, scope, first, last, allowed, rows)
      if not ok then return nil, err end
      first = nil
    end
    if serial then first, last = first or serial - REACH, serial + REACH end
  end
  return rows
end

-- How often each of the words is in the text.
local function count_words(row, weights)
  local counts, list = {}, text_index.words(memory_record.searchable(row))
  for i = 1, #list do
    local word = list[i]
    if weights[word] then counts[word] = (counts[word] or 0) + 1 end
  end
  row.counts, row.length = counts, #list
  row.damping = row.text:find("%?%s*$") and QUESTION or 1
  row.open = row.damping * row.length / (row.length + SHORT)
  row.found = {}
  return row.length
end

local function share(row, word, value)
  if value > (row.found[word] or 0) then row.found[word] = value end
end

local function spread(row, word, value)
  share(row, word, value * row.damping)
  local other = row.next
  for i = 1, REACH do
    if not other then break end
    share(other, word, value * AFTER[i] * other.open)
    other = other.next
  end
  other = row.previous
  for i = 1, REACH do
    if not other then break end
    share(other, word, value * BEFORE[i] * other.open)
    other = other.previous
  end
end

local function spread_words(row, average)
  local norm = SATURATION * (1 - LENGTH + LENGTH * row.length / average)
  for word, count in next, row.counts do
    spread(row, word, count * (SATURATION + 1) / (count + norm))
  end
end

-- Whether the query names who said it: the author, or what stands before a colon.
local function is_author_named(row, weights, known)
  local author = row.author or row.text:match("^([^%s:][^:\n]*):%s")
  if not author or #author > 64 then return false end
  if known[author] == nil then
    known[author] = false
    for _, word in ipairs(text_index.words(author)) do
      if weights[word] then known[author] = true end
    end
  end
  return known[author]
end

local function score(row, words, known)
  local sum, list, weights = 0, words.list, words.weights
  for i = 1, #list do sum = sum + weights[list[i]] * (row.found[list[i]] or 0) end
  if sum == 0 then return nil end
  if is_author_named(row, words.weights, known) then sum = sum * AUTHOR end
  return math.min(sum / words.total, 1)
end

--- Reads texts and their neighbours and sets `keyword` of those that share in any of the words.
---@param ctx moonbase.Context
---@param scope integer
---@param words moonbase.MemoryWords
---@param serials integer[]  of the texts, ascending
---@param allowed? fun(serial: integer): boolean  which may be read; nil: all
---@return moonbase.MemoryCandidate[]|nil
---@return moonbase.Error|nil err
function memory_reading.read(ctx, scope, words, serials, allowed)
  local rows, err = read_windows(ctx, scope, serials, allowed)
  if not rows then return nil, err end
  local sum, known = 0, {}
  for i = 1, #rows do sum = sum + count_words(rows[i], words.weights) end
  for i = 1, #rows do spread_words(rows[i], max(sum / #rows, 1)) end
  for i = 1, #rows do rows[i].keyword = score(rows[i], words, known) end
  return rows
end

return memory_reading
