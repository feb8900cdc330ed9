--- What a caller of `memory:search` asks for, checked and completed.

local check = require "moonbase.check"
local core = require "moonbase.core"
local embed = require "moonbase.embed"
local errors = require "moonbase.errors"
local memory_select = require "moonbase.memory_select"
local memory_vectors = require "moonbase.memory_vectors"

local memory_query = {}

--- A search that may be run.
---@class moonbase.MemoryWish
---@field text? string
---@field vector? string     little-endian float32; nil where nearness does not count
---@field mode string        "hybrid", "keyword" or "vector"
---@field k integer
---@field conditions moonbase.MemoryConditions
---@field weights moonbase.MemoryWeights
---@field unweighed boolean  neither words nor vectors have a weight: they find without ranking
---@field half_life? integer
---@field expand integer
---@field mmr? number
---@field explain boolean
---@field plain boolean      nothing but the mode's own order counts

---@class moonbase.MemoryWeights
---@field keyword number
---@field vector number
---@field recency number
---@field importance number
---@field graph number

local OPTIONS = { text = "string", vector = "any", mode = "string", k = "number",
  namespace = "string", filter = "table", since = "number", before = "number", weights = "table",
  half_life = "number", expand = "number", mmr = "number", explain = "boolean" }

local MODES = check.set "hybrid keyword vector"

-- How they were chosen: docs/search.md.
local WEIGHTS = { keyword = 1, vector = 1, recency = 0.2, importance = 0.1, graph = 0.3 }
local WEIGHT_TYPES = { keyword = "number", vector = "number", recency = "number",
  importance = "number", graph = "number" }
local WEEK = 7 * 24 * 3600 * 1000

local MAX_HOPS = 4

local function check_mode(name, mode)
  if MODES[mode] then return mode end
  return errors.invalid(name, "must be 'hybrid', 'keyword' or 'vector'")
end

local function check_mmr(name, value)
  if value >= 0 and value <= 1 then return value end
  return errors.invalid(name, "must be a number from 0 to 1")
end

local function check_hops(name, value)
  local hops, err = check.integer(name, value)
  if not hops then return nil, err end
  if hops > MAX_HOPS then return errors.invalid(name, "must be at most " .. MAX_HOPS) end
  return hops
end

local RULES = { { "text", check.text }, { "mode", check_mode }, { "k", check.integer },
  { "half_life", check.duration }, { "expand", check_hops }, { "mmr", check_mmr } }

local SELECTION = { { "namespace", check.id }, { "since", check.time }, { "before", check.time } }

local function conditions_of(query)
  local conditions, err = check.fields(query, SELECTION)
  if not conditions then return nil, err end
  if query.filter and next(query.filter) ~= nil then
    conditions.filter = query.filter
    conditions.predicate, conditions.used = memory_select.compile(query.filter)
    if not conditions.predicate then return nil, conditions.used end
  end
  return conditions
end

-- The embedder's own weight stands where vectors repeat what the words say already.
local function weights_of(given, embedder)
  check.options("query.weights", given, WEIGHT_TYPES)
  local weights = {}
  for name, standard in pairs(WEIGHTS) do
    local own = name == "vector" and type(embedder.weight) == "number" and embedder.weight
    local value = given and given[name] or own or standard
    if not (value >= 0 and value < math.huge) then
      return errors.invalid("weights." .. name, "must be a number from 0 up")
    end
    weights[name] = value
  end
  return weights
end

-- What has no weight does not look for candidates either, unless neither words nor vectors have
-- one: then both find, and something else puts what they found in order.
-- Recency counts where a half-life or a weight of it is given. In the other modes the order is that
-- of the words or the vectors alone, unless the caller asks for more.
local function complete(wish, query)
  local given = query.weights or {}
  if given.recency and not wish.half_life then wish.half_life = WEEK end
  if wish.half_life == 0 then wish.half_life = nil end
  if wish.mmr == 1 then wish.mmr = nil end
  wish.plain = wish.mode ~= "hybrid" and not wish.mmr and wish.expand == 0
    and not wish.half_life and not given.importance
  if not wish.half_life then wish.weights.recency = 0 end
  if wish.mode ~= "hybrid" then
    local own, other = wish.mode, wish.mode == "keyword" and "vector" or "keyword"
    wish.weights[own], wish.weights[other] = given[own] or 1, 0
    wish.weights.importance = given.importance or 0
  end
  wish.unweighed = wish.weights.keyword == 0 and wish.weights.vector == 0
  return wish
end

-- A vector of zeros is near to nothing: a text without words has one.
local function is_zero(bytes)
  return not bytes:find("[^%z\128]")
end

local function vector_of_text(wish, embedder)
  if not wish.text or not wish.text:find("%S") then return true end
  if wish.mode == "keyword" or wish.weights.vector == 0 and not wish.unweighed then return true end
  local vectors, err = embed.run(embedder, { wish.text })
  if not vectors then return nil, err end
  if not is_zero(vectors[1]) then wish.vector = vectors[1] end
  return true
end

local function vector_of(wish, query, embedder)
  local value = query.vector
  if value == nil then return vector_of_text(wish, embedder) end
  if type(value) ~= "string" then check.type("query.vector", value, "table") end
  local err
  wish.vector, err = core.vector(value, embedder.dim, "vector")
  if not wish.vector then return nil, err end
  if wish.mode == "keyword" then wish.vector = nil end
  return true
end

local function check_content(wish, query)
  if wish.mode == "keyword" and not wish.text then
    return errors.invalid("text", "is what a keyword search looks for")
  end
  if not wish.text and query.vector == nil then
    return errors.invalid("text", "or vector: there is nothing to look for")
  end
  return true
end

--- Checks a query and embeds its text. Outside any snapshot, for it may take long.
---@param ctx moonbase.Context
---@param query string|table
---@return moonbase.MemoryWish|nil
---@return moonbase.Error|nil err  `invalid`; what the embedder gave
function memory_query.read(ctx, query)
  if type(query) == "string" then query = { text = query } end
  check.type("query", query, "table")
  check.options("query", query, OPTIONS)
  local wish, err = check.fields(query, RULES)
  if not wish then return nil, err end
  wish.mode, wish.k, wish.expand = wish.mode or "hybrid", wish.k or 10, wish.expand or 0
  wish.explain = query.explain or false
  wish.conditions, err = conditions_of(query)
  if not wish.conditions then return nil, err end
  local embedder = memory_vectors.embedder(ctx)
  wish.weights, err = weights_of(query.weights, embedder)
  if not wish.weights then return nil, err end
  local ok
  ok, err = check_content(wish, query)
  if ok then ok, err = vector_of(complete(wish, query), query, embedder) end
  if not ok then return nil, err end
  return wish
end

return memory_query
