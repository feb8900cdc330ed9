local faults = require "spec.support.faults"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local support = require "spec.support.sessions"

local refused = outcome.refused
local user, assistant, ids, all = support.user, support.assistant, support.ids, support.all

describe("a commit", function()
  local store, clock, session

  before_each(function()
    store, clock = support.store()
    session = assert(store.sessions:create { id = "s" })
  end)

  it("writes nodes, leaf, checkpoint, usage and jobs as one, and says what it gave", function()
    local result = assert(session:commit {
      nodes = { user "a", assistant "b", assistant("c", "a") }, leaf = "b", expected = 0,
      checkpoint = { turn = { index = 1 }, tools = { "t" } },
      usage = { source = "turn", model = "m", input_tokens = 3, output_tokens = 4 },
      jobs = { { queue = "q", payload = { n = 1 } } },
    })
    assert.are.same({ 1, "b", 3, { "a", "b", "c" } }, { result.revision, result.leaf,
      result.node_count, result.node_ids })
    assert.are.same({ "q", { n = 1 }, "ready" }, { result.jobs[1].queue, result.jobs[1].payload,
      result.jobs[1].status })
    local head = session:head()
    assert.are.same({ 1, "b", 3, result.checkpoint_ref }, { head.revision, head.leaf,
      head.node_count, head.checkpoint_ref })
    assert.are.equal(1, store.jobs:stats("q").ready)
    assert.are.equal(7, session:usage().total_tokens)
    assert.are.same({ turn = { index = 1 }, tools = { "t" } }, session:checkpoint())
  end)

  it("of nothing still counts", function()
    assert.are.equal(1, session:commit({}).revision)
    assert.are.same({ revision = 2, node_count = 0, node_ids = {}, jobs = {} }, session:commit {})
  end)

  it("is made by one of two who saw the same", function()
    local other = assert(store.sessions:open("s"))
    assert(session:commit { nodes = { user "a" }, expected = 0 })
    local err = refused("conflict", other:commit { nodes = { user "b" }, expected = 0 })
    assert.are.same({ 0, 1 }, { err.expected, err.actual })
    assert.are.equal("a", all(other))
  end)

  it("replaces the whole tree", function()
    assert(session:append { user "a", assistant "b", user("c", "a") })
    local result = assert(session:commit { replace = { user "a", user "d", assistant("e", "a") } })
    assert.are.same({ 2, "e", 3 }, { result.revision, result.leaf, result.node_count })
    assert.are.equal("a d e", all(session))
    assert.are.equal("a e", ids(session:path()))
    assert.is_nil((session:node("b")))
    assert.are.same({ 2, "text of a" }, { session:head().user_message_count,
      session:head().first_user_message })
    assert.are.equal(3, support.rows(store, "session_nodes"))
    result = assert(session:commit { replace = { { id = "z", parent = moonbase.null,
      kind = "event" }, user "y" }, leaf = "z" })
    assert.are.same({ "z", "z y" }, { result.leaf, all(session) })
    assert(session:commit { replace = {} })
    assert.are.same({ 0, "", 0 }, { session:head().node_count, all(session),
      support.rows(store, "session_nodes") })
    assert.is_nil(session:head().leaf)
    assert.are.same({}, session:path())
    assert(session:append { user "again" })
  end)

  describe("with a checkpoint", function()
    it("leaves parts unchanged that are left out", function()
      local first = assert(session:commit { checkpoint = { turn = { n = 1 }, tools = { "a" },
        plugins = { p = moonbase.array {} }, execution = "bytes" } })
      local second = assert(session:commit { checkpoint = { turn = { n = 2 } } })
      assert.are.same({ turn = { n = 2 }, tools = { "a" }, plugins = { p = {} },
        execution = "bytes" }, session:checkpoint())
      assert.are.same({ n = 1 }, session:checkpoint(first.checkpoint_ref).turn)
      assert.are.equal(second.checkpoint_ref, session:commit({}).checkpoint_ref)
      assert.are.equal(second.checkpoint_ref,
        session:commit({ checkpoint = { turn = { n = 2 } } }).checkpoint_ref)
      assert.are.equal(second.checkpoint_ref, session:commit({ checkpoint = {} }).checkpoint_ref)
    end)

    it("refers to equal ones by the same hash, and stores them once", function()
      local one = { turn = { a = 1, b = { c = true, d = {} } }, tools = { 1, 2 } }
      local other = assert(store.sessions:create { id = "t" })
      local ref = session:commit({ checkpoint = one }).checkpoint_ref
      local blobs = support.rows(store, "blobs")
      assert.are.equal(3, blobs)
      assert.are.equal(ref, other:commit({ checkpoint = { tools = { 1, 2 },
        turn = { b = { d = {}, c = true }, a = 1 } } }).checkpoint_ref)
      assert.are.equal(blobs, support.rows(store, "blobs"))
      assert.matches("^%x+$", ref)
      assert.are.equal(64, #ref)
    end)

    it("keeps any JSON value as a part, exactly", function()
      for _, value in ipairs { false, moonbase.null, 0, "", moonbase.array {}, { n = 1.5 }, 2 ^ 53,
        "a\0b" } do
        assert(session:commit { checkpoint = { execution = value } })
        assert.are.same(value, session:checkpoint().execution)
      end
      if math.type then
        assert(session:commit { checkpoint = { execution = { f = 1.0, i = 1 } } })
        local part = session:checkpoint().execution
        assert.are.same({ "float", "integer" }, { math.type(part.f), math.type(part.i) })
      end
    end)
  end)

  describe("under a lease", function()
    local lease

    before_each(function() lease = assert(store.leases:acquire("s", "worker", { ttl = 100 })) end)

    it("needs it to be held, live, and the session's", function()
      assert(session:commit { lease = lease, nodes = { user "a" } })
      local other = assert(store.leases:acquire("other", "worker"))
      local before = faults.contents(store)
      for _, bad in ipairs { other, { name = "s" }, { name = "s", token = "guess" },
        { name = "s", token = lease.token, fencing = lease.fencing + 1 } } do
        refused("lease_lost", session:commit { lease = bad, nodes = { user "b" } })
      end
      clock.now = 1100
      refused("lease_lost", session:commit { lease = lease, nodes = { user "b" } })
      clock.now = 1000
      assert.are.equal(before, faults.contents(store))
      assert(store.leases:release(lease))
      local fresh = assert(store.leases:acquire("s", "worker"))
      refused("lease_lost", session:commit { lease = lease })
      assert(session:commit { lease = fresh, nodes = { user "b" } })
    end)

    it("may give it up", function()
      assert(session:commit { lease = lease, release_lease = true })
      assert.is_nil(store.leases:get("s"))
      refused("lease_lost", session:commit { lease = lease, release_lease = true })
    end)

    it("comes before the revision", function()
      refused("lease_lost", session:commit { lease = { name = "s", token = "x" }, expected = 9 })
    end)

    it("keeps it when it is refused", function()
      refused("conflict", session:commit { lease = lease, release_lease = true, expected = 9 })
      assert.are.equal("worker", store.leases:get("s").owner)
    end)
  end)

  describe("with a stamp", function()
    local plan

    before_each(function()
      plan = { stamp = { turn = "t1" }, expected = 0, nodes = { { kind = "message", role = "user",
        content = "hello" }, { kind = "event" } }, checkpoint = { turn = { n = 1 } },
        usage = { source = "a", model = "m", input_tokens = 1, output_tokens = 1 },
        jobs = { { queue = "q", payload = { a = moonbase.array {} } } } }
    end)

    it("gives the first result to whoever repeats it, and changes nothing", function()
      local first = assert(session:commit(plan))
      local before = faults.contents(store)
      assert.are.same(first, session:commit(plan))
      plan.expected = 7
      assert.are.same(first, session:commit(plan))
      assert(session:append { user "x" })
      assert.are.same(first, session:commit(plan))
      assert.are.equal(first.jobs[1].id, session:commit(plan).jobs[1].id)
      assert.are_not.equal(before, faults.contents(store))
    end)

    it("takes new ids and times for the same content", function()
      local first = assert(session:commit(plan))
      clock.now = 5000
      plan.nodes[1].id, plan.nodes[1].at = "fresh", 5000
      plan.nodes[2].parent = "fresh"
      assert.are.same(first, session:commit(plan))
      assert.are.equal(1, session:head().revision)
    end)

    it("is a conflict with another content", function()
      assert(session:commit(plan))
      local before = faults.contents(store)
      for field, value in pairs { nodes = { { kind = "event" } }, usage = {}, jobs = {},
        checkpoint = { turn = { n = 2 } } } do
        local other = {}
        for name, same in pairs(plan) do other[name] = same end
        other[field] = value
        refused("conflict", session:commit(other))
      end
      plan.nodes[1].content = "bye"
      local err = refused("conflict", session:commit(plan))
      assert.are_not.equal(err.expected, err.actual)
      assert.are.equal(before, faults.contents(store))
    end)

    it("takes the caller's word for the content", function()
      plan.stamp.hash = "h1"
      local first = assert(session:commit(plan))
      plan.nodes = nil
      assert.are.same(first, session:commit(plan))
      plan.stamp.hash = "h2"
      refused("conflict", session:commit(plan))
    end)

    it("may number its turns", function()
      plan.stamp.turn = 7
      local first = assert(session:commit(plan))
      plan.stamp.turn = "7"
      assert.are.same(first, session:commit(plan))
      plan.stamp.turn = 7.5
      assert.are.equal("stamp.turn", refused("invalid", session:commit(plan)).field)
      plan.stamp.turn = {}
      assert.has_error(function() session:commit(plan) end)
    end)

    it("needs no lease to be repeated, and gives it up if it is held", function()
      local lease = assert(store.leases:acquire("s", "worker", { ttl = 100 }))
      plan.lease = lease
      local first = assert(session:commit(plan))
      plan.release_lease = true
      assert.are.same(first, session:commit(plan))
      assert.is_nil(store.leases:get("s"))
      assert.are.same(first, session:commit(plan))
      store.leases:acquire("s", "other")
      assert.are.same(first, session:commit(plan))
      assert.are.equal("other", store.leases:get("s").owner)
    end)

    it("is another session's turn elsewhere", function()
      local other = assert(store.sessions:create { id = "t" })
      assert(session:commit(plan))
      assert(other:commit(plan))
      assert.are.same({ 2, 2 }, { session:head().node_count, other:head().node_count })
    end)

    it("leaves no trace when it failed", function()
      plan.expected = 3
      refused("conflict", session:commit(plan))
      plan.expected, plan.nodes = 0, { { kind = "event" } }
      assert(session:commit(plan))
    end)

    it("is forgotten when it is told to be", function()
      assert(session:commit(plan))
      clock.now = 2000
      plan.stamp, plan.expected = { turn = "t2" }, nil
      assert(session:commit(plan))
      assert.are.equal(0, session:prune { older_than = 1000 })
      assert.are.equal(1, session:prune { older_than = 999 })
      plan.stamp = { turn = "t1" }
      assert.are.equal(3, session:commit(plan).revision)
    end)
  end)

  describe("that settles jobs", function()
    local job

    before_each(function()
      store.jobs:enqueue("work", "x")
      job = store.jobs:claim("work", { owner = "w", lease = 100 })[1]
    end)

    it("acknowledges them with the rest", function()
      assert(session:commit { settle = { job }, nodes = { user "a" },
        jobs = { { queue = "next", payload = 1 } } })
      assert.are.equal("done", store.jobs:get(job.id).status)
      assert.are.equal(1, store.jobs:stats("next").ready)
    end)

    it("is refused as a whole when one is lost", function()
      assert(store.jobs:ack(job))
      local before = faults.contents(store)
      local err = refused("lease_lost", session:commit { settle = { job }, nodes = { user "a" },
        checkpoint = { turn = {} }, jobs = { { queue = "next", payload = 1 } } })
      assert.are.equal(job.id, err.id)
      assert.are.equal(before, faults.contents(store))
      refused("lease_lost", session:commit { settle = { { id = "nobody", token = "x" } } })
      refused("lease_lost", session:commit { settle = { { id = job.id } } })
    end)

    it("is refused when a claim has run out, or is given twice", function()
      refused("lease_lost", session:commit { settle = { job, job } })
      clock.now = 1100
      refused("lease_lost", session:commit { settle = { job } })
      assert.are.equal(0, session:head().revision)
    end)

    it("can be repeated", function()
      local plan = { settle = { job }, stamp = { turn = "t" } }
      local first = assert(session:commit(plan))
      assert.are.same(first, session:commit(plan))
    end)
  end)

  it("writes as few rows in a large session as in a small one", function()
    local list = {}
    for i = 1, 5000 do list[i] = { kind = "event" } end
    local large = assert(store.sessions:create { id = "large" })
    assert(large:append(list))
    local function statements(s)
      local count = 0
      local engine = store.context.engine
      for _, name in ipairs { "run", "row", "rows", "value", "values" } do
        local call = engine[name]
        rawset(engine, name, function(...)
          count = count + 1
          return call(...)
        end)
      end
      assert(s:commit { nodes = { user "q", assistant "r" }, checkpoint = { turn = { n = 9 } } })
      for _, name in ipairs { "run", "row", "rows", "value", "values" } do
        rawset(engine, name, nil)
      end
      return count
    end
    assert(session:append { { kind = "event" } })
    assert(session:commit { checkpoint = { turn = { n = 9 } } })
    assert(large:commit { checkpoint = { turn = { n = 8 } } })
    assert(session:commit { checkpoint = { turn = { n = 8 } } })
    assert.are.equal(statements(session), statements(large))
  end)

  it("joins the transaction that is open", function()
    assert(store:transaction(function(tx)
      assert(tx.sessions:open("s"):commit { nodes = { user "a" }, stamp = { turn = "t" } })
      refused("conflict", session:commit { expected = 0 })
      return tx.kv:set("ns", "k", 1)
    end))
    assert.are.equal("a", all(session))
  end)
end)

describe("a commit inside a transaction that fails", function()
  it("is gone with it", function()
    local store = support.store()
    local session = assert(store.sessions:create { id = "s" })
    local before = faults.contents(store)
    pcall(store.transaction, store, function(tx)
      assert(tx.sessions:open("s"):commit { nodes = { user "a" }, stamp = { turn = "t" },
        checkpoint = { turn = {} } })
      error("undo", 0)
    end)
    assert.are.equal(before, faults.contents(store))
    assert.are.equal(0, session:head().revision)
  end)
end)
