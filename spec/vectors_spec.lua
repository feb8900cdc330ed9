local child = require "spec.support.child"
local conversation = require "spec.support.conversation"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"
local vectors = require "spec.support.vectors"

local refuses, raises = outcome.refuses, outcome.raises_about

local function ids(hits) return conversation.fields(hits, "id") end

local TABLES = { "vector_items", "vector_floats", "vector_blocks", "vector_cards" }

describe("vectors", function()
  local store, part, path, clock

  before_each(function()
    path = files.database()
    store, clock = stores.open(path)
    part = store.vectors
  end)

  after_each(stores.cleanup)

  local function rows()
    local counts = {}
    for i, name in ipairs(TABLES) do
      counts[i] = stores.rows(store, name)
    end
    return table.concat(counts, " ")
  end

  describe("have collections:", function()
    it("one is made once, opened by its name, listed and dropped", function()
      local c = assert(part:create("b", { dim = 3 }))
      assert.are.equal("cosine", c.metric)
      assert(part:create("a", { dim = 2, metric = "l2" }))
      refuses("exists", nil, part.create, part, "b", { dim = 4 })
      assert(c:upsert("x", { 1, 2, 3 }))
      assert.are.equal(1, part:open("b"):count())
      assert.are.equal(3, part:open("b").dim)
      local page = assert(part:list { total = true })
      assert.are.same({
        { name = "a", dim = 2, metric = "l2", count = 0 },
        { name = "b", dim = 3, metric = "cosine", count = 1 },
      }, page.items)
      assert.are.equal(2, page.total)
      assert.is_true(part:drop("b"))
      assert.is_false(part:drop("b"))
      assert.are.equal("0 0 0 0", rows())
      local nothing, err = part:open("b")
      assert.is_nil(nothing)
      assert.is_nil(err)
    end)

    it("a list comes in pages", function()
      for i = 1, 5 do assert(part:create("c" .. i, { dim = 1 })) end
      local page = assert(part:list { limit = 2 })
      assert.is_true(page.has_more)
      page = assert(part:list { limit = 2, cursor = page.next_cursor })
      assert.are.equal("c3", page.items[1].name)
      refuses("invalid", "limit", part.list, part, { limit = -1 })
      refuses("invalid", "cursor", part.list, part, { cursor = "x" })
    end)

    it("names and shapes are checked, and nothing is written", function()
      for _, name in ipairs { "", " ", "a\0b", "\255", ("x"):rep(513) } do
        refuses("invalid", "name", part.create, part, name, { dim = 2 })
        refuses("invalid", "name", part.open, part, name)
        refuses("invalid", "name", part.drop, part, name)
      end
      for _, dim in ipairs { 0, -1, 1.5, 65537, 2 ^ 60, 0 / 0, 1 / 0 } do
        refuses("invalid", "dim", part.create, part, "a", { dim = dim })
      end
      refuses("invalid", "dim", part.create, part, "a", {})
      raises("options.dim", part.create, part, "a", { dim = "3" })
      raises("metric", part.create, part, "a", { dim = 3, metric = "manhattan" })
      raises("unknown option", part.create, part, "a", { dim = 3, index = "hnsw" })
      raises("name", part.create, part, 5, { dim = 3 })
      assert.are.equal(0, #assert(part:list()).items)
    end)

    it("a dropped one is gone for those who hold it, also when another took its name", function()
      local c = assert(part:create("a", { dim = 2 }))
      assert(c:upsert("x", { 1, 0 }))
      assert(part:drop("a"))
      assert(part:create("a", { dim = 3 }))
      refuses("not_found", nil, c.upsert, c, "x", { 1, 0 })
      refuses("not_found", nil, c.search, c, { 1, 0 })
      refuses("not_found", nil, c.get, c, "x")
      refuses("not_found", nil, c.delete, c, "x")
      refuses("not_found", nil, c.count, c)
      refuses("not_found", nil, c.stats, c)
    end)

    it("making one again never shows what the former held", function()
      local c = assert(part:create("a", { dim = 2 }))
      for i = 1, 20 do assert(c:upsert("old" .. i, { 1, i })) end
      assert.are.equal(10, #assert(c:search { 1, 0 }))
      assert(part:drop("a"))
      c = assert(part:create("a", { dim = 2 }))
      assert.are.equal(0, #assert(c:search { 1, 0 }))
      assert(c:upsert("new", { 1, 0 }))
      assert.are.equal("new", ids(assert(c:search { 1, 0 })))
    end)

    it("each scope has its own", function()
      local other = assert(store:scope("other"))
      assert(assert(part:create("a", { dim = 1 })):upsert("x", { 1 }))
      assert.is_nil((other.vectors:open("a")))
      assert.is_false(other.vectors:drop("a"))
      local theirs = assert(other.vectors:create("a", { dim = 1 }))
      assert.are.equal(0, #assert(theirs:search { 1 }))
      assert(theirs:upsert("y", { 1 }))
      assert.are.equal("x", ids(assert(part:open("a"):search { 1 })))
      assert(other.vectors:drop("a"))
      assert.are.equal(1, part:open("a"):count())
    end)
  end)

  describe("are kept:", function()
    local c

    before_each(function() c = assert(part:create("c", { dim = 4 })) end)

    it("what goes in comes out, in float32, with metadata and text", function()
      local values = { 0.1, -1e-40, 3e38, -0.0 }
      assert.is_true(c:upsert("x", values, { metadata = { a = { 1, 2 } }, text = "hello" }))
      local item = assert(c:get("x"))
      assert.are.same(vectors.rounded(values), item.vector)
      assert.are.equal(-math.huge, 1 / item.vector[4])
      assert.are.same({ a = { 1, 2 } }, item.metadata)
      assert.are.equal("hello", item.text)
      local nothing, err = c:get("y")
      assert.is_nil(nothing)
      assert.is_nil(err)
    end)

    it("as numbers or as bytes, which is the same", function()
      local bytes = "\0\0\128\63\0\0\0\64\0\0\64\192\0\0\0\0" -- 1 2 -3 0
      assert(c:upsert("bytes", bytes))
      assert.are.same({ 1, 2, -3, 0 }, c:get("bytes").vector)
      assert.are.equal(0, c:search({ 1, 2, -3, 0 })[1].distance)
      assert.are.equal(0, c:search(bytes)[1].distance)
    end)

    it("an upsert replaces all of the former", function()
      assert(c:upsert("x", { 1, 0, 0, 0 }, { metadata = { a = 1 }, text = "t" }))
      assert(c:upsert("x", { 0, 1, 0, 0 }))
      assert.are.same({ id = "x", vector = { 0, 1, 0, 0 } }, c:get("x"))
      assert.are.equal(1, c:count())
      local hit = c:search({ 0, 2, 0, 0 })[1]
      assert.are.equal(0, hit.distance)
      assert.is_nil(hit.metadata)
    end)

    it("of a repeated id in one call the last counts", function()
      assert.are.equal(2, c:upsert_many {
        { id = "x", vector = { 1, 0, 0, 0 } },
        { id = "y", vector = { 0, 0, 1, 0 }, metadata = { n = 1 }, text = "why" },
        { id = "x", vector = { 0, 1, 0, 0 } },
      })
      assert.are.equal(2, c:count())
      assert.are.same({ 0, 1, 0, 0 }, c:get("x").vector)
      assert.are.equal("x", c:search({ 0, 1, 0, 0 })[1].id)
      assert.are.equal("why", c:get("y").text)
      assert.are.equal(0, c:upsert_many {})
    end)

    it("wrong ones are refused, and nothing of the call is written", function()
      local nan, inf = 0 / 0, math.huge
      for _, vector in ipairs {
        {}, { 1, 2, 3 }, { 1, 2, 3, 4, 5 }, { 1, 2, nan, 4 }, { 1, inf, 3, 4 }, { 1, 2, 3, 1e39 },
        { 1, 2, 3, "4" }, { 1, 2, 3, {} }, "", "short", ("x"):rep(17), ("\0"):rep(12),
        "\0\0\128\63\0\0\0\64\0\0\64\192\0\0\192\127", "\0\0\128\63\0\0\0\64\0\0\64\192\0\0\128\255",
      } do
        refuses("invalid", "vector", c.upsert, c, "x", vector)
        refuses("invalid", "vector", c.search, c, vector)
        refuses("invalid", "items[2].vector", c.upsert_many, c, {
          { id = "a", vector = { 1, 2, 3, 4 } }, { id = "b", vector = vector } })
      end
      raises("vector", c.upsert, c, "x")
      raises("vector", c.search, c, 5)
      assert.are.equal(0, c:count())
      assert.are.equal("0 0 0 0", rows())
    end)

    it("so are ids, metadata and texts that cannot be stored", function()
      local vector = { 1, 2, 3, 4 }
      for _, id in ipairs { "", " ", "a\0b", "\255", ("x"):rep(513) } do
        refuses("invalid", "id", c.upsert, c, id, vector)
        refuses("invalid", "id", c.get, c, id)
        refuses("invalid", "id", c.delete, c, id)
        refuses("invalid", "items[1].id", c.upsert_many, c, { { id = id, vector = vector } })
      end
      refuses("invalid", "text", c.upsert, c, "x", vector, { text = "\255" })
      local _, err = c:upsert("x", vector, { metadata = { a = { 0 / 0 } } })
      assert.are.equal("serialization", err.code)
      raises("unknown option", c.upsert, c, "x", vector, { meta = {} })
      raises("items[1].extra", c.upsert_many, c, { { id = "x", vector = vector, extra = 1 } })
      raises("items[1]", c.upsert_many, c, { "x" })
      raises("array", c.upsert_many, c, { id = "x", vector = vector })
      raises("id", c.upsert, c, nil, vector)
      refuses("invalid", "items[1].id", c.upsert_many, c, { { vector = vector } })
      refuses("invalid", "items[1].id", c.upsert_many, c, { { id = 5, vector = vector } })
      refuses("invalid", "items[1].vector", c.upsert_many, c, { { id = "x" } })
      refuses("invalid", "items[1].vector", c.upsert_many, c, { { id = "x", vector = 5 } })
      assert.are.equal("0 0 0 0", rows())
    end)

    it("ids are data", function()
      local odd = { "x'; DROP TABLE vector_items; --", "%", "_", "💥", ("é"):rep(256), "a b" }
      for i, id in ipairs(odd) do assert(c:upsert(id, { i, 1, 0, 0 })) end
      for i, id in ipairs(odd) do assert.are.same({ i, 1, 0, 0 }, c:get(id).vector) end
      for _, id in ipairs(odd) do assert.is_true(c:delete(id)) end
      assert.are.equal("0 0 0 0", rows())
    end)

    it("a deleted one leaves nothing behind, and its id can come again", function()
      for i = 1, 40 do assert(c:upsert("v" .. i, { i, 1, 0, 0 })) end
      for i = 1, 40, 2 do assert.is_true(c:delete("v" .. i)) end
      assert.is_false(c:delete("v1"))
      assert.are.equal(20, c:count())
      local hits = assert(c:search({ 1, 0, 0, 0 }, { k = 100 }))
      assert.are.equal(20, #hits)
      assert.are.equal("v40", hits[1].id)
      assert(c:upsert("v1", { 1, 0, 0, 0 }))
      assert.are.equal("v1", c:search({ 1, 0, 0, 0 })[1].id)
      for i = 1, 40 do assert(c:delete("v" .. i) ~= nil) end
      assert.are.equal("0 0 0 0", rows())
      assert.are.same({}, c:search { 1, 0, 0, 0 })
    end)

    it("stats tell the shape and the size", function()
      clock.now = 2000
      assert(c:upsert("x", { 1, 2, 3, 4 }))
      local stats = assert(c:stats())
      assert.is_true(stats.bytes > 16)
      stats.bytes = nil
      assert.are.same({ name = "c", dim = 4, metric = "cosine", count = 1, created_at = 1000,
        updated_at = 2000 }, stats)
    end)

    it("they are there after the store was closed", function()
      for i = 1, 30 do assert(c:upsert("v" .. i, { i, 1, 0, 0 }, { metadata = { n = i } })) end
      store:close()
      store = stores.open(path)
      c = assert(store.vectors:open("c"))
      assert.are.equal(30, c:count())
      assert.are.same({ n = 30 }, c:search({ 1, 0, 0, 0 })[1].metadata)
      store:close()
      store = stores.open(path, { readonly = true })
      c = assert(store.vectors:open("c"))
      assert.are.equal("v30", c:search({ 1, 0, 0, 0 })[1].id)
      refuses("readonly", nil, c.upsert, c, "x", { 1, 0, 0, 0 })
      refuses("readonly", nil, c.delete, c, "v1")
      refuses("readonly", nil, store.vectors.create, store.vectors, "n", { dim = 1 })
      refuses("readonly", nil, store.vectors.drop, store.vectors, "c")
    end)
  end)

  it("in memory they behave the same", function()
    local memory = stores.open()
    local c = assert(memory.vectors:create("c", { dim = 2, metric = "l2" }))
    for i = 1, 100 do assert(c:upsert("v" .. i, { i, 0 })) end
    assert.are.equal("v7 v6 v8", ids(assert(c:search({ 7, 0 }, { k = 3 }))))
    memory:close()
  end)

  describe("are searched by nearness:", function()
    local function make(metric, list)
      local c = assert(part:create(metric, { dim = 2, metric = metric }))
      for i, vector in ipairs(list) do assert(c:upsert("v" .. i, vector)) end
      return c
    end

    it("cosine: 0 for the same direction, 1 across, 2 for the opposite; 1 for a zero", function()
      local c = make("cosine", { { 2, 0 }, { 0, 5 }, { -1, 0 }, { 0, 0 } })
      local hits = assert(c:search { 1, 0 })
      assert.are.equal("v1 v2 v4 v3", ids(hits))
      assert.are.same({ 0, 1, 1, 2 }, { hits[1].distance, hits[2].distance, hits[3].distance,
        hits[4].distance })
      assert.are.same({ 1, 0, 0, -1 }, { hits[1].score, hits[2].score, hits[3].score,
        hits[4].score })
      for _, hit in ipairs(assert(c:search { 0, 0 })) do assert.are.equal(1, hit.distance) end
    end)

    it("l2: three and four make five", function()
      local hits = assert(make("l2", { { 3, 4 }, { 0, 0 } }):search { 0, 0 })
      assert.are.equal("v2 v1", ids(hits))
      assert.are.same({ 0, 5 }, { hits[1].distance, hits[2].distance })
      assert.is_true(hits[1].score > hits[2].score)
    end)

    it("dot: minus the product", function()
      local hits = assert(make("dot", { { 1, 2 }, { 4, 8 }, { -1, 0 } }):search { 2, 3 })
      assert.are.equal("v2 v1 v3", ids(hits))
      assert.are.same({ -32, -8, 2 }, { hits[1].distance, hits[2].distance, hits[3].distance })
      assert.are.same({ 32, 8, -2 }, { hits[1].score, hits[2].score, hits[3].score })
    end)

    it("k hits or all there are; of equal ones the older first", function()
      local c = assert(part:create("c", { dim = 1 }))
      assert.are.same({}, c:search { 1 })
      for i = 1, 100 do assert(c:upsert("v" .. i, { 1 })) end
      assert.are.equal("v1 v2 v3 v4 v5 v6 v7 v8 v9 v10", ids(assert(c:search { 1 })))
      assert.are.equal(100, #c:search({ 1 }, { k = 1000000 }))
      assert.are.equal(0, #c:search({ 1 }, { k = 0 }))
      for _, k in ipairs { -1, 1.5, 0 / 0 } do
        refuses("invalid", "k", c.search, c, { 1 }, { k = k })
      end
      raises("unknown option", c.search, c, { 1 }, { limit = 3 })
      raises("options.k", c.search, c, { 1 }, { k = "3" })
      raises("options.exact", c.search, c, { 1 }, { exact = 1 })
    end)

    it("numbers of any size: none overflows", function()
      for _, metric in ipairs { "cosine", "l2", "dot" } do
        local c = assert(part:create(metric .. "2", { dim = 3, metric = metric }))
        local random = vectors.random(3)
        for i = 1, 100 do
          assert(c:upsert("v" .. i, random:vector(3, ({ 1e-43, 1, 1e37, 1e-20 })[i % 4 + 1])))
        end
        for _, scale in ipairs { 1e-43, 1e-10, 1, 1e37 } do
          local query = random:vector(3, scale)
          local exact = assert(c:search(query, { exact = true }))
          assert.are.same(exact, c:search(query))
          for _, hit in ipairs(exact) do assert.is_true(hit.distance == hit.distance) end
        end
      end
    end)
  end)

  describe("are filtered before the cut to k:", function()
    local c

    before_each(function()
      c = assert(part:create("c", { dim = 2, metric = "l2" }))
      local items = {}
      for i = 1, 1500 do
        items[i] = { id = "v" .. i, vector = { i, 0 },
          metadata = { n = i, lang = i % 3 == 0 and "de" or "en", tags = { "t" .. i % 7 } } }
      end
      items[1].metadata = nil
      assert(c:upsert_many(items))
    end)

    local function found(filter, k)
      return ids(assert(c:search({ 0, 0 }, { filter = filter, k = k or 3 })))
    end

    it("fields by their name, or behind metadata", function()
      assert.are.equal("v3 v6 v9", found { lang = "de" })
      assert.are.equal("v3 v6 v9", found { ["metadata.lang"] = "de" })
      assert.are.equal("v1499 v1500", found { n = { gt = 1498 } })
      assert.are.equal("v7 v14 v21", found { tags = { contains = "t0" } })
      assert.are.equal("v1 v2 v4", found { lang = { ne = "de" } })
      assert.are.equal("v1", found { lang = { exists = false } })
      assert.are.equal("v21 v42", found({ lang = "de", any = { { tags = { contains = "t0" } } } }, 2))
      assert.are.equal("", found { n = -1 })
      assert.are.equal("v1 v2 v3", found {})
      assert.are.equal(500, #c:search({ 0, 0 }, { k = 5000, filter = { lang = "de" } }))
    end)

    it("unknown operators and wrong kinds are refused", function()
      refuses("invalid", "filter.n.above", c.search, c, { 0, 0 }, { filter = { n = { above = 1 } } })
      refuses("invalid", "filter.any", c.search, c, { 0, 0 }, { filter = { any = 5 } })
      raises("options.filter", c.search, c, { 0, 0 }, { filter = "lang" })
      assert.are.equal("", found { ["x'; DROP TABLE vector_items"] = "y" })
    end)
  end)

  describe("in a transaction:", function()
    local c

    before_each(function()
      c = assert(part:create("c", { dim = 2, metric = "l2" }))
      local items = {}
      for i = 1, 200 do items[i] = { id = "v" .. i, vector = { i, 0 } } end
      assert(c:upsert_many(items))
      assert(c:search { 0, 0 }) -- so that the codes are in memory
    end)

    it("its own changes are seen in it, and gone with it", function()
      store:transaction(function(tx)
        local mine = assert(tx.vectors:open("c"))
        assert(mine:upsert("new", { 0, 0 }))
        assert(mine:upsert("v200", { 0.25, 0 }))
        assert(mine:delete("v1"))
        assert.are.equal("new v200 v2", ids(assert(mine:search({ 0, 0 }, { k = 3 }))))
        assert.are.equal("new v200 v2", ids(assert(c:search({ 0, 0 }, { k = 3 }))))
        assert.are.equal(200, mine:count())
        return nil, "undone"
      end)
      assert.are.equal("v1 v2 v3", ids(assert(c:search({ 0, 0 }, { k = 3 }))))
      assert.are.equal(200, c:count())
      assert(c:upsert("other", { -0.5, 0 }))
      assert.are.equal("other v1 v2", ids(assert(c:search({ 0, 0 }, { k = 3 }))))
    end)

    it("a savepoint takes its own back", function()
      assert(store:transaction(function(tx)
        assert(c:upsert("kept", { 0, 0 }))
        tx:transaction(function()
          assert(c:upsert("dropped", { 0, 0 }))
          assert.are.equal("kept dropped v1", ids(assert(c:search({ 0, 0 }, { k = 3 }))))
          return nil, "undone"
        end)
        assert.are.equal("kept v1 v2", ids(assert(c:search({ 0, 0 }, { k = 3 }))))
        return true
      end))
      assert.are.equal("kept v1 v2", ids(assert(c:search({ 0, 0 }, { k = 3 }))))
    end)

    it("another coroutine sees what is committed, in turns", function()
      local tx = assert(store:begin())
      assert(c:upsert("new", { 0, 0 }))
      local function elsewhere()
        local result
        coroutine.wrap(function() result = ids(assert(c:search({ 0, 0 }, { k = 2 }))) end)()
        return result
      end
      for _ = 1, 3 do
        assert.are.equal("new v1", ids(assert(c:search({ 0, 0 }, { k = 2 }))))
        assert.are.equal("v1 v2", elsewhere())
      end
      assert(tx:commit())
      assert.are.equal("new v1", elsewhere())
    end)

    it("a collection made in one that fails was never there", function()
      local made
      store:transaction(function(tx)
        made = assert(tx.vectors:create("n", { dim = 2 }))
        assert(made:upsert("x", { 1, 1 }))
        assert.are.equal(1, #assert(made:search { 1, 1 }))
        return nil, "undone"
      end)
      assert.is_nil((part:open("n")))
      local other = assert(part:create("n", { dim = 2 }))
      assert.are.equal(0, #assert(other:search { 1, 1 }))
    end)
  end)

  it("what another process changes is seen at once", function()
    local c = assert(part:create("c", { dim = 2, metric = "l2" }))
    for i = 1, 100 do assert(c:upsert("v" .. i, { i, 0 })) end
    assert.are.equal("v1 v2", ids(assert(c:search({ 0, 0 }, { k = 2 }))))
    local other = child.start(function(self)
      local theirs = assert(moonbase.open(path))
      local d = assert(theirs.vectors:open("c"))
      while true do
        local line = self:hear()
        if not line then break end
        local id, x = line:match("^(%S+) (%S+)$")
        if x == "-" then assert(d:delete(id)) else assert(d:upsert(id, { tonumber(x), 0 })) end
        self:tell(ids(assert(d:search({ 0, 0 }, { k = 2 }))))
      end
      theirs:close()
    end)
    local function order(line)
      other:tell(line)
      return other:hear()
    end
    assert.are.equal("new v1", order "new 0")
    assert.are.equal("new v1", ids(assert(c:search({ 0, 0 }, { k = 2 }))))
    assert.are.equal("v1 v2", order "new -")
    assert.are.equal("v1 v2", ids(assert(c:search({ 0, 0 }, { k = 2 }))))
    assert(c:upsert("v100", { 0, 0 }))
    assert.are.equal("v100 v2", order "v1 1000")
    assert(c:delete("v100"))
    assert.are.equal("v2 v3", order "v50 50")
    assert.are.equal("v2 v3", ids(assert(c:search({ 0, 0 }, { k = 2 }))))
    other:close()
  end)
end)
