local faults = require "spec.support.faults"
local files = require "spec.support.files"
local stores = require "spec.support.stores"

describe("when any one statement fails, jobs give the error and nothing is changed:", function()
  local store, jobs, clock, held

  -- Jobs of every state; `held` are those that are claimed and live.
  before_each(function()
    store, clock = stores.open(files.database())
    jobs = store.jobs
    for i = 1, 4 do jobs:enqueue("q", i, { group = "g" .. i % 2, key = "k" .. i }) end
    for i = 1, 2 do jobs:enqueue("q", i, { delay = 50, group = "g1", priority = 9 - i }) end
    for i = 1, 2 do jobs:enqueue("q", i, { max_attempts = i, priority = 1 }) end
    assert.are.equal(2, #jobs:claim("q", { owner = "dies", lease = 100, limit = 2 }))
    for i = 1, 3 do jobs:cancel(jobs:enqueue("done", i).id) end
    clock.now = 1010
    held = jobs:claim("q", { owner = "lives", lease = 1e6 })[1]
    clock.now = 1200
  end)

  after_each(stores.cleanup)

  local CALLS_OF_JOBS = {
    enqueue = function() return jobs:enqueue("new", 1, { key = "new", group = "g", delay = 5 }) end,
    ["enqueue ahead of its group"] = function()
      return jobs:enqueue("q", 1, { group = "g0", priority = 1 })
    end,
    ["enqueue of a known key"] = function() return jobs:enqueue("q", 1, { key = "k1" }) end,
    claim = function() return jobs:claim("q", { owner = "w", limit = 3 }) end,
    heartbeat = function() return jobs:heartbeat(held) end,
    ack = function()
      return jobs:ack(held, { result = 1, enqueue = {
        { queue = "q", payload = 1, group = "g1" }, { queue = "next", payload = 1 } } })
    end,
    nack = function() return jobs:nack(held, { error = "e" }) end,
    ["nack for good"] = function() return jobs:nack(held, { error = "e", class = "permanent" }) end,
    defer = function() return jobs:defer(held, 0) end,
    cancel = function() return jobs:cancel(held.id) end,
    get = function() return jobs:get(held.id) end,
    list = function() return jobs:list { queue = "q", limit = 2, total = true } end,
    ["list from a cursor"] = function()
      local first, err = jobs:list { limit = 2 }
      if not first then return nil, err end
      return jobs:list { limit = 2, cursor = first.next_cursor }
    end,
    stats = function() return jobs:stats "q" end,
    recover = function() return jobs:recover() end,
    purge = function() return jobs:purge { older_than = 1 } end,
  }

  for title, fn in pairs(CALLS_OF_JOBS) do
    it(title, function()
      assert.is_true(faults.changes_nothing(store, fn) > 0)
    end)
  end
end)
