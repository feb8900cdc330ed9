-- `gc = { every_commits = n }`, and store:vacuum.

local child = require "spec.support.child"
local core = require "moonbase.core"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local noise = require "spec.support.noise"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises = outcome.raises_about

describe("gc after every so many commits", function()
  local path, store, told

  local function open(every)
    return stores.open(path, { gc = { every_commits = every },
      on_event = function(kind, info) told[#told + 1] = { kind, info } end })
  end

  before_each(function()
    path, told = files.database(), {}
    store = open(3)
  end)

  after_each(stores.cleanup)

  local function commit(on, blobs)
    return assert((on or store).checkpoints:commit { thread = "t", blobs = blobs,
      run = { id = "r", agent = "a", status = "running" } })
  end

  it("removes at the n-th commit what nothing names, and tells", function()
    local kept = assert(store.blobs:put "kept")
    assert(store.artifacts:put("ns", "a", { hash = kept }))
    local hash = commit(nil, { "orphan" }).blobs[1]
    commit()
    assert.is_true(store.blobs:has(hash))
    assert.are.same({}, told)
    assert.are.equal("r", commit().run.id)
    assert.is_false(store.blobs:has(hash))
    assert.is_true(store.blobs:has(kept))
    assert.are.same({ { "gc", { roots = 1, retained = 1, deleted = 1, bytes_freed = 6 } } }, told)
    for _ = 1, 2 do commit() end
    assert.are.equal(1, #told)
    commit()
    assert.are.equal(2, #told)
  end)

  it("counts the commits of sessions", function()
    local session = assert(store.sessions:create { id = "s" })
    assert(store.blobs:put "orphan")
    for i = 1, 3 do assert(session:commit { checkpoint = { turn = i } }) end
    assert.are.equal("gc", told[1][1])
    assert.are.equal(1 + 4, told[1][2].deleted) -- and two checkpoints of a manifest and a part
    assert.are.equal(3, session:checkpoint().turn)
  end)

  it("counts those of other processes and of earlier ones", function()
    assert(store.blobs:put "orphan")
    store:close()
    for _ = 1, 2 do
      child.run(function()
        local own = open(3)
        commit(own)
        own:close()
      end)
    end
    store = open(3)
    commit()
    assert.are.equal("gc", told[1][1])
    assert.are.equal(1, told[1][2].deleted)
  end)

  it("does not count those that failed", function()
    commit()
    for _ = 1, 5 do
      local result = store.checkpoints:commit { thread = "t", run = { id = "r" } }
      assert.is_nil(result)
      result = store.checkpoints:commit { thread = "t", expected = 9, messages = {
        { role = "user", content = "x" } }, run = { id = "r", agent = "a", status = "running" } }
      assert.is_nil(result)
    end
    commit()
    assert.are.same({}, told)
  end)

  it("is not done by one that failed, though its turn would have come", function()
    for _ = 1, 2 do commit() end
    local session = assert(store.sessions:create { id = "s" })
    local hash = assert(store.blobs:put "orphan")
    assert.is_nil((session:commit { checkpoint = { turn = 1 }, expected = 9 }))
    assert.are.same({}, told)
    assert.is_true(store.blobs:has(hash))
  end)

  it("waits for the next commit outside a transaction", function()
    for _ = 1, 2 do commit() end
    local hash
    assert(store:transaction(function(tx)
      hash = assert(tx.blobs:put "named in a moment")
      for _ = 1, 3 do commit(tx) end
      assert.are.same({}, told)
      return tx.kv:set("ns", "k", { ["$blob"] = hash })
    end))
    assert.are.same({}, told)
    commit()
    assert.are.equal(1, #told)
    assert.is_true(store.blobs:has(hash))
  end)

  it("tells of a failure, and the commit stands; it is tried again n commits later", function()
    assert(store.kv:set("ns", "k", { ["$blob"] = "x" }))
    assert(store.context.engine:run "UPDATE kv SET value = substr(value, 1, 9)")
    for _ = 1, 3 do commit() end
    assert.are.equal("gc_failed", told[1][1])
    assert.are.equal("corrupt", told[1][2].error.code)
    for _ = 1, 2 do commit() end
    assert.are.equal(1, #told)
    commit()
    assert.are.equal(2, #told)
  end)

  it("is of each scope by itself", function()
    local other = assert(store:scope "other")
    commit()
    commit()
    commit(other)
    assert.are.same({}, told)
    commit(other)
    commit()
    assert.are.equal(1, #told)
  end)

  it("does not mind an on_event that raises", function()
    store:close()
    store = stores.open(path, { gc = { every_commits = 1 },
      on_event = function() error "no" end })
    assert.are.equal("r", commit().run.id)
  end)

  it("is a whole number from 1", function()
    for _, every in ipairs { 0, -1, 1.5, 0 / 0 } do
      local result, err = moonbase.open(path, { gc = { every_commits = every } })
      assert.are.same({ nil, "invalid", "gc.every_commits" }, { result, err.code, err.field })
    end
    raises("gc.every_commits", moonbase.open, path, { gc = { every_commits = "1" } })
    raises("gc.often", moonbase.open, path, { gc = { often = 1 } })
    raises("gc", moonbase.open, path, { gc = true })
    assert(moonbase.open(path, { gc = {} })):close()
  end)
end)

describe("vacuum", function()
  local path, store

  before_each(function()
    path = files.database()
    store = stores.open(path, { durability = "off" })
  end)

  after_each(stores.cleanup)

  local function size()
    return #files.read(path)
  end

  it("gives space back to the file system, and keeps what there is", function()
    for i = 1, 8 do assert(store.blobs:put(noise(500000, i))) end
    local kept = assert(store.artifacts:put("ns", "a", noise(300000)))
    assert(store:gc())
    assert.is_true(store:vacuum())
    assert.is_true(size() < 1500000)
    assert.are.same({ noise(300000), kept }, { store.artifacts:get("ns", "a") })
    assert.are.equal("ok", store.context.engine:value "PRAGMA integrity_check")
    assert.is_true(store:vacuum()) -- nothing to do
  end)

  it("does so for a file that was not made for it", function()
    store:close()
    local made = assert(core.open(path, {}))
    assert(made:exec "PRAGMA auto_vacuum=NONE; VACUUM")
    assert.are.equal(0, made:value "PRAGMA auto_vacuum")
    made:close()
    store = stores.open(path)
    for i = 1, 4 do assert(store.blobs:put(noise(500000, i))) end
    assert(store:gc())
    assert.is_true(store:vacuum())
    assert.is_true(size() < 1000000)
    assert.are.equal(2, store.context.engine:value "PRAGMA auto_vacuum")
  end)

  it("raises inside a transaction", function()
    raises("transaction", store.transaction, store, function() return store:vacuum() end)
    local tx = assert(store:begin())
    raises("transaction", store.vacuum, store)
    tx:rollback()
  end)

  it("needs the right to write, and an open store", function()
    local reading = stores.open(path, { readonly = true, shared = false })
    local result, err = reading:vacuum()
    assert.are.same({ nil, "readonly" }, { result, err.code })
    reading:close()
    store:close()
    raises("closed", store.vacuum, store)
    raises("closed", store.gc, store)
  end)

  it("does nothing to a store in memory", function()
    local memory = stores.open()
    assert(memory.blobs:put(noise(100000)))
    assert(memory:gc())
    assert.is_true(memory:vacuum())
    memory:close()
  end)
end)
