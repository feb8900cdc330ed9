-- Names that texts mention, found by their form.

local core = require "moonbase.core"
local entities = require "moonbase.entities"

local function names(text) return entities.extract(text) end

describe("entities.extract", function()
  it("finds e-mail addresses without the signs around them", function()
    assert.same({ "bob.jones@example.com" }, names "write to <Bob.Jones@Example.COM>.")
    assert.same({ "a+b@x.co.uk" }, names "(a+b@x.co.uk)")
    assert.same({}, names "a@b is none, nor x@.com, nor a@b..com")
  end)

  it("finds URLs, whose end is not the sentence's and whose path keeps its case", function()
    assert.same({ "https://example.com/Path?q=1" }, names "see https://Example.com/Path?q=1).")
    assert.same({ "http://a.b/c.d" }, names "[link](http://a.b/c.d), then")
    assert.same({ "https://example.com" }, names "https://example.com/")
  end)

  it("finds handles and hashtags, which meet the names without the sign", function()
    assert.same({ "ann", "luajit" }, names "thanks @Ann for #LuaJIT")
    assert.same({ "ann" }, names "thanks @ann and Ann")
    assert.same({}, names "#1 # heading, a#b, x@y, C# @ 5")
  end)

  it("finds capitalised names of several words and of several scripts", function()
    assert.same({ "ann smith", "ludwig van beethoven", "bank of america" },
      names "he and Ann Smith heard Ludwig van Beethoven in the Bank of America.")
    assert.same({ "élodie", "łódź", "иван петров", "αθήνα" },
      names "hier Élodie, à Łódź, Иван Петров et Αθήνα")
    assert.same({ "o'brien", "gpt-4", "openresty" }, names "with O’Brien's GPT-4 under OpenResty")
  end)

  it("takes the first word of a sentence for a name only where it may be one", function()
    assert.same({ "acme", "berlin" }, names "Acme is in Berlin. The office is new. It grows.")
    assert.same({}, names "Weather matters. I like weather. Painting helps. Yesterday we ran.")
    assert.same({ "ann smith" }, names "Yesterday Ann Smith came. However she left.")
    assert.same({ "caroline", "mel" }, names "Caroline: Hey Mel! Good to see you!")
  end)

  it("keeps ordinary words that are part of a name", function()
    assert.same({ "great wall", "new york city" }, names "at the Great Wall, then New York City")
    assert.same({ "new york" }, names "New York is big. How've you been? Aww, it's Good. We said Yes.")
    assert.same({ "ann" }, names 'he said, "Great, Ann!" and “Fine by me”')
  end)

  it("takes no days, no months and no shouting", function()
    assert.same({}, names "on Monday, in March, I say: THIS IS SHOUTING TEXT")
    assert.same({ "nasa" }, names "at NASA on Friday")
  end)

  it("finds quoted titles, not quoted speech", function()
    assert.same({ "the great gatsby" }, names 'reading "The Great Gatsby" now')
    assert.same({ "das kapital" }, names "reading “Das Kapital” now")
    assert.same({ "吾輩は猫である" }, names "「吾輩は猫である」を読む")
    assert.same({}, names 'she said "yes please" and “no more of this”')
  end)

  it("gives each name once, in order, and at most 32", function()
    assert.same({ "bob", "ann" }, names "so Bob met Ann, and Ann met Bob")
    local parts = {}
    for i = 1, 100 do parts[i] = "to Name" .. i end
    local list = names(table.concat(parts, " "))
    assert.equal(32, #list)
    assert.equal("name32", list[32])
  end)

  it("gives nothing for a text without any", function()
    for _, text in ipairs { "", " ", "nothing here", "123 456", "...", "\0" } do
      assert.same({}, names(text))
    end
  end)

  it("gives valid, normalised text whatever it is given", function()
    local pieces = { "A", "é", "É", "@", "#", "“", "”", '"', " ", ".", "http://", "吾", "'", "’", "-",
      "_", "x", "\n", "…", "1", "「", "」", "Ж", "://", "\194\160" }
    local state = 7
    for _ = 1, 400 do
      local parts = {}
      for i = 1, 60 do
        state = state * 16807 % 2147483647
        parts[i] = pieces[state % #pieces + 1]
      end
      for _, name in ipairs(names(table.concat(parts))) do
        assert.truthy(core.encode(name, "name"))
        assert.equal(name, entities.normalise(name))
        assert.is_true(#name > 0 and #name <= 256)
      end
    end
  end)

  -- Without a bound, each sign would search the rest of the text for its other end.
  it("reads a long hostile text as quickly as any", function()
    for _, unit in ipairs { "@", "a@", "“", '"', "://", "http://", "A", "A ", "É", "of A ", "#é", "- " } do
      assert.is_true(#names(unit:rep(math.floor(2 ^ 18 / #unit))) <= 32)
    end
  end)
end)

describe("entities.normalise", function()
  it("makes forms of one name equal", function()
    assert.equal("ann smith", entities.normalise "  @Ann \n Smith ")
    assert.equal("łódź", entities.normalise "ŁÓDŹ")
    assert.equal("o'brien", entities.normalise "O’Brien")
    assert.equal("https://x.y/Z", entities.normalise "HTTPS://X.Y/Z")
  end)

  it("leaves nothing of a name of signs", function()
    for _, name in ipairs { "", " ", "@", "# @", "\194\160" } do
      assert.equal("", entities.normalise(name))
    end
  end)

  it("changes a normalised name no more", function()
    for _, name in ipairs { "@Ann Smith", "#Tag", "İstanbul", "ΣΊΣΥΦΟΣ", "http://A.B/C", "  x  y " } do
      local once = entities.normalise(name)
      assert.equal(once, entities.normalise(once))
    end
  end)
end)
