-- Long texts in pieces.

local core = require "moonbase.core"
local split = require "moonbase.split"
local split_points = require "moonbase.split_points"

local function pieces(text, max_tokens, overlap)
  return split.pieces(text, assert(split.options(max_tokens, overlap)))
end

local function texts(...)
  local list = {}
  for i, piece in ipairs(pieces(...)) do list[i] = piece.text end
  return list
end

local state = 42
local function random(n)
  state = state * 16807 % 2147483647
  return state % n + 1
end

local function random_text(units, count)
  local parts = {}
  for i = 1, count do parts[i] = units[random(#units)] end
  return table.concat(parts)
end

describe("split.pieces", function()
  it("leaves what fits whole, without the white space around it", function()
    assert.same({ "One text.\n\n# With a heading\n\nAnd more." },
      texts("\n One text.\n\n# With a heading\n\nAnd more. \n"))
    assert.same({}, texts "")
    assert.same({}, texts " \n\t ")
  end)

  it("counts four characters, not bytes, as a token", function()
    assert.equal(1, #texts(("é"):rep(40), 10))
    assert.equal(2, #texts(("é"):rep(41), 10))
  end)

  it("cuts at headings before paragraphs, at paragraphs before sentences", function()
    assert.same({ "# A\n\nOne is here. Two is here.", "# B\n\nThree is here." },
      texts("# A\n\nOne is here. Two is here.\n\n# B\n\nThree is here.", 9, 0))
    assert.same({ "One is here. Two is.", "Three is here. Four." },
      texts("One is here. Two is.\n\nThree is here. Four.", 8, 0))
    assert.same({ "First it was said.", "Then it was done." },
      texts("First it was said. Then it was done.", 7, 0))
  end)

  it("takes the heading of a higher level first, and knows under which a piece stands", function()
    local list = pieces("# Guide\n\nIntro text here.\n\n## Setup\n\nDo it well.\n\n# Other\n\nText.", 9, 0)
    local headings = {}
    for i, piece in ipairs(list) do headings[i] = piece.heading end
    assert.same({ "Guide", "Guide > Setup", "Other" }, headings)
  end)

  it("takes six signs for a heading, not seven, and none without a space", function()
    local function heading(line) return pieces(line .. "\n\ntext")[1].heading end
    assert.equal("A", heading "###### A ##")
    assert.is_nil(heading "####### A")
    assert.is_nil(heading "#A")
    assert.is_nil(heading "    # A")
  end)

  it("keeps fenced code together where it fits, whatever stands in it", function()
    local code = "```lua\n-- one\n\n# two\n\nreturn 3\n```"
    local list = texts("Some words before it, quite a few.\n\n" .. code .. "\n\nAnd some words behind.", 12, 0)
    assert.equal(code, list[2])
    local long = "~~~\n" .. ("x = x + 1\n"):rep(20) .. "~~~"
    for _, text in ipairs(texts(long, 10, 0)) do
      assert.truthy(text:find("^x = ") or text:find("^~~~"))
    end
  end)

  it("ends no sentence behind an abbreviation, an initial, or before a small letter", function()
    assert.same({ "He met Dr. Smith and J. Doe.", "Then more." },
      texts("He met Dr. Smith and J. Doe. Then more.", 8, 0))
  end)

  it("splits texts without spaces at their sentences, else between characters", function()
    assert.same({ "最初の文です。次の文です。", "最後の文です。" }, texts("最初の文です。次の文です。最後の文です。", 4, 0))
    for _, text in ipairs(texts(("漢"):rep(100), 5, 0)) do
      assert.equal(20, split_points.length(text))
    end
  end)

  it("repeats the end of a piece at the beginning of the next, never all of it", function()
    local words = {}
    for i = 1, 300 do words[i] = ("word%03d"):format(i) end
    local list = pieces(table.concat(words, " "), 50, 0.2)
    for i = 2, #list do
      local shared = list[i - 1].last - list[i].first + 1
      assert.is_true(shared > 0 and shared <= 40)
      assert.truthy(list[i].text:find("^word%d%d%d"))
    end
  end)

  it("repeats nothing before a heading", function()
    local list = texts("# A\n\nSome words here.\n\n# B\n\nOther words here.", 8, 0.5)
    assert.truthy(list[2]:find("^# B"))
  end)

  it("keeps most cuts of a long text that changes in one place", function()
    local parts = {}
    for i = 1, 200 do parts[i] = "Paragraph " .. i .. " says something of its own, number " .. random(10000) .. "." end
    local before, seen, same = texts(table.concat(parts, "\n\n"), 100), {}, 0
    table.insert(parts, 3, "A new paragraph that was not there.")
    local after = texts(table.concat(parts, "\n\n"), 100)
    for _, text in ipairs(before) do seen[text] = true end
    for _, text in ipairs(after) do same = same + (seen[text] and 1 or 0) end
    assert.is_true(same > #after * 0.8, same .. " of " .. #after)
  end)
end)

-- What holds of every text.
local function check_all(text, max_tokens, overlap)
  local list = pieces(text, max_tokens, overlap)
  local covered = 0
  for i, piece in ipairs(list) do
    assert.equal(text:sub(piece.first, piece.last), piece.text)
    assert.is_true(split_points.length(piece.text) <= max_tokens * 4, "over the budget")
    assert.truthy(core.encode(piece.text, "text"), "not UTF-8")
    assert.truthy(piece.text:find("^%S") and piece.text:find("%S$"), "not trimmed")
    assert.is_nil(text:sub(covered + 1, piece.first - 1):find("%S"), "something is left out")
    assert.is_true(piece.last > covered, "nothing new")
    if i > 1 then assert.is_true(piece.first > list[i - 1].first) end
    covered = piece.last
  end
  assert.is_nil(text:sub(covered + 1):find("%S"), "the end is left out")
  assert.same(list, pieces(text, max_tokens, overlap))
end

describe("whatever the text, pieces are valid, within the budget, in order and leave nothing out:", function()
  local KINDS = {
    prose = { "Word ", "and ", "more. ", "Yes! ", "no ", "e.g. ", "Dr. ", "\n\n", "(so.) ", "end.\n" },
    markdown = { "# H\n", "## K\n\n", "text. ", "* item\n", "```\n", "~~~~\n", "\n", "####### x\n", "a|b\n", "\r\n" },
    dense = { "x", "é", "漢", "。", "😀", "！", "ab" },
    mixed = { " ", "\n", ".", "\"", "#", "`", "a", "É", "语", "\t", "\0", "\194\160" },
  }
  for kind, units in pairs(KINDS) do
    it(kind, function()
      for _ = 1, 60 do
        local text = random_text(units, random(300))
        check_all(text, random(40), ({ 0, 0.12, 0.3, 0.5 })[random(4)])
      end
    end)
  end

  it("one of a megabyte without any break", function()
    check_all(("x"):rep(2 ^ 20), 3000, 0.12)
  end)

  it("one of nothing but breaks", function()
    for _, unit in ipairs { "\n", " ", "# a\n", "```\n", ". ", "。" } do
      check_all(unit:rep(20000), 30, 0.12)
    end
  end)
end)

describe("split.options", function()
  it("has defaults", function()
    assert.same({ max_tokens = 3000, overlap = 0.12 }, split.options())
  end)

  it("refuses what no text could be split by", function()
    for _, tokens in ipairs { 0, -1, 1.5, 0 / 0, 1 / 0 } do
      local options, err = split.options(tokens)
      assert.is_nil(options)
      assert.same({ "invalid", "max_tokens" }, { err.code, err.field })
    end
    for _, overlap in ipairs { -0.1, 0.6, 1, 0 / 0 } do
      local options, err = split.options(10, overlap)
      assert.is_nil(options)
      assert.same({ "invalid", "overlap" }, { err.code, err.field })
    end
    assert.has_error(function() split.options("10") end)
    assert.has_error(function() split.options(10, true) end)
  end)
end)
