--- From name to name: what mentions the names of a query, and the names mentioned beside these.

local entities = require "moonbase.entities"
local memory_labels = require "moonbase.memory_labels"
local memory_rows = require "moonbase.memory_rows"

local memory_names = {}

local NAMES = 16    -- that one hop goes on from
local MENTIONS = 50 -- of one name that are followed, the newest; and texts whose names are
local PAGE = 1000   -- mentions read at once, where conditions choose among them
local ENTRIES = 3   -- of what words and vectors found, where the query has no known name
local HOP = 0.5     -- what is left after each

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
local function mentions_of(pool, serials)
  local first = {}
  for i = 1, math.min(MENTIONS, #serials) do first[i] = serials[i] end
  local rows, err = memory_rows.by_serials(pool.ctx, pool.scope, first)
  if not rows then return nil, err end
  local names = {}
  for i = 1, #rows do
    for _, name in ipairs(rows[i].mentions or {}) do names[#names + 1] = name end
  end
  return names
end

-- Adds the newest texts that mention a name and meet the conditions to `reached`, however many
-- newer ones do not meet them.
local function follow(pool, name, reached)
  local below, limit = 2 ^ 32, pool.among and PAGE or MENTIONS
  local last, any = #reached + MENTIONS, false
  repeat
    local serials, err = memory_labels.mentioning(pool.ctx.engine, pool.scope, name, below, limit)
    if not serials then return nil, err end
    for i = 1, #serials do
      if #reached < last and pool:holds(serials[i]) then reached[#reached + 1] = serials[i] end
    end
    any, below = any or #serials > 0, serials[#serials]
  until #serials < limit or #reached == last
  return any and 1 or 0
end

-- The texts that mention names not `seen` before become candidates.
local function reach(pool, names, seen, value)
  local reached, known = {}, 0
  for _, name in ipairs(names) do
    if not seen[name] and known < NAMES then
      seen[name] = true
      local found, err = follow(pool, name, reached)
      if not found then return nil, err end
      known = known + found
    end
  end
  local ok, err = pool:each(reached, #reached, function(candidate)
    candidate.graph = candidate.graph or value
  end)
  if not ok then return nil, err end
  return reached
end

-- Where the graph is entered: at the texts that mention a name of the query, else at what words and
-- vectors found best.
local function enter(pool, seen)
  local reached, err = reach(pool, names_in(pool.wish.text or ""), seen, 1)
  if not reached then return nil, err end
  if #reached > 0 then return reached end
  for _, candidate in ipairs(pool.list) do
    local by_words, by_vector = candidate.rank_keyword, candidate.rank_vector
    if (by_words and by_words <= ENTRIES) or (by_vector and by_vector <= ENTRIES) then
      reached[#reached + 1] = candidate.serial
    end
  end
  return reached
end

--- Adds what mentions the names of the query, then what mentions the names beside these, and so on.
---@param pool moonbase.MemoryPool
---@return true|nil
---@return moonbase.Error|nil err
function memory_names.expand(pool)
  local seen, value = {}, 1
  local reached, err = enter(pool, seen)
  for _ = 1, pool.wish.expand do
    if not reached then return nil, err end
    local names
    names, err = mentions_of(pool, reached)
    if not names then return nil, err end
    value = value * HOP
    reached, err = reach(pool, names, seen, value)
  end
  if not reached then return nil, err end
  return true
end

return memory_names
