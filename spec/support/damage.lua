--- Stores with something in every part, and damage done to their files.

local files = require "spec.support.files"
local moonbase = require "moonbase"

local damage = {}

damage.PAGE = 4096

--- Fills a store.
---@param store moonbase.Store
---@param size? integer  rows of each kind, 40 unless told
function damage.fill(store, size)
  size = size or 40 -- an even number
  for t = 1, 3 do
    for i = 1, size do
      assert(store.threads:append("thread " .. t, {
        { role = "user", content = ("message %d of %d "):format(i, t) .. ("x"):rep(200) },
      }))
    end
  end
  assert(store.threads:fork("thread 1", { at = size / 2, id = "fork" }))
  assert(store.threads:append("fork", { { role = "user", content = "the fork's own" } }))
  local other = assert(store:scope("other"))
  for i = 1, size do
    assert(store.events:append { stream = "s" .. i % 3, type = "t", data = { i = i } })
    assert(store.kv:set("ns", "key " .. i, { value = i }))
    assert(store.jobs:enqueue("queue", { job = i }))
    assert(other.kv:set("ns", "key " .. i, i))
  end
  local session = assert(store.sessions:create { id = "session" })
  for i = 1, size do
    assert(session:append { { kind = "message", role = "user", content = "node " .. i } })
  end
  assert(session:fork { id = "session fork" }:append { { kind = "note", text = "own" } })
  for i = 1, size do
    assert(store.memory:remember {
      id = "memory " .. i, text = "the bear number " .. i .. " eats honey", namespace = "a/b",
      tags = { "bear" }, entities = { "Bear " .. i % 5 },
    })
    assert(store.graph:relate { from = "n" .. i, rel = "r", to = "n" .. i * 7 % 11,
      data = { i = i } })
  end
  assert(store:transaction(function(tx)
    assert(tx.kv:set("transaction", "key", 1))
    return true
  end))
  assert(store.specs:put("spec", { a = 1 }))
  assert(store.flows:create { id = "flow", mob = "m", flow = "f", state = { at = 1 } })
  for i = 1, size do
    assert(store.flows:append_step("flow", { step = "s" .. i, agent = "a", status = "done" }))
  end
  local vectors = assert(store.vectors:create("vectors", { dim = 4 }))
  for i = 1, size do assert(vectors:upsert("v" .. i, { i, 1, 2, 3 }, { metadata = { i = i } })) end
  assert(store.artifacts:put("ns", "name", ("bytes of an artifact "):rep(1000)))
  assert(store.blobs:put(("\1\2\3\4"):rep(200000)))
end

local made = {}

--- A closed file that holds all that.
---@return string path
---@return string bytes
function damage.file(size)
  local path = files.database()
  size = size or 40
  if not made[size] then
    local store = assert(moonbase.open(path, { durability = "off" }))
    damage.fill(store, size)
    assert(store:close())
    made[size] = files.read(path)
  end
  files.write(path, made[size])
  return path, made[size]
end

--- Writes over a page, from 1.
function damage.page(path, bytes, number, with)
  local at = (number - 1) * damage.PAGE
  files.write(path, bytes:sub(1, at) .. (with or ("\170"):rep(damage.PAGE))
    .. bytes:sub(at + damage.PAGE + 1))
end

--- The page numbers of a table's or index's root.
function damage.root(store, name)
  return store.context.engine:value("SELECT rootpage FROM sqlite_schema WHERE name = $name", name)
end

--- A store agrees with itself, and every part can be read and written.
---@param store moonbase.Store
function damage.check(store)
  assert(store:check())
  for _, thread in ipairs(assert(store.threads:list { limit = 200 }).items) do
    local seen = 0
    for record in store.threads:each(thread.id) do
      seen = seen + 1
      assert(record.seq == seen)
    end
    assert(seen == thread.count, thread.id)
    assert(store.threads:append(thread.id, { { role = "user", content = "afterwards" } }))
  end
  assert(store.threads:search "message afterwards")
  local before = store.events:latest()
  assert(assert(store.events:append { stream = "new", type = "t" }).cursor == before + 1)
  for _, item in ipairs(assert(store.sessions:list { limit = 200 }).items) do
    local session = assert(store.sessions:open(item.id))
    assert(session:path())
    assert(session:append { { kind = "note" } })
  end
  if store.memory:list({ limit = 1 }).items[1] then
    assert(#assert(store.memory:search "honey") > 0)
    assert(store.memory:remember { id = "memory 1", text = "another text" })
    assert(store.memory:reembed())
  end
  assert(store.graph:relate { from = "x", rel = "r", to = "y" })
  assert(store.graph:reach("n1", { depth = 3, dir = "both" }))
  assert(store.flows:list())
  assert(store.jobs:enqueue("queue", {}))
  assert(store.jobs:claim("queue", { owner = "me" }))
  local vectors = store.vectors:open "vectors"
  if vectors then
    assert(#assert(vectors:search({ 1, 1, 2, 3 }, { k = 1000 })) == vectors:count())
    assert(vectors:upsert("new", { 1, 2, 3, 4 }))
  end
  assert(store:gc())
  assert(store:check())
end

return damage
