-- What embedders give is checked before anything is made of it.

local core = require "moonbase.core"
local embed = require "moonbase.embed"
local http_date = require "moonbase.embed.http_date"
local http_reader = require "moonbase.embed.http_reader"
local Lru = require "moonbase.embed.lru"
local moonbase = require "moonbase"

local function embedder(fn)
  return { name = "mine", dim = 2, embed = fn }
end

describe("embed.run", function()
  it("gives one vector for each text, as bytes", function()
    local packed = assert(embed.run(embedder(function(texts)
      local list = {}
      for i, text in ipairs(texts) do list[i] = { #text, i } end
      return list
    end), { "a", "bcd" }))
    assert.same({ 1, 1 }, core.vector_numbers(packed[1]))
    assert.same({ 3, 2 }, core.vector_numbers(packed[2]))
  end)

  it("takes vectors as bytes too", function()
    local bytes = core.vector({ 1, 2 }, 2, "v")
    assert.same({ bytes }, embed.run(embedder(function() return { bytes } end), { "a" }))
  end)

  it("asks for many texts in several calls, and for none not at all", function()
    local calls, texts = {}, {}
    local one = embedder(function(some)
      calls[#calls + 1] = #some
      local list = {}
      for i = 1, #some do list[i] = { i, 1 } end
      return list
    end)
    assert.same({}, embed.run(one, {}))
    assert.same({}, calls)
    for i = 1, 600 do texts[i] = "t" .. i end
    assert.equal(600, #assert(embed.run(one, texts)))
    local sum = 0
    for _, count in ipairs(calls) do
      assert.is_true(count <= 256)
      sum = sum + count
    end
    assert.equal(600, sum)
  end)

  it("says that an embedder failed, which may pass", function()
    for _, fn in ipairs {
      function() error("no model") end, function() error({}) end, function() error() end,
      function() return nil, "no model" end, function() return nil end, function() end,
    } do
      local packed, err = embed.run(embedder(fn), { "a" })
      assert.is_nil(packed)
      assert.same({ "io", true }, { err.code, err.retryable })
      assert.matches("mine", err.message, 1, true)
    end
  end)

  it("hands on an error object that the embedder gives or raises", function()
    local denied = moonbase.errors.new("denied", "no")
    for _, fn in ipairs { function() return nil, denied end, function() error(denied, 0) end } do
      local _, err = embed.run(embedder(fn), { "a" })
      assert.equal(denied, err)
    end
  end)

  it("refuses what is no vector, is of another length, or not finite", function()
    for _, given in ipairs {
      { {} }, { { { 1, 2 }, { 1, 2 } } }, { { { 1 } } }, { { { 1, 2, 3 } } }, { { { 1, 0 / 0 } } },
      { { { 1, 1 / 0 } } }, { { { 1, 1e300 } } }, { { { 1, "2" } } }, { { "abc" } }, { { 7 } }, { 7 },
      { "x" }, { true }, { { { 1, { 2 } } } }, { { [2] = { 1, 2 } } },
    } do
      local packed, err = embed.run(embedder(function() return given[1] end), { "a" })
      assert.is_nil(packed)
      assert.same({ "invalid", false }, { err.code, err.retryable })
    end
  end)
end)

describe("a store's embedder", function()
  it("must have a name, a length and a function", function()
    local good = embedder(function() return {} end)
    for _, change in ipairs { { "name", 7 }, { "dim", "4" }, { "embed", "f" }, { "embed" } } do
      local bad = {}
      for name, value in pairs(good) do bad[name] = value end
      bad[change[1]] = change[2]
      assert.has_error(function() embed.check("embed", bad) end)
    end
    for _, change in ipairs { { "name", "" }, { "dim", 0 }, { "dim", 1.5 }, { "dim", 2 ^ 17 } } do
      local bad = {}
      for name, value in pairs(good) do bad[name] = value end
      bad[change[1]] = change[2]
      local one, err = embed.check("embed", bad)
      assert.is_nil(one)
      assert.same({ "invalid", "embed." .. change[1] }, { err.code, err.field })
    end
    assert.equal(good, embed.check("embed", good))
  end)
end)

describe("a map of a bounded number of entries", function()
  it("forgets what was asked for least recently", function()
    local map = Lru.new(2)
    map:set("a", 1)
    map:set("b", 2)
    assert.equal(1, map:get "a")
    map:set("c", 3)
    assert.is_nil(map:get "b")
    assert.same({ 1, 3 }, { map:get "a", map:get "c" })
    map:set("a", 4)
    map:set("d", 5)
    assert.same({ 4, 5 }, { map:get "a", map:get "d" })
    assert.is_nil(map:get "c")
    assert.equal(2, map.count)
  end)

  it("agrees with a list, whatever is asked", function()
    local map, list, state = Lru.new(3), {}, 5
    local function touch(key)
      for i, one in ipairs(list) do
        if one == key then table.remove(list, i) end
      end
      table.insert(list, 1, key)
      list[4] = nil
    end
    for _ = 1, 2000 do
      state = state * 16807 % 2147483647
      local key, known = state % 7, {}
      for _, one in ipairs(list) do known[one] = true end
      if state % 2 == 0 then
        map:set(key, key)
        touch(key)
      else
        assert.equal(known[key] and key or nil, map:get(key))
        if known[key] then touch(key) end
      end
    end
  end)
end)

describe("a pause that is asked for", function()
  it("is in seconds or until a date", function()
    assert.equal(3000, http_date.retry_after("3", 0))
    assert.equal(5, http_date.retry_after("Thu, 01 Jan 1970 00:00:00 GMT", -5))
    assert.equal(0, http_date.retry_after("Thu, 01 Jan 1970 00:00:00 GMT", 5))
    assert.equal(1709208000000, http_date.retry_after("Thu, 29 Feb 2024 12:00:00 GMT", 0))
  end)

  it("is none where it makes no sense", function()
    for _, value in ipairs { "", "-1", "1.5", "soon", "Thu, 29 Xyz 2024 12:00:00 GMT" } do
      assert.is_nil(http_date.retry_after(value, 0))
    end
    assert.is_nil(http_date.retry_after(nil, 0))
  end)
end)

describe("an HTTP answer", function()
  -- Gives the text in pieces of one length.
  local function source(text, length)
    local from = 1
    return function()
      if from > #text then return nil, "closed" end
      from = from + length
      return text:sub(from - length, from - 1)
    end
  end

  local ANSWERS = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello and what does not belong to it",
    "HTTP/1.0 200\n\nhello",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. "3;x\r\nhel\r\n02\r\nlo\r\n0\r\n\r\n",
  }

  it("is the same however it is cut on its way", function()
    for _, text in ipairs(ANSWERS) do
      for length = 1, #text do
        local answer = assert(http_reader.read(source(text, length), 100))
        assert.same({ 200, "hello" }, { answer.status, answer.body })
      end
    end
  end)

  it("is none when its end is missing", function()
    for i, text in ipairs(ANSWERS) do
      local stop = i == 2 and text:find("hello", 1, true) + 3 or #text - 1
      if i == 4 then stop = stop - 4 end
      if i ~= 3 then
        for last = 0, stop do
          assert.is_nil((http_reader.read(source(text:sub(1, last), 7), 100)))
        end
      end
    end
  end)

  it("is not read beyond its limit", function()
    for _, text in ipairs(ANSWERS) do assert.is_nil((http_reader.read(source(text, 9), 4))) end
  end)

  it("never makes the reader fail, whatever it is", function()
    local pieces = { "HTTP/1.1 200 OK", "\r\n", "\n", "content-length: ", "5", "transfer-encoding: chunked",
      "ff", "0", ":", " ", "x", "\0", "-1", "HTTP/1.1 ", "\255" }
    local state = 3
    for _ = 1, 3000 do
      local parts = {}
      for i = 1, 12 do
        state = state * 16807 % 2147483647
        parts[i] = pieces[state % #pieces + 1]
      end
      http_reader.read(source(table.concat(parts), 5), 100)
    end
  end)
end)
