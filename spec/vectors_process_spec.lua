-- Several processes on one collection, and one that is killed in the middle.

local child = require "spec.support.child"
local files = require "spec.support.files"
local moonbase = require "moonbase"

describe("vectors under several processes", function()
  local path

  before_each(function()
    path = files.database()
    local store = assert(moonbase.open(path))
    assert(store.vectors:create("c", { dim = 3, metric = "l2" }))
    store:close()
  end)

  after_each(files.cleanup)

  -- Every id and every row of codes belongs to the other, and a search finds each vector.
  local function check(expected)
    local store = assert(moonbase.open(path))
    local c = assert(store.vectors:open("c"))
    local engine, count = store.context.engine, 0
    for id, vector in pairs(expected) do
      assert.are.same(vector, assert(c:get(id)).vector)
      assert.are.equal(id, assert(c:search(vector, { k = 1 }))[1].id)
      count = count + 1
    end
    assert.are.equal(count, c:count())
    assert.are.equal(count, #assert(c:search({ 0, 0, 0 }, { k = 10000, exact = true })))
    assert.are.equal(count, engine:value "SELECT count(*) FROM vector_items")
    assert.are.equal(count, engine:value "SELECT sum(records) FROM vector_cards")
    assert.are.equal("ok", engine:value "PRAGMA integrity_check")
    store:close()
  end

  it("nothing is lost or mixed up when all write at once", function()
    child.run_all(3, function(_, p)
      local store = assert(moonbase.open(path))
      local c = assert(store.vectors:open("c"))
      for i = 1, 60 do
        assert(c:upsert(p .. "-" .. i, { p, i, 0 }))
        if i % 3 == 0 then assert(c:delete(p .. "-" .. i - 1)) end
        assert(#assert(c:search({ p, i, 0 }, { k = 1 })) == 1)
        assert(c:search({ p, i, 0 }, { k = 1 })[1].id == p .. "-" .. i)
      end
      store:close()
    end)
    local expected = {}
    for p = 1, 3 do
      for i = 1, 60 do
        if i % 3 ~= 2 then expected[p .. "-" .. i] = { p, i, 0 } end
      end
    end
    check(expected)
  end)

  it("what was acknowledged survives a kill, whole", function()
    local last = child.kill_at(40, function(self)
      local store = assert(moonbase.open(path))
      local c = assert(store.vectors:open("c"))
      for i = 1, 100000 do
        assert(c:upsert_many { { id = "a" .. i, vector = { i, 0, 1 } }, { id = "b" .. i, vector = { i, 0, 2 } } })
        if i > 5 then assert(c:delete("a" .. i - 5)) end
        self:tell(i)
      end
    end)
    local store = assert(moonbase.open(path))
    local c = assert(store.vectors:open("c"))
    -- The step behind the last one that was heard of may be there as a whole or in part, each of
    -- its calls whole.
    local expected, top = {}, last
    while c:get("b" .. top + 1) do top = top + 1 end
    for i = 1, top do
      expected["b" .. i] = { i, 0, 2 }
      if c:get("a" .. i) then expected["a" .. i] = { i, 0, 1 } end
    end
    for i = last - 4, top do assert.is_truthy(c:get("a" .. i) or i <= top - 5) end
    for i = 1, last - 5 do assert.is_nil((c:get("a" .. i))) end
    store:close()
    check(expected)
  end)
end)
