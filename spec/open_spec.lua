local core = require "moonbase.core"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"

describe("moonbase.open", function()
  after_each(function()
    collectgarbage()
    files.cleanup()
  end)

  it("makes a file that a second open finds again", function()
    local path = files.database()
    local store = assert(moonbase.open(path))
    assert(store.threads:create { id = "t" })
    assert.is_true(store:close())
    store = assert(moonbase.open(path))
    assert.are.equal("t", store.threads:get("t").id)
    store:close()
  end)

  it("says what it is in tostring", function()
    local path = files.database()
    local store = assert(moonbase.open(path))
    assert.matches("open", tostring(store))
    assert.matches("test.db", tostring(store), 1, true)
    store:close()
    assert.matches("closed", tostring(store))
  end)

  it("closes more than once, and raises `closed` for every later call", function()
    local store = assert(moonbase.open(":memory:"))
    local threads = store.threads
    assert.is_true(store:close())
    assert.is_true(store:close())
    for _, call in ipairs {
      function() return threads:get("t") end,
      function() return store.threads:append("t", {}) end,
      function() return store:transaction(function() end) end,
      function() return store:begin() end,
      function() return store:scope("x").threads:get("t") end,
      function() return store:scope "x" end,
      function() return store.transactions:active() end,
      function() return store.transactions:timeout_stale(0) end,
      function() return store.transactions:log { limit = 0 } end,
      function() return threads:list { limit = 0 } end,
      function() return store.jobs:list { limit = 0 } end,
      function() return store.kv:list("ns", { limit = 0 }) end,
    } do
      outcome.raises("closed", call)
    end
  end)

  it("raises `closed` though it was opened for reading only", function()
    local path = files.database()
    assert(moonbase.open(path)):close()
    local store = assert(moonbase.open(path, { readonly = true }))
    assert(store:close())
    for _, call in ipairs {
      function() return store.kv:set("ns", "key", 1) end,
      function() return store.blobs:writer() end,
      function() return store:begin() end,
      function() return store:transaction(function() end) end,
      function() return store:vacuum() end,
    } do
      outcome.raises("closed", call)
    end
  end)

  it("closes when it is collected", function()
    local path = files.database()
    local store = assert(moonbase.open(path))
    assert(store.threads:create { id = "t" })
    assert.is_truthy(files.read(path .. "-wal"))
    store = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.is_nil(files.read(path .. "-wal"))
  end)

  it("keeps a memory store to itself", function()
    local one, two = assert(moonbase.open(":memory:")), assert(moonbase.open(":memory:"))
    assert(one.threads:create { id = "t" })
    assert.is_nil(two.threads:get("t"))
  end)

  it("shares one connection among handles, whatever the name of the file", function()
    local path = files.database()
    local one = assert(moonbase.open(path))
    local two = assert(moonbase.open((path:gsub("/test.db$", "/./test.db"))))
    assert.is_true(one:transaction(function()
      assert(one.threads:create { id = "t" })
      assert.are.equal("t", two.threads:get("t").id) -- joined
      return true
    end))
    one:close()
    assert.are.equal("t", two.threads:get("t").id)
  end)

  it("gives a connection of its own with shared = false", function()
    local path = files.database()
    local one, two = assert(moonbase.open(path)), assert(moonbase.open(path, { shared = false }))
    assert.is_true(one:transaction(function()
      assert(one.threads:create { id = "t" })
      assert.is_nil(two.threads:get("t"))
      return true
    end))
    assert.are.equal("t", two.threads:get("t").id)
  end)

  it("keeps readonly, scope, clock and new_id to the handle", function()
    local path = files.database()
    local one = assert(moonbase.open(path, { clock = function() return 42 end }))
    local two = assert(moonbase.open(path, { readonly = true }))
    local three = assert(moonbase.open(path, {
      scope = "other", new_id = function() return "x" end,
    }))
    assert.are.equal(42, assert(one.threads:create { id = "t" }).created_at)
    outcome.refused("readonly", two.threads:create { id = "u" })
    assert.is_nil(three.threads:get("t"))
    assert.are.equal("x", assert(three.threads:create {}).id)
  end)

  it("takes whole milliseconds from any clock", function()
    local time = 1234.75
    local store = assert(moonbase.open(":memory:", { clock = function() return time end }))
    local event = assert(store.events:append { stream = "s", type = "t" })
    assert.are.equal("1234", tostring(event.at))
    assert.are.equal("1234", tostring(assert(store.jobs:enqueue("q", {})).created_at))
    for _, wrong in ipairs { 0 / 0, "noon" } do
      time = wrong
      local ok, err = pcall(store.events.append, store.events, { stream = "s", type = "t" })
      assert.are.same({ false, "clock" }, { ok, err.field })
    end
  end)

  it("refuses a write through a connection that can only read", function()
    local path = files.database()
    assert(moonbase.open(path)):close()
    local store = assert(moonbase.open(path, { readonly = true }))
    local _, err = store.threads:create {}
    assert.are.equal("readonly", err.code)
    assert.is_nil(store.threads:get("t"))
    -- and does not stand in the way of one that writes
    assert(assert(moonbase.open(path)).threads:create { id = "t" })
    assert.are.equal("t", store.threads:get("t").id)
  end)

  it("does not make a file with create = false or readonly", function()
    for _, options in ipairs { { create = false }, { readonly = true } } do
      local path = files.database()
      outcome.refused("not_found", moonbase.open(path, options))
      assert.is_nil(files.read(path))
    end
  end)

  it("applies journal and durability", function()
    local path = files.database()
    local store = assert(moonbase.open(path, { journal = "truncate", durability = "normal" }))
    assert(store.threads:create { id = "t" })
    assert.is_nil(files.read(path .. "-wal"))
    local engine = store.context.engine
    assert.are.equal("truncate", engine:value("PRAGMA journal_mode"))
    assert.are.equal(1, engine:value("PRAGMA synchronous"))
    store:close()
    store = assert(moonbase.open(path))
    engine = store.context.engine
    assert.are.equal("wal", engine:value("PRAGMA journal_mode"))
    assert.are.equal(2, engine:value("PRAGMA synchronous"))
  end)

  it("records each migration in the ledger, once", function()
    local path = files.database()
    assert(moonbase.open(path, { clock = function() return 7 end })):close()
    local store = assert(moonbase.open(path))
    local rows = store.context.engine:rows(
      "SELECT version, name, applied_at FROM migrations ORDER BY version")
    assert.are.equal(#require("moonbase.schema").migrations, #rows)
    for version, row in ipairs(rows) do
      assert.are.equal(version, row.version)
      assert.are.equal(7, row.applied_at)
    end
    assert.are.equal(#rows, store.context.engine:value("PRAGMA user_version"))
  end)

  it("migrates an older file forward, all or nothing", function()
    local path = files.database()
    local schema = require "moonbase.schema"
    assert(moonbase.open(path)):close()
    local migrations = schema.migrations
    local function with(migration)
      schema.migrations = {}
      for i, m in ipairs(migrations) do schema.migrations[i] = m end
      table.insert(schema.migrations, migration)
      local store, err = moonbase.open(path)
      schema.migrations = migrations
      return store, err
    end
    local store, err = with {
      name = "bad", sql = "CREATE TABLE extra (x INTEGER) STRICT; CREATE TABLE extra (x INTEGER);",
    }
    assert.is_nil(store)
    assert.are.equal("internal", err.code)
    store = assert(moonbase.open(path)) -- still the present version
    store:close()
    store = assert(with { name = "good", sql = "CREATE TABLE extra (x INTEGER) STRICT;" })
    assert.are.equal(0, store.context.engine:value("SELECT count(*) FROM extra"))
    store:close()
    outcome.refused("future_schema", moonbase.open(path))
  end)

  it("does not touch a file of a newer schema", function()
    local path = files.database()
    local store = assert(moonbase.open(path, { journal = "truncate" }))
    store.context.engine:exec("PRAGMA user_version=9999")
    store:close()
    local before = files.read(path)
    local err = outcome.refused("future_schema", moonbase.open(path))
    assert.is_false(err.retryable)
    assert.are.equal(before, files.read(path))
  end)

  it("does not touch a database of another program", function()
    local path = files.database()
    local other = assert(core.open(path, {}))
    assert(other:exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);"))
    other:close()
    local before = files.read(path)
    local err = outcome.refused("invalid", moonbase.open(path))
    assert.are.equal("path", err.field)
    assert.are.equal(before, files.read(path))
  end)

  it("gives typed errors for what cannot be a database, and makes nothing", function()
    local folder = files.folder()
    files.write(folder .. "/file", "")
    for name, codes in pairs {
      ["."] = { io = true }, ["none/x.db"] = { not_found = true },
      ["file/x.db"] = { io = true, not_found = true },
    } do
      local store, err = moonbase.open(folder .. "/" .. name)
      assert.is_nil(store)
      assert.is_true(codes[err.code], name)
      assert.are.equal("string", type(err.message))
    end
    assert.are.same({ "file" }, files.names(folder))
  end)

  it("raises for unknown options, wrong types and unknown choices, naming them", function()
    for name, options in pairs {
      nonsense = { nonsense = 1 }, readonly = { readonly = "yes" },
      durability = { durability = "x" },
      journal = { journal = "delete" }, compress = { compress = "x" }, clock = { clock = 1 },
      busy_timeout = { busy_timeout = "1" },
    } do
      local ok, err = pcall(moonbase.open, ":memory:", options)
      assert.is_false(ok)
      assert.matches(name, tostring(err), 1, true)
    end
    assert.is_false(pcall(moonbase.open))
    assert.is_false(pcall(moonbase.open, 1))
    assert.is_false(pcall(moonbase.open, ":memory:", 1))
  end)

  it("returns `invalid` for values that cannot be", function()
    for field, options in pairs { scope = { scope = " " }, busy_timeout = { busy_timeout = -1 } } do
      local err = outcome.refused("invalid", moonbase.open(":memory:", options))
      assert.are.equal(field, err.field)
    end
    for _, path in ipairs { "", "a\0b" } do
      local err = outcome.refused("invalid", moonbase.open(path))
      assert.are.equal("path", err.field)
    end
  end)
end)

describe("a scope", function()
  it("shows only its own rows, under the same ids", function()
    local store = assert(moonbase.open(":memory:"))
    local other = assert(store:scope("other"))
    assert(store.threads:create { id = "t", title = "one" })
    assert.is_nil(other.threads:get("t"))
    assert(other.threads:create { id = "t", title = "two" })
    assert.are.equal("one", store.threads:get("t").title)
    assert.are.equal("two", assert(store:scope("other")).threads:get("t").title)
    assert.are.equal("one", assert(other:scope("default")).threads:get("t").title)
  end)

  it("is not made by reading, nor remembered when its first write is undone", function()
    local store = assert(moonbase.open(":memory:"))
    local other = assert(store:scope("other"))
    assert.is_nil(other.threads:get("t"))
    assert.are.equal(1, store.context.engine:value("SELECT count(*) FROM scopes"))
    store:transaction(function()
      assert(other.threads:create { id = "t" })
      assert.are.equal("t", other.threads:get("t").id)
      return nil, "undo"
    end)
    assert.is_nil(other.threads:get("t"))
    assert(assert(store:scope("third")).threads:create { id = "t" })
    assert.is_nil(other.threads:get("t"))
    assert(other.threads:create { id = "u" })
    assert.is_nil(store:scope("third").threads:get("u"))
  end)

  it("refuses a name that is no id", function()
    local store = assert(moonbase.open(":memory:"))
    for _, name in ipairs { "", " ", "a\0b", "\255", ("x"):rep(513) } do
      outcome.refused("invalid", store:scope(name))
    end
    assert.is_false(pcall(store.scope, store, 1))
  end)
end)
