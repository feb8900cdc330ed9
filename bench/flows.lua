-- Flows: compare-and-swap on runs of 100 and of 10,000 frames, beside the one bare update that each
-- comes down to, through the same prepared statements on tables of the same shape; and pages of
-- 100,000 runs.

local beside = require "bench.support.beside"
local core = require "moonbase.core"
local engines = require "bench.support.engines"
local moonbase = require "moonbase"

local OTHERS = tonumber(os.getenv("OTHERS")) or 100000

local folder = engines.build .. "/bench/flows"
local status = os.execute("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'")
assert(status == true or status == 0)

-- A document as a driver keeps one: a phase, counters, and which nodes stand where.
local function document(n)
  return { phase = "running", active = n, granted = { "plan", "search", "merge" },
    nodes = { plan = "completed", search = "running", merge = "pending" } }
end

local BARE = [[
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;
  CREATE TABLE flows (key INTEGER PRIMARY KEY, status TEXT NOT NULL, completed_at INTEGER,
    id TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE listed (key INTEGER PRIMARY KEY, scope INTEGER NOT NULL, created_at INTEGER NOT NULL,
    status TEXT NOT NULL, id TEXT NOT NULL UNIQUE, mob TEXT NOT NULL, flow TEXT NOT NULL) STRICT;
  CREATE INDEX listed_a ON listed (scope, status, created_at);
  CREATE INDEX listed_b ON listed (scope, mob, status, created_at);
  CREATE INDEX listed_c ON listed (scope, flow, status, created_at);
  CREATE INDEX listed_d ON listed (scope, mob, flow, status, created_at);
  CREATE TABLE documents (key INTEGER PRIMARY KEY, body TEXT NOT NULL, id TEXT NOT NULL UNIQUE)
    STRICT;]]

local SWAP = "UPDATE documents SET body = $next WHERE id = $id AND body = $expected"
local SWAP_STATUS = "UPDATE %s SET status = $next WHERE id = $id AND status = $expected"

local bare = assert(core.open(folder .. "/bare.db", {}))
assert(bare:exec(BARE))

-- A bare transaction around fn.
local function commit(fn)
  local level = assert(bare:enter())
  fn()
  assert(bare:leave(level, true))
end

local store = assert(moonbase.open(folder .. "/flows.db"))
local flows = store.flows

local function grow(id, frames)
  assert(store:transaction(function(tx)
    assert(tx.flows:create { id = id, mob = "m", flow = "f", state = document(0) })
    for i = 1, frames do
      assert(tx.flows:cas_frame { run = id, frame = "frame" .. i, next = document(0) })
    end
    return true
  end))
end

grow("small", 100)
grow("large", 10000)

commit(function()
  local insert = "INSERT INTO documents (id, body) VALUES ($id, $body(json))"
  for i = 1, 10000 do assert(bare:run(insert, "frame" .. i, document(0))) end
  assert(bare:run(insert, "state", document(0)))
  assert(bare:run("INSERT INTO flows (id, status) VALUES ('large', 'pending')"))
  assert(bare:run([[INSERT INTO listed (scope, created_at, status, id, mob, flow)
    VALUES (1, 1, 'pending', 'large', 'm', 'f')]]))
end)

-- Swaps between two values, whichever is there.
local turns = {}

local function swap(id, even, odd, fn)
  local turn = turns[id] or 0
  turns[id] = turn + 1
  if turn % 2 == 0 then fn(even, odd) else fn(odd, even) end
end

local A, B = document(0), document(1)
local TEXT_A, TEXT_B = core.encode(A), core.encode(B)

local function bare_swap(id)
  return function()
    swap("bare " .. id, TEXT_A, TEXT_B, function(expected, next)
      commit(function() assert(bare:run(SWAP, next, id, expected) == 1) end)
    end)
  end
end

local function frame_swap(run, frame)
  return function()
    swap(run .. frame, A, B, function(expected, next)
      assert(flows:cas_frame { run = run, frame = frame, expected = expected, next = next })
    end)
  end
end

local function state_swap(run)
  return function()
    swap(run .. " state", A, B, function(expected, next)
      assert(flows:cas_state { run = run, expected = expected, next = next })
    end)
  end
end

local function status_swap(run)
  return function()
    swap(run .. " status", "pending", "running", function(expected, next)
      assert(flows:cas_status { run = run, expected = expected, next = next })
    end)
  end
end

local function bare_status(name)
  local sql = SWAP_STATUS:format(name)
  return function()
    swap("bare " .. name, "pending", "running", function(expected, next)
      commit(function() assert(bare:run(sql, next, "large", expected) == 1) end)
    end)
  end
end

local steps = 0
local function append(run)
  return function()
    steps = steps + 1
    assert(flows:append_step(run, { step = "s" .. steps, agent = "a", status = "completed" }))
  end
end

-- Four statuses in turn; a page of the rare one lies as deep as can be.
local crowded = assert(store:scope("crowd"))

local function crowd()
  assert(crowded:transaction(function(tx)
    for i = 1, OTHERS do
      local id = "run" .. i
      assert(tx.flows:create { id = id, mob = "mob" .. i % 7, flow = "flow" .. i % 11,
        state = { n = i } })
      if i % 1000 > 0 then
        assert(tx.flows:cas_status { run = id, expected = "pending", next = "completed" })
      end
    end
    return true
  end))
end

-- Each line: what, how often in a round, ours, what it is measured against.
local SWAPS = {
  { "frame of a run of 10,000, against a bare update", 20, frame_swap("large", "frame5000"),
    bare_swap("frame5000") },
  { "state of a run of 10,000, against a bare update", 20, state_swap("large"),
    bare_swap("state") },
  { "status of a run of 10,000, against a bare update", 20, status_swap("large"),
    bare_status("flows") },
  { "the same where the bare row is listed by status too", 20, status_swap("large"),
    bare_status("listed") },
  { "frame of a run of 10,000, against one of 100", 20, frame_swap("large", "frame7"),
    frame_swap("small", "frame7") },
  { "state of a run of 10,000, against one of 100", 20, state_swap("large"),
    state_swap("small") },
  { "status of a run of 10,000, against one of 100", 20, status_swap("large"),
    status_swap("small") },
  { "append a step to 10,000 frames, against 100", 20, append("large"), append("small") },
}

local cursor

local PAGES = {
  { "50 of 100 pending runs among 100,000, against any 50", 10,
    function() assert(#crowded.flows:list { status = "pending" }.items == 50) end,
    function() assert(#crowded.flows:list { mob = "mob1" }.items == 50) end },
  { "50 of one mob, flow and status, against any 50", 10,
    function() crowded.flows:list { mob = "mob1", flow = "flow2", status = "completed" } end,
    function() crowded.flows:list { mob = "mob1" } end },
  { "a page 2,000 runs deep, against the first", 10,
    function() assert(crowded.flows:list { status = "completed", cursor = cursor }) end,
    function() assert(crowded.flows:list { status = "completed" }) end },
  { "state of one run among 100,000, against a bare update", 20, state_swap("small"),
    bare_swap("state") },
  { "status of one run among 100,000, against a bare update", 20, status_swap("small"),
    bare_status("flows") },
}

print(("Flows on %s"):format(jit and jit.version or _VERSION))
beside.print(SWAPS, 56)
crowd()
cursor = assert(crowded.flows:list { status = "completed", limit = 200 }).next_cursor
for _ = 2, 10 do
  cursor = assert(crowded.flows:list { status = "completed", limit = 200, cursor = cursor }).next_cursor
end
beside.print(PAGES, 56)

store:close()
bare:close()
