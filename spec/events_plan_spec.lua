local files = require "spec.support.files"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

describe("events are found by an index:", function()
  local store, events

  before_each(function()
    store = stores.open(files.database())
    events = store.events
    local list = {}
    for n = 1, 60 do
      list[n] = { stream = "s" .. n % 3, type = "t" .. n % 4, at = n % 7 * 100, key = "k" .. n }
    end
    assert(events:append_batch(list))
  end)

  after_each(stores.cleanup)

  local function check()
    for call, fn in pairs {
      append = function() assert(events:append { stream = "new", type = "t", key = "k" }) end,
      again = function() assert(events:append { stream = "s1", type = "t1", key = "k1" }) end,
      append_batch = function()
        local last = assert(events:latest("s1"))
        assert(events:append_batch({ { stream = "s1", type = "t" } }, { expected = last }))
      end,
      poll = function()
        assert(events:poll { after = 7 })
        assert(events:poll { after = 7, stream = "s1" })
        assert(events:poll { after = 7, type = "t1" })
        assert(events:poll { after = 7, stream = "s1", type = "t1" })
      end,
      replay = function() for _ in events:replay { stream = "s1" } do end end, -- luacheck: ignore
      latest = function() return events:latest(), events:latest("s1") end,
      wait = function() assert(events:wait { after = 1000, timeout = 0 }) end,
      consumer = function()
        local consumer = assert(events:consumer("c", { stream = "s1" }))
        assert(consumer:ack(4))
        assert(consumer:next())
      end,
      prune = function()
        assert(events:prune { before = 3 })
        assert(events:prune { before = 6, stream = "s1" })
        assert(events:prune { older_than = store.context:now() - 200 })
        assert(events:prune { older_than = store.context:now() - 300, stream = "s1" })
        assert(events:clear("s2"))
      end,
    } do
      assert.are.same({}, plans.slow(store, fn), call)
    end
  end

  it("in a new file", check)

  it("whatever SQLite has learnt about the rows", function()
    assert(store.context.engine:exec("ANALYZE"))
    local path = store.context.engine.path
    store:close()
    store = stores.open(path)
    events = store.events
    check()
  end)
end)
