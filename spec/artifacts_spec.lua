local core = require "moonbase.core"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local outcome = require "spec.support.outcome"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

local raises, refuses = outcome.raises_about, outcome.refuses

local UNKNOWN = ("0"):rep(64)

describe("artifacts", function()
  local store, artifacts, path, clock

  local function open()
    store = stores.open(path, nil, clock)
    artifacts = store.artifacts
  end

  before_each(function()
    path, clock = files.database(), { now = 1000 }
    open()
  end)

  after_each(stores.cleanup)

  local function rows()
    return table.concat(store.context.engine:values [[
      SELECT count(*) FROM artifacts UNION ALL SELECT count(*) FROM artifact_versions
      UNION ALL SELECT count(*) FROM blobs]], " ")
  end

  it("count versions from 1, per name", function()
    assert.are.equal(1, artifacts:put("ns", "a", "one"))
    assert.are.equal(2, artifacts:put("ns", "a", "two"))
    assert.are.equal(1, artifacts:put("ns", "b", "other"))
    assert.are.equal(1, artifacts:put("other", "a", "elsewhere"))
    assert.are.same({ "two", 2 }, { artifacts:get("ns", "a") })
    assert.are.same({ "one", 1 }, { artifacts:get("ns", "a", { version = 1 }) })
    store:close()
    open()
    assert.are.same({ "two", 2 }, { artifacts:get("ns", "a") })
  end)

  it("take the same bytes again for a new version of one blob", function()
    assert.are.equal(1, artifacts:put("ns", "a", "same"))
    assert.are.equal(2, artifacts:put("ns", "a", "same"))
    assert.are.equal("1 2 1", rows())
  end)

  it("take a blob that is stored, by its hash", function()
    local hash = assert(store.blobs:put "stored")
    assert.are.equal(1, artifacts:put("ns", "a", { hash = hash }))
    assert.are.same({ "stored", 1 }, { artifacts:get("ns", "a") })
    assert.are.equal("1 1 1", rows())
  end)

  it("refuse a hash that is not stored", function()
    refuses("not_found", nil, artifacts.put, artifacts, "ns", "a", { hash = UNKNOWN })
    refuses("not_found", nil, artifacts.put, artifacts, "ns", "a", { hash = "nonsense" })
    local other = assert(store:scope "other")
    local hash = assert(other.blobs:put "theirs")
    refuses("not_found", nil, artifacts.put, artifacts, "ns", "a", { hash = hash })
    assert.are.equal("0 0 1", rows())
  end)

  it("may be empty", function()
    assert(artifacts:put("ns", "a", ""))
    assert.are.same({ "", 1 }, { artifacts:get("ns", "a") })
  end)

  it("give nothing for what is absent", function()
    assert.are.same({}, { artifacts:get("ns", "a") })
    assert.are.same({}, artifacts:history("ns", "a"))
    assert.is_false(artifacts:delete("ns", "a"))
    assert(artifacts:put("ns", "a", "x"))
    assert.are.same({}, { artifacts:get("ns", "a", { version = 2 }) })
    assert.are.same({}, { artifacts:get("n", "a") })
    assert.are.same({}, { artifacts:get("ns/below", "a") })
  end)

  it("have a history, oldest first", function()
    for i, bytes in ipairs { "first", "the second", "" } do
      clock.now = i * 1000
      assert(artifacts:put("ns", "a", bytes))
    end
    assert.are.same({
      { version = 1, hash = core.sha256 "first", size = 5, created_at = 1000 },
      { version = 2, hash = core.sha256 "the second", size = 10, created_at = 2000 },
      { version = 3, hash = core.sha256 "", size = 0, created_at = 3000 },
    }, artifacts:history("ns", "a"))
  end)

  it("are deleted with every version, and their versions never come back", function()
    for i = 1, 3 do assert(artifacts:put("ns", "a", "v" .. i)) end
    assert.is_true(artifacts:delete("ns", "a"))
    assert.is_false(artifacts:delete("ns", "a"))
    assert.are.same({}, { artifacts:get("ns", "a") })
    assert.are.same({}, { artifacts:get("ns", "a", { version = 2 }) })
    assert.are.same({}, artifacts:history("ns", "a"))
    assert.are.same({}, artifacts:list("ns").items)
    store:close()
    open()
    assert.are.equal(4, artifacts:put("ns", "a", "new"))
    assert.are.equal(1, #artifacts:history("ns", "a"))
  end)

  it("forget old versions, never the newest, and go on counting", function()
    for i = 1, 4 do assert(artifacts:put("ns", "a", "v" .. i)) end
    for i = 1, 3 do assert(artifacts:put("ns", "b", "w" .. i)) end
    assert(assert(store:scope "other").artifacts:put("ns", "a", "theirs"))
    assert.are.equal(2, artifacts:prune("ns", "a", { keep = 2 }))
    assert.are.equal(0, artifacts:prune("ns", "a", { keep = 2 }))
    assert.are.equal(0, artifacts:prune("ns", "a", { keep = 100 }))
    assert.are.equal(0, artifacts:prune("ns", "none", { keep = 1 }))
    assert.are.equal(3, artifacts:history("ns", "a")[1].version)
    assert.are.same({}, { artifacts:get("ns", "a", { version = 2 }) })
    assert.are.same({ "v4", 4 }, { artifacts:get("ns", "a") })
    assert.are.equal(3, #artifacts:history("ns", "b"))
    assert.are.equal(2, assert(store:gc()).deleted)
    assert.are.equal(5, artifacts:put("ns", "a", "v5"))
    assert.is_true(store:check())
  end)

  it("go on counting where they are, whatever is deleted beside them", function()
    for i = 1, 3 do assert(artifacts:put("ns", "a", "v" .. i)) end
    assert.are.equal(1, artifacts:put("ns", "b", "x"))
    assert(artifacts:delete("ns", "a"))
    assert.are.equal(2, artifacts:put("ns", "b", "y"))
  end)

  it("are listed by name with their latest version, for exactly one namespace", function()
    for _, name in ipairs { "b", "a", "c/d" } do assert(artifacts:put("ns", name, name)) end
    assert(artifacts:put("ns/below", "x", "x"))
    clock.now = 2000
    assert(artifacts:put("ns", "a", "again"))
    local page = assert(artifacts:list("ns", { total = true }))
    assert.are.same({ namespace = "ns", name = "a", version = 2, hash = core.sha256 "again",
      size = 5, created_at = 2000 }, page.items[1])
    assert.are.same({ "b", "c/d" }, { page.items[2].name, page.items[3].name })
    assert.are.same({ 3, false, 3 }, { #page.items, page.has_more, page.total })
    assert.are.same({}, artifacts:list("none").items)
  end)

  it("are listed in pages", function()
    for i = 1, 7 do assert(artifacts:put("ns", "n" .. i, "x")) end
    local page, names = artifacts:list("ns", { limit = 3 }), {}
    repeat
      for _, item in ipairs(page.items) do names[#names + 1] = item.name end
      assert(artifacts:put("ns", "m" .. #names, "comes between")) -- behind none of them
      page = page.next_cursor and assert(artifacts:list("ns",
        { limit = 3, cursor = page.next_cursor }))
    until not page
    assert.are.equal("n1 n2 n3 n4 n5 n6 n7", table.concat(names, " "))
  end)

  it("refuse pages of another list", function()
    for i = 1, 3 do assert(artifacts:put("ns", "n" .. i, "x")) end
    local cursor = artifacts:list("ns", { limit = 1 }).next_cursor
    refuses("invalid", "cursor", artifacts.list, artifacts, "other", { cursor = cursor })
    refuses("invalid", "cursor", artifacts.list, artifacts, "ns", { cursor = "x" })
    refuses("invalid", "limit", artifacts.list, artifacts, "ns", { limit = -1 })
    raises("query.order", artifacts.list, artifacts, "ns", { order = "asc" })
  end)

  it("refuse what is no id", function()
    for _, id in ipairs { "", " ", "a\0b", "\255", ("x"):rep(513) } do
      for _, call in ipairs { "put", "get", "history", "delete" } do
        refuses("invalid", "namespace", artifacts[call], artifacts, id, "a")
        refuses("invalid", "name", artifacts[call], artifacts, "ns", id)
      end
      refuses("invalid", "namespace", artifacts.list, artifacts, id)
      refuses("invalid", "content.hash", artifacts.put, artifacts, "ns", "a", { hash = id })
    end
    for _, keep in ipairs { 0, -1, 1.5, 0 / 0 } do
      refuses("invalid", "keep", artifacts.prune, artifacts, "ns", "a", { keep = keep })
    end
    refuses("invalid", "name", artifacts.prune, artifacts, "ns", "", { keep = 1 })
    refuses("invalid", "content.hash", artifacts.put, artifacts, "ns", "a", {})
    for _, version in ipairs { 0, -1, 1.5, 0 / 0 } do
      refuses("invalid", "version", artifacts.get, artifacts, "ns", "a", { version = version })
    end
    assert.are.equal("0 0 0", rows())
  end)

  it("raise for wrong types", function()
    raises("content", artifacts.put, artifacts, "ns", "a")
    raises("content", artifacts.put, artifacts, "ns", "a", 12)
    raises("content.bytes", artifacts.put, artifacts, "ns", "a", { bytes = "x" })
    raises("content.hash", artifacts.put, artifacts, "ns", "a", { hash = 1 })
    raises("namespace", artifacts.put, artifacts, nil, "a", "x")
    raises("name", artifacts.get, artifacts, "ns", 1)
    raises("options.version", artifacts.get, artifacts, "ns", "a", { version = "1" })
    raises("options.v", artifacts.get, artifacts, "ns", "a", { v = 1 })
    raises("options", artifacts.prune, artifacts, "ns", "a")
    raises("keep", artifacts.prune, artifacts, "ns", "a", {})
    assert.are.equal("0 0 0", rows())
  end)

  it("keep scopes apart", function()
    local other = assert(store:scope "other").artifacts
    assert(artifacts:put("ns", "a", "mine"))
    assert.is_nil(other:get("ns", "a"))
    assert.are.same({}, other:history("ns", "a"))
    assert.are.same({}, other:list("ns").items)
    assert.is_false(other:delete("ns", "a"))
    assert.are.equal(1, other:put("ns", "a", "theirs"))
    assert.are.equal("mine", (artifacts:get("ns", "a")))
  end)

  it("join a transaction, and go with it", function()
    store:transaction(function(tx)
      assert.are.equal(1, tx.artifacts:put("ns", "a", "x"))
      return nil, "no"
    end)
    assert.are.equal("0 0 0", rows())
    assert.are.equal(1, artifacts:put("ns", "a", "x"))
  end)

  it("are corrupt when their blob is damaged, or is not there", function()
    assert(artifacts:put("ns", "a", "bytes"))
    assert(store.context.engine:run "UPDATE blobs SET content = x'00'")
    refuses("corrupt", nil, artifacts.get, artifacts, "ns", "a")
    assert(store.context.engine:run "DELETE FROM blobs")
    refuses("corrupt", nil, artifacts.get, artifacts, "ns", "a")
  end)

  describe("are served by an index:", function()
    local function serves(name, fn)
      it(name, function() assert.are.same({}, plans.slow(store, fn)) end)
    end

    serves("put, get, history, prune, delete", function()
      assert(artifacts:put("ns", "a", "x"))
      assert(artifacts:put("ns", "a", { hash = core.sha256 "x" }))
      assert(artifacts:get("ns", "a") and artifacts:get("ns", "a", { version = 1 }))
      assert(#artifacts:history("ns", "a") == 2)
      assert(artifacts:prune("ns", "a", { keep = 1 }) == 1)
      assert(artifacts:delete("ns", "a"))
    end)

    serves("list", function()
      for i = 1, 5 do assert(artifacts:put("ns", "n" .. i, "x")) end
      local page = assert(artifacts:list("ns", { limit = 2, total = true }))
      page = assert(artifacts:list("ns", { limit = 2, cursor = page.next_cursor }))
      assert(artifacts:list("ns", { limit = 2, cursor = page.prev_cursor }))
      assert(artifacts:list("ns", { offset = 2 }))
    end)
  end)

  describe("give the error and change nothing when any one statement fails:", function()
    local function holds(name, fn)
      it(name, function()
        for i = 1, 2 do assert(artifacts:put("ns", "a", "v" .. i)) end
        faults.changes_nothing(store, fn)
      end)
    end

    holds("put", function() return artifacts:put("ns", "new", "bytes") end)
    holds("prune", function() return artifacts:prune("ns", "a", { keep = 1 }) end)
    holds("put of a hash", function()
      return artifacts:put("ns", "a", { hash = core.sha256 "v1" })
    end)
    holds("get", function() return artifacts:get("ns", "a") end)
    holds("history", function() return artifacts:history("ns", "a") end)
    holds("delete", function() return artifacts:delete("ns", "a") end)
  end)
end)
