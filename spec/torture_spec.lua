-- All parts at once, several processes, each killed again and again in the middle of its work. What
-- was acknowledged is there, a transaction is there in every part or in none, and the file is sound.

local child = require "spec.support.child"
local core = require "moonbase.core"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local process = require "process"

local WRITERS, GENERATIONS = 3, 10

local function user(text) return { role = "user", content = text } end

-- The n-th round of a writer, in every part, as one transaction.
local function write(tx, name, n)
  assert(tx.threads:append(name, { user("message " .. n) }))
  assert(tx.events:append { stream = name, type = "round", data = n })
  assert(tx.jobs:enqueue(name, { round = n }))
  assert(tx.flows:append_step(name, { step = "s" .. n, agent = "a", status = "completed" }))
  assert(tx.specs:put(name, { round = n }))
  local session = assert(tx.sessions:open(name))
  assert(session:append { { id = name .. n, kind = "event" } })
  local hash = assert(tx.blobs:put(name .. " blob " .. n))
  assert(tx.artifacts:put(name, "latest", name .. " " .. n))
  assert(tx.memory:remember { id = name .. n, text = "Round " .. n .. " of " .. name,
    namespace = name })
  assert(assert(tx.vectors:open("all")):upsert(name .. n, { n, 1 }))
  assert(tx.graph:relate { from = name, rel = "did", to = name .. n })
  assert(tx.kv:set(name, "last", { round = n, blob = hash }))
  return n
end

-- How far each part says that a writer came.
local function rounds(store, name)
  local session, count = store.sessions:open(name), 0
  for _ in store.events:replay { stream = name } do count = count + 1 end
  local last = store.kv:get(name, "last")
  local artifact = store.artifacts:get(name, "latest")
  return {
    threads = store.threads:count(name), events = count, jobs = store.jobs:stats(name).ready,
    flows = #store.flows:get(name).steps, sessions = session:head().node_count,
    specs = (store.specs:get(name) or { round = 0 }).round,
    memory = store.memory:list { namespace = name, limit = 0, total = true }.total,
    graph = #store.graph:neighbors(name, {}), kv = last and last.round or 0,
    artifacts = artifact and tonumber(artifact:match("%d+$")) or 0,
  }
end

-- Does rounds from the one behind the last on, and says when each is done; every third is followed by
-- a call of its own.
local function work(c, path, name)
  local store = assert(moonbase.open(path, { busy_timeout = 30000 }))
  local last = store.kv:get(name, "last")
  c:tell("from " .. (last and last.round or 0))
  local n = last and last.round or 0
  while true do
    n = n + 1
    assert(store:transaction({ label = name }, function(tx) return write(tx, name, n) end))
    c:tell("done " .. n)
    if n % 3 == 0 then
      assert(store.kv:set(name, "single", n))
      c:tell("single " .. n)
    end
  end
end

-- Notes what is said until the end, or until the first round is done; nothing where it was killed
-- before it had opened the file.
local function listen(one, heard, once)
  for line in function() return one:hear() end do
    local what, number = line:match("^(%l+) (%d+)$")
    if not what then error(line, 0) end
    heard[what] = tonumber(number)
    if once and what == "done" then return end
  end
end

describe("all parts, written by processes that are killed,", function()
  local path

  before_each(function()
    path = files.database()
    local store = assert(moonbase.open(path))
    assert(store.vectors:create("all", { dim = 2, metric = "l2" }))
    for i = 1, WRITERS do
      local name = "writer" .. i
      assert(store.flows:create { id = name, mob = "m", flow = "f", state = {} })
      assert(store.sessions:create { id = name })
    end
    store:close()
  end)

  after_each(files.cleanup)

  it("agree with each other, and with what was acknowledged", function()
    local acknowledged = {}
    for generation = 1, GENERATIONS do
      local workers, said = {}, {}
      for i = 1, WRITERS do
        workers[i] = child.start(function(c) work(c, path, "writer" .. i) end)
        said[i] = { done = 0, single = 0 }
      end
      if generation == 1 then -- however slow the machine is, something is done
        for i = 1, WRITERS do listen(workers[i], said[i], true) end
      end
      for i = 1, WRITERS do -- one after the other, wherever it is
        core.sleep(40 + 17 * ((generation * i) % 5))
        process.kill(workers[i].pid, "KILL")
      end
      for i = 1, WRITERS do
        local heard, name = said[i], "writer" .. i
        listen(workers[i], heard)
        local before = acknowledged[name] or { done = 0, single = 0 }
        local from = heard.from or before.done
        assert.is_true(from == before.done or from == before.done + 1)
        acknowledged[name] = { done = math.max(heard.done, from),
          single = math.max(heard.single, before.single) }
        workers[i]:finish()
      end
    end
    local store, total = assert(moonbase.open(path)), 0
    for name, heard in pairs(acknowledged) do
      local found = rounds(store, name)
      local n = found.kv
      assert.is_true(n == heard.done or n == heard.done + 1)
      for part, count in pairs(found) do assert.are.equal(n, count, part .. " of " .. name) end
      for round = 1, n do
        local hash = core.sha256(name .. " blob " .. round)
        assert.are.equal(name .. " blob " .. round, store.blobs:get(hash))
      end
      local single = store.kv:get(name, "single") or 0
      assert.is_true(single >= heard.single and single <= n and single % 3 == 0)
      total = total + n
    end
    assert.is_true(total > 0)
    assert.are.equal(total, assert(store.vectors:open("all")):count())
    assert(store:check())
    local labels, after = {}, nil
    repeat
      local page = assert(store.transactions:log { after = after, limit = 200 })
      for _, entry in ipairs(page) do
        labels[entry.label] = (labels[entry.label] or 0) + 1
        after = entry.id
      end
    until #page < 200
    for name in pairs(acknowledged) do
      local last = store.kv:get(name, "last") -- nothing where it was killed at once
      assert.are.equal(last and last.round, labels[name])
    end
    store:close()
  end)
end)
