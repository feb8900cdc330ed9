local faults = require "spec.support.faults"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises, refused = outcome.raises_about, outcome.refused

describe("a claimed job", function()
  local store, jobs, clock

  before_each(function()
    store, clock = stores.open(files.database())
    jobs = store.jobs
  end)

  after_each(stores.cleanup)

  local function claim(options)
    options = options or {}
    options.owner = options.owner or "ann"
    return assert(jobs:claim("q", options))[1]
  end

  -- A job of the queue `q`, claimed.
  local function running(options, lease)
    assert(jobs:enqueue("q", "p", options))
    return assert(claim { lease = lease })
  end

  -- Every call that a holder makes is refused and changes nothing.
  local function powerless(job)
    local before = faults.contents(store)
    for _, call in ipairs {
      function() return jobs:heartbeat(job) end,
      function() return jobs:ack(job) end,
      function() return jobs:ack(job, { result = 1, enqueue = { { queue = "q" } } }) end,
      function() return jobs:nack(job, { error = "late" }) end,
      function() return jobs:nack(job, { error = "late", class = "permanent" }) end,
      function() return jobs:defer(job, 0) end,
    } do
      local err = refused("lease_lost", call())
      assert.is_false(err.retryable)
      assert.are.equal(job.id, err.id)
    end
    assert.are.equal(before, faults.contents(store))
  end

  describe("ack", function()
    it("makes it done, with a result, held by nobody", function()
      local job = running()
      clock.now = 1500
      assert.is_true(jobs:ack(job, { result = { ok = true } }))
      local after = jobs:get(job.id)
      assert.are.equal("done", after.status)
      assert.are.same({ ok = true }, after.result)
      assert.are.same({ 1500, 1500, 1 }, { after.finished_at, after.updated_at, after.attempt })
      assert.is_nil(after.owner or after.token or after.lease_expires_at)
    end)

    it("enqueues the jobs that follow in the same transaction", function()
      local job = running { key = "k" }
      local other = jobs:enqueue("r", "old", { key = "r" })
      local ok, followers = jobs:ack(job, { enqueue = {
        { queue = "q", payload = false, key = "k", delay = 5, group = "g", priority = 3,
          max_attempts = 9 },
        { queue = "r", payload = "new", key = "r" }, -- there already
        { queue = "s" },
      } })
      assert.is_true(ok)
      assert.are.equal(3, #followers)
      assert.are.same(followers[1], jobs:get(followers[1].id))
      assert.are.same({ false, "k", "g", 3, 9, 1005 }, { followers[1].payload, followers[1].key,
        followers[1].group, followers[1].priority, followers[1].max_attempts,
        followers[1].available_at })
      assert.are.same(other, followers[2])
      assert.are.same({ ready = 3, running = 0, done = 1, failed = 0, dead = 0, cancelled = 0 },
        jobs:stats())
    end)

    it("with one bad follower changes nothing at all", function()
      local job = running()
      local before = faults.contents(store)
      local function bad(code, field, item)
        local err = refused(code, jobs:ack(job, { enqueue = { { queue = "s" }, item } }))
        assert.are.equal(field, err.field)
        assert.are.equal(before, faults.contents(store))
      end
      bad("invalid", "enqueue[2].queue", {})
      bad("invalid", "enqueue[2].queue", { queue = "" })
      bad("invalid", "enqueue[2].delay", { queue = "s", delay = -1 })
      bad("serialization", "enqueue[2].payload.x", { queue = "s", payload = { x = 0 / 0 } })
      local err = refused("serialization", jobs:ack(job, { result = { f = print } }))
      assert.are.equal("result.f", err.field)
      raises("enqueue[1].extra", jobs.ack, jobs, job, { enqueue = { { queue = "s", extra = 1 } } })
      raises("enqueue", jobs.ack, jobs, job, { enqueue = { queue = "s" } })
      raises("enqueue[1]", jobs.ack, jobs, job, { enqueue = { "s" } })
      raises("options.extra", jobs.ack, jobs, job, { extra = 1 })
      assert.are.equal(before, faults.contents(store))
      assert.is_true(jobs:ack(job))
    end)

    it("settles once", function()
      local job = running()
      assert(jobs:ack(job))
      powerless(job)
    end)

    it("takes what was claimed, and that alone", function()
      local waiting = jobs:enqueue("q", "p")
      powerless(waiting)
      local job = claim()
      powerless { id = job.id, token = job.id }
      powerless { id = job.id }
      powerless { id = "none", token = job.token }
      local other = running()
      powerless { id = job.id, token = other.token }
      refused("invalid", jobs:ack {})
      refused("invalid", jobs:ack { id = "", token = job.token })
      refused("invalid", jobs:ack { id = job.id, token = 5 })
      raises("job", jobs.ack, jobs, job.id)
      raises("job", jobs.ack, jobs)
      refused("lease_lost", store:scope("other").jobs:ack(job))
      assert(jobs:ack { id = job.id, token = job.token })
    end)
  end)

  describe("nack", function()
    it("puts it back with the error, after a back-off that doubles up to an hour", function()
      local job = running { max_attempts = 20 }
      local delays = {}
      for attempt = 1, 9 do
        assert.are.equal(attempt, job.attempt)
        assert.are.equal("ready", jobs:nack(job, { error = "e" .. attempt }))
        local after = jobs:get(job.id)
        assert.are.equal("e" .. attempt, after.error)
        assert.is_nil(after.owner or after.token or after.lease_expires_at or after.finished_at)
        delays[attempt] = after.available_at - clock.now
        clock.now = after.available_at - 1
        assert.is_nil(claim())
        clock.now = clock.now + 1
        job = claim()
      end
      assert.are.same({ 60000, 120000, 240000, 480000, 960000, 1920000, 3600000, 3600000, 3600000 },
        delays)
    end)

    it("takes a delay of the caller's, 0 for at once", function()
      local job = running()
      assert.are.equal("ready", jobs:nack(job, { error = "e", delay = 0 }))
      job = claim()
      assert.are.equal(2, job.attempt)
      assert(jobs:nack(job, { error = "e", delay = 10 }))
      clock.now = 1009
      assert.is_nil(claim())
      clock.now = 1010
      assert.are.equal(3, claim().attempt)
    end)

    it("of class permanent makes it failed at once", function()
      local job = running()
      assert.are.equal("failed", jobs:nack(job, { error = { code = 7 }, class = "permanent" }))
      local after = jobs:get(job.id)
      assert.are.equal("failed", after.status)
      assert.are.same({ code = 7 }, after.error)
      assert.are.equal(1000, after.finished_at)
      powerless(job)
    end)

    it("makes it dead when its attempts are used up", function()
      local job = running { max_attempts = 2 }
      assert.are.equal("ready", jobs:nack(job, { error = "one", class = "transient", delay = 0 }))
      assert.are.equal("dead", jobs:nack(claim(), { error = "two", delay = 0 }))
      local after = jobs:get(job.id)
      assert.are.same({ "dead", 2, "two", 1000 },
        { after.status, after.attempt, after.error, after.finished_at })
      assert.is_nil(claim())
    end)

    it("keeps any JSON value as the error, also beside a later result", function()
      for _, value in ipairs { false, 0, moonbase.null, { a = moonbase.array {} } } do
        local job = running()
        assert(jobs:nack(job, { error = value, delay = 0 }))
        assert.are.same(value, jobs:get(job.id).error)
        assert(jobs:ack(claim()))
        assert.are.same(value, jobs:get(job.id).error)
      end
    end)

    it("refuses what breaks a rule, and changes nothing", function()
      local job = running()
      local before = faults.contents(store)
      assert.are.equal("error", refused("invalid", jobs:nack(job)).field)
      assert.are.equal("error", refused("invalid", jobs:nack(job, {})).field)
      for _, delay in ipairs { -1, 0.5, 0 / 0, 1 / 0 } do
        local err = refused("invalid", jobs:nack(job, { error = "e", delay = delay }))
        assert.are.equal("delay", err.field)
      end
      local err = refused("serialization", jobs:nack(job, { error = "\255" }))
      assert.are.equal("error", err.field)
      raises("class", jobs.nack, jobs, job, { error = "e", class = "odd" })
      raises("options.extra", jobs.nack, jobs, job, { error = "e", extra = 1 })
      raises("job", jobs.nack, jobs, nil, { error = "e" })
      assert.are.equal(before, faults.contents(store))
    end)
  end)

  describe("defer", function()
    it("gives the attempt back", function()
      local job = running { max_attempts = 1 }
      for _ = 1, 3 do
        assert.are.equal(1, job.attempt)
        assert.is_true(jobs:defer(job, 100))
        powerless(job)
        local after = jobs:get(job.id)
        assert.are.same({ "ready", 0, clock.now + 100 },
          { after.status, after.attempt, after.available_at })
        clock.now = clock.now + 99
        assert.is_nil(claim())
        clock.now = clock.now + 1
        job = claim()
      end
      assert(jobs:ack(job))
    end)

    it("refuses a delay that is none", function()
      local job = running()
      local before = faults.contents(store)
      for _, delay in ipairs { -1, 0.5, 0 / 0 } do
        assert.are.equal("delay", refused("invalid", jobs:defer(job, delay)).field)
      end
      raises("delay", jobs.defer, jobs, job)
      raises("delay", jobs.defer, jobs, job, "1")
      assert.are.equal(before, faults.contents(store))
    end)
  end)

  describe("heartbeat", function()
    it("lets the lease end so much later, for as long as the claim took it by default", function()
      local job = running({}, 100)
      clock.now = 1099
      assert.are.equal(1199, jobs:heartbeat(job))
      assert.are.equal(1199, jobs:get(job.id).lease_expires_at)
      clock.now = 1198
      assert.are.equal(6198, jobs:heartbeat(job, 5000))
      clock.now = 6197
      assert.is_nil(claim())
      assert(jobs:ack(job))
    end)

    it("refuses a lease that is none", function()
      local job = running()
      local before = faults.contents(store)
      for _, lease in ipairs { -1, 0.5, 0 / 0 } do
        assert.are.equal("lease", refused("invalid", jobs:heartbeat(job, lease)).field)
      end
      raises("lease", jobs.heartbeat, jobs, job, "1")
      raises("job", jobs.heartbeat, jobs, nil)
      assert.are.equal(before, faults.contents(store))
    end)
  end)

  describe("whose lease expired", function()
    it("is lost at that very instant, claimed again or not", function()
      local job = running({}, 100)
      clock.now = 1100
      powerless(job)
      assert.are.equal("running", jobs:get(job.id).status)
    end)

    it("is claimable at once, and the old holder powerless", function()
      local job = running({}, 100)
      clock.now = 1099
      assert.is_nil(claim { owner = "bob" })
      clock.now = 1100
      local again = claim { owner = "bob" }
      assert.are.same({ job.id, 2, "bob" }, { again.id, again.attempt, again.owner })
      assert.are_not.equal(job.token, again.token)
      powerless(job)
      assert(jobs:ack(again))
      powerless(job)
      powerless(again)
    end)

    it("is dead at the next claim when its attempts are used up", function()
      local job = running({ max_attempts = 2, key = "k" }, 100)
      clock.now = 1100
      assert.are.equal(2, claim({ lease = 100 }).attempt)
      clock.now = 1200
      assert.is_nil(claim())
      local after = jobs:get(job.id)
      assert.are.same({ "dead", 2, "lease expired", 1200 },
        { after.status, after.attempt, after.error, after.finished_at })
      assert.is_nil(after.owner or after.token or after.lease_expires_at)
      assert.is_true(select(2, jobs:enqueue("q", 1, { key = "k" })))
    end)

    it("keeps its place: by priority, then age", function()
      local first = running({ priority = 5 }, 100)
      jobs:enqueue("q", "younger", { priority = 5 })
      jobs:enqueue("q", "urgent", { priority = 4 })
      clock.now = 1100
      assert.are.equal("urgent", claim().payload)
      assert.are.equal(first.id, claim().id)
      assert.are.equal("younger", claim().payload)
    end)

    it("with a lease of 0 is lost as soon as it is claimed", function()
      local job = running({}, 0)
      powerless(job)
      assert.are.equal(job.id, claim().id)
    end)
  end)

  describe("recover", function()
    it("makes what expired ready, or dead, and counts both", function()
      local one = running({}, 100)
      local two = running({ max_attempts = 1 }, 100)
      local three = running({}, 200)
      assert(jobs:enqueue("other", 1))
      assert(jobs:claim("other", { owner = "a", lease = 50 }))
      clock.now = 1099
      assert.are.equal(1, jobs:recover())
      clock.now = 1100
      assert.are.equal(2, jobs:recover())
      assert.are.equal(0, jobs:recover())
      assert.are.same({ "ready", "dead", "running" }, { jobs:get(one.id).status,
        jobs:get(two.id).status, jobs:get(three.id).status })
      assert.are.equal("lease expired", jobs:get(one.id).error)
      powerless(one)
      assert.are.equal(one.id, claim().id)
    end)

    it("leaves other scopes alone", function()
      running({}, 100)
      clock.now = 5000
      assert.are.equal(0, store:scope("other").jobs:recover())
      assert.are.equal(1, jobs:recover())
    end)

    it("takes more than one batch", function()
      for i = 1, 1100 do assert(jobs:enqueue("q", i)) end
      assert.are.equal(1100, #jobs:claim("q", { owner = "a", lease = 5, limit = 2000 }))
      clock.now = 1005
      assert.are.equal(1100, jobs:recover())
      assert.are.same({ ready = 1100, running = 0, done = 0, failed = 0, dead = 0, cancelled = 0 },
        jobs:stats "q")
    end)
  end)
end)
