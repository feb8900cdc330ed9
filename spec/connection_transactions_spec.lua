-- Transactions of the core's connection: levels, the userdata, and whose they are.

local core = require "moonbase.core"
local database = require "spec.support.database"

local open, fresh, put, ids, is_error, raises, in_coroutine =
  database.open, database.fresh, database.put, database.ids, database.is_error, database.raises,
  database.in_coroutine

before_each(database.make)
after_each(database.remove)

describe("a level", function()
  local c
  before_each(function() c = fresh() end)
  after_each(function() c:close() end)

  it("is kept or undone as a whole", function()
    local level = assert(c:enter())
    put(c, 1)
    assert.is_true(c:leave(level, true))
    level = assert(c:enter())
    put(c, 2)
    assert.is_true(c:leave(level, false))
    assert.same({ 1 }, ids(c))
  end)

  it("inside another is undone alone, and goes with the outer one", function()
    local outer = c:enter()
    put(c, 1)
    local inner = c:enter()
    put(c, 2)
    c:leave(inner, false)
    inner = c:enter()
    put(c, 3)
    c:leave(inner, true)
    assert.same({ 1, 3 }, ids(c))
    c:leave(outer, true)
    assert.same({ 1, 3 }, ids(c))

    outer = c:enter()
    c:leave(c:enter(), true)
    put(c, 4)
    c:enter()
    put(c, 5)
    c:leave(outer, false) -- with the one inside it
    assert.same({ 1, 3 }, ids(c))
    assert.is_false(c:in_transaction())
  end)

  it("nests as deep as one likes", function()
    local levels = {}
    for depth = 1, 100 do
      levels[depth] = assert(c:enter())
      put(c, depth)
    end
    for depth = 100, 1, -1 do assert(c:leave(levels[depth], depth ~= 51)) end
    assert.equal(50, #ids(c))
  end)

  it("that has ended is `closed`, whatever is open", function()
    local old = c:enter()
    c:leave(old, true)
    is_error("closed", c:leave(old, true))
    local level = c:enter()
    is_error("closed", c:leave(old, false))
    put(c, 1)
    assert(c:leave(level, true))
    is_error("closed", c:leave(0, true))
    assert.same({ 1 }, ids(c))
  end)

  it("of a coroutine that is dropped in the middle is rolled back", function()
    local dropped = coroutine.create(function()
      local level = c:enter()
      put(c, 1)
      coroutine.yield()
      c:leave(level, true)
    end)
    coroutine.resume(dropped)
    is_error("busy", put(c, 2))
    dropped = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.equal(1, put(c, 3))
    for n = 4, 40 do -- one of these may get the address of the dropped one
      in_coroutine(function() assert(put(c, n)) end)
    end
    c:close()
    c = open()
    assert.same(38, #ids(c))
  end)
end)

describe("a transaction", function()
  local c
  before_each(function() c = fresh() end)
  after_each(function() c:close() end)

  it("is committed or rolled back, and tells which", function()
    local tx = assert(c:begin())
    assert.equal("active", tx:status())
    assert.is_true(c:in_transaction())
    put(c, 1)
    assert.is_true(tx:commit())
    assert.equal("committed", tx:status())
    assert.matches("committed", tostring(tx))
    tx = c:begin()
    put(c, 2)
    assert.is_true(tx:rollback())
    assert.equal("rolled_back", tx:status())
    assert.is_false(c:in_transaction())
    assert.same({ 1 }, ids(c))
  end)

  it("raises on any use after its end", function()
    local tx = c:begin()
    tx:commit()
    for _, name in ipairs { "commit", "rollback", "savepoint", "assert_active" } do
      raises("closed", tx[name], tx)
    end
    raises("closed", core.finish, tx, true)
  end)

  it("has savepoints with ends of their own", function()
    local tx = c:begin()
    put(c, 1)
    local inner = tx:savepoint()
    put(c, 2)
    local innermost = inner:savepoint()
    put(c, 3)
    assert(innermost:rollback())
    assert(inner:commit())
    inner = tx:savepoint()
    put(c, 4)
    assert(inner:rollback())
    raises("closed", inner.commit, inner)
    assert(tx:commit())
    assert.same({ 1, 2 }, ids(c))
  end)

  it("takes its savepoints with it when it ends", function()
    local tx = c:begin()
    local inner = tx:savepoint()
    put(c, 1)
    tx:rollback()
    assert.equal("rolled_back", inner:status())
    raises("closed", inner.commit, inner)
    assert.same({}, ids(c))
  end)

  it("that is dropped is rolled back", function()
    local tx = c:begin()
    put(c, 1)
    assert.equal("active", tx:status())
    tx = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.is_false(c:in_transaction())
    assert.same({}, ids(c))
  end)

  it("that is dropped with its coroutine is rolled back", function()
    in_coroutine(function()
      local tx = c:begin()
      put(c, 1)
      coroutine.yield(tx and nil)
    end)
    collectgarbage()
    collectgarbage()
    assert.equal(1, put(c, 2))
    assert.same({ 2 }, ids(c))
  end)

  it("keeps its connection alive", function()
    local tx = c:begin()
    put(c, 1)
    c:close()
    assert(tx:commit())
    c = open()
    assert.same({ 1 }, ids(c))
  end)

  if math.maxinteger then it("is rolled back at the end of its scope unless it has ended", function()
    local scope = assert(load [[
      local c, put, commit = ...
      local tx <close> = c:begin()
      put(c, commit and 1 or 2)
      if commit then tx:commit() end]])
    scope(c, put, true)
    scope(c, put, false)
    assert.has_error(function()
      assert(load [[
        local c, put = ...
        local tx <close> = c:begin()
        put(c, 3)
        error "raised"]])(c, put)
    end)
    assert.is_false(c:in_transaction())
    assert.same({ 1 }, ids(c))
  end) end

  it("that SQLite itself ends takes nothing more", function()
    assert(c:exec "PRAGMA max_page_count=20")
    local tx = c:begin()
    put(c, 1)
    is_error("full", put(c, 2, ("x"):rep(200000)))
    is_error("full", put(c, 3))
    is_error("full", c:exec "INSERT INTO items VALUES (4, 'x')")
    is_error("full", c:enter())
    is_error("full", tx:commit())
    assert.equal("rolled_back", tx:status())
    assert.same({}, ids(c))
    put(c, 5)
    assert.same({ 5 }, ids(c))
  end)

  it("ended behind its back takes nothing more", function()
    local tx = c:begin()
    put(c, 1)
    c:exec "ROLLBACK"
    is_error("internal", put(c, 2))
    is_error("internal", tx:commit())
    assert.same({}, ids(c))
  end)
end)

describe("another coroutine", function()
  local c, tx
  before_each(function()
    c = fresh()
    put(c, 1)
    tx = c:begin()
    put(c, 2)
  end)
  after_each(function()
    if tx:status() == "active" then tx:rollback() end
    c:close()
  end)

  it("sees what is committed, and nothing of the open transaction", function()
    assert.same({ 1 }, in_coroutine(ids, c))
    assert.same({ 1, 2 }, ids(c))
    put(c, 3)
    assert.same({ 1 }, in_coroutine(ids, c))
    tx:commit()
    assert.same({ 1, 2, 3 }, in_coroutine(ids, c))
  end)

  it("cannot write, whatever the way, and does not join", function()
    local calls = {
      function() return put(c, 9) end,
      function() return c:exec "INSERT INTO items VALUES (9, 'x')" end,
      function() return c:exec "COMMIT" end,
      function() return c:enter() end,
      function() return c:begin() end,
      function() return c:begin(0) end,
      function() return c:value "INSERT INTO items VALUES (9, 'x') RETURNING id" end,
      function() return c:share():begin() end,
    }
    for _, call in ipairs(calls) do
      local err = is_error("busy", in_coroutine(call))
      assert.is_true(err.retryable)
    end
    assert.is_false(in_coroutine(c.in_transaction, c))
    tx:commit()
    assert.same({ 1, 2 }, ids(c))
  end)

  it("cannot end or use a transaction that is not its own", function()
    for _, name in ipairs { "commit", "rollback", "savepoint", "assert_active" } do
      raises("wrong_coroutine", in_coroutine, tx[name], tx)
    end
    raises("wrong_coroutine", in_coroutine, core.finish, tx, true)
    assert.equal("active", tx:status())
    assert(tx:commit())
  end)

  it("gets nothing from a file that has no second reader, rather than what is not committed",
    function()
      local m = core.open(":memory:", {})
      m:exec "CREATE TABLE items (id INTEGER PRIMARY KEY, value)"
      local mine = m:begin()
      put(m, 1)
      is_error("busy", in_coroutine(ids, m))
      mine:commit()
      assert.same({ 1 }, in_coroutine(ids, m))
      m:close()
    end)

  it("goes on with its view though the transaction ends", function()
    local reader = coroutine.wrap(function()
      local view = c:read_begin()
      coroutine.yield(ids(c))
      coroutine.yield(ids(c))
      c:read_end(view)
      coroutine.yield(ids(c))
    end)
    assert.same({ 1 }, reader())
    tx:commit()
    put(c, 3)
    assert.same({ 1 }, reader())
    assert.same({ 1, 2, 3 }, reader())
  end)
end)

describe("a view", function()
  it("shows one state though others write", function()
    local c = fresh()
    local other = open()
    put(c, 1)
    local view = c:read_begin()
    assert.same({ 1 }, ids(c))
    put(other, 2)
    assert.same({ 1 }, ids(c))
    is_error("internal", c:enter())
    c:read_end(view)
    assert.same({ 1, 2 }, ids(c))
    assert(c:leave(c:enter(), true))
    other:close()
    c:close()
  end)

  it("inside one's own transaction is that transaction", function()
    local c = fresh()
    local tx = c:begin()
    put(c, 1)
    local view = c:read_begin()
    assert.same({ 1 }, ids(c))
    c:read_end(view)
    put(c, 2)
    tx:commit()
    assert.same({ 1, 2 }, ids(c))
    c:close()
  end)
end)
