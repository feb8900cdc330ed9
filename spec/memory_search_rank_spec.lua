-- What counts in a search of memory beside words and vectors.

local embedders = require "spec.support.embedders"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local searches = require "spec.support.searches"
local stores = require "spec.support.stores"

local remember, search, ids, set, keyword =
  searches.remember, searches.search, searches.ids, searches.set, searches.keyword

local DAY = 24 * 3600 * 1000

describe("memory:search", function()
  local store, memory, path, clock

  -- A later one goes by the same clock.
  local function open(options) store, memory, clock = searches.open(path, options, clock) end

  before_each(function()
    path, clock = files.database(), nil
    open()
  end)

  after_each(stores.cleanup)

  describe("what else counts", function()
    it("is time, where a half-life is given", function()
      remember("old", "tea in the garden", { at = 0 })
      remember("new", "tea in the garden", { at = 10 * DAY })
      clock.now = 10 * DAY
      assert.are.same({ "old", "new" }, ids "tea garden")
      for _, mode in ipairs { "keyword", "vector", "hybrid" } do
        assert.are.same({ "new", "old" }, ids { text = "tea garden", mode = mode, half_life = DAY })
        assert.are.same({ "new", "old" },
          ids { text = "tea garden", mode = mode, weights = { recency = 1 } })
        assert.are.same({ "old", "new" }, ids { text = "tea garden", mode = mode, half_life = 0 })
      end
      local hits = search { text = "tea garden", half_life = 10 * DAY, explain = true }
      assert.are.equal(1, hits[1].why.recency)
      assert.are.equal(0.5, hits[2].why.recency)
      clock.now = 0
      assert.are.equal(1, search({ text = "tea", half_life = DAY, explain = true })[1].why.recency)
    end)

    it("is time, among more texts than are asked for", function()
      for i = 1, 100 do remember("m" .. i, "tea in the garden") end
      for _, mode in ipairs { "keyword", "vector", "hybrid" } do
        assert.are.same({ "m100", "m99" }, ids { text = "tea", mode = mode, half_life = DAY, k = 2 })
      end
    end)

    it("is importance, for what only the vectors find too", function()
      remember("words", "tea in the garden")
      remember("near", "bread and butter", { importance = 5 })
      assert.are.same({ "words" }, ids { text = "tea", k = 1 })
      assert.are.same({ "near" }, ids { text = "tea", k = 1, weights = { importance = 5 } })
    end)

    it("is all that counts, where neither words nor vectors have a weight", function()
      remember("old", "tea in the garden of the tea house", { at = 0, importance = 1 })
      remember("new", "tea", { at = 10 * DAY })
      remember("other", "milk", { at = 10 * DAY, importance = 9 })
      clock.now = 10 * DAY
      for _, mode in ipairs { "keyword", "vector", "hybrid" } do
        local found = ids { text = "tea", mode = mode, k = 2,
          weights = { keyword = 0, vector = 0, importance = 0, recency = 1 } }
        assert.are.equal("new", found[1])
        assert.are.equal(2, #found)
        found = ids { text = "tea", mode = mode, filter = { id = { ne = "other" } },
          weights = { keyword = 0, vector = 0, importance = 1 } }
        assert.are.same({ "old", "new" }, found)
      end
    end)

    it("is importance", function()
      remember("a", "tea in the garden")
      remember("b", "tea in the garden", { importance = 0.9 })
      remember("c", "tea in the garden", { importance = 5 })
      assert.are.same({ "c", "b", "a" }, ids "tea")
      assert.are.same({ "a", "b", "c" }, ids { text = "tea", weights = { importance = 0 } })
      assert.are.same({ "a", "b", "c" }, ids(keyword "tea"))
      assert.are.same({ "c", "b", "a" }, ids(keyword("tea", { weights = { importance = 1 } })))
    end)

    it("is who is mentioned, where hops are asked for", function()
      remember("a", "Alice Miller works at Acme Labs")
      remember("b", "the office of Acme Labs is in Zurich", { entities = { "Acme Labs", "Zurich" } })
      remember("c", "Zurich has a lake", { entities = { "Zurich" } })
      remember("d", "Bob likes tea", { entities = { "Bob" } })
      assert(memory:update("a", { entities = { "Alice Miller", "Acme Labs" } }))
      local function found(expand)
        local list = {}
        for _, hit in ipairs(search { text = "Alice Miller", expand = expand, explain = true }) do
          list[hit.id] = hit.why.graph
        end
        return list
      end
      assert.are.same({}, found(0))
      assert.are.same({ a = 1, b = 0.5 }, found(1))
      assert.are.same({ a = 1, b = 0.5, c = 0.25 }, found(2))
      assert.are.same({ "a", "b" }, { ids({ text = "Alice Miller", expand = 1 })[1],
        ids({ text = "Alice Miller", expand = 1 })[2] })
      local within = search { text = "Alice Miller", expand = 2, filter = { id = { ne = "b" } },
        explain = true }
      for _, hit in ipairs(within) do assert.are_not.equal("b", hit.id) end
    end)

    it("is who is mentioned, however many newer texts outside the conditions mention them", function()
      remember("a", "Alice Miller works at Acme Labs", { namespace = "n" })
      remember("b", "the office of Acme Labs is in Zurich", { namespace = "n" })
      assert(store:transaction(function()
        for i = 1, 1100 do
          assert(memory:remember { id = "o" .. i, text = "more", namespace = "o",
            entities = { "Alice Miller", "Acme Labs" } })
        end
        return true
      end))
      local list = {}
      for _, hit in ipairs(search { text = "Alice Miller", expand = 1, namespace = "n",
        explain = true }) do
        list[hit.id] = hit.why.graph
      end
      assert.are.same({ a = 1, b = 0.5 }, list)
    end)

    it("is variety, where mmr is given", function()
      remember("a", "green tea from China in a tin box")
      remember("b", "green tea from China in a tin box too")
      remember("c", "tea with milk")
      local query = { text = "green tea from China", k = 2, weights = { vector = 0 } }
      assert.are.same({ "a", "b" }, ids(query))
      query.mmr = 1
      assert.are.same({ "a", "b" }, ids(query))
      for i = 1, 30 do remember("m" .. i, "green tea number " .. i) end
      local plain = search { text = "tea number 7 from China" }
      assert.are.same(plain, search { text = "tea number 7 from China", mmr = 1 })
      query.mmr = 0.3
      assert.are.same({ "a", "c" }, ids(query))
      query.k = 10
      assert.are.equal(10, #ids(query))
      assert.are.same({}, ids(keyword("nothing", { mmr = 0.5 })))
      assert.are.same({ "c" }, ids(keyword("milk", { mmr = 0 })))
    end)

    it("is variety among all that are chosen, not only against the last", function()
      remember("a", "green tea from China in a tin box")
      remember("b", "green tea from China in a tin box too")
      remember("c", "milk with honey")
      remember("d", "bread and butter")
      assert.are.same({ "a", "c", "d" }, set { text = "green tea from China", mmr = 0.3, k = 3 })
    end)

    it("can be weighed by the caller", function()
      remember("words", "tea tea tea")
      remember("near", "teas")
      local hits = search { text = "tea", weights = { keyword = 0 }, explain = true }
      assert.is_nil(hits[1].why.keyword)
      hits = search { text = "tea", weights = { vector = 0 }, explain = true }
      assert.is_nil(hits[1].why.vector)
      local one = search({ text = "tea", weights = { keyword = 1, vector = 0 } })[1].score
      local two = search({ text = "tea", weights = { keyword = 2, vector = 0 } })[1].score
      assert.is_true(math.abs(two - 2 * one) < 1e-9)
    end)

    it("is how much the embedder says its vectors tell", function()
      store:close()
      local embedder = embedders.letters { dim = 2 }
      embedder.weight = 0
      open { embed = embedder }
      remember("a", "green tea")
      local hit = search { text = "zebra", explain = true }[1]
      assert.is_nil(hit and hit.why.vector)
      assert.is_truthy(search({ text = "zebra", explain = true, weights = { vector = 1 } })[1].why.vector)
    end)

    it("is told by `explain`, what took part and nothing else", function()
      remember("a", "green tea", { importance = 1 })
      remember("b", "coffee")
      local why = search({ text = "tea", explain = true })[1].why
      local names = {}
      for name, value in pairs(why) do
        names[#names + 1] = name
        assert.are.equal("number", type(value))
      end
      table.sort(names)
      assert.are.same({ "importance", "keyword", "rank_keyword", "rank_vector", "vector" }, names)
      assert.are.equal(1, why.rank_keyword)
      why = search(keyword("tea", { explain = true }))[1].why
      assert.is_nil(why.vector)
      assert.is_nil(why.importance)
      assert.is_nil(search({ text = "coffee", mode = "vector", explain = true })[1].why.keyword)
      local vector = moonbase.embed.hash().embed({ "coffee" })[1]
      assert.are.same({ "a" }, ids(keyword("tea", { vector = vector })))
      why = search({ text = "tea", weights = { importance = 0 }, explain = true })[1].why
      assert.is_nil(why.importance)
    end)
  end)
end)
