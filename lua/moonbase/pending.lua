--- The queue of a thread: messages delivered, but not yet read by the model. They may be revised,
-- withdrawn and put in another order until a freeze moves them into the log.

local delivery = require "moonbase.delivery"
local errors = require "moonbase.errors"
local message = require "moonbase.message"
local message_log = require "moonbase.message_log"
local message_reader = require "moonbase.message_reader"
local thread_rows = require "moonbase.thread_rows"

local pending = {}

--- A queued message.
---@class moonbase.PendingRecord
---@field id string         the message's id
---@field position integer  1, 2, 3... in the queue
---@field revision integer  1, and one more with each change
---@field message moonbase.Message
---@field mode moonbase.DeliveryMode

local ENTRIES = [[
  SELECT key, ordinal, id, revision, boundary, granularity, barrier AS "barrier(boolean)",
    fallback AS "fallback(boolean)", target_run
  FROM pending WHERE thread = $thread]]

local WHOLE = [[
  SELECT key, ordinal, id, revision, boundary, granularity, barrier AS "barrier(boolean)",
    fallback AS "fallback(boolean)", target_run, body AS "message(json)", id AS "message.id"
  FROM pending WHERE thread = $thread]]

local INSERT = [[
  INSERT INTO pending (thread, ordinal, id, revision, boundary, granularity, barrier, fallback,
    target_run, body)
  VALUES ($thread, $ordinal, $id, 1, $boundary, $granularity, $barrier, $fallback, $target_run,
    $message(json))
  ON CONFLICT DO NOTHING]]

local CHANGED = [[
  UPDATE threads SET queued = $queued, queue_revision = queue_revision + 1, updated_at = $now
  WHERE key = $key]]

--- The revision of a thread's queue: a word that no other state of any queue ever has.
---@param row moonbase.ThreadRow|nil
---@return string
function pending.revision(row)
  if not row then return "0" end
  return string.format("%d.%d", row.key, row.queue_revision)
end

local function mode_of(entry)
  return {
    boundary = entry.boundary, granularity = entry.granularity, barrier = entry.barrier,
    target_run = entry.target_run, fallback = entry.fallback,
  }
end

local function record_of(entry, position)
  return { id = entry.id, position = position, revision = entry.revision,
    message = entry.message, mode = mode_of(entry) }
end

-- Every change of a queue is one of the thread: it gets a new revision and moves to the front.
local function changed(ctx, row, queued)
  local ok, err = ctx.engine:run(CHANGED, queued, ctx:now(), row.key)
  if not ok then return nil, err end
  row.queued, row.queue_revision = queued, row.queue_revision + 1
  return true
end

local function next_ordinal(ctx, row)
  local last, err = ctx.engine:value(
    "SELECT max(ordinal) FROM pending WHERE thread = $thread", row.key)
  if err then return nil, err end
  return (last or 0) + 1
end

local function consumed(id, field)
  return errors.fail("invalid", "pending message '" .. id .. "' is already consumed",
    { field = field })
end

local function enqueue_one(ctx, row, record, mode, ordinal)
  local taken, err = message_reader.holds(ctx, row, record.id)
  if err then return nil, err end
  if taken then return consumed(record.id, "message.id") end
  local changes
  changes, err = ctx.engine:run(INSERT, row.key, ordinal, record.id, mode.boundary,
    mode.granularity, mode.barrier, mode.fallback, mode.target_run, record.message)
  if err then return nil, err end
  if changes == 0 then
    return errors.fail("invalid", "pending message '" .. record.id .. "' already exists",
      { field = "message.id" })
  end
  return true
end

--- Appends a batch to a thread's queue; the thread is made when it is missing. Inside a write.
---@param ctx moonbase.Context
---@param thread string
---@param batch moonbase.MessageBatch
---@param mode moonbase.DeliveryMode
---@return moonbase.PendingRecord[]|nil
---@return moonbase.Error|nil  `invalid`, `serialization`
function pending.enqueue(ctx, thread, batch, mode)
  local row, err = thread_rows.ensure_queue(ctx, thread)
  if not row then return nil, err end
  local ordinal
  ordinal, err = next_ordinal(ctx, row)
  if not ordinal then return nil, err end
  local added = {}
  for i, record in ipairs(batch.records) do
    local ok, failure = enqueue_one(ctx, row, record, mode, ordinal + i - 1)
    if not ok then return message_log.place_error(failure, batch, i) end
    record.message.id = record.id
    added[i] = { id = record.id, position = row.queued + i, revision = 1,
      message = record.message, mode = mode_of(mode) }
  end
  local ok
  ok, err = changed(ctx, row, row.queued + #added)
  if not ok then return nil, err end
  return added
end

--- The queue in order, and its revision. Inside a snapshot.
---@param ctx moonbase.Context
---@param thread string
---@return moonbase.PendingRecord[]|nil
---@return string|moonbase.Error revision
function pending.list(ctx, thread)
  local row, err = thread_rows.find_queue(ctx, thread)
  if err then return nil, err end
  if not row then return {}, pending.revision(nil) end
  local entries
  entries, err = ctx.engine:rows(WHOLE .. " ORDER BY ordinal", row.key)
  if not entries then return nil, err end
  for i = 1, #entries do entries[i] = record_of(entries[i], i) end
  return entries, pending.revision(row)
end

-- Why an id is not in the queue.
local function absent(ctx, row, id)
  local taken, err = false, nil
  if row then taken, err = message_reader.holds(ctx, row, id) end
  if err then return nil, err end
  if taken then return consumed(id, "pending_id") end
  return errors.fail("not_found", "pending message '" .. id .. "' not found")
end

local function conflict(expected, actual)
  return errors.fail("conflict", "the queue is not in the expected revision: expected "
    .. tostring(expected) .. ", found " .. tostring(actual),
    { expected = expected, actual = actual })
end

-- The thread's row, one of its queue's entries, and the entry's position. What is expected is a
-- number of the entry, or the word of the whole queue.
local function find_entry(ctx, thread, id, expected)
  local row, err = thread_rows.find_queue(ctx, thread)
  if err then return nil, err end
  if not row then return absent(ctx, nil, id) end
  local entry, position
  entry, err = ctx.engine:row(WHOLE .. " AND id = $id", row.key, id)
  if err then return nil, err end
  if not entry then return absent(ctx, row, id) end
  local actual = type(expected) == "string" and pending.revision(row) or entry.revision
  if expected and expected ~= actual then return conflict(expected, actual) end
  position, err = ctx.engine:value(
    "SELECT count(*) FROM pending WHERE thread = $thread AND ordinal <= $ordinal",
    row.key, entry.ordinal)
  if not position then return nil, err end
  return row, entry, position
end

--- Replaces a queued message. Inside a write.
---@param ctx moonbase.Context
---@param thread string
---@param id string
---@param given moonbase.Message  checked; its id is the same or absent
---@param expected integer|string|nil  the entry's revision, or the queue's
---@return moonbase.PendingRecord|nil
---@return moonbase.Error|nil  `not_found`, `conflict`, `invalid`, `serialization`
function pending.revise(ctx, thread, id, given, expected)
  local row, entry, position = find_entry(ctx, thread, id, expected)
  if not row then return nil, entry end
  local body = message.without_id(given)
  local ok, err = ctx.engine:run(
    "UPDATE pending SET body = $message(json), revision = revision + 1 WHERE key = $key",
    body, entry.key)
  if ok then ok, err = changed(ctx, row, row.queued) end
  if not ok then return nil, err end
  body.id = id
  entry.message, entry.revision = body, entry.revision + 1
  return record_of(entry, position)
end

--- Withdraws a queued message. Inside a write.
---@param ctx moonbase.Context
---@param thread string
---@param id string
---@param expected integer|string|nil  the entry's revision, or the queue's
---@return moonbase.PendingRecord|nil  as it was
---@return moonbase.Error|nil  `not_found`, `conflict`, `invalid`
function pending.retract(ctx, thread, id, expected)
  local row, entry, position = find_entry(ctx, thread, id, expected)
  if not row then return nil, entry end
  local ok, err = ctx.engine:run("DELETE FROM pending WHERE key = $key", entry.key)
  if ok then ok, err = changed(ctx, row, row.queued - 1) end
  if not ok then return nil, err end
  return record_of(entry, position)
end

-- The keys of the entries in the order of the ids.
local function match_ids(ctx, row, ids)
  local known, keys, seen = {}, {}, {}
  local entries, err = ctx.engine:rows(ENTRIES, row.key)
  if not entries then return nil, err end
  for _, entry in ipairs(entries) do known[entry.id] = entry.key end
  for i, id in ipairs(ids) do
    if not known[id] then return absent(ctx, row, id) end
    if seen[id] then return errors.invalid("pending_ids", "name '" .. id .. "' twice") end
    seen[id], keys[i] = true, known[id]
  end
  if #keys == #entries then return keys end
  return errors.fail("invalid", "pending_ids must name all " .. #entries
    .. " pending messages, got " .. #keys, { field = "pending_ids" })
end

local function renumber(ctx, row, keys)
  local ordinal, err = next_ordinal(ctx, row)
  if not ordinal then return nil, err end
  for i, key in ipairs(keys) do
    local ok, failure = ctx.engine:run(
      "UPDATE pending SET ordinal = $ordinal, revision = revision + 1 WHERE key = $key",
      ordinal + i - 1, key)
    if not ok then return nil, failure end
  end
  return changed(ctx, row, row.queued)
end

--- Puts the queue in another order. Inside a write.
---@param ctx moonbase.Context
---@param thread string
---@param ids string[]          all of the queue
---@param expected string|nil   the queue's revision
---@return moonbase.PendingRecord[]|nil
---@return string|moonbase.Error revision
function pending.reorder(ctx, thread, ids, expected)
  local row, err = thread_rows.find_queue(ctx, thread)
  if err then return nil, err end
  local actual = pending.revision(row)
  if expected and expected ~= actual then return conflict(expected, actual) end
  if not row then
    if #ids == 0 then return {}, actual end
    return absent(ctx, nil, ids[1])
  end
  local keys, ok
  keys, err = match_ids(ctx, row, ids)
  if not keys then return nil, err end
  if #keys > 0 then
    ok, err = renumber(ctx, row, keys)
    if not ok then return nil, err end
  end
  return pending.list(ctx, thread)
end

local function ids_of(entries, selected)
  local ids = {}
  for i, index in ipairs(selected) do ids[i] = entries[index].id end
  return ids
end

local function same_ids(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

-- Reads selected entries as a batch for the log. Their JSON goes there untouched.
local function read_batch(ctx, thread, row, ids)
  local batch = { records = {}, bodies = {}, thread = thread, name = "pending", given = true }
  local now = ctx:now()
  for i, id in ipairs(ids) do
    local entry, err = ctx.engine:row([[
      SELECT body AS "message(json)", id AS "message.id", body FROM pending
      WHERE thread = $thread AND id = $id]], row.key, id)
    if not entry then return nil, err end
    local run, step = message.origin(entry.message)
    batch.bodies[i] = entry.body
    batch.records[i] = { seq = 0, id = id, thread = thread, run = run, step = step,
      created_at = now, message = entry.message }
  end
  return batch
end

-- Moves selected entries to the end of the log.
local function commit(ctx, thread, row, entries, selected)
  local batch, err = read_batch(ctx, thread, row, ids_of(entries, selected))
  if not batch then return nil, err end
  for _, index in ipairs(selected) do
    local ok
    ok, err = ctx.engine:run("DELETE FROM pending WHERE key = $key", entries[index].key)
    if not ok then return nil, err end
  end
  local records, ok
  records, err = message_log.extend(ctx, row, batch)
  if not records then return nil, err end
  ok, err = changed(ctx, row, row.queued - #selected)
  if not ok then return nil, err end
  return records
end

--- Moves the entries that are due into the log. Inside a write.
---@param ctx moonbase.Context
---@param thread string
---@param row moonbase.ThreadRow  with its queue
---@param options table  boundary; run: the id of the one that asks; expected_ids
---@return moonbase.MessageRecord[]|nil
---@return moonbase.Error|nil  `conflict`, `invalid`
function pending.freeze(ctx, thread, row, options)
  local entries, err = ctx.engine:rows(ENTRIES .. " ORDER BY ordinal", row.key)
  if not entries then return nil, err end
  local selected = delivery.select(entries, options.boundary, options.run)
  local wanted, ids = options.expected_ids, ids_of(entries, selected)
  if wanted and not same_ids(wanted, ids) then
    return errors.fail("conflict", "other pending messages are due than expected",
      { expected = wanted, actual = ids })
  end
  if #selected == 0 then return {} end
  return commit(ctx, thread, row, entries, selected)
end

--- Removes a thread's whole queue. Inside a write.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow
---@return integer|nil
---@return moonbase.Error|nil
function pending.remove_all(ctx, row)
  return ctx.engine:run("DELETE FROM pending WHERE thread = $thread", row.key)
end

return pending
