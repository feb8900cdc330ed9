-- The store's graph: edges that come, change and go, and every walk.
local steps = require "spec.native.steps"

require "moonbase.graph" -- undisturbed

local function edge(from, rel, to, fields)
  local made = fields or {}
  made.from, made.rel, made.to = from, rel, to
  return made
end

local function prepare(store)
  for i = 1, 40 do
    assert(store.graph:relate(edge("n" .. i, "r" .. i % 3, "n" .. i * 7 % 41, { weight = i % 4 })))
  end
end

-- Both results, or the error.
local function way(options)
  options.dir = "both"
  return function(s)
    local nodes, cost = s.graph:shortest_path("n1", "n3", options)
    if not nodes then return nil, cost end
    return { nodes, cost }
  end
end

return steps.scenario {
  prepare = prepare,
  { "relate", function(s) return s.graph:relate(edge("a", "r0", "b", { weight = 2 })) end },
  { "relate with data", function(s)
    return s.graph:relate(edge("b", "new", "n3", { data = { x = 1 }, source = "s", valid_from = 5 }))
  end },
  { "replace", function(s)
    return s.graph:relate(edge("b", "new", "n3", { data = { x = 2 }, valid_from = 5, valid_to = 9 }))
  end },
  { "neighbors", function(s) return s.graph:neighbors("n3", { dir = "both", limit = 2 }) end },
  { "reach", function(s) return s.graph:reach("a", { depth = 9 }) end },
  { "shortest path", way {} },
  { "cheapest path", way { weighted = true, max_depth = 20 } },
  { "rank", function(s) return s.graph:rank({ "n1", "a" }, { limit = 5, at = 7 }) end },
  { "query", function(s)
    return s.graph:query():from("a", "b"):out():depth(1, 4):where({ weight = { gte = 1 } })
      :in_("r1"):limit(5):all()
  end },
  { "query of data", function(s)
    return s.graph:query():from("b"):out():where({ ["data.x"] = 2 }):all()
  end },
  { "edges", function(s) return s.graph:edges { limit = 3, total = true } end },
  { "edges between", function(s) return s.graph:edges { from = "b", to = "n3" } end },
  { "without data", function(s) return s.graph:relate(edge("b", "new", "n3", { valid_from = 5 })) end },
  { "unrelate", function(s) return s.graph:unrelate(edge("b", "new", "n3")) end },
  { "unrelate another", function(s) return s.graph:unrelate(edge("a", "r0", "b")) end },
}
