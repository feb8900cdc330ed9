local conversation = require "spec.support.conversation"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local words = require "moonbase.words"

local user = conversation.user

-- The contents of the hits, sorted: which ones were found, whatever their order.
local function found(hits)
  local list = {}
  for i, hit in ipairs(assert(hits)) do list[i] = hit.record.message.content end
  table.sort(list)
  return table.concat(list, "; ")
end

describe("a search", function()
  local store, threads

  before_each(function()
    store = conversation.store()
    threads = store.threads
  end)

  it("finds messages that hold any of the words, best first", function()
    assert(threads:append("t", { user("apples and pears"), user("pears"), user("plums"),
      user("an apple a day keeps every one of them away, or so they say") }))
    local hits = assert(threads:search("apple pears"))
    assert.are.equal("apples and pears", hits[1].record.message.content)
    assert.are.equal(3, #hits)
    for i = 2, #hits do assert.is_true(hits[i - 1].score >= hits[i].score) end
  end)

  it("gives the record, where it is, and a piece of its text", function()
    assert(threads:append("t", { user("first"), user("the second one", "m") }))
    local hit = assert(threads:search("second"))[1]
    assert.are.same({ "t", 2, "the second one" }, { hit.thread, hit.seq, hit.snippet })
    assert.are.same(threads:message("t", "m"), hit.record)
    assert.is_number(hit.score)
  end)

  it("knows forms of a word, case and accents", function()
    assert(threads:append("t", { user("Running a CAFÉ"), user("STRASSE über") }))
    assert.are.equal("Running a CAFÉ", found(threads:search("run")))
    assert.are.equal("Running a CAFÉ", found(threads:search("cafe")))
    assert.are.equal("STRASSE über", found(threads:search("UBER")))
  end)

  it("finds parts of texts in languages without spaces", function()
    assert(threads:append("t", { user("東京都は日本の首都です"), user("京都へ行きました"), user("부산에서 만나요"),
      user("สวัสดีครับ") }))
    assert.are.equal("京都へ行きました; 東京都は日本の首都です", found(threads:search("京都")))
    assert.are.equal("東京都は日本の首都です", found(threads:search("首都")))
    assert.are.equal("", found(threads:search("都京")))
    assert.are.equal("부산에서 만나요", found(threads:search("부산")))
    assert.are.equal("สวัสดีครับ", found(threads:search("สวัสดี")))
    assert.are.equal("東京都は日本の首都です", found(threads:search("where is 日本?")))
  end)

  it("takes any text for plain words", function()
    assert(threads:append("t", { user("alpha beta"), user("NEAR the OR gate"),
      user("tag s1 text") }))
    for text, expected in pairs {
      ['"alpha'] = "alpha beta", ["alpha*"] = "alpha beta", ["alp*"] = "",
        ["NOT alpha"] = "alpha beta",
      ["alpha AND zeta"] = "alpha beta", ["text:alpha"] = "alpha beta; tag s1 text",
      ["NEAR(alpha beta)"] = "NEAR the OR gate; alpha beta", ["(((alpha"] = "alpha beta",
      ["^alpha"] = "alpha beta", ["- alpha + beta"] = "alpha beta", ["s1"] = "tag s1 text",
      ["alpha\0beta"] = "alpha beta", ["'; DROP TABLE messages; --"] = "",
        ["{alpha}"] = "alpha beta",
    } do
      assert.are.equal(expected, found(threads:search(text)))
    end
  end)

  it("for a text without a word finds nothing", function()
    assert(threads:append("t", { user("x") }))
    for _, text in ipairs { "", " ", "!?…", "\"\"", "*", "“—”", "\0", "。、" } do
      assert.are.same({}, threads:search(text))
    end
    assert.are.same({}, threads:search("🙂"))
  end)

  it("refuses a text that is none", function()
    local hits, err = threads:search("caf\233")
    assert.is_nil(hits)
    assert.are.same({ "invalid", "text" }, { err.code, err.field })
    assert.has_error(function() threads:search(5) end)
  end)

  it("takes very long texts", function()
    assert(threads:append("t", { user("needle") }))
    assert.are.equal("needle", found(threads:search("needle " .. ("w "):rep(5000))))
    local many = {}
    for i = 1, 5000 do many[i] = "w" .. i end
    assert(threads:search(table.concat(many, " ")))
  end)

  it("reads blocks of text and what tools returned", function()
    assert(threads:append("t", {
      { role = "user",
        content = { { type = "text", text = "alpha" }, { type = "image", text = "gamma" } } },
      { role = "tool", tool_call_id = "c", content = { { type = "tool_result",
        tool_use_id = "c",
        content = { { type = "text", text = "beta" } } } } },
      { role = "assistant", tool_calls = { { id = "c", name = "delta" } } },
    }))
    assert.are.equal(1, #threads:search("alpha"))
    assert.are.equal(2, threads:search("beta")[1].seq)
    assert.are.same({}, threads:search("gamma delta"))
  end)

  it("gives as many hits as asked for, 50 by default", function()
    assert(threads:append("t", conversation.many(300, "word ")))
    assert.are.equal(50, #threads:search("word"))
    assert.are.equal(7, #threads:search("word", { limit = 7 }))
    assert.are.equal(200, #threads:search("word", { limit = 500 }))
    assert.are.same({}, threads:search("word", { limit = 0 }))
    assert.are.equal("limit", select(2, threads:search("word", { limit = -1 })).field)
    assert.has_error(function() threads:search("word", { cursor = "x" }) end)
  end)

  it("cuts a piece of a long text around the word", function()
    local text = ("filler words go on and on "):rep(40) .. "\n\nhere the needle is "
      .. ("tail é "):rep(60)
    assert(threads:append("t", { user(text) }))
    local snippet = threads:search("needles")[1].snippet
    assert.matches("here the needle is", snippet, 1, true)
    assert.matches("^….*…$", snippet)
    assert.is_true(#snippet < 260)
    assert.is_nil(snippet:find("\n"))
  end)

  it("never cuts through a character", function()
    local core = require "moonbase.core"
    for length = 150, 175 do
      assert(core.encode(words.snippet(("é"):rep(length) .. " needle " .. ("日"):rep(length),
        { "needle" })))
      assert(core.encode(words.snippet("x" .. ("🙂"):rep(length), { "none" })))
    end
  end)

  describe("in a thread", function()
    it("finds what the thread holds", function()
      assert(threads:append("a", { user("apple in a") }))
      assert(threads:append("b", { user("apple in b") }))
      assert.are.equal("apple in a", found(threads:search("apple", { thread = "a" })))
      assert.are.same({}, threads:search("apple", { thread = "none" }))
    end)

    it("finds what a fork inherited, and tells of the fork", function()
      assert(threads:append("a", { user("apple one"), user("apple two"), user("apple three") }))
      assert(threads:fork("a", { id = "f", at = 2 }))
      assert(threads:append("f", { user("apple mine") }))
      local hits = threads:search("apple", { thread = "f" })
      assert.are.equal("apple mine; apple one; apple two", found(hits))
      for _, hit in ipairs(hits) do assert.are.same({ "f", "f" }, { hit.thread,
        hit.record.thread }) end
      assert.are.equal(3, #threads:search("apple", { thread = "a" }))
      assert.are.equal(4, #threads:search("apple"))
      assert(threads:delete("a"))
      assert.are.equal("apple mine; apple one; apple two", found(threads:search("apple")))
      for _, hit in ipairs(threads:search("apple")) do assert.are.equal("f", hit.thread) end
    end)
  end)

  describe("for a resource", function()
    before_each(function()
      assert(threads:create { id = "a", resource = "ann" })
      assert(threads:create { id = "b", resource = "bob" })
      assert(threads:append("a", { user("apple a1"), user("apple a2") }))
      assert(threads:append("b", { user("apple b1") }))
      assert(threads:append("c", { user("apple c1") }))
    end)

    it("finds what its threads hold", function()
      assert.are.equal("apple a1; apple a2", found(threads:search("apple",
        { resource = " ann " })))
      assert.are.same({}, threads:search("apple", { resource = "eve" }))
      assert.are.equal("apple b1", found(threads:search("apple", { resource = "bob",
        thread = "b" })))
      assert.are.same({}, threads:search("apple", { resource = "bob", thread = "a" }))
      assert.are.equal(4, #threads:search("apple", { resource = " " }))
    end)

    it("finds what a fork of another resource's thread inherited, each message once", function()
      assert(threads:fork("a", { id = "f", at = 1 }))
      assert.are.equal(2, #threads:search("apple", { resource = "ann" }))
      assert(threads:update("f", { resource = "bob" }))
      local hits = threads:search("apple", { resource = "bob" })
      assert.are.equal("apple a1; apple b1", found(hits))
      for _, hit in ipairs(hits) do assert.is_not.equal("a", hit.thread) end
    end)

    it("finds its hits among many of others", function()
      assert(threads:append("noise", conversation.many(400, "apple apple ")))
      assert.are.equal("apple a1", found(threads:search("apple a1",
        { resource = "ann", limit = 1 })))
      assert.are.equal(2, #threads:search("apple", { resource = "ann", limit = 5 }))
    end)
  end)

  describe("sees exactly what is there", function()
    it("after changes of every kind", function()
      assert(threads:append("t", { user("apple one"), user("pear two") }))
      assert(threads:fork("t", { id = "f", at = 1 }))
      assert.are.equal(1, #threads:search("apple"))
      assert(threads:replace("t", { user("plum three") }))
      assert.are.equal("plum three", found(threads:search("apple pear plum", { thread = "t" })))
      assert.are.equal("apple one; plum three", found(threads:search("apple pear plum")))
      assert(threads:clear("t"))
      assert.are.equal("apple one", found(threads:search("apple pear plum")))
      assert(threads:delete("f"))
      assert.are.same({}, threads:search("apple pear plum"))
      assert(threads:append("t", { user("apple again") }))
      assert.are.equal(1, threads:search("apple")[1].seq)
    end)

    it("inside a transaction, and not after it was rolled back", function()
      assert(threads:append("t", { user("apple one") }))
      store:transaction(function(tx)
        assert(tx.threads:append("t", { user("apple two") }))
        assert.are.equal(2, #tx.threads:search("apple"))
        return nil, "undo"
      end)
      assert.are.equal("apple one", found(threads:search("apple")))
      assert(threads:append("t", { user("apple three") }))
      assert.are.equal("apple one; apple three", found(threads:search("apple")))
    end)

    it("when logs grew long, or many, before it was asked", function()
      for i = 1, 13 do
        assert(threads:append("long", conversation.many(100, "long" .. i .. " w")))
      end
      for i = 1, 130 do assert(threads:append("t" .. i, { user("many " .. i),
        user("many more") })) end
      assert.is_true(conversation.rows(store, "message_backlog") < 60)
      assert.is_true(conversation.rows(store, "message_text_docsize") > 1000)
      assert.are.equal(100, #threads:search("long7", { limit = 200 }))
      assert.are.equal("many 129", found(threads:search("129")))
      assert.are.equal(1300 + 260, conversation.rows(store, "message_text_docsize"))
      assert.are.equal(0, conversation.rows(store, "message_backlog"))
    end)

    it("of its own scope only", function()
      local other = store:scope("other").threads
      assert(threads:append("t", { user("apple mine") }))
      assert(other:append("t", { user("apple theirs") }))
      assert.are.equal("apple mine", found(threads:search("apple")))
      assert.are.equal("apple theirs", found(other:search("apple")))
      assert.are.equal("apple theirs", found(other:search("apple", { thread = "t" })))
    end)
  end)
end)

describe("a search that may not write", function()
  local path, store

  before_each(function()
    path = files.database()
    store = assert(moonbase.open(path))
    assert(store.threads:append("t", { user("apple old") }))
    assert(store.threads:search("apple"))
    assert(store.threads:append("t", { user("apple new"), user("pear new") }))
    assert(store.threads:fork("t", { id = "f", at = 2 }))
  end)

  after_each(function()
    store:close()
    files.cleanup()
  end)

  it("finds the same: a readonly handle", function()
    for _, shared in ipairs { true, false } do
      local reader = assert(moonbase.open(path, { readonly = true, shared = shared }))
      assert.are.equal("apple new; apple old", found(reader.threads:search("apple")))
      assert.are.equal("apple new; apple old", found(reader.threads:search("apple",
        { thread = "f" })))
      assert.are.equal("pear new", found(reader.threads:search("pear")))
      assert.are.equal(1, conversation.rows(store, "message_backlog"))
      reader:close()
    end
  end)

  it("finds the same, without waiting: while another process writes", function()
    local writer = assert(moonbase.open(path, { shared = false }))
    local tx = assert(writer:begin())
    assert(tx.threads:append("t", { user("apple unseen") }))
    assert.are.equal("apple new; apple old", found(store.threads:search("apple")))
    assert(tx:rollback())
    writer:close()
  end)

  it("finds what is committed: while another coroutine writes", function()
    local tx = assert(store:begin())
    assert(tx.threads:append("t", { user("apple unseen") }))
    coroutine.wrap(function()
      assert.are.equal("apple new; apple old", found(store.threads:search("apple")))
    end)()
    assert.are.equal("apple new; apple old; apple unseen", found(store.threads:search("apple")))
    assert(tx:rollback())
  end)
end)

describe("the words of a text", function()
  it("are runs of letters and digits, each once", function()
    assert.are.same({ "Hello", "world", "it", "s", "C", "x2", "größe" },
      words.split("Hello, “world” — it's C++ (x2), hello größe…"))
  end)

  it("of a script without spaces are a word of their own", function()
    assert.are.same({ "東京", "Tower", "2024", "年" }, words.split("東京Tower 2024年。"))
  end)

  it("are quoted for the index, which knows no operators among them", function()
    assert.is_nil(words.any({}))
    assert.are.equal('"a" OR "OR"', words.any { "a", "OR" })
  end)
end)
