local conversation = require "spec.support.conversation"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local stores = require "spec.support.stores"

describe("runs:prune", function()
  local store, clock, runs, threads

  before_each(function()
    store, clock = conversation.store()
    runs, threads = store.runs, store.threads
  end)

  after_each(stores.cleanup)

  local function put(id, thread, at, status)
    clock.now = at
    assert(runs:create { id = id, thread = thread, agent = "a", status = status or "done" })
  end

  local function ids()
    return conversation.fields(assert(runs:list { limit = 200 }).items, "id")
  end

  it("removes what has been done for longer, but the latest of each thread", function()
    for _, id in ipairs { "t", "u" } do assert(threads:create { id = id }) end
    put("t1", "t", 1000)
    put("t2", "t", 2000)
    put("u1", "u", 2000)
    put("t3", "t", 3000)
    clock.now = 4000
    assert.are.equal(0, runs:prune { older_than = 3000 }) -- before 1000
    assert.are.equal(1, runs:prune { older_than = 2000 }) -- before 2000
    assert.are.equal("t2 u1 t3", ids())
    assert.are.equal(1, runs:prune { older_than = 0 })
    assert.are.equal("u1 t3", ids())
    assert.are.equal("t3", runs:latest("t").id)
    assert.are.equal("t3", threads:get("t").latest_run)
    assert.are.equal(0, runs:prune { older_than = 0 })
  end)

  it("keeps what is not done, and what was done or changed since", function()
    assert(threads:create { id = "t" })
    for i, status in ipairs { "created", "running", "done", "running" } do
      put("r" .. i, "t", 1000 + i, status)
    end
    clock.now = 2000
    assert(runs:update("r4", { status = "done" }))
    assert(runs:update("r3", { steps = 7 }))
    put("last", "t", 2000)
    clock.now = 2500
    assert.are.equal(0, runs:prune { older_than = 1000 })
    clock.now = 4000
    assert.are.equal(2, runs:prune { older_than = 1000 })
    assert.are.equal("r1 r2 last", ids())
  end)

  it("removes all that is old of threads that are gone, or never were", function()
    assert(threads:create { id = "t" })
    put("t1", "t", 1000)
    put("n1", "none", 1000)
    put("n2", "none", 1001)
    assert(threads:delete("t"))
    clock.now = 5000
    assert.are.equal(3, runs:prune { older_than = 100 })
    assert.are.equal("", ids())
  end)

  it("keeps to its scope", function()
    put("r", "t", 1000)
    assert(store:scope("other").runs:create { id = "r", thread = "t", agent = "a", status = "done" })
    clock.now = 5000
    assert.are.equal(1, runs:prune { older_than = 0 })
    assert.is_nil(runs:get("r"))
    assert(store:scope("other").runs:get("r"))
    assert.are.equal(0, store:scope("never").runs:prune { older_than = 0 })
  end)

  it("removes any number of them", function()
    assert(store:transaction(function(tx)
      assert(tx.threads:create { id = "kept" })
      for i = 1, 2500 do
        clock.now = 1000 + i
        local thread = i % 500 == 0 and "kept" or "t" .. i
        assert(tx.runs:create { id = "r" .. i, thread = thread, agent = "a", status = "done" })
      end
      return true
    end))
    clock.now = 10000
    assert.are.equal(2499, runs:prune { older_than = 10 })
    assert.are.equal("r2500", ids())
  end)

  it("is all or nothing inside a transaction, and when a statement fails", function()
    for i = 1, 3 do put("r" .. i, "none", 1000 + i) end
    clock.now = 5000
    assert.are.equal("undone", select(2, store:transaction(function(tx)
      assert.are.equal(3, tx.runs:prune { older_than = 0 })
      return nil, "undone"
    end)))
    assert.are.equal("r1 r2 r3", ids())
    assert.is_true(faults.changes_nothing(store, function()
      return runs:prune { older_than = 0 }
    end) > 3)
    assert.are.equal("", ids())
  end)

  it("takes every batch back when a later one fails inside a transaction that goes on", function()
    assert(store:transaction(function(tx)
      for i = 1, 1500 do
        clock.now = 1000 + i
        assert(tx.runs:create { id = "r" .. i, thread = "none", agent = "a", status = "done" })
      end
      return true
    end))
    clock.now = 10000
    assert(store:transaction(function()
      local count, err, reached = faults.run(store, 1200, function()
        return runs:prune { older_than = 0 }
      end)
      assert.is_true(reached)
      assert.is_nil(count)
      assert.are.equal("io", err.code)
      return true
    end))
    assert.are.equal(1500, runs:list({ limit = 0, total = true }).total)
  end)

  it("refuses what is no age", function()
    for _, bad in ipairs { {}, { older_than = -1 }, { older_than = 0.5 }, { older_than = 0 / 0 } } do
      local count, err = runs:prune(bad)
      assert.is_nil(count)
      assert.are.same({ "invalid", "older_than" }, { err.code, err.field })
    end
    assert.has_error(function() runs:prune { older_than = "1" } end)
    assert.has_error(function() runs:prune { before = 1 } end)
  end)

  it("is refused by a readonly handle", function()
    local path = files.database()
    assert(moonbase.open(path)):close()
    local reader = assert(moonbase.open(path, { readonly = true }))
    local count, err = reader.runs:prune { older_than = 0 }
    reader:close()
    assert.is_nil(count)
    assert.are.equal("readonly", err.code)
  end)
end)
