--- Searching memory: by words, by nearness of vectors, or by both and what else speaks for a text.

local memory_diversity = require "moonbase.memory_diversity"
local memory_names = require "moonbase.memory_names"
local memory_pool = require "moonbase.memory_pool"
local memory_query = require "moonbase.memory_query"
local memory_record = require "moonbase.memory_record"
local memory_rows = require "moonbase.memory_rows"

local max = math.max

local memory_search = {}

--- A text found.
---@class moonbase.MemoryHit
---@field id string
---@field score number   higher is better
---@field record moonbase.Memory
---@field why? table<string, number>  keyword, vector, recency, importance, graph: what took part;
---  rank_keyword, rank_vector

-- Candidates that words and vectors give each, at least: more where vectors tell what words do not,
-- many where time, importance or variety choose among them.
local FEW, MORE, MANY = 12, 50, 200

-- How much of its worth a text has left.
local function recency(at, now, half_life)
  if at >= now then return 1 end
  return 0.5 ^ ((now - at) / half_life)
end

local PARTS = { "keyword", "vector", "recency", "importance", "graph" }

-- The parts that speak for a candidate, and their sum. Where the vectors found more than the pool
-- has room for, what counts is by how much a candidate is nearer than the last of them: so those
-- that just did not come in are worth as much as those that just did.
local function weigh(candidate, wish, now, floor)
  local weights, sum = wish.weights, 0
  if wish.half_life and candidate.at then
    candidate.recency = recency(candidate.at, now, wish.half_life)
  end
  local importance = candidate.importance
  candidate.importance = importance and importance / (1 + importance)
  for _, part in ipairs(PARTS) do
    local value = candidate[part]
    if value and part == "vector" then value = value - floor end
    sum = sum + weights[part] * (value or 0)
  end
  candidate.score = sum
end

local function by_score(one, other)
  if one.score ~= other.score then return one.score > other.score end
  return one.serial < other.serial
end

-- Candidates of which more than the number is known, and the others.
local function split(list)
  local known, bare = {}, {}
  for i = 1, #list do
    local into = list[i].bare and bare or known
    into[#into + 1] = list[i]
  end
  return known, bare
end

-- Whether a bare candidate is there; its score then counts all that is known of it.
local function complete(pool, candidate, wish, now, gain)
  if gain == 0 then return true end
  local there, err = pool:look_up(candidate)
  if there then weigh(candidate, wish, now, pool.floor) end
  return there, err
end

-- The candidates with their scores. Of bare ones age and importance are looked up, but only where
-- these could bring one in.
local function weigh_all(pool, wish, now)
  local list, bare = split(pool.list)
  for i = 1, #pool.list do weigh(pool.list[i], wish, now, pool.floor) end
  table.sort(list, by_score)
  local gain = wish.weights.importance + wish.weights.recency
  local last = not wish.mmr and list[wish.k]
  for _, candidate in ipairs(bare) do
    if not last or candidate.score + gain >= last.score then
      local there, err = complete(pool, candidate, wish, now, gain)
      if err then return nil, err end
      if there then list[#list + 1] = candidate end
    end
  end
  return list
end

local function best(list, count)
  table.sort(list, by_score)
  for i = #list, count + 1, -1 do list[i] = nil end
  return list
end

local function why(candidate, weights)
  local parts = { rank_keyword = candidate.rank_keyword, rank_vector = candidate.rank_vector }
  for _, part in ipairs(PARTS) do
    if weights[part] > 0 then parts[part] = candidate[part] end
  end
  return parts
end

local function hit_of(row, candidate, wish)
  return { id = row.id, score = candidate.score, record = memory_record.of(row),
    why = wish.explain and why(candidate, wish.weights) or nil }
end

-- Candidates as callers see them.
local function hits_of(ctx, scope, wish, list)
  local serials, by_serial = {}, {}
  for i, candidate in ipairs(list) do
    serials[i], by_serial[candidate.serial] = candidate.serial, candidate
  end
  local rows, err = memory_rows.by_serials(ctx, scope, serials)
  if not rows then return nil, err end
  if wish.mmr then rows = memory_diversity.choose(rows, by_serial, wish) end
  local hits = {}
  for i, row in ipairs(rows) do hits[i] = hit_of(row, by_serial[row.serial], wish) end
  return hits
end

local function fill(pool, wish, count)
  local ok, err = true, nil
  local wanted = wish.weights.keyword > 0 or wish.unweighed
  if wish.text and wish.mode ~= "vector" and wanted then ok, err = pool:add_words(count) end
  if ok and wish.vector then ok, err = pool:add_vectors(count) end
  if ok and wish.expand > 0 then ok, err = memory_names.expand(pool) end
  return ok, err
end

-- How many candidates are looked at.
local function depth(wish)
  if wish.plain then return wish.k end
  if wish.half_life or wish.mmr then return max(wish.k, MANY) end
  local alike = wish.weights.vector < 0.5 or not wish.vector
  return max(wish.k, alike and FEW or MORE)
end

local function find(ctx, wish)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  if scope == 0 then return {} end -- nothing was ever written in it
  local pool, ok
  pool, err = memory_pool.new(ctx, scope, wish)
  if not pool then return nil, err end
  if pool.among and #pool.among == 0 then return {} end
  ok, err = fill(pool, wish, depth(wish))
  if not ok then return nil, err end
  local list
  list, err = weigh_all(pool, wish, ctx:now())
  if not list then return nil, err end
  return hits_of(ctx, scope, wish, best(list, wish.mmr and max(wish.k, MANY) or wish.k))
end

--- Runs a search; see Memory:search.
---@param ctx moonbase.Context
---@param query string|table
---@return moonbase.MemoryHit[]|nil
---@return moonbase.Error|nil err
function memory_search.run(ctx, query)
  local wish, err = memory_query.read(ctx, query)
  if not wish then return nil, err end
  if wish.k == 0 then return {} end
  return ctx.engine:snapshot(find, ctx, wish)
end

return memory_search
