-- The vectors of memory: who makes them, when, and what happens when he cannot.

local embedders = require "spec.support.embedders"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"
local support = require "spec.support.memory"

local refused = outcome.refused

describe("memory's embedder", function()
  local path, store

  before_each(function() path = files.database() end)

  after_each(stores.cleanup)

  local function open(embedder)
    if store then store:close() end
    store = stores.open(path, { embed = embedder })
    return store.memory
  end

  local function value(sql)
    return assert(store.context.engine:value(sql))
  end

  local function check()
    support.check(store)
  end

  it("is one that needs nothing, unless the store is opened with another", function()
    local memory = open()
    assert(memory:remember { text = "Ann likes tea" })
    local stats = assert(memory:stats())
    assert.are.equal(256, stats.embedder.dim)
    assert.are.equal(1, stats.embedded)
    assert.are.equal(1024, value "SELECT length(vector) FROM vector_floats")
  end)

  it("is asked before the write lock is taken", function()
    local other = assert(moonbase.open(path, { shared = false, busy_timeout = 0 }))
    local memory = open(embedders.letters { asked = function()
      assert(other.kv:set("n", "k", true)) -- would be `busy`
    end })
    assert(memory:remember { id = "a", text = "one" })
    assert(memory:update("a", { text = "two" }))
    assert(memory:update("a", { vector = moonbase.null }))
    assert.are.equal(3, select(2, other.kv:get("n", "k")))
    other:close()
  end)

  it("may yield", function()
    local memory = open(embedders.letters { asked = function() coroutine.yield("waiting") end })
    local run = coroutine.wrap(function() return memory:remember { id = "a", text = "one" } end)
    assert.are.equal("waiting", run())
    assert.is_nil(memory:recall("a"))
    assert.are.equal("a", run().id)
    assert.are.equal("one", memory:recall("a").text)
  end)

  it("that fails, or answers nonsense, leaves everything as it was", function()
    local trouble
    local memory = open(embedders.letters { asked = function(texts)
      if trouble then return trouble(texts) end
    end })
    assert(memory:remember { id = "a", text = "one" })
    local record = memory:recall("a")
    for _, case in ipairs {
      { "io", function() error("no network") end },
      { "io", function() return nil, "timed out" end },
      { "invalid", function() return { { 1, 2, 3 } } end },
      { "invalid", function() return {} end },
      { "invalid", function() return { { 1, 0 / 0 } } end },
    } do
      trouble = case[2]
      local err = refused(case[1], memory:remember { id = "b", text = "two" })
      assert.are.equal(case[1] == "io", err.retryable)
      refused(case[1], memory:update("a", { text = "two" }))
      refused(case[1], store.checkpoints:commit {
        thread = "t", run = { id = "r", agent = "x" }, memories = { { text = "two" } },
      })
      trouble = nil
      assert.are.same(record, memory:recall("a"))
      assert.is_nil(memory:recall("b"))
      assert.are.equal(0, store.threads:list({ total = true }).total)
    end
    assert(memory:update("a", { type = "fact" })) -- needs none
    check()
  end)

  it("must be one", function()
    for named, embedder in pairs {
      ["embed.name"] = { dim = 1, embed = print }, ["embed.dim"] = { name = "x", embed = print },
      ["embed.embed"] = { name = "x", dim = 1 },
    } do
      local ok, err = pcall(moonbase.open, path, { embed = embedder })
      assert.is_false(ok)
      assert.matches(named, tostring(err), 1, true)
    end
    refused("invalid", moonbase.open(path, { embed = { name = "x", dim = 0, embed = print } }))
    refused("invalid", moonbase.open(path, { embed = { name = "", dim = 1, embed = print } }))
  end)

  describe("that is another than before", function()
    local function fill(memory, first, last)
      for i = first, last do assert(memory:remember { id = "m" .. i, text = "text " .. i }) end
    end

    it("has its vectors apart, and reembed makes the rest", function()
      fill(open(embedders.letters()), 1, 7)
      local memory = open(embedders.letters { name = "other", dim = 3 })
      fill(memory, 8, 9)
      local stats = assert(memory:stats())
      assert.are.equal(2, stats.embedded)
      assert.are.equal(7, stats.to_embed)
      assert.are.equal(3, memory:reembed { limit = 3 })
      check()
      assert.are.equal(0, memory:reembed { limit = 0 })
      assert.are.equal(4, memory:stats().to_embed)
      assert.are.equal(4, memory:reembed())
      assert.are.equal(0, memory:reembed())
      check()
      stats = assert(memory:stats())
      assert.are.equal(9, stats.embedded)
      assert.are.equal(0, stats.to_embed)
      assert.are.equal(9 * 12, value "SELECT sum(length(vector)) FROM vector_floats")
    end)

    it("of the same name in another size is another", function()
      fill(open(embedders.letters()), 1, 2)
      local memory = open(embedders.letters { dim = 5 })
      assert.are.equal(2, memory:stats().to_embed)
      assert.are.equal(2, memory:reembed())
      check()
    end)

    it("moves a record that is written, and lets one go that is forgotten", function()
      fill(open(embedders.letters()), 1, 5)
      local memory = open(embedders.letters { name = "other" })
      assert(memory:remember { id = "m2", text = "text 2" })
      assert(memory:update("m3", { text = "text three" }))
      assert(memory:update("m4", { type = "fact" }))
      assert.is_true(memory:forget("m1"))
      check()
      assert.are.equal(2, memory:stats().embedded)
      assert.are.equal(2, memory:reembed())
      check()
    end)

    it("finds a given vector replaced", function()
      local memory = open(embedders.letters())
      assert(memory:remember { id = "a", text = "text", vector = { 5, 6 } })
      memory = open(embedders.letters { name = "other" })
      assert.are.same({ 5, 6 }, memory:recall("a").vector)
      assert.are.equal(1, memory:reembed())
      assert.is_nil(memory:recall("a").vector)
    end)

    it("and fails has done what it did, and the next call fails", function()
      fill(open(embedders.letters()), 1, 150)
      local calls = 0
      local memory = open(embedders.letters { name = "other", asked = function()
        calls = calls + 1
        if calls == 2 or calls == 3 then error("no network") end
      end })
      assert.are.equal(100, memory:reembed())
      refused("io", memory:reembed())
      local stats = assert(memory:stats())
      assert.are.equal(100, stats.embedded)
      assert.are.equal(50, stats.to_embed)
      check()
      assert.are.equal(50, memory:reembed())
      check()
    end)

    it("leaves alone what changes while it works", function()
      fill(open(embedders.letters()), 1, 5)
      local memory
      local meanwhile = function()
        assert(memory:update("m2", { text = "changed", vector = { 1, 1 } }))
        assert(memory:forget("m3"))
        assert(memory:update("m4", { vector = { 2, 1 } }))
      end
      memory = open(embedders.letters { name = "other", asked = function()
        local once = meanwhile
        meanwhile = function() end
        once()
      end })
      assert.are.equal(2, memory:reembed())
      assert.are.same({ 1, 1 }, memory:recall("m2").vector)
      assert.are.same({ 2, 1 }, memory:recall("m4").vector)
      assert.is_nil(memory:recall("m3"))
      check()
    end)
  end)

  it("is not asked about texts that it has not seen, wherever one searches", function()
    local memory = open(embedders.letters())
    for i = 1, 300 do assert(memory:remember { id = "a" .. i, text = "text " .. i }) end
    memory = open(embedders.letters { name = "other" })
    for i = 1, 200 do assert(memory:remember { id = "b" .. i, text = "more " .. i }) end
    local ctx, serials = store.context, {}
    for i = 1, 500 do serials[i] = i end
    local set = assert(require("moonbase.memory_vectors").find(ctx, 1))
    local vector = require("moonbase.core").vector({ 110, 112 }, 2, "vector")
    for _, among in ipairs { serials, { 299, 300, 301, 302 } } do
      for _, exact in ipairs { true, false } do
        local found = assert(ctx.engine:vectors_search(set, vector, 5, exact, among))
        assert.are.equal(among == serials and 5 or 2, #found)
        for _, serial in ipairs(found) do assert.is_true(serial > 300) end
      end
    end
  end)

  it("keeps vectors and records together however they come and go", function()
    local memory = open(embedders.letters())
    local seed = 7
    local function below(count)
      seed = seed * 16807 % 2147483647
      return seed % count
    end
    for i = 1, 300 do
      local id, what = "m" .. below(20), below(5)
      if what == 0 then
        memory:forget(id)
      elseif what == 1 then
        memory:update(id, { text = "changed " .. i })
      elseif what == 2 then
        memory:update(id, { importance = i })
      else
        assert(memory:remember { id = id, text = "text " .. below(30) })
      end
    end
    check()
    assert.are.equal(value "SELECT count(*) FROM memories", memory:stats().count)
  end)
end)
