local conversation = require "spec.support.conversation"

local many, user, texts = conversation.many, conversation.user, conversation.texts

-- Ten messages: 3, 6 and 9 are internal, the even ones come from run "even".
local function mixed()
  local messages = many(10)
  for i, message in ipairs(messages) do
    if i % 3 == 0 then message.visibility = "internal" end
    if i % 2 == 0 then message.metadata = { run_id = "even", step_index = i } end
  end
  return messages
end

describe("messages", function()
  local store, threads

  before_each(function()
    store = conversation.store()
    threads = store.threads
    assert(threads:append("t", mixed()))
  end)

  local function page(query) return assert(threads:messages("t", query)) end
  local function list(query) return texts(page(query).items) end

  it("come in order, or in the opposite one", function()
    assert.are.equal("m1 m2 m3 m4 m5 m6 m7 m8 m9 m10", list())
    assert.are.equal("m10 m9 m8 m7 m6 m5 m4 m3 m2 m1", list { order = "desc" })
  end)

  it("lie behind `after` and before `before`", function()
    assert.are.equal("m4 m5 m6", list { after = 3, before = 7 })
    assert.are.equal("m6 m5 m4", list { after = 3, before = 7, order = "desc" })
    assert.are.equal("", list { after = 3, before = 4 })
    assert.are.equal("", list { after = 7, before = 3 })
    assert.are.equal("", list { after = 10 })
    assert.are.equal("", list { before = 1 })
    assert.are.equal("", list { before = 0 })
    assert.are.equal("m10", list { after = 9, before = 2 ^ 53 })
  end)

  it("are chosen by run and by visibility", function()
    assert.are.equal("m2 m4 m6 m8 m10", list { run = "even" })
    assert.are.equal("m3 m6 m9", list { visibility = "internal" })
    assert.are.equal("m1 m2 m4 m5 m7 m8 m10", list { visibility = "external" })
    assert.are.equal("m1 m2 m3 m4 m5 m6 m7 m8 m9 m10", list { visibility = "any" })
    assert.are.equal("m6", list { run = "even", visibility = "internal" })
    assert.are.equal("m10 m8", list { run = "even", visibility = "external", order = "desc",
      after = 5 })
    assert.are.equal("", list { run = "odd" })
  end)

  it("are counted with their filters", function()
    assert.are.equal(10, page({ limit = 1 }).total)
    assert.are.equal(3, page({ after = 3, before = 7 }).total)
    assert.are.equal(0, page({ after = 7, before = 3 }).total)
    assert.are.equal(5, page({ run = "even", total = true, limit = 1 }).total)
    assert.are.equal(2, page({ visibility = "internal", after = 3, total = true }).total)
    assert.are.equal(1, page({ run = "even", visibility = "internal", total = true,
      limit = 0 }).total)
  end)

  it("are paged in both orders under every filter", function()
    for _, query in ipairs { {}, { order = "desc" }, { run = "even" },
      { visibility = "external" },
      { visibility = "internal", order = "desc" }, { after = 2, before = 9, order = "desc" },
      { run = "even", visibility = "external", order = "desc" } } do
      local whole, seen, back = list(query), {}, {}
      query.limit = 2
      local current
      repeat
        current = page(query)
        seen[#seen + 1] = texts(current.items)
        query.cursor = current.next_cursor
      until not query.cursor
      assert.are.equal(whole, table.concat(seen, " "))
      query.cursor = current.prev_cursor
      while query.cursor do
        current = page(query)
        table.insert(back, 1, texts(current.items))
        query.cursor = current.prev_cursor
      end
      seen[#seen] = nil
      assert.are.same(seen, back)
    end
  end)

  it("are skipped by offset under every filter", function()
    assert.are.equal("m4 m5", list { offset = 3, limit = 2 })
    assert.are.equal("m7 m6", list { offset = 3, limit = 2, order = "desc" })
    assert.are.equal("m6 m8", list { offset = 2, limit = 2, run = "even" })
    assert.are.equal("", list { offset = 10 })
    local first = page { offset = 2, limit = 2, run = "even" }
    assert.is_true(first.has_more)
    assert.are.equal("m2 m4", list { limit = 2, run = "even", cursor = first.prev_cursor })
  end)

  it("keep their place while the log grows", function()
    local first = page { limit = 4 }
    assert(threads:append("t", { user("new") }))
    assert.are.equal("m5 m6 m7 m8", list { limit = 4, cursor = first.next_cursor })
    local newest = page { limit = 4, order = "desc" }
    assert(threads:append("t", { user("newer") }))
    assert.are.equal("m7 m6 m5 m4", list { limit = 4, order = "desc",
      cursor = newest.next_cursor })
  end)

  it("refuse numbers that are no seqs", function()
    for _, field in ipairs { "after", "before" } do
      for _, value in ipairs { -1, 0.5, 0 / 0 } do
        local result, err = threads:messages("t", { [field] = value })
        assert.is_nil(result)
        assert.are.same({ "invalid", field }, { err.code, err.field })
      end
    end
  end)

  describe("one by one", function()
    it("are found by id", function()
      assert.are.equal(4, threads:message("t", "m4").seq)
      assert.are.same(threads:messages("t", { after = 3, limit = 1 }).items[1],
        threads:message("t", "m4"))
      assert.is_nil(threads:message("t", "none"))
      assert.is_nil(threads:message("none", "m4"))
    end)

    it("are given by range, both ends included", function()
      local function range(from, to) return texts(assert(threads:range("t", from, to))) end
      assert.are.equal("m3 m4 m5", range(3, 5))
      assert.are.equal("m10", range(10, 10))
      assert.are.equal("m9 m10", range(9, 500))
      assert.are.equal("", range(11, 20))
      assert.are.same({}, threads:range("none", 1, 2))
    end)

    it("refuse a range that is none", function()
      for field, ends in pairs { from = { 0, 3 }, to = { 3, 2 } } do
        local records, err = threads:range("t", ends[1], ends[2])
        assert.is_nil(records)
        assert.are.same({ "invalid", field }, { err.code, err.field })
      end
      for _, bad in ipairs { -1, 1.5, 0 / 0 } do
        assert.are.equal("invalid", select(2, threads:range("t", bad, 3)).code)
        assert.are.equal("invalid", select(2, threads:range("t", 1, bad)).code)
      end
      assert.has_error(function() threads:range("t", 1) end)
    end)
  end)

  describe("each", function()
    local function walk(query)
      local found = {}
      for record in assert(threads:each("t", query)) do found[#found + 1] = record end
      return texts(found), found
    end

    it("gives every record of the query", function()
      assert.are.equal(list(), (walk()))
      assert.are.same(page().items, select(2, walk()))
      for limit = 1, 12 do
        assert.are.equal(list(), (walk { limit = limit }))
        assert.are.equal(list { order = "desc" }, (walk { limit = limit, order = "desc" }))
        assert.are.equal(list { run = "even" }, (walk { limit = limit, run = "even" }))
      end
      assert.are.equal("m4 m5", (walk { after = 3, before = 6, limit = 1 }))
    end)

    it("reads long logs in pieces", function()
      assert(threads:append("long", many(450)))
      local count = 0
      for record in threads:each("long") do
        count = count + 1
        assert.are.equal(count, record.seq)
      end
      assert.are.equal(450, count)
    end)

    it("goes on to what was appended meanwhile", function()
      local seen = {}
      for record in threads:each("t", { limit = 5, after = 5 }) do
        seen[#seen + 1] = record.message.content
        if record.seq == 10 then assert(threads:append("t", { user("late") })) end
      end
      assert.are.equal("m6 m7 m8 m9 m10 late", table.concat(seen, " "))
    end)

    it("holds nothing open: a log can be changed, and the store closed, in the middle",
      function()
      for record in threads:each("t", { limit = 2 }) do
        if record.seq == 2 then assert(threads:clear("t")) end
      end
      local iterator = threads:each("t2")
      store:close()
      assert.is_nil(iterator())
      assert.is_nil(iterator())
    end)

    it("takes no cursor and no empty pages", function()
      assert.has_error(function() threads:each("t", { cursor = "x" }) end)
      local iterator, err = threads:each("t", { limit = 0 })
      assert.is_nil(iterator)
      assert.are.equal("limit", err.field)
    end)
  end)

  describe("replaced", function()
    it("are exactly the new ones, shorter or longer, and counted from 1", function()
      for _, count in ipairs { 3, 12, 1 } do
        local records = assert(threads:replace("t", many(count, "new")))
        assert.are.equal(count, #records)
        assert.are.same({ 1, count }, { records[1].seq, threads:count("t") })
        assert.are.equal(texts(many(count, "new")), list())
        assert.are.same(records, page().items)
      end
      assert.are.same({}, threads:replace("t", {}))
      assert.are.equal(0, threads:count("t"))
      assert.are.equal("t", threads:get("t").id)
      assert.are.equal(0, conversation.rows(store, "messages"))
    end)

    it("may have the ids of the old ones", function()
      assert(threads:replace("t", mixed()))
      assert.are.equal(10, threads:count("t"))
    end)

    it("make the thread when it is missing", function()
      assert(threads:replace("u", many(2)))
      assert.are.equal(2, threads:count("u"))
    end)

    it("stay what they were when the count is another or a message is bad", function()
      local before = page().items
      local records, err = threads:replace("t", many(1), { expected = 9 })
      assert.is_nil(records)
      assert.are.same({ "conflict", 9, 10 }, { err.code, err.expected, err.actual })
      assert.is_nil(threads:replace("t", { user("x"), { role = "user" } }))
      assert.is_nil(threads:replace("t", { user("x"), user("\255") }))
      assert.is_nil(threads:replace("t", { user("x", "a"), user("x", "a") }))
      assert.are.same(before, page().items)
      assert(threads:replace("t", many(1), { expected = 10 }))
    end)
  end)

  describe("cleared", function()
    it("are gone, and nothing else is", function()
      assert(threads:set_state("t", { a = 1 }))
      assert(threads:enqueue("t", { user("later") }))
      assert.is_true(threads:clear("t"))
      assert.are.same({ 0, "", 1 }, { threads:count("t"), list(), threads:state("t").a })
      assert.are.equal(1, #threads:pending("t"))
      assert.are.equal(0, conversation.rows(store, "messages"))
      assert.are.equal(1, assert(threads:append("t", { user("m1", "m1") }))[1].seq)
      assert.is_true(threads:clear("t"))
      assert.is_true(threads:clear("t"))
    end)

    it("of a missing thread are not found", function()
      local ok, err = threads:clear("none")
      assert.is_nil(ok)
      assert.are.equal("not_found", err.code)
    end)
  end)

  it("that were damaged are an error and not an answer", function()
    assert(store.context.engine:exec "UPDATE messages SET body = '{\"role\":' WHERE id = 'm5'")
    for _, call in ipairs {
      function() return threads:messages("t") end,
      function() return threads:range("t", 4, 6) end,
      function() return threads:message("t", "m5") end,
      function() return threads:view("t") end,
      function() return threads:each("t") end,
    } do
      local result, err = call()
      assert.is_nil(result)
      assert.are.equal("serialization", err.code)
    end
    assert.are.equal(4, #assert(threads:messages("t", { before = 5 })).items)
  end)
end)
