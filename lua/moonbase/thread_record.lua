--- The record of a thread: created, saved whole, changed, forked, deleted.

local core = require "moonbase.core"
local chain = require "moonbase.chain"
local check = require "moonbase.check"
local document = require "moonbase.document"
local errors = require "moonbase.errors"
local hierarchy = require "moonbase.hierarchy"
local message_log = require "moonbase.message_log"
local pending = require "moonbase.pending"
local thread_rows = require "moonbase.thread_rows"

local thread_record = {}

local null = core.null

--- A thread.
---@class moonbase.Thread
---@field id string
---@field resource? string    what it belongs to: a user, a project
---@field parent? string      id of the thread above it
---@field title? string
---@field custom? table
---@field created_at integer  ms since 1970
---@field updated_at integer  ms since 1970: last activity
---@field active_run? string  the run that is executing now
---@field open_run? string    the run that is not done: executing, waiting or about to
---@field latest_run? string
---@field count integer       committed messages

--- The columns of a thread.
thread_record.columns = [[id, resource, parent, title, custom AS "custom(json)", created_at,
  updated_at, active_run, open_run, latest_run, count]]

local GET = "SELECT " .. thread_record.columns
  .. " FROM threads WHERE scope = $scope AND id = $id"

local REPLACE = [[
  UPDATE threads SET resource = $resource, parent = $parent, title = $title,
    custom = ]] .. document.changed("$custom(json)", "custom") .. [[,
    created_at = coalesce($created_at, created_at), updated_at = $now
  WHERE key = $key]]

local COPY_CUSTOM = [[
  UPDATE threads SET custom = (SELECT custom FROM threads WHERE key = $origin) WHERE key = $key]]

--- A thread, nil when there is none.
---@param ctx moonbase.Context
---@param id string
---@return moonbase.Thread|nil
---@return moonbase.Error|nil
function thread_record.get(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(GET, scope, id)
end

local function not_found(id)
  return errors.fail("not_found", "thread '" .. id .. "' not found")
end

local function check_parent(ctx, fields, validate)
  if validate then return hierarchy.check(ctx, fields.id, fields.parent) end
  return hierarchy.check_self(fields.id, fields.parent)
end

local function overwrite(ctx, row, fields)
  return ctx.engine:run(REPLACE, fields.resource, fields.parent, fields.title, fields.custom,
    fields.created_at, ctx:now(), row.key)
end

--- Creates a thread. Inside a write.
---@param ctx moonbase.Context
---@param fields table  id, and resource, parent, title, custom where there are; checked
---@return moonbase.Thread|nil
---@return moonbase.Error|nil  `exists`, `invalid`, `serialization`
function thread_record.create(ctx, fields)
  local row, ok, err
  row, err = thread_rows.find(ctx, fields.id)
  if err then return nil, err end
  if row then return errors.fail("exists", "thread '" .. fields.id .. "' already exists") end
  ok, err = check_parent(ctx, fields, true)
  if ok then ok, err = thread_rows.insert(ctx, fields) end
  if not ok then return nil, err end
  return thread_record.get(ctx, fields.id)
end

--- Creates a thread or overwrites its fields. Inside a write.
---@param ctx moonbase.Context
---@param fields table  as for `create`, and created_at
---@param validate boolean
---@return moonbase.Thread|nil
---@return moonbase.Error|nil  `invalid`, `serialization`
function thread_record.save(ctx, fields, validate)
  local ok, row, err
  ok, err = check_parent(ctx, fields, validate)
  if not ok then return nil, err end
  row, err = thread_rows.find(ctx, fields.id)
  if err then return nil, err end
  if row then ok, err = overwrite(ctx, row, fields)
  else ok, err = thread_rows.insert(ctx, fields) end
  if not ok then return nil, err end
  return thread_record.get(ctx, fields.id)
end

-- The value of a patched field: null or (for trimmed fields) blank clears it.
local function patched(patch, values, field, old)
  if patch[field] == nil then return old end
  if patch[field] == null then return nil end
  return values[field]
end

--- Changes fields of a thread. Inside a write.
---@param ctx moonbase.Context
---@param id string
---@param patch table   as given; null clears
---@param values table  its fields in their normal form
---@return moonbase.Thread|nil
---@return moonbase.Error|nil  `not_found`, `invalid`, `serialization`
function thread_record.update(ctx, id, patch, values)
  local row, thread, ok, err
  row, err = thread_rows.find(ctx, id)
  if err then return nil, err end
  if not row then return not_found(id) end
  thread, err = thread_record.get(ctx, id)
  if not thread then return nil, err end
  local fields = {
    id = id, title = patched(patch, values, "title", thread.title),
    resource = patched(patch, values, "resource", thread.resource),
    parent = patched(patch, values, "parent", thread.parent),
    custom = document.merged(thread.custom, patch.custom),
  }
  ok, err = true, nil
  if patch.parent ~= nil then ok, err = check_parent(ctx, fields, true) end
  if ok then ok, err = overwrite(ctx, row, fields) end
  if not ok then return nil, err end
  return thread_record.get(ctx, id)
end

-- Deletes one thread with all that is its own. Runs stay.
local function remove(ctx, id)
  local row, ok, err
  row, err = thread_rows.find(ctx, id)
  if not row then return nil, err end
  local engine = ctx.engine
  ok, err = message_log.release(ctx, row)
  if ok then ok, err = pending.remove_all(ctx, row) end
  if ok then ok, err = engine:run("DELETE FROM thread_states WHERE thread = $key", row.key) end
  if ok then ok, err = engine:run("DELETE FROM threads WHERE key = $key", row.key) end
  return ok, err
end

--- Deletes a thread. Inside a write.
---@param ctx moonbase.Context
---@param id string
---@param strategy "detach"|"reject"|"cascade"
---@return true|nil
---@return moonbase.Error|nil  `not_found`, `invalid`
function thread_record.delete(ctx, id, strategy)
  local row, err = thread_rows.find(ctx, id)
  if err then return nil, err end
  if not row then return not_found(id) end
  local ids, ok
  ids, err = hierarchy.settle(ctx, id, strategy)
  if not ids then return nil, err end
  for i = #ids, 1, -1 do
    ok, err = remove(ctx, ids[i])
    if not ok then return nil, err end
  end
  return true
end

local function check_fork(ctx, row, id, at)
  if at > row.count then
    return errors.invalid("at", "is " .. at .. ", but the thread has " .. row.count .. " messages")
  end
  local taken, err = thread_rows.find(ctx, id)
  if err then return nil, err end
  if taken then return errors.fail("exists", "thread '" .. id .. "' already exists") end
  return true
end

--- Makes a thread that begins with the messages of another. Inside a write.
---@param ctx moonbase.Context
---@param origin string
---@param id string
---@param at integer|nil  how many messages; default: all
---@param title string|nil
---@return moonbase.Thread|nil
---@return moonbase.Error|nil  `not_found`, `exists`, `invalid`
function thread_record.fork(ctx, origin, id, at, title)
  local row, ok, segment, thread, err
  row, err = thread_rows.find(ctx, origin)
  if err then return nil, err end
  if not row then return not_found(origin) end
  at = at or row.count
  ok, err = check_fork(ctx, row, id, at)
  if not ok then return nil, err end
  thread, err = thread_record.get(ctx, origin)
  if not thread then return nil, err end
  segment, err = chain.holder(ctx.engine, row.segment, at)
  if err then return nil, err end
  local made
  made, err = thread_rows.insert(ctx, { id = id, resource = thread.resource,
    title = title or thread.title }, { segment = segment, count = at })
  if not made then return nil, err end
  ok, err = ctx.engine:run(COPY_CUSTOM, row.key, made.key)
  if not ok then return nil, err end
  return thread_record.get(ctx, id)
end

--- Sets a thread's state document; the thread is made when it is missing. Inside a write.
---@param ctx moonbase.Context
---@param id string
---@param state table
---@return true|nil
---@return moonbase.Error|nil  `serialization`
function thread_record.set_state(ctx, id, state)
  local row, err = thread_rows.ensure(ctx, id)
  if not row then return nil, err end
  local ok
  ok, err = ctx.engine:run("INSERT INTO thread_states (thread, document)"
    .. " VALUES ($thread, $state(json))"
    .. " ON CONFLICT (thread) DO UPDATE SET document = excluded.document", row.key, state)
  if not ok then return nil, err end
  return true
end

--- Checks the fields of a thread that a caller gives.
---@param given table
---@return table|nil fields  in their normal form
---@return moonbase.Error|nil  `invalid`
function thread_record.normalize(given)
  local fields, err = check.fields(given, {
    { "id", check.id }, { "resource", check.trimmed }, { "parent", check.trimmed },
    { "title", check.text }, { "created_at", check.time },
  })
  if not fields then return nil, err end
  fields.custom = given.custom
  return fields
end

return thread_record
