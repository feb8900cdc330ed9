local conversation = require "spec.support.conversation"
local faults = require "spec.support.faults"
local stores = require "spec.support.stores"

local user = conversation.user

describe("when any one statement of it fails", function()
  local store

  before_each(function() store = stores.open() end)

  after_each(stores.cleanup)

  it("a commit of every element changes nothing", function()
    assert(store.threads:create { id = "parent" })
    assert(store.threads:append("origin", { user "shared" }))
    assert(store.threads:fork("origin", { id = "t" }))
    assert(store.runs:create { id = "r", thread = "t", agent = "a", status = "running" })
    assert(store.jobs:enqueue("q", 1, { group = "g" }))
    assert(store.jobs:enqueue("q", 2, { group = "g" }))
    assert(store.kv:set("ns", "k", 1))
    local job = assert(store.jobs:claim("q", { owner = "w" }))[1]
    local count = faults.changes_nothing(store, function()
      return store.checkpoints:commit {
        thread = "t", expected = 1, messages = { user "two", { id = "m", role = "user",
          content = "three" } },
        run = { id = "r", agent = "a", status = "done", request = { parent_thread_id = "parent" } },
        state = { step = 2 }, events = { { stream = "t", type = "a", key = "k" },
          { stream = "u", type = "b" } },
        jobs = { { ack = job, result = 1 }, { queue = "q", payload = 3, key = "k" } },
        kv = { { ns = "ns", key = "k", value = 2, expected = 1 } },
      }
    end)
    assert.is_true(count > 20)
  end)

  it("a first commit makes nothing, not even the scope", function()
    local other = assert(store:scope("other"))
    faults.changes_nothing(store, function()
      return other.checkpoints:commit {
        thread = "t", expected = 0, messages = { user "one" },
        run = { agent = "a", status = "running" }, state = { step = 1 },
      }
    end)
  end)

  it("a load gives the error, not half of the state", function()
    assert(store.checkpoints:commit {
      thread = "t", expected = 0, messages = { user "one" }, state = { step = 1 },
      run = { id = "r", agent = "a", status = "running" },
    })
    faults.changes_nothing(store, function() return store.checkpoints:load("t") end)
  end)
end)
