-- Whole sources in memory: what of them is let in at all, and what is embedded.

local embedders = require "spec.support.embedders"
local files = require "spec.support.files"
local ingest = require "spec.support.ingest"
local stores = require "spec.support.stores"
local support = require "spec.support.memory"

local document, chat, sections, counts, texts, found =
  ingest.document, ingest.chat, ingest.sections, ingest.counts, ingest.texts, ingest.found

local store, memory

local function open(path, options) store, memory = ingest.open(path, options) end

before_each(function() open() end)

after_each(function()
  support.check(store)
  stores.cleanup()
end)

describe("embedding what is ingested", function()
  local asked

  before_each(function()
    store:close()
    asked = {}
    open(nil, { embed = embedders.letters { asked = function(list)
      for _, text in ipairs(list) do asked[#asked + 1] = text end
    end } })
  end)

  it("makes vectors only of what is new", function()
    document(sections("a", "b"))
    assert.same({ "# Head a", "# Head b" }, asked)
    document(sections("a", "b"))
    assert.equal(2, #asked)
    document(sections("a", "c"))
    assert.same({ "# Head a", "# Head b", "# Head c" }, asked)
  end)

  it("counts who says something, also where what he says is changed", function()
    local ids = chat({ { author = "Ann", text = "At noon." } }).ids
    assert(memory:update(ids[1], { text = "At one." }))
    assert.same({ "Ann: At noon.", "Ann: At one." }, asked)
  end)

  it("makes none of an earlier version, which no search finds", function()
    document(sections("b"), { version = 2 })
    document(sections("a"), { version = 1 })
    assert.same({ "# Head b" }, asked)
    assert.equal(1, memory:stats().embedded)
  end)

  it("is made good where the newer version goes meanwhile", function()
    document(sections("b"), { version = 2 })
    local engine, done = store.context.engine, false
    local snapshot = engine.snapshot
    engine.snapshot = function(...)
      local result, err = snapshot(...)
      if not done then
        done = true
        assert(memory:forget_source "doc")
      end
      return result, err
    end
    document(sections("a"), { version = 1 })
    engine.snapshot = nil
    assert.same({ "# Head b", "# Head a" }, asked)
    assert.same({ "# Head a" }, found "head")
  end)

  it("happens before the write begins, so that others may write meanwhile", function()
    store:close()
    local path = files.database()
    local inside
    open(path, { embed = embedders.letters { asked = function() inside = store.context.engine:in_transaction() end } })
    document(sections("a", "b"))
    assert.is_false(inside)
  end)

  it("is made good where a piece goes while others are embedded", function()
    local ids = document(sections("a", "b")).ids
    store:close()
    local path, removed = files.database(), false
    open(path, { embed = embedders.letters { asked = function()
      if memory:stats().count == 2 and not removed then
        removed = true
        assert(memory:forget(ids[1]))
      end
    end } })
    document(sections("a", "b"))
    assert.same({ 2, 1, 3 }, counts(document(sections("a", "b", "c"))))
    assert.is_true(removed)
    assert.equal(3, memory:stats().embedded)
  end)

  it("fails the call as a whole when it fails", function()
    document(sections("a", "b"))
    store:close()
    local path, broken = files.database(), false
    open(path, { embed = embedders.letters { asked = function()
      if broken then error("no model") end
    end } })
    local before = document(sections("a", "b"))
    broken = true
    local report, err = memory:ingest { source = "doc", kind = "document", max_tokens = 4, overlap = 0,
      text = sections("c") }
    assert.is_nil(report)
    assert.same({ "io", true }, { err.code, err.retryable })
    assert.same({ "# Head a", "# Head b" }, texts(before))
    assert.same({ 0, 2, 2 }, counts(document(sections("a", "b"))))
  end)
end)

describe("a rule for what is admitted", function()
  local LONG = "We met Ann Smith in Berlin to talk about the new contract, its dates and what it will cost."

  it("refuses chatter where the default one is asked for", function()
    local report = chat({ { text = "ok" }, { text = LONG }, { text = "haha yes" } }, { on_admit = true })
    assert.same({ 1, 0, 1 }, counts(report))
    assert.equal(2, report.refused)
    assert.same({ LONG }, texts(report))
  end)

  it("admits everything where none is asked for", function()
    for _, rule in ipairs { false } do
      assert.same({ 2, 0, 2 }, counts(chat({ { text = "ok" }, { text = LONG } }, { on_admit = rule })))
    end
    local report = chat({ { text = "ok" }, { text = LONG } }, { source = "other" })
    assert.same({ 2, 0, 2 }, counts(report))
    assert.is_nil(report.refused)
  end)

  it("may be the caller's own, who is told the score and what it is made of", function()
    local seen = {}
    local report = chat({ { author = "Ann", text = "ok", at = 7 }, { text = LONG } }, { tags = { "t" },
      on_admit = function(piece, score, signals)
        seen[#seen + 1] = { piece = piece, score = score, signals = signals }
        return piece.author == "Ann"
      end })
    assert.same({ "ok" }, texts(report))
    assert.equal(1, report.refused)
    local piece = seen[1].piece
    assert.same({ "Ann", "ok", 7, 1, "chat", "chat" },
      { piece.author, piece.text, piece.at, piece.position, piece.kind, piece.source })
    assert.is_true(seen[1].score < seen[2].score and seen[2].score <= 1)
    for _, name in ipairs { "length", "variety", "kind", "provider", "interaction", "names" } do
      assert.is_true(seen[2].signals[name] >= 0 and seen[2].signals[name] <= 1, name)
    end
  end)

  it("is not asked about what is there already", function()
    local asked = 0
    local function rule()
      asked = asked + 1
      return true
    end
    chat({ { text = "a" }, { text = "b" } }, { on_admit = rule })
    chat({ { text = "a" }, { text = "b" }, { text = "c" } }, { on_admit = rule })
    assert.equal(3, asked)
  end)

  it("that raises leaves everything as it was", function()
    chat { { text = "a" } }
    assert.has_error(function()
      chat({ { text = "b" } }, { on_admit = function() error("no") end })
    end)
    assert.same({ "a" }, found "a")
  end)
end)
