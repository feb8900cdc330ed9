--- The row of a thread: found, made, and told of news. What the log, the queue, the runs and the
--- threads part itself share.

local chain = require "moonbase.chain"

local thread_rows = {}

--- What writes need to know of a thread.
---@class moonbase.ThreadRow
---@field key integer
---@field count integer      committed messages
---@field segment integer    the tip of its chain
---@field inherited integer  messages that lie in other segments
---@field indexed integer    messages up to here are in the text index
---@field queued? integer    pending messages; from `find_queue`
---@field queue_revision? integer

local FIND = [[
  SELECT key, count, segment, inherited, indexed FROM threads
  WHERE scope = $scope AND id = $id]]

local FIND_QUEUE = [[
  SELECT key, count, segment, inherited, indexed, queued, queue_revision FROM threads
  WHERE scope = $scope AND id = $id]]

local INSERT = [[
  INSERT INTO threads (scope, id, resource, parent, title, custom, created_at, updated_at,
    count, inherited, indexed)
  VALUES ($scope, $id, $resource, $parent, $title, $custom(json), $created_at, $now,
    $count, $count, $count)
  RETURNING key]]

--- A thread's row, nil when there is none.
---@param ctx moonbase.Context
---@param id string
---@return moonbase.ThreadRow|nil
---@return moonbase.Error|nil
function thread_rows.find(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(FIND, scope, id)
end

--- A thread's row with what is known of its queue, nil when there is none.
---@param ctx moonbase.Context
---@param id string
---@return moonbase.ThreadRow|nil
---@return moonbase.Error|nil
function thread_rows.find_queue(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(FIND_QUEUE, scope, id)
end

-- Opens the tip of a new thread, behind position `inherited` of segment `parent`.
local function open_tip(ctx, key, parent, inherited)
  local segment, err = chain.open(ctx.engine, key, parent, inherited)
  if not segment then return nil, err end
  local ok
  ok, err = ctx.engine:run("UPDATE threads SET segment = $segment WHERE key = $key", segment, key)
  if not ok then return nil, err end
  return segment
end

--- Makes a thread. Inside a write; `exists` is for the caller to find out.
---@param ctx moonbase.Context
---@param fields table  id, and resource, parent, title, custom, created_at where there are
---@param base? table   segment and count, of the chain that the thread begins with
---@return moonbase.ThreadRow|nil
---@return moonbase.Error|nil
function thread_rows.insert(ctx, fields, base)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local now, count = ctx:now(), base and base.count or 0
  local key, segment
  key, err = ctx.engine:value(INSERT, scope, fields.id, fields.resource, fields.parent,
    fields.title, fields.custom, fields.created_at or now, now, count)
  if not key then return nil, err end
  segment, err = open_tip(ctx, key, base and base.segment, count)
  if not segment then return nil, err end
  return { key = key, count = count, segment = segment, inherited = count, indexed = count,
    queued = 0, queue_revision = 0 }
end

--- A thread's row, made when there is none. Inside a write.
---@param ctx moonbase.Context
---@param id string
---@return moonbase.ThreadRow|nil
---@return moonbase.Error|nil
function thread_rows.ensure(ctx, id)
  local row, err = thread_rows.find(ctx, id)
  if row or err then return row, err end
  return thread_rows.insert(ctx, { id = id })
end

--- As `ensure`, with what is known of the queue.
---@param ctx moonbase.Context
---@param id string
---@return moonbase.ThreadRow|nil
---@return moonbase.Error|nil
function thread_rows.ensure_queue(ctx, id)
  local row, err = thread_rows.find_queue(ctx, id)
  if row or err then return row, err end
  return thread_rows.insert(ctx, { id = id })
end

--- Gives a thread an empty chain of its own. Inside a write, after its chain was released.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow  brought up to date
---@return true|nil
---@return moonbase.Error|nil
function thread_rows.restart(ctx, row)
  local segment, err = open_tip(ctx, row.key, nil, 0)
  if not segment then return nil, err end
  local ok
  ok, err = ctx.engine:run("UPDATE threads SET count = 0, inherited = 0, indexed = 0,"
    .. " updated_at = $now WHERE key = $key", ctx:now(), row.key)
  if not ok then return nil, err end
  row.segment, row.count, row.inherited, row.indexed = segment, 0, 0, 0
  return true
end

return thread_rows
