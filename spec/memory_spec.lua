local conversation = require "spec.support.conversation"
local embedders = require "spec.support.embedders"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"
local support = require "spec.support.memory"

local refuses, raises = outcome.refuses, outcome.raises_about

local null = moonbase.null

local TABLES = { "memories", "memory_labels", "memory_mentions", "memory_history", "vector_floats",
  "vector_blocks" }

describe("memory", function()
  local store, memory, path, now, embedder, embedded

  local function open(options)
    options = options or {}
    options.clock = function() return now end
    if options.embed == nil then options.embed = embedder end
    return (stores.open(path, options))
  end

  before_each(function()
    now = 1000
    path = files.database()
    embedded = {}
    embedder = embedders.letters { asked = function(texts)
      for _, text in ipairs(texts) do embedded[#embedded + 1] = text end
    end }
    store = open()
    memory = store.memory
  end)

  after_each(stores.cleanup)

  local function rows(of)
    local counts = {}
    for i, name in ipairs(TABLES) do
      counts[i] = stores.rows(of or store, name)
    end
    return table.concat(counts, " ")
  end

  local function ids(page) return conversation.fields(assert(page).items, "id") end

  describe("keeps what it is told:", function()
    it("every field comes back as it went in", function()
      local given = {
        id = "m1", text = "Ann likes tea\0and \226\130\172", namespace = "user/ann", type = "fact",
        tags = { "x", "y" }, metadata = { lang = "en", list = {}, deep = { n = 1.5, no = null } },
        source = "chat-1", at = 77, ttl = 5000, importance = 0.5, vector = { 0.25, -1 },
        entities = { "Ann", "Tea" },
      }
      local record = assert(memory:remember(given))
      local again = assert(memory:recall("m1"))
      assert.are.same(record, again)
      for name, value in pairs(given) do
        if name ~= "metadata" then assert.are.same(value, again[name], name) end
      end
      assert.are.equal("en", again.metadata.lang)
      assert.are.equal(null, again.metadata.deep.no)
      assert.are.equal(1.5, again.metadata.deep.n)
      assert.are.equal(1000, again.created_at)
      assert.are.equal(1000, again.updated_at)
      assert.are.equal(6000, again.expires_at)
      assert.are.equal(0, #embedded)
    end)

    it("what is left out has its default, or is not there", function()
      local record = assert(memory:remember { text = "plain words" })
      assert.are.same({ id = record.id, text = "plain words", namespace = "default", at = 1000,
        created_at = 1000, updated_at = 1000 }, record)
      assert.are.same(record, memory:recall(record.id))
      assert.are.equal(36, #record.id)
    end)

    it("a closed and opened store has it still", function()
      local record = assert(memory:remember { id = "a", text = "some text", tags = { "t" } })
      store:close()
      store = open()
      assert.are.same(record, store.memory:recall("a"))
    end)

    it("the caller's tables may change afterwards", function()
      local metadata, tags = { a = 1 }, { "x" }
      local record = assert(memory:remember { id = "a", text = "t", metadata = metadata,
        tags = tags })
      metadata.a, tags[1] = 2, "y"
      assert.are.same({ a = 1 }, record.metadata)
      assert.are.same({ "x" }, record.tags)
    end)

    it("what is not there is nil alone", function()
      local record, err = memory:recall("nothing")
      assert.is_nil(record)
      assert.is_nil(err)
    end)
  end)

  describe("the same id again", function()
    it("replaces the record whole", function()
      assert(memory:remember { id = "a", text = "old words", type = "fact", tags = { "x" },
        metadata = { n = 1 }, source = "s", importance = 1, ttl = 10, entities = { "Ann" } })
      now = 1005
      local record = assert(memory:remember { id = "a", text = "new words" })
      assert.are.same({ id = "a", text = "new words", namespace = "default", at = 1005,
        created_at = 1000, updated_at = 1005 }, record)
      assert.are.same(record, memory:recall("a"))
      assert.are.equal("", ids(memory:list { tag = "x" }))
      assert.are.equal("", ids(memory:list { source = "s" }))
      assert.are.equal("a", ids(memory:list()))
      assert.are.equal("1 2 0 1 1 1", rows())
    end)

    it("with the same text keeps no earlier one", function()
      assert(memory:remember { id = "a", text = "same" })
      assert(memory:remember { id = "a", text = "same", type = "fact" })
      assert.are.same({}, memory:history("a"))
      assert.are.equal("a", ids(memory:list { type = "fact" }))
      assert.are.equal("1 3 0 0 1 1", rows())
    end)

    it("starts anew where the first has expired", function()
      assert(memory:remember { id = "a", text = "zero" })
      assert(memory:remember { id = "a", text = "one", ttl = 10 })
      now = 1010
      local record = assert(memory:remember { id = "a", text = "two" })
      assert.are.equal(1010, record.created_at)
      assert.are.same({}, memory:history("a"))
      assert.are.equal("1 2 0 0 1 1", rows())
    end)
  end)

  describe("update", function()
    before_each(function()
      assert(memory:remember { id = "a", text = "old words", namespace = "n/m", type = "fact",
        tags = { "x" }, metadata = { n = 1, keep = true }, source = "s", at = 5, importance = 1,
        ttl = 500 })
      now = 1100
    end)

    it("changes the fields it names, and merges metadata key by key", function()
      local record = assert(memory:update("a", { type = "guess",
        metadata = { n = null, more = { 1 } } }))
      assert.are.same({ id = "a", text = "old words", namespace = "n/m", type = "guess",
        tags = { "x" }, metadata = { keep = true, more = { 1 } }, source = "s", at = 5,
        importance = 1, ttl = 500, expires_at = 1500, created_at = 1000, updated_at = 1100 }, record)
      assert.are.same(record, memory:recall("a"))
      assert.are.equal("a", ids(memory:list { type = "guess", namespace = "n", tag = "x" }))
      assert.are.equal("", ids(memory:list { type = "fact" }))
      assert.are.equal(1, #embedded)
    end)

    it("clears with null", function()
      local record = assert(memory:update("a", { namespace = null, type = null, tags = null,
        metadata = null, source = null, at = null, importance = null, ttl = null }))
      assert.are.same({ id = "a", text = "old words", namespace = "default", at = 1100,
        created_at = 1000, updated_at = 1100 }, record)
      assert.are.equal("", ids(memory:list { namespace = "n" }))
      refuses("invalid", "text", memory.update, memory, "a", { text = null })
    end)

    it("of the text embeds it again and keeps the earlier one", function()
      assert(memory:update("a", { text = "new words" }))
      assert.are.same({ "old words", "new words" }, embedded)
      local history = assert(memory:history("a"))
      assert.are.same({ { text = "old words", at = 5, updated_at = 1000, replaced_at = 1100 } },
        history)
      assert(memory:update("a", { text = "newest", vector = { 1, 0 } }))
      assert.are.equal(2, #embedded)
      assert.are.same({ 1, 0 }, memory:recall("a").vector)
      assert.are.equal("new words", memory:history("a")[2].text)
    end)

    it("of a given vector, by null, makes one from the text", function()
      assert(memory:update("a", { vector = { 3, 4 } }))
      assert.are.same({ 3, 4 }, memory:recall("a").vector)
      assert(memory:update("a", { importance = 2 }))
      assert.are.same({ 3, 4 }, memory:recall("a").vector)
      local record = assert(memory:update("a", { vector = null }))
      assert.is_nil(record.vector)
      assert.are.same({ "old words", "old words" }, embedded)
      assert.are.equal("1 6 0 0 1 1", rows())
    end)

    it("sets how long it lives from now on", function()
      assert.are.equal(1150, memory:update("a", { ttl = 50 }).expires_at)
      now = 1150
      refuses("not_found", nil, memory.update, memory, "a", { ttl = 50 })
      refuses("not_found", nil, memory.update, memory, "nothing", { type = "x" })
    end)
  end)

  describe("history", function()
    it("keeps the last hundred earlier texts, the oldest first", function()
      for i = 1, 105 do assert(memory:remember { id = "a", text = "text " .. i }) end
      local history = assert(memory:history("a"))
      assert.are.equal(100, #history)
      assert.are.equal("text 5", history[1].text)
      assert.are.equal("text 104", history[100].text)
      assert.are.same({}, memory:history("b"))
    end)

    it("goes with the record", function()
      assert(memory:remember { id = "a", text = "one" })
      assert(memory:remember { id = "a", text = "two" })
      assert.is_true(memory:forget("a"))
      assert.are.same({}, memory:history("a"))
      assert(memory:remember { id = "a", text = "three" })
      assert.are.same({}, memory:history("a"))
    end)
  end)

  describe("an expired record", function()
    before_each(function()
      assert(memory:remember { id = "a", text = "gone soon", ttl = 10, tags = { "x" } })
      assert(memory:remember { id = "b", text = "stays" })
      assert(memory:remember { id = "a", text = "gone sooner", ttl = 10, tags = { "x" } })
    end)

    it("is gone from the instant of its expiry", function()
      now = 1009
      assert.are.equal("gone sooner", memory:recall("a").text)
      assert.are.equal(1, #memory:history("a"))
      now = 1010
      assert.is_nil(memory:recall("a"))
      assert.are.equal("b", ids(memory:list()))
      assert.are.equal(1, memory:list({ total = true }).total)
      assert.are.same({}, memory:history("a"))
      assert.is_false(memory:forget("a"))
    end)

    it("is counted by stats and removed by sweep", function()
      now = 1010
      local stats = assert(memory:stats())
      assert.are.equal(1, stats.count)
      assert.are.equal(1, stats.expired)
      assert.are.equal(1, memory:sweep())
      assert.are.equal(0, memory:sweep())
      assert.are.equal(0, memory:stats().expired)
      assert.are.equal("1 2 0 0 1 1", rows())
    end)

    it("is swept with all others, however many", function()
      assert(store:transaction(function(tx)
        for i = 1, 1100 do assert(tx.memory:remember { text = "t", ttl = 5, vector = { i, 1 } }) end
        return true
      end))
      now = 1010
      assert.are.equal(1101, memory:sweep())
      assert.are.equal("1 2 0 0 1 1", rows())
    end)

    it("goes with a filter that holds for it, uncounted", function()
      now = 1010
      assert.are.equal(1, memory:forget { namespace = "default" })
      assert.are.equal("0 0 0 0 0 0", rows())
    end)

    it("with a ttl of nothing is never seen", function()
      assert(memory:remember { id = "c", text = "never", ttl = 0 })
      assert.is_nil(memory:recall("c"))
    end)
  end)

  describe("refuses and changes nothing:", function()
    local BAD = {
      { "invalid", "text", {} }, { "invalid", "text", { text = "" } },
      { "invalid", "text", { text = " \n" } }, { "invalid", "text", { text = "\255" } },
      { "invalid", "id", { text = "t", id = "" } },
      { "invalid", "id", { text = "t", id = ("x"):rep(513) } },
      { "invalid", "namespace", { text = "t", namespace = " " } },
      { "invalid", "type", { text = "t", type = "a\0" } },
      { "invalid", "tags[2]", { text = "t", tags = { "a", "" } } },
      { "invalid", "tags[1]", { text = "t", tags = { 1 } } },
      { "invalid", "entities[1]", { text = "t", entities = { "" } } },
      { "invalid", "at", { text = "t", at = -1 } }, { "invalid", "at", { text = "t", at = 1.5 } },
      { "invalid", "ttl", { text = "t", ttl = -1 } },
      { "invalid", "importance", { text = "t", importance = 0 / 0 } },
      { "invalid", "importance", { text = "t", importance = -1 } },
      { "invalid", "importance", { text = "t", importance = math.huge } },
      { "invalid", "vector", { text = "t", vector = { 1 } } },
      { "invalid", "vector", { text = "t", vector = { 1, 0 / 0 } } },
      { "invalid", "vector", { text = "t", vector = "1234" } },
      { "serialization", "metadata.f", { text = "t", metadata = { f = print } } },
      { "serialization", "metadata.s", { text = "t", metadata = { s = "\255" } } },
    }

    for i, case in ipairs(BAD) do
      it(("%s (%s %d)"):format(case[1], case[2], i), function()
        refuses(case[1], case[2], memory.remember, memory, case[3])
        assert.are.equal("0 0 0 0 0 0", rows())
      end)
    end

    it("arguments of a wrong type, which raise", function()
      raises("memory.text", memory.remember, memory, { text = 1 })
      raises("memory.tags", memory.remember, memory, { text = "t", tags = "x" })
      raises("tags", memory.remember, memory, { text = "t", tags = { a = 1 } })
      raises("memory.colour", memory.remember, memory, { text = "t", colour = 1 })
      raises("vector", memory.remember, memory, { text = "t", vector = 7 })
      raises("memory", memory.remember, memory, "text")
      raises("patch.id", memory.update, memory, "a", { id = "b" })
      raises("patch.ttl", memory.update, memory, "a", { ttl = "x" })
      raises("options.limit", memory.reembed, memory, { limit = "x" })
      refuses("invalid", "limit", memory.reembed, memory, { limit = -1 })
      raises("id", memory.recall, memory, {})
      assert.are.equal("0 0 0 0 0 0", rows())
    end)

    it("hostile names are data", function()
      local evil = "'; DROP TABLE memories; --%_*\""
      assert(memory:remember { id = evil, text = evil, namespace = evil, type = evil,
        tags = { evil }, source = evil, entities = { evil } })
      assert.are.equal(evil, ids(memory:list { namespace = evil, type = evil, tag = evil,
        source = evil }))
      assert.are.equal("", ids(memory:list { namespace = "%" }))
      assert.are.equal(1, memory:forget { type = evil, tags = { contains = evil } })
    end)
  end)

  describe("transactions:", function()
    it("what is rolled back was never there", function()
      assert(memory:remember { id = "a", text = "one" })
      local before = rows()
      local result, err = store:transaction(function(tx)
        assert(tx.memory:remember { id = "b", text = "two" })
        assert(tx.memory:update("a", { text = "three" }))
        assert(tx.memory:forget("a"))
        assert.are.equal("b", ids(tx.memory:list()))
        return nil, "no"
      end)
      assert.is_nil(result)
      assert.are.equal("no", err)
      assert.are.equal(before, rows())
      assert.are.equal("one", memory:recall("a").text)
    end)

    it("of two of the same id the last counts", function()
      local rows_module = require "moonbase.memory_rows"
      local record = require "moonbase.memory_record"
      local drafts = {}
      for i = 1, 5 do
        drafts[i] = assert(record.draft(store.context, "", { id = i < 4 and "same" or "other",
          text = "text " .. i }))
      end
      assert(record.embed(store.context, drafts))
      assert(store.context:write(rows_module.put, store.context, drafts))
      assert.are.equal("text 3", memory:recall("same").text)
      assert.are.equal("text 5", memory:recall("other").text)
      assert.are.equal("2 4 0 3 2 1", rows())
    end)
  end)

  describe("with a checkpoint", function()
    local function commit(memories)
      return store.checkpoints:commit { thread = "t", run = { id = "r", agent = "x" },
        memories = memories }
    end

    it("records are written in the same commit", function()
      local result = assert(commit { { id = "a", text = "one" }, { text = "two", ttl = 5 },
        { id = "a", text = "three", tags = { "x" } } })
      assert.are.equal(3, #result.memories)
      assert.are.same(memory:recall("a"), result.memories[3])
      assert.are.equal(1005, result.memories[2].expires_at)
      assert.are.equal("one", memory:history("a")[1].text)
      assert.are.same({}, commit().memories)
    end)

    it("there may be hundreds", function()
      local list = {}
      for i = 1, 600 do list[i] = { id = "m" .. i % 500, text = "text " .. i } end
      assert.are.equal(600, #assert(commit(list)).memories)
      assert.are.equal(500, memory:stats().count)
      support.check(store)
      assert(store:check())
    end)

    it("a bad one refuses all", function()
      refuses("invalid", "memories[2].text", commit, { { text = "one" }, {} })
      refuses("invalid", "memories[1].vector", commit, { { text = "one", vector = { 1 } } })
      refuses("serialization", "memories[1].metadata.f", commit,
        { { text = "one", metadata = { f = print } } })
      raises("memories[1].colour", commit, { { text = "one", colour = 1 } })
      raises("memories[1]", commit, { "one" })
      assert.are.equal("0 0 0 0 0 0", rows())
      assert.is_nil(store.runs:get("r"))
    end)

    it("a lost race leaves none", function()
      assert(store.threads:append("t", { { role = "user", content = "hi" } }))
      refuses("conflict", nil, store.checkpoints.commit, store.checkpoints, { thread = "t",
        expected = 0, run = { id = "r", agent = "x" }, memories = { { text = "one" } },
        messages = { { role = "user", content = "hi" } } })
      assert.are.equal("0 0 0 0 0 0", rows())
    end)
  end)

  it("scopes see their own only", function()
    local other = assert(store:scope("other")).memory
    assert(memory:remember { id = "a", text = "mine", tags = { "x" } })
    assert(other:remember { id = "a", text = "theirs", tags = { "x" } })
    assert.are.equal("mine", memory:recall("a").text)
    assert.are.equal("theirs", other:recall("a").text)
    assert.are.equal(1, other:forget { tags = { contains = "x" } })
    assert.are.equal("a", ids(memory:list { tag = "x" }))
    assert.are.equal("", ids(other:list()))
    assert.are.equal("", ids(assert(store:scope("third")).memory:list()))
    assert.is_nil(assert(store:scope("third")).memory:recall("a"))
    assert.are.equal(0, assert(store:scope("third")).memory:stats().count)
    assert.are.equal(0, assert(store:scope("third")).memory:sweep())
  end)

  it("a readonly handle reads", function()
    assert(memory:remember { id = "a", text = "one" })
    local reader = open { readonly = true }
    assert.are.equal("one", reader.memory:recall("a").text)
    assert.are.equal("a", ids(reader.memory:list()))
    embedded = {}
    refuses("readonly", nil, reader.memory.remember, reader.memory, { text = "t" })
    refuses("readonly", nil, reader.memory.update, reader.memory, "a", { text = "t" })
    refuses("readonly", nil, reader.memory.ingest, reader.memory, { source = "s", text = "t" })
    refuses("readonly", nil, reader.memory.reembed, reader.memory)
    refuses("readonly", nil, reader.memory.sweep, reader.memory)
    refuses("readonly", nil, reader.memory.forget, reader.memory, "a")
    refuses("readonly", nil, reader.memory.forget_source, reader.memory, "s")
    assert.are.same({}, embedded) -- a model may be slow, or cost money
    reader:close()
  end)

  it("blobs that metadata name stay as long as the record", function()
    local hash = assert(store.blobs:put("some bytes"))
    assert(memory:remember { id = "a", text = "one", metadata = { file = { ["$blob"] = hash } } })
    assert.are.equal(0, store:gc().deleted)
    assert.is_true(store.blobs:has(hash))
    assert(memory:forget("a"))
    assert.are.equal(1, store:gc().deleted)
    assert.is_false(store.blobs:has(hash))
  end)

  it("its vectors are no collections", function()
    assert(memory:remember { id = "a", text = "one" })
    assert.are.same({}, store.vectors:list().items)
    local c = assert(store.vectors:create("letters", { dim = 2 }))
    assert(c:upsert("v", { 1, 0 }))
    assert(store.vectors:drop("letters"))
    assert.are.equal("1 2 0 0 1 1", rows())
  end)
end)
