--- The texts that a search chooses among: what the words find, what the vectors find. All of it
-- lies within the search's conditions; nothing is taken away later.

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

--- Calls fn with up to `count` candidates of these numbers, their ranks and their places in the
--- list; those that have expired are passed over.
---@param serials integer[]
---@param count integer
---@param fn fun(candidate: moonbase.MemoryCandidate, rank: integer, place: integer)
---@return true|nil
---@return moonbase.Error|nil err
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

return memory_pool
