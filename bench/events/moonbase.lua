-- The work of the events table, through moonbase: moonbase.lua FILE FOLDER.

local moonbase = require "moonbase"
local worker = require "bench.support.worker"

local STREAMS, TYPES = 4, 2

local store = assert(moonbase.open(arg[1]))
local events = store.events
local plain = worker.documents(arg[2] .. "/plain.jsonl")
local total = assert(events:latest())

local works, next_event = {}, 0

-- Every combination of a stream and a type comes equally often.
local function event(key)
  next_event = next_event + 1
  return { stream = "run-" .. next_event % STREAMS,
    type = "type-" .. math.floor(next_event / STREAMS) % TYPES,
    data = plain[next_event % #plain + 1], key = key }
end

local function batch(length)
  local list = {}
  for i = 1, length do list[i] = event() end
  return list
end

function works.event_append(count)
  local list = batch(count)
  return worker.time(count, function(i) assert(events:append(list[i])) end)
end

function works.event_keyed(count)
  local list = {}
  for i = 1, count do list[i] = event("key-" .. next_event) end
  return worker.time(count, function(i) assert(events:append(list[i])) end)
end

function works.event_batch(count, length)
  local batches = {}
  for i = 1, count do batches[i] = batch(length) end
  return worker.time(count, function(i) assert(events:append_batch(batches[i])) end)
end

-- 100 events of the log as it was at the start, from its end or from anywhere.
function works.event_poll(count, by, where)
  local query = { stream = by:find("stream") and "run-1", type = by:find("type") and "type-1" }
  query.stream, query.type = query.stream or nil, query.type or nil
  return worker.time(count, function(i)
    query.after = where == "newest" and total - 900 or i * 7919 % (total - 900)
    assert(#assert(events:poll(query)) == 100)
  end)
end

-- Fills a new file: event_seed 1 LENGTH.
function works.event_seed(_, length)
  for _ = 1, length, 1000 do assert(events:append_batch(batch(1000))) end
  return {}
end

worker.serve("moonbase " .. moonbase._VERSION .. ", " .. (jit and jit.version or _VERSION), works)
