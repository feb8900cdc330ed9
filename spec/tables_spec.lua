local full_store = require "spec.support.full_store"
local moonbase = require "moonbase"
local tables = require "moonbase.tables"

local unpack = table.unpack or unpack -- luacheck: ignore

describe("the tables of a store", function()
  local store, engine, list

  before_each(function()
    store = full_store.fill(assert(moonbase.open ":memory:"))
    engine = store.context.engine
    list = assert(tables.list(engine))
  end)

  after_each(function() store:close() end)

  local function plan(sql, count)
    local steps = {}
    for _, step in ipairs(assert(engine:rows("EXPLAIN QUERY PLAN " .. sql,
      unpack({}, 1, count)))) do
      steps[#steps + 1] = step.detail
    end
    return table.concat(steps, "\n")
  end

  local function parameters(sql)
    local seen, count = {}, 0
    for name in sql:gmatch "%$(%w+)" do
      if not seen[name] then count = count + 1 end
      seen[name] = true
    end
    return count
  end

  it("are all that SQLite knows, but for virtual ones and SQLite's own", function()
    local names = {}
    for _, entry in ipairs(list) do names[entry.name] = true end
    for _, name in ipairs(assert(engine:values [[
      SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%']])) do
      assert.is_true(names[name], name)
    end
    assert.is_nil(names.message_text)
  end)

  it("are read in the order of their keys, each page from where the last one ended", function()
    for _, entry in ipairs(list) do
      assert.is_nil(plan(entry.first_sql, 1):find "TEMP")
      local behind = plan(entry.page_sql, parameters(entry.page_sql))
      assert.matches("^SEARCH ", behind, 1, false, entry.name)
      assert.is_nil(behind:find "TEMP")
    end
  end)

  it("are read whole, whatever the size of a page", function()
    for _, entry in ipairs(list) do
      local count = assert(engine:value(('SELECT count(*) FROM "%s"'):format(entry.name)))
      local seen = 0
      assert(tables.each(engine, entry, function() seen = seen + 1 return true end))
      assert.are.equal(count, seen, entry.name)
      for limit = 1, 3 do
        local after, found
        seen = 0
        repeat
          found = assert(tables.page(engine, entry, after, limit))
          seen, after = seen + #found, found[limit]
        until not after
        assert.are.equal(count, seen, entry.name)
      end
    end
  end)

  it("are left in the middle when told to", function()
    local entry
    for _, each in ipairs(list) do entry = each.name == "messages" and each or entry end
    local seen = 0
    local ok, err = tables.each(engine, entry, function()
      seen = seen + 1
      if seen == 2 then return nil, "enough" end
      return true
    end)
    assert.is_nil(ok)
    assert.are.same({ "enough", 2 }, { err, seen })
  end)
end)
