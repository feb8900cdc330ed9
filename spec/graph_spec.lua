-- The store's graph: edges between names, and what is asked of them.

local core = require "moonbase.core"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

describe("the graph", function()
  local path, store, graph

  before_each(function()
    path = files.database()
    store = stores.open(path)
    graph = store.graph
  end)

  after_each(stores.cleanup)

  local function relate(from, rel, to, fields)
    local edge = { from = from, rel = rel, to = to }
    for name, value in pairs(fields or {}) do edge[name] = value end
    return assert(graph:relate(edge))
  end

  local function count(name) return stores.rows(store, name) end

  local function nodes_of(list)
    local nodes = {}
    for i, item in ipairs(assert(list)) do nodes[i] = item.node end
    return nodes
  end

  describe("holds edges:", function()
    it("what went in comes out", function()
      local edge = { from = "ann", rel = "works at", to = "Ünïted, Ltd.", weight = 0.1,
        data = { n = 3, list = moonbase.array {}, nothing = moonbase.null, zero = -0.0, text = "\0\n" },
        valid_from = -86400000, valid_to = 1764547200123, source = "mail 7" }
      assert.are.same(edge, graph:relate(edge))
      local found = assert(graph:edges()).items
      assert.are.same({ edge }, found)
      assert.are.equal(-math.huge, 1 / found[1].data.zero)
      assert.are.equal("[]", core.encode(found[1].data.list, "list"))
    end)

    it("a weight is 1 where none is given, and an integer where it is one", function()
      assert.are.equal(1, relate("a", "r", "b").weight)
      relate("a", "r", "c", { weight = 3.0 })
      relate("a", "r", "d", { weight = 2.5 })
      relate("a", "r", "e", { weight = 1e300 })
      relate("a", "r", "f", { weight = -0.0 })
      local texts = {}
      for i, edge in ipairs(assert(graph:edges()).items) do texts[i] = core.encode(edge.weight, "weight") end
      assert.are.same({ "1", "3", "2.5", "1e300", "0" }, texts)
    end)

    it("data is any document", function()
      for i, data in ipairs { "text", 7, true, false, moonbase.null, moonbase.array {}, {} } do
        relate("a", "r", "b" .. i, { data = data })
        assert.are.same(data, graph:edges { to = "b" .. i }.items[1].data)
      end
    end)

    it("the same ends, relation and beginning are the same edge, replaced whole", function()
      relate("a", "r", "b", { weight = 5, data = { x = 1 }, source = "s", valid_to = 9 })
      relate("a", "r", "b", { weight = 2 })
      assert.are.same({ { from = "a", rel = "r", to = "b", weight = 2 } }, graph:edges().items)
      assert.are.equal(0, count "graph_details")
      relate("a", "r", "b", { source = "t" })
      relate("a", "r", "b", { data = { y = 1 } })
      assert.are.same({ { from = "a", rel = "r", to = "b", weight = 1, data = { y = 1 } } },
        graph:edges().items)
      assert.are.equal(1, count "graph_details")
    end)

    it("another beginning, relation or direction is another edge", function()
      relate("a", "r", "b")
      relate("a", "r", "b", { valid_from = 0 })
      relate("a", "r", "b", { valid_from = -1 })
      relate("a", "r", "b", { valid_from = 1 })
      relate("a", "q", "b")
      relate("b", "r", "a")
      assert.are.equal(6, #graph:edges().items)
      assert.are.equal(4, graph:unrelate { from = "a", rel = "r", to = "b" })
      assert.are.equal(2, #graph:edges().items)
    end)

    it("nothing is left of what is unrelated", function()
      relate("a", "r", "b", { data = { x = 1 }, source = "s" })
      relate("b", "r", "b")
      relate("b", "q", "c", { data = { x = 2 } })
      assert.are.equal(0, graph:unrelate { from = "b", rel = "r", to = "a" })
      assert.are.equal(0, graph:unrelate { from = "b", rel = "new", to = "nobody" })
      assert.are.equal(1, graph:unrelate { from = "a", rel = "r", to = "b" })
      assert.are.equal(2, count "graph_nodes")
      assert.are.equal(1, graph:unrelate { from = "b", rel = "r", to = "b" })
      assert.are.equal(1, count "graph_relations")
      assert.are.equal(1, graph:unrelate { from = "b", rel = "q", to = "c" })
      for _, name in ipairs { "graph_nodes", "graph_relations", "graph_edges", "graph_details" } do
        assert.are.equal(0, count(name), name)
      end
    end)

    it("they are there when the file is opened again", function()
      relate("a", "r", "b", { weight = 2, data = { x = 1 } })
      store:close()
      store = stores.open(path)
      assert.are.same({ { from = "a", rel = "r", to = "b", weight = 2, data = { x = 1 } } },
        store.graph:edges().items)
      assert.are.same({ { node = "b", distance = 1 } }, store.graph:reach("a", { depth = 5 }))
    end)
  end)

  describe("as it was at a time:", function()
    before_each(function()
      relate("ann", "works_at", "acme", { valid_from = 100, valid_to = 200 })
      relate("ann", "works_at", "bolt", { valid_from = 200 })
      relate("bolt", "owns", "acme", { valid_to = 150 })
      relate("acme", "in", "town")
    end)

    it("the beginning belongs to it, the end does not", function()
      for at, expected in pairs { [99] = {}, [100] = { "acme" }, [199] = { "acme" }, [200] = { "bolt" },
        [201] = { "bolt" } } do
        assert.are.same(expected, nodes_of(graph:neighbors("ann", { at = at })), at)
      end
      assert.are.same({ "acme", "bolt" }, nodes_of(graph:neighbors "ann"))
    end)

    it("in every question", function()
      assert.are.same({ "acme", "town" }, nodes_of(graph:reach("ann", { depth = 3, at = 149 })))
      assert.are.same({ "bolt" }, nodes_of(graph:reach("ann", { depth = 3, at = 300 })))
      assert.are.same({ "ann", "acme", "town" }, (graph:shortest_path("ann", "town", { at = 120 })))
      assert.is_nil((graph:shortest_path("ann", "town", { at = 300 })))
      assert.is_nil((graph:shortest_path("ann", "town", { at = 300, weighted = true })))
      assert.are.equal(2, #graph:edges { at = 300 }.items)
      assert.are.equal(3, #graph:edges { at = 149 }.items)
      assert.are.same({ "bolt" }, nodes_of(graph:query():from("ann"):out():at(300):all()))
      local ranks = graph:rank({ "bolt" }, { at = 300 })
      assert.are.same({ { node = "bolt", score = 1 } }, ranks)
    end)

    it("where a node without an edge is none", function()
      assert.are.same({}, graph:rank({ "bolt" }, { at = 170 }))
      assert.is_nil((graph:shortest_path("bolt", "bolt", { at = 170 })))
      assert.are.same({ "bolt" }, (graph:shortest_path("bolt", "bolt", { at = 300 })))
      assert.are.same({}, graph:query():from("bolt"):at(170):all())
    end)

    it("before 1970 too", function()
      relate("x", "r", "y", { valid_from = -1000, valid_to = -500 })
      relate("x", "r", "z", { valid_from = -500, valid_to = 0 })
      local function at(time) return nodes_of(graph:neighbors("x", { at = time })) end
      assert.are.same({ {}, { "y" }, { "y" }, { "z" }, { "z" }, {} },
        { at(-1001), at(-1000), at(-501), at(-500), at(-1), at(0) })
      assert.are.same({ -1000, -500 }, { graph:edges { to = "y" }.items[1].valid_from,
        graph:edges { to = "y" }.items[1].valid_to })
    end)
  end)

  describe("neighbors", function()
    before_each(function()
      relate("a", "likes", "c", { weight = 2 })
      relate("a", "knows", "d")
      relate("a", "knows", "b")
      relate("a", "likes", "b", { weight = 1 })
      relate("e", "knows", "a", { weight = 3 })
      relate("a", "is", "a")
    end)

    it("come the heaviest first, then by name and relation", function()
      assert.are.same({ { node = "c", rel = "likes", weight = 2 }, { node = "a", rel = "is", weight = 1 },
        { node = "b", rel = "knows", weight = 1 }, { node = "b", rel = "likes", weight = 1 },
        { node = "d", rel = "knows", weight = 1 } }, graph:neighbors "a")
    end)

    it("over edges of a direction, a relation, up to a limit", function()
      assert.are.same({ "e", "a" }, nodes_of(graph:neighbors("a", { dir = "in" })))
      assert.are.same({ "e", "c", "a", "b", "b", "d" }, nodes_of(graph:neighbors("a", { dir = "both" })))
      assert.are.same({ "b", "d" }, nodes_of(graph:neighbors("a", { rel = "knows" })))
      assert.are.same({ "e", "b", "d" }, nodes_of(graph:neighbors("a", { rel = "knows", dir = "both" })))
      assert.are.same({ "c", "a", "b" }, nodes_of(graph:neighbors("a", { limit = 3 })))
      assert.are.same({}, graph:neighbors("a", { limit = 0 }))
      assert.are.same({}, graph:neighbors("a", { rel = "hates" }))
      assert.are.same({}, graph:neighbors "nobody")
    end)
  end)

  describe("reach", function()
    before_each(function()
      for i, edge in ipairs { "ab", "bc", "cd", "da", "ae", "ec" } do
        relate(edge:sub(1, 1), "r", edge:sub(2, 2), { weight = i })
      end
    end)

    it("goes breadth first without the start, by name where equally far", function()
      assert.are.same({ { node = "b", distance = 1 }, { node = "e", distance = 1 },
        { node = "c", distance = 2 }, { node = "d", distance = 3 } }, graph:reach("a", { depth = 10 }))
      assert.are.same({ "d", "c", "b", "e" }, nodes_of(graph:reach("a", { depth = 10, dir = "in" })))
      assert.are.same({ "b", "d", "e", "c" }, nodes_of(graph:reach("a", { depth = 10, dir = "both" })))
    end)

    it("up to a depth and a limit", function()
      assert.are.same({}, graph:reach("a", { depth = 0 }))
      assert.are.same({ "b", "e", "c" }, nodes_of(graph:reach("a", { depth = 2 })))
      assert.are.same({ "b", "e", "c" }, nodes_of(graph:reach("a", { depth = 9, limit = 3 })))
      assert.are.same({ "b" }, nodes_of(graph:reach("a", { depth = 9, limit = 1 })))
      assert.are.same({}, graph:reach("a", { depth = 9, limit = 0 }))
      assert.are.same({}, graph:reach("nobody", { depth = 9 }))
    end)
  end)

  describe("shortest_path", function()
    before_each(function()
      relate("a", "r", "b", { weight = 5 })
      relate("a", "r", "c", { weight = 1 })
      relate("c", "r", "d", { weight = 1 })
      relate("d", "r", "b", { weight = 1 })
      relate("b", "q", "e", { weight = 0 })
    end)

    it("has the fewest edges", function()
      local way, cost = graph:shortest_path("a", "e")
      assert.are.same({ "a", "b", "e" }, way)
      assert.are.equal(2, cost)
      assert.is_nil((graph:shortest_path("e", "a")))
      assert.are.same({ "e", "b", "a" }, (graph:shortest_path("e", "a", { dir = "in" })))
      assert.are.same({ "c", "a", "b" }, (graph:shortest_path("c", "b", { dir = "both" })))
    end)

    it("or the least sum of weights", function()
      local way, cost = graph:shortest_path("a", "e", { weighted = true })
      assert.are.same({ "a", "c", "d", "b", "e" }, way)
      assert.are.equal(3, cost)
      way, cost = graph:shortest_path("a", "e", { weighted = true, max_depth = 3 })
      assert.are.same({ "a", "b", "e" }, way)
      assert.are.equal(5, cost)
    end)

    it("over no more edges than allowed, of one relation", function()
      assert.is_nil((graph:shortest_path("a", "e", { max_depth = 1 })))
      assert.is_nil((graph:shortest_path("a", "e", { max_depth = 1, weighted = true })))
      assert.is_nil((graph:shortest_path("a", "e", { rel = "r" })))
      assert.is_nil((graph:shortest_path("a", "e", { rel = "none" })))
      assert.are.same({ "a", "b" }, (graph:shortest_path("a", "b", { rel = "r", max_depth = 1 })))
    end)

    it("from a node to itself is the node", function()
      for _, options in ipairs { {}, { weighted = true }, { max_depth = 0 }, { rel = "none" } } do
        local way, cost = graph:shortest_path("c", "c", options)
        assert.are.same({ "c" }, way)
        assert.are.equal(0, cost)
      end
      assert.is_nil((graph:shortest_path("nobody", "nobody")))
      assert.is_nil((graph:shortest_path("a", "nobody")))
      assert.is_nil((graph:shortest_path("nobody", "a", { weighted = true })))
    end)

    it("takes the lightest of several edges, and counts what is valid", function()
      relate("x", "r", "y", { weight = 4 })
      relate("x", "q", "y", { weight = 0.5 })
      relate("x", "r", "y", { weight = 0.25, valid_to = 10 })
      relate("x", "r", "y", { weight = 3, valid_from = 5, valid_to = 10 })
      local function cost(options)
        options.weighted = true
        return select(2, graph:shortest_path("x", "y", options))
      end
      assert.are.same({ 0.25, 0.25, 0.5, 3 }, { cost {}, cost { at = 7 }, cost { at = 10 },
        cost { rel = "r", at = 7 } == 0.25 and 3 or 0 })
    end)
  end)

  describe("rank", function()
    it("follows heavy edges more than light ones, and comes back to the seeds", function()
      relate("a", "r", "b", { weight = 3 })
      relate("a", "r", "c", { weight = 1 })
      local scores = {}
      for _, item in ipairs(graph:rank({ "a" }, { alpha = 0.5 })) do scores[item.node] = item.score end
      assert.is_true(math.abs(scores.a - 2 / 3) < 1e-12)
      assert.is_true(math.abs(scores.b - 3 / 12) < 1e-12)
      assert.is_true(math.abs(scores.c - 1 / 12) < 1e-12)
    end)

    it("orders equal scores by name, and knows no more than the seeds reach", function()
      for _, name in ipairs { "z", "m", "b" } do relate("hub", "r", name) end
      relate("far", "r", "hub")
      assert.are.same({ "hub", "b", "m", "z" }, nodes_of(graph:rank { "hub" }))
      assert.are.same({ "hub", "b" }, nodes_of(graph:rank({ "hub" }, { limit = 2 })))
      assert.are.same({}, graph:rank({ "hub" }, { limit = 0 }))
    end)

    it("takes several seeds, each once, and leaves out those that are not there", function()
      relate("a", "r", "b")
      relate("c", "r", "b")
      assert.are.same(graph:rank { "a", "c" }, graph:rank { "a", "nobody", "c", "a" })
      assert.are.same({}, graph:rank { "nobody" })
      assert.are.same({}, graph:rank {})
    end)

    it("does not follow edges without weight", function()
      relate("a", "r", "b", { weight = 0 })
      assert.are.same({ { node = "a", score = 1 } }, graph:rank { "a" })
      relate("a", "r", "c", { weight = 5e-324 })
      relate("a", "r", "d", { weight = 1e308 })
      relate("a", "r", "e", { weight = 1.7e308 })
      assert.are.same({ "a", "e", "d" }, nodes_of(graph:rank { "a" }))
    end)

    it("alpha from a thousandth to one", function()
      relate("a", "r", "b")
      relate("b", "r", "a")
      assert.are.same({ { node = "a", score = 1 } }, graph:rank({ "a" }, { alpha = 1 }))
      local list = graph:rank({ "a" }, { alpha = 0.001 })
      assert.is_true(math.abs(list[1].score - 1 / 1.999) < 1e-9)
    end)
  end)

  describe("a query", function()
    before_each(function()
      relate("ann", "works_at", "acme", { data = { part = 0.5 } })
      relate("bob", "works_at", "acme", { weight = 2 })
      relate("cid", "works_at", "bolt")
      relate("ann", "knows", "cid")
      relate("cid", "knows", "dan", { source = "mail" })
      relate("dan", "knows", "ann")
    end)

    local function query(...) return graph:query():from(...) end

    it("takes steps from nodes to nodes", function()
      assert.are.same({ { node = "ann", distance = 2 }, { node = "bob", distance = 2 } },
        query("ann"):out("works_at"):in_("works_at"):all())
      assert.are.same({ "acme", "bolt" }, nodes_of(query("ann", "cid"):out("works_at"):all()))
      assert.are.same({ "acme", "cid" }, nodes_of(query("ann"):out():all()))
      assert.are.same({ "dan" }, nodes_of(query("ann"):in_():all()))
      assert.are.same({ { node = "ann", distance = 0 } }, query("ann", "nobody"):all())
      assert.are.same({}, query("nobody"):out("knows"):all())
      assert.are.same({}, query("ann"):out("owns"):out():all())
    end)

    it("goes deep with a step, the nearest first", function()
      assert.are.same({ { node = "cid", distance = 1 }, { node = "dan", distance = 2 } },
        query("ann"):out("knows"):depth(1, 3):all())
      assert.are.same({ { node = "dan", distance = 2 } }, query("ann"):out("knows"):depth(2):all())
      assert.are.same({ "ann", "cid", "dan" }, nodes_of(query("ann"):out("knows"):depth(0, 9):all()))
      assert.are.same({ { node = "acme", distance = 1 }, { node = "bolt", distance = 2 } },
        query("ann"):out("knows"):depth(0, 9):out("works_at"):all())
    end)

    it("follows edges that match", function()
      assert.are.same({ "bob" }, nodes_of(query("acme"):in_():where({ weight = { gte = 2 } }):all()))
      assert.are.same({ "ann" }, nodes_of(query("acme"):in_():where({ ["data.part"] = 0.5 }):all()))
      assert.are.same({ "cid" }, nodes_of(query("ann"):out("knows"):depth(1, 3)
        :where({ source = { ne = "mail" } }):all()))
      assert.are.same({ "cid" }, nodes_of(query("ann"):out():where({ rel = "knows" })
        :where({ to = { one_of = { "cid", "acme" } } }):all()))
      assert.are.same({}, query("ann"):out():where({ valid_from = { exists = true } }):all())
      assert.are.same({ "bob" }, nodes_of(query("acme"):in_():where({ node = { ne = "ann" } }):all()))
      assert.are.same({ "cid" }, nodes_of(query("ann"):out():where({ node = "cid" }):all()))
    end)

    it("gives so many, one by one too", function()
      assert.are.same({ "cid" }, nodes_of(query("ann"):out("knows"):depth(1, 3):limit(1):all()))
      assert.are.same({}, query("ann"):out():limit(0):all())
      local seen = {}
      for item in query("ann"):out():each() do
        seen[#seen + 1] = item.node
        relate("ann", "likes", "new " .. #seen) -- nothing is held open
      end
      assert.are.same({ "acme", "cid" }, seen)
    end)

    it("can be asked again, and sees what is there then", function()
      local asked = query("ann"):out("knows")
      assert.are.equal(1, #asked:all())
      relate("ann", "knows", "eve")
      assert.are.equal(2, #asked:all())
    end)
  end)

  describe("belongs to its store:", function()
    it("it is a userdata, as a session's is, and each knows its own", function()
      local session = assert(store.sessions:create()):graph()
      assert.are.equal("userdata", type(graph))
      assert.are.equal("userdata", type(session))
      assert.matches("session", tostring(select(2, pcall(graph.path, graph, "x"))))
      assert.matches("store", tostring(select(2, pcall(session.reach, session, "x", { depth = 1 }))))
      assert.is_false(pcall(graph.reach, store, "x", { depth = 1 }))
      assert.is_false(pcall(graph.reach, nil, "x"))
    end)

    it("scopes do not see each other's edges", function()
      local other = assert(store:scope("other")).graph
      relate("a", "r", "b")
      relate("b", "r", "c")
      assert.are.same({}, other:neighbors "a")
      assert.are.same({}, other:edges().items)
      assert(other:relate { from = "a", rel = "r", to = "x" })
      assert.are.same({ "x" }, nodes_of(other:reach("a", { depth = 9 })))
      assert.are.same({ "b", "c" }, nodes_of(graph:reach("a", { depth = 9 })))
      assert.are.equal(1, other:unrelate { from = "a", rel = "r", to = "x" })
      assert.are.equal(2, #graph:edges().items)
      assert.is_true(store:check())
    end)

    it("a transaction sees its own edges, nobody else does, and none is left behind", function()
      relate("a", "r", "b")
      local tx = assert(store:begin())
      assert(tx.graph:relate { from = "b", rel = "r", to = "c" })
      assert.are.same({ "b", "c" }, nodes_of(tx.graph:reach("a", { depth = 9 })))
      local seen = coroutine.wrap(function() return graph:reach("a", { depth = 9 }) end)()
      assert.are.same({ "b" }, nodes_of(seen))
      assert.are.equal(1, tx.graph:unrelate { from = "a", rel = "r", to = "b" })
      assert.are.same({}, tx.graph:rank { "a" })
      assert(tx:rollback())
      assert.are.same({ "b" }, nodes_of(graph:reach("a", { depth = 9 })))
      assert.are.equal(2, count "graph_nodes")
      for _, call in ipairs { "neighbors", "edges", "relate", "unrelate" } do
        local argument = call == "neighbors" and "a" or call == "edges" and {}
          or { from = "a", rel = "r", to = "b" }
        assert.is_false(pcall(tx.graph[call], tx.graph, argument), call)
      end
      assert.is_false(pcall(function() return tx.graph:query():from("a"):all() end))
    end)

    it("a failed transaction changes nothing", function()
      local ok = pcall(store.transaction, store, function(inner)
        assert(inner.graph:relate { from = "a", rel = "r", to = "b" })
        error "no"
      end)
      assert.is_false(ok)
      assert.are.same({}, graph:edges().items)
      assert.are.equal(0, count "graph_nodes")
    end)

    it("a handle for reading only reads", function()
      relate("a", "r", "b")
      local reader = stores.open(path, { readonly = true, shared = false })
      assert.are.same({ "b" }, nodes_of(reader.graph:neighbors "a"))
      outcome.refused("readonly", reader.graph:relate { from = "a", rel = "r", to = "c" })
      reader:close()
      outcome.raises("closed", reader.graph.neighbors, reader.graph, "a")
    end)

    it("nodes are told apart whatever numbers they have", function()
      for i = 1, 300 do relate("n" .. i % 41, "r" .. i % 3, "n" .. i * 7 % 43, { weight = i % 5 }) end
      local function answers()
        return { graph:reach("n1", { depth = 9 }), graph:rank { "n1", "n2" },
          (graph:shortest_path("n1", "n40")), (graph:shortest_path("n1", "n40", { weighted = true })),
          (graph:shortest_path("n1", "n40", { weighted = true, max_depth = 50 })) }
      end
      local before, engine = answers(), store.context.engine
      -- numbers of more than 32 bits, many of which end in the same ones
      assert(engine:run "UPDATE graph_nodes SET key = (key << 32) + key % 3")
      assert(engine:run [[UPDATE graph_edges SET src = (src << 32) + src % 3,
        dst = (dst << 32) + dst % 3]])
      assert.are.same(before, answers())
      assert.is_true(store:check())
    end)

    it("blobs that the data of edges name are kept", function()
      local hash = assert(store.blobs:put("bytes"))
      relate("a", "r", "b", { data = { file = { ["$blob"] = hash } } })
      assert.are.equal(0, assert(store:gc()).deleted)
      graph:unrelate { from = "a", rel = "r", to = "b" }
      assert.are.equal(1, assert(store:gc()).deleted)
    end)
  end)
end)
