local conversation = require "spec.support.conversation"

describe("the tree of threads", function()
  local store, clock, threads

  before_each(function()
    store, clock = conversation.store()
    threads = store.threads
  end)

  local function refused(message, result, err)
    assert.is_nil(result)
    assert.are.same({ "invalid", message }, { err.code, err.message })
  end

  -- Threads whose ids are letters, each the parent of the next.
  local function family(letters)
    for i = 1, #letters do
      assert(threads:create { id = letters:sub(i, i), parent = i > 1
        and letters:sub(i - 1, i - 1) or nil })
    end
  end

  it("refuses a thread as its own parent, spaces or not, checked or not", function()
    refused("thread 'a' cannot parent itself", threads:create { id = "a", parent = "a" })
    refused("thread 'a' cannot parent itself", threads:save { id = "a", parent = " a " })
    refused("thread ' a ' cannot parent itself", threads:save { id = " a ", parent = "a" })
    refused("thread 'a' cannot parent itself",
      threads:save({ id = "a", parent = "a" }, { validate = false }))
    assert.is_nil(threads:get("a"))
  end)

  it("refuses a parent that is missing", function()
    refused("parent thread not found: p", threads:create { id = "a", parent = "p" })
    refused("parent thread not found: p", threads:save { id = "a", parent = "p" })
    assert(threads:create { id = "a" })
    refused("parent thread not found: p", threads:update("a", { parent = "p" }))
    assert.is_nil(threads:get("a").parent)
  end)

  it("refuses a parent whose ancestor is missing", function()
    assert(threads:save({ id = "b", parent = "gone" }, { validate = false }))
    refused("thread hierarchy references missing ancestor 'gone'",
      threads:create { id = "c", parent = "b" })
  end)

  it("refuses a cycle, and names where it closes", function()
    family "abc"
    refused("thread hierarchy cycle detected at 'a'", threads:update("a", { parent = "c" }))
    refused("thread hierarchy cycle detected at 'a'", threads:save { id = "a", parent = "b" })
    assert(threads:save({ id = "x", parent = "y" }, { validate = false }))
    assert(threads:save({ id = "y", parent = "x" }, { validate = false }))
    refused("thread hierarchy cycle detected at 'y'", threads:create { id = "z", parent = "y" })
  end)

  it("may be deep", function()
    assert(threads:create { id = "n1" })
    for i = 2, 300 do assert(threads:create { id = "n" .. i, parent = "n" .. i - 1 }) end
    refused("thread hierarchy cycle detected at 'n1'",
      threads:update("n1", { parent = "n300" }))
    assert(threads:delete("n1", { children = "cascade" }))
    assert.are.equal(0, conversation.rows(store, "threads"))
  end)

  it("gives the children of a thread by id", function()
    family "ab"
    assert(threads:create { id = "10", parent = "a" })
    assert(threads:create { id = "9", parent = "a" })
    assert.are.equal("10 9 b", conversation.fields(threads:children("a"), "id"))
    assert.are.same(threads:get("b"), threads:children("a")[3])
  end)

  it("does not see parents of another scope", function()
    assert(store:scope("other").threads:create { id = "p" })
    refused("parent thread not found: p", threads:create { id = "a", parent = "p" })
  end)

  describe("at a delete", function()
    before_each(function()
      family "abcd"
      assert(threads:create { id = "b2", parent = "a" })
      for _, id in ipairs { "a", "b", "c", "d", "b2" } do
        assert(threads:append(id, { conversation.user("in " .. id) }))
      end
      clock.now = 2000
    end)

    it("detaches the children, and they count as changed", function()
      assert(threads:delete("a"))
      local b, c = threads:get("b"), threads:get("c")
      assert.are.same({ nil, 2000 }, { b.parent, b.updated_at })
      assert.is_nil(threads:get("b2").parent)
      assert.are.same({ "b", 1000 }, { c.parent, c.updated_at })
    end)

    it("refuses when asked to reject, and changes nothing", function()
      refused("thread 'a' has child threads; choose 'detach' or 'cascade'",
        threads:delete("a", { children = "reject" }))
      assert.are.same({ 1, "a" }, { threads:count("a"), threads:get("b").parent })
      assert.is_true(threads:delete("d", { children = "reject" }))
    end)

    it("takes all below with it when asked to cascade", function()
      assert(threads:create { id = "aside" })
      assert(threads:delete("a", { children = "cascade" }))
      assert.are.equal("aside", conversation.fields(threads:list().items, "id"))
      assert.are.equal(0, conversation.rows(store, "messages"))
    end)

    it("refuses to cascade around a cycle, and changes nothing", function()
      assert(threads:save({ id = "a", parent = "d" }, { validate = false }))
      refused("thread hierarchy cycle detected while deleting 'b'",
        threads:delete("b", { children = "cascade" }))
      assert.are.equal(5, conversation.rows(store, "threads"))
      assert.are.equal(5, conversation.rows(store, "messages"))
    end)

    it("is undone whole when a part of it fails", function()
      store.context.engine:exec [[
        CREATE TEMP TRIGGER fault BEFORE DELETE ON main.threads WHEN old.id = 'b'
        BEGIN SELECT raise(ABORT, 'injected'); END]]
      local ok, err = threads:delete("a", { children = "cascade" })
      assert.is_nil(ok)
      assert.matches("injected", err.message, 1, true)
      assert.are.equal(5, conversation.rows(store, "threads"))
      assert.are.equal(5, conversation.rows(store, "messages"))
      assert.are.equal("in d", threads:message("d",
        threads:messages("d").items[1].id).message.content)
    end)
  end)
end)
