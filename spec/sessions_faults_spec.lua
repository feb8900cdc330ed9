local faults = require "spec.support.faults"
local support = require "spec.support.sessions"

local user, assistant = support.user, support.assistant

describe("when any one statement fails, sessions give the error and nothing is changed:", function()
  local store, sessions, session, fork, lease, job

  -- A session with branches, tombstones, a checkpoint and a fork that has its own.
  before_each(function()
    store = support.store()
    sessions = store.sessions
    session = support.branched(store, "s")
    assert(session:commit { nodes = { user "tip" }, checkpoint = { turn = { n = 1 } } })
    assert(session:append { user("x", "right-leaf"), user("y"), user("z", "right-leaf") })
    assert(session:tombstone { "y" })
    fork = assert(session:fork { at = "x", id = "f" })
    assert(fork:append { user "own", user("beside", "root") })
    assert(fork:tombstone { "own" })
    assert(session:checkout "tip")
    lease = assert(store.leases:acquire("s", "w"))
    store.jobs:enqueue("q", 1)
    job = store.jobs:claim("q", { owner = "w" })[1]
  end)

  local CALLS = {
    create = function() return sessions:create { id = "new", caused_by = {} } end,
    open = function() return sessions:open("s") end,
    list = function() return sessions:list { limit = 1, total = true } end,
    delete = function() return sessions:delete("s") end,
    ["delete of a fork"] = function() return sessions:delete("f") end,
    head = function() return session:head() end,
    append = function() return session:append { assistant "a", user("b", "root"), user "c" } end,
    ["append to a fork"] = function()
      return fork:append { user "a", user("b", "root"), user("c", "beside") }
    end,
    commit = function()
      return session:commit { nodes = { user "a" }, lease = lease, release_lease = true,
        expected = 4, stamp = { turn = "t" }, checkpoint = { turn = { n = 2 }, tools = { 1 } },
        usage = { source = "s", model = "m", input_tokens = 1, output_tokens = 1 },
        jobs = { { queue = "next", payload = 1 } }, settle = { job }, leaf = "left" }
    end,
    replace = function() return session:commit { replace = { user "root", user "other" } } end,
    ["replace of a fork"] = function() return fork:commit { replace = { user "root" } } end,
    checkout = function() return session:checkout("root") end,
    fork = function() return session:fork { at = "left" } end,
    ["fork at the leaf"] = function() return session:fork() end,
    tombstone = function() return session:tombstone { "tip", "left-leaf", "left", "z" } end,
    ["tombstone in a fork"] = function() return fork:tombstone { "x", "right-leaf" } end,
    vacuum = function() return session:vacuum() end,
    nodes = function() return session:nodes() end,
    ["nodes of a fork"] = function() return fork:nodes() end,
    checkpoint = function() return session:checkpoint() end,
    usage = function() return session:usage() end,
    update = function() return session:update { name = "n" } end,
    prune = function() return session:prune { older_than = 0 } end,
  }

  for title, fn in pairs(CALLS) do
    it(title, function()
      assert.is_true(faults.changes_nothing(store, fn) > 0)
    end)
  end

  it("a vacuum that gives up what it inherited", function()
    assert(fork:tombstone { "x", "right-leaf" })
    assert(sessions:delete("s"))
    assert.is_true(faults.changes_nothing(store, function() return fork:vacuum() end) > 0)
  end)
end)
