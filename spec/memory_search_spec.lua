local embedders = require "spec.support.embedders"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local searches = require "spec.support.searches"
local stores = require "spec.support.stores"

local refuses, raises = outcome.refuses, outcome.raises_about
local remember, search, ids, set, keyword =
  searches.remember, searches.search, searches.ids, searches.set, searches.keyword

local HOUR = 3600 * 1000
local DAY = 24 * HOUR

describe("memory:search", function()
  local store, memory, path, clock

  -- A later one goes by the same clock.
  local function open(options) store, memory, clock = searches.open(path, options, clock) end

  before_each(function()
    path, clock = files.database(), nil
    open()
  end)

  after_each(stores.cleanup)

  describe("by words", function()
    it("finds texts that hold any of them, the best first", function()
      remember("a", "Ann likes green tea")
      remember("b", "green paint for the kitchen, more green paint")
      remember("c", "Bob drinks coffee")
      assert.are.same({ "a", "b" }, ids(keyword "green tea"))
      assert.are.same({ "c" }, ids(keyword "coffee"))
      assert.are.same({}, ids(keyword "whisky"))
    end)

    it("gives id, score and the whole record, which recall gives too", function()
      local record = remember("a", "Ann likes green tea", { tags = { "x" }, metadata = { n = 1 } })
      local hit = search(keyword "tea")[1]
      assert.are.equal("a", hit.id)
      assert.are.same(record, hit.record)
      assert.are.same(assert(memory:recall(hit.id)), hit.record)
      assert.is_true(hit.score > 0)
      assert.is_nil(hit.why)
    end)

    it("knows words in other forms, cases and accents", function()
      remember("a", "The CAFÉ sells running shoes")
      for _, word in ipairs { "cafe", "Café", "run", "runs", "SHOE" } do
        assert.are.same({ "a" }, ids(keyword(word)))
      end
    end)

    it("finds words of languages without spaces as substrings", function()
      remember("a", "彼は東京都に住んでいます")
      remember("b", "大阪の天気は晴れです")
      remember("c", "เขาอาศัยอยู่ในกรุงเทพ")
      assert.are.same({ "a" }, ids(keyword "東京"))
      assert.are.same({ "b" }, ids(keyword "天気"))
      assert.are.same({ "c" }, ids(keyword "กรุงเทพ"))
    end)

    it("takes operators and quotes for text", function()
      remember("a", "the left and the right NOT")
      remember("b", [[she said "hello" (twice) * 100% of col:umn]])
      for _, text in ipairs { '"', "'", '"hello', "hello AND", "NEAR(hello, 2)", "hello*", "^hello",
        "text:hello", "-hello", "(hello", "hello OR", "{hello}", "hello; DROP TABLE memories",
        "hello\0world", "he_llo hello" } do
        local found = ids(keyword(text))
        if text:find("hello") then assert.are.equal("b", found[1], text) end
      end
      assert.are.same({ "b" }, ids(keyword "100%"))
      assert.is_truthy(memory:recall("a"))
    end)

    it("finds nothing for a text without a word", function()
      remember("a", "some text")
      for _, text in ipairs { "", " ", "\t\n", "!?", "...", "—", "()" } do
        assert.are.same({}, ids(keyword(text)))
        assert.are.same({}, ids(text))
        assert.are.same({}, ids { text = text, mode = "vector" })
      end
    end)

    it("finds texts of frequent words, after those with rarer ones", function()
      remember("a", "to be or not to be")
      remember("b", "to be a zebra")
      assert.are.same({ "a", "b" }, set(keyword "to be"))
      assert.are.same({ "b", "a" }, ids(keyword "to be a zebra"))
    end)

    it("takes queries of any length", function()
      remember("a", "needle")
      local words = {}
      for i = 1, 20000 do words[i] = "word" .. i end
      words[1] = "needle"
      search(keyword(table.concat(words, " ")))
      search(table.concat(words, " "))
      assert.are.same({ "a" }, ids(keyword(("needle "):rep(5000))))
    end)
  end)

  describe("by vectors", function()
    it("finds the nearest, as many as are asked for", function()
      for i = 1, 30 do remember("m" .. i, "text number " .. i .. " about something") end
      assert.are.equal(10, #ids { text = "text", mode = "vector" })
      assert.are.equal(30, #ids { text = "text", mode = "vector", k = 100 })
      assert.are.equal("m7", ids { text = "text number 7 about something", mode = "vector" }[1])
    end)

    it("takes a vector instead of a text, as numbers or bytes", function()
      store:close()
      open { embed = embedders.letters { dim = 2 } }
      remember("x", "x", { vector = { 1, 0 } })
      remember("y", "y", { vector = { 0, 1 } })
      assert.are.same({ "y", "x" }, ids { vector = { 0.1, 1 }, mode = "vector" })
      assert.are.same({ "x", "y" }, ids { vector = { 1, 0.1 } })
      local bytes = require("moonbase.core").vector({ 0, 1 }, 2, "vector")
      local hits = search { vector = bytes, mode = "vector", explain = true }
      assert.are.equal("y", hits[1].id)
      assert.are.equal(1, hits[1].why.vector)
      assert.are.equal(1, hits[1].why.rank_vector)
      assert.are.equal(1, hits[1].score)
    end)

    it("refuses a vector that is none", function()
      for _, vector in ipairs { {}, { 1 }, { 0 / 0 }, "abc" } do
        refuses("invalid", "vector", memory.search, memory, { vector = vector })
      end
      raises("vector", memory.search, memory, { vector = 12 })
    end)

    it("never compares vectors of different embedders", function()
      remember("old", "green tea")
      store:close()
      open { embed = embedders.letters { name = "other", dim = 256 } }
      remember("new", "black coffee")
      assert.are.same({ "new" }, ids { text = "green tea", mode = "vector" })
      assert.are.same({ "old" }, ids(keyword "tea"))
      assert.are.same({ "new", "old" }, set "tea")
      assert.are.same({}, ids { text = "tea", mode = "vector", filter = { id = "old" } })
      assert.are.equal(1, assert(memory:reembed()))
      assert.are.same({ "new", "old" }, set { text = "green tea", mode = "vector" })
    end)

    it("fails as its embedder fails, while words are still found", function()
      remember("a", "green tea")
      store:close()
      open { embed = embedders.letters { dim = 2, asked = function() error "no network" end } }
      refuses("io", nil, memory.search, memory, "tea")
      refuses("io", nil, memory.search, memory, { text = "tea", mode = "vector" })
      assert.are.same({ "a" }, ids(keyword "tea"))
      assert.are.same({ "a" }, ids { text = "tea", weights = { vector = 0 } })
    end)

    it("asks the embedder once, and before it reads", function()
      local asked = 0
      store:close()
      open { embed = embedders.letters { asked = function(texts)
        asked = asked + 1
        assert.are.equal(1, #texts)
        assert.is_false(store.context.engine:in_transaction())
      end } }
      search "tea"
      assert.are.equal(1, asked)
      search(keyword "tea")
      assert.are.equal(1, asked)
    end)
  end)

  describe("by both", function()
    it("is what a plain text asks for", function()
      remember("a", "Ann likes green tea")
      remember("b", "Bob drinks coffee")
      assert.are.same({ "a", "b" }, ids "tea")
      assert.are.same({ "a" }, ids { text = "tea", k = 1 })
    end)

    it("finds what only one of them finds", function()
      remember("word", "the password of the safe is swordfish")
      for i = 1, 40 do remember("m" .. i, "filler text of no interest " .. i) end
      assert.are.equal("word", ids("swordfish")[1])
      assert.are.equal("word", ids("pasword")[1]) -- no such word; its letters are near
      assert.are.same({}, ids(keyword "pasword"))
    end)

    it("gives exactly k hits, or as many as there are", function()
      for i = 1, 15 do remember("m" .. i, "note " .. i) end
      for k = 0, 20 do assert.are.equal(math.min(k, 15), #ids { text = "note", k = k }) end
    end)

    it("orders by score, the older of two equal ones first", function()
      for i = 1, 8 do remember("m" .. i, i % 2 == 0 and "green tea" or "black tea") end
      local hits = search { text = "green tea", k = 100 }
      for i = 2, #hits do assert.is_true(hits[i - 1].score >= hits[i].score) end
      assert.are.same({ "m2", "m4", "m6", "m8" },
        { hits[1].id, hits[2].id, hits[3].id, hits[4].id })
    end)

    it("lets a text share in what was said next to it", function()
      local function say(id, text, source)
        clock.now = clock.now + 1000
        assert(memory:remember { id = id, text = text, source = source })
      end
      for i = 1, 30 do say("f" .. i, "small talk of the usual kind " .. i, "chat") end
      say("q", "Ann: Which instrument does your brother play?", "chat")
      say("r", "Bob: The cello, since he was six.", "chat")
      say("s", "Something else entirely, from elsewhere.", "mail")
      local found = ids { text = "instrument brother", k = 3 }
      assert.are.same({ "q", "r" }, { found[1], found[2] })
      assert.are_not.equal("s", found[3])
    end)

    it("takes nothing for a neighbour that lies in another namespace or day", function()
      clock.now = clock.now + DAY
      assert(memory:remember { id = "q", text = "instrument of the brother" })
      assert(memory:remember { id = "n", text = "cello since he was six", namespace = "other" })
      clock.now = clock.now + DAY
      assert(memory:remember { id = "d", text = "piano since he was six" })
      for _, hit in ipairs(search { text = "instrument brother", explain = true }) do
        assert.are.equal(hit.id == "q", hit.why.keyword ~= nil, hit.id)
      end
    end)

    it("takes for neighbours what is not more than an hour apart", function()
      assert(memory:remember { id = "q", text = "instrument of the brother", at = HOUR })
      assert(memory:remember { id = "n", text = "cello since he was six", at = 2 * HOUR })
      assert(memory:remember { id = "d", text = "piano since he was six", at = 3 * HOUR + 1 })
      for _, hit in ipairs(search { text = "instrument brother", explain = true }) do
        assert.are.equal(hit.id ~= "d", hit.why.keyword ~= nil, hit.id)
      end
    end)
  end)

  describe("within", function()
    it("a namespace, with those below it by whole segments", function()
      remember("a", "tea", { namespace = "user/1" })
      remember("b", "tea", { namespace = "user/1/likes" })
      remember("c", "tea", { namespace = "user/10" })
      remember("d", "tea", { namespace = "user" })
      remember("e", "tea", { namespace = "USER/1" })
      for _, mode in ipairs { "keyword", "vector", "hybrid" } do
        local function within(namespace)
          return set { text = "tea", mode = mode, namespace = namespace }
        end
        assert.are.same({ "a", "b" }, within "user/1")
        assert.are.same({ "a", "b", "c", "d" }, within "user")
        assert.are.same({ "b" }, within "user/1/likes")
        assert.are.same({}, within "use")
        assert.are.same({}, within "%")
        assert.are.equal(5, #set { text = "tea", mode = mode })
        assert.are.same({ "b" }, set { text = "tea", mode = mode, namespace = "user",
          filter = { namespace = "user/1/likes" } })
      end
    end)

    it("a time, from `since` to before `before`", function()
      for i = 1, 5 do remember("m" .. i, "tea", { at = i * 1000 }) end
      for _, mode in ipairs { "keyword", "vector", "hybrid" } do
        assert.are.same({ "m3", "m4", "m5" }, set { text = "tea", mode = mode, since = 3000 })
        assert.are.same({ "m1", "m2" }, set { text = "tea", mode = mode, before = 3000 })
        assert.are.same({ "m2", "m3" }, set { text = "tea", mode = mode, since = 2000, before = 4000 })
        assert.are.same({}, set { text = "tea", mode = mode, since = 6000 })
      end
    end)

    it("a filter, before the cut to k", function()
      for i = 1, 60 do
        remember("m" .. i, "tea time " .. i, { type = i % 20 == 0 and "rare" or "common",
          tags = { "t" .. i % 3 }, metadata = { n = i, deep = { lang = i % 2 == 0 and "de" or "en" } },
          importance = i })
      end
      for _, mode in ipairs { "keyword", "vector", "hybrid" } do
        local function by(filter, k)
          return set { text = "tea", mode = mode, k = k or 100, filter = filter }
        end
        assert.are.same({ "m20", "m40", "m60" }, by { type = "rare" })
        assert.are.equal(2, #by({ type = "rare" }, 2))
        assert.are.equal(20, #by { tags = { contains = "t1" } })
        assert.are.same({ "m58", "m60" }, by { ["metadata.n"] = { gte = 57 },
          ["metadata.deep.lang"] = "de" })
        assert.are.same({ "m1", "m59" }, by { any = { { id = "m1" }, { importance = 59 } } })
        assert.are.equal(57, #by { none = { { type = "rare" } } })
        assert.are.equal(60, #by { type = { ne = "nothing" } })
        assert.are.equal(60, #by {})
        assert.are.same({}, by { type = "none of that kind" })
      end
    end)

    it("its scope", function()
      remember("a", "tea")
      local other = assert(store:scope "other")
      assert(other.memory:remember { id = "b", text = "tea" })
      assert.are.same({ "a" }, ids "tea")
      assert.are.equal("b", assert(other.memory:search "tea")[1].id)
      assert.are.equal(1, #assert(other.memory:search "tea"))
      assert.are.same({}, assert(assert(store:scope "none").memory:search "tea"))
    end)

    it("what has not expired", function()
      for i = 1, 20 do remember("m" .. i, "tea", { ttl = i % 2 == 0 and 100 * DAY or nil }) end
      clock.now = clock.now + 200 * DAY
      for _, mode in ipairs { "keyword", "vector", "hybrid" } do
        assert.are.equal(10, #ids { text = "tea", mode = mode, k = 100 })
        assert.are.equal(10, #ids { text = "tea", mode = mode })
        assert.are.equal(10, #ids { text = "tea", mode = mode, namespace = "default" })
        assert.are.equal("m1", ids({ text = "tea", mode = mode, k = 1 })[1])
      end
    end)
  end)

  describe("changes are seen at once:", function()
    it("a text that is replaced, updated or forgotten", function()
      remember("a", "green tea")
      assert(memory:remember { id = "a", text = "black coffee" })
      assert.are.same({}, ids(keyword "tea"))
      assert.are.same({ "a" }, ids(keyword "coffee"))
      assert(memory:update("a", { text = "red wine" }))
      assert.are.same({}, ids(keyword "coffee"))
      assert.are.same({ "a" }, ids { text = "red wine", mode = "vector" })
      assert(memory:forget "a")
      for _, mode in ipairs { "keyword", "vector", "hybrid" } do
        assert.are.same({}, ids { text = "green tea black coffee red wine", mode = mode })
      end
    end)

    it("a transaction's own, which others do not see", function()
      remember("a", "tea")
      local other = stores.open(path, { shared = false }, clock)
      store:transaction(function(tx)
        assert(tx.memory:remember { id = "b", text = "zebra tea" })
        assert(tx.memory:forget "a")
        for _, mode in ipairs { "keyword", "vector", "hybrid" } do
          local hits = assert(tx.memory:search { text = "tea", mode = mode })
          assert.are.equal(1, #hits)
          assert.are.equal("b", hits[1].id)
          hits = assert(other.memory:search { text = "tea", mode = mode })
          assert.are.equal(1, #hits)
          assert.are.equal("a", hits[1].id)
        end
        return nil, moonbase.errors.new("conflict", "undo")
      end)
      assert.are.same({ "a" }, ids "tea")
      assert.are.same({}, ids(keyword "zebra"))
      other:close()
    end)

    it("after opening again, by a readonly handle too", function()
      remember("a", "green tea")
      remember("b", "coffee")
      local before = search { text = "tea", explain = true }
      store:close()
      open { readonly = true }
      assert.are.same(before, search { text = "tea", explain = true })
    end)
  end)

  describe("refuses", function()
    it("values that cannot be", function()
      local function refused(field, query)
        query.text = query.text or "tea"
        refuses("invalid", field, memory.search, memory, query)
      end
      refused("mode", { mode = "fuzzy" })
      refused("mode", { mode = "" })
      for _, k in ipairs { -1, 1.5, 0 / 0, math.huge } do refused("k", { k = k }) end
      refused("namespace", { namespace = "" })
      refused("namespace", { namespace = "a\0b" })
      refused("since", { since = -1 })
      refused("before", { before = 0 / 0 })
      refused("half_life", { half_life = -1 })
      refused("half_life", { half_life = 0 / 0 })
      for _, mmr in ipairs { -0.1, 1.1, 0 / 0 } do refused("mmr", { mmr = mmr }) end
      for _, hops in ipairs { -1, 0.5, 5 } do refused("expand", { expand = hops }) end
      refused("weights.keyword", { weights = { keyword = -1 } })
      refused("weights.vector", { weights = { vector = 0 / 0 } })
      refused("text", { text = "\255" })
      refused("filter.color", { filter = { color = "red" } })
      refused("filter.type.like", { filter = { type = { like = "x" } } })
      refused("filter.any", { filter = { any = "x" } })
    end)

    it("a query that looks for nothing", function()
      refuses("invalid", "text", memory.search, memory, {})
      refuses("invalid", "text", memory.search, memory, { namespace = "user" })
      refuses("invalid", "text", memory.search, memory, { mode = "keyword" })
    end)

    it("arguments of the wrong type, and options that there are none of", function()
      raises("query", memory.search, memory)
      raises("query", memory.search, memory, 12)
      raises("query.limit", memory.search, memory, { text = "tea", limit = 10 })
      raises("query.text", memory.search, memory, { text = 12 })
      raises("query.k", memory.search, memory, { text = "tea", k = "10" })
      raises("query.weights.words", memory.search, memory, { text = "tea", weights = { words = 1 } })
      raises("query.weights.keyword", memory.search, memory, { text = "tea", weights = { keyword = "1" } })
      raises("query.filter", memory.search, memory, { text = "tea", filter = "x" })
    end)

    it("to work on a closed store", function()
      store:close()
      raises("closed", memory.search, memory, keyword "tea")
    end)
  end)
end)
