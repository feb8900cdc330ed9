local files = require "spec.support.files"
local moonbase = require "moonbase"
local worker = require "moonbase.worker"

describe("a worker", function()
  local store, jobs, now, heard

  before_each(function()
    now, heard = 1000, {}
    store = assert(moonbase.open(files.database(),
      { clock = function() return now end, durability = "off" }))
    jobs = store.jobs
  end)

  after_each(function()
    store:close()
    files.cleanup()
  end)

  local function new(handler, options)
    options = options or {}
    options.on_error = options.on_error or function(job, err)
      heard[#heard + 1] = tostring(job.payload) .. ": " .. tostring(err)
    end
    return assert(worker.new(store, "q", handler, options))
  end

  local function only()
    return jobs:list({ queue = "q" }).items[1]
  end

  it("runs the handler on each job and keeps what it returns as the result", function()
    for i = 1, 3 do jobs:enqueue("q", i) end
    local own = new(function(job) return { twice = job.payload * 2 } end, { owner = "ann" })
    assert.are.equal(1, own:tick())
    assert.are.equal(2, own:drain())
    assert.are.equal(0, own:tick())
    for i, job in ipairs(jobs:list({ status = "done" }).items) do
      assert.are.same({ twice = 2 * i }, job.result)
    end
    assert.are.same({}, heard)
  end)

  it("claims under its name and lease", function()
    jobs:enqueue("q", 1)
    local own = new(function() coroutine.yield() end, { owner = "ann", lease = 70 })
    own:tick()
    assert.are.same({ "ann", 1070 }, { only().owner, only().lease_expires_at })
  end)

  it("gives a job back that raised, with the message", function()
    jobs:enqueue("q", 1, { max_attempts = 2 })
    local own = new(function() error("no luck", 0) end)
    own:drain()
    assert.are.same({ "ready", "no luck", 61000 },
      { only().status, only().error, only().available_at })
    now = 61000
    own:drain()
    assert.are.equal("dead", only().status)
    assert.are.same({ "1: no luck", "1: no luck" }, heard)
  end)

  it("takes nil and an error for a failed attempt", function()
    jobs:enqueue("q", 1)
    new(function() return nil, "later" end):drain()
    assert.are.equal("later", only().error)
  end)

  it("stores whatever a handler raises", function()
    local cyclic = {}
    cyclic.self = cyclic
    local raised = {
      { { code = 7 }, function(stored) assert.are.same({ code = 7 }, stored) end },
      { moonbase.errors.new("io", "lost"), function(s) assert.are.equal("io: lost", s) end },
      { "bad \255 byte", function(stored) assert.are.equal("bad ? byte", stored) end },
      { ("x"):rep(9000), function(stored) assert.are.equal(4096, #stored) end },
      { cyclic, function(stored) assert.matches("^table", stored) end },
      { nil, function(stored) assert.are.equal("nil", stored) end },
      { setmetatable({}, { __tostring = function() error "odd" end }),
        function(stored) assert.are.equal("unknown error", stored) end },
    }
    for i = 1, 7 do
      local job = jobs:enqueue("q", i, { max_attempts = 1 })
      new(function() error(raised[i][1], 0) end, { on_error = function() end }):drain()
      local after = jobs:get(job.id)
      assert.are.equal("dead", after.status)
      raised[i][2](after.error)
    end
  end)

  it("lets the handler fail a job for good, defer it, and enqueue what follows", function()
    jobs:enqueue("q", "fail")
    jobs:enqueue("q", "defer")
    jobs:enqueue("q", "follow")
    new(function(job, task)
      if job.payload == "fail" then task:fail "hopeless" end
      if job.payload == "defer" then task:defer(50) end
      task:enqueue { queue = "next", payload = job.payload }
    end):drain()
    local items = jobs:list({ queue = "q" }).items
    assert.are.same({ "failed", "hopeless" }, { items[1].status, items[1].error })
    assert.are.same({ "ready", 0, 1050 },
      { items[2].status, items[2].attempt, items[2].available_at })
    assert.are.equal("done", items[3].status)
    local next_items = jobs:list({ queue = "next" }).items
    assert.are.equal(1, #next_items)
    assert.are.equal("follow", next_items[1].payload)
  end)

  it("takes what cannot be stored for a failed attempt", function()
    local bad = {
      function() return { f = print } end,
      function(_, task) task:enqueue { queue = "next", payload = 0 / 0 } end,
      function(_, task) task:enqueue { queue = "next", extra = 1 } end,
      function(_, task) task:enqueue {} end,
      function(_, task) task:defer(-1) end,
    }
    for i, handler in ipairs(bad) do
      local job = jobs:enqueue("q", i, { max_attempts = 1 })
      assert.is_true(new(handler):drain() < 5)
      assert.are.equal("dead", jobs:get(job.id).status)
      assert.are.equal("string", type(jobs:get(job.id).error))
      assert.are.equal(i, #heard)
    end
    assert.are.equal(0, jobs:stats("next").ready)
  end)

  it("goes on with a handler that yields, a step with each tick, and renews its lease", function()
    jobs:enqueue("q", 1)
    local steps = 0
    local own = new(function()
      for _ = 1, 4 do
        steps = steps + 1
        coroutine.yield()
      end
      return "end"
    end, { lease = 100 })
    for expected = 1, 4 do
      assert.are.equal(1, own:tick())
      assert.are.equal(expected, steps)
      assert.is_true(only().lease_expires_at >= now + 50)
      now = now + 60
    end
    assert.are.equal(1, own:tick())
    assert.are.equal("end", only().result)
    assert.are.equal(0, own:tick())
  end)

  it("has as many jobs in hand as it may", function()
    for i = 1, 5 do jobs:enqueue("q", i) end
    local own = new(function() coroutine.yield() end, { limit = 3 })
    assert.are.equal(3, own:tick())
    assert.are.equal(3, jobs:stats("q").running)
    assert.are.equal(3, own:tick())
    assert.are.equal(2, own:tick())
    own:drain()
    assert.are.equal(5, jobs:stats("q").done)
  end)

  it("drops a job whose lease it lost, and tells", function()
    jobs:enqueue("q", 1)
    local went_on = false
    local own = new(function()
      coroutine.yield()
      went_on = true
    end, { lease = 100 })
    own:tick()
    now = now + 100
    assert(jobs:claim("q", { owner = "other" })[1])
    assert.are.equal(1, own:tick())
    assert.is_false(went_on)
    assert.matches("lease_lost", heard[1])
    assert.are.equal(0, own:tick())
    assert.are.equal("other", only().owner)
  end)

  it("does not settle a job that was cancelled meanwhile", function()
    local id = jobs:enqueue("q", 1).id
    local own = new(function(_, task)
      assert(jobs:cancel(id))
      local ok, err = task:heartbeat()
      assert.is_nil(ok)
      assert.are.equal("lease_lost", err.code)
      return "done"
    end)
    own:drain()
    assert.are.equal("cancelled", only().status)
    assert.matches("lease_lost", heard[1])
  end)

  it("tries again to settle when the file was locked", function()
    jobs:enqueue("q", 1)
    local calls = 0
    local impatient = assert(moonbase.open(store.context.engine.path,
      { shared = false, busy_timeout = 5, clock = function() return now end }))
    local own = assert(worker.new(impatient, "q", function()
      calls = calls + 1
      coroutine.yield()
      return "result"
    end))
    own:tick()
    local tx = assert(store:begin())
    assert.are.equal(1, own:tick())
    assert.are.equal("running", only().status)
    tx:rollback()
    own:drain()
    assert.are.same({ "done", "result", 1 }, { only().status, only().result, calls })
    impatient:close()
  end)

  it("stops: claims no more and ends what it has in hand", function()
    for i = 1, 2 do jobs:enqueue("q", i) end
    local own
    own = new(function(_, task)
      assert.is_false(task:stopping())
      coroutine.yield()
      assert.is_true(task:stopping())
    end)
    own:tick()
    own:stop()
    own:run()
    assert.are.same({ 1, 1 }, { jobs:stats("q").done, jobs:stats("q").ready })
    assert.are.equal(0, own:tick())
  end)

  it("releases: what it has in hand is ready at once, the attempt not counted", function()
    for i = 1, 2 do jobs:enqueue("q", i) end
    local own = new(function() coroutine.yield() end, { limit = 2 })
    own:tick()
    own:release()
    for _, job in ipairs(jobs:list({ queue = "q" }).items) do
      assert.are.same({ "ready", 0 }, { job.status, job.attempt })
    end
    assert.are.equal(0, own:tick())
  end)

  it("runs until it is stopped, sleeping while there is nothing to do", function()
    local slept, own = {}, nil
    own = new(function() own:stop() end)
    own:run { idle = 500, sleep = function(ms)
      slept[#slept + 1] = ms
      if #slept == 4 then jobs:enqueue("q", 1) end
    end }
    assert.are.same({ 200, 200, 100, 200, 200, 100 }, slept)
    assert.are.equal(1, jobs:stats("q").done)
  end)

  it("tells why it could not claim", function()
    jobs:enqueue("q", 1)
    local reader = assert(moonbase.open(store.context.engine.path, { readonly = true }))
    local own = assert(worker.new(reader, "q", function() end))
    local count, err = own:tick()
    assert.is_nil(count)
    assert.are.equal("readonly", err.code)
    assert.are.equal("readonly", select(2, own:drain()).code)
    local slept
    own:run { sleep = function(ms)
      slept = ms
      own:stop()
    end }
    assert.are.equal(200, slept)
    reader:close()
  end)

  it("raises once the store is closed", function()
    local other = assert(moonbase.open ":memory:")
    local own = assert(worker.new(other, "q", function() end))
    other:close()
    local ok, err = pcall(own.tick, own)
    assert.is_false(ok)
    assert.are.equal("closed", err.code)
  end)

  it("refuses options that break a rule", function()
    local function bad(field, queue, options)
      local result, err = worker.new(store, queue, function() end, options)
      assert.is_nil(result)
      assert.are.same({ "invalid", field }, { err.code, err.field })
    end
    bad("queue", "")
    bad("owner", "q", { owner = "" })
    bad("lease", "q", { lease = 0 })
    bad("limit", "q", { limit = 0 })
    for named, call in pairs {
      store = function() worker.new(nil, "q", print) end,
      queue = function() worker.new(store, nil, print) end,
      handler = function() worker.new(store, "q") end,
      extra = function() worker.new(store, "q", print, { extra = 1 }) end,
    } do
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.matches(named, tostring(err), 1, true)
    end
  end)

  it("shows itself in examples/worker.lua", function()
    local pipe = assert(io.popen(("LUA_PATH='%s' LUA_CPATH='%s' %s examples/worker.lua 2>&1")
      :format(package.path, package.cpath, jit and "luajit" or "lua5.4")))
    local output = pipe:read("*a")
    pipe:close()
    assert.matches("fetch +1 +1 +1 +0\nindex +0 +1 +0 +0\n", output)
    assert.matches("slow comes back 60 s after", output)
  end)
end)
