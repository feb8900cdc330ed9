--- Removing events, the oldest first.

local event_reader = require "moonbase.event_reader"
local retention = require "moonbase.retention"

local event_retention = {}

local BATCH = 2000

-- Of a stream that was never written to.
local NO_STREAM = 0

local FIND_STREAM = "SELECT id FROM event_streams WHERE scope = $scope AND name = $stream"

local function selection(condition)
  return [[SELECT stream AS "stream", key & 1099511627775 AS "cursor" FROM events WHERE ]]
    .. condition .. " LIMIT $count"
end

local BEFORE = {
  all = selection [[
    key > $scope << 40 AND key < ($scope << 40) + $before ORDER BY key]],
  stream = selection [[
    key > $scope << 40 AND key < ($scope << 40) + $before AND stream = $stream ORDER BY key]],
}

local LATE = {
  all = selection "key >> 40 = $scope AND ahead > 0 AND at < $time ORDER BY at",
  stream = selection "stream = $stream AND ahead > 0 AND at < $time ORDER BY at",
}

local DELETE = "DELETE FROM events WHERE key = ($scope << 40) + $cursor"

-- Where at + ahead reaches a time: every event before is older, and behind it only late ones are.
local FIRST_YOUNG = {
  all = [[
    SELECT key & 1099511627775 FROM events
    WHERE key > $scope << 40 AND key < ($scope << 40) + 1099511627776 AND at + ahead >= $time
    ORDER BY key LIMIT 1]],
  stream = [[
    SELECT key & 1099511627775 FROM events WHERE stream = $stream AND at + ahead >= $time
    ORDER BY key LIMIT 1]],
}

local NOTE = "UPDATE event_streams SET removed = max(removed, $cursor) WHERE id = $stream"

-- The last cursor of a stream outlives its events.
local function note(engine, last)
  for stream, cursor in pairs(last) do
    local ok, err = engine:run(NOTE, cursor, stream)
    if not ok then return nil, err end
  end
  return true
end

-- One by one: SQLite may take a list of keys for a reason to look at every row.
local function remove_batch(ctx, scope, sql, ...)
  local engine = ctx.engine
  local rows, err = engine:rows(sql, ...)
  if not rows then return nil, err end
  local last = {}
  for i = 1, #rows do
    local stream, cursor = rows[i].stream, rows[i].cursor
    if cursor > (last[stream] or 0) then last[stream] = cursor end
    local ok, failure = engine:run(DELETE, scope, cursor)
    if not ok then return nil, failure end
  end
  local ok, failure = note(engine, last)
  if not ok then return nil, failure end
  return #rows, #rows == BATCH
end

-- What one call removes from: of the scope or one stream of it, what was there when it began.
---@class moonbase.EventRange
---@field scope integer
---@field stream? integer  only this one
---@field last integer     the scope's last cursor

local function remove(removal, range, sql, ...)
  return retention.batches(removal, remove_batch, range.scope, sql, ...)
end

local function remove_before(removal, range, before)
  before = math.min(before, range.last + 1)
  if range.stream then
    return remove(removal, range, BEFORE.stream, range.scope, before, range.stream, BATCH)
  end
  return remove(removal, range, BEFORE.all, range.scope, before, BATCH)
end

local function first_young(engine, range, time)
  local cursor, err
  if range.stream then
    cursor, err = engine:value(FIRST_YOUNG.stream, range.stream, time)
  else
    cursor, err = engine:value(FIRST_YOUNG.all, range.scope, time)
  end
  if err then return nil, err end
  return cursor or range.last + 1
end

local function remove_older(removal, range, time)
  local young, err = first_young(removal.ctx.engine, range, time)
  if not young then return nil, err end
  local ok
  ok, err = remove_before(removal, range, young)
  if not ok then return nil, err end
  if range.stream then return remove(removal, range, LATE.stream, range.stream, time, BATCH) end
  return remove(removal, range, LATE.all, range.scope, time, BATCH)
end

local function range_of(ctx, stream)
  local scope, last, id, err
  scope, err = ctx:scope()
  if not scope then return nil, err end
  last, err = event_reader.last(ctx, scope)
  if not last then return nil, err end
  if stream then
    id, err = ctx.engine:value(FIND_STREAM, scope, stream)
    if err then return nil, err end
    id = id or NO_STREAM
  end
  return { scope = scope, stream = id, last = last }
end

local function run(ctx, stream, work, limit)
  local range, err = range_of(ctx, stream)
  if not range then return nil, err end
  return retention.run(ctx, work, range, limit)
end

--- Removes the events with a cursor below `before`.
---@param ctx moonbase.Context
---@param stream? string  only of this one
---@param before integer
---@return integer|nil count
---@return moonbase.Error|nil err  `removed` is the count that is gone nevertheless
function event_retention.remove_before(ctx, stream, before)
  return run(ctx, stream, remove_before, before)
end

--- Removes the events of before a time.
---@param ctx moonbase.Context
---@param stream? string  only of this one
---@param time integer    ms since 1970, exclusive
---@return integer|nil count
---@return moonbase.Error|nil err  `removed` is the count that is gone nevertheless
function event_retention.remove_older(ctx, stream, time)
  return run(ctx, stream, remove_older, time)
end

return event_retention
