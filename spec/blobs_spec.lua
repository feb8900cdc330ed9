local core = require "moonbase.core"
local files = require "spec.support.files"
local noise = require "spec.support.noise"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises, refuses = outcome.raises_about, outcome.refuses

local PIECE = 256 * 1024
local UNKNOWN = ("0"):rep(64)

describe("blobs", function()
  local store, blobs, path, clock

  local function open(options)
    store = stores.open(path, options, clock)
    blobs = store.blobs
  end

  before_each(function()
    path, clock = files.database(), { now = 1000 }
    open()
  end)

  after_each(stores.cleanup)

  local function rows(sql)
    return assert(store.context.engine:value(sql or "SELECT count(*) FROM blobs"))
  end

  local SAMPLES = {
    empty = "", ["one byte"] = "\0", text = "hello", binary = noise(1000),
    ["what compresses"] = ("abc "):rep(5000), ["one piece"] = noise(PIECE),
    ["a byte more"] = noise(PIECE + 1), ["three pieces"] = noise(3 * PIECE),
    ["pieces that compress"] = ("line of text\n"):rep(60000),
  }

  describe("put and get", function()
    for name, bytes in pairs(SAMPLES) do
      it("keep " .. name, function()
        local hash = assert(blobs:put(bytes))
        assert.are.equal(core.sha256(bytes), hash)
        assert.is_true(bytes == blobs:get(hash))
        assert.is_true(blobs:has(hash))
        assert.are.equal(#bytes, blobs:stat(hash).size)
        store:close()
        open()
        assert.is_true(bytes == blobs:get(hash))
      end)
    end

    it("name the empty blob as everybody does", function()
      assert.are.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        blobs:put "")
    end)

    it("store the same bytes once", function()
      local hash = assert(blobs:put("same", { kind = "first" }))
      clock.now = 2000
      assert.are.equal(hash, blobs:put("same", { kind = "second" }))
      assert.are.equal(1, rows())
      assert.are.same({ hash = hash, size = 4, stored = 4, kind = "first", created_at = 1000 },
        blobs:stat(hash))
    end)

    it("store the same large bytes once", function()
      local bytes = noise(PIECE * 2 + 5)
      local hash = assert(blobs:put(bytes))
      assert.are.equal(hash, blobs:put(bytes))
      assert.are.equal(1, rows())
      assert.are.equal(3, rows "SELECT count(*) FROM blob_pieces")
    end)

    it("give nothing for an unknown hash", function()
      for _, hash in ipairs { UNKNOWN, "nonsense", core.sha256("x"):upper() } do
        assert.are.same({}, { blobs:get(hash) })
        assert.is_false(blobs:has(hash))
        assert.are.same({}, { blobs:stat(hash) })
        assert.are.same({}, { blobs:reader(hash) })
      end
    end)

    it("refuse what is no id", function()
      for _, hash in ipairs { "", " ", "a\0b", "\255", ("x"):rep(513) } do
        for _, call in ipairs { "get", "has", "stat", "reader" } do
          refuses("invalid", "hash", blobs[call], blobs, hash)
        end
      end
      refuses("invalid", "kind", blobs.put, blobs, "x", { kind = "" })
      refuses("invalid", "kind", blobs.writer, blobs, { kind = " " })
      assert.are.equal(0, rows())
    end)

    it("raise for wrong types", function()
      raises("bytes", blobs.put, blobs, 12)
      raises("bytes", blobs.put, blobs, { "x" })
      raises("options.size", blobs.put, blobs, "x", { size = 1 })
      raises("options.kind", blobs.put, blobs, "x", { kind = 1 })
      for _, call in ipairs { "get", "has", "stat", "reader" } do
        raises("hash", blobs[call], blobs, 12)
        raises("hash", blobs[call], blobs)
      end
      assert.are.equal(0, rows())
    end)

    it("keep scopes apart", function()
      local other = assert(store:scope "other").blobs
      local hash = assert(blobs:put "secret")
      assert.is_nil(other:get(hash))
      assert.is_false(other:has(hash))
      assert.is_nil(other:stat(hash))
      assert.is_nil(other:reader(hash))
      assert.are.equal(hash, other:put "secret")
      assert.are.equal(2, rows())
    end)

    it("join a transaction, and go with it", function()
      local hash
      store:transaction(function(tx)
        hash = assert(tx.blobs:put(noise(PIECE + 1)))
        assert.is_true(tx.blobs:has(hash))
        return nil, "no"
      end)
      assert.is_false(blobs:has(hash))
      assert.are.equal(0, rows "SELECT count(*) FROM blob_pieces")
    end)

    it("are refused and allowed on a handle that only reads", function()
      local hash = assert(blobs:put "x")
      local reading = stores.open(path, { readonly = true }).blobs
      assert.are.equal("x", reading:get(hash))
      refuses("readonly", nil, reading.put, reading, "y")
      refuses("readonly", nil, reading.writer, reading)
    end)

    it("raise when the transaction has ended that they are of", function()
      local ended
      assert(store:transaction(function(tx)
        ended = tx.blobs
        return true
      end))
      raises("closed", ended.put, ended, "x")
      raises("closed", ended.has, ended, UNKNOWN)
      raises("closed", ended.writer, ended)
    end)

    it("raise on a closed store", function()
      store:close()
      raises("closed", blobs.put, blobs, "x")
      raises("closed", blobs.get, blobs, UNKNOWN)
      raises("closed", blobs.writer, blobs)
      raises("closed", blobs.reader, blobs, UNKNOWN)
    end)
  end)

  describe("compression", function()
    local function stored_of(profile, bytes)
      store:close()
      path = files.database()
      open { compress = profile }
      local hash = assert(blobs:put(bytes))
      assert.is_true(bytes == blobs:get(hash))
      return blobs:stat(hash).stored
    end

    local THRESHOLD = { balanced = 4096, compact = 1024 }
    for profile, threshold in pairs(THRESHOLD) do
      it(profile .. " begins at " .. threshold .. " bytes", function()
        assert.are.equal(threshold - 1, stored_of(profile, ("x"):rep(threshold - 1)))
        assert.is_true(stored_of(profile, ("x"):rep(threshold)) < 100)
        assert.is_true(stored_of(profile, ("x"):rep(threshold + 1)) < 100)
      end)

      it(profile .. " leaves alone what it cannot make smaller", function()
        assert.are.equal(100000, stored_of(profile, noise(100000)))
        assert.are.equal(PIECE * 2, stored_of(profile, noise(PIECE * 2)))
      end)
    end

    it("latency does not compress", function()
      assert.are.equal(100000, stored_of("latency", ("x"):rep(100000)))
      assert.are.equal(PIECE * 2, stored_of("latency", ("x"):rep(PIECE * 2)))
    end)

    it("does not change the name, nor what another profile reads", function()
      local bytes = ("text "):rep(100000)
      local hash = assert(blobs:put(bytes))
      local other = stores.open(path, { compress = "latency" }).blobs
      assert.is_true(bytes == other:get(hash))
      assert.are.equal(hash, other:put(bytes))
      assert.are.equal(1, rows())
    end)
  end)

  describe("a writer", function()
    local function write(parts, options)
      local writer = assert(blobs:writer(options))
      for _, part in ipairs(parts) do assert(writer:write(part)) end
      return writer:finish()
    end

    for name, bytes in pairs(SAMPLES) do
      it("takes " .. name .. " in parts of any size", function()
        for _, size in ipairs { 1000, 100001, PIECE, PIECE * 2 + 7 } do
          local parts = {}
          for first = 1, #bytes, size do parts[#parts + 1] = bytes:sub(first, first + size - 1) end
          local hash = assert(write(parts, { kind = "k" }))
          assert.are.equal(core.sha256(bytes), hash)
          assert.is_true(bytes == blobs:get(hash))
          assert.are.same({ #bytes, "k" }, { blobs:stat(hash).size, blobs:stat(hash).kind })
        end
        assert.are.equal(1, rows())
        assert.are.equal(rows "SELECT sum(pieces) FROM blobs",
          rows "SELECT count(*) FROM blob_pieces")
      end)
    end

    it("stores as put does", function()
      local bytes = ("some text. "):rep(90000)
      local hash = assert(write { bytes })
      local stat = blobs:stat(hash)
      store:close()
      path = files.database()
      open()
      assert(blobs:put(bytes))
      assert.are.same(stat, blobs:stat(hash))
    end)

    it("shows nothing before it is finished", function()
      local bytes = noise(PIECE * 2)
      local writer = assert(blobs:writer())
      assert(writer:write(bytes))
      assert.is_false(blobs:has(core.sha256(bytes)))
      assert.is_false(blobs:has(core.sha256(bytes:sub(1, PIECE))))
    end)

    it("that is aborted leaves nothing", function()
      local writer = assert(blobs:writer())
      assert(writer:write(noise(PIECE * 2)))
      assert.are.equal(1, rows())
      assert.is_true(writer:abort())
      assert.is_true(writer:abort())
      assert.are.equal(0, rows() + rows "SELECT count(*) FROM blob_pieces")
      raises("aborted", writer.write, writer, "x")
      raises("aborted", writer.finish, writer)
    end)

    it("cannot be used when it is finished", function()
      local writer = assert(blobs:writer())
      local hash = assert(writer:finish())
      raises("finished", writer.write, writer, "x")
      raises("finished", writer.finish, writer)
      assert.is_true(writer:abort())
      assert.is_true(blobs:has(hash))
    end)

    it("takes strings only", function()
      local writer = assert(blobs:writer())
      raises("bytes", writer.write, writer, 12)
      raises("bytes", writer.write, writer)
      raises("options.size", blobs.writer, blobs, { size = 1 })
    end)

    it("notices that what it wrote is gone", function()
      local writer = assert(blobs:writer())
      store:transaction(function()
        assert(writer:write(noise(PIECE * 2)))
        return nil, "no"
      end)
      assert.are.equal(0, rows())
      refuses("not_found", nil, writer.write, writer, noise(PIECE * 2))
      refuses("not_found", nil, writer.write, writer, "x")
      refuses("not_found", nil, writer.finish, writer)
      assert.is_true(writer:abort())
      assert.are.equal(0, rows() + rows "SELECT count(*) FROM blob_pieces")
    end)

    it("does not take another's row for its own", function()
      local first = assert(blobs:writer())
      store:transaction(function()
        assert(first:write(noise(PIECE * 2)))
        return nil, "no"
      end)
      local bytes = noise(PIECE * 3, 2)
      local second = assert(blobs:writer())
      assert(second:write(bytes)) -- gets the same key
      refuses("not_found", nil, first.write, first, noise(PIECE))
      assert.is_true(first:abort())
      assert.is_true(bytes == blobs:get(assert(second:finish())))
    end)

    it("puts a whole blob in the place of a damaged one", function()
      local bytes = noise(PIECE * 2)
      local hash = assert(blobs:put(bytes, { kind = "old" }))
      assert(store.context.engine:run(
        "UPDATE blob_pieces SET content = zeroblob(10) WHERE key & 1 = 1"))
      clock.now = 2000
      assert.are.equal(hash, write({ bytes }, { kind = "new" }))
      assert.is_true(bytes == blobs:get(hash))
      assert.are.same({ "old", 1000 }, { blobs:stat(hash).kind, blobs:stat(hash).created_at })
      assert.are.equal(2, rows "SELECT count(*) FROM blob_pieces")
    end)
  end)

  describe("a reader", function()
    for name, bytes in pairs(SAMPLES) do
      it("gives " .. name .. " in pieces", function()
        local reader = assert(blobs:reader(assert(blobs:put(bytes))))
        assert.are.equal(#bytes, reader.size)
        local parts = {}
        for part in reader:each() do
          assert.is_true(#part > 0 and #part <= PIECE)
          parts[#parts + 1] = part
        end
        assert.is_true(bytes == table.concat(parts))
        assert.are.same({}, { reader:read() })
        assert.are.same({}, { reader:read(1) })
      end)

      it("gives " .. name .. " in parts of any size", function()
        local hash = assert(blobs:put(bytes))
        for _, size in ipairs { 1009, PIECE, PIECE + 1, 10 * PIECE } do
          local reader, parts = assert(blobs:reader(hash)), {}
          repeat
            local part, err = reader:read(size)
            assert.is_nil(err)
            if part and #parts > 0 then assert.are.equal(size, #parts[#parts]) end
            parts[#parts + 1] = part
          until not part
          assert.is_true(bytes == table.concat(parts))
        end
      end)
    end

    it("refuses a bad count", function()
      local reader = assert(blobs:reader(assert(blobs:put "x")))
      for _, count in ipairs { 0, -1, 1.5, 0 / 0 } do
        refuses("invalid", "count", reader.read, reader, count)
      end
      raises("count", reader.read, reader, "all")
      assert.are.equal("x", reader:read())
    end)

    it("holds no statement between pieces: others write, and its blob may go", function()
      local hash = assert(blobs:put(noise(3 * PIECE)))
      local reader = assert(blobs:reader(hash))
      assert(reader:read())
      assert(blobs:put "another")
      assert(store:transaction(function(tx) return tx.blobs:put "third" end))
      assert(store.context.engine:run("DELETE FROM blobs WHERE hash = $hash", hash))
      refuses("not_found", nil, reader.read, reader)
    end)
  end)
end)
