--- Writing the committed log of a thread: append, replace, clear.
-- What an append costs does not depend on the log: the count stands on the thread's row, ids are
-- held apart by a unique index, and only ids that the caller gave are looked up in the segments
-- that the thread shares.

local core = require "moonbase.core"
local chain = require "moonbase.chain"
local check = require "moonbase.check"
local document = require "moonbase.document"
local errors = require "moonbase.errors"
local message = require "moonbase.message"
local message_index = require "moonbase.message_index"
local message_reader = require "moonbase.message_reader"
local thread_rows = require "moonbase.thread_rows"

local message_log = {}

local null = core.null

-- Most messages are plain: the columns that only others need stay out of their way. The last
-- form takes a body that is JSON already, so that nothing is lost on the way.
local INSERT_PLAIN = [[
  INSERT INTO messages (key, created_at, internal, id, body)
  VALUES (($segment << 32) + $seq, $created_at, 0, $id, $message(json))
  ON CONFLICT DO NOTHING]]
local INSERT = [[
  INSERT INTO messages (key, created_at, internal, step, fold_from, fold_to, id, run, body)
  VALUES (($segment << 32) + $seq, $created_at, $internal, $step, $fold_from, $fold_to, $id, $run,
    %s)
  ON CONFLICT DO NOTHING]]
local INSERT_VALUE, INSERT_TEXT = INSERT:format("$message(json)"), INSERT:format("$body")

local ADVANCE = "UPDATE threads SET count = $count, updated_at = $now WHERE key = $key"

--- Messages made ready to be written.
---@class moonbase.MessageBatch
---@field records moonbase.MessageRecord[]  seq still to be given, ids not yet in the messages
---@field thread string
---@field name string       the argument they came from, for errors
---@field given boolean     the caller gave some of the ids
---@field bodies? string[]  the messages' JSON, when they were stored before
---@field places? integer[] where in the argument they stood, when not all of it is here

local function path_of(batch, i, field)
  local place = batch.places and batch.places[i] or i
  return batch.name .. "[" .. place .. "]" .. (field or "")
end

local function given_id(batch, id, i, seen)
  local ok, err = check.document_id(path_of(batch, i, ".id"), id)
  if not ok then return nil, err end
  if seen[id] then
    return errors.invalid(path_of(batch, i, ".id"), "is repeated in the delta: '" .. id .. "'")
  end
  seen[id], batch.given = true, true
  return id
end

-- Ids of the core's own making need no check, and it would cost as much as making them.
local function new_id(ctx, now)
  local id = ctx.make_id(now)
  if ctx.make_id == core.uuid7 then return id end
  return check.id("new_id", id)
end

local function prepare_one(ctx, batch, given, i, now, seen)
  local run, step, id, err
  if not message.is_plain(given) then
    local ok, failure = message.check(given, path_of(batch, i))
    if not ok then return nil, failure end
    run, step = message.origin(given)
  end
  id = given.id
  if id == nil or id == null then id, err = new_id(ctx, now)
  else id, err = given_id(batch, id, i, seen) end
  if not id then return nil, err end
  return { seq = 0, id = id, thread = batch.thread, run = run, step = step, created_at = now,
    message = message.without_id(given) }
end

--- Checks messages by themselves and makes records of them. Needs no transaction.
---@param ctx moonbase.Context
---@param thread string
---@param messages moonbase.Message[]
---@param name string  the argument's name, for errors
---@return moonbase.MessageBatch|nil
---@return moonbase.Error|nil  `invalid`
function message_log.prepare(ctx, thread, messages, name)
  local count, now = check.array(name, messages), ctx:now()
  local records, seen = {}, {}
  local batch = { records = records, thread = thread, name = name, given = false }
  for i = 1, count do
    local record, err = prepare_one(ctx, batch, messages[i], i, now, seen)
    if not record then return nil, err end
    records[i] = record
  end
  return batch
end

local function already_committed(batch, i)
  return errors.fail("invalid", "append delta contains already committed message id '"
    .. batch.records[i].id .. "'", { field = path_of(batch, i, ".id") })
end

-- The insert met a row of the same id, or of the same key, which only damage can bring about.
local function refuse_insert(ctx, row, batch, i)
  local id = batch.records[i].id
  local found, err = ctx.engine:value(
    "SELECT key FROM messages WHERE key >> 32 = $segment AND id = $id", row.segment, id)
  if found then return already_committed(batch, i) end
  if err then return nil, err end
  return errors.fail("corrupt", "the log holds more messages than its thread counts")
end

--- Makes an error inside a message one about that message of the argument.
---@param err moonbase.Error  its field begins with "message" when it is inside
---@param batch moonbase.MessageBatch
---@param i integer           which message
---@return nil
---@return moonbase.Error
function message_log.place_error(err, batch, i)
  local inside = err.field and err.field:match("^message%f[%W](.*)")
  if inside then err.field = path_of(batch, i, inside) end
  return nil, err
end

-- The columns that a message with metadata or a visibility needs, or one stored before.
local function insert_full(ctx, row, batch, i)
  local record = batch.records[i]
  local body, sql = record.message, INSERT_VALUE
  if batch.bodies then body, sql = batch.bodies[i], INSERT_TEXT end
  local from, to = message.fold(record.message)
  if to and to >= record.seq then
    return errors.invalid(path_of(batch, i, ".metadata.compaction.to_seq"),
      "must lie before the message itself, which is number " .. record.seq)
  end
  return ctx.engine:run(sql, row.segment, record.seq, record.created_at,
    record.message.visibility == "internal", record.step, from, to, record.id, record.run, body)
end

local function insert(ctx, row, batch, i)
  local record = batch.records[i]
  local body = record.message
  local changes, err
  if body.metadata == nil and body.visibility == nil and not batch.bodies then
    changes, err = ctx.engine:run(INSERT_PLAIN, row.segment, record.seq, record.created_at,
      record.id, body)
  else
    changes, err = insert_full(ctx, row, batch, i)
  end
  if changes == 1 then return true end
  if err then return message_log.place_error(err, batch, i) end
  return refuse_insert(ctx, row, batch, i)
end

-- Ids that the caller gave may be taken in the part of the log that other threads share.
local function check_inherited(ctx, row, batch)
  for i = 1, #batch.records do
    local taken, err = message_reader.holds(ctx, row, batch.records[i].id, true)
    if taken then return already_committed(batch, i) end
    if err then return nil, err end
  end
  return true
end

--- Writes a batch, which is not empty, behind the end of a log and keeps the thread's count.
--- Inside a write.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow  brought up to date
---@param batch moonbase.MessageBatch
---@return moonbase.MessageRecord[]|nil
---@return moonbase.Error|nil
function message_log.extend(ctx, row, batch)
  local records, before = batch.records, row.count
  if batch.given and row.inherited > 0 then
    local ok, err = check_inherited(ctx, row, batch)
    if not ok then return nil, err end
  end
  for i = 1, #records do
    local record = records[i]
    record.seq = before + i
    local ok, err = insert(ctx, row, batch, i)
    if not ok then return nil, err end
    record.message.id = record.id
  end
  row.count = before + #records
  -- Not the time of the records: they may have waited for the write lock while others wrote.
  local ok, err = ctx.engine:run(ADVANCE, row.count, ctx:now(), row.key)
  if not ok then return nil, err end
  ok, err = message_index.note(ctx, row, before)
  if not ok then return nil, err end
  return records
end

--- The error of a log that has another length than expected; nil when it has that length, or
--- when none is expected.
---@param expected integer|nil
---@param row moonbase.ThreadRow
---@return moonbase.Error|nil  `conflict`
function message_log.conflict(expected, row)
  if expected == nil or expected == row.count then return nil end
  return errors.new("conflict", "expected " .. expected .. " committed messages, found "
    .. row.count, { expected = expected, actual = row.count })
end

-- Whether a stored message is the one given.
local function same_message(stored, record)
  local given, err = document.stored(record.message, "message")
  if err then return nil, err end
  given.id = record.id
  return document.equal(stored, given)
end

-- Puts the stored records in the places of those that were committed before; gives a batch of
-- the others.
local function split_known(ctx, row, batch)
  local fresh = { records = {}, places = {}, thread = batch.thread, name = batch.name,
    given = batch.given }
  for i, record in ipairs(batch.records) do
    local stored, err = message_reader.by_id(ctx, record.thread, row, record.id)
    if err then return nil, err end
    if not stored then
      fresh.records[#fresh.records + 1] = record
      fresh.places[#fresh.records] = i
    else
      local same, failure = same_message(stored.message, record)
      if failure then return message_log.place_error(failure, batch, i) end
      if not same then
        return errors.fail("conflict", "message '" .. record.id .. "' is committed with another "
          .. "content", { field = path_of(batch, i), expected = record.message,
            actual = stored.message })
      end
      batch.records[i] = stored
    end
  end
  return fresh
end

--- Appends a batch to a thread, which is made when it is missing. Inside a write.
---@param ctx moonbase.Context
---@param thread string
---@param batch moonbase.MessageBatch
---@param expected integer|nil  the count that the log must have
---@param idempotent? boolean   messages committed before are not written again
---@return moonbase.MessageRecord[]|nil
---@return moonbase.Error|nil  `conflict`, `invalid`, `serialization`
function message_log.append(ctx, thread, batch, expected, idempotent)
  local row, err = thread_rows.ensure(ctx, thread)
  if not row then return nil, err end
  local fresh = batch
  if idempotent and batch.given then
    fresh, err = split_known(ctx, row, batch)
    if not fresh then return nil, err end
    if #fresh.records == 0 then return batch.records end
  end
  err = message_log.conflict(expected, row)
  if err then return nil, err end
  local ok
  ok, err = message_log.extend(ctx, row, fresh)
  if not ok then return nil, err end
  return batch.records
end

-- Removes the messages of a segment behind position `low`.
local function erase(ctx, segment, low, row)
  local ok, err = message_index.forget(ctx, segment, low, row)
  if not ok then return nil, err end
  return ctx.engine:run("DELETE FROM messages WHERE key > ($segment << 32) + $low"
    .. " AND key <= ($segment << 32) + 4294967295", segment, low)
end

--- Gives up a thread's log; what forks stand on stays. Inside a write.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow
---@return true|nil
---@return moonbase.Error|nil
function message_log.release(ctx, row)
  return chain.release(ctx, row, erase)
end

--- Empties a thread's log; seqs start again at 1. Inside a write.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow  brought up to date
---@return true|nil
---@return moonbase.Error|nil
function message_log.clear(ctx, row)
  local ok, err = message_log.release(ctx, row)
  if not ok then return nil, err end
  return thread_rows.restart(ctx, row)
end

return message_log
