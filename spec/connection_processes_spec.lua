-- Two processes on one file, and what a fork does to an open one.

local core = require "moonbase.core"
local lfs = require "lfs"
local child = require "spec.support.child"
local process = require "process"
local database = require "spec.support.database"

local open, fresh, put, ids, is_error, raises =
  database.open, database.fresh, database.put, database.ids, database.is_error, database.raises

before_each(database.make)
after_each(database.remove)

-- A child that holds the write lock, with item 1 not yet committed, until it is told to go on.
local function holder()
  local one = child.start(function(me)
    local c = assert(open())
    local level = assert(c:enter())
    put(c, 1)
    me:tell "held"
    me:hear()
    core.sleep(50) -- so that whoever waits is likely to wait by now
    assert(c:leave(level, true))
    c:close()
  end)
  assert.equal("held", one:hear())
  return one
end

local function check(c)
  assert.equal("ok", c:value "PRAGMA integrity_check")
end

describe("while another process holds the write lock", function()
  it("writing is `busy`, reading goes on", function()
    fresh():close()
    local one = holder()
    local c = open { busy_timeout = 0 }
    assert.is_true(is_error("busy", put(c, 2)).retryable)
    is_error("busy", c:enter())
    is_error("busy", c:begin(1))
    is_error("busy", c:exec "INSERT INTO items VALUES (2, 'x')")
    assert.same({}, ids(c))
    assert.is_false(c:in_transaction())
    one:tell "go on"
    assert(one:finish())
    assert.equal(1, put(c, 2))
    assert.same({ 1, 2 }, ids(c))
    c:close()
  end)

  it("who may wait gets it afterwards", function()
    fresh():close()
    for _, timeout in ipairs { 60000, 2 ^ 40 } do
      local one = holder()
      local c = open { busy_timeout = timeout }
      one:tell "go on"
      local level = assert(c:enter())
      assert.same({ 1 }, ids(c))
      assert(c:leave(level, true))
      assert.equal(1, c:run "DELETE FROM items")
      c:close()
      assert(one:finish())
    end
  end)

  it("and is killed, the lock is free and its write gone", function()
    local c = fresh { busy_timeout = 0 }
    local one = holder()
    is_error("busy", put(c, 2))
    assert.same({ "killed", 9 }, { one:kill() })
    assert.equal(1, put(c, 2))
    assert.same({ 2 }, ids(c))
    check(c)
    c:close()
  end)
end)

describe("several processes that write at once", function()
  it("lose no acknowledged write", function()
    local c = fresh()
    child.run_all(4, function(_, n)
      local mine = assert(open { busy_timeout = 60000 })
      for i = 1, 25 do
        local level = assert(mine:enter())
        assert(put(mine, n * 1000 + i))
        assert(mine:leave(level, true))
      end
      mine:close()
    end)
    assert.equal(100, #ids(c))
    check(c)
    c:close()
  end)
end)

describe("a forked child", function()
  local CALLS = {
    run = "SELECT 1", row = "SELECT 1", rows = "SELECT 1", value = "SELECT 1", values = "SELECT 1",
    exec = "SELECT 1", enter = false, leave = 1, begin = 0, share = false, in_transaction = false,
    read_begin = false, read_end = 1,
  }

  it("is refused every call on an inherited connection", function()
    local c = fresh()
    put(c, 1)
    child.run(function()
      for name, argument in pairs(CALLS) do is_error("forked", c[name](c, argument or nil)) end
      assert.matches("test%.db", tostring(c))
    end)
    assert.same({ 1 }, ids(c))
    c:close()
  end)

  it("cannot end an inherited transaction", function()
    local c = fresh()
    local tx = c:begin()
    put(c, 1)
    local inner = tx:savepoint()
    child.run(function()
      raises("forked", inner.commit, inner)
      for _, name in ipairs { "commit", "rollback", "savepoint", "assert_active" } do
        raises("forked", tx[name], tx)
      end
      raises("forked", core.finish, tx, true)
      assert.equal("active", tx:status())
    end)
    inner:commit()
    assert(tx:commit())
    assert.same({ 1 }, ids(c))
    c:close()
  end)

  it("harms nothing by closing or collecting what it inherited", function()
    local c = fresh()
    put(c, 1)
    local second = c:share()
    local tx = c:begin()
    put(c, 2)
    assert.same({ 1 }, database.in_coroutine(ids, c)) -- opens the second reader
    child.run(function()
      is_error("forked", c:close())
      assert.is_true(c:close())
      second, tx, c = nil, nil, nil
      collectgarbage()
      collectgarbage()
    end)
    assert.is_truthy(lfs.attributes(database.path .. "-wal"), "the log is still there")
    put(second, 3)
    assert(tx:commit())
    child.run(function()
      local other = open()
      assert.same({ 1, 2, 3 }, ids(other))
      check(other)
      other:close()
    end)
    put(c, 4)
    assert.same({ 1, 2, 3, 4 }, ids(c))
    c:close()
    second:close()
  end)

  it("that opens the file again has a connection of its own", function()
    local c = fresh()
    put(c, 1)
    child.run(function()
      local mine = assert(open())
      assert.same({ 1 }, ids(mine))
      assert.equal(1, put(mine, 2))
      mine:close()
    end)
    assert.same({ 1, 2 }, ids(c))
    put(c, 3)
    assert.same({ 1, 2, 3 }, ids(c))
    c:close()
  end)

  it("that opens the file again waits for the parent's transaction", function()
    local c = fresh()
    local tx = c:begin()
    put(c, 1)
    child.run(function()
      local mine = assert(open { busy_timeout = 0 })
      is_error("busy", put(mine, 2))
      assert.same({}, ids(mine))
      mine:close()
    end)
    tx:commit()
    c:close()
  end)

  local function grandchild(output, input)
    local ok, failure = pcall(function()
      local mine = assert(open())
      assert(put(mine, 2))
      process.write(output, "written;")
      process.read(input, 1)
      assert(put(mine, 3))
      assert.same({ 1, 2, 3 }, ids(mine))
      process.write(output, "written again;")
    end)
    if not ok then process.write(output, tostring(failure)) end
    process.exit_now(0)
  end

  -- The parent goes without closing; somebody else comes, and must not take himself for the last.
  it("that opens the file again keeps its writes when the parent is gone", function()
    local from_grandchild, to_us = process.pipe()
    local to_hear, to_tell = process.pipe()
    local parent = process.fork()
    if parent == 0 then
      local inherited = fresh()
      put(inherited, 1)
      if process.fork() == 0 then grandchild(to_us, to_hear) end
      process.exit_now(0)
    end
    process.wait(parent)
    assert.equal("written;", process.read(from_grandchild))
    local c = open()
    assert.same({ 1, 2 }, ids(c))
    c:close()
    process.write(to_tell, "!")
    assert.equal("written again;", process.read(from_grandchild))
    c = open()
    assert.same({ 1, 2, 3 }, ids(c))
    check(c)
    c:close()
    for _, fd in ipairs { from_grandchild, to_us, to_hear, to_tell } do process.close(fd) end
  end)
end)
