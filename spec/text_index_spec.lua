-- The text index by itself: which words texts have, what a change leaves behind, damage.

local core = require "moonbase.core"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"
local text_index = require "moonbase.text_index"

local function words(text, indexed)
  return table.concat(core.words(text, indexed), " ")
end

describe("the words of a text", function()
  it("have no case and no accents", function()
    assert.are.equal("cafe cafe muller zurich", words "Café CAFE\204\129 Müller ZÜRICH")
    assert.are.equal("елка елка и", words "Ёлка ЕЛКА Й")
    assert.are.equal("σισυφοσ σισυφοσ", words "Σίσυφος ΣΊΣΥΦΟΣ")
    assert.are.equal("strass strass aether lodz oeuvr", words "Straße STRASSE Æther Łódź œuvre")
    assert.are.equal("istanbul abc123", words "İstanbul ＡＢＣ１２３")
    assert.are.equal("հայ ⴀ", words "ՀԱՅ Ⴀ")
  end)

  it("are cut at their English endings", function()
    for word, stem in pairs {
      running = "run", hopping = "hop", hoped = "hope", ponies = "poni", ties = "tie",
      caresses = "caress", cats = "cat", agreed = "agre", feed = "feed", plastered = "plaster",
      sing = "sing", conflated = "conflat", sky = "sky", happy = "happi", relational = "relat",
      conditional = "condit", generalizations = "general", hopefulness = "hope", electricity = "electr",
      adoption = "adopt", adjustment = "adjust", controlling = "control", rolls = "roll",
      dying = "die", news = "news", generous = "generous", communism = "communism", yellow = "yellow",
      saying = "say", boy = "boy", gas = "gas", kiwis = "kiwi", exceeding = "exceed", as = "as",
    } do
      assert.are.equal(stem, words(word))
    end
  end)

  it("keep what an apostrophe belongs to", function()
    assert.are.equal("i we ann dont obrien amour accord rocknrol it",
      words "I'm we'll Ann’s don't O'Brien l'amour d'accord rock'n'roll it's")
    assert.are.equal("quot don", words "'quote' don'")
  end)

  it("are the parts of identifiers, numbers and addresses", function()
    assert.are.equal("foo bar 3 14 v2 a b exampl com", words "foo_bar 3.14 v2 a.b@example.com")
  end)

  it("are neighbours where a script has no spaces", function()
    assert.are.equal("東京 京都 私 x は", words "東京都 私xは")
    assert.are.equal("東 東京 京 京都 都", words("東京都", true))
    assert.are.equal("한국 국어", words "한국어")
    assert.are.equal("สว วั ัส สด ดี", words "สวัสดี")
  end)

  it("are none where there is none", function()
    for _, text in ipairs { "", " ", "!?-_", "🙂👍", "\194", "\255\254", "\204\129", "'", "’’", "\0" } do
      assert.are.equal("", words(text))
    end
  end)

  it("are cut when they are very long, alike everywhere", function()
    local long = ("x"):rep(1000)
    assert.are.equal(64, #core.words(long)[1])
    assert.are.same(core.words(long), core.words(long .. "yyy"))
    assert.is_true(#core.words(("é"):rep(1000) .. ("東"):rep(2))[1] == 64)
  end)
end)

describe("a piece of a text", function()
  it("is where most of the query's words are", function()
    local text = ("The fox. " .. ("filler word "):rep(50)) .. "A quick brown fox jumped. " .. ("more "):rep(50)
    assert.is_truthy(text_index.snippet(text, "brown jumping foxes"):find "quick brown fox jumped")
    assert.is_truthy(text_index.snippet(text, "fox"):find "^The fox")
    assert.are.equal("short", text_index.snippet("short", ""))
    assert.is_truthy(text_index.snippet(("あ"):rep(200) .. "東京都" .. ("い"):rep(200), "京都"):find "東京都")
  end)

  it("is valid UTF-8", function()
    local text = ("žluťoučký kůň úpěl "):rep(30)
    for i = 0, 60 do
      local piece = text_index.snippet(text:sub(1, 30 + i * 7):gsub("[\194-\244]?$", ""), "kun")
      assert.is_truthy(core.encode(piece, "piece"))
    end
  end)
end)

describe("the text index", function()
  local store, engine, path
  local set = { key = 1 }

  before_each(function()
    path = files.database()
    store = stores.open(path)
    engine = store.context.engine
  end)

  after_each(stores.cleanup)

  local function put(serial, text, into)
    return engine:atomic(text_index.put, engine, into or set, serial, text)
  end

  local function remove(serial, text)
    return engine:atomic(text_index.remove, engine, set, serial, text)
  end

  local function found(query, k, among, into)
    return table.concat(assert((text_index.search(engine, into or set, query, k or 10, among))), " ")
  end

  it("finds any of the words, the rarer the better, of equal ones the lower serial first", function()
    for i, text in ipairs { "a red fox", "the red hen", "one fox", "one fox", "blue" } do
      assert(put(i, text))
    end
    assert.are.equal("1 2 3 4", found "red foxes")
    assert.are.equal("1 2", found("red foxes", 2))
    assert.are.equal("3 4", found("fox", 2))
    assert.are.equal("", found "green")
    assert.are.equal("", found "")
    assert.are.equal("", found("red", 0))
    assert.are.equal("2 4", found("red fox", 10, { 2, 4, 5, 77 }))
    assert.are.equal("", found("red", 10, {}))
  end)

  it("takes operators and quotes as text", function()
    assert(put(1, "NEAR the AND gate"))
    for _, query in ipairs { '"gate', "gate*", "gate AND", "(gate", "text:gate", "-gate", "^gate", "gate OR" } do
      assert.are.equal("1", found(query))
    end
  end)

  it("finds words of scripts without spaces by any part of them", function()
    assert(put(1, "私は東京都に住んでいます"))
    assert(put(2, "我喜欢吃苹果"))
    assert(put(3, "สวัสดีครับ"))
    for query, serial in pairs { ["東京"] = "1", ["京都"] = "1", ["都"] = "1", ["苹果"] = "2", ["欢"] = "2",
      ["สวัสดี"] = "3", ["ครับ"] = "3" } do
      assert.are.equal(serial, found(query))
    end
    assert.are.equal("", found "犬")
  end)

  it("keeps sets apart", function()
    assert(put(1, "red", { key = 7 }))
    assert(put(1, "blue", { key = 8 }))
    assert.are.equal("1", found("red", 10, nil, { key = 7 }))
    assert.are.equal("", found("red", 10, nil, { key = 8 }))
    assert(engine:atomic(text_index.drop, engine, { key = 7 }))
    assert.are.equal("", found("red", 10, nil, { key = 7 }))
    assert.are.equal("1", found("blue", 10, nil, { key = 8 }))
  end)

  it("sees its transaction's own changes, others do not", function()
    local other = assert(moonbase.open(path, { shared = false }))
    local t = assert(store:begin())
    assert(text_index.put(engine, set, 1, "red"))
    assert.are.equal("1", found "red")
    assert.are.same({}, (text_index.search(other.context.engine, set, "red", 10)))
    t:commit()
    assert.are.same({ 1 }, (text_index.search(other.context.engine, set, "red", 10)))
    other:close()
  end)

  it("refuses a change outside a transaction, and what is no set, serial or text", function()
    outcome.refused("internal", text_index.put(engine, set, 1, "red"))
    for _, case in ipairs { { { key = 0 }, 1, "x" }, { { key = 2 ^ 31 }, 1, "x" }, { { key = "a" }, 1, "x" } } do
      assert.has_error(function() assert(put(case[2], case[3], case[1])) end)
    end
    for _, case in ipairs { { 0, "x" }, { 2 ^ 32, "x" }, { -1, "x" }, { 0 / 0, "x" }, { 1, 7 }, { 1 } } do
      assert.has_error(function() assert(put(case[1], case[2])) end)
    end
    assert.are.equal(0, engine:value "SELECT count(*) FROM text_sets")
  end)

  it("a text that is not there, or was another one, cannot be taken out", function()
    assert(put(1, "red fox"))
    for i = 2, 200 do assert(put(i, "word" .. i .. " common")) end
    for _, case in ipairs { { 5, "word6 common" }, { 5, "word5 common more" }, { 999, "common" } } do
      outcome.refused("corrupt", remove(case[1], case[2]))
    end
    local ok, err = engine:atomic(text_index.remove_many, engine, set, { 7, 7 },
      { "word7 common", "word7 common" })
    assert.is_nil(ok)
    assert.are.equal("corrupt", err.code)
    assert(text_index.check(engine, set))
    assert(remove(5, "word5 common"))
    assert.are.equal("", found "word5")
    assert(text_index.check(engine, set))
  end)

  it("a text without words leaves no trace", function()
    assert(put(1, "🙂"))
    assert(remove(1, "🙂"))
    assert.are.equal(0, engine:value "SELECT count(*) FROM text_sets")
  end)

  it("holds a long text", function()
    local parts = {}
    for i = 1, 30000 do parts[i] = "w" .. i end
    local text = table.concat(parts, " ")
    assert(put(1, text))
    assert(put(2, "w7"))
    assert.are.equal("2 1", found "w7")
    assert(text_index.check(engine, set))
    assert(remove(1, text))
    assert.are.equal("2", found "w7")
    assert(text_index.check(engine, set))
  end)

  it("takes a query of many words", function()
    assert(put(1, "needle"))
    local parts = {}
    for i = 1, 5000 do parts[i] = "hay" .. i end
    assert(found("needle " .. table.concat(parts, " ")) ~= nil)
  end)

  it("gives out numbers of segments again when the last one was reached", function()
    for _, key in ipairs { 8388607, 2 } do
      assert(engine:run([[INSERT INTO text_segments VALUES ($key, 99, 9, 0, 0, 0, 0, 0, 0, 0)]], key))
    end
    for round = 0, 2 do
      local serials, texts = {}, {}
      for i = 1, 70 do serials[i], texts[i] = round * 100 + i, "red" end
      assert(engine:atomic(text_index.put_many, engine, set, serials, texts))
    end
    assert.are.same({ 1, 3, 4 }, engine:values "SELECT key FROM text_segments WHERE text_set = 1")
    assert.are.equal(210, #assert((text_index.search(engine, set, "red", 300))))
  end)

  it("keeps nothing of a text that was taken out, in the file neither", function()
    assert(put(1, "telltale", { key = 9 }))
    local mark = engine:value "SELECT substr(hex(data), 3, 16) FROM text_tail WHERE key >> 32 = 9"
    mark = mark:gsub("..", function(byte) return string.char(tonumber(byte, 16)) end)
    assert(engine:atomic(text_index.drop, engine, { key = 9 }))
    for round = 0, 5 do
      local serials, texts = {}, {}
      for i = 1, 200 do
        serials[i], texts[i] = round * 200 + i, ("common word%d more%d"):format(i, i * 7 % 50)
        if i % 50 == 0 then texts[i] = texts[i] .. " telltale" end
      end
      assert(engine:atomic(text_index.put_many, engine, set, serials, texts))
    end
    local function is_there()
      assert(engine:exec "PRAGMA wal_checkpoint(TRUNCATE)")
      return files.read(path):find(mark, 1, true) ~= nil
    end
    assert.is_true(is_there())
    for round = 0, 5 do
      for i = 50, 200, 50 do
        assert(remove(round * 200 + i, ("common word%d more%d telltale"):format(i, i * 7 % 50)))
      end
    end
    assert.is_false(is_there())
  end)

  local function fill()
    local serials, texts = {}, {}
    for i = 1, 3000 do
      serials[i], texts[i] = i, ("common every%d rare%d"):format(i % 3, i)
    end
    assert(engine:atomic(text_index.put_many, engine, set, serials, texts))
    assert(put(3001, "common tail"))
  end

  it("changes nothing when any one statement fails", function()
    fill()
    local function contents()
      local parts = {}
      for _, name in ipairs { "text_sets", "text_segments" } do
        for _, row in ipairs(engine:rows("SELECT * FROM " .. name)) do
          for key, value in pairs(row) do parts[#parts + 1] = key .. "=" .. tostring(value) end
        end
      end
      for _, name in ipairs { "text_pages", "text_lists", "text_tail" } do
        parts[#parts + 1] = table.concat(engine:values("SELECT key || hex(data) FROM " .. name), " ")
      end
      table.sort(parts)
      return table.concat(parts, "\n")
    end
    local before = contents()
    for _, fn in ipairs {
      function() return put(4000, "common new") end,
      function() return remove(77, "common every2 rare77") end,
      function() return engine:atomic(text_index.drop, engine, set) end,
    } do
      faults.each_statement(store, fn, function() assert.are.equal(before, contents()) end)
    end
  end)

  describe("damage is told:", function()
    local function told(err)
      assert.are.equal("corrupt", err.code, tostring(err))
    end

    local BREAKS = {
      ["a page is gone"] = "DELETE FROM text_pages",
      ["a page is cut"] = "UPDATE text_pages SET data = substr(data, 1, length(data) - 1)",
      ["a page is empty"] = "UPDATE text_pages SET data = x''",
      ["a page is noise"] = "UPDATE text_pages SET data = zeroblob(100)",
      ["a chunk is gone"] = "DELETE FROM text_lists WHERE key & 1099511627775 = 1048577",
      ["a chunk is cut"] = "UPDATE text_lists SET data = substr(data, 1, 20) WHERE key & 1099511627775 = 1048577",
      ["a chunk is noise"] = "UPDATE text_lists SET data = zeroblob(length(data)) WHERE key & 1099511627775 = 1048577",
      ["a directory is gone"] = "DELETE FROM text_lists WHERE key & 1099511627775 < 1048576",
      ["a directory is cut"] = "UPDATE text_lists SET data = substr(data, 1, 5) WHERE key & 1099511627775 < 1048576",
      ["a waiting text is cut"] = "UPDATE text_tail SET data = substr(data, 1, 5)",
      ["a waiting text is gone"] = "DELETE FROM text_tail",
      ["a segment is gone"] = "DELETE FROM text_segments",
      ["the sums are wrong"] = "UPDATE text_sets SET docs = docs - 1",
      ["the sums are nonsense"] = "UPDATE text_sets SET docs = -1",
    }

    for title, sql in pairs(BREAKS) do
      it(title, function()
        fill()
        assert(store:check())
        assert(engine:run(sql) > 0)
        local ok, err = text_index.check(engine, set)
        assert.is_nil(ok)
        told(err)
        told(select(2, store:check()))
        -- Other calls find it too, or give an answer; they never crash.
        for _, query in ipairs { "common", "every1 rare5", "tail common" } do
          local serials, failure = text_index.search(engine, set, query, 10)
          if not serials then told(failure) end
        end
        local done, failure = remove(78, "common every0 rare78")
        if not done then told(failure) end
        engine:atomic(function()
          local put_there, problem = true, nil
          for i = 5000, 5070 do
            put_there, problem = text_index.put(engine, set, i, "more common texts")
            if not put_there then break end
          end
          if problem then told(problem) end
          return put_there, problem
        end)
      end)
    end

    it("any byte of a page, chunk or directory", function()
      fill()
      for _, name in ipairs { "text_pages", "text_lists" } do
        for _, key in ipairs(engine:values("SELECT key FROM " .. name .. " LIMIT 3")) do
          local data = engine:value("SELECT hex(data) FROM " .. name .. " WHERE key = $key", key)
          for at = 1, #data - 1, math.max(2, math.floor(#data / 40) * 2) do
            local broken = data:sub(1, at - 1) .. (data:sub(at, at) == "F" and "7" or "F") .. data:sub(at + 1)
            local bytes = broken:gsub("..", function(byte) return string.char(tonumber(byte, 16)) end)
            assert(engine:run("UPDATE " .. name .. " SET data = $data(blob) WHERE key = $key", bytes, key))
            text_index.check(engine, set)
            for _, query in ipairs { "common", "every1 rare5 rare1200", "tail common" } do
              local serials, failure = text_index.search(engine, set, query, 10)
              if not serials then told(failure) end
            end
          end
          local bytes = data:gsub("..", function(byte) return string.char(tonumber(byte, 16)) end)
          assert(engine:run("UPDATE " .. name .. " SET data = $data(blob) WHERE key = $key", bytes, key))
        end
      end
      assert(text_index.check(engine, set))
    end)
  end)
end)
