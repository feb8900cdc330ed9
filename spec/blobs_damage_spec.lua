-- Blobs that are damaged, what their calls cost, and what a failing statement leaves.

local faults = require "spec.support.faults"
local files = require "spec.support.files"
local noise = require "spec.support.noise"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

local PIECE = 256 * 1024

describe("blobs", function()
  local store, blobs, clock

  before_each(function()
    store, clock = stores.open(files.database())
    blobs = store.blobs
  end)

  after_each(stores.cleanup)

  describe("damage", function()
    local SMALL, LARGE, TEXT = noise(3000), noise(PIECE * 3), ("a line\n"):rep(1000)

    -- Gives the second piece's reading as well: what came before it was right.
    local function is_damaged(hash)
      local bytes, err = blobs:get(hash)
      assert.is_nil(bytes)
      assert.are.same({ "corrupt", hash }, { err.code, err.hash })
      assert.matches(hash, err.message, 1, true)
      local reader, count = assert(blobs:reader(hash)), 0
      local part
      repeat
        part, err = reader:read()
        count = count + 1
      until not part
      assert.are.same({ "corrupt", hash }, { err.code, err.hash })
      assert.are.equal("corrupt", select(2, reader:read()).code)
      assert.is_false(pcall(reader:each(), reader))
      return count
    end

    local function spoil(sql)
      assert(store.context.engine:run(sql))
    end

    it("of one byte is found", function()
      local hash = assert(blobs:put(SMALL))
      spoil [[UPDATE blobs SET content = CAST(substr(content, 1, 99) || x'00'
        || substr(content, 101) AS BLOB)]]
      is_damaged(hash)
    end)

    it("of a compressed blob is found", function()
      local hash = assert(blobs:put(TEXT))
      assert.is_true(blobs:stat(hash).stored < 1000)
      spoil "UPDATE blobs SET content = CAST(substr(content, 1, 20) AS BLOB)"
      is_damaged(hash)
      spoil "UPDATE blobs SET content = zeroblob(20)"
      is_damaged(hash)
      spoil "UPDATE blobs SET content = x''"
      is_damaged(hash)
      spoil "UPDATE blobs SET content = NULL"
      is_damaged(hash)
    end)

    it("of what is said about a blob is found", function()
      local hash = assert(blobs:put(TEXT))
      for _, change in ipairs { "size = 10", "size = 100000000", "size = -1",
        "size = 9223372036854775807", "packed = 0",
        "pieces = 1", "pieces = 1000000", "pieces = -1" } do
        spoil("UPDATE blobs SET size = 7000, packed = 1, pieces = 0")
        assert(blobs:get(hash))
        spoil("UPDATE blobs SET " .. change)
        is_damaged(hash)
      end
    end)

    it("of a piece is found when it is its turn, and not later", function()
      local hash = assert(blobs:put(LARGE))
      spoil [[UPDATE blob_pieces SET content = CAST(x'00' || substr(content, 2) AS BLOB)
        WHERE key & 16777215 = 2]]
      assert.are.equal(2, is_damaged(hash))
    end)

    it("of the order of pieces, of a missing one and of a strange one is found", function()
      for _, change in ipairs {
        "UPDATE blob_pieces SET key = key + 100 WHERE key & 16777215 = 2",
        "DELETE FROM blob_pieces WHERE key & 16777215 = 2",
        [[UPDATE blob_pieces SET (content, digest) = (SELECT content, digest FROM blob_pieces
          WHERE key & 16777215 = 1) WHERE key & 16777215 = 2]],
      } do
        local hash = assert(blobs:put(LARGE))
        spoil(change)
        assert.are.equal(2, is_damaged(hash))
        assert.are.equal(hash, blobs:put(LARGE))
        assert.is_true(LARGE == blobs:get(hash))
      end
    end)

    it("of the end is found: a blob that is cut off is not a shorter one", function()
      local hash = assert(blobs:put(LARGE))
      spoil "UPDATE blobs SET pieces = 2"
      assert.are.equal(2, is_damaged(hash))
    end)

    it("is mended by whoever puts the bytes again", function()
      for _, bytes in ipairs { SMALL, TEXT, LARGE } do
        clock.now = 1000
        local hash = assert(blobs:put(bytes, { kind = "k" }))
        local before = blobs:stat(hash)
        spoil "UPDATE blobs SET content = zeroblob(5) WHERE pieces = 0"
        spoil "UPDATE blob_pieces SET content = zeroblob(5)"
        is_damaged(hash)
        clock.now = 2000
        assert.are.equal(hash, blobs:put(bytes))
        assert.is_true(bytes == blobs:get(hash))
        assert.are.same(before, blobs:stat(hash))
      end
    end)
  end)

  describe("every call is served by an index:", function()
    local function serves(name, fn)
      it(name, function() assert.are.same({}, plans.slow(store, fn)) end)
    end

    serves("put, get, has, stat", function()
      for _, bytes in ipairs { "small", noise(PIECE + 1) } do
        local hash = assert(blobs:put(bytes))
        assert(blobs:put(bytes))
        assert(blobs:get(hash) and blobs:has(hash) and blobs:stat(hash))
      end
    end)

    serves("readers and writers", function()
      local writer = assert(blobs:writer())
      assert(writer:write(noise(3 * PIECE)))
      local hash = assert(writer:finish())
      for _ in assert(blobs:reader(hash)):each() do end -- luacheck: ignore
      writer = assert(blobs:writer())
      assert(writer:write(noise(3 * PIECE)))
      assert(writer:finish())
      writer = assert(blobs:writer())
      assert(writer:write(noise(3 * PIECE)))
      assert(writer:abort())
    end)
  end)

  describe("when any one statement fails, a call gives the error and changes nothing:", function()
    local function holds(name, make)
      it(name, function()
        faults.changes_nothing(store, make())
      end)
    end

    holds("put", function() return function() return blobs:put "new" end end)
    holds("put of a large one", function()
      return function() return blobs:put(noise(2 * PIECE)) end
    end)
    holds("put over a damaged one", function()
      assert(blobs:put "bytes")
      assert(store.context.engine:run "UPDATE blobs SET content = x'00'")
      return function() return blobs:put "bytes" end
    end)
    holds("get", function()
      local hash = assert(blobs:put(noise(2 * PIECE)))
      return function() return blobs:get(hash) end
    end)
    holds("read", function()
      local hash = assert(blobs:put(noise(2 * PIECE)))
      return function()
        local reader, err = blobs:reader(hash)
        if not reader then return nil, err end
        return reader:read(2 * PIECE)
      end
    end)
  end)
end)
