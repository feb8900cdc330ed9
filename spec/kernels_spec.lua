-- Ids, hashes, compression and clocks of the core.

local core = require "moonbase.core"
local child = require "spec.support.child"

local function is_error(code, result, err)
  assert.is_nil(result)
  assert.equal("table", type(err))
  assert.equal(code, err.code)
  return err
end

describe("uuid7", function()
  local FORM = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-7%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

  local function time_of(id)
    return tonumber((id:gsub("-", ""):sub(1, 12)), 16)
  end

  it("has the form of version 7", function()
    for _ = 1, 100 do
      local id = core.uuid7()
      assert.equal(36, #id)
      assert.truthy(id:match(FORM), id)
      assert.equal(id:lower(), id)
    end
  end)

  -- Times shortly ahead: the state is the whole process's, and never goes back.
  it("bears the time it is given", function()
    local ahead = core.now() + 1000
    assert.equal(ahead, time_of(core.uuid7(ahead)))
    assert.equal(ahead + 5, time_of(core.uuid7(ahead + 5)))
  end)

  it("grows, also when the time stands still, goes back, or the counter runs out", function()
    local start, last = core.now() + 2000, ""
    for i = 1, 10000 do
      local id = core.uuid7(start - i % 7)
      assert.is_true(id > last)
      last = id
    end
    assert.is_true(time_of(last) - start < 10)
    assert.is_true(core.uuid7() > last)
  end)

  it("never comes twice", function()
    local seen = {}
    for _ = 1, 20000 do
      local id = core.uuid7()
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it("never comes twice in two processes that began as one", function()
    core.uuid7()
    core.uuid7()
    local one = child.start(function(c)
      for _ = 1, 100 do
        c:tell(core.uuid7(1))
      end
    end)
    local seen = {}
    for _ = 1, 100 do
      seen[core.uuid7(1)] = true
    end
    for _ = 1, 100 do
      assert.is_nil(seen[one:hear()])
    end
    assert.is_true(one:finish())
  end)

  it("differs in its random bits", function()
    local zeros, ones = ("0"):rep(16), 0
    local counts = {}
    for _ = 1, 2000 do
      local tail = core.uuid7():gsub("-", ""):sub(17)
      assert.not_equal(zeros, tail)
      counts[tail:sub(-1)] = (counts[tail:sub(-1)] or 0) + 1
    end
    for _, count in pairs(counts) do
      ones = ones + 1
      assert.is_true(count > 50 and count < 250)
    end
    assert.equal(16, ones)
  end)

  it("takes only a time that fits", function()
    assert.has_error(function() core.uuid7(-1) end)
    assert.has_error(function() core.uuid7(2 ^ 48) end)
    assert.has_error(function() core.uuid7(1.5) end)
    assert.has_error(function() core.uuid7(0 / 0) end)
    assert.has_error(function() core.uuid7("x") end)
  end)
end)

describe("sha256", function()
  -- FIPS 180 and its examples.
  local vectors = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
        .. "mnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    { ("a"):rep(1000000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    { "\189", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b" },
    { "\201\140\142\085", "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504" },
    { ("\0"):rep(55), "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7" },
    { ("\0"):rep(56), "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb" },
    { ("\0"):rep(57), "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785" },
    { ("\0"):rep(64), "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b" },
    { ("\0"):rep(1000), "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53" },
    { ("A"):rep(1000), "c2e686823489ced2017f6059b8b239318b6364f6dcd835d0a519105a1eadd6e4" },
    { ("U"):rep(1005), "f4d62ddec0f3dd90ea1380fa16a5ff8dc4c54b21740650f24afc4120903552b0" },
  }

  it("gives the published hashes", function()
    for _, vector in ipairs(vectors) do
      assert.equal(vector[2], core.sha256(vector[1]))
    end
  end)

  -- The hash of the hashes of "", "a", "aa" and so on, reckoned by another implementation.
  it("is right for every length around the blocks", function()
    local all = {}
    for length = 0, 300 do
      all[#all + 1] = core.sha256(("a"):rep(length))
    end
    assert.equal("1d2ef37f10edc523a59e4fa147289061bd7b8b98a208a636c2b3334c56a5838d", core.sha256(table.concat(all)))
  end)

  it("takes only a string", function()
    assert.has_error(function() core.sha256() end)
    assert.has_error(function() core.sha256(1) end)
  end)
end)

describe("compress", function()
  local texts = { "", "a", ("abc"):rep(1000), ("\0"):rep(100000), "\255\254\0\1" }
  local noise, state = {}, 1
  for i = 1, 5000 do
    state = (state * 16807) % 2147483647
    noise[i] = string.char(state % 256)
  end
  texts[#texts + 1] = table.concat(noise)

  it("is undone by decompress", function()
    for _, text in ipairs(texts) do
      for _, level in ipairs { 1, 3, 9, 19 } do
        local packed = assert(core.compress(text, level))
        assert.equal(text, core.decompress(packed, #text))
        assert.equal(text, core.decompress(packed, #text + 1000))
      end
      assert.equal(text, core.decompress(core.compress(text), #text))
    end
  end)

  it("makes what repeats smaller", function()
    assert.is_true(#core.compress(("abc"):rep(1000)) < 100)
    assert.is_false(core.compress("abc", nil, 3))
    assert.is_true(#core.compress(("abc"):rep(1000), nil, 100) < 100)
  end)

  it("keeps to the bound", function()
    local packed = core.compress(("x"):rep(1000))
    local err = is_error("corrupt", core.decompress(packed, 999))
    assert.truthy(err.message:find("larger", 1, true))
    is_error("corrupt", core.decompress(packed, 0))
  end)

  it("refuses garbage", function()
    for _, text in ipairs { "", "x", "hello world", ("\0"):rep(100), "\40\181\47\253" } do
      is_error("corrupt", core.decompress(text, 1000))
    end
  end)

  it("refuses a frame that was cut, lengthened or changed", function()
    local text = ("The quick brown fox. "):rep(40)
    local packed = core.compress(text)
    for length = 0, #packed - 1 do
      is_error("corrupt", core.decompress(packed:sub(1, length), #text))
    end
    is_error("corrupt", core.decompress(packed .. "x", #text))
    is_error("corrupt", core.decompress(packed .. packed, #text * 2))
    for place = 1, #packed do
      local byte = (packed:byte(place) + 1) % 256
      local changed = packed:sub(1, place - 1) .. string.char(byte) .. packed:sub(place + 1)
      local result, err = core.decompress(changed, #text)
      assert.is_true(result ~= nil or err.code == "corrupt")
    end
  end)

  it("refuses a frame to be skipped", function()
    is_error("corrupt", core.decompress("\80\42\77\24\4\0\0\0abcd", 1000))
  end)

  it("goes on after a failure", function()
    is_error("corrupt", core.decompress("garbage", 10))
    assert.equal("x", core.decompress(core.compress("x"), 1))
  end)

  it("misuse raises", function()
    assert.has_error(function() core.compress() end)
    assert.has_error(function() core.compress("x", 0) end)
    assert.has_error(function() core.compress("x", 20) end)
    assert.has_error(function() core.compress("x", 1.5) end)
    assert.has_error(function() core.decompress("x") end)
    assert.has_error(function() core.decompress("x", -1) end)
    assert.has_error(function() core.decompress("x", 0.5) end)
  end)
end)

describe("the clocks", function()
  it("tell the time in milliseconds", function()
    local now = core.now()
    assert.is_true(math.abs(now / 1000 - os.time()) < 5)
    assert.equal(now, math.floor(now))
    if math.type then
      assert.equal("integer", math.type(now))
    end
  end)

  it("never go back", function()
    local last = core.monotonic()
    for _ = 1, 1000 do
      local time = core.monotonic()
      assert.is_true(time >= last)
      last = time
    end
  end)

  it("sleep as long as they are told", function()
    local start = core.monotonic()
    core.sleep(20)
    local slept = core.monotonic() - start
    assert.is_true(slept >= 20 and slept < 2000)
    core.sleep(0)
    assert.has_error(function() core.sleep(-1) end)
    assert.has_error(function() core.sleep(0 / 0) end)
  end)

  it("name the versions of what is linked", function()
    local versions = core.versions()
    assert.truthy(versions.zstd:match("^%d+%.%d+%.%d+$"))
    assert.truthy(versions.sodium:match("^%d+%.%d+%.%d+$"))
    assert.truthy(versions.lua:match(jit and "^LuaJIT" or "^Lua 5"))
  end)
end)
