local conversation = require "spec.support.conversation"

local texts, user = conversation.texts, conversation.user

describe("the view of a thread", function()
  local store, threads

  before_each(function()
    store = conversation.store()
    threads = store.threads
  end)

  local function summary(text, from, to)
    return { role = "system", content = text,
      metadata = { compaction = { from_seq = from, to_seq = to } } }
  end

  local function append(...)
    for _, message in ipairs { ... } do
      assert(threads:append("t", { type(message) == "string" and user(message) or message }))
    end
  end

  local function view()
    local messages, count = threads:view("t")
    return texts(messages), count
  end

  describe("folds", function()
    it("nothing where nothing was summed up", function()
      append("a", "b")
      assert.are.same({ "a b", 2 }, { view() })
    end)

    it("a range into its summary, and counts the raw log", function()
      append("a", "b", "c", summary("S", 1, 2), "d")
      assert.are.same({ "S c d", 5 }, { view() })
    end)

    it("several ranges, each in its place", function()
      append("a", "b", "c", "d", "e", "f", summary("T", 4, 5), summary("S", 1, 2))
      assert.are.equal("S c T f", (view()))
    end)

    it("up to the end of the log", function()
      append("a", "b", "c", summary("S", 2, 3))
      assert.are.equal("a S", (view()))
    end)

    it("the widest of summaries that sum each other up", function()
      append("a", "b", "c", summary("S", 1, 2), summary("T", 1, 4), "d", summary("U", 1, 3))
      assert.are.equal("T d", (view()))
    end)

    it("the newer of two with the same range", function()
      append("a", "b", summary("old", 1, 2), summary("new", 1, 2), "c")
      assert.are.equal("new c", (view()))
    end)

    it("both of two that only overlap", function()
      append("a", "b", "c", "d", "e", summary("S", 1, 3), summary("T", 2, 4))
      assert.are.equal("S T e", (view()))
    end)

    it("through what a fork inherited", function()
      append("a", "b", "c", summary("S", 1, 2), "d")
      assert(threads:fork("t", { id = "f", at = 4 }))
      assert(threads:append("f", { user("mine"), summary("T", 3, 5) }))
      assert.are.equal("S T", texts((threads:view("f"))))
      assert(threads:fork("t", { id = "g", at = 3 })) -- before the summary was written
      assert.are.equal("a b c", texts((threads:view("g"))))
    end)

    it("and reads only what it gives", function()
      assert(threads:append("t", conversation.many(500)))
      append(summary("S", 1, 490))
      -- A message that cannot be decoded tells that it was read.
      assert(store.context.engine:exec "UPDATE messages SET body = 'x' WHERE id = 'm250'")
      local messages, count = threads:view("t")
      assert.are.same({ 11, 501 }, { #messages, count })
    end)

    it("gives messages, with their ids", function()
      append { id = "m", role = "user", content = "x", metadata = { run_id = "r" } }
      assert.are.same({ { id = "m", role = "user", content = "x",
        metadata = { run_id = "r" } } },
        (threads:view("t")))
    end)
  end)

  describe("strips", function()
    local function asks(text, ...)
      local calls = {}
      for i, id in ipairs { ... } do calls[i] = { id = id, name = "look" } end
      return { role = "assistant", content = text, tool_calls = calls }
    end

    local function answers(text, id, visibility)
      return { role = "tool", tool_call_id = id, content = text, visibility = visibility }
    end

    local function calls_of(index)
      local ids = {}
      for i, call in ipairs(threads:view("t")[index].tool_calls or {}) do ids[i] = call.id end
      return table.concat(ids, " ")
    end

    it("tool calls without an answer, and keeps the others", function()
      append("q", asks("A", "one", "two"), answers("1", "one"), "next")
      assert.are.equal("q A 1 next", (view()))
      assert.are.equal("one", calls_of(2))
    end)

    it("the whole list when no call is left", function()
      append(asks("A", "one"))
      assert.is_nil(threads:view("t")[1].tool_calls)
      assert.are.equal("A", (view()))
    end)

    it("a retracted call, what answered it, and the retraction", function()
      append(asks("A", "one", "two"), answers("early", "one"), answers("2", "two"),
        answers("retracted", "one", "internal"), "q")
      assert.are.equal("A 2 q", (view()))
      assert.are.equal("two", calls_of(1))
    end)

    it("all internal messages of tools, and no other internal ones", function()
      append({ role = "system", content = "note", visibility = "internal" },
        answers("gone", "none", "internal"), "q")
      assert.are.equal("note q", (view()))
    end)

    it("a call whose answer was folded away", function()
      append("a", asks("A", "one"), answers("1", "one"), summary("S", 3, 3))
      assert.are.equal("a A S", (view()))
      assert.are.equal("", calls_of(2))
    end)

    it("nothing from the log itself", function()
      append(asks("A", "one"), answers("gone", "two", "internal"))
      view()
      local items = threads:messages("t").items
      assert.are.same({ 1, "one", 2 }, { items[1].seq, items[1].message.tool_calls[1].id,
        items[2].seq })
    end)
  end)
end)
