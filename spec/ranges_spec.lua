local namespace = require "moonbase.namespace"
local prefix = require "moonbase.prefix"
local expiry = require "moonbase.expiry"

describe("prefix.after", function()
  local function falls(text, from, to)
    return text >= from and (to == nil or text < to)
  end

  it("bounds exactly the texts that begin with the prefix", function()
    local characters = { "\1", " ", "%", "_", "a", "b", "\127", "\194\128", "\195\191", "\196\128",
      "\223\191", "\224\160\128", "\237\159\191", "\238\128\128", "\239\191\191",
      "\240\144\128\128", "\243\191\191\191", "\244\128\128\128", "\244\143\191\191" }
    for _, first in ipairs(characters) do
      for _, second in ipairs(characters) do
        local start = first .. second
        local to = prefix.after(start)
        for _, third in ipairs(characters) do
          assert.is_true(falls(start .. third, start, to))
          for _, other in ipairs { third, third .. second, first .. third, first } do
            assert.are.equal(other:sub(1, #start) == start, falls(other, start, to))
          end
        end
      end
    end
  end)

  it("carries over the last character, and past the surrogates", function()
    assert.are.equal("b", prefix.after("a"))
    assert.are.equal("a\194\128", prefix.after("a\127"))
    assert.are.equal("\238\128\128", prefix.after("\237\159\191"))
    assert.are.equal("b", prefix.after("a\244\143\191\191"))
    assert.is_nil(prefix.after("\244\143\191\191"))
    assert.is_nil(prefix.after(""))
  end)
end)

describe("a namespace", function()
  it("covers itself and what lies below it by whole segments", function()
    for name, covered in pairs {
      ["user/ann"] = true, ["user/ann/prefs"] = true, ["user/ann/a/b"] = true,
      ["user/ann/"] = true, ["user/anna"] = false, ["user/ann-x"] = false, ["user/ann0"] = false,
      ["user"] = false, ["user/bob"] = false, ["x/user/ann"] = false,
    } do
      assert.are.equal(covered, namespace.covers("user/ann", name), name)
    end
  end)

  it("that ends in a slash covers all that begins with it", function()
    assert.is_true(namespace.covers("user/", "user/ann"))
    assert.is_true(namespace.covers("user/", "user/"))
    assert.is_false(namespace.covers("user/", "user"))
    assert.is_true(namespace.covers("/", "/a"))
  end)

  it("has a range that says the same as `covers`", function()
    local names = { "a", "a/", "a/b", "a//", "a-b", "a0", "ab", "b", "a/\244\143\191\191", "/",
      "/a" }
    for _, ns in ipairs(names) do
      local from, to = namespace.below(ns)
      for _, name in ipairs(names) do
        local inside = name == ns or (name >= from and name < to)
        assert.are.equal(namespace.covers(ns, name), inside, ns .. " and " .. name)
      end
    end
  end)
end)

describe("an expiry", function()
  it("is reached at its very instant", function()
    assert.is_false(expiry.reached(10, 9))
    assert.is_true(expiry.reached(10, 10))
    assert.is_true(expiry.reached(10, 11))
    assert.is_false(expiry.reached(nil, 10))
  end)

  it("stays a whole number that both Lua versions hold", function()
    assert.are.equal(1500, expiry.at(1000, 500))
    assert.are.equal(9007199254740991, expiry.at(1000, 9007199254740992))
  end)
end)
