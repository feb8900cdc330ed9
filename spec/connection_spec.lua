-- The contract of the core's connection: parameters, columns, calls, handles.

local core = require "moonbase.core"
local lfs = require "lfs"
local database = require "spec.support.database"

local open, fresh, put, ids, is_error, raises =
  database.open, database.fresh, database.put, database.ids, database.is_error, database.raises

before_each(database.make)
after_each(database.remove)

describe("a parameter", function()
  local c
  before_each(function() c = assert(core.open(":memory:", {})) end)
  after_each(function() c:close() end)

  local function kind(...)
    return c:value("SELECT typeof($value)", ...)
  end

  it("takes nil as NULL, a boolean as 0 or 1, null as NULL", function()
    assert.equal("null", kind(nil))
    assert.equal("null", kind(core.null))
    assert.same({ a = 1, b = 0 }, c:row("SELECT $a AS a, $b AS b", true, false))
  end)

  it("takes a string as text, or as bytes where the SQL says so", function()
    assert.equal("text", kind "a\0b")
    assert.equal("text", kind "")
    assert.equal("blob", c:value("SELECT typeof($value(blob))", "a\0b"))
    assert.equal("blob", c:value("SELECT typeof($value(blob))", ""))
    assert.equal("a\0b\255", c:value("SELECT $value(blob)", "a\0b\255"))
    assert.equal("a\0b", c:value("SELECT $value", "a\0b"))
  end)

  it("takes a whole number as an integer and any other as a real", function()
    assert.equal("integer", kind(7))
    assert.equal("real", kind(7.5))
    assert.equal("real", kind(1e300))
    assert.equal(0.1, c:value("SELECT $value", 0.1))
    assert.equal(-1e-320, c:value("SELECT $value", -1e-320))
  end)

  it("keeps the sign of minus zero", function()
    assert.equal(-math.huge, 1 / c:value("SELECT $value", -0.0))
  end)

  it("keeps every integer that this Lua holds exactly", function()
    local edge = 2 ^ 53
    for _, n in ipairs { 0, 1, -1, edge - 1, 1 - edge, 2 ^ 31, -2 ^ 31, 2 ^ 32 } do
      assert.equal(n, c:value("SELECT $value", n))
    end
    if math.mininteger then
      for _, n in ipairs { math.maxinteger, math.mininteger, math.maxinteger - 1 } do
        assert.equal(n, c:value("SELECT $value", n))
        assert.equal("integer", kind(n))
      end
    end
  end)

  it("refuses NaN and infinity, naming the argument", function()
    for _, n in ipairs { 0 / 0, math.huge, -math.huge } do
      assert.matches("argument #%d", raises("invalid", c.value, c, "SELECT $value", n).message)
    end
    assert.equal(1, c:value "SELECT 1")
  end)

  it("refuses types that have no value in a column", function()
    for _, value in ipairs { {}, print, coroutine.create(print), io.stdout } do
      raises("invalid", c.value, c, "SELECT $value", value)
    end
  end)

  it("must have exactly its own argument", function()
    raises("invalid", c.value, c, "SELECT $a, $b", 1)
    raises("invalid", c.value, c, "SELECT $a, $b", 1, 2, 3)
    raises("invalid", c.run, c, "SELECT 1", nil)
    assert.same({ a = 1, b = 2, c = 1 }, c:row("SELECT $a AS a, $b AS b, $a AS c", 1, 2))
  end)

  it("takes a document as JSON, nil as NULL and null as the document null", function()
    local function stored(...) return c:value("SELECT $value(json) AS text", ...) end
    assert.equal([[{"a":[1,2.5,"x",true,null]}]], stored { a = { 1, 2.5, "x", true, core.null } })
    assert.equal("null", stored(core.null))
    assert.equal("false", stored(false))
    assert.equal("[]", stored(core.array {}))
    assert.equal("{}", stored {})
    assert.is_nil(stored(nil))
  end)

  it("refuses a document with the path to the value, and does nothing", function()
    local cyclic = {}
    cyclic.list = { cyclic }
    local function field(value)
      return is_error("serialization", c:run("SELECT $data(json)", value)).field
    end
    assert.equal("data.outer[1].x", field { outer = { { x = print } } })
    assert.equal("data.a", field { a = 0 / 0 })
    assert.equal("data.list[1]", field(cyclic))
    assert.equal("data", field "\255")
    assert.equal(1, c:value "SELECT 1")
  end)
end)

describe("a column", function()
  local c
  before_each(function() c = assert(core.open(":memory:", {})) end)
  after_each(function() c:close() end)

  it("is absent when it is NULL", function()
    assert.same({ b = 1 }, c:row "SELECT NULL AS a, 1 AS b")
    assert.same({}, c:row "SELECT NULL AS a")
    assert.is_nil(c:value "SELECT NULL")
  end)

  it("gives integers over the whole range, beyond Lua's numbers as digits", function()
    local function value(text) return c:value("SELECT " .. text) end
    assert.equal(9007199254740992, value "9007199254740992")
    if math.maxinteger then
      assert.equal(math.maxinteger, value "9223372036854775807")
      assert.equal(math.mininteger, value "-9223372036854775808")
    else
      assert.equal("9223372036854775807", value "9223372036854775807")
      assert.equal("-9223372036854775808", value "-9223372036854775808")
      assert.equal("9007199254740993", value "9007199254740993")
    end
  end)

  it("gives a boolean where the SQL says so", function()
    assert.same({ a = true, b = false, c = 1 },
      c:row 'SELECT 1 AS "a(boolean)", 0 AS "b(boolean)", 1 AS c')
  end)

  it("gives bytes and text as they are", function()
    assert.equal("a\0\255", c:value "SELECT x'6100FF'")
    assert.equal("", c:value "SELECT x''")
    assert.equal("", c:value "SELECT ''")
  end)

  it("gives a document, and fields of it from other columns", function()
    local row = c:row [[SELECT '{"a":[1,{"b":null}],"id":"old"}' AS "message(json)",
      'm1' AS "message.id", NULL AS "message.gone", 7 AS "none.field"]]
    assert.equal("m1", row.message.id)
    assert.same({ 1, { b = core.null } }, row.message.a)
    assert.equal(7, row["none.field"])
    assert.is_nil(row.none)
  end)

  it("drops a field of what is no table", function()
    assert.same({ a = 5 }, c:row [[SELECT '5' AS "a(json)", 1 AS "a.b"]])
    assert.same({}, c:row [[SELECT NULL AS "a(json)", 1 AS "a.b"]])
  end)

  it("with a damaged document is an error that names it", function()
    local err = is_error("serialization", c:row [[SELECT '{"a":' AS "body(json)"]])
    assert.equal("body", err.field)
    is_error("serialization", c:value [[SELECT '[1,]' AS "body(json)"]])
    is_error("serialization", c:values [[SELECT '"\x"' AS "body(json)"]])
    is_error("serialization", c:rows [[SELECT '1' AS "b(json)" UNION ALL SELECT '{']])
    assert.equal(1, c:value "SELECT 1")
  end)
end)

describe("a call", function()
  local c
  before_each(function() c = fresh() end)
  after_each(function() c:close() end)

  it("gives the number of changes, the first row, all rows, values", function()
    assert.equal(1, put(c, 1, "a"))
    assert.equal(2, c:run("INSERT INTO items VALUES (2, 'b'), (3, 'c')"))
    assert.same({ id = 1, value = "a" }, c:row "SELECT * FROM items ORDER BY id")
    assert.equal(3, #c:rows "SELECT * FROM items")
    assert.same({ "a", "b", "c" }, c:values "SELECT value FROM items ORDER BY id")
    assert.equal("a", c:value "SELECT value FROM items ORDER BY id")
  end)

  it("finding nothing gives nil alone, or an empty array", function()
    assert.equal(1, select("#", c:row "SELECT * FROM items"))
    assert.equal(1, select("#", c:value "SELECT id FROM items"))
    assert.same({}, c:rows "SELECT * FROM items")
    assert.same({}, c:values "SELECT id FROM items")
  end)

  it("that SQLite refuses is a typed error with its code", function()
    put(c, 1)
    assert.equal(1555, is_error("exists", put(c, 1)).sqlite)
    is_error("internal", c:run "SELECT nonsense FROM nowhere")
    is_error("internal", c:row "SELEKT")
    is_error("internal", c:run "")
    is_error("internal", c:run "-- nothing")
    is_error("internal", c:exec "CREATE TABLE items (a)")
    assert.same({ 1 }, ids(c))
  end)

  it("keeps more statements than it caches apart", function()
    for round = 1, 2 do
      for n = 1, 300 do
        assert.equal(n + round, c:value(("SELECT %d + $n"):format(n), round))
      end
    end
  end)

  it("survives a change of the schema under its statements", function()
    put(c, 1, "a")
    assert.equal("a", c:value "SELECT value FROM items")
    assert(c:exec "ALTER TABLE items ADD COLUMN more")
    assert.equal("a", c:value "SELECT value FROM items")
    assert(c:exec "DROP TABLE items")
    is_error("internal", c:value "SELECT value FROM items")
  end)

  it("leaves no statement open after an error in the middle of its rows", function()
    assert(c:exec [[INSERT INTO items VALUES (1, '{}'), (2, '{'), (3, '{}')]])
    is_error("serialization", c:rows [[SELECT value AS "v(json)" FROM items ORDER BY id]])
    raises("invalid", c.row, c, "SELECT $a", {})
    -- an open read would keep the log from being reset
    assert.same({ busy = 0, log = 0, checkpointed = 0 }, c:row "PRAGMA wal_checkpoint(TRUNCATE)")
  end)

  it("on something else than a connection raises", function()
    assert.has_error(function() c.run({}, "SELECT 1") end)
    assert.has_error(function() c.run(io.stdout, "SELECT 1") end)
    assert.has_error(function() c:run(nil) end)
    assert.has_error(function() c:run({}) end)
  end)
end)

describe("a handle", function()
  it("is closed once and for all, and says so", function()
    local c = fresh()
    assert.matches("test%.db", tostring(c))
    assert.is_true(c:close())
    assert.is_true(c:close())
    assert.matches("closed", tostring(c))
    for _, name in ipairs { "run", "row", "rows", "value", "values", "exec", "enter", "leave",
                            "begin", "share", "in_transaction", "read_begin" } do
      raises("closed", c[name], c, "SELECT 1")
    end
  end)

  it("shares its connection until the last one is closed", function()
    local a = fresh()
    local b = a:share()
    put(a, 1)
    local level = assert(a:enter())
    put(b, 2)
    assert.is_true(b:in_transaction())
    assert(a:leave(level, true))
    a:close()
    assert.same({ 1, 2 }, ids(b))
    b:close()
    assert.is_nil(lfs.attributes(database.path .. "-wal"))
  end)

  it("that is dropped closes, in any order, and rolls back", function()
    local a = fresh()
    local b = a:share()
    local tx = assert(a:begin())
    put(b, 1)
    assert.equal("active", tx:status())
    a, b, tx = nil, nil, nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.is_nil(lfs.attributes(database.path .. "-wal"))
    local c = open()
    assert.same({}, ids(c))
    c:close()
  end)

  if math.maxinteger then it("closes at the end of its scope", function()
    local scope = assert(load [[
      local open, seen = ...
      do
        local c <close> = open()
        seen.handle = c
      end]])
    local seen = {}
    scope(fresh, seen)
    raises("closed", seen.handle.value, seen.handle, "SELECT 1")
  end) end
end)

describe("a statement that changes rows and gives them back", function()
  local c
  before_each(function() c = fresh() end)
  after_each(function() c:close() end)

  it("is committed as a whole though only the first row is read", function()
    assert.equal(1, c:value "INSERT INTO items VALUES (1, 'a'), (2, 'b') RETURNING id")
    assert.same({ id = 3 }, c:row "INSERT INTO items VALUES (3, 'c'), (4, 'd') RETURNING id")
    assert.same({ 5 }, c:values "INSERT INTO items VALUES (5, 'e') RETURNING id")
    c:close()
    c = open()
    assert.same({ 1, 2, 3, 4, 5 }, ids(c))
  end)

  it("tells of what is checked only at its end", function()
    assert(c:exec [[PRAGMA foreign_keys=ON;
      CREATE TABLE notes (id INTEGER PRIMARY KEY, item REFERENCES items (id))]])
    is_error("internal", c:value "INSERT INTO notes VALUES (1, 99) RETURNING id")
    is_error("internal", c:row "INSERT INTO notes VALUES (1, 99) RETURNING id")
    local level = c:enter()
    is_error("internal", c:value "INSERT INTO notes VALUES (1, 99) RETURNING id")
    assert(c:leave(level, true))
    assert.equal(0, c:value "SELECT count(*) FROM notes")
  end)

  it("has changed nothing when a row cannot be read", function()
    is_error("serialization", c:row [[INSERT INTO items VALUES (1, '{') RETURNING value AS "v(json)"]])
    is_error("serialization", c:rows [[INSERT INTO items VALUES (1, '{') RETURNING value AS "v(json)"]])
    assert.same({}, ids(c))
    assert.is_false(c:in_transaction())
  end)
end)
