-- The edges of the store's graph, a page at a time.

local files = require "spec.support.files"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

describe("the graph shows edges in pages", function()
  local store

  before_each(function()
    store = stores.open(files.database())
    for i = 1, 5 do
      for j = 1, 5 do
        assert(store.graph:relate { from = "a" .. i, rel = "r" .. (i + j) % 2, to = "b" .. j })
      end
    end
  end)

  after_each(stores.cleanup)

  it("of some nodes and relations", function()
    for _, case in ipairs { { {}, 25 }, { { from = "a1" }, 5 }, { { rel = "r1" }, 12 },
      { { to = "b2" }, 5 }, { { from = "a1", rel = "r0" }, 3 }, { { from = "a1", to = "b1" }, 1 },
      { { rel = "r0", to = "b1" }, 3 }, { { from = "a1", rel = "r1", to = "b1" }, 0 },
      { { from = "b1" }, 0 }, { { from = "nobody" }, 0 }, { { rel = "nothing" }, 0 } } do
      case[1].total = true
      local page = assert(store.graph:edges(case[1]))
      assert.are.equal(case[2], #page.items)
      assert.are.equal(case[2], page.total)
      assert.is_false(page.has_more)
    end
  end)

  it("which follow each other whatever comes and goes", function()
    local page = assert(store.graph:edges { limit = 7 })
    assert.are.equal(7, #page.items)
    local last = page.items[7]
    store.graph:unrelate { from = last.from, rel = last.rel, to = last.to }
    assert(store.graph:relate { from = "a1", rel = "r0", to = "new" })
    local seen = {}
    while page.has_more do
      page = assert(store.graph:edges { limit = 7, cursor = page.next_cursor })
      for _, edge in ipairs(page.items) do
        local key = edge.from .. edge.rel .. edge.to
        assert.is_nil(seen[key])
        seen[key] = true
        seen[#seen + 1] = key
      end
    end
    assert.are.equal(18, #seen)
  end)

  it("whose cursors go with their call, and survive a node that goes and comes back", function()
    local page = assert(store.graph:edges { from = "a1", limit = 2 })
    for _, query in ipairs { { from = "a2" }, { from = "a1", at = 3 }, {}, { to = "b1" },
      { from = "a1", rel = "r0" }, { from = "a1", to = "b1" } } do
      query.cursor = page.next_cursor
      outcome.refuses("invalid", "cursor", store.graph.edges, store.graph, query)
    end
    for j = 1, 5 do
      store.graph:unrelate { from = "a1", rel = "r" .. (1 + j) % 2, to = "b" .. j }
    end
    assert(store.graph:relate { from = "a1", rel = "r0", to = "b1" })
    assert(store.graph:edges { from = "a1", limit = 2, cursor = page.next_cursor })
  end)
end)
