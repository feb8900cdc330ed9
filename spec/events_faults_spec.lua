local faults = require "spec.support.faults"
local files = require "spec.support.files"
local stores = require "spec.support.stores"

describe("when any one statement fails, events give the error and nothing is changed:", function()
  local store, events

  before_each(function()
    store = stores.open(files.database())
    events = store.events
    for i = 1, 6 do
      assert(events:append { stream = "s", type = "t", data = i, key = "k" .. i, at = 10 - i })
    end
    assert(events:consumer("c"):ack(2))
  end)

  after_each(stores.cleanup)

  local CHANGES = {
    append = function() return events:append { stream = "new", type = "t", key = "k" } end,
    append_batch = function()
      return events:append_batch({
        { stream = "s", type = "t", data = 1, key = "k1" },
        { stream = "s", type = "t", key = "k9" }, { stream = "s", type = "t", key = "k9" },
      }, { expected = 6 })
    end,
    prune = function()
      return store:transaction(function() return events:prune { before = 4 } end)
    end,
    ["prune by age"] = function()
      return events:prune { older_than = store.context:now() - 7, stream = "s" }
    end,
    clear = function() return events:clear("s") end,
    ack = function() return events:consumer("c"):ack(4) end,
    poll = function() return events:poll { stream = "s", type = "t" } end,
    ["a retry"] = function()
      return events:append { stream = "s", type = "t", data = 1, key = "k1" }
    end,
    replay = function() return events:replay() end,
    latest = function() return events:latest("s") end,
    wait = function() return events:wait { timeout = 0 } end,
    next = function() return events:consumer("c", { stream = "s" }):next() end,
    ["poll up to damage"] = function()
      assert(store.context.engine.connection:run("UPDATE events SET data = '{' WHERE data = '3'"))
      return events:poll()
    end,
  }

  for title, fn in pairs(CHANGES) do
    it(title, function()
      if title:find("damage") then assert.are.equal(2, #assert(fn())) end
      assert.is_true(faults.changes_nothing(store, fn) > 0)
    end)
  end
end)
