-- Damaged files: what can be read is saved, and nothing is lost in silence.

local core = require "moonbase.core"
local damage = require "spec.support.damage"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"

-- Power losses are another spec's.
local FAST = { durability = "off" }

describe("a damaged file", function()
  after_each(function()
    collectgarbage()
    files.cleanup()
  end)

  local function folder_of(path) return path:match "^(.*)/" end

  local function lost_tables(tables)
    local lost = {}
    for name, entry in pairs(tables) do
      assert.is_true(entry.saved >= 0 and entry.lost >= 0, name)
      if entry.lost > 0 then lost[#lost + 1] = name end
    end
    table.sort(lost)
    return lost
  end

  local function open_told(path, options)
    local told = {}
    options = options or {}
    options.durability = "off"
    options.on_event = function(kind, info) told[kind] = info end
    local store, err = moonbase.open(path, options)
    return store, told, err
  end

  it("of garbage is set aside as it was, once, and a fresh one is opened", function()
    for _, garbage in ipairs { ("not a database. "):rep(1000), "xy", ("\0"):rep(5000),
                               "SQLite format 3\0" .. ("\255"):rep(8000) } do
      local path = files.database()
      files.write(path, garbage)
      local store, told = open_told(path)
      assert(store.kv:set("a", "b", 1))
      store:close()
      assert.are.equal(garbage, files.read(told.quarantined.quarantined))
      assert.matches("^" .. path:gsub("%p", "%%%0") .. "%.corrupt%-%d+T%d+Z$",
        told.recovered.quarantined)
      assert.are.same({}, lost_tables(told.recovered.tables))
      store, told = open_told(path)
      assert.are.equal(1, (store.kv:get("a", "b")))
      assert.are.same({}, told)
      store:close()
      assert.are.equal(2, #files.names(folder_of(path)))
    end
  end)

  it("keeps its bytes though another one was set aside in the same second", function()
    local path, names = files.database(), {}
    for i = 1, 3 do
      files.write(path, ("garbage %d "):format(i):rep(1000))
      local store, told = open_told(path, { clock = function() return 1600000000000 end })
      store:close()
      names[i] = told.quarantined.quarantined
    end
    for i = 1, 3 do assert.matches("^garbage " .. i, files.read(names[i])) end
  end)

  it("whose repair was interrupted is not read before that is finished", function()
    local path = files.database()
    files.write(path, ("garbage "):rep(1000))
    files.write(path .. "-recovering", '{"quarantined":"' .. path .. '.corrupt-x","tables":{}}')
    local before = files.names(folder_of(path))
    outcome.refused("busy", moonbase.open(path, { readonly = true }))
    assert.are.same(before, files.names(folder_of(path)))
  end)

  it("is repaired as if nothing had been, wherever the first repair broke off", function()
    local steps = { "file_link", "file_rename", "file_sync", "file_resemble" }
    local original, left = {}, 0
    for _, name in ipairs(steps) do original[name] = core[name] end
    local function break_off_after(count)
      left = count
      for _, name in ipairs(steps) do
        core[name] = function(...)
          if left == 0 then error("broken off", 0) end
          left = left - 1
          return original[name](...)
        end
      end
    end
    local function restore()
      for name, fn in pairs(original) do core[name] = fn end
    end
    finally(restore)

    local from = files.database()
    local store = assert(moonbase.open(from, FAST))
    assert(store.kv:set("a", "b", 0))
    assert(store.context.engine:exec "PRAGMA wal_checkpoint(TRUNCATE)")
    assert(store.kv:set("a", "b", 1)) -- is in the log alone
    local log = files.read(from .. "-wal")
    local bytes = ("\255"):rep(4096) .. files.read(from):sub(4097)
    store:close()
    local count, done = 0, false
    while not done do
      for value, beside in pairs { [0] = false, [1] = log } do
        local path = files.database()
        files.write(path, bytes)
        if beside then files.write(path .. "-wal", beside) end
        break_off_after(count)
        done = pcall(moonbase.recover, path)
        restore()
        local opened = open_told(path)
        assert.are.equal(value, (opened.kv:get("a", "b")), "broken off after " .. count)
        opened:close()
        local names = files.names(folder_of(path))
        assert.are.equal(2, #names, "broken off after " .. count)
        local damaged = files.read(folder_of(path) .. "/" .. names[2])
        assert.is_true(beside ~= false or damaged == bytes, "broken off after " .. count)
      end
      count = count + 1
    end
    assert.is_true(count > 4)
  end)

  it("is only refused when it is opened for reading", function()
    local path = files.database()
    files.write(path, ("garbage "):rep(1000))
    outcome.refused("corrupt", moonbase.open(path, { readonly = true }))
    assert.are.same({ "test.db" }, files.names(folder_of(path)))
  end)

  it("of another program is left alone", function()
    local path = files.database()
    local other = assert(core.open(path, {}))
    assert(other:exec "PRAGMA application_id=77; CREATE TABLE theirs (x)")
    for _ = 1, 100 do assert(other:run("INSERT INTO theirs VALUES ($x)", ("x"):rep(1000))) end
    other:close()
    files.write(path, files.read(path):sub(1, 9000))
    local before = files.read(path)
    local store, err = moonbase.open(path)
    assert.is_nil(store)
    assert.is_true(err.code == "corrupt" or err.code == "invalid", tostring(err))
    local result
    result, err = moonbase.recover(path)
    assert.is_nil(result)
    assert.is_true(err.code == "corrupt" or err.code == "invalid", tostring(err))
    assert.are.equal(before, files.read(path))
    assert.are.same({ "test.db" }, files.names(folder_of(path)))
  end)

  it("that was cut off is opened with what is left", function()
    local path, bytes = damage.file()
    files.write(path, bytes:sub(1, math.floor(#bytes / 2)))
    local store, told = open_told(path)
    if not told.recovered then
      store:close()
      assert(moonbase.recover(path).quarantined)
      store = assert(moonbase.open(path, FAST))
    end
    damage.check(store)
    store:close()
  end)

  it("without its first page gives back every row", function()
    local path, bytes = damage.file()
    damage.page(path, bytes, 1)
    local store, told = open_told(path)
    assert.are.same({}, lost_tables(told.recovered.tables))
    assert.are.equal(40, store.threads:count "thread 2")
    assert.are.equal(21, store.threads:count "fork")
    assert.are.equal(40, store:scope("other").kv:get("ns", "key 40"))
    damage.check(store)
    store:close()
  end)

  -- What can become of a page: garbage, nothing, another page, some bytes of it.
  local function spoilt(bytes, number, pages)
    local function page(n) return bytes:sub((n - 1) * damage.PAGE + 1, n * damage.PAGE) end
    local kind, own = number % 4, page(number)
    if kind == 0 then return nil end
    if kind == 1 then return ("\0"):rep(damage.PAGE) end
    if kind == 2 then return page((number * 7) % pages + 1) end
    local at = number * 37 % 4000
    return own:sub(1, at) .. ("\255\7\0\200"):rep(8) .. own:sub(at + 33)
  end

  it("is repaired whichever page is spoilt, and what is lost is told", function()
    local path, bytes = damage.file(24)
    local pages = #bytes / damage.PAGE
    local whole = {}
    for number = 2, pages, math.ceil(pages / 23) do
      damage.page(path, bytes, number, spoilt(bytes, number, pages))
      local result = assert(moonbase.recover(path))
      local store = assert(moonbase.open(path, FAST))
      lost_tables(result.tables)
      for name, entry in pairs(result.tables) do
        whole[name] = math.max(whole[name] or 0, entry.saved + entry.lost)
      end
      damage.check(store)
      store:close()
    end
    assert.are.equal(24 * 3 + 1, whole.messages)
    assert.are.equal(24, whole.events)
  end)

  it("of which rows are lost in the middle of a thread keeps the messages before them", function()
    local path = files.database()
    local store = assert(moonbase.open(path, FAST))
    for i = 1, 200 do
      assert(store.threads:append("t", { { role = "user", content = i .. (" word"):rep(100) } }))
    end
    local root = damage.root(store, "messages")
    store:close()
    local bytes, hit = files.read(path), nil
    -- A leaf of the table from the middle of the thread.
    for number = root + 1, #bytes / damage.PAGE do
      local page = bytes:sub((number - 1) * damage.PAGE + 1, number * damage.PAGE)
      if page:byte(1) == 13 and page:find('"100 word', 1, true) then hit = number end
    end
    damage.page(path, bytes, hit)
    local result = assert(moonbase.recover(path))
    store = assert(moonbase.open(path, FAST))
    local count = store.threads:count "t"
    assert.is_true(count > 80 and count < 100, count)
    assert.are.same({ saved = count, lost = 200 - count }, result.tables.messages)
    assert.are.equal(count, #store.threads:messages("t", { limit = 200 }).items)
    damage.check(store)
    store:close()
  end)

  it("of which events are lost keeps the log up to there, and gives out no cursor again", function()
    local path = files.database()
    local store = assert(moonbase.open(path, FAST))
    for i = 1, 300 do
      assert(store.events:append {
        stream = "s" .. i % 2, type = "t", data = { text = i .. (" word"):rep(50) },
      })
    end
    local root = damage.root(store, "events")
    store:close()
    local bytes, hit, hit_first = files.read(path), nil, nil
    for number = root + 1, #bytes / damage.PAGE do
      local page = bytes:sub((number - 1) * damage.PAGE + 1, number * damage.PAGE)
      if page:byte(1) == 13 and page:find('"150 word', 1, true) then hit = number end
      if page:byte(1) == 13 and page:find('"1 word', 1, true) then hit_first = number end
    end
    damage.page(path, bytes, hit)
    local result = assert(moonbase.recover(path))
    store = assert(moonbase.open(path, FAST))
    local events = assert(store.events:poll { limit = 1000 })
    assert.is_true(#events > 100 and #events < 150, #events)
    for i, event in ipairs(events) do assert.are.equal(i, event.cursor) end
    assert.are.same({ saved = #events, lost = 300 - #events }, result.tables.events)
    assert.are.equal(300, store.events:latest())
    assert.are.equal(300, store.events:latest "s0")
    assert.are.equal(301, assert(store.events:append { stream = "s0", type = "t" }).cursor)
    damage.check(store)
    store:close()
    damage.page(path, bytes, hit_first)
    assert(moonbase.recover(path))
    store = assert(moonbase.open(path, FAST))
    events = assert(store.events:poll { limit = 1000 })
    assert.is_true(#events > 280 and #events < 300, #events)
    assert.are.equal(300, events[#events].cursor)
    damage.check(store)
    store:close()
  end)

  it("is repaired where only the rows tell that something is gone", function()
    local path
    for sql, expected in pairs {
      ["DELETE FROM messages WHERE key = (SELECT segment << 32 FROM threads WHERE id = 'thread 1') + 7"]
        = { "messages" },
      ["DELETE FROM segments WHERE id = (SELECT segment FROM threads WHERE id = 'thread 2')"] = {},
      ["DELETE FROM session_nodes WHERE seq = 5"] = { "session_nodes" },
      ["DELETE FROM sessions WHERE id = 'session'"] = { "session_details" },
      ["DELETE FROM scopes"] = {},
      ["DELETE FROM job_payloads WHERE key = 5"] = { "jobs" },
      ["DELETE FROM vector_floats WHERE key & 4294967295 = 3"] = { "vector_items" },
      ["DELETE FROM memory_vectors"] = { "vector_floats" },
      ["DELETE FROM blob_pieces WHERE key & 255 = 2"] = { "blob_pieces", "blobs" },
      ["DELETE FROM graph_nodes WHERE name = 'n3'"] = { "graph_details", "graph_edges" },
      ["UPDATE messages SET body = '{' WHERE key & 4294967295 = 4"] = { "messages" },
      ["UPDATE job_queues SET open = 3"] = {},
    } do
      path = damage.file(12)
      local connection = assert(core.open(path, { raw = true }))
      assert(connection:exec("PRAGMA foreign_keys=OFF; " .. sql))
      connection:close()
      local result = assert(moonbase.recover(path))
      assert.is_string(result.quarantined, sql)
      assert.are.same(expected, lost_tables(result.tables), sql)
      local store = assert(moonbase.open(path, FAST))
      damage.check(store)
      store:close()
    end
  end)

  it("whose table of threads is gone has the threads again, by their index", function()
    local path = damage.file()
    local store = assert(moonbase.open(path, FAST))
    local root = damage.root(store, "threads")
    store:close()
    damage.page(path, files.read(path), root)
    local result = assert(moonbase.recover(path))
    assert.are.same({ saved = 0, lost = 4 }, result.tables.threads)
    assert.are.same({ saved = 121, lost = 0 }, result.tables.messages)
    store = assert(moonbase.open(path, FAST))
    assert.are.equal(40, store.threads:count "thread 3")
    assert.are.equal("the fork's own", store.threads:message("fork",
      store.threads:messages("fork", { order = "desc", limit = 1 }).items[1].id).message.content)
    damage.check(store)
    store:close()
  end)

  it("gives what its log has committed", function()
    local path, copy = files.database(), files.database()
    local store = assert(moonbase.open(path, FAST))
    damage.fill(store, 10)
    files.write(copy, ("\170"):rep(damage.PAGE) .. (files.read(path):sub(damage.PAGE + 1)))
    files.write(copy .. "-wal", files.read(path .. "-wal"))
    store:close()
    local again, told = open_told(copy)
    assert.are.equal(10, again.threads:count "thread 1")
    assert.is_nil(told.recovered and next(lost_tables(told.recovered.tables)))
    damage.check(again)
    again:close()
  end)

  it("that is missing beside its log is made from the log", function()
    local path, copy = files.database(), files.database()
    local store = assert(moonbase.open(path, FAST))
    assert(store.context.engine:exec "PRAGMA wal_autocheckpoint=0")
    damage.fill(store, 6)
    -- All of it lies in the log: every page was written since.
    files.write(copy .. "-wal", files.read(path .. "-wal"))
    store:close()
    local again, told = open_told(copy)
    assert.is_not_nil(told.recovered)
    assert.is_not_nil(files.read(told.recovered.quarantined .. "-wal"))
    assert.are.equal(6, again.threads:count "thread 1")
    damage.check(again)
    again:close()
  end)

  it("makes what meets the damage fail with `corrupt`, until it is repaired", function()
    local path, bytes = damage.file()
    local store = assert(moonbase.open(path, FAST))
    local root = damage.root(store, "kv")
    store:close()
    damage.page(path, bytes, root)
    store = assert(moonbase.open(path, FAST))
    outcome.refused("corrupt", store.kv:get("ns", "key 1"))
    assert.are.equal(40, store.threads:count "thread 1")
    outcome.refused("busy", moonbase.recover(path))
    store:close()
    local result = assert(moonbase.recover(path))
    assert.are.equal(81, result.tables.kv.saved + result.tables.kv.lost)
    store = assert(moonbase.open(path, FAST))
    assert(store.kv:set("ns", "key 1", "again"))
    store:close()
  end)

  it("that is sound is left as it is", function()
    local path = damage.file(6)
    local before = files.read(path)
    assert.are.same({ quarantined = false, tables = {} }, moonbase.recover(path))
    assert.are.equal(before, files.read(path))
    assert.are.same({ "test.db" }, files.names(folder_of(path)))
  end)

  it("is repaired by `recover` with typed errors for what cannot be", function()
    local _, err = moonbase.recover(files.database())
    assert.are.equal("not_found", err.code)
    _, err = moonbase.recover(files.folder() .. "/no/such.db")
    assert.are.equal("not_found", err.code)
    _, err = moonbase.recover ""
    assert.are.equal("invalid", err.code)
    assert.is_false(pcall(moonbase.recover))
    local path = damage.file(6)
    local store = assert(moonbase.open(path, FAST))
    assert(store.context.engine:exec "PRAGMA user_version=9999")
    store:close()
    damage.page(path, files.read(path), 20)
    _, err = moonbase.recover(path)
    assert.are.equal("future_schema", err.code)
    assert.are.same({ "test.db" }, files.names(folder_of(path)))
  end)

  it("keeps its rights", function()
    local path = files.database()
    files.write(path, ("garbage "):rep(1000))
    os.execute("chmod 600 '" .. path .. "'")
    assert(moonbase.open(path, FAST)):close()
    local pipe = io.popen("stat -c %a '" .. path .. "'")
    assert.are.equal("600", pipe:read "*l")
    pipe:close()
  end)

  it("whose repair was interrupted is repaired to the end by whoever comes next", function()
    local quarantine = require "moonbase.quarantine"
    local path, bytes = damage.file(6)
    damage.page(path, bytes, 1)
    local rename = core.file_rename
    for at = 1, 4 do
      files.write(path, bytes:gsub("^.", "\170"))
      files.write(path .. "-shm", "stale")
      local calls = 0
      core.file_rename = function(...) -- luacheck: ignore
        calls = calls + 1
        if calls == at then error("killed", 0) end
        return rename(...)
      end
      pcall(moonbase.open, path)
      core.file_rename = rename -- luacheck: ignore
      local unfinished = quarantine.unfinished(path)
      local store, told = open_told(path)
      if unfinished then assert.are.equal(unfinished.quarantined, told.recovered.quarantined) end
      assert.are.equal(6, store.threads:count "thread 1")
      damage.check(store)
      store:close()
      assert.is_nil(quarantine.unfinished(path))
      os.execute("rm -f '" .. path .. "'*")
    end
  end)
end)
