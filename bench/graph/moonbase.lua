-- The work of the graph table, through moonbase: moonbase.lua FILE FOLDER.

local moonbase = require "moonbase"
local worker = require "bench.support.worker"

local store = assert(moonbase.open(arg[1]))
local works, turn = {}, 0

local function graph_of(size)
  return assert(store:scope(("g%d"):format(size))).graph
end

-- A node of so many, another one each time, the same ones in each program.
local function node(size)
  turn = turn + 1
  return ("node-%d"):format(turn * 7919 % (size / 10))
end

-- A question about other nodes each time; what is asked before the clock runs is not counted.
local function ask(count, size, fn)
  local graph, nodes = graph_of(size), {}
  for i = 1, 2 * count do nodes[i] = node(size) end
  return worker.time(count, function(i) assert(fn(graph, nodes[2 * i - 1], nodes[2 * i])) end)
end

function works.graph_neighbors(count, size)
  return ask(count, size, function(graph, a) return graph:neighbors(a) end)
end

function works.graph_reach(count, size, depth)
  return ask(count, size, function(graph, a) return graph:reach(a, { depth = depth }) end)
end

function works.graph_path(count, size)
  return ask(count, size, function(graph, a, b) return graph:shortest_path(a, b) end)
end

function works.graph_cheapest(count, size)
  return ask(count, size, function(graph, a, b)
    return graph:shortest_path(a, b, { weighted = true })
  end)
end

function works.graph_rank(count, size)
  return ask(count, size, function(graph, a) return graph:rank({ a }, { limit = 10 }) end)
end

local function edge(size)
  return { from = node(size), rel = ("r%d"):format(turn % 3), to = node(size), weight = turn % 7 }
end

local function edges(count, size)
  local list = {}
  for i = 1, count do list[i] = edge(size) end
  return list
end

function works.graph_relate(count, size)
  local graph, list = graph_of(size), edges(count, size)
  return worker.time(count, function(i) assert(graph:relate(list[i])) end)
end

function works.graph_relate_many(count, size, length)
  local graph, lists = graph_of(size), {}
  for i = 1, count do lists[i] = edges(length, size) end
  return worker.time(count, function(i)
    assert(store:transaction(function()
      for _, one in ipairs(lists[i]) do assert(graph:relate(one)) end
      return true
    end))
  end)
end

-- Lehmer's generator: exact in doubles too.
local state = 20240229

local function random(limit)
  state = state * 16807 % 2147483647
  return state % limit
end

-- Fills a new file with a random graph of ten edges for each node: graph_seed 1 SIZE.
function works.graph_seed(_, size)
  local graph = graph_of(size)
  for _ = 1, size, 10000 do
    assert(store:transaction(function()
      for _ = 1, 10000 do
        assert(graph:relate { from = ("node-%d"):format(random(size / 10)),
          rel = ("r%d"):format(random(3)), to = ("node-%d"):format(random(size / 10)),
          weight = (1 + random(100)) / 10 })
      end
      return true
    end))
  end
  return {}
end

worker.serve("moonbase " .. moonbase._VERSION .. ", " .. (jit and jit.version or _VERSION), works)
