-- The work of the nearest table, through moonbase: moonbase.lua FILE FOLDER.

local moonbase = require "moonbase"
local worker = require "bench.support.worker"

local WIDTH = 4 * 384
local BATCH = 1000

local store = assert(moonbase.open(arg[1], { durability = "normal" }))
local works, collection, queries = {}, nil, {}

local function each_vector(name, fn)
  local file = assert(io.open(arg[2] .. "/" .. name .. ".f32", "rb"))
  local count = 0
  for bytes in function() return file:read(WIDTH) end do
    count = count + 1
    fn(bytes, count)
  end
  file:close()
end

local function read_queries()
  queries = {}
  each_vector("queries", function(bytes, i) queries[i] = bytes end)
end

-- The microseconds that writing all took, in calls of a thousand.
function works.load()
  local taken, items = 0, {}
  read_queries()
  store.vectors:drop("c")
  collection = assert(store.vectors:create("c", { dim = 384 }))
  local function write()
    taken = taken + worker.time(1, function() assert(collection:upsert_many(items)) end)[1]
    items = {}
  end
  each_vector("base", function(bytes, i)
    items[#items + 1] = { id = ("%d"):format(i - 1), vector = bytes }
    if #items == BATCH then write() end
  end)
  if #items > 0 then write() end
  return { taken }
end

function works.search(count)
  return worker.time(count, function(i)
    assert(#assert(collection:search(queries[(i - 1) % #queries + 1])) == 10)
  end)
end

function works.ids(count)
  local found = {}
  for i = 1, count do
    for _, hit in ipairs(assert(collection:search(queries[(i - 1) % #queries + 1]))) do
      found[#found + 1] = tonumber(hit.id)
    end
  end
  return found
end

-- The memory that codes may be kept in, in megabytes.
function works.effort(_, megabytes)
  assert(store.vectors:cache(megabytes * 1024 * 1024))
  return {}
end

function works.memory()
  local file = assert(io.open("/proc/self/statm"))
  local pages = file:read("*l"):match("^%S+ (%S+)")
  file:close()
  return { pages * 4096 }
end

worker.serve("moonbase, " .. (jit and jit.version or _VERSION), works)
