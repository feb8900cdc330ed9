-- A graph of 100,000 edges, in shapes whose answers are known: a chain, a hub, a grid.

local files = require "spec.support.files"
local stores = require "spec.support.stores"

local CHAIN, HUB, WIDE, HIGH = 30000, 30000, 200, 100

describe("a graph of 100,000 edges", function()
  local store, graph

  local function relate(from, rel, to, weight)
    assert(graph:relate { from = from, rel = rel, to = to, weight = weight })
  end

  local function add_grid()
    for x = 1, WIDE do
      for y = 1, HIGH do
        local here = ("g%d,%d"):format(x, y)
        if x < WIDE then relate(here, "right", ("g%d,%d"):format(x + 1, y), y == 1 and 1 or 3) end
        if y < HIGH then relate(here, "down", ("g%d,%d"):format(x, y + 1), 2) end
      end
    end
  end

  setup(function()
    store = stores.open(files.database())
    graph = store.graph
    assert(store:transaction(function()
      for i = 1, CHAIN do relate("c" .. i - 1, "next", "c" .. i) end
      for i = 1, HUB do relate("hub", "has", ("leaf%05d"):format(i), i % 1000) end
      add_grid()
      return true
    end))
  end)

  teardown(stores.cleanup)

  it("holds a chain that is gone along to its end", function()
    local list = assert(graph:reach("c0", { depth = CHAIN }))
    assert.are.equal(CHAIN, #list)
    assert.are.same({ node = "c1", distance = 1 }, list[1])
    assert.are.same({ node = "c" .. CHAIN, distance = CHAIN }, list[CHAIN])
    assert.are.equal(100, #graph:reach("c" .. CHAIN, { depth = 100, dir = "in" }))
    assert.are.equal(7, #graph:reach("c0", { depth = CHAIN, limit = 7 }))
  end)

  it("whose ends are as far apart as it is long", function()
    for _, options in ipairs { {}, { weighted = true }, { max_depth = CHAIN },
      { max_depth = CHAIN, weighted = true } } do
      local way, cost = graph:shortest_path("c0", "c" .. CHAIN, options)
      assert.are.equal(CHAIN, cost)
      assert.are.equal(CHAIN + 1, #way)
      assert.are.equal("c17", way[18])
    end
    assert.is_nil((graph:shortest_path("c0", "c" .. CHAIN, { max_depth = CHAIN - 1 })))
    assert.is_nil((graph:shortest_path("c0", "c" .. CHAIN, { max_depth = CHAIN - 1, weighted = true })))
    assert.is_nil((graph:shortest_path("c1", "c0")))
    assert.is_nil((graph:shortest_path("c1", "hub", { dir = "both", weighted = true })))
  end)

  it("holds a hub whose best neighbours are soon told", function()
    assert.are.same({ { node = "leaf00999", rel = "has", weight = 999 },
      { node = "leaf01999", rel = "has", weight = 999 } }, graph:neighbors("hub", { limit = 2 }))
    assert.are.equal(HUB, #graph:neighbors "hub")
    assert.are.equal(HUB, #graph:query():from("leaf00001"):in_():out():all())
    assert.are.same({ { node = "leaf00500", distance = 1 } },
      graph:query():from("hub"):out():where({ to = "leaf00500" }):all())
  end)

  it("and ranks them by weight", function()
    local list = assert(graph:rank { "hub" })
    assert.are.equal(1 + HUB - HUB / 1000, #list) -- edges without weight lead nowhere
    assert.are.equal("leaf00999", list[2].node)
    local sum = 0
    for _, item in ipairs(list) do sum = sum + item.score end
    assert.is_true(math.abs(sum - 1) < 1e-10)
  end)

  it("holds a grid whose ways are as long as its sides", function()
    local last = ("g%d,%d"):format(WIDE, HIGH)
    local way, cost = graph:shortest_path("g1,1", last)
    assert.are.same({ WIDE + HIGH - 1, WIDE + HIGH - 2 }, { #way, cost })
    way, cost = graph:shortest_path("g1,1", last, { weighted = true })
    assert.are.same({ WIDE + HIGH - 1, WIDE - 1 + 2 * (HIGH - 1) }, { #way, cost })
    assert.are.equal("g" .. WIDE .. ",1", way[WIDE]) -- along the cheap row
    assert.are.equal(WIDE * HIGH - 1, #graph:reach("g1,1", { depth = 1000 }))
    assert.are.equal(3 + 4, #graph:query():from("g1,1"):out():depth(2, 3):all())
    assert.is_nil((graph:shortest_path("g1,1", last, { rel = "right" })))
  end)

  it("can be paged through from end to end", function()
    local count, cursor = 0, nil
    repeat
      local page = assert(graph:edges { rel = "down", limit = 200, cursor = cursor })
      count, cursor = count + #page.items, page.next_cursor
    until not page.has_more
    assert.are.equal(WIDE * (HIGH - 1), count)
    local total = CHAIN + HUB + WIDE * (HIGH - 1) + (WIDE - 1) * HIGH
    assert.are.equal(total, graph:edges({ limit = 1, total = true }).total)
  end)
end)
