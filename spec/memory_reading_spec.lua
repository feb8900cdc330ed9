-- The closer reading of what a search found (core.read_closely), against the tokenizer.

local core = require "moonbase.core"

local function shares(texts, neighbours, query)
  local words, rarities = core.words(query), {}
  for i = 1, #words do rarities[i] = 1 end
  return core.read_closely(texts, neighbours, words, rarities)
end

describe("core.read_closely", function()
  it("sees every word that the tokenizer sees", function()
    local words = { "running", "Lying", "dying", "tie", "O'Neil", "don't", "x", "I", "42", "3.14",
      "naïve", "Straße", "東京都", "Ёлка", "foo_bar", "e-mail", "l'amour", "'quoted'", "CAFÉ", "skies",
      "by", "yes", "a1", "ümlaut", "🙂 smile", "rock'n'roll" }
    for _, word in ipairs(words) do
      for _, text in ipairs { word, "the " .. word .. " here", "(" .. word .. ")", word .. ", no" } do
        assert.is_true(shares({ text }, { false }, word)[1] > 0.4, text)
      end
      assert.are.equal(0, shares({ "something else 17" }, { false }, word)[1], word)
    end
    assert.is_true(shares({ "she lies" }, { false }, "lying")[1] > 0)
    assert.is_true(shares({ "she is lying" }, { false }, "lie")[1] > 0)
  end)

  it("gives more for more of the words, and for rarer ones", function()
    local texts = { "green tea", "green", "tea", "coffee" }
    local none = { false, false, false, false }
    local found = shares(texts, none, "green tea")
    assert.is_true(found[1] > found[2])
    assert.are.equal(found[2], found[3])
    assert.are.equal(0, found[4])
    found = core.read_closely(texts, none, { "green", "tea" }, { 1, 5 })
    assert.is_true(found[3] > found[2])
    for _, share in ipairs(found) do assert.is_true(share >= 0 and share <= 1) end
  end)

  it("lets neighbours share, the nearer the more, three on each side", function()
    local texts, neighbours = {}, {}
    for i = 1, 11 do texts[i], neighbours[i] = "something of the usual kind", i > 1 end
    texts[6] = "swordfish of the usual kind"
    local found = shares(texts, neighbours, "swordfish")
    assert.is_true(found[6] > found[7] and found[7] > found[8] and found[8] > found[9])
    assert.is_true(found[7] > found[5] and found[5] > found[4] and found[4] > found[3])
    assert.is_true(found[9] > 0 and found[3] > 0)
    assert.are.equal(0, found[10])
    assert.are.equal(0, found[2])
  end)

  it("lets nobody share beyond one who is no neighbour", function()
    local found = shares({ "tea", "word", "word", "word" }, { false, true, false, true }, "tea")
    assert.is_true(found[2] > 0)
    assert.are.equal(0, found[3])
    assert.are.equal(0, found[4])
  end)

  it("gives questions and very short neighbours less", function()
    local found = shares({ "tea is out", "tea is out?", "tea is out？ " }, { false, false, false }, "tea")
    assert.is_true(found[1] > found[2])
    assert.are.equal(found[2], found[3])
    found = shares({ "tea", "thanks a lot for all of it", "tea", "thanks" },
      { false, true, false, true }, "tea")
    assert.is_true(found[2] > found[4])
  end)

  it("takes nothing, any bytes and many words", function()
    assert.are.same({}, shares({}, {}, "tea"))
    assert.are.same({ 0 }, shares({ "tea" }, {}, ""))
    assert.are.same({ 0, 0 }, shares({ "", "\255\0\192" }, { true, true }, "tea"))
    local words = {}
    for i = 1, 500 do words[i] = "w" .. i end
    assert.is_true(shares({ table.concat(words, " ") }, { false }, table.concat(words, " "))[1] > 0.3)
    assert.has_error(function() core.read_closely({}, {}, {}) end)
    assert.has_error(function() core.read_closely("", {}, {}, {}) end)
  end)
end)
