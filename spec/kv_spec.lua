local child = require "spec.support.child"
local files = require "spec.support.files"
local kv_rows = require "moonbase.kv_rows"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

local raises, refuses = outcome.raises_about, outcome.refuses

local null = moonbase.null

describe("kv", function()
  local store, kv, path, clock

  before_each(function()
    path = files.database()
    store, clock = stores.open(path)
    kv = store.kv
  end)

  after_each(stores.cleanup)

  local function rows() return stores.rows(store, "kv") end

  describe("set and get", function()
    it("count revisions from 1, per key", function()
      assert.are.equal(1, kv:set("ns", "a", "one"))
      assert.are.equal(2, kv:set("ns", "a", "two"))
      assert.are.equal(1, kv:set("ns", "b", "other"))
      assert.are.equal(1, kv:set("other", "a", "elsewhere"))
      assert.are.same({ "two", 2 }, { kv:get("ns", "a") })
    end)

    it("give nothing for an absent key", function()
      assert.are.same({}, { kv:get("ns", "a") })
      kv:set("ns", "a", 1)
      assert.is_nil(kv:get("ns", "b"))
      assert.is_nil(kv:get("n", "a"))
    end)

    it("keep any JSON value", function()
      local values = { false, true, null, 0, -1, 0.5, "", "text", "nul \0 byte", "\195\164",
        2 ^ 53, moonbase.array {}, {}, { 1, null, { a = false } }, { deep = { { { x = "y" } } } } }
      for i, value in ipairs(values) do
        assert.are.equal(i, kv:set("ns", "a", value))
        assert.are.same({ value, i }, { kv:get("ns", "a") })
      end
      kv:set("ns", "a", moonbase.array {})
      assert.are.equal("[]", store.context.engine:value("SELECT value FROM kv"))
    end)

    if not jit then
      it("keep integers of 64 bits and tell 1 from 1.0", function()
        local least, most = rawget(math, "mininteger"), rawget(math, "maxinteger")
        for _, value in ipairs { most, least, 1, 1.0, -0.0 } do
          kv:set("ns", "a", { value })
          local back = kv:get("ns", "a")[1]
          assert.are.equal(rawget(math, "type")(value), rawget(math, "type")(back))
          assert.are.equal(tostring(value), tostring(back))
        end
      end)
    end

    it("refuse what has no JSON form, with its path, and write nothing", function()
      local cycle = {}
      cycle.again = cycle
      for field, value in pairs {
        ["value"] = 0 / 0, ["value.outer[1].x"] = { outer = { { x = 1 / 0 } } },
        ["value.f"] = { f = print }, ["value[2]"] = { 1, "\255" },
      } do
        refuses("serialization", field, kv.set, kv, "ns", "a", value)
      end
      local _, err = kv:set("ns", "a", cycle)
      assert.are.equal("serialization", err.code)
      assert.are.equal(0, rows())
    end)

    it("raise for a nil value", function()
      raises("value", kv.set, kv, "ns", "a", nil)
      raises("value", kv.set, kv, "ns", "a")
    end)

    it("take hostile names as data", function()
      local names = { "'; DROP TABLE kv; --", "%", "_", "a%", "\\", "\"", "$.a", "../../etc/passwd",
        "a\nb", " x ", "\240\159\140\153", ("k"):rep(512) }
      for i, name in ipairs(names) do assert(kv:set(name, name, i)) end
      for i, name in ipairs(names) do
        assert.are.equal(i, kv:get(name, name))
        assert.are.equal(1, #kv:list(name, { prefix = name }).items)
      end
      assert.are.equal(#names, rows())
    end)
  end)

  describe("compare-and-swap", function()
    it("writes only at the expected revision", function()
      assert.are.equal(1, kv:set("ns", "a", "x", { expected = 0 }))
      assert.are.equal(2, kv:set("ns", "a", "y", { expected = 1 }))
      for _, expected in ipairs { 0, 1, 3 } do
        local revision, err = kv:set("ns", "a", "z", { expected = expected })
        assert.is_nil(revision)
        assert.are.equal("conflict", err.code)
        assert.are.equal(expected, err.expected)
        assert.are.equal(2, err.actual)
        assert.is_false(err.retryable)
      end
      assert.are.same({ "y", 2 }, { kv:get("ns", "a") })
    end)

    it("finds revision 0 where there is nothing", function()
      local _, err = kv:set("ns", "a", 1, { expected = 5 })
      assert.are.same({ "conflict", 5, 0 }, { err.code, err.expected, err.actual })
      assert.are.equal(0, rows())
    end)

    it("takes an expired value for absent", function()
      kv:set("ns", "a", "x", { ttl = 10 })
      clock.now = 1010
      local _, err = kv:set("ns", "a", "y", { expected = 1 })
      assert.are.same({ 1, 0 }, { err.expected, err.actual })
      assert.are.equal(2, kv:set("ns", "a", "y", { expected = 0 }))
    end)

    it("holds for deletion too", function()
      kv:set("ns", "a", 1)
      local deleted, err = kv:delete("ns", "a", { expected = 2 })
      assert.is_nil(deleted)
      assert.are.same({ "conflict", 2, 1 }, { err.code, err.expected, err.actual })
      assert.is_true(kv:delete("ns", "a", { expected = 1 }))
      assert.is_false(kv:delete("ns", "a", { expected = 0 }))
    end)
  end)

  describe("expiry", function()
    it("hides a value at its very instant, from every call", function()
      kv:set("ns", "a", "x", { ttl = 10 })
      kv:set("ns", "b", "kept")
      clock.now = 1009
      assert.are.equal("x", kv:get("ns", "a"))
      assert.are.equal(2, #kv:list("ns").items)
      clock.now = 1010
      assert.is_nil(kv:get("ns", "a"))
      assert.are.equal(1, #kv:list("ns", { total = true }).items)
      assert.are.equal(1, kv:list("ns", { total = true }).total)
      assert.are.equal(1, #kv:search("ns").items)
      assert.are.equal(1, #kv:search("ns", { filter = {} }).items)
      assert.is_false(kv:delete("ns", "a"))
    end)

    it("is over at once with a ttl of 0", function()
      assert.are.equal(1, kv:set("ns", "a", "x", { ttl = 0 }))
      assert.is_nil(kv:get("ns", "a"))
    end)

    it("is set anew by each write", function()
      kv:set("ns", "a", "x", { ttl = 10 })
      kv:set("ns", "a", "y", { ttl = 100 })
      clock.now = 1050
      assert.are.equal("y", kv:get("ns", "a"))
      kv:set("ns", "a", "z")
      clock.now = 1e9
      assert.are.equal("z", kv:get("ns", "a"))
    end)

    it("bears the longest ttl there is", function()
      assert(kv:set("ns", "a", "x", { ttl = 2 ^ 53 }))
      clock.now = 2 ^ 52
      assert.are.equal("x", kv:get("ns", "a"))
    end)

    it("lets no expired row stay for ever", function()
      for i = 1, 20 do kv:set("ns", "a" .. i, i, { ttl = 1 }) end
      assert.are.equal(20, rows())
      clock.now = 2000
      local before = 20
      for i = 1, 10 do
        kv:set("ns", "b" .. i, i)
        assert.is_true(rows() <= before + 1)
        before = rows()
      end
      assert.are.equal(10, rows())
    end)

    it("removes only so many rows with one write", function()
      for i = 1, 100 do kv:set("ns", "a" .. i, i, { ttl = 1 }) end
      clock.now = 2000
      kv:set("ns", "b", 1)
      assert.is_true(rows() > 80)
    end)

    it("frees all the space when asked to", function()
      for i = 1, 30 do kv:set("ns", "a" .. i, i, { ttl = 10 }) end
      kv:set("ns", "b", 1)
      assert.are.equal(0, kv:sweep())
      clock.now = 1010
      assert.are.equal(30, kv:sweep())
      assert.are.equal(0, kv:sweep())
      assert.are.equal(1, rows())
    end)
  end)

  describe("revisions never restart", function()
    it("after a deletion", function()
      for _ = 1, 3 do kv:set("ns", "a", 1) end
      assert.is_true(kv:delete("ns", "a"))
      assert.is_nil(kv:get("ns", "a"))
      local revision = kv:set("ns", "a", 2)
      assert.is_true(revision > 3)
      assert.are.same({ "conflict", revision }, (function()
        local _, err = kv:set("ns", "a", 3, { expected = 3 })
        return { err.code, err.actual }
      end)())
      assert.are.equal(revision + 1, kv:set("ns", "a", 3))
    end)

    it("after expiry, swept or not", function()
      kv:set("ns", "a", 1)
      kv:set("ns", "a", 1, { ttl = 1 })
      kv:set("ns", "b", 1, { ttl = 1 })
      clock.now = 2000
      assert.are.equal(3, kv:set("ns", "a", 1, { ttl = 1 }))
      clock.now = 3000
      kv:sweep()
      assert.are.equal(0, rows())
      assert.is_true(kv:set("ns", "a", 1) > 3)
      assert.is_true(kv:set("ns", "b", 1) > 1)
    end)

    it("after the value was deleted once expired", function()
      kv:set("ns", "a", 1)
      kv:set("ns", "a", 1, { ttl = 1 })
      clock.now = 2000
      assert.is_false(kv:delete("ns", "a"))
      assert.are.equal(0, rows())
      assert.is_true(kv:set("ns", "a", 1) > 2)
    end)

    it("after reopening", function()
      for _ = 1, 5 do kv:set("ns", "a", 1) end
      kv:delete("ns", "a")
      store:close()
      store = stores.open(path)
      assert.is_true(store.kv:set("ns", "a", 1) > 5)
    end)

    it("and nothing remembers the keys that are gone", function()
      for i = 1, 50 do
        kv:set("ns" .. i, "a" .. i, 1)
        kv:delete("ns" .. i, "a" .. i)
      end
      assert.are.equal(0, rows())
      assert.are.equal(1, store.context.engine:value("SELECT count(*) FROM sequences"))
    end)
  end)

  describe("arguments", function()
    it("of a wrong type raise, naming the argument", function()
      for _, call in ipairs { "set", "get", "delete" } do
        raises("ns", kv[call], kv, 1, "a", 1)
        raises("ns", kv[call], kv, nil, "a", 1)
        raises("key", kv[call], kv, "ns", {}, 1)
      end
      raises("options", kv.set, kv, "ns", "a", 1, 5)
      raises("options.ttl", kv.set, kv, "ns", "a", 1, { ttl = "5" })
      raises("options.expected", kv.set, kv, "ns", "a", 1, { expected = "1" })
      raises("options.tll", kv.set, kv, "ns", "a", 1, { tll = 1 })
      raises("options.ttl", kv.delete, kv, "ns", "a", { ttl = 1 })
      raises("ns", kv.list, kv)
      raises("query.filter", kv.list, kv, "ns", { filter = {} })
      raises("query.prefix", kv.list, kv, "ns", { prefix = 1 })
      raises("query.limit", kv.search, kv, "ns", { limit = "1" })
      raises("query.prefix", kv.search, kv, "ns", { prefix = "a" })
      raises("query.filter", kv.search, kv, "ns", { filter = "a" })
      raises("query", kv.search, kv, "ns", "a")
      assert.are.equal(0, rows())
    end)

    it("of a bad value are `invalid`, and nothing is written", function()
      for _, bad in ipairs { "", "  ", "\t\n", "a\0b", "\255", ("x"):rep(513), "\226\128\168" } do
        for _, call in ipairs { "set", "get", "delete" } do
          refuses("invalid", "ns", kv[call], kv, bad, "a", 1)
          refuses("invalid", "key", kv[call], kv, "ns", bad, 1)
        end
        refuses("invalid", "ns", kv.list, kv, bad)
        refuses("invalid", "ns", kv.search, kv, bad)
      end
      for _, bad in ipairs { -1, 0.5, 0 / 0, 1 / 0, 2 ^ 60 } do
        refuses("invalid", "ttl", kv.set, kv, "ns", "a", 1, { ttl = bad })
        refuses("invalid", "expected", kv.set, kv, "ns", "a", 1, { expected = bad })
        refuses("invalid", "expected", kv.delete, kv, "ns", "a", { expected = bad })
      end
      refuses("invalid", "prefix", kv.list, kv, "ns", { prefix = "\255" })
      assert.are.equal(0, rows())
    end)
  end)

  describe("a store", function()
    it("keeps scopes apart", function()
      local other = store:scope("other").kv
      assert.is_nil(other:get("ns", "a"))
      assert.are.equal(0, #other:search("ns").items)
      assert.is_false(other:delete("ns", "a"))
      for _ = 1, 3 do kv:set("ns", "a", "mine") end
      assert.are.equal(1, other:set("ns", "a", "theirs", { expected = 0 }))
      assert.are.equal("mine", kv:get("ns", "a"))
      assert.are.equal("theirs", other:get("ns", "a"))
      assert.are.equal(1, #kv:list("ns").items)
      kv:delete("ns", "a")
      assert.are.equal("theirs", other:get("ns", "a"))
      assert.are.equal(1, other:set("ns", "b", 1)) -- the other scope's deletions are its own
    end)

    it("keeps values over a reopening", function()
      kv:set("ns", "a", { 1, { x = null } })
      store:close()
      store = stores.open(path)
      assert.are.same({ { 1, { x = null } }, 1 }, { store.kv:get("ns", "a") })
    end)

    it("rolls a write back with its transaction", function()
      kv:set("ns", "a", 1)
      store:transaction(function(tx)
        tx.kv:set("ns", "a", 2)
        tx.kv:set("ns", "b", 2)
        tx.kv:delete("ns", "a")
        assert.is_nil(tx.kv:get("ns", "a"))
        return nil, "undo"
      end)
      assert.are.same({ 1, 1 }, { kv:get("ns", "a") })
      assert.are.equal(2, kv:set("ns", "a", 2))
      assert.are.equal(1, kv:set("ns", "b", 1))
    end)

    it("leaves a transaction whole when a call in it fails", function()
      assert(store:transaction(function(tx)
        tx.kv:set("ns", "a", 1)
        local _, err = tx.kv:set("ns", "a", 2, { expected = 0 })
        assert.are.equal("conflict", err.code)
        return true
      end))
      assert.are.same({ 1, 1 }, { kv:get("ns", "a") })
    end)

    it("open for reading reads and refuses to write", function()
      kv:set("ns", "a", 1)
      local reader = stores.open(path, { readonly = true })
      assert.are.equal(1, reader.kv:get("ns", "a"))
      for _, call in ipairs {
        function() return reader.kv:set("ns", "a", 2) end,
        function() return reader.kv:delete("ns", "a") end,
        function() return reader.kv:sweep() end,
      } do
        refuses("readonly", nil, call)
      end
      reader:close()
    end)

    it("that is closed raises", function()
      store:close()
      local ok, err = pcall(kv.get, kv, "ns", "a")
      assert.is_false(ok)
      assert.are.equal("closed", err.code)
    end)

    it("gives an error for a stored value that is no JSON", function()
      kv:set("ns", "a", 1)
      store.context.engine:run("UPDATE kv SET value = '{\"a\":'")
      for _, call in ipairs {
        function() return kv:get("ns", "a") end,
        function() return kv:list("ns") end,
        function() return kv:search("ns", { filter = { a = 1 } }) end,
      } do
        local result, err = call()
        assert.is_nil(result)
        assert.is_true(err.code == "serialization" or err.code == "corrupt")
      end
    end)

    it("reads no more than it gives", function()
      for i = 1, 5 do kv:set("ns/" .. i, "a" .. i, { n = i }, { ttl = 5 }) end
      local function walk(call, query)
        local page = assert(call(query))
        query.cursor, query.total = page.next_cursor, nil
        page = assert(call(query))
        query.cursor = page.prev_cursor
        assert(call(query))
      end
      local slow = plans.slow(store, function()
        clock.now = 1005
        for i = 1, 5 do kv:set("ns/x", "a" .. i, { n = i }, { expected = 0 }) end
        kv:set("ns", "a", 1)
        kv:get("ns", "a")
        kv:delete("ns", "a")
        kv:sweep()
        walk(function(query) return kv:list("ns/x", query) end, { limit = 2, total = true })
        walk(function(query) return kv:list("ns/x", query) end, { limit = 2, prefix = "a" })
        walk(function(query) return kv:search("ns", query) end, { limit = 2, total = true })
        walk(function(query) return kv:search("ns/", query) end, { limit = 2, filter = {} })
      end)
      assert.are.same({}, slow)
    end)
  end)

  describe("kv_rows, for other parts", function()
    local function put(fields)
      local entry, err = kv_rows.entry("kv[2]", fields)
      if not entry then return nil, err end
      return store.context:write(kv_rows.put, store.context, entry)
    end

    it("writes an entry that comes as a table", function()
      assert.are.equal(1, put { ns = "ns", key = "a", value = false, ttl = 10, expected = 0 })
      assert.are.same({ false, 1 }, { kv:get("ns", "a") })
      clock.now = 1010
      assert.is_nil(kv:get("ns", "a"))
    end)

    it("names what is wrong with it by its path", function()
      refuses("invalid", "kv[2].ns", put, { key = "a", value = 1 })
      refuses("invalid", "kv[2].ns", put, { ns = 1, key = "a", value = 1 })
      refuses("invalid", "kv[2].key", put, { ns = "ns", key = " ", value = 1 })
      refuses("invalid", "kv[2].value", put, { ns = "ns", key = "a" })
      refuses("invalid", "kv[2].ttl", put, { ns = "ns", key = "a", value = 1, ttl = -1 })
      refuses("invalid", "kv[2].expected", put, { ns = "ns", key = "a", value = 1, expected = 0.5 })
      refuses("serialization", "kv[2].value.x", put,
        { ns = "ns", key = "a", value = { x = 0 / 0 } })
      raises("kv[2].tll", put, { ns = "ns", key = "a", value = 1, tll = 1 })
      raises("kv[2]", put, 1)
      assert.are.equal(0, rows())
    end)
  end)

  describe("several processes", function()
    it("have one winner for each compare-and-swap", function()
      local PROCESSES, ROUNDS = 8, 15
      local wins = child.lines(child.together(PROCESSES, function(self, i)
        local own = stores.open(path, { busy_timeout = 60000 })
        self:ready()
        for round = 1, ROUNDS do
          local revision, err = own.kv:set("race", "key", i, { expected = round - 1 })
          if revision then self:tell(round) else assert(err.code == "conflict", err) end
          while (select(2, own.kv:get("race", "key")) or 0) < round do end -- the winner is faster
        end
        own:close()
        self:tell("done")
      end))
      assert.are.equal(ROUNDS + PROCESSES, #wins) -- one win per round, one "done" per process
      assert.are.equal(ROUNDS, select(2, kv:get("race", "key")))
    end)

    it("either delete or update a revision, never both", function()
      for round = 1, 5 do
        local revision = kv:set("race", "key", round)
        local function writer(fn)
          return child.start(function(self)
            local own = stores.open(path, { busy_timeout = 60000 })
            self:hear()
            local done, err = fn(own.kv, { expected = revision })
            self:tell(done and "won" or err.code)
            own:close()
          end)
        end
        local deleter = writer(function(own, options) return own:delete("race", "key", options) end)
        local updater = writer(function(own, options) return own:set("race", "key", 0, options) end)
        deleter:tell("go")
        updater:tell("go")
        local results = { deleter:hear(), updater:hear() }
        table.sort(results)
        assert.are.same({ "conflict", "won" }, results)
        assert(deleter:finish())
        assert(updater:finish())
      end
    end)
  end)
end)
