-- Transactions that are open: whose they are, who may end them, and who learns of it.

local child = require "spec.support.child"
local files = require "spec.support.files"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local code_of, raises = outcome.code_of, outcome.raises

local store, path, clock, told

before_each(function()
  path, told = files.database(), {}
  store, clock = stores.open(path, {
    on_event = function(kind, info) told[#told + 1] = { kind = kind, info = info } end,
  })
end)

after_each(stores.cleanup)

local function begin(options)
  local tx = assert(store:begin(options))
  assert(tx.kv:set("ns", "mine", 1))
  return tx
end

local function collect()
  for _ = 1, 3 do collectgarbage() end
end

describe("store.transactions:active", function()
  it("lists what is open in this process, of every scope and handle of the file", function()
    assert.are.same({}, store.transactions:active())
    local tx = begin { label = "import" }
    clock.now = 1500
    local expected = { { id = tx.id, label = "import", scope = "default", status = "active",
      started_at = 1000 } }
    assert.are.same(expected, store.transactions:active())
    assert.are.same(expected, assert(store:scope("other")).transactions:active())
    assert.are.same(expected, tx.transactions:active())
    local private = stores.open(path, { shared = false })
    assert.are.same(expected, private.transactions:active())
    local elsewhere = stores.open(files.database())
    assert.are.same({}, elsewhere.transactions:active())
    elsewhere:close()
    tx:savepoint():rollback()
    assert.are.same(expected, store.transactions:active())
    tx:commit()
    assert.are.same({}, private.transactions:active())
    private:close()
  end)

  it("has those of functions and of other coroutines, while they last", function()
    store:transaction(function(tx)
      assert.are.equal(tx.id, store.transactions:active()[1].id)
      store:transaction(function() assert.are.equal(1, #store.transactions:active()) end)
    end)
    assert.are.same({}, store.transactions:active())
    local worker = coroutine.wrap(function()
      store:scope("other"):transaction(function() coroutine.yield() end)
    end)
    worker()
    assert.are.equal("other", store.transactions:active()[1].scope)
    worker()
    assert.are.same({}, store.transactions:active())
  end)

  it("has none of another process, nor of a store without a file", function()
    local memory = stores.open()
    local tx = assert(memory:begin())
    assert.are.same({}, store.transactions:active())
    assert.are.equal(1, #memory.transactions:active())
    local second = stores.open()
    assert.are.same({}, second.transactions:active())
    second:close()
    tx:rollback()
    memory:close()
    tx = begin()
    child.run(function()
      local own = stores.open(path)
      assert.are.same({}, own.transactions:active())
      own:close()
    end)
    tx:rollback()
  end)
end)

describe("store.transactions:timeout_stale", function()
  it("rolls back what is strictly older, by the store's clock", function()
    local tx = begin()
    clock.now = 2000
    assert.are.equal(0, store.transactions:timeout_stale(1000))
    assert.are.equal("active", tx:status())
    assert.are.equal(1, store.transactions:timeout_stale(999))
    assert.are.equal("rolled_back", tx:status())
    assert.are.same({}, store.transactions:active())
    assert.are.equal(0, store.transactions:timeout_stale(0))
    assert.are.equal("timeout", code_of(tx:commit()))
    assert.is_nil(store.kv:get("ns", "mine"))
    assert.are.same({}, store.transactions:log())
  end)

  it("gives the owner `timeout` at the next call on the transaction, and frees the lock", function()
    for _, call in ipairs {
      function(tx) return tx:commit() end, function(tx) return tx:rollback() end,
      function(tx) return tx:savepoint() end, function(tx) return tx:write_set() end,
      function(tx) return tx.kv:set("ns", "k", 1) end, function(tx) return tx.kv:get("ns", "k") end,
      function(tx) return tx.threads:list() end, function(tx) return tx:begin() end,
      function(tx) return tx:enlist("a", { prepare = print, commit = print, rollback = print }) end,
    } do
      local tx = begin()
      clock.now = clock.now + 10
      assert.are.equal(1, store.transactions:timeout_stale(5))
      coroutine.wrap(function() assert(store.kv:set("ns", "other", 1)) end)()
      assert.are.equal("timeout", code_of(call(tx)))
      assert(store.kv:set("ns", "free", 1))
      assert.are.equal("rolled_back", tx:status())
      pcall(tx.rollback, tx) -- gives `timeout` too, unless that was the call
      raises("closed", tx.commit, tx)
      raises("closed", function() return tx.kv:get("ns", "k") end)
      assert.is_nil(store.kv:get("ns", "mine"))
      assert(store:begin()):rollback()
    end
  end)

  it("gives it at the next call on the store, which would have joined", function()
    for _, call in ipairs {
      function() return store.kv:set("ns", "k", 1) end, function() return store.kv:get("ns", "k") end,
      function() return store:begin() end,
      function() return store:transaction(function() return true end) end,
      function() return store.threads:append("t", { { role = "user", content = "x" } }) end,
    } do
      local tx = begin()
      clock.now = clock.now + 10
      assert.are.equal(1, store.transactions:timeout_stale(5))
      assert.are.equal("timeout", code_of(call()))
      assert.is_nil(store.kv:get("ns", "k"))
      assert.is_nil(store.threads:get("t"))
      assert.are.equal("timeout", code_of(tx:rollback()))
    end
  end)

  it("gives it at every call of a function, which cannot commit any more", function()
    local result, err = store:transaction(function(tx)
      assert(tx.kv:set("ns", "mine", 1))
      clock.now = clock.now + 10
      assert.are.equal(1, store.transactions:timeout_stale(5))
      for _ = 1, 2 do
        assert.are.equal("timeout", code_of(tx.kv:set("ns", "mine", 2)))
        assert.are.equal("timeout", code_of(store.kv:set("ns", "mine", 2)))
        assert.are.equal("timeout", code_of(store:transaction(function() return true end)))
      end
      return "done"
    end)
    assert.are.equal("timeout", code_of(result, err))
    assert.is_nil(store.kv:get("ns", "mine"))
    assert(store.kv:set("ns", "mine", 3))
  end)

  it("raises what the function raised when it heard of it", function()
    assert.has_error(function()
      store:transaction(function(tx)
        clock.now = clock.now + 10
        store.transactions:timeout_stale(5)
        assert(tx.kv:get("ns", "k"))
      end)
    end)
    assert(store.kv:set("ns", "mine", 3))
  end)

  it("reaches one that sleeps in another coroutine, and its savepoints", function()
    local worker = coroutine.wrap(function()
      return store:transaction(function(tx)
        local point = assert(tx:savepoint())
        assert(point.kv:set("ns", "mine", 1))
        coroutine.yield()
        assert.are.equal("timeout", code_of(point:commit()))
        return store:transaction(function() return true end)
      end)
    end)
    worker()
    clock.now = clock.now + 10
    assert.are.equal("busy", code_of(store.kv:set("ns", "k", 1)))
    assert.are.equal(1, store.transactions:timeout_stale(5))
    assert(store.kv:set("ns", "k", 1)) -- the owner need not run for that
    assert.are.equal("timeout", code_of(worker()))
    assert.is_nil(store.kv:get("ns", "mine"))
    assert.are.equal(1, store.kv:get("ns", "k"))
  end)

  it("says nothing to the others, nor to whoever gets the coroutine's place", function()
    local worker = coroutine.wrap(function() return coroutine.yield(begin()) end)
    local tx = worker()
    clock.now = clock.now + 10
    assert.are.equal(1, store.transactions:timeout_stale(5))
    assert(store.kv:set("ns", "k", 1))
    coroutine.wrap(function() assert(store.kv:set("ns", "k", 2)) end)()
    raises("wrong_coroutine", tx.commit, tx)
    worker, tx = nil, nil -- luacheck: ignore
    collect()
    for i = 1, 40 do
      coroutine.wrap(function() assert(store.kv:set("ns", "k", i)) end)()
    end
    assert.are.same({}, told) -- it was ended, not abandoned
  end)

  it("tells participants, also those that had prepared", function()
    local calls = {}
    local function participant(name, prepare)
      return {
        prepare = prepare or function() calls[#calls + 1] = "prepare " .. name end,
        commit = function() calls[#calls + 1] = "commit " .. name end,
        rollback = function() calls[#calls + 1] = "rollback " .. name end,
      }
    end
    local tx = begin()
    assert(tx:enlist("a", participant "a"))
    clock.now = clock.now + 10
    assert.are.equal(1, store.transactions:timeout_stale(5))
    assert.are.equal("rollback a", table.concat(calls, ", "))
    assert.are.equal("timeout", code_of(tx:commit()))

    calls = {}
    local worker = coroutine.wrap(function()
      tx = begin()
      assert(tx:enlist("a", participant "a"))
      assert(tx:enlist("b", participant("b", function() coroutine.yield() end)))
      assert(tx:enlist("c", participant "c"))
      local ok, err = tx:commit()
      assert(store.kv:set("ns", "k", 2)) -- its owner has been told, once
      return ok, err
    end)
    worker()
    clock.now = clock.now + 10
    assert.are.equal(1, store.transactions:timeout_stale(5))
    assert(store.kv:set("ns", "k", 1))
    assert.are.equal("timeout", code_of(worker()))
    assert.are.equal("prepare a, rollback b, rollback a", table.concat(calls, ", "))
    assert.are.equal("rolled_back", tx:status())
    assert.is_nil(store.kv:get("ns", "mine"))
    assert.are.same({}, store.transactions:log())
  end)

  it("refuses what is no duration", function()
    for _, bad in ipairs { "1", {}, true } do
      raises("invalid", store.transactions.timeout_stale, store.transactions, bad)
    end
    raises("invalid", store.transactions.timeout_stale, store.transactions)
    for _, bad in ipairs { -1, 0.5, 0 / 0, math.huge } do
      assert.are.equal("invalid", code_of(store.transactions:timeout_stale(bad)))
    end
  end)
end)

describe("a transaction that is", function()
  it("collected is rolled back, and told of", function()
    local tx = begin { label = "forgotten" }
    local id = tx.id
    tx = nil -- luacheck: ignore
    collect()
    assert.are.same({ { kind = "transaction_abandoned", info = { id = id, label = "forgotten",
      scope = "default", started_at = 1000 } } }, told)
    assert.are.same({}, store.transactions:active())
    assert.is_nil(store.kv:get("ns", "mine"))
    assert(store.kv:set("ns", "k", 1))
  end)

  it("collected with its coroutine is too, but no transaction of a single call, nor one that ended",
    function()
      local worker = coroutine.wrap(function()
        store:transaction(function(tx)
          assert(tx.kv:set("ns", "mine", 1))
          coroutine.yield()
        end)
      end)
      worker()
      coroutine.wrap(function()
        assert.are.equal("busy", code_of(store.kv:set("ns", "k", 1)))
      end)()
      assert.is_function(worker)
      worker = nil -- luacheck: ignore
      collect()
      assert.are.equal(1, #told)
      store.context:write(function() return true end)
      coroutine.wrap(function() store.context:write(function() coroutine.yield() end) end)()
      store:transaction(function() end)
      collect()
      assert.are.equal(1, #told)
    end)

  it("collected after a savepoint of it leaves the savepoint's work undone alone", function()
    local tx = begin()
    do
      local point = assert(tx:savepoint())
      assert(point.kv:set("ns", "inner", 1))
      point = nil -- luacheck: ignore
    end
    collect()
    assert(tx:commit())
    assert.are.equal(1, store.kv:get("ns", "mine"))
    assert.is_nil(store.kv:get("ns", "inner"))
    assert.are.same({}, told)
  end)

  it("open when its store is closed is rolled back, and says so", function()
    local own = stores.open(path)
    local tx = assert(own:begin())
    local undone
    assert(tx:enlist("a", { prepare = error, commit = error, rollback = function() undone = true end }))
    assert(tx.kv:set("ns", "mine", 1))
    assert(own:close())
    assert.is_true(undone)
    assert.are.equal("rolled_back", tx:status())
    raises("closed", tx.commit, tx)
    assert(store.kv:set("ns", "k", 1))
    assert.is_nil(store.kv:get("ns", "mine"))
    tx = begin()
    assert(stores.open(path):close()) -- not the handle that it was begun on
    assert(tx:commit())
  end)

  it("inherited by a forked process is `forked` there, and whole here", function()
    local tx = begin()
    child.run(function()
      for _, call in ipairs {
        function() return tx:commit() end, function() return tx:rollback() end,
        function() return tx.kv:get("ns", "mine") end, function() return tx:savepoint() end,
      } do
        local ok, err = pcall(call)
        assert.is_false(ok)
        assert.are.equal("forked", err.code)
      end
      local _, err = store:begin()
      assert.are.equal("forked", err.code)
      assert.are.same({}, store.transactions:active())
      assert.are.equal(0, store.transactions:timeout_stale(0))
      tx = nil -- luacheck: ignore
      collect()
      assert.are.same({}, told)
    end)
    assert(tx:commit())
    assert.are.equal(1, store.kv:get("ns", "mine"))
  end)
end)

describe("a telling function that fails", function()
  it("harms nothing", function()
    local noisy = stores.open(path, { on_event = function() error "again" end })
    local tx = assert(noisy:begin())
    assert(tx:enlist("a", { prepare = function() end, commit = error, rollback = error }))
    assert.is_true(tx:commit())
    assert(noisy:begin())
    collect()
    assert(noisy.kv:set("ns", "k", 1))
    noisy:close()
  end)

  it("may use the store", function()
    local seen
    local other
    other = stores.open(path, { on_event = function(kind)
      seen = kind
      assert(other.kv:set("ns", "told", 1))
    end })
    assert(other:begin())
    collect()
    assert.are.equal("transaction_abandoned", seen)
    assert.are.equal(1, store.kv:get("ns", "told"))
    other:close()
  end)
end)
