-- What is wrong is told by the typed error, or raises where it is the programmer's mistake, and
-- changes nothing.

local files = require "spec.support.files"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local NAN, HUGE = 0 / 0, math.huge

describe("the graph refuses", function()
  local store, graph

  before_each(function()
    store = stores.open(files.database())
    graph = store.graph
    assert(graph:relate { from = "a", rel = "r", to = "b", data = { n = 1 } })
  end)

  after_each(stores.cleanup)

  local function unchanged()
    assert.are.same({ { from = "a", rel = "r", to = "b", weight = 1, data = { n = 1 } } },
      graph:edges().items)
    assert.are.equal(2, store.context.engine:value "SELECT count(*) FROM graph_nodes")
    assert.is_true(store:check())
  end

  local function is_invalid(field, result, err)
    assert.are.equal(field, outcome.refused("invalid", result, err).field)
    unchanged()
  end

  local function raises(name, fn, ...)
    assert.matches(name, outcome.raises("invalid", fn, ...).message, 1, true)
    unchanged()
  end

  local BAD_IDS = { "", "  ", "\0", "a\0b", "\255", "\237\160\128", ("x"):rep(513) }
  local BAD_LIMITS = { -1, 0.5, NAN, HUGE, -HUGE }
  local BAD_TIMES = { 0.5, NAN, HUGE, -HUGE, 2 ^ 60 }

  local function edge(changes)
    local made = { from = "a", rel = "r", to = "c" }
    for name, value in pairs(changes) do made[name] = value end
    return made
  end

  it("names that are none", function()
    for _, id in ipairs(BAD_IDS) do
      for _, field in ipairs { "from", "rel", "to", "source" } do
        is_invalid(field, graph:relate(edge { [field] = id }))
      end
      for _, field in ipairs { "from", "rel", "to" } do
        is_invalid(field, graph:unrelate(edge { [field] = id }))
        is_invalid(field, graph:edges { [field] = id })
      end
      is_invalid("node", graph:neighbors(id))
      is_invalid("rel", graph:neighbors("a", { rel = id }))
      is_invalid("node", graph:reach(id, { depth = 1 }))
      is_invalid("a", graph:shortest_path(id, "b"))
      is_invalid("b", graph:shortest_path("a", id))
      is_invalid("seeds[2]", graph:rank { "a", id })
      is_invalid("from", graph:query():from("a", id):all())
      is_invalid("rel", graph:query():from("a"):out(id):all())
      is_invalid("rel", graph:query():from("a"):in_(id):each())
    end
  end)

  it("edges without what they need", function()
    for _, field in ipairs { "from", "rel", "to" } do
      local whole = edge {}
      whole[field] = nil
      is_invalid(field, graph:relate(whole))
      is_invalid(field, graph:unrelate(whole))
    end
    is_invalid("from", graph:unrelate())
    is_invalid("depth", graph:reach("a"))
    is_invalid("depth", graph:reach("a", {}))
    is_invalid("from", graph:query():out():all())
    is_invalid("from", graph:query():each())
  end)

  it("weights and times that cannot be", function()
    for _, weight in ipairs { -1, -5e-324, NAN, HUGE, -HUGE } do
      is_invalid("weight", graph:relate(edge { weight = weight }))
    end
    for _, time in ipairs(BAD_TIMES) do
      is_invalid("valid_from", graph:relate(edge { valid_from = time }))
      is_invalid("valid_to", graph:relate(edge { valid_to = time }))
      is_invalid("at", graph:edges { at = time })
      is_invalid("at", graph:neighbors("a", { at = time }))
      is_invalid("at", graph:rank({ "a" }, { at = time }))
      is_invalid("at", graph:query():from("a"):at(time):all())
    end
    is_invalid("valid_to", graph:relate(edge { valid_from = 5, valid_to = 5 }))
    is_invalid("valid_to", graph:relate(edge { valid_from = 5, valid_to = -5 }))
  end)

  it("numbers that limit nothing", function()
    for _, value in ipairs(BAD_LIMITS) do
      is_invalid("limit", graph:edges { limit = value })
      is_invalid("limit", graph:neighbors("a", { limit = value }))
      is_invalid("depth", graph:reach("a", { depth = value }))
      is_invalid("limit", graph:reach("a", { depth = 1, limit = value }))
      is_invalid("max_depth", graph:shortest_path("a", "b", { max_depth = value }))
      is_invalid("limit", graph:rank({ "a" }, { limit = value }))
      is_invalid("limit", graph:query():from("a"):limit(value):all())
      is_invalid("min", graph:query():from("a"):out():depth(value):all())
      is_invalid("max", graph:query():from("a"):out():depth(1, value):all())
    end
    is_invalid("max", graph:query():from("a"):out():depth(3, 2):all())
    for _, alpha in ipairs { 0, -0.1, 1.1, 1e-9, NAN, HUGE } do
      is_invalid("alpha", graph:rank({ "a" }, { alpha = alpha }))
    end
  end)

  it("documents that have no JSON form", function()
    local round = {}
    round.round = round
    for _, case in ipairs { { { x = { "\255" } }, "data.x[1]" }, { { NAN }, "data[1]" },
      { { a = HUGE }, "data.a" }, { { print }, "data[1]" }, { print, "data" }, { { 1, x = 2 }, "data" } } do
      local err = outcome.refused("serialization", graph:relate(edge { data = case[1] }))
      assert.are.equal(case[2], err.field)
      unchanged()
    end
    assert.are.equal("serialization", select(2, graph:relate(edge { data = round })).code)
    assert.are.equal("serialization",
      select(2, graph:relate { from = "a", rel = "r", to = "b", data = round }).code)
    unchanged()
  end)

  it("cursors that it did not give", function()
    for _, cursor in ipairs { "", "x", ("x"):rep(9000), "W10", "e30" } do
      is_invalid("cursor", graph:edges { cursor = cursor })
    end
  end)

  it("filters that are none", function()
    local function where(filter)
      return graph:query():from("a"):out():where(filter):all()
    end
    is_invalid("filter.colour", where { colour = "red" })
    is_invalid("filter.weight.above", where { weight = { above = 1 } })
    is_invalid("filter.data.x.one_of", where { ["data.x"] = { one_of = 3 } })
    is_invalid("filter.any", where { any = 1 })
    assert.are.same({ "b" }, { (where { ["data.n"] = 1 })[1].node })
    assert.are.same({}, where { ["data.n' OR 1=1 --"] = 1 })
  end)

  it("by raising: wrong types and unknown options", function()
    raises("edge", graph.relate, graph, "a")
    raises("edge.from", graph.relate, graph, edge { from = 1 })
    raises("edge.weight", graph.relate, graph, edge { weight = "1" })
    raises("edge.valid_from", graph.relate, graph, edge { valid_from = "now" })
    raises("edge.colour", graph.relate, graph, edge { colour = "red" })
    raises("edge.valid_from", graph.unrelate, graph, edge { valid_from = 1 })
    raises("query.kind", graph.edges, graph, { kind = "x" })
    raises("node", graph.neighbors, graph, 1)
    raises("node", graph.neighbors, graph)
    raises("options", graph.neighbors, graph, "a", 1)
    raises("options.depth", graph.neighbors, graph, "a", { depth = 1 })
    raises("options.dir", graph.neighbors, graph, "a", { dir = "up" })
    raises("options.dir", graph.reach, graph, "a", { depth = 1, dir = true })
    raises("options.limit", graph.shortest_path, graph, "a", "b", { limit = 1 })
    raises("options.weighted", graph.shortest_path, graph, "a", "b", { weighted = 1 })
    raises("options.dir", graph.rank, graph, { "a" }, { dir = "in" })
    raises("seeds", graph.rank, graph, "a")
    raises("seeds", graph.rank, graph, { a = 1 })
    raises("seeds[1]", graph.rank, graph, { 1 })
    local query = graph:query()
    raises("depth", query.depth, query, 1)
    raises("where", query.where, query, {})
    raises("from", query.from, query, 1)
    query:from("a"):out()
    raises("filter", query.where, query, "weight")
    raises("min", query.depth, query)
    raises("limit", query.limit, query, "all")
  end)

  it("nothing that is only text", function()
    for _, name in ipairs { "'; DROP TABLE graph_edges; --", "%", "_", "*", "\"", "NULL", "-1", "1e5",
      "a' OR '1'='1", ("x"):rep(512), "日本語", "a b" } do
      assert(graph:relate { from = name, rel = name, to = "b" .. name:sub(1, 500) })
      assert.are.equal(1, #graph:neighbors(name))
      assert.are.equal(1, #graph:edges { from = name, rel = name }.items)
      assert.are.equal(name, graph:rank({ name })[1].node)
      assert.are.equal(1, graph:unrelate { from = name, rel = name, to = "b" .. name:sub(1, 500) })
    end
    unchanged()
  end)
end)
