-- Transactions: what an explicit one costs beside the same calls by themselves, what participants
-- add, and whether a long log makes anything slower.

local beside = require "bench.support.beside"
local core = require "moonbase.core"
local engines = require "bench.support.engines"
local moonbase = require "moonbase"

local OTHERS = 100000

local folder = engines.build .. "/bench/transactions"
local status = os.execute("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'")
assert(status == true or status == 0)

local VALUE = { title = "a setting", hours = { 9, 17 }, text = ("x"):rep(150) }

local BARE = [[
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;
  CREATE TABLE kv (id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, revision INTEGER NOT NULL,
    expires_at INTEGER, ns TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    UNIQUE (scope, ns, key)) STRICT;
  CREATE TABLE log (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, name TEXT NOT NULL UNIQUE,
    wrote TEXT NOT NULL) STRICT;
  CREATE INDEX log_age ON log (at);]]

local UPSERT = [[
  INSERT INTO kv (scope, revision, ns, key, value) VALUES (1, 1, $ns, $key, $value(json))
  ON CONFLICT (scope, ns, key) DO UPDATE SET revision = kv.revision + 1, value = excluded.value
  RETURNING revision]]
local NOTE = "INSERT INTO log (at, name, wrote) VALUES ($at, $name, $wrote)"
local WROTE = ('{"part":"kv","op":"update","scope":1,"id":"k1","ns":"ns"},'):rep(10)

local bare = assert(core.open(folder .. "/bare.db", {}))
assert(bare:exec(BARE))
local small = assert(moonbase.open(folder .. "/small.db"))
local large = assert(moonbase.open(folder .. "/large.db"))

local LOGGED = [[
  INSERT INTO transactions (key, committed_at, open, cut, id, write_set)
  VALUES ((1 << 40) + $n, $n, 0, 0, $id, '[]')]]

assert(large.context.engine:atomic(function()
  for n = 1, OTHERS do assert(large.context.engine:run(LOGGED, n, "old" .. n)) end
  return true
end))

local function sets(kv, count)
  for i = 1, count do assert(kv:set("ns", "k" .. i, VALUE)) end
end

local function explicit(store, count)
  assert(store:transaction(function(tx)
    sets(tx.kv, count)
    return true
  end))
end

-- The same with a log of the same shape, without moonbase.
local function explicit_bare(count)
  local level = assert(bare:enter())
  for i = 1, count do assert(bare:value(UPSERT, "ns", "k" .. i, VALUE)) end
  assert(bare:run(NOTE, core.now(), core.uuid7(core.now()), WROTE:sub(1, #WROTE / 10 * count)))
  assert(bare:leave(level, true))
end

local function nothing() end

local function two_phase()
  local tx = assert(small:begin())
  sets(tx.kv, 1)
  for _, name in ipairs { "a", "b" } do
    assert(tx:enlist(name, { prepare = nothing, commit = nothing, rollback = nothing }))
  end
  assert(tx:commit())
end

explicit(small, 10)
explicit_bare(10)

-- Each line: what, how often in a round, ours, what it is measured against.
local LINES = {
  { "one set in a transaction, against bare with a log", 20,
    function() explicit(small, 1) end, function() explicit_bare(1) end },
  { "ten sets in a transaction, against bare with a log", 20,
    function() explicit(small, 10) end, function() explicit_bare(10) end },
  { "one set in a transaction, against the call alone", 20,
    function() explicit(small, 1) end, function() sets(small.kv, 1) end },
  { "two participants, against none", 20,
    two_phase, function() explicit(small, 1) end },
  { "one set in a transaction, log of 100,000, against few", 20,
    function() explicit(large, 1) end, function() explicit(small, 1) end },
  { "log, 50 in the middle of 100,000, against the first 50", 20,
    function() assert(large.transactions:log { after = "old50000" }) end,
    function() assert(large.transactions:log()) end },
}

print(("Transactions on %s"):format(jit and jit.version or _VERSION))
beside.print(LINES, 56)

small:close()
large:close()
bare:close()
