local conversation = require "spec.support.conversation"
local moonbase = require "moonbase"

local many, user, texts = conversation.many, conversation.user, conversation.texts

describe("append", function()
  local store, clock, threads

  before_each(function()
    store, clock = conversation.store()
    threads = store.threads
  end)

  local function log() return texts(assert(threads:messages("t")).items) end

  it("makes the thread and counts its messages from 1 on", function()
    local records = assert(threads:append("t", { user("a"), user("b") }))
    assert.are.equal("1 2", conversation.fields(records, "seq"))
    clock.now = 2000
    records = assert(threads:append("t", { user("c") }))
    assert.are.same({ 3, 2000 }, { records[1].seq, records[1].created_at })
    assert.are.same({ 3, 1000, 2000 },
      { threads:count("t"), threads:get("t").created_at, threads:get("t").updated_at })
  end)

  it("leaves no thread changed before it was made, however the clock runs on", function()
    local ticking = 0
    local running = assert(moonbase.open(":memory:", { clock = function()
      ticking = ticking + 1
      return ticking
    end }))
    assert(running.threads:append("t", { user("a") }))
    assert(running.threads:replace("u", { user("a") }))
    for _, id in ipairs { "t", "u" } do
      local thread = running.threads:get(id)
      assert.is_true(thread.created_at <= thread.updated_at)
    end
    running:close()
  end)

  it("gives the records that a reader will get", function()
    local given = {
      { id = "m1", role = "user", content = "hi", extra = { 1, 2 } },
      { role = "assistant", content = { { type = "text", text = "let me see" } },
        tool_calls = { { id = "c", name = "look", arguments = { where = "there" } } },
        metadata = { run_id = "r", step_index = 0, other = true } },
      { role = "tool", tool_call_id = "c", content = "nothing", visibility = "all" },
    }
    local records = assert(threads:append("t", given))
    assert.are.same(records, threads:messages("t").items)
    assert.are.same({ seq = 2, id = records[2].id, thread = "t", run = "r", step = 0,
      created_at = 1000, message = records[2].message }, records[2])
    local whole = threads:append("t", { { role = "user", content = "x",
      metadata = { step_index = 3.0 } } })[1]
    assert.are.equal("3", tostring(whole.step))
    assert.are.equal(records[2].id, records[2].message.id)
    assert.are.same({ "m1", nil }, { given[1].id, given[2].id })
  end)

  it("keeps every field and value of a message", function()
    local message = {
      id = "m", role = "assistant", name = "bot\0", empty_list = moonbase.array {}, empty = {},
      null = moonbase.null, numbers = { 1, -0.5, 1e300, 2 ^ 53, 0 },
      content = {
        { type = "text", text = "é\n\"\\" },
        { type = "image", source = { type = "base64", media_type = "image/png",
          data = "iVBO" } },
        { type = "thinking", thinking = "hm" },
      },
    }
    assert(threads:append("t", { message }))
    local read = threads:message("t", "m").message
    assert.are.same(message, read)
    assert.are.equal(getmetatable(message.empty_list), getmetatable(read.empty_list))
    assert.are.equal(moonbase.null, read.null)
  end)

  it("takes a message of a megabyte", function()
    local text = ("0123456789abcdé "):rep(65000)
    assert(threads:append("t", { user(text, "m") }))
    assert.are.equal(text, threads:message("t", "m").message.content)
  end)

  it("of nothing writes nothing", function()
    assert.are.same({}, threads:append("t", {}))
    assert.are.same({}, threads:append("t", {}, { expected = 7 }))
    assert.are.same({}, threads:enqueue("t", {}))
    assert.is_nil(threads:get("t"))
  end)

  it("raises for what is no array of messages", function()
    for _, messages in ipairs { "text", 5, { role = "user", content = "x" } } do
      assert.has_error(function() threads:append("t", messages) end)
    end
    assert.has_error(function() threads:append("t") end)
    assert.is_nil(threads:get("t"))
  end)

  describe("with an expected count", function()
    it("writes when the log has it", function()
      assert(threads:append("t", many(1), { expected = 0 }))
      assert(threads:append("t", { user("x"), user("y") }, { expected = 1 }))
      assert.are.equal(3, threads:count("t"))
    end)

    it("is a conflict that changes nothing otherwise", function()
      assert(threads:append("t", many(2)))
      for _, expected in ipairs { 0, 1, 3 } do
        local records, err = threads:append("t", { user("x") }, { expected = expected })
        assert.is_nil(records)
        assert.are.same({ "conflict", expected, 2 }, { err.code, err.expected, err.actual })
      end
      local _, err = threads:append("new", { user("x") }, { expected = 1 })
      assert.are.same({ "conflict", 1, 0 }, { err.code, err.expected, err.actual })
      assert.are.equal("m1 m2", log())
      assert.is_nil(threads:get("new"))
    end)

    it("refuses one that is no count", function()
      for _, expected in ipairs { -1, 0.5, 0 / 0 } do
        local _, err = threads:append("t", { user("x") }, { expected = expected })
        assert.are.same({ "invalid", "expected" }, { err.code, err.field })
      end
      assert.has_error(function() threads:append("t", { user("x") }, { expected = "0" }) end)
    end)
  end)

  describe("refuses", function()
    before_each(function() assert(threads:append("t", many(2))) end)

    -- Every bad message is tried alone and behind a good one: nothing of either is kept.
    local function refuses(field, message)
      local records, err = threads:append("t", { message })
      assert.is_nil(records)
      assert.are.same({ "invalid", "messages[1]" .. field }, { err.code, err.field })
      records, err = threads:append("t", { user("good"), message })
      assert.is_nil(records)
      assert.are.same({ "invalid", "messages[2]" .. field }, { err.code, err.field })
      records, err = threads:enqueue("t", { user("good"), message })
      assert.is_nil(records)
      assert.are.same({ "invalid", "messages[2]" .. field }, { err.code, err.field })
      assert.are.equal("m1 m2", log())
      assert.are.same({}, (threads:pending("t")))
    end

    it("what is no message", function()
      for _, message in ipairs { 5, "text", true, print } do refuses("", message) end
      refuses(".role", {})
      refuses(".role", { role = "robot", content = "x" })
      refuses(".role", { role = 1, content = "x" })
    end)

    it("a blank id, or one that is no text", function()
      for _, id in ipairs { "", "  ", "a\0", "\255", 5, true, {} } do
        refuses(".id", { id = id, role = "user", content = "x" })
      end
    end)

    it("a message without content, unless it has tool calls", function()
      refuses(".content", { role = "user" })
      refuses(".content", { role = "user", content = 5 })
      refuses(".content", { role = "user", content = moonbase.null })
      refuses(".content", { role = "user", content = { type = "text",
        text = "a block, not a list" } })
      refuses(".content[2]", { role = "user",
        content = { { type = "text", text = "x" }, "y" } })
      assert(threads:append("u", { { role = "assistant",
        tool_calls = { { id = "c", name = "n" } } },
        { role = "assistant", content = moonbase.null,
          tool_calls = { { id = "c", name = "n" } } } }))
    end)

    it("a tool's message that does not say which call it answers", function()
      refuses(".tool_call_id", { role = "tool", content = "x" })
      refuses(".tool_call_id", { role = "tool", content = "x", tool_call_id = " " })
      refuses(".tool_call_id", { role = "tool", content = "x", tool_call_id = 5 })
    end)

    it("an answer or a call in a message of another role", function()
      refuses(".tool_call_id", { role = "user", content = "x", tool_call_id = "c" })
      refuses(".tool_calls", { role = "user", content = "x",
        tool_calls = { { id = "c", name = "n" } } })
      refuses(".tool_calls", { role = "tool", content = "x", tool_call_id = "c",
        tool_calls = { { id = "c", name = "n" } } })
    end)

    it("tool calls without id or name, or with the same id twice", function()
      local function calls(...)
        return { role = "assistant", content = "", tool_calls = { ... } }
      end
      refuses(".tool_calls[1].id", calls { name = "n" })
      refuses(".tool_calls[1].id", calls { id = " ", name = "n" })
      refuses(".tool_calls[1].name", calls { id = "c" })
      refuses(".tool_calls[1].name", calls { id = "c", name = "\t" })
      refuses(".tool_calls[1].name", calls { id = "c", type = "function", ["function"] = {} })
      refuses(".tool_calls[2].id", calls({ id = "c", name = "n" }, { id = "c", name = "m" }))
      refuses(".tool_calls[1]", calls "call")
      refuses(".tool_calls", { role = "assistant", content = "", tool_calls = "none" })
      refuses(".tool_calls", { role = "assistant", content = "", tool_calls = { id = "c" } })
    end)

    it("metadata that cannot be meant", function()
      local function with(metadata)
        return { role = "user", content = "x", metadata = metadata }
      end
      refuses(".metadata", with "text")
      refuses(".metadata.run_id", with { run_id = 5 })
      refuses(".metadata.run_id", with { run_id = "" })
      for _, step in ipairs { -1, 0.5, "1" } do
        refuses(".metadata.step_index", with { step_index = step })
      end
      refuses(".visibility", { role = "user", content = "x", visibility = "secret" })
    end)

    it("a compaction mark that does not lie before the message", function()
      local function mark(from, to)
        return { role = "user", content = "x",
          metadata = { compaction = { from_seq = from, to_seq = to } } }
      end
      refuses(".metadata.compaction.from_seq", mark(0, 1))
      refuses(".metadata.compaction.from_seq", mark(nil, 1))
      refuses(".metadata.compaction.to_seq", mark(2, 1))
      refuses(".metadata.compaction.to_seq", mark(1, 1.5))
      for _, to in ipairs { 3, 4, 100 } do
        local _, err = threads:append("t", { mark(1, to) })
        assert.are.same({ "invalid", "messages[1].metadata.compaction.to_seq" },
          { err.code, err.field })
      end
      assert(threads:append("t", { mark(1, 2), mark(1, 3) }))
    end)

    it("an id that is committed, and keeps the text it has", function()
      local _, err = threads:append("t", { user("new"), user("other text", "m2") })
      assert.are.same({ "invalid", "messages[2].id" }, { err.code, err.field })
      assert.matches("append delta contains already committed message id", err.message, 1, true)
      _, err = threads:append("t", { user("m2", "m2") }) -- also with the same text
      assert.are.equal("invalid", err.code)
      assert.are.equal("m1 m2", log())
      assert(threads:append("other", many(2))) -- another thread may have it
    end)

    it("the same id twice in one call", function()
      local _, err = threads:append("t", { user("x", "n"), user("y"), user("z", "n") })
      assert.are.same({ "invalid", "messages[3].id" }, { err.code, err.field })
      assert.are.equal("m1 m2", log())
    end)

    it("what JSON has no form for, naming its place", function()
      local cyclic = {}
      cyclic.me = cyclic
      for _, case in ipairs {
        { "[2].content", { role = "user", content = "\255" } },
        { "[2].extra.x[2]", { role = "user", content = "x", extra = { x = { 1, 0 / 0 } } } },
        { "[2].extra", { role = "user", content = "x", extra = print } },
        { "[2].metadata.x", { role = "user", content = "x",
          metadata = { x = { 1, nil, 3 } } } },
      } do
        local records, err = threads:append("t", { user("good"), case[2] })
        assert.is_nil(records)
        assert.are.same({ "serialization", "messages" .. case[1] }, { err.code, err.field })
      end
      local _, err = threads:append("t", { { role = "user", content = "x", extra = cyclic } })
      assert.are.equal("serialization", err.code)
      assert.are.equal("m1 m2", log())
    end)
  end)

  it("takes an empty list of tool calls, and OpenAI's form of a call", function()
    assert(threads:append("t", {
      { role = "assistant", content = "x", tool_calls = {} },
      { role = "assistant", content = "x", tool_calls = moonbase.array {} },
      { role = "assistant", content = moonbase.null, tool_calls = {
        { id = "c", type = "function", ["function"] = { name = "f", arguments = "{}" } } } },
    }))
    assert.are.equal(3, threads:count("t"))
  end)

  it("takes null for an absent field", function()
    assert(threads:append("t", { { id = moonbase.null, role = "user", content = "x",
      metadata = moonbase.null, tool_calls = moonbase.null, tool_call_id = moonbase.null,
      visibility = moonbase.null } }))
    assert.is_string(threads:messages("t").items[1].id)
  end)

  describe("that is idempotent", function()
    local once = { idempotent = true }

    it("gives the records of what it wrote before, and writes nothing", function()
      local given = { user("a", "a"), { id = "b", role = "user",
        content = { { n = 1, m = {} } },
        list = moonbase.array {} } }
      local first = assert(threads:append("t", given, once))
      clock.now = 2000
      assert.are.same(first, assert(threads:append("t", given, once)))
      assert.are.same(first, assert(threads:append("t", given,
        { idempotent = true, expected = 0 })))
      assert.are.same({ 2, 1000 }, { threads:count("t"), threads:get("t").updated_at })
    end)

    it("compares what is meant, not how it was written", function()
      assert(threads:append("t", { { id = "a", role = "user", content = "x",
        x = { a = 1, b = 2.0 } } }))
      assert(threads:append("t", { { x = { b = 2, a = 1.0 }, content = "x", role = "user",
        id = "a" } }, once))
    end)

    it("refuses an id that is committed with another content", function()
      assert(threads:append("t", many(2)))
      for _, message in ipairs { user("other", "m2"),
        { id = "m2", role = "system", content = "m2" },
        { id = "m2", role = "user", content = "m2", more = moonbase.array {} } } do
        local records, err = threads:append("t", { user("new", "n"), message }, once)
        assert.is_nil(records)
        assert.are.same({ "conflict", "messages[2]" }, { err.code, err.field })
      end
      assert.are.equal(2, threads:count("t"))
    end)

    it("tells an empty list from an empty table", function()
      assert(threads:append("t", { { id = "a", role = "user", content = "x",
        list = moonbase.array {} } }))
      local _, err = threads:append("t", { { id = "a", role = "user", content = "x",
        list = {} } }, once)
      assert.are.equal("conflict", err.code)
    end)

    it("writes what is new, in the order given", function()
      assert(threads:append("t", many(2)))
      local records = assert(threads:append("t",
        { user("x", "x"), user("m1", "m1"), user("y") }, once))
      assert.are.equal("3 1 4", conversation.fields(records, "seq"))
      assert.are.equal("m1 m2 x y", log())
      local _, err = threads:append("t", { user("z", "z"), user("m1", "m1") },
        { idempotent = true, expected = 2 })
      assert.are.same({ "conflict", 2, 4 }, { err.code, err.expected, err.actual })
    end)

    it("finds what a fork inherited", function()
      assert(threads:append("t", many(3)))
      assert(threads:fork("t", { id = "f", at = 2 }))
      local records = assert(threads:append("f", many(2), once))
      assert.are.same({ "1 2", "f" }, { conversation.fields(records, "seq"),
        records[1].thread })
      assert(threads:append("f", { user("mine", "m3") }, once)) -- the origin's, not the fork's
    end)

    it("names the place of bad values in what was given", function()
      assert(threads:append("t", many(2)))
      local _, err = threads:append("t", { user("m1", "m1"),
        { id = "n", role = "user", content = "\255" } }, once)
      assert.are.same({ "serialization", "messages[2].content" }, { err.code, err.field })
      _, err = threads:append("t", { user("n", "n"),
        { id = "m1", role = "user", content = "\255" } }, once)
      assert.are.same({ "serialization", "messages[2].content" }, { err.code, err.field })
    end)
  end)

  it("reports a log that holds more than its thread counts as corrupt", function()
    assert(threads:append("t", many(3)))
    store.context.engine:exec "UPDATE threads SET count = 2"
    local records, err = threads:append("t", { user("x") })
    assert.is_nil(records)
    assert.are.equal("corrupt", err.code)
  end)

  it("is undone whole when a statement fails", function()
    assert(threads:append("t", many(2)))
    for _, event in ipairs { "INSERT ON main.messages WHEN new.id = 'n3'",
      "UPDATE ON main.threads",
      "INSERT ON main.message_backlog" } do
      assert(store.context.engine:exec("CREATE TEMP TRIGGER fault BEFORE " .. event
        .. " BEGIN SELECT raise(ABORT, 'injected'); END"))
      store.context.engine:exec "DELETE FROM message_backlog; UPDATE threads SET indexed = count"
      local records, err = threads:append("t", many(4, "n"))
      assert.is_nil(records)
      assert.matches("injected", err.message, 1, true)
      assert(store.context.engine:exec "DROP TRIGGER fault")
      assert.are.same({ "m1 m2", 2 }, { log(), threads:count("t") })
    end
    assert(threads:append("t", many(4, "n")))
    assert.are.equal("m1 m2 n1 n2 n3 n4", log())
  end)
end)
