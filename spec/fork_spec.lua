local conversation = require "spec.support.conversation"

local many, user, texts = conversation.many, conversation.user, conversation.texts

describe("a fork", function()
  local store, clock, threads

  before_each(function()
    store, clock = conversation.store()
    threads = store.threads
    assert(threads:append("origin", many(5)))
  end)

  local function log(id) return texts(assert(threads:messages(id)).items) end

  it("begins with the origin's messages, which bear its id", function()
    local fork = assert(threads:fork("origin", { id = "f", at = 3 }))
    assert.are.same({ "f", 3 }, { fork.id, fork.count })
    assert.are.equal("m1 m2 m3", log("f"))
    for _, record in ipairs(threads:messages("f").items) do
      assert.are.equal("f", record.thread)
    end
    assert.are.same({ "f", 2 }, { threads:message("f", "m2").thread,
      threads:message("f", "m2").seq })
  end)

  it("copies no message", function()
    assert(threads:fork("origin"))
    assert.are.equal(5, conversation.rows(store, "messages"))
  end)

  it("takes all messages and a new id unless told otherwise", function()
    local fork = assert(threads:fork("origin"))
    assert.are.equal(5, fork.count)
    assert.matches("^%x+%-", fork.id)
  end)

  it("has the origin's resource, title and custom, but neither its parent, state, queue nor runs", function()
    assert(threads:create { id = "p" })
    assert(threads:update("origin", { resource = "r", title = "T", parent = "p",
      custom = { a = 1 } }))
    assert(threads:set_state("origin", { s = 1 }))
    assert(threads:enqueue("origin", { user("later") }))
    assert(store.runs:create { id = "run", thread = "origin", agent = "a", status = "running" })
    clock.now = 2000
    assert.are.same({ id = "f", resource = "r", title = "T", custom = { a = 1 }, count = 5,
      created_at = 2000, updated_at = 2000 }, threads:fork("origin", { id = "f" }))
    assert.is_nil(threads:state("f"))
    assert.are.same({}, (threads:pending("f")))
    assert.are.equal("New", threads:fork("origin", { title = "New" }).title)
  end)

  it("and its origin do not see each other's later messages", function()
    assert(threads:fork("origin", { id = "f", at = 3 }))
    assert.are.equal(4, assert(threads:append("f", { user("f4") }))[1].seq)
    assert(threads:append("origin", { user("o6") }))
    assert.are.same({ "m1 m2 m3 f4", "m1 m2 m3 m4 m5 o6" }, { log("f"), log("origin") })
    assert.is_nil(threads:message("f", "m4"))
    assert.is_nil(threads:message("f", "m5"))
  end)

  it("at 0 is an empty thread, and beyond the end is invalid", function()
    assert.are.equal(0, assert(threads:fork("origin", { id = "f", at = 0 })).count)
    assert.are.equal(1, assert(threads:append("f", many(1)))[1].seq)
    for _, at in ipairs { 6, -1, 0.5, 0 / 0 } do
      local fork, err = threads:fork("origin", { id = "g", at = at })
      assert.is_nil(fork)
      assert.are.same({ "invalid", "at" }, { err.code, err.field })
    end
    assert.is_nil(threads:get("g"))
  end)

  it("of a missing thread is not found, and under a taken id exists", function()
    assert.are.equal("not_found", select(2, threads:fork("none")).code)
    assert.are.equal("exists", select(2, threads:fork("origin", { id = "origin" })).code)
  end)

  it("may not be given a message id that it inherited", function()
    assert(threads:fork("origin", { id = "f", at = 3 }))
    local records, err = threads:append("f", { user("x"), user("other", "m2") })
    assert.is_nil(records)
    assert.are.same({ "invalid", "messages[2].id" }, { err.code, err.field })
    assert(threads:append("f", { user("mine", "m4") })) -- which it did not inherit
    assert.are.equal("mine", threads:message("f", "m4").message.content)
    assert.are.equal("m4", threads:message("origin", "m4").message.content)
  end)

  it("is whole after its origin was deleted, cleared or replaced", function()
    for _, id in ipairs { "a", "b", "c" } do
      assert(threads:fork("origin", { id = id, at = 3 }))
    end
    assert(threads:append("a", { user("a4") }))
    assert(threads:replace("origin", many(2, "new")))
    assert.are.same({ "m1 m2 m3 a4", "new1 new2" }, { log("a"), log("origin") })
    assert(threads:clear("origin"))
    assert(threads:delete("origin"))
    assert.are.same({ "m1 m2 m3 a4", "m1 m2 m3" }, { log("a"), log("b") })
    assert(threads:append("b", { user("b4") }))
    assert.are.equal("m1 m2 m3 b4", log("b"))
  end)

  it("keeps no more of a deleted origin than it needs", function()
    assert(threads:fork("origin", { id = "two", at = 2 }))
    assert(threads:fork("origin", { id = "four", at = 4 }))
    assert(threads:delete("origin"))
    assert.are.equal(4, conversation.rows(store, "messages"))
    assert(threads:delete("four"))
    assert.are.equal(2, conversation.rows(store, "messages"))
    assert.are.equal("m1 m2", log("two"))
    assert(threads:delete("two"))
    assert.are.equal(0, conversation.rows(store, "messages"))
    assert.are.equal(0, conversation.rows(store, "segments"))
  end)

  it("of a fork of a fork reads through all of them", function()
    assert(threads:fork("origin", { id = "a", at = 4 }))
    assert(threads:append("a", many(3, "a")))
    assert(threads:fork("a", { id = "b", at = 6 }))
    assert(threads:append("b", many(2, "b")))
    assert(threads:fork("b", { id = "c", at = 7 }))
    assert(threads:append("c", { user("c1") }))
    assert(threads:fork("c", { id = "d", at = 3 })) -- of what lies in the origin
    assert.are.equal("m1 m2 m3 m4 a1 a2 b1 c1", log("c"))
    assert.are.equal("m1 m2 m3", log("d"))
    assert.are.equal("c1 b1 a2 a1 m4 m3", texts(threads:messages("c",
      { order = "desc", limit = 6 }).items))
    assert.are.equal("m4 a1 a2 b1", texts(threads:range("c", 4, 7)))
    assert.are.equal("a2", threads:message("c", "a2").message.content)
    assert.is_nil(threads:message("c", "b2"))
    for _, id in ipairs { "a", "origin", "b" } do
      assert(threads:delete(id))
      assert.are.equal("m1 m2 m3 m4 a1 a2 b1 c1", log("c"))
      assert.are.equal("m1 m2 m3", log("d"))
    end
  end)

  it("may stand at the end of a long line of forks", function()
    local id = "origin"
    for i = 1, 100 do
      assert(threads:fork(id, { id = "f" .. i }))
      id = "f" .. i
      assert(threads:append(id, { user("f" .. i) }))
    end
    assert.are.equal(105, threads:count(id))
    local page = assert(threads:messages(id, { after = 99 }))
    assert.are.equal("f95 f96 f97 f98 f99 f100", texts(page.items))
    for i = 99, 1, -1 do assert(threads:delete("f" .. i)) end
    assert(threads:delete("origin"))
    assert.are.equal(105, #assert(threads:messages(id, { limit = 200 })).items)
    assert.are.equal(105, conversation.rows(store, "messages"))
    assert(threads:delete(id))
    assert.are.equal(0, conversation.rows(store, "segments"))
  end)

  it("is filtered by run and visibility through what it inherited", function()
    assert(threads:append("t", {
      { role = "user", content = "r1", metadata = { run_id = "r" } },
      { role = "user", content = "i1", visibility = "internal" }, user("x"),
    }))
    assert(threads:fork("t", { id = "f", at = 2 }))
    assert(threads:append("f", {
      { role = "user", content = "r2", metadata = { run_id = "r" } },
      { role = "user", content = "i2", visibility = "internal" },
    }))
    assert.are.equal("r1 r2", texts(threads:messages("f", { run = "r" }).items))
    assert.are.equal("i2 i1", texts(threads:messages("f",
      { visibility = "internal", order = "desc" }).items))
    assert.are.equal(2, threads:messages("f", { run = "r", total = true, limit = 1 }).total)
  end)
end)
