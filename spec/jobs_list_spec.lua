local files = require "spec.support.files"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

describe("jobs:list", function()
  local store, jobs, clock

  before_each(function()
    store, clock = stores.open(files.database())
    jobs = store.jobs
  end)

  after_each(stores.cleanup)

  local STATUSES = { "ready", "running", "done", "failed", "dead", "cancelled" }

  local function claim(queue, limit)
    return assert(jobs:claim(queue, { owner = "ann", limit = limit, lease = 100 }))
  end

  -- Jobs of every state in a queue: two cancelled, failed, dead, done and running, then ready ones
  -- that are free, blocked and delayed. The payload is the number in the order of the list.
  local function fill(queue, priority)
    local numbers = 0
    local function add(count, options)
      options.priority, options.max_attempts = priority, 1
      for _ = 1, count do
        numbers = numbers + 1
        assert(jobs:enqueue(queue, queue .. numbers, options))
      end
    end
    add(10, {})
    local got = claim(queue, 10)
    for i = 1, 2 do
      jobs:cancel(got[i].id)
      jobs:nack(got[2 + i], { error = "e", class = "permanent" })
      jobs:nack(got[4 + i], { error = "e" })
      jobs:ack(got[6 + i])
    end
    add(3, {})
    add(3, { group = "g" })
    add(3, { delay = 1e6 })
  end

  -- Every page from `query` on, forwards or (field "prev_cursor") backwards; and the last page.
  local function walk(query, field)
    field = field or "next_cursor"
    local found, page = {}, nil
    for _ = 1, 100 do
      page = assert(jobs:list(query))
      for i, job in ipairs(page.items) do
        local at = field == "prev_cursor" and i or #found + 1
        table.insert(found, at, job.payload)
      end
      query.cursor = page[field]
      if not query.cursor then break end
    end
    return found, page
  end

  local function numbers(queue, from, to)
    local list = {}
    for i = from, to do list[#list + 1] = queue .. i end
    return list
  end

  it("goes through a queue by priority, then age, whatever the status", function()
    fill("q", 5)
    assert(jobs:enqueue("q", "urgent", { priority = 1, delay = 1e6 }))
    local expected = numbers("q", 1, 19)
    table.insert(expected, 1, "urgent")
    for _, limit in ipairs { 1, 3, 7, 50 } do
      assert.are.same(expected, (walk { queue = "q", limit = limit }))
    end
  end)

  it("has each status alone, the three kinds of ready ones merged", function()
    fill("q", 5)
    local expected = { cancelled = numbers("q", 1, 2), failed = numbers("q", 3, 4),
      dead = numbers("q", 5, 6), done = numbers("q", 7, 8), running = numbers("q", 9, 10),
      ready = numbers("q", 11, 19) }
    for _, status in ipairs(STATUSES) do
      assert.are.same(expected[status], (walk { queue = "q", status = status, limit = 2 }))
      assert.are.same(expected[status], (walk { status = status, limit = 2 }))
      local page = jobs:list { queue = "q", status = status, limit = 1, total = true }
      assert.are.equal(#expected[status], page.total)
      assert.are.equal(status, page.items[1].status)
    end
  end)

  it("takes the queues one after the other", function()
    fill("q", 5)
    fill("r", 1)
    local expected = numbers("q", 1, 19)
    for _, payload in ipairs(numbers("r", 1, 19)) do expected[#expected + 1] = payload end
    assert.are.same(expected, (walk { limit = 6 }))
    assert.are.equal(38, jobs:list({ total = true, limit = 1 }).total)
    assert.are.equal(19, jobs:list({ total = true, limit = 1, queue = "r" }).total)
  end)

  it("goes backwards as well", function()
    fill("q", 5)
    local _, last = walk { queue = "q", limit = 4 }
    local before = walk({ queue = "q", limit = 4, cursor = last.prev_cursor }, "prev_cursor")
    assert.are.same(numbers("q", 1, 16), before)
  end)

  it("meets each job once while workers move on", function()
    for i = 1, 20 do jobs:enqueue("q", i) end
    local seen, page = {}, nil
    repeat
      page = assert(jobs:list { queue = "q", limit = 3, cursor = page and page.next_cursor })
      for _, job in ipairs(page.items) do seen[#seen + 1] = job.payload end
      local job = claim("q", 1)[1]
      if job then jobs:ack(job) end
    until not page.next_cursor
    for i = 1, 20 do assert.are.equal(i, seen[i]) end
  end)

  it("gives an empty page where there is nothing", function()
    assert.are.same({ items = {}, has_more = false }, jobs:list())
    assert.are.same({ items = {}, has_more = false }, jobs:list { queue = "none" })
    jobs:enqueue("q", 1)
    assert.are.same({ items = {}, has_more = false }, jobs:list { limit = 0 })
    assert.are.same({}, store:scope("other").jobs:list().items)
    assert.are.same({}, jobs:list({ offset = 1 }).items)
  end)

  it("refuses what breaks a rule", function()
    for i = 1, 3 do jobs:enqueue("q", i) end
    local cursor = jobs:list({ queue = "q", limit = 1 }).next_cursor
    local function bad(field, query)
      local result, err = jobs:list(query)
      assert.is_nil(result)
      assert.are.same({ "invalid", field }, { err.code, err.field })
    end
    bad("queue", { queue = "" })
    bad("limit", { limit = -1 })
    bad("limit", { limit = 0.5 })
    bad("limit", { limit = 0 / 0 })
    bad("cursor", { cursor = "x", queue = "q" })
    bad("cursor", { cursor = cursor, queue = "r" })
    bad("cursor", { cursor = cursor })
    bad("cursor", { cursor = cursor, queue = "q", status = "ready" })
    for _, query in ipairs { { status = "odd" }, { status = 1 }, { queue = 1 }, { extra = 1 } } do
      local ok, err = pcall(jobs.list, jobs, query)
      assert.is_false(ok)
      assert.matches(next(query), tostring(err), 1, true)
    end
  end)

  it("and every other call of jobs is served by indexes", function()
    fill("q", 5)
    fill("r", 1)
    local found = plans.slow(store, function()
      for _, status in ipairs { "ready", "done", false } do
        for _, queue in ipairs { "q", false } do
          local query = { queue = queue or nil, status = status or nil, limit = 1, total = true }
          local page = assert(jobs:list(query))
          query.cursor = page.next_cursor
          page = assert(jobs:list(query))
          query.cursor = page.prev_cursor
          assert(jobs:list(query))
        end
      end
      jobs:enqueue("q", 1, { key = "k" })
      jobs:enqueue("q", 1, { key = "k" })
      jobs:enqueue("q", 1, { group = "g", priority = 1 })
      clock.now = clock.now + 1e6
      local got = claim("q", 5)
      assert(jobs:heartbeat(got[1]))
      assert(jobs:ack(got[1], { enqueue = { { queue = "q", group = "g" } } }))
      assert(jobs:nack(got[2], { error = "e" }))
      assert(jobs:defer(got[3], 0))
      assert(jobs:cancel(got[4].id))
      assert(jobs:get(got[4].id))
      assert(jobs:stats())
      assert(jobs:stats "q")
      clock.now = clock.now + 1e6
      assert(jobs:recover())
      assert(jobs:purge { older_than = 0 })
    end)
    assert.are.same({}, found)
  end)
end)
