local files = require "spec.support.files"
local stores = require "spec.support.stores"

local function ids(store)
  local found = {}
  for i, thread in ipairs(store.threads:list().items) do found[i] = thread.id end
  table.sort(found)
  return table.concat(found, " ")
end

describe("store:transaction", function()
  local store

  before_each(function()
    store = stores.open(files.database())
  end)

  after_each(stores.cleanup)

  it("commits when the function returns, and gives its results", function()
    local a, b, c = store:transaction(function(tx)
      assert(tx.threads:create { id = "a" })
      assert(store.threads:create { id = "b" })
      return 1, nil, 3
    end)
    assert.are.same({ 1, nil, 3 }, { a, b, c })
    assert.are.equal("a b", ids(store))
  end)

  it("that cannot get its id leaves nothing open", function()
    local broken = stores.open(store.handle.path, { new_id = function() error("no id", 0) end })
    for _, call in ipairs { "transaction", "begin" } do
      local ok, failure = pcall(broken[call], broken, call == "transaction" and print or nil)
      assert.is_false(ok)
      assert.equal("no id", failure)
      assert.is_false(store.context.engine:in_transaction())
    end
    assert(store.threads:create { id = "a" })
    store:close()
    broken:close()
    store = stores.open(store.handle.path)
    assert.are.equal("a", ids(store))
  end)

  it("that gets an id that is none is refused", function()
    local id
    local broken = stores.open(store.handle.path, { new_id = function() return id end })
    for _, bad in ipairs { "", " ", "a\0b", "\255", ("x"):rep(513) } do
      id = bad
      local tx, err = broken:begin()
      assert.is_nil(tx)
      assert.are.equal("invalid", err.code)
      assert.is_false(store.context.engine:in_transaction())
    end
    id = 1
    assert.is_false(pcall(broken.begin, broken))
    assert.is_false(store.context.engine:in_transaction())
    broken:close()
  end)

  it("commits when the function returns nothing or false", function()
    store:transaction(function(tx) tx.threads:create { id = "a" } end)
    assert.is_false(store:transaction(function(tx)
      tx.threads:create { id = "b" }
      return false, "a lost race is no failure"
    end))
    assert.are.equal("a b", ids(store))
  end)

  it("rolls back on nil and an error, and returns them", function()
    local result, err = store:transaction(function(tx)
      assert(tx.threads:create { id = "a" })
      return nil, "why"
    end)
    assert.is_nil(result)
    assert.are.equal("why", err)
    assert.are.equal("", ids(store))
    result, err = store:transaction(function(tx)
      assert(tx.threads:create { id = "a" })
      return nil, false
    end)
    assert.is_nil(result)
    assert.is_false(err)
    assert.are.equal("", ids(store))
  end)

  it("rolls back when the function raises, and raises the same value", function()
    local value = {}
    local ok, err = pcall(store.transaction, store, function(tx)
      assert(tx.threads:create { id = "a" })
      error(value)
    end)
    assert.is_false(ok)
    assert.are.equal(value, err)
    assert.are.equal("", ids(store))
  end)

  it("nests as savepoints of the same transaction", function()
    assert(store:transaction(function(tx)
      assert(tx.threads:create { id = "a" })
      store:transaction(function(inner)
        assert.are.equal(tx.id, inner.id)
        assert(inner.threads:create { id = "b" })
        return nil, "undo the inner one"
      end)
      assert(store:transaction(function(inner)
        assert(inner.threads:create { id = "c" })
        return true
      end))
      return true
    end))
    assert.are.equal("a c", ids(store))
  end)

  it("undoes a failing call alone", function()
    assert(store:transaction(function(tx)
      assert(tx.threads:create { id = "a" })
      local _, err = tx.threads:create { id = "a" }
      assert.are.equal("exists", err.code)
      return true
    end))
    assert.are.equal("a", ids(store))
  end)

  it("may yield", function()
    local worker = coroutine.wrap(function()
      return store:transaction(function(tx)
        assert(tx.threads:create { id = "a" })
        coroutine.yield()
        assert(tx.threads:create { id = "b" })
        return "done"
      end)
    end)
    worker()
    assert.are.equal("", ids(store)) -- others see what is committed
    local _, err = store.threads:create { id = "c" }
    assert.are.equal("busy", err.code)
    assert.is_true(err.retryable)
    assert.are.equal("done", worker())
    assert.are.equal("a b", ids(store))
  end)

  it("is not ended from inside, and gives no parts afterwards", function()
    local kept
    store:transaction(function(tx)
      kept = tx
      assert.is_false(pcall(tx.commit, tx))
      assert.is_false(pcall(tx.rollback, tx))
      assert.are.equal("active", tx:status())
    end)
    assert.are.equal("committed", kept:status())
    local ok, err = pcall(function() return kept.threads:get("a") end)
    assert.is_false(ok)
    assert.are.equal("closed", err.code)
  end)

  it("gives as many results as the function gave", function()
    assert.are.equal(0, select("#", store:transaction(function() end)))
    assert.are.equal(1, select("#", store:transaction(function() return 1 end)))
    assert.are.equal(4, select("#", store:transaction(function() return 1, nil, nil, nil end)))
    assert.are.equal(3, select("#", store:transaction(function() return nil, "why", nil end)))
  end)

  it("nests on the transaction too, and is joined through every handle and scope", function()
    local second = stores.open(store.handle.path)
    local other = assert(store:scope("other"))
    assert.are.equal("why", select(2, store:transaction(function(tx)
      assert(tx:transaction(function(inner)
        assert.are.equal(tx.id, inner.id)
        return inner.threads:create { id = "a" }
      end))
      assert(second.threads:create { id = "b" })
      assert(other.threads:create { id = "c" })
      assert(second:transaction(function(inner)
        assert.are.equal(tx.id, inner.id)
        return inner.threads:create { id = "d" }
      end))
      assert.are.equal("a b d", ids(tx))
      assert.are.equal("a b d", ids(second))
      return nil, "why"
    end)))
    assert.are.equal("", ids(store))
    assert.are.equal("", ids(other))
    second:close()
  end)

  it("raises for what is not a function or an unknown option", function()
    for _, bad in ipairs {
      function() store:transaction(1) end, function() store:transaction() end,
      function() store:transaction({ nonsense = 1 }, function() end) end,
      function() store:transaction({ label = 1 }, function() end) end,
      function() store:transaction({ timeout = "1" }, function() end) end,
      function() store:begin { nonsense = 1 } end, function() store:begin(1) end,
    } do
      local ok, err = pcall(bad)
      assert.is_false(ok)
      assert.are.equal("invalid", err.code)
    end
    assert.is_true(store:transaction(nil, function() return true end))
  end)

  it("refuses a time-out or label that cannot be", function()
    local called
    for _, options in ipairs { { timeout = -1 }, { timeout = 0.5 }, { timeout = 0 / 0 },
      { label = "\255" } } do
      local result, err = store:transaction(options, function() called = true end)
      assert.is_nil(result)
      assert.are.equal("invalid", err.code)
      result, err = store:begin(options)
      assert.is_nil(result)
      assert.are.equal("invalid", err.code)
    end
    assert.is_nil(called)
  end)
end)

describe("store:begin", function()
  local store, path

  before_each(function()
    path = files.database()
    store = stores.open(path)
  end)

  after_each(stores.cleanup)

  it("commits and rolls back", function()
    local tx = assert(store:begin())
    assert.are.equal("userdata", type(tx))
    assert.are.equal("string", type(tx.id))
    assert(tx.threads:create { id = "a" })
    assert(tx:commit())
    assert.are.equal("committed", tx:status())
    tx = assert(store:begin { label = "second" })
    assert(tx.threads:create { id = "b" })
    assert(tx:rollback())
    assert.are.equal("rolled_back", tx:status())
    assert.are.equal("a", ids(store))
  end)

  it("has every part of the store", function()
    local tx = assert(store:begin())
    for name in ("threads runs checkpoints events flows specs profiles sessions blobs artifacts leases"
      .. " jobs kv memory vectors graph transactions"):gmatch("%S+") do
      assert.is_truthy(tx[name], name)
      assert.are_not.equal(store[name], tx[name], name)
      assert.are.equal(type(store[name]), type(tx[name]), name)
    end
    assert.is_nil(tx.nonsense)
    assert(tx:commit())
    for _, use in ipairs {
      function() return tx.kv:set("ns", "k", 1) end, function() return tx.vectors:open("v") end,
      function() return tx.memory:search("m") end, function() return tx.sessions:open("s") end,
      function() return tx.transactions:log() end, function() return tx.blobs:get(("0"):rep(64)) end,
      function() return tx.graph:edges {} end, function() return tx.graph:relate {
        from = "a", rel = "r", to = "b" } end,
    } do
      local ok, err = pcall(use)
      assert.is_false(ok)
      assert.are.equal("closed", err.code, tostring(err))
    end
  end)

  it("shows vectors, text and everything else at one commit, to every reader", function()
    local other = stores.open(path, { shared = false })
    local tx = assert(store:begin())
    assert(tx.threads:append("t", { { role = "user", content = "a lighthouse" } }))
    assert(tx.memory:remember { id = "m", text = "The lighthouse keeper likes tea." })
    local docs = assert(tx.vectors:create("docs", { dim = 2 }))
    assert(docs:upsert("v", { 1, 0 }))
    local function seen(reader)
      local vectors = reader.vectors:open("docs")
      return { #assert(reader.threads:search("lighthouse")), #assert(reader.memory:search("lighthouse")),
        vectors and #assert(vectors:search({ 1, 0 }, { k = 1 })) or 0 }
    end
    local from_coroutine = coroutine.wrap(function() return seen(store) end)()
    assert.are.same({ 0, 0, 0 }, from_coroutine)
    assert.are.same({ 0, 0, 0 }, seen(other))
    assert.are.same({ 1, 1, 1 }, seen(tx))
    assert(tx:commit())
    assert.are.same({ 1, 1, 1 }, coroutine.wrap(function() return seen(store) end)())
    assert.are.same({ 1, 1, 1 }, seen(other))
    tx = assert(store:begin())
    assert(tx.threads:append("u", { { role = "user", content = "another lighthouse" } }))
    assert(tx.memory:forget("m"))
    assert(tx.vectors:open("docs"):delete("v"))
    assert.are.same({ 2, 0, 0 }, seen(tx))
    assert(tx:rollback())
    assert.are.same({ 1, 1, 1 }, seen(store))
    other:close()
  end)

  it("has savepoints", function()
    local tx = assert(store:begin())
    assert(tx.threads:create { id = "a" })
    local point = assert(tx:savepoint())
    assert(tx.threads:create { id = "b" })
    assert(point:rollback())
    point = assert(tx:savepoint())
    assert(tx.threads:create { id = "c" })
    assert(point:commit())
    assert(tx:commit())
    assert.are.equal("a c", ids(store))
  end)

  it("ends its savepoints with it", function()
    local tx = assert(store:begin())
    local point = assert(tx:savepoint())
    assert(tx:rollback())
    local ok, err = pcall(point.commit, point)
    assert.is_false(ok)
    assert.are.equal("closed", err.code)
  end)

  it("raises for a second begin and for any use of an ended transaction", function()
    local tx = assert(store:begin())
    assert.is_false(pcall(store.begin, store))
    assert(tx:commit())
    local function never() error "was run" end
    for _, use in ipairs { "commit", "rollback", "savepoint", "transaction", "begin" } do
      local ok, err = pcall(tx[use], tx, use == "transaction" and never or nil)
      assert.is_false(ok)
      assert.are.equal("closed", err.code)
    end
    for _, use in ipairs {
      function() return tx.threads:list { limit = 0 } end,
      function() return tx.threads:messages("t", { limit = 0 }) end,
      function() return tx.transactions:active() end,
      function() return tx:scope "other" end,
    } do
      local ok, err = pcall(use)
      assert.is_false(ok)
      assert.are.equal("closed", err.code)
    end
  end)

  it("raises `wrong_coroutine` in another coroutine", function()
    local tx = assert(store:begin())
    coroutine.wrap(function()
      for _, use in ipairs {
        function() return tx:commit() end,
        function() return tx.threads:get("a") end,
        function() return tx.threads:create {} end,
        function() return tx:transaction(function() error "was run" end) end,
        function() return tx.threads:list { limit = 0 } end,
      } do
        local ok, err = pcall(use)
        assert.is_false(ok)
        assert.are.equal("wrong_coroutine", err.code)
      end
    end)()
    assert(tx:commit())
  end)

  it("shows nothing to other coroutines before the commit, and lets none join", function()
    local tx = assert(store:begin())
    assert(tx.threads:create { id = "a" })
    coroutine.wrap(function()
      assert.is_nil(store.threads:get("a"))
      local result, err = store.threads:create { id = "b" }
      assert.is_nil(result)
      assert.are.equal("busy", err.code)
      result, err = store:begin()
      assert.is_nil(result)
      assert.are.equal("busy", err.code)
    end)()
    assert(tx:commit())
    assert.are.equal("a", ids(store))
  end)

  it("rolls back when it is collected", function()
    local tx = assert(store:begin())
    assert(tx.threads:create { id = "a" })
    tx = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.are.equal("", ids(store))
    assert(store.threads:create { id = "b" })
    assert.are.equal("b", ids(store))
  end)

  it("rolls back when its coroutine is collected", function()
    local worker = coroutine.wrap(function()
      store:transaction(function(tx)
        assert(tx.threads:create { id = "a" })
        coroutine.yield()
      end)
    end)
    worker()
    worker = nil -- luacheck: ignore
    for _ = 1, 3 do collectgarbage() end
    assert(store.threads:create { id = "b" })
    assert.are.equal("b", ids(store))
  end)

  if not jit then
    it("rolls back at the end of a <close> scope, and a store closes", function()
      local run = assert(load([[
        local store = ...
        local undone
        do
          local tx <close> = store:begin()
          assert(tx.threads:create { id = "a" })
        end
        do
          local tx <close> = store:begin()
          assert(tx.threads:create { id = "b" })
          tx:commit()
        end
        do
          local tx <close> = store:begin()
          assert(tx:enlist("p", { prepare = error, commit = error, rollback = function()
            undone = true
          end }))
        end
        assert(undone)
        local leaving = coroutine.wrap(function()
          do
            local tx <close> = store:begin()
            assert(tx:enlist("p", { prepare = error, commit = error, rollback = function()
              undone = coroutine.yield("rolling back")
            end }))
            assert(tx.threads:create { id = "c" })
          end
          return "left"
        end)
        assert(leaving() == "rolling back" and leaving("resumed") == "left" and undone == "resumed")
        local moonbase = require "moonbase"
        local kept
        do
          local memory <close> = moonbase.open(":memory:")
          kept = memory
        end
        return kept
      ]]))
      assert.matches("closed", tostring(run(store)))
      assert.are.equal("b", ids(store))
    end)
  end

  it("gives `busy` when another connection writes for longer than the timeout", function()
    local other = stores.open(path, { shared = false, busy_timeout = 0 })
    local tx = assert(store:begin())
    local result, err = other:begin { timeout = 1 }
    assert.is_nil(result)
    assert.are.equal("busy", err.code)
    result, err = other.threads:create {}
    assert.is_nil(result)
    assert.are.equal("busy", err.code)
    assert(tx:commit())
    assert(other.threads:create { id = "a" })
    other:close()
  end)
end)
