-- Quotes in threads of e-mails: what an earlier mail says is not said again.

local mail_quotes = require "moonbase.mail_quotes"

local FIRST = "Hi Bob,\n\nshall we meet on Friday?\nThe contract is ready.\n\nAnn"

local function second(text)
  return mail_quotes.without({ FIRST, text })[2]
end

local function quoted(text, sign)
  return (("\n" .. text):gsub("\n", "\n" .. (sign or "> ")):sub(2))
end

describe("a mail that quotes an earlier one", function()
  it("keeps what is its own", function()
    assert.equal("Yes, at ten.\n", second("Yes, at ten.\n\nOn Mon, 2 Mar 2026, Ann wrote:\n" .. quoted(FIRST)))
    assert.equal("Ja.", second("Ja.\nAm 2. März schrieb Ann:\n\n" .. quoted(FIRST)))
    assert.equal("\nYes.", second(quoted(FIRST) .. "\n\nYes."))
  end)

  it("keeps answers in between, and short quotes with them", function()
    local text = "> shall we meet on Friday?\n> The contract is ready.\n\nYes, good."
    assert.equal(text, second(text))
    assert.equal("Before\nBehind", second("Before\n" .. quoted(FIRST) .. "\nBehind"))
  end)

  it("loses quotes of quotes, however deep", function()
    local third = "Fine.\n\nOn Tue, Bob wrote:\n> Yes, at ten.\n>\n> On Mon, Ann wrote:\n" .. quoted(FIRST, "> > ")
    local list = mail_quotes.without { FIRST, "Yes, at ten.\n\nOn Mon, Ann wrote:\n" .. quoted(FIRST), third }
    assert.equal("Fine.\n", list[3])
  end)

  it("keeps what no earlier mail says", function()
    local text = "See below.\n\nOn Sun, Carl wrote:\n> One thing\n> and another\n> and a third"
    assert.equal(text, second(text))
    text = "See.\n" .. quoted(FIRST) .. "\n> and one line that is new"
    assert.equal(text, second(text))
    text = "FYI\n\n---------- Forwarded message ---------\nFrom: Carl\n\nThe offer."
    assert.equal(text, second(text))
  end)

  it("is untouched where it quotes nothing, byte by byte", function()
    for _, text in ipairs { "", "\n\n", "a\r\nb\r\n", "> ", ">>>", "1 > 0", "On Monday Ann wrote:\n", FIRST } do
      assert.same({ text }, mail_quotes.without { text })
    end
  end)

  it("knows nothing of later mails", function()
    local text = "Yes.\n" .. quoted(FIRST)
    assert.equal(text, mail_quotes.without({ text, FIRST })[1])
  end)

  it("is read in time that grows with its length alone", function()
    for _, unit in ipairs { "> ", ">", "> a\n", "\n", "On x wrote:\n", "> a\n\n", " " } do
      local text = unit:rep(math.floor(2 ^ 18 / #unit))
      assert.equal(2, #mail_quotes.without { text, text })
    end
  end)
end)
