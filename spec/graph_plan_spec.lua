-- No question to the graph reads a table from end to end, or sorts rows after reading them;
-- whichever statement fails, nothing is changed; and damage is told, not answered around.

local faults = require "spec.support.faults"
local files = require "spec.support.files"
local outcome = require "spec.support.outcome"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

local unpack = table.unpack or unpack -- luacheck: ignore

local SOURCES = { "src/storage/graph_edges.c", "src/storage/graph_hits.c" }

describe("the graph:", function()
  local store, graph

  before_each(function()
    store = stores.open(files.database())
    graph = store.graph
    assert(store:transaction(function()
      for i = 1, 300 do
        assert(graph:relate { from = "n" .. i % 50, rel = "r" .. i % 5, to = "n" .. i * 7 % 60,
          weight = i % 3, valid_from = i, data = i % 10 == 0 and { n = i } or nil })
      end
      return true
    end))
  end)

  after_each(stores.cleanup)

  local function pages(query)
    return function()
      query.limit, query.total = 2, true
      local page = assert(graph:edges(query))
      if page.next_cursor then
        query.cursor = page.next_cursor
        page = assert(graph:edges(query))
        query.cursor = assert(page.prev_cursor)
        assert(graph:edges(query))
      end
      query.cursor = nil
      return true
    end
  end

  local CALLS = {
    relate = function() return graph:relate { from = "x", rel = "y", to = "z", data = { 1 } } end,
    ["relate anew"] = function()
      return graph:relate { from = "n10", rel = "r0", to = "n10", valid_from = 10, source = "s" }
    end,
    ["relate without details"] = function()
      return graph:relate { from = "n10", rel = "r0", to = "n10", valid_from = 10 }
    end,
    ["relate to itself"] = function() return graph:relate { from = "x", rel = "y", to = "x" } end,
    unrelate = function() return graph:unrelate { from = "n10", rel = "r0", to = "n10" } end,
    neighbors = function() return graph:neighbors("n1", { dir = "both" }) end,
    reach = function() return graph:reach("n1", { depth = 3, rel = "r1" }) end,
    ["shortest path"] = function() return graph:shortest_path("n1", "n7", { dir = "both" }) end,
    rank = function() return graph:rank { "n1" } end,
    query = function() return graph:query():from("n1"):out():where({ weight = 1 }):in_("r1"):all() end,
    edges = pages {}, ["edges from"] = pages { from = "n1" }, ["edges to"] = pages { to = "n1" },
    ["edges of a relation"] = pages { rel = "r1" },
    ["edges of a relation from"] = pages { rel = "r1", from = "n1" },
    ["edges of a relation to"] = pages { rel = "r1", to = "n7" },
    ["edges between"] = pages { from = "n1", to = "n7" },
    ["edges of a time"] = pages { at = 50 },
    ["edges of a relation between"] = pages { rel = "r1", from = "n1", to = "n7", at = 1 },
  }

  describe("by an index:", function()
    for name, fn in pairs(CALLS) do
      it(name, function()
        assert.are.same({}, plans.slow(store, function() assert(fn() ~= nil) end))
      end)
    end

    it("what the core holds", function()
      local count = 0
      for name, sql in pairs(plans.core_statements(SOURCES)) do
        local values = {}
        for parameter in sql:gmatch "%$%l+" do values[#values + 1] = #parameter end
        local steps = assert(store.context.engine:rows("EXPLAIN QUERY PLAN " .. sql, unpack(values)))
        for _, step in ipairs(steps) do
          assert.is_nil(step.detail:find "SCAN", name .. ": " .. step.detail)
          assert.is_nil(step.detail:find "TEMP", name .. ": " .. step.detail)
        end
        if name:find " IN" then
          assert.matches("COVERING INDEX graph_edges_in", steps[1].detail)
        end
        count = count + 1
      end
      assert.are.equal(12, count)
    end)
  end)

  describe("when any one statement fails, nothing is changed:", function()
    for _, name in ipairs { "relate", "relate anew", "relate without details", "relate to itself", "unrelate" } do
      it(name, function() assert.is_true(faults.changes_nothing(store, CALLS[name]) > 0) end)
    end
  end)

  describe("damage is told:", function()
    local function damaged(sql, fn)
      for statement in sql:gmatch "[^;]+" do assert(store.context.engine:run(statement)) end
      outcome.refused("corrupt", fn())
    end

    local NO_NODES, NO_RELATIONS = "DELETE FROM graph_nodes WHERE name <> 'n1'",
      "DELETE FROM graph_relations WHERE name <> 'r0'"

    for name, case in pairs {
      ["a node's name is gone, neighbors"] = { NO_NODES, function() return graph:neighbors "n1" end },
      ["reach"] = { NO_NODES, function() return graph:reach("n1", { depth = 2 }) end },
      ["rank"] = { NO_NODES, function() return graph:rank { "n1" } end },
      ["path"] = { "DELETE FROM graph_nodes WHERE name NOT IN ('n1', 'n49')",
        function() return graph:shortest_path("n1", "n49") end },
      ["edges"] = { NO_NODES, function() return graph:edges { from = "n1" } end },
      ["query"] = { NO_NODES, function()
        return graph:query():from("n1"):out():where({ weight = { gte = 0 } }):all()
      end },
      ["a relation's name is gone, neighbors"] = { NO_RELATIONS,
        function() return graph:neighbors("n1", { rel = nil }) end },
      ["edges of relations"] = { NO_RELATIONS, function() return graph:edges() end },
      ["query of relations"] = { NO_RELATIONS, function()
        return graph:query():from("n1"):out():where({ weight = { gte = 0 } }):all()
      end },
      ["data is none, edges"] = { "UPDATE graph_details SET data = '{'",
        function() return graph:edges { from = "n10" } end },
      ["query of data"] = { "UPDATE graph_details SET data = '{'", function()
        return graph:query():from("n10"):out():where({ ["data.n"] = 10 }):all()
      end },
    } do
      it(name, function() damaged(case[1], case[2]) end)
    end

    for name, sql in pairs {
      ["a name that is gone"] = NO_NODES,
      ["a relation that is gone"] = NO_RELATIONS,
      ["a name of another scope"] = "UPDATE graph_nodes SET scope = 2 WHERE name = 'n1'",
      ["a name without an edge"] = "INSERT INTO graph_nodes (scope, name) VALUES (1, 'lost')",
      ["a relation without an edge"] = "INSERT INTO graph_relations (scope, name) VALUES (1, 'lost')",
      ["times that cannot be"] = "UPDATE graph_edges SET until = 1 WHERE since = 7",
      ["a weight that cannot be"] = "UPDATE graph_edges SET weight = -1 WHERE since = 7",
      ["details that are gone"] = "DELETE FROM graph_details WHERE key = 3",
      ["details of two edges"] = "UPDATE graph_edges SET detail = 3 WHERE since = 8",
      ["details of no edge"] = "INSERT INTO graph_details (scope, data) VALUES (1, '1')",
      ["data that is none"] = "UPDATE graph_details SET data = '{' WHERE key = 3",
    } do
      it("by store:check, " .. name, function()
        assert.is_true(store:check())
        if sql:find "scope = 2" then assert(store:scope("other").kv:set("a", "b", 1)) end
        damaged(sql, function() return store:check() end)
      end)
    end
  end)
end)
