local child = require "spec.support.child"
local conversation = require "spec.support.conversation"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

local raises, refuses = outcome.raises_about, outcome.refuses

local null = moonbase.null

local function conflicts(expected, actual, result, err)
  assert.is_not_true(result)
  assert.are.same({ "conflict", expected, actual }, { err.code, err.expected, err.actual })
end

-- Specs and profiles are the same machine; what holds for one holds for the other.
for name, argument in pairs { specs = "definition", profiles = "profile" } do
  describe(name, function()
    local store, part, path, clock

    local function open(options)
      return stores.open(path, options, clock)
    end

    before_each(function()
      path, clock = files.database(), { now = 1000 }
      store = open()
      part = store[name]
    end)

    after_each(stores.cleanup)

    describe("put", function()
      it("gives revisions 1, 2, 3, for each document", function()
        assert.are.equal(1, part:put("a", { v = 1 }))
        assert.are.equal(2, part:put("a", { v = 2 }))
        assert.are.equal(1, part:put("b", { v = 9 }))
        assert.are.equal(3, part:put("a", { v = 3 }))
        assert.are.same({ { v = 3 }, 3 }, { part:get("a") })
        assert.are.same({ { v = 9 }, 1 }, { part:get("b") })
      end)

      it("writes only at the expected revision, where absent is 0", function()
        conflicts(1, 0, part:put("a", {}, { expected = 1 }))
        assert.are.equal(1, part:put("a", { v = 1 }, { expected = 0 }))
        conflicts(0, 1, part:put("a", { v = 0 }, { expected = 0 }))
        assert.are.equal(2, part:put("a", { v = 2 }, { expected = 1 }))
        conflicts(1, 2, part:put("a", { v = 3 }, { expected = 1 }))
        assert.are.same({ { v = 2 }, 2 }, { part:get("a") })
        assert.are.equal(2, #part:history("a").items)
      end)

      it("keeps documents as they are", function()
        local document = { 1, { deep = { null, false, 1.5, moonbase.array {}, {} } }, "\195\164\0" }
        part:put("a", document)
        assert.are.same(document, part:get("a"))
        part:put("a", moonbase.array {})
        assert.are.equal("[]", store.context.engine:value("SELECT body FROM " .. name
          .. "_history WHERE revision = 2"))
      end)

      it("refuses what it cannot keep, and writes nothing", function()
        refuses("serialization", argument .. ".a[1]", part.put, part, "a", { a = { print } })
        refuses("invalid", "id", part.put, part, " ", {})
        refuses("invalid", "expected", part.put, part, "a", {}, { expected = -1 })
        refuses("invalid", "expected", part.put, part, "a", {}, { expected = 0.5 })
        raises(argument, part.put, part, "a", "text")
        raises(argument, part.put, part, "a")
        raises("options.revision", part.put, part, "a", {}, { revision = 1 })
        raises("id", part.put, part, nil, {})
        assert.are.equal(0, conversation.rows(store, name))
        assert.are.equal(0, conversation.rows(store, name .. "_history"))
      end)
    end)

    describe("get", function()
      it("gives any revision that there was", function()
        for i = 1, 3 do part:put("a", { v = i }) end
        for i = 1, 3 do assert.are.same({ { v = i }, i }, { part:get("a", i) }) end
        assert.are.same({}, { part:get("a", 4) })
        assert.are.same({}, { part:get("b", 1) })
        assert.are.same({}, { part:get("b") })
      end)

      it("refuses numbers that are no revision, and reads no other document's", function()
        part:put("a", { v = 1 })
        part:put("b", { v = 2 })
        refuses("invalid", "revision", part.get, part, "a", 0)
        refuses("invalid", "revision", part.get, part, "a", 1.5)
        refuses("invalid", "id", part.get, part, "")
        raises("revision", part.get, part, "a", "1")
        assert.are.same({}, { part:get("a", 2 ^ 32 + 1) })
        assert.are.same({}, { part:get("a", 2 ^ 53) })
      end)
    end)

    describe("delete", function()
      it("gives true once, and false for what is not there", function()
        assert.is_false(part:delete("a"))
        part:put("a", {})
        assert.is_true(part:delete("a"))
        assert.is_false(part:delete("a"))
        assert.are.same({}, { part:get("a") })
        assert.are.same({}, part:list().items)
      end)

      it("deletes only the expected revision", function()
        part:put("a", { v = 1 })
        part:put("a", { v = 2 })
        local result, err = part:delete("a", { expected = 1 })
        assert.is_false(result)
        conflicts(1, 2, result, err)
        assert.are.same({ { v = 2 }, 2 }, { part:get("a") })
        assert.is_true(part:delete("a", { expected = 2 }))
        assert.is_false(part:delete("a", { expected = 2 }))
        refuses("invalid", "expected", part.delete, part, "a", { expected = -1 })
        raises("options.force", part.delete, part, "a", { force = true })
      end)

      it("does not let revisions begin again, so an old holder never wins", function()
        part:put("a", { v = 1 })
        part:put("a", { v = 2 })
        part:delete("a")
        conflicts(2, 0, part:put("a", {}, { expected = 2 }))
        assert.are.equal(3, part:put("a", { v = 3 }, { expected = 0 }))
        conflicts(1, 3, part:put("a", {}, { expected = 1 }))
        part:delete("a")
        store:close()
        store = open()
        part = store[name]
        assert.are.equal(4, part:put("a", { v = 4 }))
      end)
    end)

    describe("history", function()
      it("has every revision, newest first, also after a deletion", function()
        for i = 1, 3 do
          clock.now = i * 100
          part:put("a", { v = i })
        end
        part:put("b", { v = "other" })
        part:delete("a")
        clock.now = 400
        part:put("a", { v = 4 })
        part:delete("a")
        local page = part:history("a", { total = true })
        assert.are.equal("4 3 2 1", conversation.fields(page.items, "revision"))
        assert.are.same({ id = "a", revision = 3, updated_at = 300, definition = { v = 3 } },
          page.items[2])
        assert.are.equal(4, page.total)
        assert.are.same({ { v = 2 }, 2 }, { part:get("a", 2) })
      end)

      it("forgets old revisions, never the newest, and numbers go on", function()
        for i = 1, 4 do part:put("a", { v = i }) end
        for i = 1, 3 do part:put("b", { v = i }) end
        assert.are.equal(2, part:prune("a", { keep = 2 }))
        assert.are.equal(0, part:prune("a", { keep = 2 }))
        assert.are.equal(0, part:prune("none", { keep = 1 }))
        assert.are.equal("4 3", conversation.fields(part:history("a").items, "revision"))
        assert.is_nil(part:get("a", 2))
        assert.are.same({ { v = 4 }, 4 }, { part:get("a") })
        part:delete("a")
        assert.are.equal(1, part:prune("a", { keep = 1 }))
        assert.are.same({ { v = 4 }, 4 }, { part:get("a", 4) })
        assert.are.equal(5, part:put("a", {}))
        assert.are.equal(3, #part:history("b").items)
        refuses("invalid", "id", part.prune, part, "", { keep = 1 })
        refuses("invalid", "keep", part.prune, part, "a", { keep = 0 })
        raises("options", part.prune, part, "a")
        raises("options", part.prune, part, "a", { older_than = 1 })
        raises("keep", part.prune, part, "a", {})
      end)

      it("comes in pages that neither repeat nor skip", function()
        for i = 1, 5 do part:put("a", { v = i }) end
        local page = part:history("a", { limit = 2 })
        assert.are.equal("5 4", conversation.fields(page.items, "revision"))
        part:put("a", { v = 6 })
        page = part:history("a", { limit = 2, cursor = page.next_cursor })
        assert.are.equal("3 2", conversation.fields(page.items, "revision"))
        page = part:history("a", { limit = 2, cursor = page.prev_cursor })
        assert.are.equal("5 4", conversation.fields(page.items, "revision"))
        part:put("b", {})
        refuses("invalid", "cursor", part.history, part, "b", { cursor = page.next_cursor })
        refuses("invalid", "limit", part.history, part, "nobody", { limit = -1 })
        assert.are.same({ items = {}, has_more = false }, part:history("nobody"))
      end)
    end)

    describe("list", function()
      it("has what is there, by id", function()
        for i, id in ipairs { "b", "a", "C", "d" } do
          clock.now = i
          part:put(id, {})
        end
        part:put("a", {})
        part:delete("d")
        assert.are.same({
          { id = "C", revision = 1, updated_at = 3 }, { id = "a", revision = 2, updated_at = 4 },
          { id = "b", revision = 1, updated_at = 1 },
        }, part:list().items)
      end)

      it("comes in pages", function()
        for i = 1, 5 do part:put("id" .. i, {}) end
        local page = part:list { limit = 2, total = true }
        assert.are.same({ true, 5 }, { page.has_more, page.total })
        part:delete("id2")
        page = part:list { limit = 2, cursor = page.next_cursor }
        assert.are.equal("id3 id4", conversation.fields(page.items, "id"))
        refuses("invalid", "limit", part.list, part, { limit = 0 / 0 })
        raises("query.mob", part.list, part, { mob = "x" })
        assert.are.same({ items = {}, has_more = false }, part:list { limit = 0 })
      end)
    end)

    it("belong to their scope, and to their part", function()
      local other = assert(store:scope("other"))
      part:put("a", { v = 1 })
      assert.is_nil(other[name]:get("a"))
      assert.is_false(other[name]:delete("a"))
      assert.are.equal(1, other[name]:put("a", { v = "theirs" }))
      assert.are.same({ v = 1 }, part:get("a"))
      assert.is_nil(store[name == "specs" and "profiles" or "specs"]:get("a"))
    end)

    it("take names as data", function()
      for i, id in ipairs { "'; DROP TABLE specs; --", "%", "\"", "a\nb", ("x"):rep(512) } do
        assert.are.equal(1, part:put(id, { [id] = i }))
        assert.are.same({ [id] = i }, part:get(id))
      end
    end)

    it("are undone with the transaction around them", function()
      part:put("a", { v = 1 })
      store:transaction(function(tx)
        assert.are.equal(2, tx[name]:put("a", { v = 2 }))
        assert.is_true(tx[name]:delete("a"))
        return nil, "no"
      end)
      assert.are.same({ { v = 1 }, 1 }, { part:get("a") })
      assert.are.equal(2, part:put("a", {}))
    end)

    it("are only read through a handle that may not write", function()
      part:put("a", { v = 1 })
      local reader = open { readonly = true }
      assert.are.same({ v = 1 }, reader[name]:get("a"))
      refuses("readonly", nil, reader[name].put, reader[name], "a", {})
      refuses("readonly", nil, reader[name].delete, reader[name], "a")
      refuses("readonly", nil, reader[name].prune, reader[name], "a", { keep = 1 })
      reader:close()
    end)

    it("are put by one of several processes that expect the same revision", function()
      local children = child.together(4, function(self, i)
        local own = open { busy_timeout = 60000 }
        self:ready()
        for n = 0, 9 do
          local revision, err = own[name]:put("a", { by = i }, { expected = n })
          assert(revision or err.code == "conflict")
          self:tell(revision ~= nil)
        end
        own:close()
      end)
      local won = 0
      for _, line in ipairs(child.lines(children)) do
        if line == "true" then won = won + 1 end
      end
      assert.are.equal(won, select(2, part:get("a")))
      assert.are.equal(won, #part:history("a").items)
    end)

    describe("whose calls are looked at one by one,", function()
      before_each(function()
        for i = 1, 3 do part:put("seed", { v = i }) end
        part:put("b", { v = 1 })
        part:delete("seed")
      end)

      -- `expected` is the revision of "b".
      local function calls(expected)
        local options = { expected = expected }
        return {
          put = function() return part:put("b", { v = 2 }, options) end,
          ["put of a new one"] = function() return part:put("new", {}) end,
          delete = function() return part:delete("b", options) end,
          get = function() return part:get("b") end,
          ["get of a revision"] = function() return part:get("b", 1) end,
          list = function() return part:list { limit = 2, total = true } end,
          history = function() return part:history("b", { limit = 2, total = true }) end,
          prune = function() return part:prune("seed", { keep = 2 }) end,
        }
      end

      it("are found by an index", function()
        for what in pairs(calls()) do
          local call = calls(assert(part:put("b", {})))[what]
          assert.are.same({}, plans.slow(store, function() assert(call()) end), what)
        end
      end)

      it("change nothing when any statement fails", function()
        local before = part:history("b").items
        for _, call in pairs(calls(1)) do
          store:transaction(function()
            faults.each_statement(store, call, function()
              assert.are.same(before, part:history("b").items)
              assert.are.same({ { v = 1 }, 1 }, { part:get("b") })
            end)
            return nil, "undone"
          end)
        end
      end)
    end)
  end)
end

describe("profiles", function()
  local store, profiles

  before_each(function()
    store = stores.open()
    profiles = store.profiles
  end)

  after_each(stores.cleanup)

  it("are created once", function()
    assert.are.equal(1, profiles:create("a", { model = "x" }))
    refuses("exists", nil, profiles.create, profiles, "a", { model = "y" })
    assert.are.same({ { model = "x" }, 1 }, { profiles:get("a") })
    profiles:delete("a")
    assert.are.equal(2, profiles:create("a", { model = "z" }))
    refuses("serialization", "profile.f", profiles.create, profiles, "b", { f = print })
    raises("profile", profiles.create, profiles, "b", 1)
  end)

  it("are updated where they are, at the revision expected", function()
    refuses("not_found", nil, profiles.update, profiles, "a", {}, { expected = 1 })
    refuses("not_found", nil, profiles.update, profiles, "a", {}, { expected = 0 })
    profiles:create("a", { v = 1 })
    assert.are.equal(2, profiles:update("a", { v = 2 }, { expected = 1 }))
    conflicts(1, 2, profiles:update("a", { v = 3 }, { expected = 1 }))
    conflicts(0, 2, profiles:update("a", { v = 3 }, { expected = 0 }))
    assert.are.equal(3, profiles:update("a", { v = 3 }))
    profiles:delete("a")
    refuses("not_found", nil, profiles.update, profiles, "a", {}, { expected = 3 })
    assert.is_nil(profiles:get("a"))
    assert.are.equal(3, #profiles:history("a").items)
  end)

  it("have two calls that specs have not", function()
    assert.is_nil(store.specs.create)
    assert.is_nil(store.specs.update)
  end)
end)
