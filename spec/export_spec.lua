local core = require "moonbase.core"
local files = require "spec.support.files"
local full_store = require "spec.support.full_store"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local lines_of, reader = full_store.lines, full_store.reader
local unpack = table.unpack or unpack -- luacheck: ignore

describe("an export", function()
  local folder, path, store

  before_each(function()
    folder = files.folder()
    path = folder .. "/test.db"
    store = full_store.fill(stores.open(path))
  end)

  after_each(stores.cleanup)

  it("is imported into a store that exports the same, row by row", function()
    local lines = lines_of(store)
    assert.is_true(moonbase.import(reader(lines), folder .. "/copy.db"))
    local copy = stores.open(folder .. "/copy.db")
    assert.are.same(lines, lines_of(copy))
    assert.is_true(copy:check())
  end)

  it("is lines of JSON, none of which has an end", function()
    for _, line in ipairs(lines_of(store)) do
      assert.is_nil(line:find "[\r\n]")
      assert.are.equal("table", type(core.decode(line)))
    end
  end)

  it("keeps what every part knows, numbers that are given out once among it", function()
    local at = folder .. "/copy.db"
    assert.is_true(moonbase.import(reader(lines_of(store)), at))
    local copy = stores.open(at)
    assert.are.equal("And high tide?", copy.threads:messages("fork").items[3].message.content)
    assert.are.equal(#store.threads:search "tide", #copy.threads:search "tide")
    assert.are.same({ store.kv:get("ns", "integer") }, { copy.kv:get("ns", "integer") })
    assert.are.equal(0.1, (copy.kv:get("ns", "double")))
    assert.are.equal(2, copy.events:latest())
    assert.are.equal(3, copy.events:append({ stream = "s", type = "t" }).cursor)
    assert.are.equal(2, copy.events:consumer("c"):position())
    assert.is_false((copy.leases:acquire("door", "dan")))
    assert.are.equal(store.blobs:get(store.artifacts:history("files", "a")[1].hash),
      (copy.artifacts:get("files", "a")))
    assert.are.equal(1, copy.sessions:open("session"):checkpoint().tools.n)
    assert.are.equal(1, #copy.sessions:open("other"):path())
    assert.are.equal("x", copy.vectors:open("v"):search({ 1, 2, 3 }, { k = 1 })[1].id)
    assert.are.equal(1, (assert(copy:scope "tenant").kv:get("ns", "integer")))
    local revision = copy.kv:set("ns", "gone", 1)
    assert.are.equal(store.kv:set("ns", "gone", 1), revision)
    assert.are.same(store:scope("tenant").threads:list(), copy:scope("tenant").threads:list())
  end)

  it("keeps every number as it is, whatever Lua's numbers can hold", function()
    local engine = store.context.engine
    assert(engine:exec [[
      INSERT INTO sequences VALUES (1, 'most', 9223372036854775807),
        (1, 'least', -9223372036854775808), (1, 'odd', 9007199254740993);
      UPDATE memories SET importance = 0.1 + 0.2, version = 1.0;
      UPDATE graph_edges SET weight = 5e-324;
      UPDATE kv SET value = '[9007199254740993,0.30000000000000004,1e400]' WHERE key = 'double'
    ]])
    assert.is_true(moonbase.import(reader(lines_of(store)), folder .. "/copy.db"))
    local copy = stores.open(folder .. "/copy.db").context.engine
    for _, sql in ipairs {
      "SELECT value = 9223372036854775807 FROM sequences WHERE name = 'most'",
      "SELECT value < -9223372036854775807 FROM sequences WHERE name = 'least'",
      "SELECT value = 9007199254740993 FROM sequences WHERE name = 'odd'",
      "SELECT min(importance = 0.1 + 0.2 AND typeof(version) = 'real') FROM memories",
      "SELECT min(weight = 5e-324) FROM graph_edges",
      "SELECT value = '[9007199254740993,0.30000000000000004,1e400]' FROM kv WHERE key = 'double'",
    } do
      assert.are.equal(1, copy:value(sql), sql)
    end
  end)

  it("is of one moment, whatever the writer does meanwhile", function()
    local count, events = 0, #store.events:poll()
    local lines = {}
    assert(store:export(function(line)
      lines[#lines + 1] = line
      if count < 5 then assert(store.events:append { stream = "late", type = "t" }) end
      count = count + 1
    end))
    assert.is_true(moonbase.import(reader(lines), folder .. "/copy.db"))
    assert.are.equal(events, #stores.open(folder .. "/copy.db").events:poll())
  end)

  it("tells real numbers from integers", function()
    assert(store.graph:relate { from = "real", rel = "r", to = "other", weight = 3 })
    local columns, real
    assert(store:export(function(line)
      if line:find '^{"table"' then columns = line:match '^{"table":"graph_edges","columns":(.*)}$' end
      if columns and line:find "^%[.*%D3%.0%D" then real = true end
    end))
    assert.is_true(real)
  end)

  it("inside a transaction shows what that has written", function()
    local lines
    store:transaction(function(tx)
      assert(tx.kv:set("ns", "uncommitted", "here"))
      lines = lines_of(store)
      return nil, "undo"
    end)
    assert.matches("uncommitted", table.concat(lines), 1, true)
    assert.is_nil(table.concat(lines_of(store)):find("uncommitted", 1, true))
  end)

  it("may be of a store in memory, and of an empty one", function()
    local memory = stores.open()
    assert.is_true(moonbase.import(reader(lines_of(memory)), folder .. "/empty.db"))
    assert.are.same({}, stores.open(folder .. "/empty.db").threads:list().items)
    full_store.fill(memory)
    assert.is_true(moonbase.import(reader(lines_of(memory)), folder .. "/full.db"))
    assert.are.same(lines_of(memory), lines_of(stores.open(folder .. "/full.db")))
  end)

  it("stops where the writer says why it could not write, and raises what it raises", function()
    local count = 0
    local ok, err = store:export(function()
      count = count + 1
      if count == 3 then return nil, "No space left on device", 28 end
      return true
    end)
    assert.is_nil(ok)
    assert.are.equal("io", err.code)
    assert.are.equal(3, count)
    assert.has_error(function() store:export(function() error("boom", 0) end) end, "boom")
    assert.is_true(store:check())
  end)

  it("takes a function", function()
    for _, bad in ipairs { 1, "x", {} } do
      assert.has_error(function() store:export(bad) end)
      assert.has_error(function() moonbase.import(bad, folder .. "/copy.db") end)
    end
    assert.has_error(function() moonbase.import(function() return 5 end, folder .. "/copy.db") end)
    for _, name in ipairs(files.names(folder)) do assert.matches("^test%.db", name) end
  end)

  describe("is refused", function()
    local lines, target

    before_each(function()
      lines = lines_of(store)
      target = folder .. "/copy.db"
    end)

    local function refused(code, changed)
      local ok, err = moonbase.import(reader(changed), target)
      assert.is_nil(ok)
      assert.are.equal(code, err.code, err.message)
      for _, name in ipairs(files.names(folder)) do assert.matches("^test%.db", name) end
      return err
    end

    it("where there is a file already, which stays as it is", function()
      files.write(target, "mine")
      outcome.refused("exists", moonbase.import(reader(lines), target))
      assert.are.equal("mine", files.read(target))
      assert.are.equal("exists", select(2, moonbase.import(reader(lines), path)).code)
      assert.is_true(store:check())
    end)

    it("when it is cut off anywhere", function()
      for _, last in ipairs { 1, 2, 3, math.floor(#lines / 2), #lines - 1 } do
        refused("corrupt", { unpack(lines, 1, last) })
      end
      refused("invalid", {})
    end)

    it("when any line is cut off, changed, lost, moved or doubled", function()
      local step = math.max(1, math.floor(#lines / 25))
      for i = 2, #lines, step do
        local line = lines[i]
        local function with(...)
          local changed = {}
          for n = 1, i - 1 do changed[n] = lines[n] end
          for _, new in ipairs { ... } do changed[#changed + 1] = new end
          for n = i + 1, #lines do changed[#changed + 1] = lines[n] end
          return changed
        end
        refused("corrupt", with(line:sub(1, math.floor(#line / 2))))
        refused("corrupt", with((line:gsub("%l", function(c) return c == "a" and "b" or "a" end, 1)
          :gsub("%d", function(d) return (d + 1) % 10 end, 1))))
        refused("corrupt", with())
        if i < #lines then refused("corrupt", with(line, line)) end
      end
      lines[#lines + 1] = "[1]"
      refused("corrupt", lines)
    end)

    it("when it is none", function()
      for _, first in ipairs { "", "hello", "{}", "[]", "7", '{"moonbase":"export"}',
        '{"moonbase":"export","format":1,"schema":0}',
        '{"moonbase":"export","format":1,"schema":"x"}',
        '{"moonbase":"export","format":0,"schema":1}', '{"moonbase":"export","schema":1}' } do
        refused("invalid", { first })
      end
    end)

    it("when a later version wrote it", function()
      refused("future_schema", { '{"moonbase":"export","format":1,"schema":9999}' })
      local err = refused("future_schema", { '{"moonbase":"export","format":2,"schema":1}' })
      assert.are.same({ 1, 2 }, { err.expected, err.actual })
    end)

    it("when its tables, columns or values are not a store's", function()
      local head = lines[1]
      for _, line in ipairs {
        '{"table":"sqlite_schema","columns":["name"]}',
        '{"table":"kv; DROP TABLE kv","columns":["id"]}',
        '{"table":"kv","columns":["id"]}',
        '{"table":"kv","columns":["id","id"]}',
        '{"table":"scopes","columns":"id"}',
        '{"table":"scopes"}',
        "[1]",
      } do
        refused("corrupt", { head, line })
      end
      local scopes = '{"table":"scopes","columns":["name","id"]}'
      for _, row in ipairs { '["x"]', '["x",{}]', '["x",true]', '["x",{"base64":"!"}]',
        '["x",{"base64":"AAAA"}]', '["x","y"]', '[null,1]', '["x",[1]]', "null", '"x"' } do
        refused("corrupt", { head, scopes, row })
      end
    end)

    it("when the folder is not there", function()
      target = folder .. "/none/copy.db"
      refused("not_found", lines)
    end)
  end)

  it("may have blank lines and ends of lines", function()
    local lines = lines_of(store)
    for i, line in ipairs(lines) do lines[i] = i % 3 == 0 and line .. "\r\n" or line .. "\n" end
    table.insert(lines, 2, "")
    table.insert(lines, "\n")
    assert.is_true(moonbase.import(reader(lines), folder .. "/copy.db"))
  end)

  it("of a file that was made with fewer tables is brought to the present", function()
    local schema = require "moonbase.schema"
    local migrations = schema.migrations
    local early = {}
    for i = 1, 8 do early[i] = migrations[i] end
    schema.migrations = early
    local old = assert(moonbase.open(folder .. "/old.db"))
    assert(old.kv:set("ns", "key", "value"))
    local lines = lines_of(old)
    old:close()
    schema.migrations = migrations
    assert.is_true(moonbase.import(reader(lines), folder .. "/copy.db"))
    local copy = stores.open(folder .. "/copy.db")
    assert.are.equal("value", (copy.kv:get("ns", "key")))
    assert.is_true(copy:check())
  end)
end)
