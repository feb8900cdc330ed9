-- The work of the blobs table, through moonbase: moonbase.lua FILE FOLDER COMPRESS.

local moonbase = require "moonbase"
local worker = require "bench.support.worker"

local store = assert(moonbase.open(arg[1], { compress = arg[3] }))
local blobs = store.blobs

local works, last, count_put, contents = {}, {}, 0, {}

-- The first bytes of a file of the folder, with a number in front that makes them new.
local function bytes_of(name, size)
  if not contents[name] then
    local file = assert(io.open(arg[2] .. "/" .. name, "rb"))
    contents[name] = file:read "*a"
    file:close()
  end
  count_put = count_put + 1
  return ("%08d"):format(count_put) .. contents[name]:sub(1, size - 8)
end

-- blob_put COUNT SIZE FILE: new ones.
function works.blob_put(count, size, name)
  last = {}
  for i = 1, count do last[i] = bytes_of(name, size) end
  return worker.time(count, function(i) assert(blobs:put(last[i])) end)
end

-- blob_again COUNT: the last one again.
function works.blob_again(count)
  return worker.time(count, function() assert(blobs:put(last[#last])) end)
end

-- blob_get COUNT: those that were put last.
function works.blob_get(count)
  local hashes = {}
  for i, bytes in ipairs(last) do hashes[i] = assert(blobs:put(bytes)) end
  return worker.time(count, function(i) assert(blobs:get(hashes[i % #hashes + 1])) end)
end

-- blob_seed 1 COUNT: so many of a kilobyte that nothing names.
function works.blob_seed(_, length)
  assert(store:transaction(function(tx)
    for _ = 1, length do assert(tx.blobs:put(bytes_of("noise", 1024))) end
    return true
  end))
  return {}
end

-- blob_gc 1: all that nothing names.
function works.blob_gc()
  return worker.time(1, function() assert(store:gc()) end)
end

worker.serve("moonbase " .. moonbase._VERSION .. ", " .. (jit and jit.version or _VERSION), works)
