local filter = require "moonbase.filter"
local moonbase = require "moonbase"

local null = moonbase.null

local function holds(source, document, fields)
  return assert(filter.compile(source, fields))(document)
end

-- Each case: filter, document that matches, document that does not.
local function check_cases(cases)
  for i, case in ipairs(cases) do
    assert.is_true(holds(case[1], case[2]), "case " .. i .. " must match")
    if case[3] ~= nil then
      assert.is_false(holds(case[1], case[3]), "case " .. i .. " must not match")
    end
  end
end

local function refuses(source, field, fields)
  local predicate, err = filter.compile(source, fields)
  assert.is_nil(predicate)
  assert.are.equal("invalid", err.code)
  assert.are.equal(field, err.field)
end

describe("a filter", function()
  it("takes a plain value as equality", function()
    check_cases {
      { { a = 1 }, { a = 1 }, { a = 2 } },
      { { a = "x" }, { a = "x", b = 1 }, { a = "X" } },
      { { a = false }, { a = false }, { a = true } },
      { { a = false }, { a = false }, {} },
      { { a = null }, { a = null }, { a = 0 } },
      { { a = null }, { a = null }, {} },
      { { a = 1 }, { a = 1 }, { a = "1" } },
      { { a = 1, b = 2 }, { a = 1, b = 2 }, { a = 1, b = 3 } },
    }
  end)

  it("matches everything when it is empty", function()
    for _, document in ipairs { {}, { a = 1 }, 1, "text", false, null } do
      assert.is_true(holds({}, document))
    end
  end)

  it("compares documents as JSON", function()
    check_cases {
      { { a = { eq = 1 } }, { a = 1.0 }, { a = 1.5 } },
      { { a = { eq = { x = 1, y = { 2 } } } }, { a = { y = { 2 }, x = 1 } }, { a = { x = 1 } } },
      { { a = { eq = { 1, 2 } } }, { a = { 1, 2 } }, { a = { 2, 1 } } },
      { { a = { eq = moonbase.array {} } }, { a = moonbase.array {} }, { a = {} } },
      { { a = { eq = {} } }, { a = {} }, { a = moonbase.array {} } },
    }
  end)

  it("has `ne` hold for a missing field too", function()
    check_cases {
      { { a = { ne = 1 } }, { a = 2 }, { a = 1 } },
      { { a = { ne = 1 } }, {}, { a = 1.0 } },
      { { a = { ne = null } }, {}, { a = null } },
      { { ["a.b"] = { ne = 1 } }, { a = "no table" }, { a = { b = 1 } } },
    }
  end)

  it("orders numbers among numbers and texts among texts", function()
    check_cases {
      { { a = { gt = 1 } }, { a = 2 }, { a = 1 } },
      { { a = { gte = 1 } }, { a = 1 }, { a = 0.5 } },
      { { a = { lt = 1 } }, { a = -1 }, { a = 1 } },
      { { a = { lte = 1 } }, { a = 1 }, { a = 1.5 } },
      { { a = { gte = 1, lt = 3 } }, { a = 2 }, { a = 3 } },
      { { a = { gt = "b" } }, { a = "ba" }, { a = "b" } },
      { { a = { gt = "Z" } }, { a = "a" }, { a = "A" } },
      { { a = { lt = "b" } }, { a = "" }, { a = "b" } },
      { { a = { lte = "\195\164" } }, { a = "z" }, { a = "\195\165" } },
      { { a = { gt = 1 } }, { a = 2 }, { a = "2" } },
      { { a = { lt = 1 } }, { a = 0 }, {} },
      { { a = { lte = "x" } }, { a = "x" }, { a = null } },
    }
  end)

  it("orders texts by their bytes whatever the locale says", function()
    local before = os.setlocale(nil, "collate")
    for _, name in ipairs { "C.UTF-8", "de_DE.UTF-8", "en_US.UTF-8" } do
      os.setlocale(name, "collate")
    end
    local found = holds({ a = { gt = "B" } }, { a = "a" })
    os.setlocale(before, "collate")
    assert.is_true(found)
  end)

  it("knows the members of a list", function()
    check_cases {
      { { a = { one_of = { 1, "x", false } } }, { a = "x" }, { a = "y" } },
      { { a = { one_of = { 1, "x", false } } }, { a = false }, { a = true } },
      { { a = { one_of = { 1, 2 } } }, { a = 2.0 }, {} },
      { { a = { one_of = { { x = 1 } } } }, { a = { x = 1 } }, { a = { x = 2 } } },
      { { a = { one_of = { null } } }, { a = null }, {} },
    }
    assert.is_false(holds({ a = { one_of = {} } }, { a = 1 }))
  end)

  it("looks into arrays and strings with `contains`", function()
    check_cases {
      { { tags = { contains = "x" } }, { tags = { "y", "x" } }, { tags = { "xy" } } },
      { { tags = { contains = { n = 1 } } }, { tags = { { n = 1 } } }, { tags = { { n = 2 } } } },
      { { tags = { contains = null } }, { tags = { null } }, { tags = {} } },
      { { a = { contains = "%d" } }, { a = "100%d" }, { a = "1001" } },
      { { a = { contains = 1 } }, { a = { 1.0 } }, { a = "1" } },
      { { a = { contains = "x" } }, { a = "x" }, { a = { x = "x" } } },
      { { a = { contains = "x" } }, { a = "x" }, {} },
    }
  end)

  it("tells whether a field exists, null included", function()
    check_cases {
      { { a = { exists = true } }, { a = null }, {} },
      { { a = { exists = true } }, { a = false }, { b = 1 } },
      { { a = { exists = false } }, {}, { a = null } },
      { { ["a.b"] = { exists = false } }, { a = {} }, { a = { b = 0 } } },
    }
  end)

  it("follows dots into tables, and finds names that have dots in them", function()
    check_cases {
      { { ["m.lang"] = "de" }, { m = { lang = "de" } }, { m = { lang = "en" } } },
      { { ["a.b.c"] = 1 }, { a = { b = { c = 1 } } }, { a = { b = 1 } } },
      { { ["a.b"] = 1 }, { ["a.b"] = 1 }, { ["a.b"] = 2, a = { b = 1 } } },
      { { ["m.x.y"] = 1 }, { m = { ["x.y"] = 1 } }, { m = { x = 1 } } },
      { { ["a..b"] = 1 }, { a = { [""] = { b = 1 } } }, { a = { b = 1 } } },
      { { [""] = 1 }, { [""] = 1 }, { a = 1 } },
      { { ["a.1"] = 1 }, { a = { ["1"] = 1 } }, { a = { 1 } } },
    }
  end)

  it("combines filters with any, all and none, at any depth", function()
    local a, b = { a = 1 }, { b = 1 }
    check_cases {
      { { any = { a, b } }, { b = 1 }, { c = 1 } },
      { { all = { a, b } }, { a = 1, b = 1 }, { a = 1 } },
      { { none = { a, b } }, { c = 1 }, { a = 1 } },
      { { c = 1, any = { a, b } }, { c = 1, b = 1 }, { b = 1 } },
      { { any = { { all = { a, b } }, { none = { a } } } }, { a = 1, b = 1 }, { a = 1 } },
      { { all = {} }, {} },
      { { none = {} }, {} },
    }
    assert.is_false(holds({ any = {} }, {}))
  end)

  it("misses every field of what is no table", function()
    for _, document in ipairs { 1, "text", true, null, moonbase.array { 1, 2 } } do
      assert.is_false(holds({ a = 1 }, document))
      assert.is_true(holds({ a = { ne = 1 } }, document))
      assert.is_true(holds({ a = { exists = false } }, document))
    end
  end)

  it("takes keys and values as data", function()
    for _, text in ipairs { "'; DROP TABLE kv; --", "\"", "$.a", "a\0b", "[0]", "%", "_", "\\",
      "OR 1=1" } do
      assert.is_true(holds({ [text] = text }, { [text] = text }))
      assert.is_false(holds({ [text] = text }, { [text] = "x" }))
      assert.is_false(holds({ [text] = text }, { a = 1 }))
    end
  end)

  it("is not changed by what happens to its table later", function()
    local source = { a = { one_of = { 1 } } }
    local predicate = assert(filter.compile(source))
    source.a.one_of[1] = 2
    source.b = 1
    assert.is_true(predicate { a = 1 })
  end)

  it("knows only the fields it is told of, where it is told", function()
    local fields = { type = true, metadata = true }
    assert.is_true(holds({ type = "x", ["metadata.a.b"] = 1 },
      { type = "x", metadata = { a = { b = 1 } } }, fields))
    refuses({ kind = "x" }, "filter.kind", fields)
    refuses({ ["kind.type"] = "x" }, "filter.kind.type", fields)
    refuses({ any = { { type = "x" }, { none = { { kind = 1 } } } } },
      "filter.any[2].none[1].kind", fields)
  end)

  it("asks a function where to find a field", function()
    local function below_metadata(key) return key ~= "secret" and "metadata." .. key or nil end
    assert.is_true(holds({ lang = "de" }, { metadata = { lang = "de" } }, below_metadata))
    refuses({ secret = 1 }, "filter.secret", below_metadata)
  end)

  it("refuses what it does not know, naming it", function()
    refuses({ a = { like = "x" } }, "filter.a.like")
    refuses({ a = { eq = 1, nope = 2 } }, "filter.a.nope")
    refuses({ a = {} }, "filter.a")
    refuses({ a = { 1, 2 } }, "filter.a.1")
    refuses({ a = { gt = true } }, "filter.a.gt")
    refuses({ a = { lte = { 1 } } }, "filter.a.lte")
    refuses({ a = { gt = null } }, "filter.a.gt")
    refuses({ a = { one_of = "x" } }, "filter.a.one_of")
    refuses({ a = { one_of = { x = 1 } } }, "filter.a.one_of")
    refuses({ a = { exists = 1 } }, "filter.a.exists")
    refuses({ any = "x" }, "filter.any")
    refuses({ any = { a = 1 } }, "filter.any")
    refuses({ none = { 1 } }, "filter.none[1]")
    refuses({ all = { { { a = 1 } } } }, "filter.all[1]")
    refuses({ 1, 2 }, "filter")
  end)

  it("refuses values without a JSON form", function()
    for _, value in ipairs { 0 / 0, 1 / 0, print, "\255", { [1] = 1, x = 2 } } do
      local predicate, err = filter.compile { a = { eq = value } }
      assert.is_nil(predicate)
      assert.are.equal("invalid", err.code)
      assert.matches("^filter%.a%.eq", err.field)
    end
    local cycle = {}
    cycle.all = { cycle }
    assert.is_nil((filter.compile(cycle)))
  end)

  it("raises for what is no table", function()
    for _, value in ipairs { 1, "x", true } do
      local ok, err = pcall(filter.compile, value)
      assert.is_false(ok)
      assert.matches("filter", tostring(err))
    end
  end)

  it("bears deep and wide filters", function()
    local deep = { a = 1 }
    for _ = 1, 150 do deep = { all = { deep } } end
    assert.is_true(holds(deep, { a = 1 }))
    local list = {}
    for i = 1, 20000 do list[i] = i end
    assert.is_true(holds({ a = { one_of = list } }, { a = 20000 }))
  end)

  it("has one text, in whatever order its fields were set", function()
    local one, two = {}, {}
    for i = 1, 20 do one["f" .. i] = { gte = i, lt = i + 1 } end
    for i = 20, 1, -1 do two["f" .. i] = { lt = i + 1, gte = i } end
    assert.are.equal(filter.text(one), filter.text(two))
    assert.are.equal('{"a":{"one_of":[1,"x"]},"any":[{"b":null}]}',
      filter.text { any = { { b = null } }, a = { one_of = { 1, "x" } } })
  end)

  it("has another text for another filter", function()
    local seen = {}
    for _, source in ipairs { { a = 1 }, { a = "1" }, { a = true }, { a = null },
      { a = { ne = 1 } }, { any = {} }, { all = {} }, {}, { a = { eq = {} } },
      { a = { eq = moonbase.array {} } } } do
      local text = filter.text(source)
      assert.is_nil(seen[text])
      seen[text] = true
    end
  end)
end)
