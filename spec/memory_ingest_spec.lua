-- Whole sources in memory: what ingesting writes, leaves alone and forgets.

local embedders = require "spec.support.embedders"
local files = require "spec.support.files"
local ingest = require "spec.support.ingest"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"
local support = require "spec.support.memory"

local document, chat, sections, found =
  ingest.document, ingest.chat, ingest.sections, ingest.found
local counts, records, texts = ingest.counts, ingest.records, ingest.texts

local store, memory, clock

local function open(path, options) store, memory, clock = ingest.open(path, options) end

before_each(function() open() end)

after_each(function()
  support.check(store)
  stores.cleanup()
end)

describe("a document", function()
  it("becomes records, one for each piece, that know where they are from", function()
    local report = document("# Guide\n\nOne apple.\n\n## Part\n\nTwo pears.",
      { title = "Fruit", owner = "ann", tags = { "t" }, namespace = "user/ann", at = 77, max_tokens = 5 })
    assert.same({ 2, 0, 2 }, counts(report))
    assert.equal("doc", report.source)
    local one, two = records(report)[1], records(report)[2]
    assert.same({ "# Guide\n\nOne apple.", "doc", 1, "ann", "user/ann", 77 },
      { one.text, one.source, one.position, one.owner, one.namespace, one.at })
    assert.same({ "t" }, one.tags)
    assert.same({ kind = "document", title = "Fruit", heading = "Guide" }, one.metadata)
    assert.same({ 2, "Guide > Part" }, { two.position, two.metadata.heading })
    assert.same({ "## Part\n\nTwo pears." }, found "pears")
  end)

  it("is one record where it fits, none where it is blank", function()
    assert.same({ "short" }, texts(assert(memory:ingest { source = "s", text = " short\n" })))
    assert.same({ 0, 0, 0 }, counts(document " \n "))
  end)

  it("is now where it has no time of its own", function()
    assert.equal(1000, records(document "x")[1].at)
  end)

  it("given again writes nothing", function()
    local first = document(sections("a", "b", "c"))
    clock.now = 2000
    local again = document(sections("a", "b", "c"))
    assert.same({ 0, 3, 3 }, counts(again))
    assert.same(first.ids, again.ids)
    assert.equal(1000, records(again)[1].updated_at)
  end)

  it("that has changed loses what is gone and keeps what stayed", function()
    local first = document(sections("apple", "pear", "plum"))
    clock.now = 2000
    local second = document(sections("new", "apple", "peach", "plum"))
    assert.same({ 2, 2, 4 }, counts(second))
    assert.equal(first.ids[1], second.ids[2])
    assert.equal(first.ids[3], second.ids[4])
    assert.is_nil(memory:recall(first.ids[2]))
    assert.same({}, found "pear")
    assert.same({ "# Head peach" }, found "peach")
    local list = records(second)
    for i = 1, 4 do assert.equal(i, list[i].position) end
    assert.same({ 2000, 1000 }, { list[1].created_at, list[2].updated_at })
  end)

  it("that has become empty loses everything", function()
    local ids = document(sections("a", "b")).ids
    assert.same({ 0, 0, 0 }, counts(document ""))
    for _, id in ipairs(ids) do assert.is_nil(memory:recall(id)) end
    assert.equal(0, memory:stats().count)
  end)

  it("that repeats itself keeps every repetition", function()
    local report = document(sections("same", "same", "same"))
    assert.same({ 3, 0, 3 }, counts(report))
    assert.same({ 0, 2, 2 }, counts(document(sections("same", "same"))))
    assert.equal(2, memory:stats().count)
  end)

  it("with another title, owner, tags or namespace is written anew under the same ids", function()
    local first = document(sections("a", "b"))
    for name, value in pairs { title = "T", owner = "o", namespace = "n", tags = { "x" }, ttl = 5000 } do
      local again = document(sections("a", "b"), { [name] = value })
      assert.same({ 2, 0, 2 }, counts(again))
      assert.same(first.ids, again.ids)
      assert.same({ 0, 2, 2 }, counts(document(sections("a", "b"), { [name] = value })))
    end
    assert.equal(2, memory:stats().count)
  end)

  it("keeps what users changed in a record, as long as the source says the same", function()
    local id = document("# Head a").ids[1]
    assert(memory:update(id, { importance = 3, text = "better said" }))
    assert.same({ 0, 1, 1 }, counts(document "# Head a"))
    assert.equal("better said", memory:recall(id).text)
  end)

  it("gets back a record that was forgotten or has expired", function()
    local ids = document(sections("a", "b"), { ttl = 500 }).ids
    assert(memory:forget(ids[1]))
    assert.same({ 1, 1, 2 }, counts(document(sections("a", "b"), { ttl = 500 })))
    clock.now = 5000
    assert.is_nil(memory:recall(ids[1]))
    assert.same({ 2, 0, 2 }, counts(document(sections("a", "b"), { ttl = 500 })))
    assert.truthy(memory:recall(ids[1]))
  end)

  it("of another source or kind has other records", function()
    local ids = document("# Head a").ids
    assert.are_not.equal(ids[1], document("# Head a", { source = "other" }).ids[1])
    assert.equal(2, memory:stats().count)
    local report = document("# Head a", { kind = "email" })
    assert.are_not.equal(ids[1], report.ids[1])
    assert.is_nil(memory:recall(ids[1]))
  end)
end)

describe("a conversation", function()
  local MESSAGES = { { author = "Ann", text = "Shall we meet at noon?", at = 10 },
    { author = "Bob", text = "Yes, at the Blue Cafe.", at = 20 }, { text = "Good." } }

  it("becomes a record for each message, with its own time and author", function()
    local list = records(chat(MESSAGES, { at = 5 }))
    assert.equal(3, #list)
    assert.same({ 10, "Ann", "Shall we meet at noon?", 1 },
      { list[1].at, list[1].author, list[1].text, list[1].position })
    assert.same({ 20, "Bob", 2 }, { list[2].at, list[2].author, list[2].position })
    assert.same({ 5, 3 }, { list[3].at, list[3].position })
    assert.equal("chat", list[3].metadata.kind)
  end)

  it("is found by who says something, who is mentioned by it too", function()
    local list = records(chat(MESSAGES))
    assert.same({ "Shall we meet at noon?" }, found "ann")
    assert.same({ "bob", "blue cafe" }, list[2].entities)
    list[2] = assert(memory:update(list[2].id, { text = "Yes, at the Red Cafe." }))
    assert.same({ "bob", "red cafe" }, list[2].entities)
  end)

  it("given again, or longer, writes what is new", function()
    local first = chat(MESSAGES)
    assert.same({ 0, 3, 3 }, counts(chat(MESSAGES)))
    local longer = { MESSAGES[1], MESSAGES[2], MESSAGES[3], { author = "Ann", text = "See you!", at = 30 } }
    local report = chat(longer)
    assert.same({ 1, 3, 4 }, counts(report))
    assert.same(first.ids, { report.ids[1], report.ids[2], report.ids[3] })
  end)

  it("splits long messages, each piece with the message's time and author", function()
    local report = chat({ { author = "Ann", text = ("many words "):rep(20), at = 10 }, { text = "short" } },
      { max_tokens = 20 })
    local list = records(report)
    assert.is_true(#list > 3)
    for i = 1, #list - 1 do
      assert.same({ 10, "Ann", i }, { list[i].at, list[i].author, list[i].position })
      assert.is_true(#list[i].text <= 80)
    end
    assert.equal("short", list[#list].text)
  end)

  it("keeps two messages of the same words apart", function()
    assert.same({ 4, 0, 4 }, counts(chat { { text = "ok", at = 1 }, { text = "ok", at = 2 },
      { author = "a", text = "ok", at = 2 }, { text = "ok", at = 2 } }))
  end)

  it("has no record for a blank message, and none for no messages", function()
    assert.same({ 1, 0, 1 }, counts(chat { { text = " " }, { text = "x" }, { text = "" } }))
    assert.same({ 0, 0, 0 }, counts(chat({}, { source = "empty" })))
  end)

  it("by e-mail says once what later mails quote", function()
    local quote = "> Shall we meet?\n> On Friday at noon?\n> At the Blue Cafe?"
    local messages = { { author = "Ann", text = "Shall we meet?\nOn Friday at noon?\nAt the Blue Cafe?" },
      { author = "Bob", text = "Yes.\n\nOn Mon, Ann wrote:\n" .. quote } }
    local function said(kind)
      return texts(assert(memory:ingest { source = "m", kind = kind, messages = messages }))
    end
    assert.same({ messages[1].text, "Yes." }, said "email")
    assert.same({ messages[1].text, messages[2].text }, said "chat")
  end)

  -- What looks like the border between two messages is only text.
  it("has as many records as messages, whatever stands in them", function()
    local list = {}
    for _, text in ipairs { "## Ann — 10:00\nhi", "---\nFrom: bob\n\nhello", "# a\n\n# b", "\0", "```\n\n",
      "> quoted\n> more", "From: x\nTo: y", "{\"text\":\"z\"}", "'; DROP TABLE memories; --" } do
      list[#list + 1] = { text = text, author = text:sub(1, 5):gsub("%z", "0") }
    end
    local report = assert(memory:ingest { source = "m", kind = "email", messages = list })
    assert.same({ #list, 0, #list }, counts(report))
    for i, text in ipairs(texts(report)) do
      assert.equal(list[i].text:match("^%s*(.-)%s*$"), text)
    end
  end)
end)

describe("a source with versions", function()
  it("keeps earlier ones, and answers from the newest", function()
    local first = document(sections("old apple", "pear"), { version = 1 })
    local second = document(sections("new apple", "pear"), { version = 2 })
    assert.same({ 2, 0, 2 }, counts(second))
    assert.same({ "# Head new apple" }, found "apple")
    assert.same({ "# Head pear" }, found "pear")
    local old = records(first)[1]
    assert.same({ "# Head old apple", 1 }, { old.text, old.version })
    assert.equal(2, records(second)[1].version)
    assert.equal(4, memory:stats().count)
  end)

  it("writes nothing for a version that is there, which stays behind the newest", function()
    document("# Head one", { version = 1 })
    document("# Head two", { version = 2 })
    assert.same({ 0, 1, 1 }, counts(document("# Head one", { version = 1 })))
    assert.same({ "# Head two" }, found "head")
  end)

  it("orders versions that are numbers, and takes others as they come", function()
    document("# Head ten", { version = 10 })
    document("# Head nine", { version = 9 })
    assert.same({ "# Head ten" }, found "head")
    document("# Head b", { source = "names", version = "b" })
    document("# Head a", { source = "names", version = "a" })
    assert.same({ "# Head a" }, found "a")
    assert.same({ "# Head a", "# Head ten" }, found "head")
  end)

  it("corrects one version without touching the others", function()
    local one = document(sections("apple", "pear"), { version = 1 })
    local two = document(sections("plum"), { version = 2 })
    assert.same({ 1, 1, 2 }, counts(document(sections("apple", "peach"), { version = 1 })))
    assert.same({}, found "peach")
    assert.is_nil(memory:recall(one.ids[2]))
    assert.same({ 1, 0, 1 }, counts(document(sections("cherry"), { version = 2 })))
    assert.is_nil(memory:recall(two.ids[1]))
    assert.same({ "# Head cherry" }, found "head")
  end)

  it("lets the newest answer, whatever becomes of an earlier one", function()
    document(sections("apple", "pear"), { version = "first" })
    document(sections("plum"), { version = "second" })
    local corrected = document(sections("apple", "peach"), { version = "first" })
    assert.same({ "# Head plum" }, found "head")
    assert(memory:update(corrected.ids[1], { text = "# Head apricot", tags = { "t" } }))
    assert(memory:update(corrected.ids[2], { entities = { "Plum" } }))
    assert.same({ "# Head plum" }, found "head")
    for _, mode in ipairs { "vector", "hybrid" } do
      local hits = assert(memory:search { text = "plum", mode = mode, expand = 1 })
      assert.same({ 1, "# Head plum" }, { #hits, hits[1].record.text })
    end
    assert.equal("# Head apricot", memory:recall(corrected.ids[1]).text)
  end)

  it("takes the place of the same source without one", function()
    document "# Head plain"
    document("# Head first", { version = "v1" })
    assert.same({ "# Head first" }, found "head")
    assert.equal(2, memory:stats().count)
  end)
end)

describe("forgetting a source", function()
  it("forgets all of its records, of every version, and what was remembered with it", function()
    document(sections("a", "b"), { version = 1 })
    document(sections("c"), { version = 2 })
    assert(memory:remember { text = "by hand", source = "doc" })
    assert(memory:remember { id = "stays", text = "Head", source = "doctor" })
    chat { { text = "hello" } }
    assert.equal(4, memory:forget_source "doc")
    assert.equal(2, memory:stats().count)
    assert.same({ "Head" }, found "head")
    assert.equal(0, memory:forget_source "doc")
    assert.equal(0, memory:forget_source "nobody")
  end)

  it("counts none that had expired, but removes them", function()
    document(sections("a", "b"), { ttl = 10 })
    clock.now = 2000
    assert.equal(0, memory:forget_source "doc")
    assert.same({ 0, 0 }, { memory:stats().count, memory:stats().expired })
  end)

  it("lets it be ingested again", function()
    local ids = document(sections("a", "b")).ids
    memory:forget_source "doc"
    local again = document(sections("a", "b"))
    assert.same({ 2, 0, 2 }, counts(again))
    assert.same(ids, again.ids)
  end)

  it("leaves no byte of it in the file", function()
    store:close()
    local path = files.database()
    open(path, { embed = embedders.letters() })
    local secret = "Xanthippe7 qwertzuiop"
    document("# Quixotic9\n\n" .. secret, { title = "Zanzibar5", owner = "Ownerella4", tags = { "tagatha3" },
      max_tokens = 50 })
    document("# Quixotic9\n\n" .. secret .. " changed", { title = "Zanzibar5", version = 2,
      max_tokens = 50 })
    chat({ { author = "Authorine8", text = "Said about Xanthippe7" } }, { source = "doc", version = 3 })
    assert.equal(3, memory:forget_source "doc")
    assert(store:vacuum())
    store:close()
    local bytes = files.read(path) .. (files.read(path .. "-wal") or "")
    for _, word in ipairs { "Xanthippe7", "xanthippe7", "qwertzuiop", "Quixotic9", "quixotic9", "Zanzibar5",
      "Ownerella4", "tagatha3", "Authorine8", "authorine8" } do
      assert.is_nil(bytes:find(word, 1, true), word)
    end
    open(path, { embed = embedders.letters() })
  end)

  it("refuses what is no source", function()
    local count, err = memory:forget_source ""
    assert.is_nil(count)
    assert.same({ "invalid", "source" }, { err.code, err.field })
    assert.has_error(function() memory:forget_source() end)
    assert.has_error(function() memory:forget_source {} end)
  end)
end)

describe("ingesting", function()
  local GOOD = { source = "s", kind = "document", text = "text" }

  local function try(changes)
    local fields = {}
    for name, value in pairs(GOOD) do fields[name] = value end
    for name, value in pairs(changes) do fields[name] = value ~= moonbase.null and value or nil end
    return memory:ingest(fields)
  end

  it("refuses what is invalid, and writes nothing", function()
    local null = moonbase.null
    for _, case in ipairs {
      { "source", { source = null } }, { "source", { source = "" } }, { "source", { source = ("x"):rep(513) } },
      { "source", { source = "a\0b" } }, { "kind", { kind = "tweet" } }, { "text", { text = null } },
      { "messages", { kind = "chat", text = null } }, { "messages", { messages = {} } },
      { "messages", { text = null, messages = {} } }, { "text", { text = "\255" } },
      { "title", { title = "\255" } }, { "owner", { owner = " " } }, { "namespace", { namespace = "" } },
      { "tags[2]", { tags = { "a", 7 } } }, { "tags[1]", { tags = { "" } } }, { "at", { at = -1 } },
      { "at", { at = 1.5 } }, { "ttl", { ttl = -1 } }, { "version", { version = "" } },
      { "version", { version = 0 / 0 } }, { "version", { version = 1 / 0 } },
      { "version", { version = -2 ^ 60 } }, { "max_tokens", { max_tokens = 0 } },
      { "max_tokens", { max_tokens = 2.5 } }, { "overlap", { overlap = -0.1 } }, { "overlap", { overlap = 1 } },
      { "messages[1].text", { kind = "chat", text = null, messages = { {} } } },
      { "messages[2].text", { kind = "chat", text = null, messages = { { text = "a" }, { text = 7 } } } },
      { "messages[1].text", { kind = "chat", text = null, messages = { { text = "\255" } } } },
      { "messages[1].author", { kind = "chat", text = null, messages = { { text = "a", author = 7 } } } },
      { "messages[1].author", { kind = "chat", text = null, messages = { { text = "a", author = "" } } } },
      { "messages[1].at", { kind = "chat", text = null, messages = { { text = "a", at = "noon" } } } },
      { "messages[1].at", { kind = "chat", text = null, messages = { { text = "a", at = -5 } } } },
    } do
      local report, err = try(case[2])
      assert.is_nil(report, case[1])
      assert.same({ "invalid", case[1] }, { err.code, err.field })
    end
    assert.equal(0, memory:stats().count)
  end)

  it("raises where the programmer is wrong", function()
    for _, changes in ipairs {
      { source = 7 }, { text = 7 }, { messages = "x" }, { unknown = 1 }, { tags = "x" }, { at = "now" },
      { version = {} }, { version = true }, { on_admit = "yes" }, { max_tokens = "3" }, { title = 7 },
      { text = moonbase.null, kind = "chat", messages = { "x" } },
      { text = moonbase.null, kind = "chat", messages = { { text = "x", from = "y" } } },
      { text = moonbase.null, kind = "chat", messages = { a = { text = "x" } } },
    } do
      assert.has_error(function() try(changes) end)
    end
    assert.has_error(function() memory:ingest() end)
    assert.has_error(function() memory:ingest "text" end)
  end)

  it("is refused by a handle for reading", function()
    store:close()
    local path = files.database()
    open(path)
    document "# Head a"
    store:close()
    open(path, { readonly = true })
    outcome.refused("readonly", memory:ingest { source = "s", text = "x" })
    outcome.refused("readonly", memory:forget_source "doc")
  end)

  it("keeps scopes apart", function()
    local other = assert(store:scope "other").memory
    local ids = document(sections("a", "b")).ids
    local report = assert(other:ingest { source = "doc", kind = "document", text = sections("a", "b"),
      max_tokens = 4, overlap = 0 })
    assert.same({ 2, 0, 2 }, counts(report))
    assert.same(ids, report.ids)
    assert.equal(2, other:forget_source "doc")
    assert.equal(2, memory:stats().count)
  end)

  it("is undone with the transaction that it is part of", function()
    document(sections("a", "b"))
    assert.has_error(function()
      store:transaction(function(tx)
        assert(tx.memory:ingest { source = "doc", kind = "document", text = sections("c"), max_tokens = 4 })
        assert(tx.memory:forget_source "doc")
        error("no")
      end)
    end)
    assert.same({ 0, 2, 2 }, counts(document(sections("a", "b"))))
  end)

  -- A gateway under LuaJIT and a script under Lua 5.4 may share the file.
  it("gives the same ids under every interpreter", function()
    assert.same({ "ebd94461c7e0649b748d3f07b1935406" }, document("# Head a", { version = 2, at = 5 }).ids)
    local messages = { { author = "Ann", text = "Hi", at = 1767225600000 } }
    assert.same({ "6286175e900748c2ec926731f2abd223" }, chat(messages, { version = 1.5 }).ids)
  end)

  it("survives closing", function()
    store:close()
    local path = files.database()
    open(path)
    document(sections("a", "b"))
    store:close()
    open(path)
    assert.same({ 0, 2, 2 }, counts(document(sections("a", "b"))))
    assert.same({ "# Head a" }, found "a")
  end)

  it("takes a long document in one go", function()
    local parts = {}
    for i = 1, 300 do parts[i] = ("Paragraph %d tells of thing%d and of others."):format(i, i) end
    local report = document(table.concat(parts, "\n\n"), { max_tokens = 20, overlap = 0.12 })
    assert.is_true(report.written >= 150)
    assert.is_true(#found "thing277" >= 1)
    parts[150] = "Something else stands here now."
    local again = document(table.concat(parts, "\n\n"), { max_tokens = 20, overlap = 0.12 })
    assert.is_true(again.written < 20, again.written)
    assert.same({}, found "thing150")
  end)
end)
