--- A store with something in every part, for what takes a whole store.

local full_store = {}

local function talk(store)
  assert(store.threads:append("chat", {
    { role = "user", content = "When is low tide? \0 \240\159\140\138" },
    { role = "assistant", content = "At 14:20." },
    { role = "user", content = "Thanks!" },
  }))
  assert(store.threads:fork("chat", { id = "fork", at = 2 }))
  assert(store.threads:append("fork", { { role = "user", content = "And high tide?" } }))
  assert(store.threads:set_state("chat", { mood = "calm", nothing = {} }))
  assert(store.threads:enqueue("chat", { { role = "user", content = "Still there?" } }))
  assert(store.threads:search "tide")
  assert(store.runs:create { id = "run", thread = "chat", agent = "a" })
end

local function work(store)
  assert(store.events:append_batch { { stream = "s", type = "t", data = { n = 1 } },
    { stream = "s", type = "u", data = 2.5, key = "once" } })
  assert(store.events:prune { before = 2 })
  assert(store.events:consumer("c"):ack(2))
  assert(store.jobs:enqueue("mail", { to = "ann" }, { key = "k", group = "g" }))
  assert(store.jobs:enqueue("mail", { to = "bob" }, { delay = 100000 }))
  local job = assert(store.jobs:claim("mail", { owner = "w" }))[1]
  assert(store.jobs:ack(job, { result = { sent = true } }))
  assert(store.leases:acquire("door", "ann"))
  assert(store.flows:create { id = "flow", mob = "m", flow = "f", state = { n = 1.0 } })
  assert(store.flows:append_step("flow", { step = "s", agent = "a", status = "done" }))
  assert(store.specs:put("spec", { v = 1 }))
  assert(store.specs:put("spec", { v = 2 }))
  assert(store.profiles:create("profile", { v = 1 }))
end

local function keep(store)
  assert(store.kv:set("ns", "integer", 9007199254740993))
  assert(store.kv:set("ns", "double", 0.1))
  assert(store.kv:set("ns", "gone", true))
  assert(store.kv:delete("ns", "gone"))
  local hash = assert(store.blobs:put(("all bytes \0\1\254\255"):rep(40000)))
  assert(store.blobs:put(("text "):rep(2000), { kind = "text/plain" }))
  assert(store.artifacts:put("files", "a", { hash = hash }))
  local session = assert(store.sessions:create { id = "session", name = "S" })
  assert(session:append { { id = "q", kind = "message", role = "user", content = "Hm" },
    { id = "a", kind = "message", role = "assistant", content = "Yes" } })
  assert(session:commit { checkpoint = { tools = { n = 1 } }, stamp = { turn = "1" },
    usage = { source = "s", model = "m", input_tokens = 3, output_tokens = 4 } })
  assert(session:fork { at = "q", id = "other" })
  local vectors = assert(store.vectors:create("v", { dim = 3 }))
  assert(vectors:upsert_many { { id = "x", vector = { 1, 2, 3 }, metadata = { lang = "en" } },
    { id = "y", vector = { -1, 0.5, 0 } } })
end

-- The parts that may be missing while the store is being built up.
local function remember(store)
  if store.memory then
    assert(store.memory:remember { id = "m", text = "Low tide is when the boats lie dry.",
      tags = { "sea" }, importance = 0.25, entities = { "boats" } })
    assert(store.memory:remember { id = "m", text = "Low tide is at 14:20." })
  end
  if store.graph then
    assert(store.graph:relate { from = "a", rel = "knows", to = "b", weight = 0.1 })
  end
end

--- Fills a store.
---@param store moonbase.Store
---@return moonbase.Store
function full_store.fill(store)
  talk(store)
  work(store)
  keep(store)
  remember(store)
  assert(store:transaction({ label = "labelled" }, function(tx)
    return tx.kv:set("ns", "committed", 1)
  end))
  local other = assert(store:scope "tenant")
  assert(other.kv:set("ns", "integer", 1))
  assert(other.threads:append("chat", { { role = "user", content = "Another tide." } }))
  return store
end

--- The lines of a store's export.
---@param store moonbase.Store
---@return string[]
function full_store.lines(store)
  local lines = {}
  assert(store:export(function(line) lines[#lines + 1] = line end))
  return lines
end

--- Gives the lines one by one, as moonbase.import takes them.
---@param lines string[]
---@return fun(): string?
function full_store.reader(lines)
  local i = 0
  return function()
    i = i + 1
    return lines[i]
  end
end

return full_store
