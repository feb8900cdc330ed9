-- What is worth remembering, by signals that need no model.

local admission = require "moonbase.memory_admission"

-- So many different words, of four characters with the space behind them: a token each.
local function words(count)
  local list = {}
  for i = 1, count do list[i] = ("w%02x"):format(i % 256) end
  return table.concat(list, " ") .. "."
end

local function signal(name, piece)
  piece.kind = piece.kind or "chat"
  local _, signals = admission.score(piece)
  return signals[name]
end

local function near(expected, actual)
  assert.is_true(math.abs(expected - actual) < 0.011, ("expected %g, got %g"):format(expected, actual))
end

describe("the signals of a piece:", function()
  it("length rises from 10 tokens to 30, and falls beyond 3000", function()
    for tokens, value in pairs { [1] = 0, [9] = 0, [10] = 0, [20] = 0.5, [30] = 1, [3000] = 1, [5500] = 0.75,
      [8000] = 0.5, [20000] = 0.5 } do
      near(value, signal("length", { text = ("abc "):rep(tokens) }))
    end
  end)

  it("variety is the share of different words, undecided for a few", function()
    near(0.5, signal("variety", { text = "one two one two" }))
    near(0, signal("variety", { text = ("a b c "):rep(4) }))
    near(1, signal("variety", { text = "a b c d e f g A B C" }))
    near(0.5, signal("variety", { text = "a b c d e a b c d e" }))
  end)

  it("kind and provider tell how carefully it was written", function()
    near(0.5, signal("kind", { text = "x", kind = "chat" }))
    near(0.8, signal("kind", { text = "x", kind = "email" }))
    near(0.9, signal("kind", { text = "x", kind = "document" }))
    near(0.75, signal("provider", { text = "x", kind = "email" }))
    near(0.8, signal("provider", { text = "x", kind = "email", tags = { "a", "provider:gmail" } }))
    near(0.5, signal("provider", { text = "x", kind = "chat", tags = { "provider:unheard" } }))
  end)

  it("interaction adds up what tags tell", function()
    near(0.5, signal("interaction", { text = "x", tags = { "other" } }))
    near(0.6, signal("interaction", { text = "x", tags = { "sent" } }))
    near(0.5, signal("interaction", { text = "x", tags = { "dm", "mention" } }))
    near(1, signal("interaction", { text = "x", tags = { "sent", "reply" } }))
  end)

  it("names is one for a name in a hundred tokens", function()
    near(0, signal("names", { text = words(100) }))
    near(1, signal("names", { text = words(90) .. " and Berlin" }))
    near(0.5, signal("names", { text = words(195) .. " and Berlin" }))
  end)
end)

describe("the score of a piece", function()
  local LONG = "we talked for an hour about what the old house by the sea would cost to repair, and agreed"

  it("is the weighted mean of its signals", function()
    local score, s = admission.score { text = LONG, kind = "email", tags = { "sent" } }
    near((s.length + s.variety + 1.5 * 0.8 + 1.5 * 0.75 + 3 * 0.6 + s.names) / 9, score)
  end)

  it("is nothing for what is tiny and names nobody", function()
    assert.equal(0, (admission.score { text = "ok, thanks", kind = "document" }))
    assert.is_true((admission.score { text = "call Bob Miller", kind = "chat" }) > 0.3)
  end)

  it("is raised by a tag for what matters", function()
    local plain = admission.score { text = LONG, kind = "chat" }
    local raised = admission.score { text = LONG, kind = "chat", tags = { "priority_high" } }
    near(plain + 0.25, raised)
    assert.is_true((admission.score { text = LONG .. " with Ann", kind = "document",
      tags = { "sent", "reply", "priority_high", "provider:conversation" } }) <= 1)
  end)

  it("admits from 0.3 on", function()
    assert.is_true(admission.admit({}, 0.3))
    assert.is_true(admission.admit({}, 0.36))
    assert.is_false(admission.admit({}, 0.29))
  end)
end)
