local core = require "moonbase.core"
local file_check = require "moonbase.file_check"
local files = require "spec.support.files"
local full_store = require "spec.support.full_store"
local moonbase = require "moonbase"
local stores = require "spec.support.stores"

-- Damage that no call of the API could do, by a table: what is said of it.
local DAMAGE = {
  { "threads", "UPDATE threads SET count = count + 1" },
  { "threads", "UPDATE threads SET queued = 5" },
  { "threads", "UPDATE threads SET indexed = 9" },
  { "threads", "UPDATE threads SET inherited = 1 WHERE id = 'chat'" },
  { "threads", "DELETE FROM messages WHERE key & 4294967295 = 1" },
  { "threads", "UPDATE segments SET level = 7 WHERE owner > 0 AND parent IS NOT NULL" },
  { "threads", "UPDATE segments SET parent = id WHERE owner > 0 AND parent IS NOT NULL" },
  { "threads", "UPDATE segments SET owner = 99 WHERE owner = 1" },
  { "threads", "UPDATE messages SET key = (77 << 32) + 1 WHERE id = (SELECT max(id) FROM messages)" },
  { "threads", "INSERT INTO message_backlog (segment) VALUES (99)" },
  { "documents", "UPDATE messages SET body = '{'" },
  { "documents", "UPDATE runs SET body = ''" },
  { "documents", "UPDATE events SET data = '{\"n\":01}'" },
  { "documents", "UPDATE kv SET value = 'nul'" },
  { "documents", "UPDATE job_payloads SET payload = '{\"a\":1,}'" },
  { "documents", "UPDATE flow_documents SET body = '[1'" },
  { "documents", "UPDATE specs_history SET body = 'x'" },
  { "documents", "UPDATE session_nodes SET body = '{\"a\":}'" },
  { "documents", "UPDATE vector_items SET metadata = '}'" },
  { "sessions", "UPDATE session_nodes SET body = '7'" },
  { "sessions", "UPDATE sessions SET node_count = 9" },
  { "sessions", "DELETE FROM session_nodes WHERE id = 'q'" },
  { "sessions", "DELETE FROM blobs WHERE hash = (SELECT checkpoint_ref FROM sessions)" },
  { "blobs", "UPDATE blobs SET content = CAST('other' AS BLOB) WHERE kind = 'text/plain'" },
  { "blobs", "UPDATE blobs SET size = size + 1 WHERE pieces > 0" },
  { "blobs", "UPDATE blobs SET hash = upper(hash) WHERE pieces > 0" },
  { "blobs", "DELETE FROM blob_pieces WHERE key & 16777215 = 2" },
  { "blobs", "UPDATE blob_pieces SET content = CAST('other' AS BLOB)" },
  { "blobs", "INSERT INTO blob_pieces VALUES ((999 << 24) + 1, 1, 0, 'x', x'00')" },
  { "rows", "UPDATE artifacts SET latest = 2" },
  { "rows", "DELETE FROM artifacts" },
  { "rows", "UPDATE sequences SET value = 0 WHERE name = 'events'" },
  { "rows", "UPDATE sequences SET value = 0 WHERE name = 'leases'" },
  { "rows", "UPDATE events SET key = key + (7 << 40)" },
  { "rows", "UPDATE job_queues SET done = 0" },
  { "rows", "UPDATE job_queues SET open = open + 1" },
  { "rows", "UPDATE jobs SET state = 'strange'" },
  { "rows", "UPDATE jobs SET finished_at = NULL" },
  { "rows", "DELETE FROM job_payloads" },
  { "rows", "DELETE FROM flow_documents WHERE kind = 'state'" },
  { "rows", "UPDATE flow_steps SET key = key + (9 << 32)" },
  { "rows", "UPDATE specs SET revision = 1" },
  { "rows", "DELETE FROM profiles_history" },
  { "rows", "UPDATE transactions SET open = 2" },
  { "rows", "INSERT INTO transaction_participants VALUES (1, 'bank', 99)" },
  { "memory", "UPDATE text_sets SET docs = 9" },
  { "memory", "DELETE FROM text_tail" },
  { "vectors", "UPDATE vector_collections SET count = 3" },
  { "vectors", "UPDATE vector_cards SET records = records - 1 WHERE key >> 32 < 1000" },
  { "vectors", "UPDATE vector_cards SET records = records + 1000" },
  { "vectors", "DELETE FROM vector_floats WHERE key >> 32 < 1000" },
  { "vectors", "UPDATE vector_floats SET vector = x'00000000'" },
  { "vectors", "UPDATE vector_collections SET serial = 1" },
  { "vectors", "UPDATE vector_blocks SET data = zeroblob(length(data)) WHERE key >> 32 < 1000" },
  { "vectors", "UPDATE vector_blocks SET data = zeroblob(length(data)) WHERE key >> 32 > 1000" },
  { "vectors", "DELETE FROM vector_blocks" },
  { "vectors", "DELETE FROM vector_cards WHERE key >> 32 < 1000" },
  { "memory", "UPDATE memory_spaces SET count = 7" },
  { "memory", "UPDATE memory_spaces SET serial = 0" },
  { "memory", "DELETE FROM memory_labels WHERE label = ''" },
  { "memory", "UPDATE memory_labels SET serial = 99 WHERE label <> ''" },
  { "memory", "UPDATE memory_vectors SET count = count + 1" },
  { "memory", "UPDATE memories SET vector_set = 5" },
  { "memory", "DELETE FROM vector_floats WHERE key >> 32 > 1000" },
  { "memory", "DELETE FROM memories" },
  { "file", "DELETE FROM scopes" },
  { "file", "DELETE FROM event_streams" },
}

describe("a check", function()
  local path, store

  before_each(function()
    path = files.database()
    store = full_store.fill(stores.open(path))
  end)

  after_each(stores.cleanup)

  local function has(problems, part)
    for _, problem in ipairs(problems) do
      if problem:sub(1, #part + 1) == part .. ":" then return true end
    end
    return false
  end

  it("finds nothing in a store that is sound, full or empty", function()
    assert.is_true(store:check())
    store:close()
    for _, options in ipairs { {}, { readonly = true } } do
      store = stores.open(path, options)
      assert.is_true(store:check())
      store:close()
    end
    store = stores.open()
    assert.is_true(store:check())
  end)

  it("finds what no call could have done, and says where", function()
    local engine = store.context.engine
    for _, damage in ipairs(DAMAGE) do
      local done = {}
      engine:atomic(function()
        assert(engine:exec "PRAGMA defer_foreign_keys = ON")
        assert.is_true(assert(engine:run(damage[2])) > 0, damage[2])
        done[1], done[2] = store:check()
        return nil, "undo"
      end)
      assert.is_nil(done[1], damage[2])
      assert.are.equal("corrupt", done[2].code, damage[2])
      assert.is_true(has(done[2].problems, damage[1]),
        damage[2] .. "\n" .. table.concat(done[2].problems, "\n"))
      assert.matches(done[2].problems[1], done[2].message, 1, true)
    end
    assert.is_true(store:check())
  end)

  it("names all that is wrong, in several parts at once", function()
    local engine = store.context.engine
    assert(engine:run "UPDATE threads SET count = 9")
    assert(engine:run "UPDATE kv SET value = 'x' WHERE key = 'double'")
    assert(engine:run "UPDATE vector_collections SET count = 7")
    local ok, err = store:check()
    assert.is_nil(ok)
    assert.is_true(has(err.problems, "threads") and has(err.problems, "documents")
      and has(err.problems, "vectors"))
    assert.matches("and %d+ more", err.message)
  end)

  -- What the text index is made of can be written by a connection that is opened for it alone.
  it("finds a text index that is damaged, or lacks a message", function()
    store:close()
    local whole = files.read(path)
    for _, sql in ipairs {
      "UPDATE message_text_data SET block = x'00' WHERE id > 10",
      "DELETE FROM message_text_data WHERE id > 10",
      "DELETE FROM message_text_docsize WHERE id = (SELECT max(id) FROM message_text_docsize)",
      "UPDATE message_text_docsize SET id = id + 77",
    } do
      local connection = assert(core.open(path, { raw = true }))
      assert.is_true(assert(connection:run(sql)) > 0, sql)
      connection:close()
      store = stores.open(path)
      local ok, err = store:check()
      store:close()
      assert.is_nil(ok, sql)
      assert.is_true(has(err.problems, "threads"), sql)
      for _, suffix in ipairs { "-wal", "-shm" } do os.remove(path .. suffix) end
      files.write(path, whole)
    end
    store = stores.open(path)
    assert.is_true(store:check())
  end)

  it("finds a page that was overwritten", function()
    store:close()
    local bytes = files.read(path)
    local at = 4096 * 30
    files.write(path, bytes:sub(1, at) .. ("\255"):rep(4096) .. bytes:sub(at + 4097))
    local damaged = assert(moonbase.open(path, { readonly = true }))
    local ok, err = damaged:check()
    damaged:close()
    assert.is_nil(ok)
    assert.are.equal("corrupt", err.code)
    assert.is_true(has(err.problems, "file"))
    files.write(path, bytes)
    store = stores.open(path)
    assert.is_true(store:check())
  end)

  it("does not take a page that the machine cannot read for a damaged one", function()
    for problem, code in pairs {
      ["Tree 9 page 12: unable to get the page. error code=10"] = "io",
      ["Tree 9 page 12: unable to get the page. error code=266"] = "io",
      ["Tree 9 page 12: unable to get the page. error code=7"] = "internal",
    } do
      local said = {}
      local ok, err = file_check.find({ values = function() return { problem } end },
        function(line) said[#said + 1] = line end)
      assert.is_nil(ok)
      assert.are.equal(code, err.code)
      assert.are.same({}, said)
    end
  end)

  it("looks at what is committed while others write, and in a transaction at its own", function()
    assert(store:transaction(function(tx)
      assert(tx.kv:set("ns", "new", 1))
      assert.is_true(store:check())
      return true
    end))
  end)
end)

describe("statistics", function()
  after_each(files.cleanup)

  it("tell how large the file is and what takes the room", function()
    local path = files.database()
    local store = stores.open(path)
    for i = 1, 20 do assert(store.kv:set("ns", "k" .. i, ("x"):rep(1000))) end
    assert(store:scope("other").kv:set("ns", "k", 1))
    local found = assert(store:stats())
    assert.are.equal(4096, found.page_size)
    assert.are.equal(21, found.parts.kv.rows)
    assert.are.equal(0, found.parts.jobs.rows)
    assert.is_true(found.parts.kv.bytes >= 20000)
    local sum = 0
    for _, part in pairs(found.parts) do sum = sum + part.bytes end
    assert.is_true(sum <= found.bytes and sum > found.bytes / 2)
    assert.are.equal(#files.read(path .. "-wal"), found.wal_bytes)
    assert.is_true(found.statements > 0)
    assert.matches(path, found.path, 1, true)
    store:close()
  end)

  it("are of a store in memory too, and of a transaction's own rows", function()
    local store = stores.open()
    assert(store:transaction(function(tx)
      assert(tx.kv:set("ns", "k", 1))
      assert.are.equal(1, store:stats().parts.kv.rows)
      return true
    end))
    local found = assert(store:stats())
    assert.are.equal(":memory:", found.path)
    assert.are.equal(0, found.wal_bytes)
    store:close()
    assert.are.equal("closed", select(2, pcall(store.stats, store)).code)
  end)

  it("know the part of every table", function()
    local table_parts = require "moonbase.table_parts"
    local store = stores.open()
    local shared = { migrations = true, scopes = true, sequences = true, segments = true,
      sqlite_sequence = true }
    for _, entry in ipairs(assert(require("moonbase.tables").list(store.context.engine))) do
      local part = table_parts.of(entry.name)
      assert.are.equal(shared[entry.name] or false, part == table_parts.BASE, entry.name)
    end
    store:close()
  end)
end)
