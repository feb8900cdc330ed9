-- Whatever the API does, in any order, a check finds nothing, and an import gives the same store:
-- random calls on all parts at once.

local files = require "spec.support.files"
local full_store = require "spec.support.full_store"
local moonbase = require "moonbase"
local new_random = require "spec.support.random"
local stores = require "spec.support.stores"

local CALLS = 600

local function same_after_import(store)
  local path, lines = files.database(), full_store.lines(store)
  assert(moonbase.import(full_store.reader(lines), path))
  local copy = assert(moonbase.open(path))
  assert.are.same(lines, full_store.lines(copy))
  assert.is_true(copy:check())
  copy:close()
end

describe("a check finds nothing", function()
  local store, clock, random

  after_each(stores.cleanup)

  local function pick(list) return list[random(#list)] end

  local function id(kind) return kind .. random(6) end

  local function message() return { role = "user", content = ("word%d said"):format(random(50)) } end

  local function claimed() return store.jobs:claim(id "q", { owner = "w", lease = 50 }) end

  local function session()
    local name = id "s"
    return store.sessions:open(name) or assert(store.sessions:create { id = name })
  end

  local function collection()
    local name = id "v"
    return store.vectors:open(name) or assert(store.vectors:create(name, { dim = 3 }))
  end

  local function node()
    return { kind = "message", role = pick { "user", "assistant" }, content = "c" }
  end

  local CALL = {
    function() return store.threads:append(id "t", { message(), message() }) end,
    function() return store.threads:append(id "t", { message() }) end,
    function()
      local name = id "t"
      store.threads:delete(name)
      return store.threads:fork(id "t", { id = name, at = random(3) })
    end,
    function() return store.threads:delete(id "t", { children = "cascade" }) end,
    function() return store.threads:clear(id "t") end,
    function() return store.threads:replace(id "t", { message(), message(), message() }) end,
    function() return store.threads:search("word1 said") end,
    function() return store.threads:enqueue(id "t", { message() }) end,
    function() return store.threads:freeze(id "t", { boundary = "new_run" }) end,
    function() return store.threads:save { id = id "t", custom = { n = random(9) } } end,
    function() return store.runs:create { thread = id "t", agent = "a" } end,
    function()
      return store.runs:create { thread = id "t", agent = "a", status = "done" }
        and store.runs:prune { older_than = 100 }
    end,
    function() return store.events:append { stream = id "e", type = "t", data = random(9) } end,
    function() return store.events:prune { before = random(100), stream = id "e" } end,
    function() return store.events:clear(id "e") end,
    function()
      return store.jobs:enqueue(id "q", {}, { key = id "k", group = pick { "g", "h" },
        delay = pick { 0, 30 }, max_attempts = random(3) })
    end,
    function()
      local jobs = claimed()
      return jobs[1] == nil or store.jobs:ack(jobs[1], { result = 1 })
    end,
    function()
      local jobs = claimed()
      return jobs[1] == nil or store.jobs:nack(jobs[1], { error = "e",
        class = pick { "transient", "permanent" }, delay = pick { 0, 30 } })
    end,
    function()
      local jobs = claimed()
      return jobs[1] == nil or store.jobs:defer(jobs[1], 20)
    end,
    claimed,
    function()
      local items = store.jobs:list { status = pick { "ready", "running" } }.items
      return items[1] == nil or store.jobs:cancel(pick(items).id)
    end,
    function() return store.jobs:recover() end,
    function() return store.jobs:purge { older_than = 200 } end,
    function() return store.leases:acquire(id "l", pick { "a", "b" }, { ttl = 30 }) end,
    function() return store.kv:set("ns", id "k", random(9), { ttl = pick { 20, 20000 } }) end,
    function() return store.kv:delete("ns", id "k") end,
    function() return store.flows:create { id = id "f", mob = "m", flow = "f", state = {} } end,
    function() return store.flows:append_step(id "f", { step = "s", agent = "a", status = "d" }) end,
    function() return store.flows:put_output(id "f", "s", random(9)) end,
    function() return store.flows:delete(id "f") end,
    function() return pick { store.specs, store.profiles }:put(id "d", { n = random(9) }) end,
    function() return pick { store.specs, store.profiles }:delete(id "d") end,
    function() return store.artifacts:put("ns", id "a", ("bytes %d "):format(random(9)):rep(9)) end,
    function() return store.artifacts:delete("ns", id "a") end,
    function() return store.blobs:put(("%d "):format(random(40)):rep(pick { 9, 200000 })) end,
    function() return store:gc { max_ms = pick { nil, 5 } } end,
    function() return session():append { node(), node() } end,
    function()
      return session():commit { nodes = { node() }, checkpoint = { turn = { n = random(5) } },
        stamp = { turn = id "turn" } }
    end,
    function() return session():commit { replace = { node(), node() } } end,
    function()
      local name = id "s"
      store.sessions:delete(name)
      return session():fork { id = name }
    end,
    function()
      local one = session()
      local leaves = one:leaves()
      return #leaves == 0 or one:tombstone { pick(leaves) }
    end,
    function() return session():vacuum() end,
    function() return store.sessions:delete(id "s") end,
    function()
      return collection():upsert_many { { id = id "x", vector = { random(9), 1, 2 } },
        { id = id "y", vector = { 1, random(9), 2 } } }
    end,
    function() return collection():delete(id "x") end,
    function() return store.vectors:drop(id "v") end,
    function()
      return store.memory:remember { id = id "m", text = "memory of " .. id "word",
        ttl = pick { 50, 50000 }, tags = { id "tag" }, entities = { id "who" } }
    end,
    function() return store.memory:update(id "m", { text = "other " .. id "word" }) end,
    function() return store.memory:forget(id "m") end,
    function() return store.memory:sweep() end,
    function()
      return store.memory:ingest { source = id "src", text = ("Text of %s. "):format(id "word"):rep(40),
        max_tokens = 60, version = pick { nil, "1", "2" } }
    end,
    function() return store.memory:forget_source(id "src") end,
    function() return store.graph:relate { from = id "n", rel = id "r", to = id "n", weight = 2 } end,
    function() return store.graph:unrelate { from = id "n", rel = id "r", to = id "n" } end,
    function()
      return store:transaction({ label = "l" }, function(tx)
        assert(tx.kv:set("ns", id "k", 1))
        if random(3) == 1 then return nil, "undo" end
        return tx.events:append { stream = id "e", type = "t" }
      end)
    end,
    function() return store.transactions:prune { older_than = 100 } end,
    function() return store:vacuum() end,
  }

  -- What may be the answer to a call that came at the wrong time.
  local REFUSED = { not_found = true, exists = true, conflict = true, invalid = true,
    lease_lost = true }

  local function call()
    clock.now = clock.now + random(20)
    local number = random(#CALL)
    local _, err = CALL[number]()
    if type(err) == "table" and err.code and not REFUSED[err.code] then error(err, 0) end
    return number
  end

  for first = 1, 3 do
    it("whatever was done: " .. first, function()
      random = new_random(7919 * first)
      store, clock = stores.open()
      clock.now = 1000000
      for n = 1, CALLS do
        local number = call()
        if n % 60 == 0 then
          local ok, err = store:check()
          assert.is_true(ok, ("after call %d (%d): %s"):format(n, number,
            err and table.concat(err.problems or { err.message }, "\n") or ""))
        end
      end
      same_after_import(store)
    end)
  end
end)
