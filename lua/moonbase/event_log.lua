--- Writing the event log. What the events part and the checkpoints share.

local check = require "moonbase.check"
local document = require "moonbase.document"
local errors = require "moonbase.errors"
local event_reader = require "moonbase.event_reader"
local sequence = require "moonbase.sequence"

local event_log = {}

--- An event.
---@class moonbase.Event
---@field cursor integer  its place in the scope's log, from 1, never given twice
---@field stream string
---@field type string
---@field data? any       any JSON value
---@field at integer      ms since 1970
---@field key? string     of at most one event of the stream

local FIELDS = { stream = "string", type = "string", data = "any", at = "number", key = "string" }

local FIND_STREAM = "SELECT id FROM event_streams WHERE scope = $scope AND name = $stream"

local ADD_STREAM = [[
  INSERT INTO event_streams (scope, name) VALUES ($scope, $stream) RETURNING id]]

local FIND_KEY = "SELECT " .. event_reader.COLUMNS .. [[

  FROM event_streams s CROSS JOIN events e ON e.stream = s.id
  WHERE s.scope = $scope AND s.name = $stream AND e.retry_key = $key]]

local INSERT = [[
  INSERT INTO events (key, stream, at, ahead, type, retry_key, data)
  VALUES (($scope << 40) + $cursor, $stream, $at,
    max(0, coalesce((SELECT at + ahead FROM events
      WHERE key > $scope << 40 AND key < ($scope << 40) + $cursor
      ORDER BY key DESC LIMIT 1), 0) - $at),
    $type, $key, $data(json))]]

local function check_required(path, value)
  if value == nil then return errors.invalid(path, "is missing") end
  return check.id(path, value)
end

--- An event to append, checked and copied; its cursor comes when it is written.
---@param given any
---@param name string     of the argument, for what is raised
---@param prefix? string  of its fields, for what is returned
---@return moonbase.Event|nil
---@return moonbase.Error|nil err  `invalid`
function event_log.draft(given, name, prefix)
  check.type(name, given, "table")
  check.options(name, given, FIELDS)
  prefix = prefix or ""
  local ok, err = check_required(prefix .. "stream", given.stream)
  if ok then ok, err = check_required(prefix .. "type", given.type) end
  if ok and given.key ~= nil then ok, err = check.id(prefix .. "key", given.key) end
  if not ok then return nil, err end
  local at
  if given.at ~= nil then
    at, err = check.time(prefix .. "at", given.at)
    if err then return nil, err end
  end
  return { stream = given.stream, type = given.type, data = given.data, at = at, key = given.key }
end

--- The same for an array of events.
---@param list any
---@param name string
---@return moonbase.Event[]|nil
---@return moonbase.Error|nil err  `invalid`
function event_log.drafts(list, name)
  local drafts = {}
  for i = 1, check.array(name, list) do
    local path = name .. "[" .. i .. "]"
    local draft, err = event_log.draft(list[i], path, path .. ".")
    if not draft then return nil, err end
    drafts[i] = draft
  end
  return drafts
end

local function same_data(stored, given)
  if given == nil or stored == nil then return given == stored end
  local normal, err = document.stored(given, "data")
  if err then return nil, err end
  return document.equal(stored, normal)
end

-- The first event, when the second one says the same; both bear the same key.
local function repeated(first, second)
  local same, err = first.type == second.type, nil
  if same then same, err = same_data(first.data, second.data) end
  if same then return first end
  if err then return nil, err end
  return errors.fail("conflict", string.format("key '%s' of stream '%s' belongs to another event",
    second.key, second.stream), { key = second.key, cursor = first.cursor })
end

-- What an earlier event of the list holds, as it would be read back.
local function as_stored(draft)
  if draft.data == nil then return draft end
  local data, err = document.stored(draft.data, "data")
  if err then return nil, err end
  return { type = draft.type, data = data }
end

-- A key that occurs twice in one list.
local function repeated_in_list(first, second)
  local stored, err = as_stored(first)
  if not stored then return nil, err, first end
  stored, err = repeated(stored, second)
  if not stored then return nil, err end
  return first
end

-- The event that has the draft's key already: stored, or earlier in the list. After an error, the
-- draft at fault where it is another.
local function earlier(ctx, scope, draft, keys)
  if draft.key == nil then return nil end
  local id = draft.stream .. "\0" .. draft.key
  if keys[id] then return repeated_in_list(keys[id], draft) end
  local stored, err = ctx.engine:row(FIND_KEY, scope, draft.stream, draft.key)
  if err then return nil, err end
  if stored then return repeated(stored, draft) end
  keys[id] = draft
  return nil
end

-- The list as it will be given back, and those of it that are new; or an error, and whose it is.
local function sort_out(ctx, scope, drafts)
  local events, fresh, keys = {}, {}, {}
  for i, draft in ipairs(drafts) do
    local event, err, culprit = earlier(ctx, scope, draft, keys)
    if err then return nil, err, culprit or draft end
    if not event then fresh[#fresh + 1] = draft end
    events[i] = event or draft
  end
  return events, fresh
end

local function check_expected(ctx, scope, stream, expected)
  local last, err = event_reader.last(ctx, scope, stream)
  if err then return nil, err end
  if last == expected then return true end
  return errors.fail("conflict", string.format("the last cursor of stream '%s' is %d, not %d",
    stream, last, expected), { stream = stream, expected = expected, actual = last })
end

local function stream_id(ctx, scope, name, known)
  if known[name] then return known[name] end
  local id, err = ctx.engine:value(FIND_STREAM, scope, name)
  if not id and not err then id, err = ctx.engine:value(ADD_STREAM, scope, name) end
  known[name] = id
  return id, err
end

local function insert(ctx, scope, draft, cursor, now, streams)
  local stream, err = stream_id(ctx, scope, draft.stream, streams)
  if not stream then return nil, err end
  draft.at = draft.at or now
  draft.cursor = cursor
  return ctx.engine:run(INSERT, scope, cursor, stream, draft.at, draft.type, draft.key, draft.data)
end

local function insert_all(ctx, scope, fresh)
  local count, streams, now = #fresh, {}, ctx:now()
  local last, err = sequence.advance(ctx.engine, scope, event_reader.SEQUENCE, count)
  if not last then return nil, err end
  for i = 1, count do
    local ok
    ok, err = insert(ctx, scope, fresh[i], last - count + i, now, streams)
    if not ok then return nil, err, i end
  end
  return true
end

-- A document that cannot be stored is named with its place in the list.
local function name_field(err, drafts, draft, name)
  if not name or not err.field then return end
  for i = 1, #drafts do
    if drafts[i] == draft then err.field = name .. "[" .. i .. "]." .. err.field end
  end
end

--- Appends drafts, all or none. Inside a write.
---@param ctx moonbase.Context
---@param scope integer
---@param drafts moonbase.Event[]  from `draft` or `drafts`; they become the events
---@param expected? integer        the last cursor of their one stream
---@param name? string             of the list, for errors
---@return moonbase.Event[]|nil
---@return moonbase.Error|nil err  `conflict`, `serialization`
function event_log.write(ctx, scope, drafts, expected, name)
  local events, fresh, culprit = sort_out(ctx, scope, drafts)
  if not events then
    name_field(fresh, drafts, culprit, name)
    return nil, fresh
  end
  if #fresh == 0 then return events end -- for a retry `expected` is past
  local ok, err, place
  if expected then
    ok, err = check_expected(ctx, scope, drafts[1].stream, expected)
    if not ok then return nil, err end
  end
  ok, err, place = insert_all(ctx, scope, fresh)
  if ok then return events end
  if place then name_field(err, drafts, fresh[place], name) end
  return nil, err
end

--- All of one stream, as `expected` needs it.
---@param drafts moonbase.Event[]
---@param name string
---@return true|nil
---@return moonbase.Error|nil err  `invalid`
function event_log.check_one_stream(drafts, name)
  for i = 2, #drafts do
    if drafts[i].stream ~= drafts[1].stream then
      return errors.invalid(name .. "[" .. i .. "].stream",
        "must be that of the first event, because 'expected' is of one stream")
    end
  end
  return true
end

return event_log
