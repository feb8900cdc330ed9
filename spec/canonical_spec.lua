-- Documents compare as bytes of their canonical form: equal ones have the same, others do not.

local core = require "moonbase.core"

local canonical, null = core.canonical, core.null

local function stream(seed)
  local state = seed
  return function(limit)
    state = (state * 16807) % 2147483647
    return state % limit
  end
end

local SCALARS = { true, false, null, "", "a", "\1", "\195\164", 0, 1, -1, 2.5, 1e300, 2 ^ 40 }

-- A document, and a copy of it whose tables were filled in another order.
local function pair(random, depth)
  local kind = depth == 0 and 0 or random(4)
  if kind < 2 then
    local scalar = SCALARS[random(#SCALARS) + 1]
    return scalar, scalar
  end
  local a, b, size = {}, {}, random(6)
  if kind == 2 then
    for i = 1, size do a[i], b[i] = pair(random, depth - 1) end
    return core.array(a), core.array(b)
  end
  local keys, values = {}, {}
  for i = 1, size do
    keys[i] = ("k"):rep(random(3)) .. random(50)
    a[keys[i]], values[keys[i]] = pair(random, depth - 1)
  end
  for i = size, 1, -1 do b[keys[i]] = values[keys[i]] end
  return a, b
end

describe("the canonical form", function()
  it("does not depend on how a table was filled", function()
    local random = stream(7)
    for _ = 1, 300 do
      local a, b = pair(random, 4)
      local text = canonical(a)
      assert.are.equal(text, canonical(b))
      assert.are.equal(text, canonical((core.decode(text))))
    end
  end)

  it("is JSON of the same document", function()
    local random = stream(11)
    for _ = 1, 100 do
      local a = pair(random, 4)
      assert.are.same(core.decode((core.encode(a))), core.decode((canonical(a))))
    end
  end)

  it("tells apart what is not the same", function()
    local different = { {}, core.array {}, { {} }, { a = null }, { a = false }, { a = 0 },
      { a = "0" }, { 0 }, { 1, 2 }, { 2, 1 }, { a = { b = 1 } }, { a = 1, b = 1 }, { a = 0.1 },
      "", "null", null, false, true, 0, 1, 0.1, { ["a "] = 0 }, { A = 0 } }
    local seen = {}
    for _, document in ipairs(different) do
      local text = canonical(document)
      assert.is_nil(seen[text], text)
      seen[text] = true
    end
  end)

  it("takes numbers by their value", function()
    for _, numbers in ipairs { { 1, 1.0 }, { 0, -0.0 }, { 2 ^ 53, 9007199254740992 } } do
      assert.are.equal((canonical(numbers[1])), (canonical(numbers[2])))
    end
    assert.are.equal("9.223372036854776e18", (canonical(2 ^ 63)))
    assert.are.equal("-9223372036854775808", (canonical(-(2 ^ 63))))
  end)

  it("comes with the text that keeps types, where it does not itself", function()
    assert.are.same({ "[0,1.5]", "[-0.0,1.5]" }, { canonical { -0.0, 1.5 } })
    assert.are.same({ "[1.5]" }, { canonical { 1.5 } })
    if not jit then assert.are.same({ '{"a":1}', '{"a":1.0}' }, { canonical { a = 1.0 } }) end
  end)

  it("is refused for what has no JSON form, with its path", function()
    local text, err = canonical({ a = { { b = 0 / 0 } } }, "state")
    assert.is_nil(text)
    assert.are.same({ "serialization", "state.a[1].b" }, { err.code, err.field })
  end)
end)
