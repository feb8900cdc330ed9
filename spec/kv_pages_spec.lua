local files = require "spec.support.files"
local moonbase = require "moonbase"
local stores = require "spec.support.stores"

local ARRAY = moonbase.array

describe("kv", function()
  local store, kv, path

  before_each(function()
    path = files.database()
    store = stores.open(path)
    kv = store.kv
  end)

  after_each(stores.cleanup)

  local function names(page)
    local found = {}
    for i, item in ipairs(page.items) do found[i] = item.ns .. ":" .. item.key end
    return table.concat(found, " ")
  end

  local function keys(page)
    local found = {}
    for i, item in ipairs(page.items) do found[i] = item.key end
    return table.concat(found, " ")
  end

  -- All pages from the first to the last, and back again to the first.
  local function walk(call, query)
    local forth, back = {}, {}
    local page = assert(call(query))
    while true do
      forth[#forth + 1] = names(page)
      assert.are.equal(page.next_cursor ~= nil, page.has_more)
      if not page.has_more then break end
      query.cursor = page.next_cursor
      page = assert(call(query))
    end
    while true do
      table.insert(back, 1, names(page))
      if not page.prev_cursor then break end
      query.cursor = page.prev_cursor
      page = assert(call(query))
      assert.is_true(page.has_more)
    end
    query.cursor = nil
    return table.concat(forth, " "), table.concat(back, " "), #forth
  end

  local function invalid(field, call, query)
    local page, err = call(query)
    assert.is_nil(page)
    assert.are.same({ "invalid", field }, { err.code, err.field })
  end

  local function list(ns)
    return function(query) return kv:list(ns, query) end
  end

  local function search(ns)
    return function(query) return kv:search(ns, query) end
  end

  describe("list", function()
    it("gives the items of exactly one namespace, whole", function()
      for _, ns in ipairs { "a", "a/b", "ab", "A", "a/" } do kv:set(ns, "k", { of = ns }) end
      assert.are.same({ items = { { ns = "a", key = "k", value = { of = "a" }, revision = 1 } },
        has_more = false }, kv:list("a"))
      assert.are.same({ items = {}, has_more = false }, kv:list("b"))
    end)

    it("orders keys by their bytes", function()
      for _, key in ipairs { "b", "B", "a", "aa", "a ", "\195\164", "10", "9", "z" } do
        kv:set("ns", key, 1)
      end
      assert.are.equal("10 9 B a a  aa b z \195\164", keys(kv:list("ns")))
    end)

    it("takes a prefix for plain text", function()
      for _, key in ipairs { "a", "a%", "a%b", "a_b", "axb", "a\\b", "b", "A%", "\195\164",
        "\195\165", "\244\143\191\191z" } do
        kv:set("ns", key, 1)
      end
      for prefix, expected in pairs {
        ["a%"] = "a% a%b", ["a_"] = "a_b", ["a\\"] = "a\\b", ["%"] = "",
        ["a"] = "a a% a%b a\\b a_b axb", ["\195\164"] = "\195\164",
        ["\244\143\191\191"] = "\244\143\191\191z", ["zz"] = "", ["a'"] = "", ["a\0"] = "",
      } do
        local page = kv:list("ns", { prefix = prefix })
        assert.are.equal(expected, keys(page), prefix)
        local forth, back = walk(list("ns"), { prefix = prefix, limit = 2 })
        assert.are.equal(names(page), forth)
        assert.are.equal(names(page), back)
      end
      assert.are.equal(11, #kv:list("ns", { prefix = "" }).items)
    end)

    it("pages by the rules of all lists", function()
      for i = 1, 230 do kv:set("ns", ("%03d"):format(i), i) end
      assert.are.equal(50, #kv:list("ns").items)
      assert.are.equal(200, #kv:list("ns", { limit = 1000000 }).items)
      assert.are.same({ items = {}, has_more = false }, kv:list("ns", { limit = 0 }))
      assert.are.equal(230, kv:list("ns", { limit = 1, total = true }).total)
      assert.is_nil(kv:list("ns", { limit = 1 }).total)
      assert.are.equal("101", kv:list("ns", { offset = 100 }).items[1].key)
      assert.are.equal(30, kv:list("ns", { offset = 200, total = true, prefix = "" }).total - 200)
      for _, bad in ipairs { -1, 0.5, 0 / 0, 1 / 0 } do
        invalid("limit", list("ns"), { limit = bad })
        invalid("offset", list("ns"), { offset = bad })
      end
      local forth, back, pages = walk(list("ns"), { limit = 23 })
      assert.are.equal(forth, back)
      assert.are.equal(10, pages)
    end)

    it("neither repeats nor skips when rows come and go between pages", function()
      for _, key in ipairs { "b", "d", "f", "h" } do kv:set("ns", key, 1) end
      local page = kv:list("ns", { limit = 2 })
      assert.are.equal("b d", keys(page))
      kv:delete("ns", "d")
      kv:set("ns", "a", 1)
      kv:set("ns", "e", 1)
      page = kv:list("ns", { limit = 2, cursor = page.next_cursor })
      assert.are.equal("e f", keys(page))
      assert.is_true(page.has_more)
    end)

    it("has cursors that outlive the process and serve only their call", function()
      for _, key in ipairs { "a1", "a2", "a3" } do kv:set("ns", key, 1) end
      local cursor = kv:list("ns", { limit = 1, prefix = "a" }).next_cursor
      store:close()
      store = stores.open(path)
      kv = store.kv
      assert.are.equal("a2 a3", keys(kv:list("ns", { prefix = "a", cursor = cursor })))
      invalid("cursor", list("ns"), { cursor = cursor })
      invalid("cursor", list("other"), { prefix = "a", cursor = cursor })
      invalid("cursor", search("ns"), { cursor = cursor })
      for _, forged in ipairs { "", "x", "!!!", cursor .. "A", cursor:sub(2), ("A"):rep(10000) } do
        invalid("cursor", list("ns"), { prefix = "a", cursor = forged })
      end
    end)
  end)

  describe("search", function()
    local PLACES = { "user/ann", "user/ann/", "user/ann/prefs", "user/ann/prefs/ui", "user/ann-x",
      "user/anna", "user/ann0", "user", "user/bob", "user/ann%", "\195\164" }

    before_each(function()
      for _, ns in ipairs(PLACES) do
        for _, key in ipairs { "b", "a" } do kv:set(ns, key, { ns = ns }) end
      end
    end)

    it("takes a namespace and all below it by whole segments, in order", function()
      assert.are.equal("user/ann:a user/ann:b user/ann/:a user/ann/:b user/ann/prefs:a "
        .. "user/ann/prefs:b user/ann/prefs/ui:a user/ann/prefs/ui:b", names(kv:search("user/ann")))
      assert.are.equal("user/ann/prefs/ui:a user/ann/prefs/ui:b",
        names(kv:search("user/ann/prefs/ui")))
      assert.are.equal(20, #kv:search("user").items)
      assert.are.equal(18, #kv:search("user/").items)
      assert.are.equal(2, #kv:search("user/ann%").items)
      assert.are.equal(2, #kv:search("\195\164").items)
      assert.are.same({ items = {}, has_more = false }, kv:search("us"))
    end)

    it("gives items as list does", function()
      kv:set("one", "k", false)
      assert.are.same({ { ns = "one", key = "k", value = false, revision = 1 } },
        kv:search("one").items)
    end)

    it("pages through it both ways, whatever the size of the pages", function()
      for _, ns in ipairs { "user", "user/", "user/ann", "user/ann/", "user/ann/prefs" } do
        local all = names(kv:search(ns))
        for limit = 1, 8 do
          local forth, back = walk(search(ns), { limit = limit })
          assert.are.equal(all, forth)
          assert.are.equal(all, back)
        end
      end
    end)

    it("counts what matches when asked to", function()
      assert.are.equal(8, kv:search("user/ann", { limit = 1, total = true }).total)
      assert.are.equal(18, kv:search("user/", { limit = 1, total = true }).total)
      assert.are.equal(2, kv:search("user", { limit = 1, total = true,
        filter = { ns = "user/bob" } }).total)
    end)

    it("neither repeats nor skips when rows come and go between pages", function()
      local page = kv:search("user/ann", { limit = 3 })
      assert.are.equal("user/ann:a user/ann:b user/ann/:a", names(page))
      kv:delete("user/ann/", "a")
      kv:set("user/ann", "aa", 1)
      kv:set("user/ann/", "aa", 1)
      page = kv:search("user/ann", { limit = 2, cursor = page.next_cursor })
      assert.are.equal("user/ann/:aa user/ann/:b", names(page))
    end)

    it("leads back from a page that has become empty", function()
      local page = kv:search("user/ann/prefs", { limit = 2 })
      kv:delete("user/ann/prefs/ui", "a")
      kv:delete("user/ann/prefs/ui", "b")
      page = kv:search("user/ann/prefs", { limit = 3, cursor = page.next_cursor })
      assert.are.equal("", names(page))
      assert.is_false(page.has_more)
      kv:set("user/ann/prefs/a", "a", 1)
      page = kv:search("user/ann/prefs", { limit = 3, cursor = page.prev_cursor })
      assert.are.equal("user/ann/prefs:a user/ann/prefs:b user/ann/prefs/a:a", names(page))
      assert.is_nil(page.prev_cursor)
    end)

    it("has cursors bound to namespace and filter, in whatever order its fields are", function()
      local filter = { ns = { ne = "x" }, any = { { ns = { exists = true } } } }
      local cursor = kv:search("user", { limit = 1, filter = filter }).next_cursor
      local same = { any = { { ns = { exists = true } } }, ns = { ne = "x" } }
      assert(kv:search("user", { filter = same, cursor = cursor }))
      invalid("cursor", search("user"), { cursor = cursor })
      invalid("cursor", search("user"), { filter = { ns = { ne = "y" } }, cursor = cursor })
      invalid("cursor", search("user/ann"), { filter = same, cursor = cursor })
    end)

    it("does not let a forged cursor look elsewhere", function()
      local base64url = require "moonbase.base64url"
      local core = require "moonbase.core"
      local function forge(call, query, ...)
        query.limit = 1
        local fields = core.decode(base64url.decode(call(query).next_cursor))
        local edge = { ... }
        for i = 1, #edge do fields[i + 2] = edge[i] end
        query.cursor = base64url.encode((core.encode(fields, "cursor")))
        invalid("cursor", call, query)
      end
      forge(search("user/ann"), {}, "user/bob", "a")
      forge(search("user/ann"), {}, "user/anna", "a")
      forge(search("user/ann"), {}, 1, 2)
      kv:set("user/ann", "c", 1)
      kv:set("user/ann", "cc", 1)
      forge(list("user/ann"), { prefix = "c" }, "a")
      forge(list("user/ann"), { prefix = "c" }, 5)
    end)
  end)

  describe("search with a filter", function()
    -- Values of every third row match; the rows fill several batches and two namespaces.
    local function fill(count)
      assert(store:transaction(function(tx)
        for i = 1, count do
          tx.kv:set(i % 2 == 0 and "log" or "log/odd", ("%04d"):format(i),
            { n = i, third = i % 3 == 0, tags = i % 5 == 0 and { "five", "x" } or ARRAY {} })
        end
        return true
      end))
    end

    it("finds what matches and pages through it exactly, both ways", function()
      fill(600)
      local filter = { third = true, tags = { contains = "five" } }
      local expected = {}
      for _, start in ipairs { 30, 15 } do
        for i = start, 600, 30 do
          expected[#expected + 1] = ("%s:%04d"):format(start == 30 and "log" or "log/odd", i)
        end
      end
      for _, limit in ipairs { 1, 7, 20, 40, 200 } do
        local forth, back = walk(search("log"), { filter = filter, limit = limit })
        assert.are.equal(table.concat(expected, " "), forth)
        assert.are.equal(table.concat(expected, " "), back)
      end
      assert.are.equal(40, kv:search("log", { filter = filter, limit = 3, total = true }).total)
    end)

    it("knows whether more follows, however far", function()
      fill(400)
      for wanted, more in pairs { [399] = true, [400] = false } do
        local page = kv:search("log", { limit = 1,
          filter = { any = { { n = 1 }, { n = wanted == 399 and 399 or 1 } } } })
        assert.are.equal("log/odd:0001", names(page))
        assert.are.equal(more, page.has_more)
      end
      assert.are.same({ items = {}, has_more = false }, kv:search("log", { filter = { n = 401 } }))
    end)

    it("holds at the edges of a batch", function()
      fill(256) -- 128 rows in each namespace
      for _, n in ipairs { 254, 256, 1, 255 } do
        local page = kv:search("log", { limit = 1, filter = { n = n } })
        assert.are.equal(1, #page.items)
        assert.is_false(page.has_more)
      end
      assert.are.equal(200, #kv:search("log", { limit = 200, filter = {} }).items)
    end)

    it("reads values of every kind", function()
      for i, value in ipairs { 1, "x", true, false, moonbase.null, ARRAY {}, {}, { a = 1 } } do
        kv:set("mix", "k" .. i, value)
      end
      assert.are.equal("k8", keys(kv:search("mix", { filter = { a = 1 } })))
      assert.are.equal("k1 k2 k3 k4 k5 k6 k7",
        keys(kv:search("mix", { filter = { a = { ne = 1 } } })))
    end)

    it("refuses an unknown operator, and gives no page", function()
      for field, filter in pairs {
        ["filter.a.like"] = { a = { like = "x" } }, ["filter.any"] = { any = 1 },
        ["filter.none[1].b.gt"] = { none = { { b = { gt = {} } } } },
      } do
        invalid(field, search("log"), { filter = filter })
      end
    end)
  end)
end)
