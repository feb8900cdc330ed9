local check = require "moonbase.check"
local outcome = require "spec.support.outcome"

local function refuses(...) return outcome.refused("invalid", ...) end

local function raises(fn, ...) return outcome.raises("invalid", fn, ...).message end

describe("an id", function()
  it("is any text that is not blank", function()
    for _, id in ipairs { "a", " a ", "user/ann", "日本", "a\nb", ("x"):rep(512), "0" } do
      assert.are.equal(id, check.id("id", id))
    end
  end)

  it("is refused when blank, also in white space beyond ASCII", function()
    for _, id in ipairs { "", " ", "\t\n", "\194\160", "\226\128\131\227\128\128 " } do
      assert.are.equal("id", refuses(check.id("id", id)).field)
    end
  end)

  it("is refused when longer than 512 bytes, with NUL or with bytes that are not UTF-8", function()
    for _, id in ipairs { ("x"):rep(513), ("é"):rep(257), "a\0b", "\0", "\255", "a\192\128",
      "\237\160\128", "\244\144\128\128", "caf\233" } do
      assert.are.equal("id", refuses(check.id("id", id)).field)
    end
  end)

  it("raises for another type, naming the argument", function()
    for _, value in ipairs { 1, true, {}, print } do
      assert.matches("thread", raises(check.id, "thread", value), 1, true)
    end
    assert.matches("thread", raises(check.id, "thread", nil), 1, true)
  end)

  it("of the wrong type inside a document is bad data", function()
    assert.are.equal("message.id", refuses(check.document_id("message.id", 5)).field)
  end)
end)

describe("a whole number", function()
  it("has neither fraction nor sign nor NaN nor infinity", function()
    for _, value in ipairs { -1, 0.5, 0 / 0, math.huge, -math.huge, 2 ^ 54 } do
      assert.are.equal("limit", refuses(check.integer("limit", value)).field)
    end
  end)

  it("may come as a float", function()
    assert.are.equal(3, check.integer("limit", 3.0))
    assert.are.equal("3", ("%d"):format(check.integer("limit", 3.0)))
  end)

  it("raises for a string of digits", function()
    assert.matches("limit", raises(check.integer, "limit", "3"), 1, true)
  end)
end)

describe("a trimmed name", function()
  it("loses its surrounding white space, and is absent when nothing else is there", function()
    assert.are.equal("a b", check.trimmed("resource", "  a b\n"))
    assert.is_nil(check.trimmed("resource", " \t "))
    assert.is_nil((select(2, check.trimmed("resource", ""))))
  end)
end)

describe("options", function()
  local known = { limit = "number", order = "string", value = "any" }

  it("may be left out", function()
    assert.are.same({}, check.options("query", nil, known))
  end)

  it("raise for an unknown one and for a wrong type, naming it", function()
    assert.matches("query.limt", raises(check.options, "query", { limt = 1 }, known), 1, true)
    assert.matches("query.limit", raises(check.options, "query", { limit = "1" }, known), 1, true)
    assert.matches("query", raises(check.options, "query", 5, known), 1, true)
  end)

  it("take anything where anything goes", function()
    assert.has_no_error(function() check.options("query", { value = print }, known) end)
  end)

  it("of a fixed set of words raise for any other word", function()
    local words = check.set "asc desc"
    assert.are.equal("asc", check.choice("order", "asc", words))
    assert.matches("'asc', 'desc'", raises(check.choice, "order", "up", words), 1, true)
  end)
end)

describe("an array", function()
  it("is not a table with other keys, which would be lost", function()
    assert.are.equal(2, check.array("messages", { 1, 2 }))
    assert.are.equal(0, check.array("messages", {}))
    assert.matches("messages", raises(check.array, "messages", { role = "user" }), 1, true)
  end)
end)
