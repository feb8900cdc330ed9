local faults = require "spec.support.faults"
local files = require "spec.support.files"
local stores = require "spec.support.stores"

describe("when any one statement fails, a call gives the error and changes nothing:", function()
  local store, clock

  before_each(function()
    store, clock = stores.open(files.database())
    for i = 1, 6 do
      store.kv:set("ns/old", "k" .. i, i, { ttl = 1 })
      store.leases:acquire("old" .. i, "ann", { ttl = 1 })
      store.kv:set("ns", "k" .. i, { n = i })
    end
    store.kv:set("ns", "gone", 1)
    store.kv:delete("ns", "gone")
    clock.now = 2000
  end)

  after_each(stores.cleanup)

  -- make() gives the function to fail in.
  local function holds(title, make)
    it(title, function()
      assert.is_true(faults.changes_nothing(store, make()) > 0)
    end)
  end

  holds("kv:set", function()
    return function() return store.kv:set("ns", "k1", "new", { expected = 1 }) end
  end)
  holds("kv:set of a new key", function()
    return function() return store.kv:set("ns", "new", "new", { expected = 0, ttl = 5 }) end
  end)
  holds("kv:get", function()
    return function() return store.kv:get("ns", "k1") end
  end)
  holds("kv:delete", function()
    return function() return store.kv:delete("ns", "k1", { expected = 1 }) end
  end)
  holds("kv:sweep", function()
    return function() return store.kv:sweep() end
  end)
  holds("kv:list", function()
    local cursor = store.kv:list("ns", { limit = 3 }).next_cursor
    cursor = store.kv:list("ns", { limit = 3, cursor = cursor }).prev_cursor
    return function() return store.kv:list("ns", { limit = 3, cursor = cursor, total = true }) end
  end)
  holds("kv:search", function()
    return function() return store.kv:search("ns", { limit = 2, total = true }) end
  end)
  holds("kv:search with a filter", function()
    local filter = { n = { gt = 2 } }
    return function() return store.kv:search("ns", { limit = 2, filter = filter, total = true }) end
  end)
  holds("leases:acquire", function()
    return function() return store.leases:acquire("new", "ann") end
  end)
  holds("leases:acquire by the same owner", function()
    store.leases:acquire("mine", "ann")
    return function() return store.leases:acquire("mine", "ann", { ttl = 1e6 }) end
  end)
  holds("leases:renew", function()
    local lease = store.leases:acquire("mine", "ann")
    return function() return store.leases:renew(lease, 1e6) end
  end)
  holds("leases:release", function()
    local lease = store.leases:acquire("mine", "ann")
    return function() return store.leases:release(lease) end
  end)
  holds("leases:get", function()
    return function() return store.leases:get("mine") end
  end)
end)
