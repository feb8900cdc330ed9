-- Waiting for a lock on an event loop: what OpenResty offers is played by the spec. (Real nginx:
-- openresty_spec.lua.)

local files = require "spec.support.files"
local moonbase = require "moonbase"
local code_of = require("spec.support.outcome").code_of

describe("on an event loop", function()
  local store, path, phase, request, slept, at_sleep

  before_each(function()
    path, phase, request, slept, at_sleep = files.database(), "content", {}, 0, function() end
    rawset(_G, "ngx", setmetatable({
      get_phase = function() return phase end,
      sleep = function(seconds)
        slept = slept + seconds
        assert.is_true(seconds >= 0.001 and seconds <= 0.05)
        at_sleep()
      end,
    }, { __index = function(_, key) return key == "ctx" and request or nil end }))
    store = assert(moonbase.open(path, { busy_timeout = 200 }))
  end)

  after_each(function()
    store:close()
    rawset(_G, "ngx", nil)
    files.cleanup()
  end)

  -- A transaction of another coroutine; `finish` lets it commit.
  local function holder()
    local worker = coroutine.wrap(function()
      return store:transaction(function(tx)
        assert(tx.kv:set("ns", "theirs", 1))
        coroutine.yield()
        return true
      end)
    end)
    worker()
    return worker
  end

  local function foreign()
    return assert(moonbase.open(path, { shared = false, busy_timeout = 0 }))
  end

  it("a write waits for another coroutine's transaction to end, and joins it not", function()
    local finish = holder()
    local times = 0
    at_sleep = function()
      times = times + 1
      if times == 3 then assert.is_true(finish()) end
    end
    assert.is_nil(store.kv:get("ns", "theirs"))
    assert(store.kv:set("ns", "mine", 1))
    assert.are.equal(3, times)
    assert.are.equal(1, store.kv:get("ns", "theirs"))
  end)

  it("so do a transaction and a function, up to their time-out", function()
    for _, call in ipairs {
      function(timeout) return store:begin { timeout = timeout } end,
      function(timeout)
        return store:transaction({ timeout = timeout }, function() return true end)
      end,
    } do
      local finish = holder()
      local before = slept
      assert.are.equal("busy", code_of(call(0)))
      assert.are.equal(before, slept)
      assert.are.equal("busy", code_of(call(5)))
      assert.is_true(slept > before)
      at_sleep = function()
        if finish then finish() end
        finish = nil
      end
      local made = assert(call(10000))
      if made ~= true then assert(made:rollback()) end
    end
  end)

  it("a write waits for another process's lock without a pause inside SQLite", function()
    local other = foreign()
    local tx = assert(other:begin())
    at_sleep = function()
      if tx then assert(tx:rollback()) end
      tx = nil
    end
    assert(store.kv:set("ns", "k", 1))
    assert.is_true(slept > 0 and slept < 0.05)
    other:close()
  end)

  it("is `busy` at once where the phase cannot yield, and blocks before the worker serves", function()
    local other = foreign()
    local tx = assert(other:begin())
    for _, name in ipairs { "header_filter", "body_filter", "log", "balancer" } do
      phase = name
      assert.are.equal("busy", code_of(store.kv:set("ns", "k", 1)))
    end
    assert.are.equal(0, slept)
    phase = "init_worker"
    assert.are.equal("busy", code_of(store:begin { timeout = 20 }))
    assert.are.equal(0, slept)
    tx:rollback()
    assert(store.kv:set("ns", "k", 1))
    other:close()
  end)

  it("is `busy` where a function of C stands between", function()
    local other = foreign()
    local tx = assert(other:begin())
    rawget(_G, "ngx").sleep = function() error "attempt to yield across C-call boundary" end
    assert.are.equal("busy", code_of(store.kv:set("ns", "k", 1)))
    tx:rollback()
    other:close()
  end)

  it("inside one's own transaction nothing waits", function()
    local tx = assert(store:begin())
    assert(tx.kv:set("ns", "k", 1))
    assert(store.kv:set("ns", "k", 2))
    assert.are.equal(2, store.kv:get("ns", "k"))
    assert(tx:commit())
    assert.are.equal(0, slept)
  end)

  it("a reader without a file of its own waits too", function()
    local memory = assert(moonbase.open(":memory:"))
    assert(memory.kv:set("ns", "k", 1))
    local finish = coroutine.wrap(function()
      memory:transaction(function() coroutine.yield() end)
    end)
    finish()
    at_sleep = function()
      if finish then finish() end
      finish = nil
    end
    assert.are.equal(1, memory.kv:get("ns", "k"))
    assert.is_true(slept > 0)
    memory:close()
  end)

  it("a transaction whose coroutine was given to another request is over", function()
    local told = {}
    local teller = assert(moonbase.open(path, { on_event = function(kind) told[#told + 1] = kind end }))
    assert(teller:begin()) -- and the request ends
    assert(store.kv:set("ns", "inherited", 1)) -- the same one still: it joins
    request = {}
    assert(store.kv:set("ns", "mine", 1))
    assert.are.same({ "transaction_abandoned" }, told)
    local forgotten = assert(store:begin()) -- this one cannot be collected
    assert(forgotten.kv:set("ns", "inherited", 1))
    request = {}
    assert(store.kv:set("ns", "mine", 2))
    assert.is_nil(store.kv:get("ns", "inherited"))
    local fresh = assert(store:begin())
    assert(fresh.kv:set("ns", "mine", 3))
    assert(fresh:commit())
    assert.are.equal(3, store.kv:get("ns", "mine"))
    assert.are.equal("rolled_back", forgotten:status())
    teller:close()
  end)

  it("a `timeout` that was meant for a request that is over is told to nobody", function()
    local now = 0
    store:close()
    store = assert(moonbase.open(path, { clock = function() return now end }))
    local function times_out()
      local tx = assert(store:begin())
      assert(tx.kv:set("ns", "k", 1))
      now = now + 10
      assert.are.equal(1, store.transactions:timeout_stale(5))
    end
    times_out()
    assert.are.equal("timeout", code_of(store.kv:set("ns", "k", 1)))
    times_out()
    request = {}
    assert(store.kv:set("ns", "mine", 1))
    assert.is_nil(store.kv:get("ns", "k"))
  end)
end)

describe("in plain Lua", function()
  it("a write is `busy` at once while another coroutine has a transaction, and no owner can run",
    function()
      local store = assert(moonbase.open(files.database()))
      local finish = coroutine.wrap(function() store:transaction(function() coroutine.yield() end) end)
      finish()
      local _, err = store.kv:set("ns", "k", 1)
      assert.are.equal("busy", err.code)
      assert.is_true(err.retryable)
      _, err = store:begin { timeout = 60000 }
      assert.are.equal("busy", err.code)
      finish()
      assert(store.kv:set("ns", "k", 1))
      store:close()
      files.cleanup()
    end)
end)
