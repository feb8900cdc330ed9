--- Whether threads agree with themselves: the segments of their logs, counts, the queue, and that
--- the text index has their messages.

local chain_check = require "moonbase.chain_check"
local impossible = require "moonbase.impossible"
local message = require "moonbase.message"
local words = require "moonbase.words"

local thread_check = {}

local RULES = {
  chain_check.branches("messages", ">= 0"),
  {
    message = "segment %s has lost messages",
    sql = [[
      SELECT id AS a FROM (
        SELECT s.id, s.fork, count(m.key) AS found,
          coalesce(max(m.key) & 4294967295, s.fork) AS last
        FROM segments s LEFT JOIN messages m
          ON m.key > s.id << 32 AND m.key <= (s.id << 32) + 4294967295
        WHERE s.owner >= 0 GROUP BY s.id)
      WHERE found <> last - fork]],
  },
  {
    message = "segment %s belongs to no thread",
    sql = [[
      SELECT s.id AS a FROM segments s
      WHERE s.owner >= 0 AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.key = s.owner)]],
  },
  {
    message = "message '%s' lies in no segment of a thread",
    sql = [[
      SELECT m.id AS a FROM messages m LEFT JOIN segments s ON s.id = m.key >> 32
      WHERE s.id IS NULL OR s.owner < 0]],
  },
  {
    message = "the count of thread '%s' is %s, which is not what its log holds",
    sql = [[
      SELECT t.id AS a, t.count AS b FROM threads t LEFT JOIN segments s ON s.id = t.segment
      WHERE t.count <> CASE WHEN t.segment = 0 THEN 0 ELSE t.inherited + (
          SELECT count(*) FROM messages m
          WHERE m.key > t.segment << 32 AND m.key <= (t.segment << 32) + 4294967295) END
        OR t.inherited <> coalesce(s.fork, 0)
        OR (t.segment <> 0 AND (s.id IS NULL OR s.owner <> t.key))]],
  },
  {
    message = "thread '%s' has another number of pending messages than %s",
    sql = [[
      SELECT t.id AS a, t.queued AS b FROM threads t
      WHERE t.queued <> (SELECT count(*) FROM pending p WHERE p.thread = t.key)]],
  },
  {
    message = "thread '%s' says that the text index is at %s",
    sql = [[
      SELECT t.id AS a, t.indexed AS b FROM threads t
      WHERE t.indexed > t.count OR (t.indexed < t.count AND t.segment <> 0
        AND NOT EXISTS (SELECT 1 FROM message_backlog b WHERE b.segment = t.segment))]],
  },
  {
    message = "the text index waits for segment %s, which is not there",
    sql = [[
      SELECT b.segment AS a FROM message_backlog b
      WHERE NOT EXISTS (SELECT 1 FROM segments s WHERE s.id = b.segment)]],
  },
  {
    message = "the text index has a message that is not there, %s of segment %s",
    sql = [[
      SELECT d.id & 4294967295 AS a, d.id >> 32 AS b FROM message_text_docsize d
      WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.key = d.id)]],
  },
}

-- Messages that the text index should have seen and does not know: those without a word.
local UNINDEXED = [[
  SELECT m.key >> 32 AS segment, m.key & 4294967295 AS seq, m.id, m.body AS "message(json)"
  FROM messages m
  CROSS JOIN segments s ON s.id = m.key >> 32
  CROSS JOIN threads t ON t.key = s.owner AND t.segment = s.id
  WHERE m.key > ($segment << 32) + $seq AND (m.key & 4294967295) <= t.indexed
    AND NOT EXISTS (SELECT 1 FROM message_text_docsize d WHERE d.id = m.key)
  ORDER BY m.key LIMIT $limit]]

local PAGE = 200

local function find_unindexed(engine, report)
  local segment, seq = 0, 0
  repeat
    local rows, err = engine:rows(UNINDEXED, segment, seq, PAGE)
    if not rows then return nil, err end
    for _, row in ipairs(rows) do
      if words.spaced(message.text(row.message)) ~= "" then
        report("the text index has lost message '" .. row.id .. "'")
      end
      segment, seq = row.segment, row.seq
    end
  until #rows < PAGE
  return true
end

-- All words of the text index, with how many messages have each: reading them reads all of it.
local OPEN_WORDS = [[
  CREATE VIRTUAL TABLE temp.message_words USING fts5vocab('main', 'message_text', 'col')]]

local CLOSE_WORDS = "DROP TABLE temp.message_words"

-- Each message in the index has one tag.
local TAGGED = [[
  SELECT coalesce(sum(CASE WHEN col = 'tag' THEN doc END), 0) AS tagged, count(*) AS words,
    (SELECT count(*) FROM main.message_text_docsize) AS messages
  FROM temp.message_words]]

local function read_words(engine, report)
  local found, err = engine:row(TAGGED)
  if not found then return impossible.note(report, err) end
  if found.tagged ~= found.messages then
    report(("the text index has the words of %d messages, not of %d"):format(found.tagged,
      found.messages))
  end
  return true
end

local function check_words(engine, report)
  local ok, err = engine:exec(OPEN_WORDS)
  if not ok then return impossible.note(report, err) end
  local read, failure = read_words(engine, report)
  ok, err = engine:exec(CLOSE_WORDS)
  if not read then return nil, failure end
  return ok, err
end

---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function thread_check.find(engine, report)
  local ok, err = impossible.find(engine, RULES, report)
  if ok then ok, err = check_words(engine, report) end
  if not ok then return nil, err end
  return find_unindexed(engine, report)
end

return thread_check
