-- Memory: writing, beside the same rows from bare statements through the same prepared-statement
-- layer: the record, its labels and names, its vector and, as the words' index, a row of FTS5.

local beside = require "bench.support.beside"
local core = require "moonbase.core"
local embed = require "moonbase.embed"
local engines = require "bench.support.engines"
local moonbase = require "moonbase"
local sample = require "bench.support.sample"

local OTHERS = tonumber(os.getenv("OTHERS")) or 2000

local folder = engines.build .. "/bench/memory_write"
local status = os.execute("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'")
assert(status == true or status == 0)

local BARE = [[
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;
  CREATE TABLE memories (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL,
    at INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, tags TEXT,
    entities TEXT, metadata TEXT, text TEXT NOT NULL) STRICT;
  CREATE TABLE labels (label TEXT NOT NULL, at INTEGER NOT NULL, serial INTEGER NOT NULL,
    PRIMARY KEY (label, at, serial)) STRICT, WITHOUT ROWID;
  CREATE TABLE mentions (name TEXT NOT NULL, serial INTEGER NOT NULL,
    PRIMARY KEY (name, serial)) STRICT, WITHOUT ROWID;
  CREATE TABLE vectors (key INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT;
  CREATE VIRTUAL TABLE texts USING fts5 (text, content = '', tokenize = 'porter unicode61');]]

local INSERT = [[
  INSERT INTO memories (key, id, namespace, at, created_at, updated_at, tags, entities, metadata,
    text)
  VALUES ($key, $id, 'user/ann', $at, $at, $at, $tags(json), $entities(json), $metadata(json),
    $text)]]
local LABEL = "INSERT INTO labels (label, at, serial) VALUES ($label, $at, $serial)"
local MENTION = "INSERT INTO mentions (name, serial) VALUES ($name, $serial)"
local VECTOR = "INSERT INTO vectors (key, vector) VALUES ($key, $vector(blob))"
local TEXT = "INSERT INTO texts (rowid, text) VALUES ($key, $text)"
local SELECT = [[
  SELECT id, namespace, at, created_at, updated_at, tags AS "tags(json)",
    entities AS "entities(json)", metadata AS "metadata(json)", text
  FROM memories WHERE id = $id]]

local LABELS = { "", "nuser/ann", "nuser", "gx" }
local ENTITIES = { "Ann", "Rome" }
local TAGS, METADATA = { "x" }, { confidence = 0.5 }

local function text_of(i)
  local words = {}
  for j = 1, 20 do words[j] = sample.word(i * 7919 % 997 * j % 5000 + 1) end
  return table.concat(words, " ")
end

local function record_of(i)
  return { id = "m" .. i, text = text_of(i), namespace = "user/ann", tags = TAGS,
    metadata = METADATA, entities = ENTITIES }
end

local bare = assert(core.open(folder .. "/bare.db", {}))
assert(bare:exec(BARE))
local store = assert(moonbase.open(folder .. "/store.db"))
local memory = store.memory
local hash = embed.hash {}

local function put_bare(i, vector)
  local at, text = core.now(), text_of(i)
  assert(bare:run(INSERT, i, "m" .. i, at, TAGS, ENTITIES, METADATA, text))
  for _, label in ipairs(LABELS) do assert(bare:run(LABEL, label, at, i)) end
  for _, name in ipairs(ENTITIES) do assert(bare:run(MENTION, name, i)) end
  assert(bare:run(VECTOR, i, vector))
  assert(bare:run(TEXT, i, text))
end

local function commit(fn, ...)
  local level = assert(bare:enter())
  fn(...)
  assert(bare:leave(level, true))
end

local VECTOR_BYTES = assert(embed.run(hash, { text_of(1) }))[1]

-- What is there already.
assert(store:transaction(function(tx)
  for i = 1, OTHERS do assert(tx.memory:remember(record_of(i))) end
  return true
end))
commit(function()
  for i = 1, OTHERS do put_bare(i, VECTOR_BYTES) end
end)

local ours, theirs = OTHERS, OTHERS

local function remember(part)
  ours = ours + 1
  assert(part:remember(record_of(ours)))
end

local function insert()
  theirs = theirs + 1
  put_bare(theirs, VECTOR_BYTES)
end

local function insert_embedded()
  theirs = theirs + 1
  put_bare(theirs, assert(embed.run(hash, { text_of(theirs) }))[1])
end

local function hundred(fn, ...)
  for _ = 1, 100 do fn(...) end
end

local function remember_hundred()
  assert(store:transaction(function(tx)
    hundred(remember, tx.memory)
    return true
  end))
end

-- Each line: what, how often in a round, ours, what it is measured against.
local LINES = {
  { "remember, durable, against the same rows with a ready vector", 20,
    function() remember(memory) end, function() commit(insert) end },
  { "the same, both with the hash embedder", 20,
    function() remember(memory) end, function() commit(insert_embedded) end },
  { "100 in one transaction, both with the hash embedder", 1, remember_hundred,
    function() commit(hundred, insert_embedded) end },
  { "another text for an id, against a new record", 20,
    function() assert(memory:remember { id = "m7", text = text_of(ours + core.now() % 100) }) end,
    function() remember(memory) end },
  { "update of metadata, against a new record", 20,
    function() assert(memory:update("m8", { metadata = { n = core.now() } })) end,
    function() remember(memory) end },
  { "forget, against a new record", 20,
    function()
      assert(memory:forget("m" .. ours))
      ours = ours - 1
    end,
    function() remember(memory) end },
  { "recall, against the bare select", 500, function() assert(memory:recall("m9")) end,
    function() assert(bare:row(SELECT, "m9")) end },
}

print(("Memory: writing, on %s"):format(jit and jit.version or _VERSION))
beside.print(LINES, 60)

store:close()
bare:close()
