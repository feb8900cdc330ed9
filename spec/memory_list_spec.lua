local conversation = require "spec.support.conversation"
local embedders = require "spec.support.embedders"
local files = require "spec.support.files"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"
local support = require "spec.support.memory"

local refuses, raises = outcome.refuses, outcome.raises_about

describe("memory", function()
  local store, memory, clock

  before_each(function()
    store, clock = stores.open(files.database(), { embed = embedders.letters() })
    memory = store.memory
  end)

  after_each(stores.cleanup)

  local function ids(page) return conversation.fields(assert(page).items, "id") end

  describe("list", function()
    before_each(function()
      for i = 1, 6 do
        assert(memory:remember { id = "m" .. i, text = "text " .. i, at = i < 5 and 10 * i or 40,
          type = i % 2 == 0 and "even" or "odd", tags = { i < 4 and "low" or "high", "all" },
          namespace = ({ "a", "a/b", "a/b/c", "ab", "a-b", "a/c" })[i], source = "s" .. i % 3 })
      end
    end)

    it("has the newest first, of those alike what was written last", function()
      assert.are.equal("m6 m5 m4 m3 m2 m1", ids(memory:list()))
    end)

    it("takes every filter, and all of them", function()
      assert.are.equal("m6 m4 m2", ids(memory:list { type = "even" }))
      assert.are.equal("m6 m5 m4", ids(memory:list { tag = "high" }))
      assert.are.equal("m6 m3", ids(memory:list { source = "s0" }))
      assert.are.equal("m4 m3 m2", ids(memory:list { since = 20, before = 41, tag = "all",
        limit = 5, offset = 2 }))
      assert.are.equal("m3 m2", ids(memory:list { since = 20, before = 40 }))
      assert.are.equal("m6", ids(memory:list { type = "even", tag = "high", source = "s0",
        namespace = "a" }))
      assert.are.equal("", ids(memory:list { type = "even", tag = "low", source = "s0" }))
    end)

    it("takes a namespace with those below it, by whole segments", function()
      assert.are.equal("m6 m3 m2 m1", ids(memory:list { namespace = "a" }))
      assert.are.equal("m3 m2", ids(memory:list { namespace = "a/b" }))
      assert.are.equal("m6 m3 m2", ids(memory:list { namespace = "a/" }))
      assert.are.equal("m4", ids(memory:list { namespace = "ab" }))
      assert.are.equal("", ids(memory:list { namespace = "b" }))
    end)

    it("comes in pages that neither repeat nor skip", function()
      local page = assert(memory:list { limit = 2, total = true })
      assert.are.equal(6, page.total)
      assert(memory:remember { id = "m7", text = "newer", at = 50 })
      assert(memory:forget("m4"))
      clock.now = clock.now + 1
      page = assert(memory:list { limit = 2, cursor = page.next_cursor })
      assert.are.equal("m3 m2", ids(page))
      page = assert(memory:list { limit = 2, cursor = page.next_cursor })
      assert.are.equal("m1", ids(page))
      assert.is_false(page.has_more)
      page = assert(memory:list { limit = 9, cursor = page.prev_cursor })
      assert.are.equal("m7 m6 m5 m3 m2", ids(page))
    end)

    it("refuses what is no query of its own", function()
      refuses("invalid", "limit", memory.list, memory, { limit = -1 })
      refuses("invalid", "namespace", memory.list, memory, { namespace = " " })
      refuses("invalid", "cursor", memory.list, memory, { cursor = "x" })
      local cursor = assert(memory:list { limit = 1 }).next_cursor
      refuses("invalid", "cursor", memory.list, memory, { cursor = cursor, type = "even" })
      raises("query.color", memory.list, memory, { color = "red" })
      raises("query.tag", memory.list, memory, { tag = 1 })
      assert.are.same({}, memory:list({ limit = 0 }).items)
    end)
  end)

  describe("forget", function()
    it("removes everything made of a record", function()
      assert(memory:remember { id = "a", text = "Ann met Bob", entities = { "Ann", "Bob" },
        tags = { "x" }, metadata = { a = 1 } })
      assert.is_true(memory:forget("a"))
      assert.is_false(memory:forget("a"))
      support.check(store)
      assert.are.equal(0, memory:stats().count)
      assert.are.equal("", ids(memory:list()))
    end)

    it("takes a filter and gives the count", function()
      for i = 1, 6 do
        assert(memory:remember { id = "m" .. i, text = "text " .. i, type = i % 2 == 0 and "even"
          or "odd", tags = { "t" .. i, "all" }, metadata = { n = i, lang = i < 3 and "de" or nil },
          namespace = i < 4 and "a" or "a/b", source = "s" .. i })
      end
      assert.are.equal(1, memory:forget { source = "s6" })
      assert.are.equal(1, memory:forget { type = "even", ["metadata.n"] = { gt = 3 } })
      assert.are.equal(1, memory:forget { tags = { contains = "t1" } })
      assert.are.equal(0, memory:forget { tags = { contains = "t" } })
      assert.are.equal("m5 m3 m2", ids(memory:list()))
      assert.are.equal(1, memory:forget { any = { { text = { contains = "5" } },
        { id = "nothing" } } })
      assert.are.equal(1, memory:forget { ["metadata.lang"] = { ne = "de" }, namespace = "a" })
      assert.are.equal(1, memory:forget { at = { gte = 1000 } })
      support.check(store)
      assert.are.equal(0, memory:stats().count)
    end)

    it("refuses filters that say nothing, or name what there is not", function()
      assert(memory:remember { id = "a", text = "t" })
      refuses("invalid", "filter", memory.forget, memory, {})
      for _, empty in ipairs { { all = {} }, { none = {} }, { any = { {} } }, { all = { {}, { all = {} } } },
        { all = {}, none = {}, any = { { id = "x" }, {} } } } do
        refuses("invalid", "filter", memory.forget, memory, empty)
      end
      assert.are.equal(0, memory:forget { any = {} })
      refuses("invalid", "filter.color", memory.forget, memory, { color = "red" })
      refuses("invalid", "filter.type.like", memory.forget, memory, { type = { like = "x" } })
      refuses("invalid", "id", memory.forget, memory, "")
      raises("id", memory.forget, memory, 5)
      assert.are.equal("a", ids(memory:list()))
    end)
  end)
end)
