local core = require "moonbase.core"

describe("core.sha256_stream", function()
  local function stream_of(...)
    local stream = core.sha256_stream()
    for i = 1, select("#", ...) do stream:update((select(i, ...))) end
    return stream
  end

  it("knows the published answers", function()
    for text, hash in pairs {
      [""] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      ["abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"] =
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    } do
      assert.are.equal(hash, stream_of(text):digest())
    end
  end)

  it("does not mind how the bytes are cut", function()
    local bytes = {}
    for i = 1, 300 do bytes[i] = string.char(i % 256) end
    bytes = table.concat(bytes)
    for size = 1, 130 do
      local stream = core.sha256_stream()
      for first = 1, #bytes, size do stream:update(bytes, first, first + size - 1) end
      assert.are.equal(core.sha256(bytes), stream:digest())
    end
  end)

  it("goes on behind a digest", function()
    local stream = stream_of("one")
    assert.are.equal(core.sha256 "one", stream:digest())
    assert.are.equal(core.sha256 "one", stream:digest())
    stream:update " two"
    assert.are.equal(core.sha256 "one two", stream:digest())
  end)

  it("takes a part of a string, cut to what there is", function()
    local function part(...)
      return core.sha256_stream():update("abcdef", ...):digest()
    end
    assert.are.equal(core.sha256 "cdef", part(3))
    assert.are.equal(core.sha256 "cd", part(3, 4))
    assert.are.equal(core.sha256 "f", part(6, 100))
    assert.are.equal(core.sha256 "", part(7))
    assert.are.equal(core.sha256 "", part(7, 100))
    assert.are.equal(core.sha256 "", part(4, 3))
    assert.are.equal(core.sha256 "", core.sha256_stream():update("", 1, 5):digest())
  end)

  it("refuses anything else", function()
    local stream = core.sha256_stream()
    for _, arguments in ipairs { {}, { 12 }, { {} }, { "a", 0 }, { "a", -1 }, { "a", "x" },
      { "a", 1, 0 / 0 } } do
      assert.is_false(pcall(stream.update, stream, arguments[1], arguments[2], arguments[3]))
    end
    assert.is_false(pcall(stream.update, "a", "b"))
    assert.is_false(pcall(stream.digest, {}))
    assert.are.equal(core.sha256 "", stream:digest())
    assert.is_false(getmetatable(stream))
  end)
end)
