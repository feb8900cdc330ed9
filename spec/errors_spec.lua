local core = require "moonbase.core"
local errors = require "moonbase.errors"
local files = require "spec.support.files"

describe("error codes", function()
  it("are documented, each with what the core says of it", function()
    local page = files.read("docs/errors.md")
    for _, code in ipairs(core.codes()) do
      local row = string.format("| `%s` | %s | %s |", code.code, code.retryable and "yes" or "",
        code.doc)
      assert.is_truthy(page:find(row, 1, true), row)
    end
  end)

  it("are the documented ones and no others", function()
    local known, count = {}, 0
    for _, code in ipairs(core.codes()) do known[code.code] = true end
    for code in files.read("docs/errors.md"):gmatch("\n| `([%l_]+)` | [yes]* |") do
      assert.is_true(known[code], code)
      count = count + 1
    end
    assert.are.equal(#core.codes(), count)
  end)
end)

describe("an error object", function()
  it("prints as one line even where it quotes several", function()
    local err = core.error("conflict", "'a\nb\r\27é'")
    assert.are.equal("conflict: 'a\\nb\\x0d\\x1bé'", tostring(err))
    assert.are.equal("'a\nb\r\27é'", err.message)
  end)

  it("prints as one line, and carries its details", function()
    local err = errors.new("conflict", "lost", { expected = 1, actual = 2 })
    assert.are.equal("conflict: lost", tostring(err))
    assert.are.same({ "conflict", "lost", false, 1, 2 },
      { err.code, err.message, err.retryable, err.expected, err.actual })
  end)

  it("has its code's own message when none is given", function()
    for _, code in ipairs(core.codes()) do
      local err = errors.new(code.code)
      assert.are.same({ code.message, code.retryable }, { err.message, err.retryable })
    end
  end)

  it("is not made of an unknown code", function()
    assert.is_false(pcall(errors.new, "nonsense"))
  end)
end)
