-- Jobs: a claim and its ack beside the prepared statements that make the same changes of rows, and
-- beside the least that a queue can be (one table, one index); with 10 other jobs in the file, and
-- with a million: finished, waiting in other queues, delayed, and behind a busy group of the
-- same queue.

local beside = require "bench.support.beside"
local core = require "moonbase.core"
local engines = require "bench.support.engines"
local moonbase = require "moonbase"

local OTHERS = tonumber(os.getenv("OTHERS")) or 1000000

local folder = engines.build .. "/bench/jobs"
local status = os.execute("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'")
assert(status == true or status == 0)

local PAYLOAD = { kind = "mail", to = "ann@example.org", text = ("x"):rep(200) }
local OPTIONS = { owner = "bench" }

-- Others of four kinds, a quarter each, the last two in the queue itself and in an idle one. As the
-- store would have left them, but all at once.
local FILL = [[
  INSERT INTO job_queues (key, scope, name) VALUES (1, 1, 'q'), (2, 1, 'other'), (3, 1, 'idle');
  WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)
  INSERT INTO jobs (key, scope, queue, priority, state, attempt, due_at, updated_at, available_at,
    finished_at, max_attempts, created_at, id, group_name)
  SELECT n, 1, CASE WHEN n %% 4 < 2 THEN 2 WHEN n %% 8 < 4 THEN 1 ELSE 3 END, 128,
    CASE n %% 4 WHEN 0 THEN 'done' WHEN 1 THEN 'ready' WHEN 2 THEN 'delayed'
      ELSE CASE WHEN n IN (3, 7) THEN 'running' ELSE 'blocked' END END,
    0, CASE WHEN n %% 4 = 2 OR n IN (3, 7) THEN 9000000000000 + n END, 1700000000000, 1700000000000,
    CASE n %% 4 WHEN 0 THEN 1700000000000 + n END, 5, 1700000000000,
    printf('018bcfe5-6800-7000-8000-%%012x', n), CASE n %% 4 WHEN 3 THEN 'busy' END
  FROM numbers;
  INSERT INTO job_payloads (key, payload) SELECT key, '"%s"' FROM jobs;
  UPDATE job_queues SET
    open = (SELECT count(*) FROM jobs WHERE queue = job_queues.key AND state <> 'done'),
    done = (SELECT count(*) FROM jobs WHERE queue = job_queues.key AND state = 'done');]]

local function open(name, others)
  local store = assert(moonbase.open(folder .. "/" .. name))
  assert(store.context:write(function()
    return store.context.engine:exec(FILL:format(others, ("x"):rep(200)))
  end))
  return store
end

local small, same, large = open("small.db", 10), open("same.db", 10), open("large.db", OTHERS)

local PLAIN = [[
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;
  CREATE TABLE jobs (key INTEGER PRIMARY KEY, queue INTEGER NOT NULL, priority INTEGER NOT NULL,
    status INTEGER NOT NULL, attempt INTEGER NOT NULL, expires_at INTEGER, token TEXT,
    payload TEXT NOT NULL, result TEXT) STRICT;
  CREATE INDEX jobs_ready ON jobs (queue, priority, key) WHERE status = 0;]]

local plain = assert(core.open(folder .. "/plain.db", {}))
assert(plain:exec(PLAIN))

local bare = same.context.engine.connection

local function commit(connection, fn)
  local level = assert(connection:enter())
  local result = fn(connection)
  assert(connection:leave(level, true))
  return result
end

local INSERT = [[
  INSERT INTO jobs (scope, queue, priority, state, attempt, updated_at, available_at, max_attempts,
    created_at, id) VALUES (1, 1, 128, 'ready', 0, $now, $now, 5, $now, $id) RETURNING key]]
local INSERT_PAYLOAD = "INSERT INTO job_payloads (key, payload) VALUES ($key, $payload(json))"
local COUNT = "UPDATE job_queues SET open = open + $open, done = done + $done WHERE key = 1"
local TAKE = [[
  UPDATE jobs SET state = 'running', attempt = attempt + 1, due_at = $at, lease = 30000,
    owner = 'bench', token = $token, updated_at = $now
  WHERE key = (SELECT key FROM jobs WHERE scope = 1 AND state = 'ready' AND queue = 1
    ORDER BY priority, key LIMIT 1)
  RETURNING key, id, (SELECT payload FROM job_payloads WHERE key = jobs.key) AS "payload(json)"]]
local FINISH = [[
  UPDATE jobs SET state = 'done', due_at = NULL, lease = NULL, owner = NULL, token = NULL,
    updated_at = $now, finished_at = $now, result = $result(json)
  WHERE key = $key AND token = $token]]

local RESULT = { sent = true }

local function bare_enqueue(connection)
  local now = core.now()
  local key = assert(connection:value(INSERT, now, core.uuid7(now)))
  assert(connection:run(INSERT_PAYLOAD, key, PAYLOAD))
  assert(connection:run(COUNT, 1, 0))
end

local function bare_cycle()
  local now = core.now()
  local token = core.uuid7(now)
  local job = commit(bare, function()
    return assert(bare:row(TAKE, now + 30000, token, now))
  end)
  commit(bare, function()
    assert(bare:run(FINISH, now, RESULT, job.key, token))
    assert(bare:run(COUNT, -1, 1))
  end)
end

local function plain_enqueue(connection)
  assert(connection:run([[INSERT INTO jobs (queue, priority, status, attempt, payload)
    VALUES (1, 128, 0, 0, $payload(json))]], PAYLOAD))
end

local function plain_cycle()
  local now = core.now()
  local token = core.uuid7(now)
  local job = commit(plain, function()
    return assert(plain:row([[
      UPDATE jobs SET status = 1, attempt = attempt + 1, expires_at = $at, token = $token
      WHERE key = (SELECT key FROM jobs WHERE queue = 1 AND status = 0
        ORDER BY priority, key LIMIT 1)
      RETURNING key, payload AS "payload(json)"]], now + 30000, token))
  end)
  commit(plain, function()
    assert(plain:run([[
      UPDATE jobs SET status = 2, expires_at = NULL, token = NULL, result = $result(json)
      WHERE key = $key AND token = $token AND status = 1]], RESULT, job.key, token))
  end)
end

local function cycle(store)
  return function()
    local job = assert(store.jobs:claim("q", OPTIONS))[1]
    assert(store.jobs:ack(job, { result = RESULT }))
  end
end

local function enqueue(store)
  return function() assert(store.jobs:enqueue("q", PAYLOAD)) end
end

local READY = beside.ROUNDS * 60 + 100 -- for the cycles to take

-- A log that still grows is slower to write than one that is used again after a checkpoint, so all
-- are brought that far: several megabytes at once, then gone.
local FILLER = ("x"):rep(16384)

local function grow()
  for _, store in ipairs { small, same, large } do
    assert(store:transaction(function(tx)
      for i = 1, 500 do assert(tx.kv:set("filler", "k" .. i, FILLER)) end
      return true
    end))
  end
  commit(plain, function()
    for _ = 1, 500 do
      assert(plain:run([[INSERT INTO jobs (queue, priority, status, attempt, payload)
        VALUES (2, 128, 2, 0, $payload)]], FILLER))
    end
  end)
end

local function stock()
  for _, store in ipairs { small, large } do
    assert(store:transaction(function(tx)
      for _ = 1, READY do assert(tx.jobs:enqueue("q", PAYLOAD)) end
      return true
    end))
  end
  commit(bare, function() for _ = 1, READY do bare_enqueue(bare) end end)
  commit(plain, function() for _ = 1, READY do plain_enqueue(plain) end end)
end

stock()
grow()

-- Each line: what, how often in a round, ours, what it is measured against.
local LINES = {
  { "claim and ack, two commits, against the same rows from statements", 20, cycle(small),
    bare_cycle },
  { "claim and ack, against the least that a queue can be", 20, cycle(small), plain_cycle },
  { ("claim and ack among %d others, against 10"):format(OTHERS), 20, cycle(large), cycle(small) },
  { "enqueue, durable, against the same rows from statements", 20, enqueue(small),
    function() commit(bare, bare_enqueue) end },
  { ("enqueue among %d others, against 10"):format(OTHERS), 20, enqueue(large), enqueue(small) },
  { ("claim of nothing among %d that wait, against 2"):format(OTHERS / 4), 200,
    function() assert(large.jobs:claim("idle", OPTIONS)) end,
    function() assert(small.jobs:claim("idle", OPTIONS)) end },
  { ("stats of %d jobs, against 10"):format(OTHERS), 200,
    function() assert(large.jobs:stats()) end, function() assert(small.jobs:stats()) end },
  { ("page of 50 of %d, against one of a small queue"):format(OTHERS), 20,
    function() assert(large.jobs:list()) end, function() assert(small.jobs:list()) end },
}

print(("Jobs on %s"):format(jit and jit.version or _VERSION))
beside.print(LINES, 72)

small:close()
large:close()
same:close()
plain:close()
os.execute("rm -rf '" .. folder .. "'") -- half a gigabyte
