--- How fast memory is over many texts, beside bare FTS5.

local core = require "moonbase.core"
local Fts5 = require "bench.memory.fts5"
local moonbase = require "moonbase"
local sample = require "bench.support.sample"

local speed = {}

local BATCH = 1000
local QUERIES, ROUNDS = 40, 5
local VOCABULARY = 8000

-- Lehmer's generator: the same texts in every run.
local state = 48271

local function random(limit)
  state = state * 16807 % 2147483647
  return state % limit + 1
end

-- Words are as rare as natural language has them: the n-th is met n times less often.
local function text(least, most)
  local words = {}
  for i = 1, least + random(most - least + 1) - 1 do
    words[i] = sample.word(math.floor(VOCABULARY ^ (random(100000) / 100000.1)))
  end
  return table.concat(words, " ")
end

local function texts_of(count)
  local texts = {}
  for i = 1, count do texts[i] = text(8, 40) end
  return texts
end

local function timed(fn)
  local before = core.monotonic()
  fn()
  return core.monotonic() - before
end

local function remember_all(store, texts)
  for first = 1, #texts, BATCH do
    assert(store:transaction(function(tx)
      for i = first, math.min(first + BATCH - 1, #texts) do
        assert(tx.memory:remember { id = "m" .. i, text = texts[i], at = i * 60000 })
      end
      return true
    end))
  end
end

-- The medians of several ways to search, taken in turns.
local function medians(ways, queries)
  local times = {}
  for round = 1, ROUNDS do
    for i, way in ipairs(ways) do
      times[i] = times[i] or {}
      for _, query in ipairs(queries) do
        local took = timed(function() way[2](query) end)
        if round > 1 then table.insert(times[i], took) end -- the first one warms the caches
      end
    end
  end
  for i in ipairs(ways) do
    table.sort(times[i])
    times[i] = times[i][math.ceil(#times[i] / 2)]
  end
  return times
end

local function searching(store, mode)
  return function(query) assert(store.memory:search { text = query, mode = mode }) end
end

local function print_searches(store, index)
  local queries = {}
  for i = 1, QUERIES do queries[i] = text(3, 8) end
  local embedder = moonbase.embed.hash {}
  local ways = {
    { "bare FTS5, ORDER BY rank", function(query) index:search(query, 10) end },
    { 'search, "keyword"', searching(store, "keyword") },
    { 'search, "vector"', searching(store, "vector") },
    { 'search, "hybrid"', searching(store, "hybrid") },
    { "hash embedder, one question", function(query) embedder.embed { query } end },
  }
  local times = medians(ways, queries)
  for i, way in ipairs(ways) do print(("  %-32s %8.3f ms"):format(way[1], times[i])) end
  print(("  keyword beside FTS5: %.1f x faster"):format(times[1] / times[2]))
  print(("  hybrid beside keyword + vector: %.2f x"):format(times[4] / (times[2] + times[3])))
end

--- Prints how fast texts are remembered and found.
---@param count integer
function speed.run(count)
  local folder = os.tmpname()
  os.remove(folder)
  local texts = texts_of(count)
  local store = assert(moonbase.open(folder .. ".db"))
  local index = Fts5.open(folder .. ".fts.db")
  local ours = timed(function() remember_all(store, texts) end)
  local theirs = timed(function() index:put(texts) end)
  print(("  %d texts of 8 to 40 words, p50 of a search for 3 to 8 words, top 10"):format(count))
  print(("  remembered in transactions of %d: %.0f a second (FTS5 alone, in one: %.0f)"):format(BATCH,
    1000 * count / ours, 1000 * count / theirs))
  print_searches(store, index)
  store:close()
  index:close()
  for _, ending in ipairs { ".db", ".db-wal", ".db-shm", ".fts.db", ".fts.db-wal", ".fts.db-shm" } do
    os.remove(folder .. ending)
  end
end

return speed
