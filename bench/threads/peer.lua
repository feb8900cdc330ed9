--- The work of the threads table as a program does it that has a binding to SQLite, lua-cjson and
-- its own SQL: messages numbered per thread, each as JSON. It keeps less than moonbase does (no
-- ids held apart, no index of runs or words, forks are copies) and is as durable.

local cjson = require "cjson"
local worker = require "bench.support.worker"

local peer = {}

local SCHEMA = {
  "CREATE TABLE threads (id TEXT PRIMARY KEY, count INTEGER NOT NULL, updated_at INTEGER NOT NULL)",
  "CREATE TABLE messages (thread TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL,"
    .. " created_at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (thread, seq))",
}

local COUNT = "SELECT count FROM threads WHERE id = ?"
local INSERT = "INSERT INTO messages (thread, seq, id, created_at, body) VALUES (?, ?, ?, ?, ?)"
local ADVANCE = "UPDATE threads SET count = ?, updated_at = ? WHERE id = ?"
local NEW = "INSERT INTO threads (id, count, updated_at) VALUES (?, ?, ?)"
local RANGE = "SELECT seq, id, created_at, body FROM messages WHERE thread = ? AND seq >= ?"
  .. " AND seq <= ? ORDER BY seq"
local PAGE = "SELECT seq, id, created_at, body FROM messages WHERE thread = ? AND seq < ?"
  .. " ORDER BY seq DESC LIMIT 50"
local COPY = "INSERT INTO messages (thread, seq, id, created_at, body)"
  .. " SELECT ?, seq, id, created_at, body FROM messages WHERE thread = ? AND seq <= ?"

--- What the two bindings must do.
---@class bench.Binding
---@field run fun(sql: string, ...)
---@field rows fun(sql: string, ...): any[][]

---@param db bench.Binding
local function prepare_file(db)
  db.rows "PRAGMA journal_mode=WAL"
  db.run "PRAGMA synchronous=FULL"
  db.run "PRAGMA cache_size=-32768"
  if #db.rows "SELECT name FROM sqlite_master WHERE name = 'messages'" > 0 then return end
  for _, sql in ipairs(SCHEMA) do db.run(sql) end
end

local last_id = 0

-- As long as a UUID.
local function new_id()
  last_id = last_id + 1
  return ("%s-%023d"):format("01920000-000", last_id)
end

local function record_of(thread, row)
  return { seq = row[1], id = row[2], thread = thread, created_at = row[3],
    message = cjson.decode(row[4]) }
end

local function records_of(thread, rows)
  local records = {}
  for i = 1, #rows do records[i] = record_of(thread, rows[i]) end
  return records
end

-- The count of a thread, which is made when it is missing.
local function ensure(db, thread, now)
  local row = db.rows(COUNT, thread)[1]
  if row then return row[1] end
  db.run(NEW, thread, 0, now)
  return 0
end

local function append(db, thread, messages)
  local now = os.time() * 1000
  db.run "BEGIN IMMEDIATE"
  local count = ensure(db, thread, now)
  for i = 1, #messages do
    db.run(INSERT, thread, count + i, new_id(), now, cjson.encode(messages[i]))
  end
  db.run(ADVANCE, count + #messages, now, thread)
  db.run "COMMIT"
end

local function fork(db, thread, at, id)
  db.run "BEGIN IMMEDIATE"
  db.run(NEW, id, at, os.time() * 1000)
  db.run(COPY, id, thread, at)
  db.run "COMMIT"
end

local function reading_works(works, db)
  function works.load(count, thread)
    return worker.time(count, function()
      local length = db.rows(COUNT, thread)[1][1]
      assert(#records_of(thread, db.rows(RANGE, thread, 1, length)) == length)
    end)
  end

  function works.pages(count, thread)
    local before = db.rows(COUNT, thread)[1][1] + 1
    return worker.time(count, function()
      local records = records_of(thread, db.rows(PAGE, thread, before))
      before = records[50].seq
    end)
  end
end

local function writing_works(works, db, plain)
  local next_message, forks = 0, 0

  local function batch(length)
    local messages = {}
    for i = 1, length do
      next_message = next_message % #plain + 1
      messages[i] = plain[next_message]
    end
    return messages
  end

  function works.append(count, thread, length)
    local batches = {}
    for i = 1, count do batches[i] = batch(length) end
    return worker.time(count, function(i) append(db, thread, batches[i]) end)
  end

  function works.fork(count, thread, at)
    return worker.time(count, function()
      forks = forks + 1
      fork(db, thread, at, "fork-" .. forks)
    end)
  end
end

local function seed(db, folder, count, thread, length, name)
  local documents = worker.documents(folder .. "/" .. name)
  return worker.time(count, function(i)
    local messages = {}
    for m = 1, length do messages[m] = documents[(m - 1) % #documents + 1] end
    append(db, thread .. "-" .. i, messages)
  end)
end

--- Serves the works of the threads table through a binding.
---@param version string
---@param db bench.Binding
---@param folder string  where the documents are
function peer.serve(version, db, folder)
  local works = {
    seed = function(...) return seed(db, folder, ...) end,
  }
  prepare_file(db)
  reading_works(works, db)
  writing_works(works, db, worker.documents(folder .. "/plain.jsonl"))
  worker.serve(version, works)
end

return peer
