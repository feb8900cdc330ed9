--- Reading the event log: ranges of it in cursor order, and the last cursors.

local check = require "moonbase.check"
local sequence = require "moonbase.sequence"

local event_reader = {}

--- What to read. All but `after` and `limit` are optional.
---@class moonbase.EventQuery
---@field after integer   exclusive
---@field limit integer
---@field stream? string
---@field type? string

local DEFAULT_LIMIT = 100
local MAX_LIMIT = 10000

-- The sequence that cursors come from.
event_reader.SEQUENCE = "events"

-- A key is scope << 40 | cursor.
event_reader.COLUMNS = [[
  e.key & 1099511627775 AS "cursor", s.name AS "stream", e.type AS "type",
  e.data AS "data(json)", e.at AS "at", e.retry_key AS "key"]]

local RANGE = [[
  WHERE e.key > ($scope << 40) + $after AND e.key < ($scope << 40) + 1099511627776]]

-- CROSS JOIN keeps the order of the tables: what selects the rows comes first.
local EVENTS = " FROM events e CROSS JOIN event_streams s ON s.id = e.stream"
local BY_EVENT = EVENTS .. RANGE
local BY_STREAM = " FROM event_streams s CROSS JOIN events e ON e.stream = s.id" .. RANGE
  .. " AND s.scope = $scope AND s.name = $stream"

local function statements(source)
  local rest = source .. " ORDER BY e.key LIMIT $limit"
  return {
    events = "SELECT " .. event_reader.COLUMNS .. rest,
    cursors = "SELECT e.key & 1099511627775" .. rest,
  }
end

local ALL = statements(BY_EVENT)
local OF_TYPE = statements(BY_EVENT .. " AND e.type = $type")
local OF_STREAM = statements(BY_STREAM)
local OF_BOTH = statements(BY_STREAM .. " AND e.type = $type")

local AT = "SELECT " .. event_reader.COLUMNS .. EVENTS .. " WHERE e.key = ($scope << 40) + $cursor"

local LAST_OF_STREAM = [[
  SELECT max(s.removed, coalesce((SELECT e.key & 1099511627775 FROM events e
    WHERE e.stream = s.id ORDER BY e.key DESC LIMIT 1), 0))
  FROM event_streams s WHERE s.scope = $scope AND s.name = $stream]]

--- How many events to read at most.
---@param limit any  nil for the default of 100; more than 10000 counts as 10000
---@return integer|nil
---@return moonbase.Error|nil err  `invalid`
function event_reader.check_limit(limit)
  if limit == nil then return DEFAULT_LIMIT end
  local value, err = check.integer("limit", limit)
  if not value then return nil, err end
  return value < MAX_LIMIT and value or MAX_LIMIT
end

-- `how` is the engine's `rows` or `values`, `what` the statement that goes with it.
local function fetch(engine, how, what, scope, query)
  local after, stream, limit = query.after, query.stream, query.limit
  if stream and query.type then
    return engine[how](engine, OF_BOTH[what], scope, after, stream, query.type, limit)
  end
  if stream then return engine[how](engine, OF_STREAM[what], scope, after, stream, limit) end
  if query.type then return engine[how](engine, OF_TYPE[what], scope, after, query.type, limit) end
  return engine[how](engine, ALL[what], scope, after, limit)
end

-- One event that cannot be read must not keep a reader from those before it, and whoever knows
-- its cursor can go on behind it.
local function up_to_damage(engine, scope, query)
  local cursors, err = fetch(engine, "values", "cursors", scope, query)
  if not cursors then return nil, err end
  local found = {}
  for i, cursor in ipairs(cursors) do
    found[i], err = engine:row(AT, scope, cursor)
    if err and err.code ~= "serialization" then return nil, err end
    if err and i > 1 then return found end
    if err then
      err.cursor = cursor
      return nil, err
    end
  end
  return found
end

--- Events in cursor order.
---@param ctx moonbase.Context
---@param query moonbase.EventQuery
---@return moonbase.Event[]|nil
---@return moonbase.Error|nil err  `serialization` when the first of them is damaged, with its
---  `cursor`
function event_reader.read(ctx, query)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local found
  found, err = fetch(ctx.engine, "rows", "events", scope, query)
  if found or err.code ~= "serialization" then return found, err end
  return ctx.engine:snapshot(up_to_damage, ctx.engine, scope, query)
end

--- The last cursor given out, in a stream or in the scope; 0 if none ever.
---@param ctx moonbase.Context
---@param scope integer
---@param stream? string
---@return integer|nil
---@return moonbase.Error|nil
function event_reader.last(ctx, scope, stream)
  if not stream then return sequence.last(ctx.engine, scope, event_reader.SEQUENCE) end
  local last, err = ctx.engine:value(LAST_OF_STREAM, scope, stream)
  if err then return nil, err end
  return last or 0
end

return event_reader
