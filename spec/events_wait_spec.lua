local child = require "spec.support.child"
local core = require "moonbase.core"
local files = require "spec.support.files"
local lists = require "spec.support.lists"
local stores = require "spec.support.stores"

-- Long enough for the slowest machine: a test that passes never waits for it.
local LONG = 60000

local cursors = lists.cursors

describe("events:wait", function()
  local store, events, path

  before_each(function()
    path = files.database()
    store = stores.open(path)
    events = store.events
  end)

  after_each(stores.cleanup)

  it("gives at once what is there", function()
    assert(events:append_batch { { stream = "a", type = "t" }, { stream = "b", type = "u" } })
    assert.are.same({ 1, 2 }, cursors(events:wait { after = 0, timeout = LONG }))
    assert.are.same({ 2 }, cursors(events:wait { after = 1, timeout = LONG }))
    assert.are.same({ 2 }, cursors(events:wait { stream = "b", timeout = LONG }))
    assert.are.same({ 2 }, cursors(events:wait { type = "u", timeout = LONG }))
    assert.are.same({ 1 }, cursors(events:wait { limit = 1, timeout = LONG }))
    assert.are.same({}, events:wait { limit = 0, timeout = LONG })
  end)

  it("gives nothing when the time is over, measured by a clock that nobody sets", function()
    store:close()
    store = stores.open(path, { clock = function() return 5 end })
    events = store.events
    assert(events:append { stream = "a", type = "t" })
    local started = core.monotonic()
    assert.are.same({}, events:wait { after = 1, timeout = 30 })
    assert.is_true(core.monotonic() - started >= 30)
    assert.are.same({}, events:wait { stream = "b", timeout = 0 })
  end)

  it("does not wait for itself inside a transaction", function()
    store:transaction(function(tx)
      assert.are.same({}, tx.events:wait { after = 0, timeout = LONG })
      assert(tx.events:append { stream = "a", type = "t" })
      assert.are.same({ 1 }, cursors(events:wait { timeout = LONG }))
      assert.are.same({}, events:wait { after = 1, timeout = LONG })
    end)
  end)

  it("refuses impossible times, cursors and names", function()
    for _, bad in ipairs { -1, 0.5, 0 / 0, math.huge } do
      assert.are.equal("timeout", select(2, events:wait { timeout = bad }).field)
      assert.are.equal("after", select(2, events:wait { timeout = 0, after = bad }).field)
    end
    assert.are.equal("stream", select(2, events:wait { timeout = 0, stream = "" }).field)
    assert.is_false(pcall(events.wait, events, { timeout = "1" }))
    assert.is_false(pcall(events.wait, events, { until_then = 1 }))
  end)

  it("is woken by an append of another process, and only by one that was asked for", function()
    local writer = child.start(function(c)
      local own = stores.open(path)
      c:tell("ready")
      c:hear()
      core.sleep(20)
      assert(own.threads:create { id = "not an event" })
      assert(own.events:append { stream = "other", type = "t" })
      core.sleep(20)
      assert(own.events:append { stream = "mine", type = "t", data = "hello" })
      own:close()
    end)
    writer:hear()
    writer:tell("go")
    local found = assert(events:wait { stream = "mine", timeout = LONG })
    assert.are.same({ 2 }, cursors(found))
    assert.are.equal("hello", found[1].data)
    assert.is_true(writer:finish())
  end)

  it("does not lose its way when events are gone before it has seen them", function()
    local writer = child.start(function(c)
      local own = stores.open(path)
      c:tell("ready")
      c:hear()
      assert(own:transaction(function(tx)
        assert(tx.events:append { stream = "a", type = "t" })
        return tx.events:clear()
      end))
      core.sleep(20)
      assert(own.events:append { stream = "a", type = "t" })
      own:close()
    end)
    writer:hear()
    writer:tell("go")
    assert.are.same({ 2 }, cursors(events:wait { timeout = LONG }))
    assert.is_true(writer:finish())
  end)

  it("tells of an error that lasts, such as a lock that is never given back", function()
    local memory = stores.open()
    local holder = coroutine.create(function()
      memory:transaction(function() coroutine.yield() end)
    end)
    coroutine.resume(holder)
    local result, err = memory.events:wait { timeout = 5 }
    assert.is_nil(result)
    assert.are.equal("busy", err.code)
    coroutine.resume(holder)
    memory:close()
  end)

  describe("in OpenResty", function()
    local phase, slept, at_sleep

    before_each(function()
      phase, slept, at_sleep = "content", 0, function() end
      rawset(_G, "ngx", {
        get_phase = function() return phase end,
        sleep = function(seconds)
          slept = slept + 1
          assert.is_true(seconds > 0 and seconds <= 0.05)
          at_sleep()
        end,
      })
    end)

    after_each(function() rawset(_G, "ngx", nil) end)

    it("lets the worker serve other requests, whose appends it sees", function()
      at_sleep = function()
        if slept == 3 then assert(events:append { stream = "a", type = "t" }) end
      end
      assert.are.same({ 1 }, cursors(events:wait { timeout = LONG }))
      assert.are.equal(3, slept)
    end)

    it("does not wait where the worker could not go on", function()
      for _, name in ipairs { "init", "init_worker", "header_filter", "body_filter", "log" } do
        phase = name
        assert.are.same({}, events:wait { timeout = LONG })
      end
      assert.are.equal(0, slept)
    end)
  end)
end)

describe("events of several processes:", function()
  local path

  before_each(function()
    path = files.database()
    stores.open(path):close()
  end)

  after_each(files.cleanup)

  -- Appends by ones and by threes, telling the cursors it was given.
  local function start(count, rounds)
    return child.together(count, function(c, i)
      local store = stores.open(path)
      c:ready()
      for n = 1, rounds do
        local event = { stream = "writer-" .. i, type = "t", data = n }
        c:tell(assert(store.events:append(event)).cursor)
        local batch = assert(store.events:append_batch { event, event, event })
        for _, written in ipairs(batch) do c:tell(written.cursor) end
      end
      c:tell("done")
      store:close()
    end)
  end

  it("appends get unique cursors without a gap, those of a batch in one piece", function()
    local seen, count = {}, 0
    for _, one in ipairs(start(4, 25)) do
      local given = {}
      for line in function() return one:hear() end do
        if line == "done" then break end
        local cursor = tonumber(line)
        assert.is_nil(seen[cursor])
        seen[cursor], count = true, count + 1
        given[#given + 1] = cursor
      end
      assert.is_true(one:finish())
      for i = 1, #given, 4 do
        assert.are.same({ given[i + 1] + 1, given[i + 1] + 2 }, { given[i + 2], given[i + 3] })
      end
    end
    assert.are.equal(400, count)
    for cursor = 1, 400 do assert.is_true(seen[cursor]) end
  end)

  it("a reader that waits from cursor to cursor gets each event once, in order", function()
    local store = stores.open(path)
    assert(store.events:append { stream = "old", type = "t" })
    local from = store.events:latest() -- from now on
    local reader = child.start(function()
      local own = stores.open(path)
      local after, got = from, 0
      while got < 120 do
        for _, event in ipairs(assert(own.events:wait { after = after, timeout = LONG })) do
          assert(event.cursor == after + 1, "a gap or a repetition")
          after, got = event.cursor, got + 1
        end
      end
      own:close()
    end)
    for _, one in ipairs(start(3, 10)) do
      repeat until one:hear() == "done"
      assert.is_true(one:finish())
    end
    assert.is_true(reader:finish())
    store:close()
  end)

  it("the same key from all of them at once makes one event", function()
    local writers = child.together(4, function(c)
      local store = stores.open(path)
      c:ready()
      for n = 1, 20 do
        local event = { stream = "s", type = "t", data = { n = n }, key = "key-" .. n }
        c:tell(assert(store.events:append(event)).cursor)
      end
      store:close()
    end)
    for _, one in ipairs(writers) do
      for n = 1, 20 do assert.are.equal(tostring(n), one:hear()) end
      assert.is_true(one:finish())
    end
  end)

  it("a writer that is killed loses nothing that was acknowledged", function()
    local told = 0
    for round = 1, 3 do
      local one = child.start(function(c)
        local store = stores.open(path)
        while true do
          local event = { stream = "s", type = "t", data = ("x"):rep(500) }
          c:tell(assert(store.events:append(event)).cursor)
        end
      end)
      for _ = 1, 10 + round do told = tonumber(one:hear()) end
      require("process").kill(one.pid, "KILL")
      for line in function() return one:hear() end do told = tonumber(line) end
      one:finish()
      local store = stores.open(path)
      local last = store.events:latest()
      assert.is_true(last == told or last == told + 1)
      local found = cursors(store.events:poll { limit = 10000 })
      for i = 1, last do assert.are.equal(i, found[i]) end
      assert.are.equal(last, #found)
      assert.are.equal(last, store.events:latest("s"))
      store:close()
    end
  end)
end)
