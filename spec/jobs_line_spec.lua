local files = require "spec.support.files"
local lists = require "spec.support.lists"
local stores = require "spec.support.stores"

describe("the line of a queue", function()
  local store, jobs, clock

  before_each(function()
    store, clock = stores.open(files.database())
    jobs = store.jobs
  end)

  after_each(stores.cleanup)

  local function claim(limit, lease)
    return assert(jobs:claim("q", { owner = "ann", limit = limit, lease = lease }))
  end

  local function payloads(list) return lists.field(list, "payload") end

  local function enqueue(payload, options)
    return (assert(jobs:enqueue("q", payload, options)))
  end

  local function one()
    local got = claim()
    assert.are.equal(1, #got)
    return got[1]
  end

  it("goes by priority, then by age", function()
    for i, priority in ipairs { 5, 1, 5, 3, 1 } do enqueue(i, { priority = priority }) end
    assert.are.same({ 2, 5 }, payloads(claim(2)))
    assert.are.same({ 4, 1, 3 }, payloads(claim(9)))
  end)

  it("goes by age also when the clock runs backwards", function()
    enqueue(1)
    clock.now = 500
    enqueue(2)
    clock.now = 1000
    assert.are.same({ 1, 2 }, payloads(claim(2)))
  end)

  it("keeps a job out until its delay is over, then has it in its place", function()
    enqueue("delayed", { delay = 100 })
    enqueue("younger")
    enqueue("urgent", { delay = 200, priority = 1 })
    enqueue("youngest")
    assert.are.same({ "younger" }, payloads(claim()))
    clock.now = 1099
    local last = one()
    assert.are.equal("youngest", last.payload)
    assert(jobs:defer(last, 0))
    clock.now = 1100
    assert.are.same({ "delayed" }, payloads(claim()))
    clock.now = 1200
    assert.are.same({ "urgent", "youngest" }, payloads(claim(5)))
  end)

  it("has every job that fell due since the last claim in order", function()
    for i = 1, 200 do enqueue(i, { delay = (i * 7919) % 1000 + 1, priority = (i * 31) % 5 }) end
    clock.now = 3000
    local got = claim(200)
    assert.are.equal(200, #got)
    for i = 2, #got do
      local a, b = got[i - 1], got[i]
      assert.is_true(a.priority < b.priority or a.priority == b.priority and a.payload < b.payload)
    end
  end)

  it("takes a flood of due jobs in as fast as claims come, and loses none", function()
    assert(store:transaction(function()
      for i = 1, 2500 do enqueue(i, { delay = 10 + i }) end
      return true
    end))
    clock.now = 10000
    local seen, count = {}, 0
    assert.are.same({ 1 }, payloads(claim(1)))
    repeat
      local got = claim(400)
      for _, job in ipairs(got) do
        assert.is_nil(seen[job.payload])
        seen[job.payload], count = true, count + 1
      end
    until #got == 0
    assert.are.equal(2499, count)
  end)

  describe("with groups", function()
    it("has one live job of a group at a time", function()
      for i = 1, 3 do enqueue("a" .. i, { group = "a" }) end
      for i = 1, 2 do enqueue("b" .. i, { group = "b" }) end
      enqueue "free"
      local got = claim(9)
      assert.are.same({ "a1", "b1", "free" }, payloads(got))
      assert.are.same({}, claim(9))
      assert(jobs:ack(got[1]))
      local second = claim(9)
      assert.are.same({ "a2" }, payloads(second))
      assert(jobs:nack(second[1], { error = "e", class = "permanent" }))
      assert.are.same({ "a3" }, payloads(claim(9)))
      assert(jobs:cancel(got[2].id))
      assert.are.same({ "b2" }, payloads(claim(9)))
    end)

    it("counts a group per queue", function()
      enqueue("here", { group = "g" })
      assert(jobs:enqueue("r", "there", { group = "g" }))
      assert.are.equal(1, #claim())
      assert.are.equal(1, #jobs:claim("r", { owner = "ann" }))
    end)

    it("goes by priority, then age, within a group as well", function()
      enqueue("late", { group = "g", priority = 9 })
      enqueue("first", { group = "g", priority = 1 })
      enqueue("second", { group = "g", priority = 1 })
      for _, expected in ipairs { "first", "second", "late" } do
        local job = one()
        assert.are.equal(expected, job.payload)
        assert(jobs:ack(job))
      end
    end)

    it("lets the others go while one of the group waits for its next attempt", function()
      enqueue(1, { group = "g" })
      enqueue(2, { group = "g" })
      assert.are.equal("ready", jobs:nack(one(), { error = "e", delay = 100 }))
      local second = one()
      assert.are.equal(2, second.payload)
      clock.now = 1100
      assert.are.same({}, claim()) -- due, but the other one is live
      assert(jobs:ack(second))
      assert.are.equal(1, one().payload)
    end)

    it("takes a job given back before its younger ones", function()
      enqueue(1, { group = "g" })
      enqueue(2, { group = "g" })
      assert(jobs:defer(one(), 0))
      assert.are.equal(1, one().payload)
    end)

    it("goes on when the lease of its live job expired, and when that is dead", function()
      enqueue(1, { group = "g", max_attempts = 2 })
      enqueue(2, { group = "g" })
      claim(1, 10)
      clock.now = 1010
      local again = claim(5, 10)
      assert.are.same({ 1 }, payloads(again))
      clock.now = 1020
      assert.are.same({ 2 }, payloads(claim(5, 10)))
      assert.are.equal("dead", jobs:get(again[1].id).status)
      clock.now = 1030
      assert.are.equal(1, jobs:recover())
      assert.are.same({ 2 }, payloads(claim(5)))
    end)

    it("goes on when its first job is cancelled while it waits", function()
      local first = enqueue(1, { group = "g" })
      local second = enqueue(2, { group = "g" })
      enqueue(3, { group = "g" })
      assert(jobs:cancel(first.id))
      assert(jobs:cancel(second.id))
      assert.are.equal(3, one().payload)
    end)

    it("puts a follower of a job behind it", function()
      enqueue(1, { group = "g" })
      assert(jobs:ack(one(), { enqueue = { { queue = "q", payload = 2, group = "g" } } }))
      assert.are.equal(2, one().payload)
    end)
  end)

  -- The rules again, in the plainest way: every job looked at for every claim.
  describe("as a plain model has it", function()
    local model

    local function waits(job)
      return job.status == "ready" and job.due <= clock.now
    end

    local function expire()
      for _, job in ipairs(model) do
        if job.status == "running" and job.expires <= clock.now then
          job.status, job.due = job.attempt >= job.max and "dead" or "ready", clock.now
        end
      end
    end

    local function busy(group)
      for _, job in ipairs(model) do
        if job.status == "running" and job.group == group then return true end
      end
      return false
    end

    local function next_job()
      local best
      for _, job in ipairs(model) do
        if waits(job) and not (job.group and busy(job.group))
          and (not best or job.priority < best.priority) then best = job end
      end
      return best
    end

    local function check_claim(limit)
      expire()
      for _, claimed in ipairs(claim(limit, 300)) do
        local job = next_job()
        assert.are.equal(job.id, claimed.id)
        job.status, job.expires, job.attempt = "running", clock.now + 300, job.attempt + 1
        assert.are.equal(job.attempt, claimed.attempt)
        job.claim = claimed
        limit = limit - 1
      end
      if limit > 0 then assert.is_nil(next_job()) end
    end

    -- What the holder of a random claim gets when it settles it.
    local function settle(random)
      local job = model[random(#model)]
      if not job.claim then return end
      local live = job.status == "running" and job.expires > clock.now
      local delay = random(0, 3) * 50
      local way = random(4)
      local ok, err
      if way == 1 then ok, err = jobs:ack(job.claim)
      elseif way == 2 then ok, err = jobs:nack(job.claim, { error = "e", delay = delay })
      elseif way == 3 then ok, err = jobs:defer(job.claim, delay)
      else ok, err = jobs:heartbeat(job.claim) end
      if not live then
        assert.are.equal("lease_lost", err.code)
        return
      end
      assert(ok, err)
      job.due = clock.now + delay
      if way == 1 then job.status = "done"
      elseif way == 2 then job.status = job.attempt >= job.max and "dead" or "ready"
      elseif way == 3 then job.status, job.attempt = "ready", job.attempt - 1
      else job.expires = clock.now + 300 end
    end

    local function add(random)
      local options = { priority = random(3), max_attempts = random(3), delay = random(0, 2) * 40 }
      if random(3) > 1 then options.group = "g" .. random(3) end
      local job = enqueue(#model, options)
      model[#model + 1] = { id = job.id, status = "ready", priority = options.priority,
        group = options.group, due = clock.now + options.delay, max = options.max_attempts,
        attempt = 0 }
    end

    local function cancel(random)
      local job = model[random(#model)]
      local open = job.status == "ready" or job.status == "running"
      assert.are.equal(open, jobs:cancel(job.id))
      if open then job.status = "cancelled" end
    end

    local STEPS = { add, add, settle, settle, settle, cancel,
      function(random) check_claim(random(0, 3)) end,
      function(random) clock.now = clock.now + random(0, 100) end }

    local function check_statuses()
      local counts = { ready = 0, running = 0, done = 0, failed = 0, dead = 0, cancelled = 0 }
      for _, job in ipairs(model) do
        assert.are.equal(job.status, jobs:get(job.id).status)
        counts[job.status] = counts[job.status] + 1
      end
      assert.are.same(counts, jobs:stats "q")
    end

    -- Of a group that waits one job is ready or running, and a ready one is its first.
    local function check_groups()
      local broken = store.context.engine:value [[
        SELECT count(*) FROM (
          SELECT sum(state IN ('ready', 'running')) AS heads FROM jobs
          WHERE group_name IS NOT NULL AND state IN ('ready', 'running', 'blocked')
          GROUP BY queue, group_name) WHERE heads <> 1]]
      assert.are.equal(0, broken)
    end

    for seed = 1, 4 do
      it("over random calls, seed " .. seed, function()
        model = {}
        local state = seed * 7919
        local function random(low, high)
          if not high then low, high = 1, low end
          state = (state * 16807) % 2147483647
          return low + math.floor(state / 65536) % (high - low + 1)
        end
        for _ = 1, 5 do add(random) end
        for _ = 1, 250 do STEPS[random(#STEPS)](random) end
        expire()
        assert(jobs:recover())
        check_statuses()
        check_groups()
      end)
    end
  end)
end)
