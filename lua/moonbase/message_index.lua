--- The full-text index of messages.
-- Indexing inside every append was measured at 40 % of a durable append. So an append leaves the
-- tail of its log for later, and notes that once; the append that makes the tail too long indexes
-- it, which costs a fraction of that for each message, and so does a search that may write. A
-- search that may not indexes the tails into a memory of its own: what it finds never depends on
-- how far the index has come.

local core = require "moonbase.core"
local message = require "moonbase.message"
local words = require "moonbase.words"

local message_index = {}

local TAIL = 400  -- messages of one thread that wait, at most
local TAILS = 50  -- threads whose messages wait, at most
local CHUNK = 200 -- messages held in memory at once

local WAITING = [[
  SELECT t.key, t.scope, b.segment, t.indexed AS low, t.count AS high
  FROM message_backlog b
    JOIN segments s ON s.id = b.segment
    JOIN threads t ON t.key = s.owner
  ORDER BY b.segment]]

local CHUNK_OF = [[
  SELECT key & 4294967295 AS seq, body AS "message(json)" FROM messages
  WHERE key > ($segment << 32) + $low AND key <= ($segment << 32) + $high
  ORDER BY key LIMIT $count]]

local ADD = [[
  INSERT INTO message_text (rowid, tag, text) VALUES (($segment << 32) + $seq, $tag, $text)]]

local DROP = [[
  INSERT INTO message_text (message_text, rowid, tag, text)
  VALUES ('delete', ($segment << 32) + $seq, $tag, $text)]]

local HITS = [[
  SELECT rowid >> 32 AS segment, rowid & 4294967295 AS seq, -rank AS score FROM message_text
  WHERE message_text MATCH $match ORDER BY rank LIMIT $count]]

local HITS_IN_RANGE = [[
  SELECT rowid >> 32 AS segment, rowid & 4294967295 AS seq, -rank AS score FROM message_text
  WHERE message_text MATCH $match
    AND rowid > ($segment << 32) + $low AND rowid <= ($segment << 32) + $high
  ORDER BY rank LIMIT $count]]

local MEMORY_INDEX = [[
  CREATE VIRTUAL TABLE message_text USING fts5 (
    tag, text, content = '', tokenize = 'porter unicode61 remove_diacritics 2'
  );
  INSERT INTO message_text (message_text, rank) VALUES ('rank', 'bm25(0.0, 1.0)');]]

-- A row's tag is one word that stands for its scope, so that a scope is an intersection inside
-- the index.
local function tag_of(scope)
  return "s" .. string.format("%d", scope)
end

-- Calls fn(engine, segment, seq, tag, text) for the messages of a range that have text, in the
-- order of their keys (any other makes the index flush each time).
local function each_text(source, scope, range, fn, target)
  local low, tag = range.low, tag_of(scope)
  while low < range.high do
    local rows, err = source:rows(CHUNK_OF, range.segment, low, range.high, CHUNK)
    if not rows then return nil, err end
    for i = 1, #rows do
      local text = words.spaced(message.text(rows[i].message))
      local ok, failure = true, nil
      if text ~= "" then ok, failure = fn(target, range.segment, rows[i].seq, tag, text) end
      if not ok then return nil, failure end
    end
    if #rows < CHUNK then break end
    low = rows[#rows].seq
  end
  return true
end

local function add(target, segment, seq, tag, text)
  return target:run(ADD, segment, seq, tag, text)
end

local function drop(target, segment, seq, tag, text)
  return target:run(DROP, segment, seq, tag, text)
end

-- Indexes ranges of `source`'s messages into `target`.
local function index_ranges(source, target, ranges)
  for _, range in ipairs(ranges) do
    local ok, err = each_text(source, range.scope, range, add, target)
    if not ok then return nil, err end
  end
  return true
end

-- Brings the index to the end of one thread's log.
local function index_tail(ctx, tail)
  local engine = ctx.engine
  local ok, err = each_text(engine, tail.scope, tail, add, engine)
  if ok then
    ok, err = engine:run("UPDATE threads SET indexed = count WHERE key = $key", tail.key)
  end
  if not ok then return nil, err end
  return engine:run("DELETE FROM message_backlog WHERE segment = $segment", tail.segment)
end

--- Indexes all that waits. Inside a write.
---@param ctx moonbase.Context
---@return true|nil
---@return moonbase.Error|nil
function message_index.flush(ctx)
  local tails, err = ctx.engine:rows(WAITING)
  if not tails then return nil, err end
  for _, tail in ipairs(tails) do
    local ok
    ok, err = index_tail(ctx, tail)
    if not ok then return nil, err end
  end
  return true
end

local ALL = [[
  SELECT s.id AS segment, t.scope, s.fork AS low, 4294967295 AS high FROM segments s
    JOIN threads t ON t.key = s.owner
  ORDER BY s.id]]

--- Fills an empty index with all messages there are. Inside a write.
---@param engine moonbase.Engine
---@return any ok
---@return moonbase.Error|nil
function message_index.rebuild(engine)
  local ranges, err = engine:rows(ALL)
  if not ranges then return nil, err end
  local ok
  ok, err = index_ranges(engine, engine, ranges)
  if ok then ok, err = engine:run "UPDATE threads SET indexed = count" end
  if not ok then return nil, err end
  return engine:run "DELETE FROM message_backlog"
end

local function note_tail(ctx, row)
  local engine = ctx.engine
  local waiting, err = engine:value("SELECT count(*) FROM message_backlog")
  if not waiting then return nil, err end
  local ok
  ok, err = engine:run("INSERT INTO message_backlog (segment) VALUES ($segment)", row.segment)
  if not ok then return nil, err end
  if waiting + 1 < TAILS then return true end
  ok, err = message_index.flush(ctx)
  if ok then row.indexed = row.count end
  return ok, err
end

--- Takes note of messages behind number `before`, the last ones of a log. Inside the write that
--- appended them, when the thread's count is up to date.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow
---@param before integer
---@return any ok
---@return moonbase.Error|nil
function message_index.note(ctx, row, before)
  if row.indexed == before then
    local ok, err = note_tail(ctx, row)
    if not ok then return nil, err end
  end
  if row.count - row.indexed < TAIL then return true end
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local tail = { key = row.key, scope = scope, segment = row.segment, low = row.indexed,
    high = row.count }
  row.indexed = row.count
  return index_tail(ctx, tail)
end

-- The tip's messages behind number row.indexed were never indexed, and those up to `low` stay.
local function forget_tip(ctx, scope, low, row)
  local engine, segment = ctx.engine, row.segment
  local ok, err = each_text(engine, scope, { segment = segment, low = low, high = row.indexed },
    drop, engine)
  if ok then
    ok, err = each_text(engine, scope, { segment = segment, low = row.indexed, high = low }, add,
      engine)
  end
  if not ok then return nil, err end
  return engine:run("DELETE FROM message_backlog WHERE segment = $segment", segment)
end

--- Takes the messages of a segment behind position `low` out of the index. Inside the write that
--- is about to delete them and to take the segment from the thread.
---@param ctx moonbase.Context
---@param segment integer
---@param low integer
---@param row moonbase.ThreadRow  the thread that owned the segment
---@return any ok
---@return moonbase.Error|nil
function message_index.forget(ctx, segment, low, row)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  if segment == row.segment then return forget_tip(ctx, scope, low, row) end
  return each_text(ctx.engine, scope, { segment = segment, low = low, high = 4294967295 }, drop,
    ctx.engine)
end

---@class moonbase.MessageHit
---@field segment integer
---@field seq integer
---@field score number  higher is better

-- Of equal scores the newer message first.
local function by_score(a, b)
  if a.score ~= b.score then return a.score > b.score end
  if a.segment ~= b.segment then return a.segment > b.segment end
  return a.seq > b.seq
end

-- The best hits in one index: everywhere, or in some ranges.
local function best_hits(engine, match, count, ranges)
  if not ranges then return engine:rows(HITS, match, count) end
  local found = {}
  for _, range in ipairs(ranges) do
    local hits, err = engine:rows(HITS_IN_RANGE, match, range.segment, range.low, range.high, count)
    if not hits then return nil, err end
    for _, hit in ipairs(hits) do found[#found + 1] = hit end
  end
  return found
end

-- An index of some tails in a database of its own, in memory: it needs no lock of the file.
local function index_apart(engine, ranges)
  local memory, err = core.open(":memory:", {})
  if not memory then return nil, err end
  local ok
  ok, err = memory:exec(MEMORY_INDEX)
  if ok then ok, err = memory:run("SAVEPOINT filling") end
  if ok then ok, err = index_ranges(engine, memory, ranges) end
  if not ok then return nil, err end
  return memory
end

-- Hits among what the index does not hold yet.
local function tail_hits(engine, match, count, ranges)
  local tails, err = engine:rows(WAITING)
  if not tails then return nil, err end
  if #tails == 0 then return {} end
  local memory, hits
  memory, err = index_apart(engine, tails)
  if not memory then return nil, err end
  hits, err = best_hits(memory, match, count, ranges)
  memory:close()
  return hits, err
end

local OTHER_SCOPE = [[
  SELECT 1 FROM threads WHERE scope < $scope
  UNION ALL
  SELECT 1 FROM threads WHERE scope > $scope
  LIMIT 1]]

-- The query for any of the words in one scope. The tag costs a walk over all messages of the
-- scope, so it is left out where it cannot make a difference: in the ranges of a thread, and
-- where no other scope has threads.
local function match_of(ctx, list, ranges)
  local text = "text : (" .. words.any(list) .. ")"
  if ranges then return text end
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local other
  other, err = ctx.engine:value(OTHER_SCOPE, scope)
  if err then return nil, err end
  return other and "tag : " .. tag_of(scope) .. " AND " .. text or text
end

--- The messages that hold any of the words, best first.
---@param ctx moonbase.Context
---@param list string[]  words
---@param count integer  at most so many
---@param ranges? moonbase.chain.Range[]  only there
---@return moonbase.MessageHit[]|nil
---@return moonbase.Error|nil
function message_index.search(ctx, list, count, ranges)
  local match, hits, more, err
  match, err = match_of(ctx, list, ranges)
  if not match then return nil, err end
  hits, err = best_hits(ctx.engine, match, count, ranges)
  if not hits then return nil, err end
  more, err = tail_hits(ctx.engine, match, count, ranges)
  if not more then return nil, err end
  for _, hit in ipairs(more) do hits[#hits + 1] = hit end
  table.sort(hits, by_score)
  for i = #hits, count + 1, -1 do hits[i] = nil end
  return hits
end

local function waiting(engine)
  return engine:value("SELECT segment FROM message_backlog LIMIT 1") ~= nil
end

-- Indexes in a transaction that does not wait for its turn.
local function flush_at_once(ctx)
  local engine = ctx.engine
  local transaction = engine:begin(0, true)
  if not transaction then return end
  local ok, done = pcall(message_index.flush, ctx)
  engine.finish(transaction, ok and done or false)
  if not ok then error(done, 0) end
end

--- Indexes what waits before a search, if that can be done at once: a search is a read, and must
--- not wait for a writer. What is left for whatever reason, `search` takes care of.
---@param ctx moonbase.Context
function message_index.catch_up(ctx)
  local engine = ctx.engine
  if ctx.readonly or engine.readonly or not waiting(engine) then return end
  if engine:in_transaction() then
    engine:atomic(message_index.flush, ctx)
  else
    flush_at_once(ctx)
  end
end

return message_index
