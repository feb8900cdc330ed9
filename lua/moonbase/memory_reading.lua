--- A closer reading of what the index of words found, together with what was remembered next to it:
-- neighbours tell what a text is about. The kernel (text_reading.h) weighs the words; here is what
-- a neighbour is.

local core = require "moonbase.core"
local expiry = require "moonbase.expiry"
local memory_record = require "moonbase.memory_record"
local text_index = require "moonbase.text_index"

local find, sub = string.find, string.sub

local memory_reading = {}

--- A text that may be a hit.
---@class moonbase.MemoryCandidate
---@field serial integer
---@field bare? boolean         nothing but the number and what found it is known
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
---@field recency? number
---@field graph? number
---@field score? number

--- What is searched for, word by word.
---@class moonbase.MemoryWords
---@field list string[]      the words, each once
---@field rarities number[]  of each; the rarer the more it tells

local REACH = 3          -- MB_READING_REACH
local NEAR = 3600 * 1000 -- ms between two neighbours, at most
local SPEAKER = 1.15     -- the one who said it is named in the query
local LONGEST_NAME = 64

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

local function are_neighbours(one, other)
  return one ~= nil and one.namespace == other.namespace and one.source == other.source
    and one.at - other.at <= NEAR and other.at - one.at <= NEAR
end

-- Texts that are read, and whether each is a neighbour of the one before.
local function add_window(ctx, scope, window, allowed, into)
  local rows, err = memory_reading.range(ctx, scope, window.first, window.last)
  if not rows then return nil, err end
  local before
  for i = 1, #rows do
    local row = rows[i]
    if not allowed or allowed(row.serial) then
      local count = #into.rows + 1
      into.rows[count], into.neighbours[count] = row, are_neighbours(before, row)
      into.texts[count] = memory_record.searchable(row)
      before = row
    end
  end
  return true
end

-- Windows around numbers, which are ascending; those that meet are one.
local function windows_around(serials)
  local windows, last = {}, nil
  for i = 1, #serials do
    local first = math.max(serials[i] - REACH, 1)
    if last and first <= last.last + 1 then
      last.last = serials[i] + REACH
    else
      last = { first = first, last = serials[i] + REACH }
      windows[#windows + 1] = last
    end
  end
  return windows
end

-- Who said it: the author, or what stands before a colon.
local function speaker_of(row)
  if row.author then return row.author end
  local colon = find(row.text, ":", 1, true)
  if not colon or colon > LONGEST_NAME then return nil end
  local name = sub(row.text, 1, colon - 1)
  return find(row.text, "^%s", colon + 1) and not find(name, "\n", 1, true) and name or nil
end

-- Whether one of the words is part of the name of who said it.
local function is_speaker_named(row, words, known)
  local name = speaker_of(row)
  if not name then return false end
  if known[name] == nil then
    known[name] = false
    for _, word in ipairs(text_index.words(name)) do
      known[name] = known[name] or words[word] ~= nil
    end
  end
  return known[name]
end

local function weigh(read, words)
  local shares = core.read_closely(read.texts, read.neighbours, words.list, words.rarities)
  local wanted, known = {}, {}
  for _, word in ipairs(words.list) do wanted[word] = true end
  for i, row in ipairs(read.rows) do
    local share = shares[i]
    if share > 0 and is_speaker_named(row, wanted, known) then share = share * SPEAKER end
    if share > 0 then row.keyword = math.min(share, 1) end
  end
  return read.rows
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
  local read = { rows = {}, texts = {}, neighbours = {} }
  for _, window in ipairs(windows_around(serials)) do
    local ok, err = add_window(ctx, scope, window, allowed, read)
    if not ok then return nil, err end
  end
  return weigh(read, words)
end

return memory_reading
