-- Key-value and leases: the calls of the store beside the one statement that each of them comes
-- down to, on a table of the same shape through the same prepared statements; and beside
-- themselves with 100,000 other rows in the way.

local beside = require "bench.support.beside"
local core = require "moonbase.core"
local engines = require "bench.support.engines"
local moonbase = require "moonbase"

local OTHERS = 100000

local folder = engines.build .. "/bench/kv"
local status = os.execute("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'")
assert(status == true or status == 0)

local VALUE = { title = "a setting", hours = { 9, 17 }, enabled = true, text = ("x"):rep(150) }

local BARE = [[
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;
  CREATE TABLE kv (id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, revision INTEGER NOT NULL,
    expires_at INTEGER, ns TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    UNIQUE (scope, ns, key)) STRICT;
  CREATE INDEX kv_expiry ON kv (scope, expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE leases (scope INTEGER NOT NULL, name TEXT NOT NULL, expires_at INTEGER NOT NULL,
    token TEXT NOT NULL, PRIMARY KEY (scope, name)) STRICT, WITHOUT ROWID;]]

local UPSERT = [[
  INSERT INTO kv (scope, revision, ns, key, value) VALUES (1, 1, $ns, $key, $value(json))
  ON CONFLICT (scope, ns, key) DO UPDATE SET revision = kv.revision + 1, value = excluded.value
  RETURNING revision]]
local SELECT = [[SELECT value AS "value(json)", revision FROM kv
  WHERE scope = 1 AND ns = $ns AND key = $key]]
local TAKE = [[INSERT INTO leases (scope, name, expires_at, token) VALUES (1, $name, $at, $token)
  ON CONFLICT (scope, name) DO UPDATE SET expires_at = excluded.expires_at, token = excluded.token]]

local FREE = "DELETE FROM leases WHERE scope = 1 AND name = $name"

local function open_bare()
  local bare = assert(core.open(folder .. "/bare.db", {}))
  assert(bare:exec(BARE))
  return bare
end

local bare = open_bare()
local small = assert(moonbase.open(folder .. "/small.db"))
local large = assert(moonbase.open(folder .. "/large.db"))

local function key_of(n) return ("key%06d"):format(n) end

assert(large:transaction(function(tx)
  for i = 1, OTHERS do assert(tx.kv:set(i % 2 == 0 and "all" or "all/odd", key_of(i), VALUE)) end
  return true
end))
for i = 2, 400, 2 do assert(small.kv:set("all", key_of(i), VALUE)) end

-- A bare transaction around fn.
local function commit(fn)
  local level = assert(bare:enter())
  fn()
  assert(bare:leave(level, true))
end

-- A log that still grows is slower to write than one that is used again after a checkpoint, so
-- both are brought that far: several megabytes at once, then gone.
local FILL = ("x"):rep(16384)

local function fill(set)
  for i = 1, 500 do assert(set("fill", "k" .. i, FILL)) end
end

assert(small:transaction(function(tx)
  fill(function(...) return tx.kv:set(...) end)
  return true
end))
commit(function() fill(function(...) return bare:value(UPSERT, ...) end) end)

local next_key = 0
local function fresh()
  next_key = next_key + 1
  return "new" .. next_key
end

local deep_cursor
do -- a page in the middle of the large namespace
  local query = { limit = 200 }
  for _ = 1, 120 do query.cursor = assert(large.kv:list("all", query)).next_cursor end
  deep_cursor = query.cursor
end

local function hundred(set)
  for i = 1, 100 do set("batch", "k" .. i, VALUE) end
end

-- Each line: what, how often in a round, ours, what it is measured against.
local LINES = {
  { "set one key, durable, against the bare upsert", 20,
    function() assert(small.kv:set("ns", "key", VALUE)) end,
    function() commit(function() assert(bare:value(UPSERT, "ns", "key", VALUE)) end) end },
  { "100 sets in one transaction, against bare", 1,
    function()
      assert(small:transaction(function(tx)
        hundred(function(...) assert(tx.kv:set(...)) end)
        return true
      end))
    end,
    function()
      commit(function() hundred(function(...) assert(bare:value(UPSERT, ...)) end) end)
    end },
  { "get, against the bare select", 500,
    function() assert(small.kv:get("ns", "key")) end,
    function() assert(bare:row(SELECT, "ns", "key")) end },
  { "acquire and release, durable, against bare", 10,
    function() assert(small.leases:release((assert(small.leases:acquire("lane", "bench"))))) end,
    function()
      commit(function() assert(bare:run(TAKE, "lane", 1, "token")) end)
      commit(function() assert(bare:run(FREE, "lane")) end)
    end },
  { "set a new key among 100,000, against 200", 20,
    function() assert(large.kv:set("new", fresh(), VALUE)) end,
    function() assert(small.kv:set("new", fresh(), VALUE)) end },
  { "get among 100,000, against 200", 500,
    function() assert(large.kv:get("all", key_of(200))) end,
    function() assert(small.kv:get("all", key_of(200))) end },
  { "page of 50 in the middle of 50,000, against the first", 20,
    function() assert(large.kv:list("all", { cursor = deep_cursor })) end,
    function() assert(large.kv:list("all")) end },
  { "search, 50 of 100,000, against a list of 50", 20,
    function() assert(large.kv:search("all")) end,
    function() assert(large.kv:list("all")) end },
}

print(("Key-value and leases on %s"):format(jit and jit.version or _VERSION))
beside.print(LINES, 56)

small:close()
large:close()
bare:close()
