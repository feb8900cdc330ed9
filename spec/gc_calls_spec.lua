-- How store:gc may be called, and when it refuses or fails: what it tells then, and that it removes
-- nothing.

local core = require "moonbase.core"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local noise = require "spec.support.noise"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises = outcome.raises_about

describe("gc", function()
  local store, path

  before_each(function()
    path = files.database()
    store = stores.open(path)
  end)

  after_each(stores.cleanup)

  local function put(bytes)
    return assert(store.blobs:put(bytes))
  end

  local function ref(hash)
    return { ["$blob"] = hash }
  end

  local function rows(sql)
    return assert(store.context.engine:value(sql or "SELECT count(*) FROM blobs"))
  end

  local function report(roots, retained, deleted, bytes_freed)
    return { roots = roots, retained = retained, deleted = deleted, bytes_freed = bytes_freed }
  end

  it("minds its own scope only", function()
    local other = assert(store:scope "other")
    local mine, theirs = put "both", assert(other.blobs:put "both")
    assert.are.equal(mine, theirs)
    local orphan = assert(other.blobs:put "orphan")
    assert(store.kv:set("ns", "k", ref(mine)))
    assert(store.threads:append("t", { { role = "user", content = { { image = ref(mine) } } } }))
    assert.are.same(report(1, 1, 0, 0), store:gc())
    assert.is_true(other.blobs:has(orphan))
    assert.are.same(report(0, 0, 2, 10), other:gc())
    assert.is_false(other.blobs:has(theirs))
    assert.are.equal("both", store.blobs:get(mine))
  end)

  it("takes all scopes when asked to", function()
    local other = assert(store:scope "other")
    put "orphan"
    assert(other.blobs:put "orphan")
    assert(other.artifacts:put("ns", "a", "kept"))
    assert.are.same(report(1, 1, 2, 12), store:gc { all_scopes = true, dry_run = true })
    assert.are.same(report(1, 1, 2, 12), store:gc { all_scopes = true })
    assert.are.equal(1, rows())
    put "orphan"
    assert(other.blobs:put "orphan")
    assert.are.same(report(1, 1, 2, 12), store:gc { all_scopes = true, max_ms = 10 })
  end)

  describe("dry_run", function()
    it("tells what would be, and changes nothing", function()
      assert(store.artifacts:put("ns", "a", "kept"))
      for i = 1, 250 do put("orphan" .. i) end
      local before = rows()
      local found = assert(store:gc { dry_run = true })
      assert.are.equal(before, rows())
      assert.are.same(found, store:gc())
      assert.are.same({ 1, 1, 250 }, { found.roots, found.retained, found.deleted })
    end)

    it("needs no right to write", function()
      put "orphan"
      store:close()
      store = stores.open(path, { readonly = true })
      assert.are.same(report(0, 0, 1, 6), store:gc { dry_run = true })
      local result, err = store:gc()
      assert.are.same({ nil, "readonly" }, { result, err.code })
      result, err = store:gc { max_ms = 5 }
      assert.are.same({ nil, "readonly" }, { result, err.code })
    end)
  end)

  it("takes options of known names and types", function()
    raises("options.dry", store.gc, store, { dry = true })
    raises("options.dry_run", store.gc, store, { dry_run = 1 })
    raises("options.max_ms", store.gc, store, { max_ms = "1" })
    for _, max_ms in ipairs { 0, -1, 0.5, 0 / 0 } do
      local result, err = store:gc { max_ms = max_ms }
      assert.are.same({ nil, "invalid", "max_ms" }, { result, err.code, err.field })
    end
  end)

  it("joins a transaction, and goes with it", function()
    put "orphan"
    for _, options in ipairs { {}, { max_ms = 1 } } do
      store:transaction(function(tx)
        local hash = assert(tx.blobs:put "named here")
        assert(tx.kv:set("ns", "k", ref(hash)))
        assert.are.equal(1, store:gc(options).deleted)
        return nil, "no"
      end)
      assert.are.equal(1, rows())
    end
    assert.are.equal(1, store:gc().deleted)
  end)

  describe("refuses, and removes nothing,", function()
    local hash

    before_each(function()
      hash = put "named"
      for i = 1, 5 do put("orphan" .. i) end
    end)

    local function refuses(named)
      for _, options in ipairs { {}, { dry_run = true }, { max_ms = 5 }, { all_scopes = true } } do
        local result, err = store:gc(options)
        assert.are.same({ nil, "corrupt" }, { result, err and err.code })
        assert.matches(named, err.message, 1, true)
        assert.are.equal(0, rows "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'")
      end
      assert.are.equal(6, rows())
    end

    local function run(sql)
      assert(store.context.engine:run(sql))
    end

    it("when a document cannot be read", function()
      assert(store.kv:set("ns", "k", ref(hash)))
      run "UPDATE kv SET value = substr(value, 1, 20)"
      refuses "kv"
    end)

    it("when an artifact's blob is missing", function()
      assert(store.artifacts:put("ns", "a", { hash = hash }))
      run "UPDATE artifact_versions SET hash = 'none'"
      refuses "none"
    end)

    it("when a session's checkpoint cannot be read", function()
      local session = assert(store.sessions:create { id = "s" })
      assert(session:commit { checkpoint = { turn = 1 } })
      run "DELETE FROM blobs WHERE key IN (2, 3)" -- so that there are six again
      run "UPDATE blobs SET content = x'00' WHERE names = 1"
      refuses(session:head().checkpoint_ref)
      run "UPDATE sessions SET checkpoint_ref = 'none'"
      refuses "none"
    end)

    it("when a document among the blobs is damaged, or is none", function()
      local blob_rows = require "moonbase.blob_rows"
      local ctx = store.context
      local manifest = assert(ctx:write(blob_rows.put, ctx, core.encode(ref(hash), "x"), nil, true))
      assert(store.kv:set("ns", "k", ref(manifest)))
      run "DELETE FROM blobs WHERE key = 2" -- so that there are six again
      run "UPDATE blobs SET content = x'00' WHERE names = 1"
      refuses(manifest)
      run [[UPDATE blobs SET content = CAST('{"$blob":' AS BLOB), size = 9 WHERE names = 1]]
      refuses(manifest)
    end)
  end)

  it("in steps tells of a failure what was removed before it, and not what was undone", function()
    local gc_sweep, errors = require "moonbase.gc_sweep", require "moonbase.errors"
    for i = 1, 250 do put("orphan " .. i) end
    local remove, calls = gc_sweep.remove, 0
    function gc_sweep.remove(...)
      calls = calls + 1
      if calls == 3 then return errors.fail("full", "no room") end
      return remove(...)
    end
    local ok, found, err = pcall(store.gc, store, { max_ms = 60000 })
    gc_sweep.remove = remove
    assert(ok, found)
    assert.are.same({ nil, "full", 0 }, { found, err.code, err.report.deleted })
    assert.are.equal(250, rows())
    assert.are.equal(250, store:gc({ max_ms = 60000 }).deleted)
  end)

  describe("when any one statement fails, gives the error and removes nothing:", function()
    for name, options in pairs { ["at once"] = {}, ["a dry run"] = { dry_run = true } } do
      it(name, function()
        assert(store.kv:set("ns", "k", ref(put "named")))
        assert(store.artifacts:put("ns", "a", "kept"))
        put "orphan"
        put(noise(300000))
        local count = faults.changes_nothing(store, function() return store:gc(options) end)
        assert.is_true(count > 10)
      end)
    end
  end)
end)
