local conversation = require "spec.support.conversation"
local moonbase = require "moonbase"

local fields, many, texts, user = conversation.fields, conversation.many, conversation.texts,
  conversation.user

describe("the queue of a thread", function()
  local store, clock, threads

  before_each(function()
    store, clock = conversation.store()
    threads = store.threads
  end)

  local function queue() return (assert(threads:pending("t"))) end
  local function revision() return (select(2, assert(threads:pending("t")))) end

  -- The call fails with these fields of its error and leaves the queue as it was.
  local function refuses(expected, call)
    local before, before_revision = queue(), revision()
    local result, err = call()
    assert.is_nil(result)
    for name, value in pairs(expected) do assert.are.same(value, err[name]) end
    assert.are.same(before, queue())
    assert.are.equal(before_revision, revision())
  end

  local function is_consumed(call)
    refuses({ code = "invalid", message = "pending message 'm1' is already consumed" }, call)
  end

  it("holds messages in order, with ids and default modes", function()
    local made = assert(threads:enqueue("t", { user("a"), user("b", "b") }))
    assert.are.same({
      { id = made[1].id, position = 1, revision = 1, message = { id = made[1].id,
        role = "user", content = "a" },
        mode = { boundary = "new_run", granularity = "batch", barrier = false,
          fallback = true } },
      { id = "b", position = 2, revision = 1, message = { id = "b", role = "user",
        content = "b" },
        mode = { boundary = "new_run", granularity = "batch", barrier = false,
          fallback = true } },
    }, made)
    assert.are.same(made, queue())
    assert.are.equal(3, assert(threads:enqueue("t", { user("c") }))[1].position)
  end)

  it("keeps the mode that was given", function()
    local mode = { boundary = "resume_input", granularity = "one", barrier = true,
      target_run = "r",
      fallback = false }
    assert(threads:enqueue("t", { user("a") }, mode))
    assert.are.same(mode, queue()[1].mode)
  end)

  it("is not the log", function()
    assert(threads:enqueue("t", many(3)))
    assert.are.same({ 0, 3 }, { threads:count("t"), #queue() })
    assert.are.same({}, threads:messages("t").items)
    assert.are.same({}, threads:search("m1"))
  end)

  it("has a revision that changes with it and never comes back", function()
    local seen = {}
    local function is_new()
      assert.is_nil(seen[revision()])
      seen[revision()] = true
    end
    is_new()
    assert(threads:enqueue("t", many(3))) is_new()
    assert(threads:revise("t", "m1", user("x"))) is_new()
    assert(threads:reorder("t", { "m3", "m2", "m1" })) is_new()
    assert(threads:retract("t", "m3")) is_new()
    assert(threads:freeze("t", { boundary = "new_run" })) is_new()
    assert(threads:delete("t"))
    assert(threads:enqueue("t", many(3, "n"))) is_new()
    local before = revision()
    assert(threads:append("t", { user("x") }))
    assert.are.equal(before, revision())
  end)

  it("takes a message id once, and none that is committed", function()
    assert(threads:append("t", many(1)))
    assert(threads:fork("t", { id = "f" }))
    assert(threads:enqueue("t", { user("a", "a") }))
    refuses({ code = "invalid", message = "pending message 'a' already exists",
      field = "messages[2].id" }, function()
      return threads:enqueue("t", { user("b", "b"), user("again", "a") })
    end)
    refuses({ code = "invalid", field = "messages[3].id" }, function()
      return threads:enqueue("t", { user("b", "b"), user("c", "c"), user("again", "m1") })
    end)
    refuses({ code = "invalid", field = "pending_id" }, function()
      return threads:retract("t", "m1")
    end)
    is_consumed(function() return threads:enqueue("t", { user("again", "m1") }) end)
    assert.are.equal("invalid", select(2, threads:enqueue("f", { user("x", "m1") })).code)
    refuses({ code = "invalid", field = "messages[2].id" }, function()
      return threads:enqueue("t", { user("x", "x"), user("y", "x") })
    end)
  end)

  it("is undone whole when a message has no JSON form", function()
    refuses({ code = "serialization", field = "messages[2].content" }, function()
      return threads:enqueue("t", { user("good"), user("\255") })
    end)
    assert.is_nil(threads:get("t"))
  end)

  describe("can be revised", function()
    before_each(function() assert(threads:enqueue("t", many(2))) end)

    it("in its text, not in its place or id", function()
      local record = assert(threads:revise("t", "m2", { role = "user", content = "new" }))
      assert.are.same({ "m2", 2, 2, "new", "m2" },
        { record.id, record.position, record.revision, record.message.content,
          record.message.id })
      assert.are.same(record, queue()[2])
      assert(threads:revise("t", "m2", user("again", "m2"), { expected = 2 }))
      refuses({ code = "invalid", field = "message.id" }, function()
        return threads:revise("t", "m2", user("x", "other"))
      end)
    end)

    it("by who knows its revision", function()
      refuses({ code = "conflict", expected = 2, actual = 1 }, function()
        return threads:revise("t", "m1", user("x"), { expected = 2 })
      end)
    end)

    it("and withdrawn by who knows the queue's revision", function()
      local _, stale = threads:pending("t")
      assert(threads:revise("t", "m1", user("x"), { expected = stale }))
      local _, actual = threads:pending("t")
      refuses({ code = "conflict", expected = stale, actual = actual }, function()
        return threads:revise("t", "m2", user("x"), { expected = stale })
      end)
      refuses({ code = "conflict", expected = stale, actual = actual }, function()
        return threads:retract("t", "m2", { expected = stale })
      end)
      assert(threads:retract("t", "m2", { expected = actual }))
      assert.has_error(function() threads:retract("t", "m1", { expected = {} }) end)
    end)

    it("to a legal message only", function()
      refuses({ code = "invalid", field = "message.content" }, function()
        return threads:revise("t", "m1", { role = "user" })
      end)
      refuses({ code = "serialization", field = "message.x" }, function()
        return threads:revise("t", "m1", { role = "user", content = "x", x = 0 / 0 })
      end)
      assert.has_error(function() threads:revise("t", "m1", "text") end)
    end)

    it("while it is there", function()
      refuses({ code = "not_found" }, function()
        return threads:revise("t", "none", user("x"))
      end)
      refuses({ code = "not_found" }, function()
        return threads:revise("none", "m1", user("x"))
      end)
      assert(threads:freeze("t", { boundary = "new_run" }))
      is_consumed(function() return threads:revise("t", "m1", user("x")) end)
    end)
  end)

  describe("gives up a message", function()
    before_each(function() assert(threads:enqueue("t", many(3))) end)

    it("and closes the gap", function()
      local record = assert(threads:retract("t", "m2"))
      assert.are.same({ "m2", 2, "m2" }, { record.id, record.position, record.message.content })
      assert.are.same({ "m1 m3", "1 2" }, { texts(queue()), fields(queue(), "position") })
      assert(threads:enqueue("t", { user("again", "m2") })) -- it was never read
      assert.are.equal("m1 m3 m2", fields(queue(), "id"))
    end)

    it("to who knows its revision, while it is there", function()
      refuses({ code = "conflict", expected = 5, actual = 1 }, function()
        return threads:retract("t", "m1", { expected = 5 })
      end)
      refuses({ code = "not_found" }, function() return threads:retract("t", "none") end)
      assert(threads:freeze("t", { boundary = "new_run" }))
      refuses({ code = "invalid" }, function() return threads:retract("t", "m1") end)
    end)
  end)

  describe("is put in another order", function()
    before_each(function() assert(threads:enqueue("t", many(3))) end)

    it("which gives every message a new revision", function()
      local before = revision()
      local list, after = threads:reorder("t", { "m3", "m1", "m2" }, { expected = before })
      assert.are.same({ "m3 m1 m2", "1 2 3", "2 2 2" },
        { fields(list, "id"), fields(list, "position"), fields(list, "revision") })
      assert.are.same({ list, after }, { queue(), revision() })
      assert(threads:enqueue("t", { user("last") }))
      assert.are.equal("m3 m1 m2 last", texts(queue()))
    end)

    it("by who knows its revision", function()
      local stale = revision()
      assert(threads:revise("t", "m1", user("x")))
      refuses({ code = "conflict", expected = stale, actual = revision() }, function()
        return threads:reorder("t", { "m3", "m1", "m2" }, { expected = stale })
      end)
    end)

    it("only as a whole", function()
      local function refused(code, ids)
        refuses({ code = code }, function() return threads:reorder("t", ids) end)
      end
      refused("invalid", { "m1", "m2" })
      refused("invalid", { "m1", "m2", "m2" })
      refused("invalid", { "m1", "m2", "m3", "m3" })
      refused("invalid", {})
      refused("not_found", { "m1", "m2", "none" })
      assert.are.same({}, (threads:reorder("empty", {})))
      assert.has_error(function() threads:reorder("t", "m1") end)
      assert.has_error(function() threads:reorder("t", { 1, 2, 3 }) end)
    end)

    it("and not once it was consumed", function()
      assert(threads:freeze("t", { boundary = "new_run" }))
      is_consumed(function() return threads:reorder("t", { "m1", "m2", "m3" }) end)
    end)
  end)

  it("belongs to one scope", function()
    local other = store:scope("other").threads
    assert(threads:enqueue("t", many(2)))
    assert.are.same({}, (other:pending("t")))
    assert(other:enqueue("t", many(1)))
    assert.are.equal("not_found", select(2, other:retract("t", "m2")).code)
    assert.are.equal(2, #queue())
  end)

  it("keeps what JSON holds", function()
    assert(threads:enqueue("t", { { id = "m", role = "user", content = "x",
      list = moonbase.array {},
      null = moonbase.null } }))
    clock.now = 2000
    local record = assert(threads:freeze("t", { boundary = "new_run" }))[1]
    assert.are.same(threads:messages("t").items[1], record)
    assert.are.same({ moonbase.null, 2000 }, { record.message.null, record.created_at })
    assert.is_not_nil(getmetatable(record.message.list))
  end)
end)
