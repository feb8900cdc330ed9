-- Several processes on one graph, and one that is killed in the middle.

local child = require "spec.support.child"
local moonbase = require "moonbase"
local stores = require "spec.support.stores"

describe("the graph under several processes", function()
  local path

  before_each(function() path = stores.file() end)

  after_each(stores.cleanup)

  local function edge(p, i)
    return { from = "n" .. i % 5, rel = "r" .. i % 3, to = "n" .. i * 7 % 5, valid_from = p * 1000 + i,
      data = { p = p, i = i } }
  end

  -- The edges that are there, by their beginnings.
  local function check()
    local store, found, cursor = assert(moonbase.open(path)), {}, nil
    repeat
      local page = assert(store.graph:edges { limit = 200, cursor = cursor })
      for _, one in ipairs(page.items) do
        local expected = edge(one.data.p, one.data.i)
        expected.weight = 1
        assert.are.same(expected, one)
        found[expected.valid_from] = true
        found.count = (found.count or 0) + 1
      end
      cursor = page.next_cursor
    until not cursor
    assert.is_true(store:check())
    store:close()
    return found
  end

  it("names come and go, and no edge is lost, when all write at once", function()
    child.run_all(3, function(_, p)
      local store = assert(moonbase.open(path))
      local passing = { from = "passing", rel = "own" .. p, to = "n" .. p }
      for i = 1, 40 do
        assert(store.graph:relate(edge(p, i)))
        assert(store.graph:relate(passing))
        assert(#assert(store.graph:reach("passing", { depth = 1, rel = "own" .. p })) == 1)
        assert(store.graph:unrelate(passing) == 1)
      end
      store:close()
    end)
    assert.are.equal(120, check().count)
  end)

  it("what was acknowledged survives a kill, whole", function()
    local last = child.kill_at(50, function(self)
      local store = assert(moonbase.open(path))
      for i = 1, 100000 do
        assert(store.graph:relate(edge(1, i)))
        self:tell(i)
      end
    end)
    local found = check()
    for i = 1, last do assert.is_true(found[1000 + i], i) end
  end)
end)
