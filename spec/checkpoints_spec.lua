local child = require "spec.support.child"
local conversation = require "spec.support.conversation"
local core = require "moonbase.core"
local files = require "spec.support.files"
local lists = require "spec.support.lists"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

-- Everything a reader can see, to compare before and after.
local function snapshot(store)
  local state = { threads = store.threads:list().items, runs = store.runs:list().items,
    events = store.events:poll(), jobs = store.jobs:list().items, logs = {}, states = {},
    kv = store.kv:list("ns").items, latest = store.events:latest(),
    blobs = store.context.engine:values "SELECT hash FROM blobs ORDER BY hash" }
  for _, thread in ipairs(state.threads) do
    state.logs[thread.id] = store.threads:messages(thread.id).items
    state.states[thread.id] = store.threads:state(thread.id)
  end
  return state
end

local user = conversation.user

local function contents(messages) return lists.field(messages, "content") end

describe("checkpoints:commit", function()
  local store, clock

  before_each(function()
    store, clock = stores.open()
  end)

  after_each(stores.cleanup)

  local function run(fields)
    local record = { id = "r", agent = "a", status = "running" }
    for key, value in pairs(fields or {}) do record[key] = value end
    return record
  end

  it("writes everything a step produced, and gives it back", function()
    assert(store.jobs:enqueue("q", { n = 1 }))
    local job = assert(store.jobs:claim("q", { owner = "w" }))[1]
    local done = assert(store.checkpoints:commit {
      thread = "t", expected = 0, messages = { user("one"), user("two", "m2") },
      run = run { steps = 1 }, state = { step = 1 },
      events = { { stream = "t", type = "a" }, { stream = "t", type = "b", data = { 1 } } },
      jobs = { { ack = job, result = "fine" }, { queue = "q", payload = { n = 2 }, key = "k" } },
      kv = { { ns = "ns", key = "k", value = false }, { ns = "ns", key = "l", value = 2 } },
      blobs = { "bytes", "", "bytes" },
    })
    assert.are.equal(2, done.version)
    assert.are.same({ 1, 2 }, { done.records[1].seq, done.records[2].seq })
    assert.are.equal("m2", done.records[2].id)
    assert.are.equal("t", done.run.thread)
    assert.are.same({ 1, 2 }, { done.events[1].cursor, done.events[2].cursor })
    assert.are.same({ "done", "ready" }, { done.jobs[1].status, done.jobs[2].status })
    assert.are.same({ 1, 1 }, done.kv)
    assert.are.same({ core.sha256 "bytes", core.sha256 "", core.sha256 "bytes" }, done.blobs)

    assert.are.same({ "one", "two" }, contents((store.threads:view("t"))))
    assert.are.equal("r", store.threads:get("t").active_run)
    assert.are.equal("running", store.runs:get("r").status)
    assert.are.same({ step = 1 }, store.threads:state("t"))
    assert.are.equal(2, #store.events:poll { stream = "t" })
    assert.are.equal("fine", store.jobs:get(job.id).result)
    assert.are.equal(1, store.jobs:stats("q").ready)
    assert.is_false((store.kv:get("ns", "k")))
    assert.are.equal("bytes", store.blobs:get(done.blobs[1]))
  end)

  it("creates the run, then replaces it whole", function()
    assert(store.checkpoints:commit { thread = "t", run = run { note = "x" } })
    clock.now = 2000
    assert(store.checkpoints:commit { thread = "t", run = run { steps = 3 } })
    local found = store.runs:get("r")
    assert.is_nil(found.note)
    assert.are.same({ 3, 1000, 2000 }, { found.steps, found.created_at, found.updated_at })
    for _, instant in ipairs { 3000, 4000 } do
      clock.now = instant
      local done = assert(store.checkpoints:commit { thread = "t", run = run { status = "done" } })
      assert.are.equal(3000, done.run.finished_at)
    end
  end)

  it("leaves the state alone when the plan has none", function()
    assert(store.checkpoints:commit { thread = "t", run = run(), state = { a = 1 } })
    assert(store.checkpoints:commit { thread = "t", run = run() })
    assert.are.same({ a = 1 }, store.threads:state("t"))
  end)

  it("takes a plan of nothing but a run, without a guard", function()
    local done = assert(store.checkpoints:commit { thread = "t", run = run() })
    assert.are.same({ 0, {}, {}, {}, {}, {} },
      { done.version, done.records, done.events, done.jobs, done.kv, done.blobs })
    assert.is_not_nil(store.threads:get("t"))
    done = assert(store.checkpoints:commit { thread = "t", messages = {}, run = run() })
    assert.are.equal(0, done.version)
  end)

  it("follows the messages that another writer committed", function()
    assert(store.threads:append("t", { user("theirs") }))
    local _, err = store.checkpoints:commit {
      thread = "t", expected = 0, messages = { user("mine") }, run = run(),
    }
    assert.are.same({ "conflict", 0, 1, false },
      { err.code, err.expected, err.actual, err.retryable })
    assert(store.checkpoints:commit {
      thread = "t", expected = 1, messages = { user("mine") }, run = run(),
    })
    assert.are.same({ "theirs", "mine" }, contents((store.threads:view("t"))))
  end)

  it("shows runs on the thread by their status, and ignores stale ones", function()
    local function pointers()
      local thread = store.threads:get("t")
      return { thread.active_run, thread.open_run, thread.latest_run }
    end
    assert(store.checkpoints:commit { thread = "t", run = run { status = "created" } })
    assert.are.same({ nil, "r", "r" }, pointers())
    assert(store.checkpoints:commit { thread = "t", run = run() })
    assert.are.same({ "r", "r", "r" }, pointers())
    assert(store.checkpoints:commit { thread = "t",
      run = run { status = "waiting", waiting = { reason = "user_input" } } })
    assert.are.same({ nil, "r", "r" }, pointers())
    assert(store.checkpoints:commit { thread = "t", run = run() })
    assert(store.checkpoints:commit { thread = "t", run = run { status = "done" } })
    assert.are.same({ nil, nil, "r" }, pointers())
  end)

  it("stamps a compaction by the seqs that its messages get", function()
    assert(store.threads:append("t", { user("one"), user("two") }))
    assert(store.checkpoints:commit { thread = "t", expected = 2, run = run(), messages = { {
      role = "system", content = "sum", visibility = "internal",
      metadata = { compaction = { from_seq = 1, to_seq = 2 } } }, user("three") } })
    local at = assert(store.checkpoints:load("t"))
    assert.are.same({ "sum", "three" }, contents(at.messages))
    assert.are.equal(4, at.version)
  end)

  describe("changes nothing", function()
    local before, job

    before_each(function()
      assert(store.checkpoints:commit {
        thread = "t", expected = 0, messages = { user("one", "m1") }, run = run(),
        state = { a = 1 }, events = { { stream = "t", type = "a", key = "e", data = 1 } },
        kv = { { ns = "ns", key = "k", value = 1 } },
      })
      assert(store.jobs:enqueue("q", 1))
      job = assert(store.jobs:claim("q", { owner = "w", lease = 10 }))[1]
      before = snapshot(store)
    end)

    -- A plan in which everything is new but one element, which fails.
    local function attempt(change)
      local plan = {
        thread = "t", expected = 1, messages = { user("two") }, run = run { steps = 2 },
        state = { a = 2 }, events = { { stream = "t", type = "b" } },
        jobs = { { ack = job }, { queue = "q", payload = 2 } },
        kv = { { ns = "ns", key = "l", value = 2 } }, blobs = { "new bytes" },
      }
      for key, value in pairs(change) do plan[key] = value end
      return store.checkpoints:commit(plan)
    end

    local nan = { x = 0 / 0 }
    local failures = {
      ["when the log grew"] = { "conflict", { expected = 0 } },
      ["when a message is committed already"] =
        { "invalid", { messages = { user("new"), user("x", "m1") } }, "messages[2].id" },
      ["when a message breaks a rule"] =
        { "invalid", { messages = { { role = "tool", content = "x" } } },
          "messages[1].tool_call_id" },
      ["when a message cannot be stored"] = { "serialization",
        { messages = { user("new"), { role = "user", content = "x", data = nan } } },
        "messages[2].data.x" },
      ["when the run breaks an invariant"] =
        { "invalid", { run = { id = "r", agent = "a", status = "waiting" } }, "waiting" },
      ["when the run may not change so"] =
        { "invalid", { run = { id = "r", agent = "a", status = "created" } }, "status" },
      ["when the run has no agent"] = { "invalid", { run = { id = "r" } }, "agent" },
      ["when the run cannot be stored"] = { "serialization", { run = {
        id = "r", agent = "a", status = "running", data = nan } }, "data.x" },
      ["when the run is another thread's"] =
        { "invalid", { run = { id = "r", agent = "a", thread = "u" } }, "run.thread" },
      ["when the run asks for a parent that is missing"] = { "invalid", { run = {
        id = "r2", agent = "a", status = "running", request = { parent_thread_id = "none" } } } },
      ["when the state cannot be stored"] = { "serialization", { state = nan }, "state.x" },
      ["when an event's key belongs to another"] = { "conflict",
        { events = { { stream = "t", type = "b" },
          { stream = "t", type = "a", key = "e", data = 2 } } } },
      ["when an event cannot be stored"] = { "serialization",
        { events = { { stream = "t", type = "b" }, { stream = "t", type = "b", data = nan } } },
        "events[2].data.x" },
      ["when an event has no stream"] =
        { "invalid", { events = { { type = "b" } } }, "events[1].stream" },
      ["when a job is settled already"] =
        { "lease_lost", { jobs = { { queue = "q", payload = 2 },
          { ack = { id = "none", token = "x" } } } } },
      ["when a job cannot be stored"] =
        { "serialization", { jobs = { { queue = "q", payload = nan } } }, "jobs[1].payload.x" },
      ["when a job has no queue"] = { "invalid", { jobs = { { payload = 1 } } }, "jobs[1].queue" },
      ["when a value has another revision"] =
        { "conflict", { kv = { { ns = "ns", key = "l", value = 1 },
          { ns = "ns", key = "k", value = 2, expected = 7 } } } },
      ["when a value cannot be stored"] =
        { "serialization", { kv = { { ns = "ns", key = "l", value = nan } } }, "kv[1].value.x" },
      ["when the guard is missing"] = { "invalid", { expected = false }, "expected" },
      ["when the thread is blank"] = { "invalid", { thread = " " }, "thread" },
    }

    for title, failure in pairs(failures) do
      it(title, function()
        local change = failure[2]
        if change.expected == false then
          local _, err = store.checkpoints:commit { thread = "t", run = run(),
            messages = { user("two") } }
          assert.are.same({ failure[1], failure[3] }, { err.code, err.field })
        else
          local result, err = attempt(change)
          assert.is_nil(result)
          assert.are.equal(failure[1], err.code)
          if failure[3] then assert.are.equal(failure[3], err.field) end
        end
        assert.are.same(before, snapshot(store))
        assert(attempt {}) -- and the same plan without the fault goes through
      end)
    end

    it("when the lease of a job has run out", function()
      clock.now = clock.now + 10
      outcome.refused("lease_lost", attempt {})
      clock.now = clock.now - 10
      assert.are.same(before, snapshot(store))
    end)

    it("when the transaction around it is rolled back", function()
      store:transaction(function(tx)
        assert(tx.checkpoints:commit { thread = "t", expected = 1, messages = { user("two") },
          run = run(), events = { { stream = "t", type = "b" } } })
        return nil, "undo"
      end)
      assert.are.same(before, snapshot(store))
    end)
  end)

  it("raises for what is no plan, naming it", function()
    for name, plan in pairs {
      nonsense = { thread = "t", run = run(), nonsense = 1 },
      messages = { thread = "t", messages = 1 }, run = { thread = "t", run = 1 },
      ["blobs[2]"] = { thread = "t", run = run(), blobs = { "x", 12 } },
      blobs = { thread = "t", run = run(), blobs = "x" },
      ["jobs[1].color"] =
        { thread = "t", run = run(), jobs = { { queue = "q", payload = 1, color = "red" } } },
    } do
      local ok, err = pcall(store.checkpoints.commit, store.checkpoints, plan)
      assert.is_false(ok)
      assert.matches(name, tostring(err), 1, true)
    end
    local ok, raised = pcall(store.checkpoints.commit, store.checkpoints)
    assert.are.same({ false, "invalid" }, { ok, raised.code })
    local _, err = store.checkpoints:commit { run = run() }
    assert.are.same({ "invalid", "thread" }, { err.code, err.field })
    _, err = store.checkpoints:commit { thread = "t" }
    assert.are.same({ "invalid", "run" }, { err.code, err.field })
  end)

  it("keeps scopes apart", function()
    local other = assert(store:scope("other"))
    assert(other.checkpoints:commit { thread = "t", run = run(), expected = 0,
      messages = { user("theirs") }, state = { theirs = true } })
    assert.is_nil(store.checkpoints:load("t"))
    assert(store.checkpoints:commit { thread = "t", run = run { id = "r" }, expected = 0,
      messages = { user("mine") } })
    assert.are.same({ "theirs" }, contents(other.checkpoints:load("t").messages))
    assert.are.same({ "mine" }, contents(store.checkpoints:load("t").messages))
  end)
end)

describe("checkpoints:load", function()
  local store

  before_each(function() store = stores.open(files.database()) end)

  after_each(stores.cleanup)

  it("gives nil for a thread without messages and runs", function()
    assert.is_nil(store.checkpoints:load("t"))
    assert(store.threads:create { id = "t" })
    assert.is_nil(store.checkpoints:load("t"))
    assert(store.threads:set_state("t", { a = 1 }))
    assert.is_nil(store.checkpoints:load("t"))
  end)

  it("gives a run without messages, and messages without a run", function()
    assert(store.runs:create { id = "r", thread = "t", agent = "a" })
    local at = assert(store.checkpoints:load("t"))
    assert.are.same({ 0, {}, "r" }, { at.version, at.messages, at.run.id })
    assert(store.threads:append("u", { user("one") }))
    at = assert(store.checkpoints:load("u"))
    assert.are.same({ 1, nil }, { at.version, at.run })
  end)

  it("gives the raw count beside a view that leaves out unanswered calls", function()
    assert(store.threads:append("t", { user("one"), { role = "assistant", content = "",
      tool_calls = { { id = "c", name = "f", arguments = {} } } } }))
    local at = assert(store.checkpoints:load("t"))
    assert.are.equal(2, at.version)
    assert.is_nil(at.messages[2].tool_calls)
  end)

  it("is a snapshot: what others commit meanwhile is seen whole or not at all", function()
    local path = store.context.engine.path
    store:close()
    local writer = child.start(function()
      local own = stores.open(path)
      for n = 1, 300 do
        own.checkpoints:commit { thread = "t", expected = n - 1, messages = { user("m" .. n) },
          run = { id = "r", agent = "a", status = "running", steps = n }, state = { n = n } }
      end
    end)
    store = stores.open(path)
    local seen = 0
    while seen < 300 do
      local at = assert(store.checkpoints:load("t") or { version = 0, messages = {} })
      assert.are.equal(at.version, #at.messages)
      if at.run then
        assert.are.equal(at.version, at.run.steps)
        assert.are.equal(at.version, at.state.n)
      end
      seen = at.version
    end
    assert(writer:finish())
  end)

  it("raises or refuses what is no id", function()
    assert.is_false(pcall(store.checkpoints.load, store.checkpoints, 1))
    local _, err = store.checkpoints:load("")
    assert.are.equal("invalid", err.code)
  end)
end)

describe("processes that commit to one thread", function()
  after_each(stores.cleanup)

  it("lose no step and write none twice", function()
    local path = files.database()
    stores.open(path):close()
    child.run_all(4, function(_, c)
      local own, done = stores.open(path), 0
      while done < 40 do
        local result, err = own.checkpoints:commit { thread = "t",
          expected = own.threads:count("t"), messages = { user(c .. ":" .. done) },
          run = { id = "r" .. c, agent = "a", status = "running", steps = done + 1 } }
        if result then done = done + 1 else assert(err.code == "conflict", err) end
      end
    end)
    local store, seen, n = stores.open(path), {}, 0
    for record in store.threads:each("t") do
      n = n + 1
      assert.are.equal(n, record.seq)
      assert.is_nil(seen[record.message.content])
      seen[record.message.content] = true
    end
    assert.are.equal(160, n)
  end)
end)
