-- What store:gc keeps, and what it removes.

local core = require "moonbase.core"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local noise = require "spec.support.noise"
local stores = require "spec.support.stores"

local DAY = 24 * 60 * 60 * 1000

describe("gc", function()
  local store, clock

  before_each(function() store, clock = stores.open(files.database()) end)

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

  -- Collects in steps; calls fn when what may go has been found, and nothing is removed yet.
  local function between(fn)
    local gc_sweep = require "moonbase.gc_sweep"
    local find = gc_sweep.find
    gc_sweep.find = function(...)
      local found, after = find(...)
      fn()
      return found, after
    end
    local ok, report, err = pcall(store.gc, store, { max_ms = 5 })
    gc_sweep.find = find
    assert(ok, report)
    return assert(report, err)
  end

  local function report(roots, retained, deleted, bytes_freed)
    return { roots = roots, retained = retained, deleted = deleted, bytes_freed = bytes_freed }
  end

  it("removes what nothing names, and a second time nothing", function()
    local kept = put "kept"
    assert(store.artifacts:put("ns", "a", { hash = kept }))
    for i = 1, 5 do put("orphan" .. i) end
    local large = put(noise(300000))
    assert.are.same(report(1, 1, 6, 5 * 7 + 300000), store:gc())
    assert.are.equal(1, rows())
    assert.are.equal(0, rows "SELECT count(*) FROM blob_pieces")
    assert.is_false(store.blobs:has(large))
    assert.are.equal("kept", store.blobs:get(kept))
    assert.are.same(report(1, 1, 0, 0), store:gc())
  end)

  it("tells the bytes that compressed blobs took", function()
    local hash = put(("x"):rep(100000))
    local stored = store.blobs:stat(hash).stored
    assert.is_true(stored < 1000)
    assert.are.same(report(0, 0, 1, stored), store:gc())
  end)

  it("has nothing to do in an empty store, or a scope that is not there", function()
    assert.are.same(report(0, 0, 0, 0), store:gc())
    assert.are.same(report(0, 0, 0, 0), assert(store:scope "none"):gc())
    assert.are.same(report(0, 0, 0, 0), store:gc { max_ms = 1 })
    assert.are.same(report(0, 0, 0, 0), store:gc { all_scopes = true })
  end)

  -- Each gives what names the blob, and what makes it unnamed again.
  local sources = {
    ["an artifact"] = function(hash)
      assert(store.artifacts:put("ns", "a", { hash = hash }))
      return function() return store.artifacts:delete("ns", "a") end
    end,
    ["an earlier version of an artifact"] = function(hash)
      assert(store.artifacts:put("ns", "a", { hash = hash }))
      assert(store.artifacts:put("ns", "a", ""))
      return function() return store.artifacts:delete("ns", "a") end
    end,
    ["a message"] = function(hash)
      assert(store.threads:append("t", { { role = "user", content = { { image = ref(hash) } } } }))
      return function() return store.threads:clear("t") end
    end,
    ["a message of a fork whose origin is gone"] = function(hash)
      assert(store.threads:append("t", { { role = "user", content = "x", file = ref(hash) } }))
      assert(store.threads:fork("t", { id = "fork" }))
      assert(store.threads:delete "t")
      return function() return store.threads:delete "fork" end
    end,
    ["a thread's custom fields"] = function(hash)
      assert(store.threads:create { id = "t", custom = { avatar = ref(hash) } })
      return function() return store.threads:update("t", { custom = { avatar = moonbase.null } }) end
    end,
    ["a thread's state"] = function(hash)
      assert(store.threads:set_state("t", { file = ref(hash) }))
      return function() return store.threads:set_state("t", {}) end
    end,
    ["a message that waits"] = function(hash)
      local list = assert(store.threads:enqueue("t",
        { { role = "user", content = { { image = ref(hash) } } } }))
      return function() return store.threads:retract("t", list[1].id) end
    end,
    ["a run"] = function(hash)
      assert(store.runs:create { id = "r", thread = "t", agent = "a", state = { ref(hash) } })
      return function() return store.runs:update("r", { state = moonbase.null }) end
    end,
    ["an event"] = function(hash)
      assert(store.events:append { stream = "s", type = "t", data = ref(hash) })
      return function() return store.events:clear "s" end
    end,
    ["the payload of a job"] = function(hash)
      local job = assert(store.jobs:enqueue("q", { file = ref(hash) }))
      return function()
        assert(store.jobs:cancel(job.id))
        clock.now = clock.now + 10
        return store.jobs:purge { older_than = 1 }
      end
    end,
    ["the result of a job"] = function(hash)
      assert(store.jobs:enqueue("q", 1))
      local job = assert(store.jobs:claim("q", { owner = "o" }))[1]
      assert(store.jobs:ack(job, { result = { ref(hash) } }))
      return function()
        clock.now = clock.now + 10
        return store.jobs:purge { older_than = 1 }
      end
    end,
    ["a value"] = function(hash)
      assert(store.kv:set("ns", "k", { deep = { { ref(hash) } } }))
      return function() return store.kv:set("ns", "k", "other") end
    end,
    ["what a flow was given"] = function(hash)
      assert(store.flows:create { id = "f", mob = "m", flow = "w", state = {}, params = ref(hash) })
      return function() return store.flows:delete "f" end
    end,
    ["the state of a flow"] = function(hash)
      assert(store.flows:create { id = "f", mob = "m", flow = "w", state = { f = ref(hash) } })
      return function()
        return store.flows:cas_state { run = "f", expected = { f = ref(hash) }, next = {} }
      end
    end,
    ["a frame of a flow"] = function(hash)
      assert(store.flows:create { id = "f", mob = "m", flow = "w", state = {} })
      assert(store.flows:cas_frame { run = "f", frame = "x", next = ref(hash) })
      return function()
        return store.flows:cas_frame { run = "f", frame = "x", expected = ref(hash), next = {} }
      end
    end,
    ["the output of a step in the ledger"] = function(hash)
      assert(store.flows:create { id = "f", mob = "m", flow = "w", state = {} })
      assert(store.flows:append_step("f", { step = "s", agent = "a", status = "done",
        output = { ref(hash) } }))
      return function() return store.flows:put_output("f", "s", 1) end
    end,
    ["the output of a step"] = function(hash)
      assert(store.flows:create { id = "f", mob = "m", flow = "w", state = {} })
      assert(store.flows:cas_frame { run = "f", frame = "x", next = {} })
      assert(store.flows:cas_complete_step { run = "f", frame = "x", expected_frame = {},
        next_frame = {}, step = "s", output = ref(hash) })
      return function() return store.flows:delete "f" end
    end,
    ["the metadata of a vector"] = function(hash)
      local collection = assert(store.vectors:create("c", { dim = 2 }))
      assert(collection:upsert("v", { 1, 2 }, { metadata = { file = ref(hash) } }))
      return function() return store.vectors:drop "c" end
    end,
    ["a node of a session"] = function(hash)
      local session = assert(store.sessions:create { id = "s" })
      assert(session:append { { kind = "tool", result = { ref(hash) } } })
      return function() return store.sessions:delete "s" end
    end,
    ["what a session was caused by"] = function(hash)
      assert(store.sessions:create { id = "s", caused_by = { file = ref(hash) } })
      return function() return store.sessions:delete "s" end
    end,
    ["a fork of a session whose origin is gone"] = function(hash)
      local session = assert(store.sessions:create { id = "s" })
      assert(session:append { { kind = "tool", result = ref(hash) }, { kind = "note" } })
      assert(session:fork { id = "fork" })
      assert(store.sessions:delete "s")
      return function() return store.sessions:delete "fork" end
    end,
    ["a part of a session's checkpoint"] = function(hash)
      local session = assert(store.sessions:create { id = "s" })
      assert(session:commit { checkpoint = { turn = 1, tools = { file = ref(hash) } } })
      return function() return store.sessions:delete "s" end
    end,
    ["what a stamped commit gave"] = function(hash)
      local session = assert(store.sessions:create { id = "s" })
      assert(session:commit { stamp = { turn = "t" },
        jobs = { { queue = "q", payload = ref(hash), key = "k" } } })
      for _, job in ipairs(store.jobs:list().items) do assert(store.jobs:cancel(job.id)) end
      clock.now = clock.now + 10
      assert(store.jobs:purge { older_than = 1 })
      return function() return store.sessions:delete "s" end
    end,
    ["a spec"] = function(hash)
      assert(store.specs:put("s", { logo = ref(hash) }))
    end,
    ["an earlier revision of a deleted profile"] = function(hash)
      assert(store.profiles:put("p", { logo = ref(hash) }))
      assert(store.profiles:put("p", {}))
      assert(store.profiles:delete "p")
    end,
  }

  for name, make in pairs(sources) do
    it("keeps what " .. name .. " names, as long as it does", function()
      local hash = put "named"
      local undo = make(hash)
      put "orphan"
      local found = assert(store:gc())
      assert.are.equal(1, found.deleted)
      assert.are.equal("named", store.blobs:get(hash))
      if not undo then return end
      assert(undo())
      found = assert(store:gc())
      assert.are.same({ 0, 0 }, { found.roots, found.retained })
      assert.is_false(store.blobs:has(hash))
    end)

    it("in steps keeps what " .. name .. " names only after it was found unnamed", function()
      local hash = put "named"
      put "orphan"
      local found = between(function() make(hash) end)
      assert.are.same({ 1, 1 }, { found.retained, found.deleted })
      assert.are.equal("named", store.blobs:get(hash))
    end)
  end

  it("in steps it keeps what is put again after it was found to be unnamed", function()
    local small, large = put "named", put(noise(600000))
    put "orphan"
    local found = between(function()
      assert.are.equal(small, store.blobs:put "named")
      local writer = assert(store.blobs:writer())
      assert(writer:write(noise(600000)))
      assert.are.equal(large, writer:finish())
      put "new"
    end)
    assert.are.equal(1, found.deleted)
    assert.are.equal("named", store.blobs:get(small))
    assert.is_true(store.blobs:get(large) == noise(600000))
    assert.are.equal(3, rows())
    assert.are.equal(3, store:gc().deleted) -- nothing names them
  end)

  it("in steps it keeps what a document names that is named only then", function()
    local blob_rows = require "moonbase.blob_rows"
    local ctx = store.context
    local leaf = put "leaf"
    local text = core.encode(ref(leaf), "x")
    local manifest = assert(ctx:write(blob_rows.put, ctx, text, nil, true))
    put "orphan"
    local found = between(function() assert(store.kv:set("ns", "k", ref(manifest))) end)
    assert.are.same({ 2, 1 }, { found.retained, found.deleted })
    assert.are.equal("leaf", store.blobs:get(leaf))
  end)

  it("in steps it keeps an earlier checkpoint that a fork is made with only then", function()
    local session = assert(store.sessions:create { id = "s" })
    for n = 1, 2 do
      assert(session:commit { nodes = { { id = "n" .. n, kind = "note" } },
        checkpoint = { turn = n } })
    end
    local fork
    local found = between(function() fork = assert(session:fork { at = "n1" }) end)
    assert.are.same({ 4, 0 }, { found.retained, found.deleted })
    assert.are.same({ turn = 1 }, fork:checkpoint())
  end)

  it("finds every name in a document, and takes nothing else for one", function()
    local a, b, c, text, key = put "a", put "b", put "c", put "text", put "key"
    assert(store.kv:set("ns", "k", { list = { ref(a), { x = ref(b) } },
      ["$blob"] = c, [key] = 1, plain = text, quoted = '{"$blob":"' .. text .. '"}',
      number = { ["$blob"] = 12 }, table = { ["$blob"] = { text } }, null = ref(moonbase.null) }))
    local found = assert(store:gc())
    assert.are.same({ 3, 3, 2 }, { found.roots, found.retained, found.deleted })
    for _, hash in ipairs { a, b, c } do assert.is_true(store.blobs:has(hash)) end
  end)

  it("counts a blob once, however often it is named, and not at all when it is not stored", function()
    local hash = put "named"
    for i = 1, 450 do assert(store.kv:set("ns", "k" .. i, ref(hash))) end
    assert(store.artifacts:put("ns", "a", { hash = hash }))
    assert(store.events:append { stream = "s", type = "t", data = ref(core.sha256 "not stored") })
    assert(store.events:append { stream = "s", type = "t", data = ref "nonsense" })
    assert.are.same(report(1, 1, 0, 0), store:gc())
  end)

  it("keeps what a blob names that is a document, to any depth", function()
    local blob_rows = require "moonbase.blob_rows"
    local ctx = store.context
    local function document(value)
      return assert(ctx:write(blob_rows.put, ctx, core.encode(value, "value"), nil, true))
    end
    local leaf = put "leaf"
    local hash = leaf
    for i = 1, 300 do hash = document { n = i, below = { ref(hash) } } end
    put(core.encode(ref(put "orphan"), "no document"))
    assert(store.kv:set("ns", "k", ref(hash)))
    local found = assert(store:gc())
    assert.are.same({ 1, 301, 2 }, { found.roots, found.retained, found.deleted })
    assert.are.equal("leaf", store.blobs:get(leaf))
    assert(store.kv:delete("ns", "k"))
    assert.are.equal(301, store:gc().deleted)
  end)

  it("knows that bytes are a document when they were stored as just bytes before", function()
    local blob_rows = require "moonbase.blob_rows"
    local ctx = store.context
    local leaf = put "leaf"
    local text = core.encode(ref(leaf), "document")
    local hash = put(text)
    assert.are.equal(hash, ctx:write(blob_rows.put, ctx, text, nil, true))
    assert.are.equal(hash, put(text)) -- which does not undo it
    assert(store.kv:set("ns", "k", ref(hash)))
    assert.are.equal(0, store:gc().deleted)
  end)

  describe("keeps the checkpoint of every session's head:", function()
    local session

    before_each(function()
      session = assert(store.sessions:create { id = "s" })
      assert(session:commit { nodes = { { id = "n1", kind = "message" } },
        checkpoint = { turn = { n = 1 }, tools = { t = 1 }, plugins = {}, execution = 1 } })
    end)

    it("the manifest and its parts, and nothing that was in force before", function()
      assert.are.same({ 1, 5, 0 }, { store:gc().roots, store:gc().retained, store:gc().deleted })
      local before = session:checkpoint()
      assert(session:commit { checkpoint = { turn = { n = 2 } } })
      local found = assert(store:gc())
      assert.are.same({ 1, 5, 2 }, { found.roots, found.retained, found.deleted })
      before.turn = { n = 2 }
      assert.are.same(before, session:checkpoint())
      assert.are.equal(0, store:gc().deleted)
    end)

    it("forks included, to the last one", function()
      assert(session:fork { id = "fork" })
      assert(session:commit { nodes = { { id = "n2", kind = "message" } },
        checkpoint = { turn = { n = 2 } } })
      local found = assert(store:gc())
      assert.are.same({ 2, 7, 0 }, { found.roots, found.retained, found.deleted })
      assert(store.sessions:delete "s")
      assert.are.equal(2, store:gc().deleted)
      assert.are.equal(1, assert(store.sessions:open "fork"):checkpoint().turn.n)
      assert(store.sessions:delete "fork")
      assert.are.equal(5, store:gc().deleted)
      assert.are.equal(0, rows())
    end)
  end)

  -- Collects in steps of one batch each; calls fn after each.
  local function after_each_step(fn)
    local gc_sweep, pause = require "moonbase.gc_sweep", require "moonbase.pause"
    local remove, sleep = gc_sweep.remove, pause.sleep
    function gc_sweep.remove(...)
      local position, err = remove(...)
      core.sleep(2)
      return position, err
    end
    function pause.sleep(ms)
      if ms > 0 then fn() end
      return true
    end
    local ok, found, err = pcall(store.gc, store, { max_ms = 1 })
    gc_sweep.remove, pause.sleep = remove, sleep
    assert(ok, found)
    return assert(found, err)
  end

  it("in steps lets nobody have half of a checkpoint", function()
    for i = 1, 99 do put("orphan " .. i) end -- the next blob is the last of the first batch
    local session = assert(store.sessions:create { id = "s" })
    assert(session:commit { nodes = { { id = "n1", kind = "note" } }, checkpoint = { turn = 1 } })
    local earlier, steps = session:head().checkpoint_ref, 0
    assert(session:commit { nodes = { { id = "n2", kind = "note" } }, checkpoint = { turn = 2 } })
    after_each_step(function()
      steps = steps + 1
      if steps > 1 then return end
      assert.is_true(store.blobs:has(earlier))
      assert.is_false(store.blobs:has(core.sha256 "1"))
      local checkpoint, err = session:checkpoint(earlier)
      assert.is_nil(checkpoint)
      assert.is_nil(err)
      local fork = assert(session:fork { at = "n1", id = "fork" })
      assert.is_nil(fork:head().checkpoint_ref)
      assert.is_nil(fork:checkpoint())
      assert(fork:commit { checkpoint = { tools = 3 } })
      assert.are.same({ tools = 3 }, fork:checkpoint())
    end)
    assert.is_true(steps > 1)
    assert.is_true(store:check())
    assert.are.same({ turn = 2 }, session:checkpoint())
  end)

  describe("what is being written", function()
    local writer

    before_each(function()
      writer = assert(store.blobs:writer())
      assert(writer:write(noise(600000)))
    end)

    it("stays, also when it takes long, as long as it grows", function()
      for _ = 1, 3 do
        assert.are.same(report(0, 0, 0, 0), store:gc())
        clock.now = clock.now + DAY - 1
        assert(writer:write(noise(300000)))
      end
      local hash = assert(writer:finish())
      assert.are.equal(1500000, store.blobs:stat(hash).size)
      assert.are.equal(1, store:gc().deleted)
    end)

    it("goes when nothing was added for a day", function()
      clock.now = clock.now + DAY - 1
      assert(store:gc())
      assert.are.equal(1, rows())
      clock.now = clock.now + 1
      local expected = report(0, 0, 0, 524288)
      assert.are.same(expected, store:gc { dry_run = true })
      assert.are.same(expected, store:gc())
      assert.are.equal(0, rows() + rows "SELECT count(*) FROM blob_pieces")
      local result, err = writer:write(noise(300000))
      assert.are.same({ nil, "not_found" }, { result, err.code })
      assert.is_true(writer:abort())
    end)
  end)
end)
