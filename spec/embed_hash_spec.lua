local core = require "moonbase.core"
local hash = require "moonbase.embed.hash"
local outcome = require "spec.support.outcome"

local function dot(a, b)
  local sum = 0
  for i = 1, #a do sum = sum + a[i] * b[i] end
  return sum
end

local function length(vector)
  return math.sqrt(dot(vector, vector))
end

describe("the hash embedder", function()
  local embedder = assert(hash.new {})

  local function nearness(one, other)
    local vectors = embedder.embed { one, other }
    return dot(vectors[1], vectors[2])
  end

  it("has a name, 256 numbers and gives one vector for each text, in order", function()
    assert.are.equal("string", type(embedder.name))
    assert.are.equal(256, embedder.dim)
    local vectors = embedder.embed { "one", "two", "one" }
    assert.are.equal(3, #vectors)
    for _, vector in ipairs(vectors) do assert.are.equal(256, #vector) end
    assert.are.same(vectors[1], vectors[3])
    assert.are_not.same(vectors[1], vectors[2])
    assert.are.same({}, embedder.embed {})
  end)

  it("makes vectors of length 1, of texts without a word such of zeros", function()
    for _, text in ipairs { "word", "the", "the cat sat on the mat", "東京", "Ёлка", ("x "):rep(5000) } do
      assert.is_true(math.abs(length(embedder.embed { text }[1]) - 1) < 1e-6, text)
    end
    for _, text in ipairs { "", " \n\t", "!?", "—" } do
      assert.are.equal(0, length(embedder.embed { text }[1]))
    end
  end)

  it("gives the same numbers on every machine and in both interpreters", function()
    local vector = embedder.embed { "The quick brown fox jumps over the lazy dog." }[1]
    local bytes = assert(core.vector(vector, 256, "vector"))
    assert.are.equal("099519550b8623afc175a0d0af01d93cd260c28ea8d1f782ec2e1e006b5730e3", core.sha256(bytes))
  end)

  it("lets texts meet that have the same words, or the same in another form", function()
    assert.is_true(nearness("The cats were running quickly.", "a CAT runs quick") > 0.8)
    assert.is_true(nearness("adoption agency", "agencies for adopting") > 0.4)
    assert.is_true(nearness("restaurant", "restaurnat") > 0.2) -- a slip of the fingers
    assert.is_true(nearness("東京都の天気", "東京の天気は") > 0.4)
    assert.is_true(nearness("naïve café", "Naive Cafe") > 0.99)
  end)

  it("keeps texts apart that share no word", function()
    local texts = { "tax law in Bern", "a dog called Rex", "chess on Sunday evening",
      "the engine leaks oil", "her sister moved to Lima" }
    for i = 1, #texts do
      for j = i + 1, #texts do
        assert.is_true(nearness(texts[i], texts[j]) < 0.35, texts[i] .. " / " .. texts[j])
      end
    end
  end)

  it("gives words that are in every text little weight", function()
    assert.is_true(nearness("what is the name of the dog", "what is the price of the car") < 0.4)
    assert.is_true(nearness("what is the name of the dog", "dog name") > 0.9)
  end)

  it("takes other lengths from 1 up", function()
    for _, dim in ipairs { 1, 3, 64, 4096, 65536 } do
      local made = assert(hash.new { dim = dim })
      local vector = made.embed { "some words in a text" }[1]
      assert.are.equal(dim, made.dim)
      assert.are.equal(dim, #vector)
      if dim > 3 then assert.is_true(math.abs(length(vector) - 1) < 1e-6) end
    end
  end)

  it("refuses what is no length", function()
    for _, dim in ipairs { 0, -1, 1.5, 0 / 0, 65537, math.huge } do
      local err = outcome.refused("invalid", hash.new { dim = dim })
      assert.are.equal("dim", err.field)
    end
    assert.has_error(function() hash.new { dim = "256" } end)
    assert.has_error(function() hash.new { size = 256 } end)
    assert.has_error(function() hash.new(256) end)
  end)

  it("raises where a text is none", function()
    assert.has_error(function() embedder.embed "text" end)
    assert.has_error(function() embedder.embed { 12 } end)
    assert.has_error(function() embedder.embed { "a", {} } end)
  end)

  it("takes any bytes and long texts", function()
    local parts = {}
    for i = 1, 20000 do parts[i] = "w" .. i end
    for _, text in ipairs { "\255\254\0a\192", "\240\159\152", ("a"):rep(100000),
      table.concat(parts, " ") } do
      local vector = embedder.embed { text }[1]
      assert.are.equal(256, #vector)
      for i = 1, #vector do assert.are.equal(vector[i], vector[i]) end
    end
  end)
end)
