-- No call on vectors reads a table from end to end, or sorts rows after reading them; whichever
-- statement fails, nothing is changed; and damage is told, not answered around.

local faults = require "spec.support.faults"
local files = require "spec.support.files"
local outcome = require "spec.support.outcome"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

describe("vectors", function()
  local store, c

  before_each(function()
    local path = files.database()
    store = stores.open(path)
    c = assert(store.vectors:create("c", { dim = 2, metric = "l2" }))
    local items = {}
    for i = 1, 100 do items[i] = { id = "v" .. i, vector = { i, 0 }, metadata = { n = i } } end
    assert(c:upsert_many(items))
    for i = 1, 3 do assert(store.vectors:create("d" .. i, { dim = 1 })) end
    store:close() -- what is in memory now is not what the file says after damage
    store = stores.open(path)
    c = assert(store.vectors:open("c"))
  end)

  after_each(stores.cleanup)

  local CALLS = {
    create = function() return store.vectors:create("n", { dim = 1 }) end,
    open = function() return store.vectors:open("c") end,
    list = function()
      local page = assert(store.vectors:list { limit = 2 })
      assert(store.vectors:list { limit = 2, cursor = page.next_cursor, total = true })
      return true
    end,
    upsert = function() return c:upsert("new", { 0, 0 }, { metadata = { n = 0 }, text = "t" }) end,
    ["upsert of an old one"] = function() return c:upsert("v5", { 0, 0 }) end,
    get = function() return c:get("v1") end,
    delete = function() return c:delete("v1") end,
    search = function() return c:search { 0, 0 } end,
    ["exact search"] = function() return c:search({ 0, 0 }, { exact = true }) end,
    ["filtered search"] = function() return c:search({ 0, 0 }, { filter = { n = { gt = 50 } } }) end,
    count = function() return c:count() end,
    stats = function() return c:stats() end,
    drop = function() return store.vectors:drop("c") end,
  }

  describe("by an index:", function()
    for name, fn in pairs(CALLS) do
      it(name, function()
        assert.are.same({}, plans.slow(store, function() assert(fn() ~= nil) end))
      end)
    end
  end)

  describe("when any one statement fails, nothing is changed:", function()
    for name, fn in pairs(CALLS) do
      if name ~= "list" then
        it(name, function()
          assert.is_true(faults.changes_nothing(store, fn) > 0)
        end)
      end
    end
  end)

  describe("damage is told:", function()
    local function damage(sql, fn, ...)
      assert(store.context.engine:run(sql))
      outcome.refused("corrupt", fn(...))
    end

    local function search(options)
      return function() return c:search({ 0, 0 }, options) end
    end

    for title, case in pairs {
      ["a block is gone"] = { "DELETE FROM vector_blocks", search() },
      ["a block is short"] = { "UPDATE vector_blocks SET data = x'0102'", search() },
      ["a block is empty"] = { "UPDATE vector_blocks SET data = x''", search() },
      ["a card is gone"] = { "DELETE FROM vector_cards", search() },
      ["a card's stamp is long"] = { "UPDATE vector_cards SET stamp = hex(zeroblob(40))", search() },
      ["the numbers are gone"] = { "DELETE FROM vector_floats WHERE key & 4294967295 < 9", search() },
      ["numbers are short"] = { "UPDATE vector_floats SET vector = x'00'", search() },
      ["one is missing"] = { "DELETE FROM vector_floats WHERE key & 4294967295 = 99",
        search { exact = true } },
      ["an id is gone"] = { "DELETE FROM vector_items WHERE key & 4294967295 < 9", search() },
    } do
      it(title, function() damage(case[1], case[2]) end)
    end

    it("in what get reads too", function()
      damage("DELETE FROM vector_floats", c.get, c, "v1")
    end)

    it("and when a change meets it", function()
      damage("UPDATE vector_items SET key = key + 1000 WHERE id = 'v1'", c.delete, c, "v1")
      damage("UPDATE vector_blocks SET data = x'0102'", c.delete, c, "v2")
      damage("DELETE FROM vector_blocks", c.delete, c, "v3")
      damage("DELETE FROM vector_blocks", c.upsert, c, "v3", { 1, 1 })
    end)
  end)
end)
