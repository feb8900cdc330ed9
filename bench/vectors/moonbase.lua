-- The work of the vectors table, through moonbase: moonbase.lua FILE FOLDER.

local core = require "moonbase.core"
local moonbase = require "moonbase"
local worker = require "bench.support.worker"

local DIM = 384

local store = assert(moonbase.open(arg[1]))
local works, next_id = {}, 0

-- Lehmer's generator: exact in doubles too.
local state = 20240229

local function random()
  state = state * 16807 % 2147483647
  return state / 2147483647 - 0.5
end

local function vector()
  local values = {}
  for i = 1, DIM do values[i] = random() end
  return (assert(core.vector(values, DIM, "vector")))
end

local function batch(length)
  local items = {}
  for i = 1, length do
    next_id = next_id + 1
    items[i] = { id = "new-" .. next_id, vector = vector(), metadata = { n = 1 } }
  end
  return items
end

-- A search for each of so many queries, made before.
local function search(count, size, options)
  local c, queries = assert(store.vectors:open(("%d"):format(size))), {}
  for i = 1, count do queries[i] = vector() end
  assert(c:search(queries[1], options))
  return worker.time(count, function(i) assert(#assert(c:search(queries[i], options)) == 10) end)
end

function works.vector_search(count, size) return search(count, size) end
function works.vector_exact(count, size) return search(count, size, { exact = true }) end
function works.vector_filter(count, size) return search(count, size, { filter = { n = 1 } }) end

-- With nothing kept in memory between two searches.
function works.vector_cold(count, size)
  local held = assert(store.vectors:cache(0))
  local times = search(count, size)
  assert(held >= 0 and store.vectors:cache(128 * 1024 * 1024))
  return times
end

-- Searches each behind a change.
function works.vector_changed(count, size)
  local c, items = assert(store.vectors:open(("%d"):format(size))), batch(count)
  assert(c:search(items[1].vector))
  local times = {}
  for i = 1, count do
    assert(c:upsert("changed", items[i].vector))
    times[i] = worker.time(1, function() assert(c:search(items[i].vector)) end)[1]
  end
  return times
end

function works.vector_put(count, size, length)
  local c, batches = assert(store.vectors:open(("%d"):format(size))), {}
  for i = 1, count do batches[i] = batch(length) end
  return worker.time(count, function(i) assert(c:upsert_many(batches[i])) end)
end

-- How much of the ten nearest the codes find.
function works.vector_recall(count, size)
  local c, shares = assert(store.vectors:open(("%d"):format(size))), {}
  for i = 1, count do
    local query, ids, found = vector(), {}, 0
    for _, hit in ipairs(assert(c:search(query))) do ids[hit.id] = true end
    for _, hit in ipairs(assert(c:search(query, { exact = true }))) do
      found = found + (ids[hit.id] and 1 or 0)
    end
    shares[i] = found / 10
  end
  return shares
end

-- Fills a new file: vector_seed 1 SIZE.
function works.vector_seed(_, size)
  local c = assert(store.vectors:create(("%d"):format(size), { dim = DIM }))
  for _ = 1, size, 1000 do assert(c:upsert_many(batch(1000))) end
  return {}
end

worker.serve("moonbase " .. moonbase._VERSION .. ", " .. (jit and jit.version or _VERSION), works)
