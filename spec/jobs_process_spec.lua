local child = require "spec.support.child"
local files = require "spec.support.files"
local stores = require "spec.support.stores"

describe("jobs shared by several processes", function()
  local store, jobs, path, clock

  local function open()
    return stores.open(path, { busy_timeout = 60000 }, clock)
  end

  before_each(function()
    path, clock = files.database(), { now = 1000 }
    store = open()
    jobs = store.jobs
  end)

  after_each(stores.cleanup)

  -- Runs fn(child, store, number) in each of several processes, which begin together.
  local function start(count, fn)
    return child.together(count, function(self, i)
      local own = open()
      self:ready()
      fn(self, own, i)
      own:close()
    end)
  end

  it("are each claimed once, and one of a group at a time", function()
    for i = 1, 60 do
      assert(jobs:enqueue("q", i, { group = i % 2 == 0 and "g" .. i % 3 or nil }))
    end
    local lines = child.lines(start(4, function(self, own)
      repeat
        local got = assert(own.jobs:claim("q", { owner = "w", limit = 3 }))
        for _, job in ipairs(got) do
          self:tell(job.payload)
          if job.group then
            assert.is_nil(own.kv:get("live", job.group))
            assert(own.kv:set("live", job.group, true))
          end
        end
        for _, job in ipairs(got) do
          if job.group then assert(own.kv:delete("live", job.group)) end
          assert(own.jobs:ack(job))
        end
      until #got == 0 and own.jobs:stats("q").ready == 0
    end))
    table.sort(lines, function(a, b) return tonumber(a) < tonumber(b) end)
    assert.are.equal(60, #lines)
    for i = 1, 60 do assert.are.equal(i, tonumber(lines[i])) end
    assert.are.equal(60, jobs:stats("q").done)
  end)

  it("have one of 64 enqueued at once with the same key", function()
    local fresh, ids = 0, {}
    for _, line in ipairs(child.lines(start(16, function(self, own, i)
      for n = 1, 4 do
        local job, new = assert(own.jobs:enqueue("q", i * 10 + n, { key = "k" }))
        self:tell(job.id .. " " .. tostring(new))
      end
    end))) do
      local id, new = line:match("^(%S+) (%S+)$")
      ids[id] = true
      if new == "true" then fresh = fresh + 1 end
    end
    assert.are.equal(1, fresh)
    local id = next(ids)
    assert.is_nil(next(ids, id))
    assert.are.equal(1, jobs:stats("q").ready)
  end)

  it("make each expired lease ready once, whoever recovers", function()
    for i = 1, 40 do assert(jobs:enqueue("q", i)) end
    assert(jobs:claim("q", { owner = "w", limit = 40, lease = 10 }))
    clock.now = 1010
    local total = 0
    for _, line in ipairs(child.lines(start(3, function(self, own)
      self:tell(assert(own.jobs:recover()))
    end))) do
      total = total + tonumber(line)
    end
    assert.are.equal(40, total)
  end)

  it("outlive a holder that is killed: claimable when its lease expires, not before", function()
    assert(jobs:enqueue("q", "p", { key = "k" }))
    local holder = child.start(function(self)
      local job = open().jobs:claim("q", { owner = "victim", lease = 500 })[1]
      self:tell(job.id .. " " .. job.token)
      self:hear()
    end)
    local id, token = holder:hear():match("^(%S+) (%S+)$")
    assert.are.equal("killed", (holder:kill()))
    clock.now = 1499
    assert.are.same({}, jobs:claim("q", { owner = "heir" }))
    clock.now = 1500
    local job = jobs:claim("q", { owner = "heir" })[1]
    assert.are.same({ id, 2, "p" }, { job.id, job.attempt, job.payload })
    local ok, err = jobs:ack { id = id, token = token }
    assert.is_nil(ok)
    assert.are.equal("lease_lost", err.code)
    assert(jobs:ack(job))
  end)

  it("are none of them lost or done twice when workers are killed at any moment", function()
    local JOBS, acknowledged = 120, {}
    for i = 1, JOBS do
      assert(jobs:enqueue("q", i, { max_attempts = 100, group = i % 3 == 0 and "g" or nil }))
    end
    local function note(line)
      assert.is_nil(acknowledged[line])
      acknowledged[line] = true
    end
    for round = 1, 6 do
      local one = start(1, function(self, own)
        repeat
          local job = assert(own.jobs:claim("q", { owner = "w", lease = 10 }))[1]
          if job then
            assert(own.jobs:ack(job, { enqueue = { { queue = "next", payload = job.payload } } }))
            self:tell(job.payload)
          end
        until not job
      end)[1]
      for _ = 1, round * 3 do note(one:hear()) end
      require("process").kill(one.pid, "KILL")
      for line in function() return one:hear() end do note(line) end
      one:kill()
      clock.now = clock.now + 10
    end
    local done = jobs:stats("q").done
    for payload in pairs(acknowledged) do acknowledged[payload], done = nil, done - 1 end
    assert.is_true(done >= 0 and done <= 6) -- done, and killed before it could tell
    assert.is_true(store.context.engine:value("PRAGMA integrity_check") == "ok")
    repeat
      local got = jobs:claim("q", { owner = "last", limit = 10 })
      for _, job in ipairs(got) do
        assert(jobs:ack(job, { enqueue = { { queue = "next", payload = job.payload } } }))
      end
    until #got == 0
    assert.are.same({ JOBS, JOBS, 0 }, { jobs:stats("q").done, jobs:stats("next").ready,
      jobs:stats("q").ready })
    local seen = {}
    for _, job in ipairs(jobs:claim("next", { owner = "w", limit = JOBS })) do
      assert.is_nil(seen[job.payload])
      seen[job.payload] = true
    end
  end)
end)
