local core = require "moonbase.core"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises, refused = outcome.raises_about, outcome.refused

describe("jobs", function()
  local store, jobs, path, clock

  before_each(function()
    path = files.database()
    store, clock = stores.open(path)
    jobs = store.jobs
  end)

  after_each(stores.cleanup)

  -- The queue and its jobs as they stand in the file, to see that a call changed nothing.
  local function dump()
    return faults.contents(store, { "job_queues", "jobs", "job_payloads" })
  end

  local function claim(queue, options)
    options = options or {}
    options.owner = options.owner or "ann"
    return assert(jobs:claim(queue or "q", options))
  end

  local function claim_one(queue, options)
    local got = claim(queue, options)
    assert.are.equal(1, #got)
    return got[1]
  end

  describe("enqueue", function()
    it("gives the job, which get and list give too", function()
      local job, fresh = assert(jobs:enqueue("mail", { to = "ann" }, { key = "k", group = "g",
        priority = 7, delay = 50, max_attempts = 2 }))
      assert.is_true(fresh)
      assert.are.same({ id = job.id, queue = "mail", payload = { to = "ann" }, key = "k",
        group = "g", priority = 7, status = "ready", attempt = 0, max_attempts = 2,
        available_at = 1050, created_at = 1000, updated_at = 1000 }, job)
      assert.are.same(job, jobs:get(job.id))
      assert.are.same({ job }, jobs:list().items)
    end)

    it("has defaults: priority 128, five attempts, due at once", function()
      local job = jobs:enqueue("q", 1)
      assert.are.same({ 128, 5, 1000 }, { job.priority, job.max_attempts, job.available_at })
      assert.is_nil(job.key or job.group)
    end)

    it("keeps any JSON value as payload and result", function()
      for _, value in ipairs { false, true, 0, -1.5, "", "a\0b", moonbase.null, {},
          moonbase.array {}, { list = moonbase.array {}, none = moonbase.null } } do
        local job = assert(jobs:enqueue("any", value))
        assert.are.same(value, jobs:get(job.id).payload)
        local claimed = claim_one "any"
        assert.are.same(value, claimed.payload)
        assert(jobs:ack(claimed, { result = value }))
        assert.are.same(value, jobs:get(job.id).result)
      end
    end)

    it("takes a job without payload", function()
      local job = assert(jobs:enqueue "q")
      assert.is_nil(job.payload)
      assert.is_nil(jobs:get(job.id).payload)
      local claimed = claim_one()
      assert.is_nil(claimed.payload)
      assert(jobs:ack(claimed))
      assert.is_nil(jobs:get(job.id).result)
    end)

    it("takes a job without payload for a whole one, also when the file is repaired", function()
      local job = assert(jobs:enqueue "q")
      assert(store:check())
      store:close()
      local connection = assert(core.open(path, { raw = true }))
      assert(connection:exec "UPDATE job_queues SET open = 7")
      connection:close()
      assert.is_string(assert(moonbase.recover(path)).quarantined)
      store = stores.open(path)
      jobs = store.jobs
      assert.are.equal("ready", jobs:get(job.id).status)
      assert(store:check())
    end)

    it("survives closing and opening the file", function()
      local job = jobs:enqueue("q", { n = 1 }, { delay = 5 })
      local before = jobs:get(job.id)
      store:close()
      store = stores.open(path, nil, clock)
      jobs = store.jobs
      assert.are.same(before, jobs:get(job.id))
      clock.now = 1005
      assert.are.equal(job.id, claim_one().id)
    end)

    it("takes any whole number as priority, and the least first", function()
      for _, priority in ipairs { 300, -5, 0, 128 } do
        jobs:enqueue("q", priority, { priority = priority })
      end
      local order = {}
      for i, job in ipairs(claim("q", { limit = 9 })) do order[i] = job.payload end
      assert.are.same({ -5, 0, 128, 300 }, order)
    end)

    it("refuses what breaks a rule, and changes nothing", function()
      local function bad(field, queue, payload, options)
        assert.are.equal(field, refused("invalid", jobs:enqueue(queue, payload, options)).field)
      end
      bad("queue", "", 1)
      bad("queue", " ", 1)
      bad("queue", ("x"):rep(513), 1)
      bad("queue", "a\0b", 1)
      bad("queue", "\255", 1)
      bad("key", "q", 1, { key = "" })
      bad("group", "q", 1, { group = " " })
      for _, number in ipairs { 1.5, 0 / 0, 1 / 0, -1 / 0, 2 ^ 60 } do
        bad("priority", "q", 1, { priority = number })
        bad("delay", "q", 1, { delay = number })
        bad("max_attempts", "q", 1, { max_attempts = number })
      end
      bad("delay", "q", 1, { delay = -1 })
      bad("max_attempts", "q", 1, { max_attempts = 0 })
      assert.are.equal("", dump())
    end)

    it("refuses a payload that is no JSON, naming the place", function()
      for path_of_value, payload in pairs {
        ["payload.a[2]"] = { a = { 1, function() end } }, payload = 0 / 0,
        ["payload.x"] = { x = "\255" },
      } do
        local err = refused("serialization", jobs:enqueue("q", payload))
        assert.are.equal(path_of_value, err.field)
      end
      assert.are.equal("", dump())
    end)

    it("raises for misuse, naming the argument", function()
      raises("queue", jobs.enqueue, jobs, nil, 1)
      raises("queue", jobs.enqueue, jobs, 5, 1)
      raises("options", jobs.enqueue, jobs, "q", 1, 5)
      raises("options.prio", jobs.enqueue, jobs, "q", 1, { prio = 1 })
      raises("options.delay", jobs.enqueue, jobs, "q", 1, { delay = "1" })
      raises("options.queue", jobs.enqueue, jobs, "q", 1, { queue = "other" })
      assert.are.equal("", dump())
    end)

    it("refuses an id that the store's own generator gave before", function()
      local same = stores.open(path, { new_id = function() return "one" end })
      assert(same.jobs:enqueue("q", 1))
      local before = dump()
      refused("exists", same.jobs:enqueue("q", 2))
      refused("exists", same.jobs:enqueue("other", 2))
      assert.are.equal(before, dump())
      same:close()
    end)

    it("holds far-away times without overflow", function()
      local job = assert(jobs:enqueue("q", 1, { delay = 2 ^ 53 }))
      assert.are.equal(9007199254740991, jobs:get(job.id).available_at)
    end)
  end)

  describe("a key", function()
    it("gives the job that is there and false, until that is finished", function()
      local first = jobs:enqueue("q", "first", { key = "k" })
      local function again()
        local job, fresh = jobs:enqueue("q", "again", { key = "k", priority = 1 })
        assert.is_false(fresh)
        assert.are.equal(first.id, job.id)
        return job
      end
      assert.are.same(first, again())
      local claimed = claim_one()
      assert.are.equal("running", again().status)
      assert(jobs:nack(claimed, { error = "e", delay = 10 }))
      assert.are.equal("ready", again().status)
      clock.now = 1010
      assert(jobs:ack(claim_one()))
      local second, fresh = jobs:enqueue("q", "second", { key = "k" })
      assert.is_true(fresh)
      assert.are_not.equal(first.id, second.id)
    end)

    it("is free again after each way to finish", function()
      local ends = {
        function(job) assert(jobs:nack(job, { error = "e", class = "permanent" })) end,
        function(job) assert(jobs:nack(job, { error = "e" })) end, -- its only attempt
        function(job) assert(jobs:cancel(job.id)) end,
      }
      for _, finish in ipairs(ends) do
        assert.is_true(select(2, jobs:enqueue("q", 1, { key = "k", max_attempts = 1 })))
        finish(claim_one())
      end
      assert.are.same({ ready = 0, running = 0, done = 0, failed = 1, dead = 1, cancelled = 1 },
        jobs:stats "q")
    end)

    it("belongs to one queue of one scope", function()
      local other = assert(store:scope "other")
      assert.is_true(select(2, jobs:enqueue("q", 1, { key = "k" })))
      assert.is_true(select(2, jobs:enqueue("r", 1, { key = "k" })))
      assert.is_true(select(2, other.jobs:enqueue("q", 1, { key = "k" })))
    end)
  end)

  describe("claim", function()
    it("gives the job with a token, the owner and the end of the lease", function()
      local job = jobs:enqueue("q", "p")
      clock.now = 2000
      local claimed = claim_one("q", { owner = "ann", lease = 500 })
      assert.are.equal("string", type(claimed.token))
      assert.are.equal("ann", claimed.owner)
      assert.are.equal(2500, claimed.lease_expires_at)
      assert.are.equal("running", claimed.status)
      assert.are.equal(1, claimed.attempt)
      assert.are.equal(2000, claimed.updated_at)
      assert.are.same(claimed, jobs:get(job.id))
    end)

    it("has a lease of 30 s, and one job, unless told otherwise", function()
      for i = 1, 3 do jobs:enqueue("q", i) end
      local claimed = claim_one()
      assert.are.equal(31000, claimed.lease_expires_at)
      assert.are.equal(2, #claim("q", { limit = 10 }))
    end)

    it("gives each job of a batch a token of its own", function()
      for i = 1, 3 do jobs:enqueue("q", i) end
      local seen = {}
      for _, job in ipairs(claim("q", { limit = 3 })) do
        assert.is_nil(seen[job.token])
        seen[job.token] = true
      end
    end)

    it("of an empty or unknown queue gives nothing and takes no lock", function()
      assert.are.same({}, claim "none")
      jobs:enqueue("q", 1, { delay = 10 })
      local writer = stores.open(path, { shared = false })
      local tx = assert(writer:begin())
      assert.are.same({}, claim "q")
      assert.are.same({}, claim("q", { limit = 0 }))
      tx:rollback()
      writer:close()
    end)

    it("takes nothing with a limit of 0", function()
      jobs:enqueue("q", 1)
      assert.are.same({}, claim("q", { limit = 0 }))
      assert.are.equal(1, jobs:stats("q").ready)
    end)

    it("leaves other queues and scopes alone", function()
      jobs:enqueue("q", 1)
      assert.are.same({}, claim "r")
      assert.are.same({}, store:scope("other").jobs:claim("q", { owner = "ann" }))
      assert.are.equal(1, #claim "q")
    end)

    it("refuses what breaks a rule, and changes nothing", function()
      jobs:enqueue("q", 1)
      local before = dump()
      local function bad(field, queue, options)
        assert.are.equal(field, refused("invalid", jobs:claim(queue, options)).field)
      end
      bad("queue", "", { owner = "a" })
      bad("owner", "q", {})
      bad("owner", "q")
      bad("owner", "q", { owner = "" })
      for _, number in ipairs { -1, 1.5, 0 / 0, 1 / 0 } do
        bad("lease", "q", { owner = "a", lease = number })
        bad("limit", "q", { owner = "a", limit = number })
      end
      raises("queue", jobs.claim, jobs, nil, { owner = "a" })
      raises("options.owner", jobs.claim, jobs, "q", { owner = 5 })
      raises("options.extra", jobs.claim, jobs, "q", { owner = "a", extra = 1 })
      assert.are.equal(before, dump())
    end)
  end)

  describe("cancel", function()
    it("takes a ready job out of the queue", function()
      local job = jobs:enqueue("q", 1, { key = "k" })
      clock.now = 1500
      assert.is_true(jobs:cancel(job.id))
      local after = jobs:get(job.id)
      assert.are.equal("cancelled", after.status)
      assert.are.equal(1500, after.finished_at)
      assert.are.same({}, claim())
    end)

    it("takes a running job from its holder", function()
      local id = jobs:enqueue("q", 1).id
      local claimed = claim_one()
      assert.is_true(jobs:cancel(id))
      local before = dump()
      refused("lease_lost", jobs:heartbeat(claimed))
      refused("lease_lost", jobs:ack(claimed))
      refused("lease_lost", jobs:nack(claimed, { error = "e" }))
      refused("lease_lost", jobs:defer(claimed, 0))
      assert.are.equal(before, dump())
      local after = jobs:get(id)
      assert.is_nil(after.owner or after.token or after.lease_expires_at)
    end)

    it("leaves a finished job untouched", function()
      local id = jobs:enqueue("q", 1).id
      jobs:ack(claim_one())
      local before = dump()
      assert.is_false(jobs:cancel(id))
      assert.is_false(jobs:cancel "none")
      assert.are.equal(before, dump())
      refused("invalid", jobs:cancel "")
      raises("id", jobs.cancel, jobs, nil)
    end)
  end)

  describe("get", function()
    it("gives nil for a job that is not there", function()
      assert.is_nil(jobs:get "none")
      local id = jobs:enqueue("q", 1).id
      assert.is_nil(store:scope("other").jobs:get(id))
      refused("invalid", jobs:get "")
      raises("id", jobs.get, jobs)
    end)
  end)

  describe("stats", function()
    it("counts by status, one queue or all of the scope", function()
      local zero = { ready = 0, running = 0, done = 0, failed = 0, dead = 0, cancelled = 0 }
      assert.are.same(zero, jobs:stats())
      assert.are.same(zero, jobs:stats "q")
      for i = 1, 6 do jobs:enqueue("q", i, { max_attempts = 1 }) end
      jobs:enqueue("r", 1, { delay = 100 })
      local got = claim("q", { limit = 4 })
      jobs:ack(got[1])
      jobs:nack(got[2], { error = "e", class = "permanent" })
      jobs:nack(got[3], { error = "e" })
      jobs:cancel(jobs:list { queue = "q", status = "ready" }.items[1].id)
      assert.are.same({ ready = 1, running = 1, done = 1, failed = 1, dead = 1, cancelled = 1 },
        jobs:stats "q")
      assert.are.same({ ready = 2, running = 1, done = 1, failed = 1, dead = 1, cancelled = 1 },
        jobs:stats())
      assert.are.same(zero, store:scope("other").jobs:stats())
      refused("invalid", jobs:stats "")
      raises("queue", jobs.stats, jobs, 5)
    end)
  end)

  describe("purge", function()
    local function finish(count)
      for i = 1, count do jobs:enqueue("q", i) end
      for _, job in ipairs(claim("q", { limit = count })) do assert(jobs:ack(job)) end
    end

    it("removes what was finished longer ago, and its payload", function()
      finish(2)
      clock.now = 2000
      finish(1)
      jobs:enqueue("q", "waits")
      jobs:enqueue("q", "runs", { priority = 1 })
      claim_one("q", { lease = 1e6 })
      clock.now = 3000
      assert.are.equal(0, jobs:purge { older_than = 2000 }) -- as old as that, not older
      assert.are.equal(2, jobs:purge { older_than = 1999 })
      assert.are.same({ ready = 1, running = 1, done = 1, failed = 0, dead = 0, cancelled = 0 },
        jobs:stats())
      assert.are.equal(1, jobs:purge { older_than = 999 })
      assert.are.equal(0, jobs:purge { older_than = 0 })
      assert.are.equal(2, store.context.engine:value "SELECT count(*) FROM job_payloads")
    end)

    it("removes every kind of finished job, more than one batch of them", function()
      assert(store:transaction(function()
        for i = 1, 2100 do assert(jobs:cancel(jobs:enqueue("q" .. i % 3, i).id)) end
        return true
      end))
      clock.now = 5000
      assert.are.equal(2100, jobs:purge { older_than = 10 })
      assert.are.equal("", dump()) -- the queues as well: they have no job
      assert.is_true(select(2, jobs:enqueue("q1", 1)))
    end)

    it("belongs to a scope, and to the transaction around it", function()
      finish(1)
      clock.now = 2000
      assert.are.equal(0, store:scope("other").jobs:purge { older_than = 0 })
      store:transaction(function()
        assert.are.equal(1, jobs:purge { older_than = 0 })
        return nil, "undo"
      end)
      assert.are.equal(1, jobs:stats().done)
    end)

    it("refuses an age that is none", function()
      for _, age in ipairs { -1, 0.5, 0 / 0 } do
        assert.are.equal("older_than", refused("invalid", jobs:purge { older_than = age }).field)
      end
      assert.are.equal("older_than", refused("invalid", jobs:purge()).field)
      raises("older_than", jobs.purge, jobs, { older_than = "1" })
    end)
  end)

  it("refuse to write through a handle for reading", function()
    local job = jobs:enqueue("q", 1)
    local claimed = claim_one()
    jobs:enqueue("q", 2)
    local reader = stores.open(path, { readonly = true }).jobs
    refused("readonly", reader:enqueue("q", 1))
    refused("readonly", reader:claim("q", { owner = "a" }))
    refused("readonly", reader:claim("none", { owner = "a" }))
    refused("readonly", reader:heartbeat(claimed))
    refused("readonly", reader:ack(claimed))
    refused("readonly", reader:nack(claimed, { error = "e" }))
    refused("readonly", reader:defer(claimed, 1))
    refused("readonly", reader:cancel(job.id))
    refused("readonly", reader:recover())
    refused("readonly", reader:purge { older_than = 0 })
    assert.are.equal(job.id, reader:get(job.id).id)
    assert.are.equal(2, #reader:list().items)
    assert.are.equal(1, reader:stats().running)
  end)

  it("are part of a transaction", function()
    jobs:enqueue("q", 1)
    local before = dump()
    store:transaction(function(tx)
      assert(tx.jobs:ack(assert(tx.jobs:claim("q", { owner = "a" }))[1],
        { enqueue = { { queue = "next", payload = 1 } } }))
      assert(tx.jobs:enqueue("q", 2, { key = "k", group = "g" }))
      assert.are.equal(1, tx.jobs:stats("next").ready)
      return nil, "undo"
    end)
    assert.are.equal(before, dump())
  end)
end)
