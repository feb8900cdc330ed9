--- The texts that a search chooses among: what the words find, what the vectors find, what mentions
-- the same names. All of it lies within the search's conditions; nothing is taken away later.

local entities = require "moonbase.entities"
local expiry = require "moonbase.expiry"
local memory_reading = require "moonbase.memory_reading"
local memory_rows = require "moonbase.memory_rows"
local memory_select = require "moonbase.memory_select"
local memory_vectors = require "moonbase.memory_vectors"
local memory_words = require "moonbase.memory_words"
local text_index = require "moonbase.text_index"

local memory_pool = {}

---@class moonbase.MemoryPool
---@field ctx moonbase.Context
---@field scope integer
---@field wish moonbase.MemoryWish
---@field among? integer[]  the texts that meet the conditions, ascending; nil: all
---@field extra integer     texts that have expired and are still in the indexes
---@field floor number      the cosine of the last that the vectors found
---@field by_serial table<integer, moonbase.MemoryCandidate>
---@field list moonbase.MemoryCandidate[]
local Pool = {}
Pool.__index = Pool

-- Of what the words find, what is read closely: what scores this share of the best, and of that as
-- many as are asked for, between these.
local CLOSE, CLOSELY_LEAST, CLOSELY_MOST = 0.5, 12, 100
local SATURATED = 1.9  -- BM25's k1 + 1
local MANY_EXPIRED = 1000
local NAMES = 16       -- that one hop goes on from
local MENTIONS = 50    -- of one name that are followed, the newest
local ENTRIES = 3      -- of what words and vectors found, where the query has no known name
local HOP = 0.5        -- what is left after each

local CANDIDATE = [[
  SELECT at, importance, expires_at FROM memories
  WHERE key = ($scope << 32) + $serial]]

-- Where so many have expired that it would cost to pass over them, the others are listed.
local function select_texts(self)
  local ctx = self.ctx
  local err
  self.among, err = memory_select.matching(ctx, self.scope, self.wish.conditions)
  if err or self.among then return self.among, err end
  local expired
  expired, err = memory_rows.expired(ctx, self.scope, MANY_EXPIRED)
  if not expired then return nil, err end
  self.extra = #expired
  if self.extra < MANY_EXPIRED then return true end
  self.extra = 0
  self.among, err = memory_select.matching(ctx, self.scope, { since = 0 })
  return self.among, err
end

--- A pool without candidates yet. Inside a snapshot.
---@param ctx moonbase.Context
---@param scope integer
---@param wish moonbase.MemoryWish
---@return moonbase.MemoryPool|nil
---@return moonbase.Error|nil err
function memory_pool.new(ctx, scope, wish)
  local self = setmetatable({ ctx = ctx, scope = scope, wish = wish, extra = 0, floor = 0,
    by_serial = {}, list = {} }, Pool)
  local ok, err = select_texts(self)
  if not ok then return nil, err end
  if self.among then
    self.allowed = function(serial) return self:holds(serial) end
  end
  return self
end

--- Whether a text meets the conditions.
---@param serial integer
---@return boolean
function Pool:holds(serial)
  local list = self.among
  if not list then return true end
  local low, high = 1, #list
  while low < high do
    local middle = math.floor((low + high) / 2)
    if list[middle] < serial then low = middle + 1 else high = middle end
  end
  return list[low] == serial
end

-- What the index of words finds.
function Pool:words(count)
  return text_index.search(self.ctx.engine, memory_words.set(self.scope), self.wish.text,
    count + self.extra, self.among)
end

-- What the vectors find.
function Pool:vectors(count)
  local set, err = memory_vectors.find(self.ctx, self.scope)
  if err then return nil, err end
  if not set then return {}, {} end
  return self.ctx.engine:vectors_search(set, self.wish.vector, count + self.extra, false,
    self.among)
end

--- Looks up what is known of a candidate; false when it has expired.
---@param candidate moonbase.MemoryCandidate
---@return boolean|nil
---@return moonbase.Error|nil err
function Pool:look_up(candidate)
  local row, err = self.ctx.engine:row(CANDIDATE, self.scope, candidate.serial)
  if err then return nil, err end
  if not row or expiry.reached(row.expires_at, self.ctx:now()) then return false end
  candidate.at, candidate.importance, candidate.bare = row.at, row.importance, nil
  return true
end

-- The candidate of a number; nil alone when it has expired. Where none can have, nothing but the
-- number is known of it.
function Pool:candidate(serial)
  local known = self.by_serial[serial]
  if known ~= nil then return known or nil end
  local candidate = { serial = serial, bare = true }
  if self.extra > 0 then
    local live, err = self:look_up(candidate)
    if err then return nil, err end
    candidate = live and candidate
  end
  self.by_serial[serial] = candidate
  self.list[#self.list + 1] = candidate or nil
  return candidate or nil
end

-- Calls fn with the candidates of numbers that have not expired and their ranks, up to `count`.
function Pool:each(serials, count, fn)
  local rank = 0
  for i = 1, #serials do
    local candidate, err = self:candidate(serials[i])
    if err then return nil, err end
    if candidate then
      rank = rank + 1
      if rank > count then break end
      fn(candidate, rank, i)
    end
  end
  return true
end

local function first_of(list, count)
  local first = {}
  for i = 1, math.min(count, #list) do first[i] = list[i] end
  table.sort(first)
  return first
end

-- How many of the first hits are read closely; those that have expired are among them.
local function count_close(self, scores)
  local most = math.min(math.max(self.wish.k, CLOSELY_LEAST), CLOSELY_MOST) + self.extra
  local count = math.min(#scores, most)
  while count > 1 and scores[count] < CLOSE * scores[1] do count = count - 1 end
  return count
end

-- Reads what the words found best together with its neighbours.
function Pool:read_closely(words, serials, scores)
  local rows, err = memory_reading.read(self.ctx, self.scope, words,
    first_of(serials, count_close(self, scores)), self.allowed)
  if not rows then return nil, err end
  for i = 1, #rows do
    local row = rows[i]
    if row.keyword and not self.by_serial[row.serial] then
      self.by_serial[row.serial] = row
      self.list[#self.list + 1] = row
    end
  end
  return true
end

-- What a text would score that has all the words over and over.
local function most_of(words)
  local sum = 0
  for _, rarity in ipairs(words.rarities) do sum = sum + rarity * SATURATED end
  return math.max(sum, 1e-9)
end

--- Adds what the words find.
---@param count integer  how many at least, where there are so many
---@return true|nil
---@return moonbase.Error|nil err
function Pool:add_words(count)
  local serials, scores, list, rarities = self:words(count)
  if not serials then return nil, scores end
  if #serials == 0 then return true end
  local words, ok, err = { list = list, rarities = rarities }, true, nil
  if self.wish.mode == "hybrid" then ok, err = self:read_closely(words, serials, scores) end
  if not ok then return nil, err end
  local most = most_of(words)
  return self:each(serials, count, function(candidate, rank, i)
    candidate.rank_keyword = rank
    candidate.keyword = candidate.keyword or math.min(scores[i] / most, 1)
  end)
end

--- Adds what the vectors find.
---@param count integer
---@return true|nil
---@return moonbase.Error|nil err
function Pool:add_vectors(count)
  local serials, distances = self:vectors(count)
  if not serials then return nil, distances end
  if self.wish.mode == "hybrid" and #serials >= count then
    self.floor = math.max(1 - distances[#distances], 0)
  end
  return self:each(serials, count, function(candidate, rank, i)
    candidate.rank_vector, candidate.vector = rank, 1 - distances[i]
  end)
end

-- Names that the text may mean: those that look like names, then each of its words.
local function names_in(text)
  local names = entities.extract(text)
  for word in text:gmatch("[%w\128-\255]+") do
    names[#names + 1] = entities.normalise(word)
    if #names > 2 * NAMES then break end
  end
  return names
end

-- The names that texts mention, those of the first texts first.
local function mentions_of(self, serials)
  local rows, err = memory_rows.by_serials(self.ctx, self.scope, serials)
  if not rows then return nil, err end
  local names = {}
  for i = 1, #rows do
    for _, name in ipairs(rows[i].mentions or {}) do names[#names + 1] = name end
  end
  return names
end

-- Adds the texts that mention one of the names and meet the conditions to `reached`.
local function follow(self, name, reached)
  local serials, err = memory_rows.mentioning(self.ctx, self.scope, name, MENTIONS)
  if not serials then return nil, err end
  for i = 1, #serials do
    if self:holds(serials[i]) then reached[#reached + 1] = serials[i] end
  end
  return #serials > 0 and 1 or 0
end

-- The texts that mention names not `seen` before become candidates.
local function reach(self, names, seen, value)
  local reached, known = {}, 0
  for _, name in ipairs(names) do
    if not seen[name] and known < NAMES then
      seen[name] = true
      local found, err = follow(self, name, reached)
      if not found then return nil, err end
      known = known + found
    end
  end
  local ok, err = self:each(reached, #reached, function(candidate)
    candidate.graph = candidate.graph or value
  end)
  if not ok then return nil, err end
  return reached
end

-- Where the graph is entered: at the texts that mention a name of the query, else at what words and
-- vectors found best.
local function enter(self, seen)
  local reached, err = reach(self, names_in(self.wish.text or ""), seen, 1)
  if not reached then return nil, err end
  if #reached > 0 then return reached end
  for _, candidate in ipairs(self.list) do
    local by_words, by_vector = candidate.rank_keyword, candidate.rank_vector
    if (by_words and by_words <= ENTRIES) or (by_vector and by_vector <= ENTRIES) then
      reached[#reached + 1] = candidate.serial
    end
  end
  return reached
end

--- Adds what mentions the names of the query, then what mentions the names beside these, and so on.
---@return true|nil
---@return moonbase.Error|nil err
function Pool:expand()
  local seen, value = {}, 1
  local reached, err = enter(self, seen)
  for _ = 1, self.wish.expand do
    if not reached then return nil, err end
    local names
    names, err = mentions_of(self, first_of(reached, MENTIONS))
    if not names then return nil, err end
    value = value * HOP
    reached, err = reach(self, names, seen, value)
  end
  if not reached then return nil, err end
  return true
end

return memory_pool
