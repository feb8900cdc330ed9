local files = require "spec.support.files"
local moonbase = require "moonbase"

local function ids(store)
  local found = {}
  for i, thread in ipairs(store.threads:list().items) do found[i] = thread.id end
  table.sort(found)
  return table.concat(found, " ")
end

describe("store:transaction", function()
  local store

  before_each(function()
    store = assert(moonbase.open(files.database()))
  end)

  after_each(function()
    store:close()
    files.cleanup()
  end)

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
    local broken = assert(moonbase.open(store.handle.path, { new_id = function() error("no id", 0) end }))
    for _, call in ipairs { "transaction", "begin" } do
      local ok, failure = pcall(broken[call], broken, call == "transaction" and print or nil)
      assert.is_false(ok)
      assert.equal("no id", failure)
      assert.is_false(store.context.engine:in_transaction())
    end
    assert(store.threads:create { id = "a" })
    store:close()
    broken:close()
    store = assert(moonbase.open(store.handle.path))
    assert.are.equal("a", ids(store))
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

  it("raises for what is not a function or an unknown option", function()
    assert.is_false(pcall(store.transaction, store, 1))
    assert.is_false(pcall(store.transaction, store, { nonsense = 1 }, function() end))
  end)
end)

describe("store:begin", function()
  local store, path

  before_each(function()
    path = files.database()
    store = assert(moonbase.open(path))
  end)

  after_each(function()
    store:close()
    files.cleanup()
  end)

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
    for _, use in ipairs { "commit", "rollback", "savepoint" } do
      local ok, err = pcall(tx[use], tx)
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
        do
          local tx <close> = store:begin()
          assert(tx.threads:create { id = "a" })
        end
        do
          local tx <close> = store:begin()
          assert(tx.threads:create { id = "b" })
          tx:commit()
        end
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
    local other = assert(moonbase.open(path, { shared = false, busy_timeout = 0 }))
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
