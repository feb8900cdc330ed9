-- Collecting garbage while other processes write, and being killed in the middle.

local child = require "spec.support.child"
local core = require "moonbase.core"
local files = require "spec.support.files"
local moonbase = require "moonbase"

local CONTENTS, ROUNDS = 6, 10

describe("gc among processes", function()
  local path

  before_each(function() path = files.database() end)

  after_each(files.cleanup)

  local function open()
    return assert(moonbase.open(path, { durability = "off" }))
  end

  local function content(n)
    return ("content %d "):format(n):rep(n * 40)
  end

  -- Names one of a few blobs after the other, so that each is named, left and named again. `store`
  -- is how the blob comes to be there.
  local function write(self, name, store_blob)
    local store, x, i = open(), name:byte(), 0
    while not store.kv:get("stop", "x") do
      i = i + 1
      x = (x * 16807 + i) % 2147483647
      local n = x % CONTENTS + 1
      assert(store:transaction(function(tx)
        local hash = store_blob(tx, content(n))
        return hash == nil or tx.kv:set("named", name .. i % 3, { ["$blob"] = hash })
      end))
      if i == 1 then self:tell "begun" end
      core.sleep(1) -- else it would hardly let others in
    end
    store:close()
  end

  local function put(tx, bytes)
    return assert(tx.blobs:put(bytes))
  end

  local function put_in_parts(tx, bytes)
    local writer = assert(tx.blobs:writer())
    for _ = 1, 3 do assert(writer:write(bytes .. ("x"):rep(200000))) end
    return assert(writer:finish())
  end

  -- Names what is there already, without storing it again.
  local function find(tx, bytes)
    local hash = core.sha256(bytes)
    return tx.blobs:has(hash) and hash or nil
  end

  local function all_named_are_there(store)
    local page = assert(store.kv:list "named")
    assert.is_true(#page.items > 0)
    for _, item in ipairs(page.items) do
      local hash = item.value["$blob"]
      local bytes, err = store.blobs:get(hash)
      assert(bytes, tostring(err or ("blob " .. hash .. " is gone")))
      assert.are.equal(hash, core.sha256(bytes))
    end
  end

  -- Lets others write between finding what may go and removing it.
  local function dawdle()
    local gc_sweep = require "moonbase.gc_sweep"
    local find_candidates = gc_sweep.find
    gc_sweep.find = function(...)
      local found, after = find_candidates(...)
      core.sleep(8)
      return found, after
    end
    finally(function() gc_sweep.find = find_candidates end)
  end

  for name, options in pairs { ["at once"] = {}, ["in steps"] = { max_ms = 1 } } do
    it(name .. " takes nothing that others store or name meanwhile", function()
      local store, writers = open(), {}
      if options.max_ms then dawdle() end
      for kind, how in pairs { a = put, b = find, c = put_in_parts } do
        writers[#writers + 1] = child.start(function(c) write(c, kind, how) end)
      end
      for _, writer in ipairs(writers) do assert.are.equal("begun", writer:hear()) end
      local deleted = 0
      for _ = 1, ROUNDS do
        for i = 1, 30 do assert(store.blobs:put("orphan " .. i)) end
        deleted = deleted + assert(store:gc(options)).deleted
        all_named_are_there(store)
      end
      assert(store.kv:set("stop", "x", true))
      for _, writer in ipairs(writers) do assert(writer:finish()) end
      assert.is_true(deleted >= ROUNDS * 30)
      all_named_are_there(store)
      assert(store:gc(options))
      all_named_are_there(store)
      assert.are.equal("ok", store.context.engine:value "PRAGMA integrity_check")
      store:close()
    end)
  end

  it("in steps gives way to another process that begins to collect", function()
    local gc_sweep = require "moonbase.gc_sweep"
    local store = open()
    for i = 1, 50 do assert(store.blobs:put("orphan " .. i)) end
    local hash = assert(store.blobs:put "named later")
    local find_candidates = gc_sweep.find
    gc_sweep.find = function(...)
      gc_sweep.find = find_candidates
      local found, after = find_candidates(...)
      child.run(function()
        local other = open()
        assert(other:gc { max_ms = 1 }.deleted == 51)
        assert(other.blobs:put "named later")
        assert(other.kv:set("named", "k", { ["$blob"] = hash })) -- nobody watches any more
        other:close()
      end)
      return found, after
    end
    local report = assert(store:gc { max_ms = 1 })
    assert.is_true(report.superseded)
    assert.are.equal(0, report.deleted)
    all_named_are_there(store)
    store:close()
  end)

  for name, options in pairs { ["at once"] = {}, ["in steps"] = { max_ms = 1 } } do
    it(name .. ", killed in the middle, loses nothing and can be done again", function()
      local store = open()
      for i = 1, 40 do assert(store.artifacts:put("kept", "a" .. i, content(i))) end
      for round = 1, 4 do
        assert(store:transaction(function(tx)
          for i = 1, 400 do assert(tx.blobs:put(("orphan %d "):format(i):rep(300))) end
          return true
        end))
        store:close()
        local collector = child.start(function(c)
          local own = open()
          c:tell "begin"
          assert(own:gc(options))
          c:tell "done"
        end)
        assert.are.equal("begin", collector:hear())
        core.sleep((round - 1) * 3)
        collector:kill()
        store = open()
        assert.are.equal("ok", store.context.engine:value "PRAGMA integrity_check")
        for i = 1, 40 do assert.are.equal(content(i), (store.artifacts:get("kept", "a" .. i))) end
      end
      local report = assert(store:gc(options))
      assert.are.same({ 40, 40 }, { report.roots, report.retained })
      assert.are.equal(0, store:gc().deleted)
      assert.are.equal(0, store.context.engine:value "SELECT count(*) FROM blob_touches")
      store:close()
    end)
  end
end)
