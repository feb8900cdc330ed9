--- Events: an append-only log per scope, divided into streams, with one sequence of cursors.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local event_log = require "moonbase.event_log"
local event_reader = require "moonbase.event_reader"
local event_retention = require "moonbase.event_retention"
local Consumer = require "moonbase.event_consumer"
local pause = require "moonbase.pause"

local DEFAULT_TIMEOUT = 30000
local REPLAY_PAGE = 200

-- Between two looks at the log, in ms: short at first, because answers mostly come soon, and never
-- so long that a reader seems asleep.
local FIRST_PAUSE, LAST_PAUSE = 1, 50

---@class moonbase.Events
---@field ctx moonbase.Context
local Events = {}
Events.__index = Events

---@param ctx moonbase.Context
---@return moonbase.Events
function Events.new(ctx)
  return setmetatable({ ctx = ctx }, Events)
end

local function append(ctx, drafts, expected, name)
  if #drafts == 0 then return {} end
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  return event_log.write(ctx, scope, drafts, expected, name)
end

--- Appends one event. With a `key` that the stream has already, and the same type and data, it
--- gives that event back and writes nothing, so that a retry is safe.
---@param event { stream: string, type: string, data: any, at: integer, key: string }  `at`: ms
---  since 1970, default now; data, at and key may be absent
---@return moonbase.Event|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`; `conflict` (`key`, and the `cursor`
---  of the event that has it) when type or data differ
function Events:append(event)
  local draft, err = event_log.draft(event, "event")
  if not draft then return nil, err end
  local written
  written, err = self.ctx:write(append, self.ctx, { draft })
  if not written then return nil, err end
  return written[1]
end

--- Appends several events, all or none, with cursors that follow each other.
---@param list table[]  events, as `append` takes them
---@param options? { expected: integer }  the last cursor of their stream, which must be one
---@return moonbase.Event[]|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`; `conflict` as for `append`, or with
---  `expected` and `actual`
function Events:append_batch(list, options)
  local expected = check.options("options", options, { expected = "number" }).expected
  local drafts, err = event_log.drafts(list, "list")
  local ok = drafts
  if ok and expected then
    ok, err = check.integer("expected", expected)
    if ok then ok, err = event_log.check_one_stream(drafts, "list") end
  end
  if not ok then return nil, err end
  return self.ctx:write(append, self.ctx, drafts, expected, "list")
end

local RULES = {
  { "after", check.integer }, { "stream", check.id }, { "type", check.id },
  { "timeout", check.duration },
}

local function read_query(query, options)
  query = check.options("query", query, options)
  local values, err = check.fields(query, RULES)
  if not values then return nil, err end
  values.limit, err = event_reader.check_limit(query.limit)
  if not values.limit then return nil, err end
  values.after = values.after or 0
  return values
end

local POLL = { after = "number", limit = "number", stream = "string", type = "string" }

--- Events behind a cursor, in cursor order.
---@param query? { after: integer, limit: integer, stream: string, type: string }  after: default
---  0; limit: default 100, at most 10000
---@return moonbase.Event[]|nil
---@return moonbase.Error|nil err  `invalid`; `serialization` when the first of them is damaged,
---  with its `cursor`: poll behind that to go on
function Events:poll(query)
  local values, err = read_query(query, POLL)
  if not values then return nil, err end
  return event_reader.read(self.ctx, values)
end

-- Holds nothing between two steps but a page of events.
local function iterate(ctx, query, page)
  local place = 0
  return function()
    if place > 0 and place == #page then
      query.after = page[place].cursor
      page, place = assert(event_reader.read(ctx, query)), 0
    end
    place = place + 1
    return page[place]
  end
end

local REPLAY = { after = "number", stream = "string", type = "string" }

--- Iterates over events in cursor order.
---@param query? { after: integer, stream: string, type: string }
---@return (fun(): moonbase.Event|nil)|nil iterator  raises what goes wrong on the way
---@return moonbase.Error|nil err  as for `poll`
function Events:replay(query)
  local values, err = read_query(query, REPLAY)
  if not values then return nil, err end
  values.limit = REPLAY_PAGE
  local page
  page, err = event_reader.read(self.ctx, values)
  if not page then return nil, err end
  return iterate(self.ctx, values, page)
end

--- The last cursor given out, 0 if none ever was; pruning does not change it.
---@param stream? string  in this stream; default: in the scope
---@return integer|nil
---@return moonbase.Error|nil err  `invalid`
function Events:latest(stream)
  local scope, ok, err
  if stream ~= nil then
    ok, err = check.id("stream", stream)
    if not ok then return nil, err end
  end
  scope, err = self.ctx:scope()
  if not scope then return nil, err end
  return event_reader.last(self.ctx, scope, stream)
end

local PRUNE = { before = "number", older_than = "number", stream = "string" }
local PRUNE_RULES = {
  { "before", check.integer }, { "older_than", check.duration }, { "stream", check.id },
}

--- Removes old events; their keys become free, their cursors do not come back. More than 2000 go in
--- several transactions, the oldest first, unless one is open already.
---@param query { before: integer, older_than: integer, stream: string }  either cursors below
---  `before`, or events that are more than `older_than` ms old; of one stream or of all
---@return integer|nil count
---@return moonbase.Error|nil err  `invalid`; `removed` is the count that is gone nevertheless
function Events:prune(query)
  query = check.options("query", query, PRUNE)
  local values, err = check.fields(query, PRUNE_RULES)
  if not values then return nil, err end
  if (values.before == nil) == (values.older_than == nil) then
    return errors.invalid("before", "or 'older_than' must be given, and not both")
  end
  if values.before then
    return event_retention.remove_before(self.ctx, values.stream, values.before)
  end
  return event_retention.remove_older(self.ctx, values.stream, self.ctx:now() - values.older_than)
end

--- Removes all events, as `prune` does.
---@param stream? string  only of this one
---@return integer|nil count
---@return moonbase.Error|nil err  `invalid`; `removed` is the count that is gone nevertheless
function Events:clear(stream)
  if stream ~= nil then
    local ok, err = check.id("stream", stream)
    if not ok then return nil, err end
  end
  return event_retention.remove_before(self.ctx, stream, math.huge)
end

-- The last cursor tells of appends by any process, and by other coroutines on this connection; to
-- look at it costs no more than to ask SQLite whether the file has changed.
local function look(self, query, state)
  local last, err = self:latest(query.stream)
  if not last then return nil, err end
  if last == state.seen then return {} end
  local found
  found, err = event_reader.read(self.ctx, query)
  if found then state.seen = last end
  return found, err
end

-- A lock that somebody holds for a moment is no reason to stop waiting.
local function is_final(found, err)
  if err then return err.code ~= "busy" end
  return #found > 0
end

local function wait(self, query, timeout)
  local deadline, delay, state = core.monotonic() + timeout, FIRST_PAUSE, {}
  while true do
    local found, err = look(self, query, state)
    local left = deadline - core.monotonic()
    if left <= 0 or is_final(found, err) or not pause.sleep(math.min(delay, left)) then
      return found, err
    end
    delay = math.min(delay * 2, LAST_PAUSE)
  end
end

local WAIT = { after = "number", limit = "number", stream = "string", type = "string",
  timeout = "number" }

--- As `poll`, but when there is nothing yet it waits for an append by this or another process.
--- Inside a transaction, and in phases of OpenResty that cannot yield, it does not wait.
---@param query? { after: integer, limit: integer, stream: string, type: string, timeout: integer }
---  timeout: ms, default 30000
---@return moonbase.Event[]|nil  `{}` when the time is over
---@return moonbase.Error|nil err  as for `poll`
function Events:wait(query)
  local values, err = read_query(query, WAIT)
  if not values then return nil, err end
  if values.limit == 0 or self.ctx.engine:in_transaction() then
    return event_reader.read(self.ctx, values)
  end
  return wait(self, values, values.timeout or DEFAULT_TIMEOUT)
end

local CONSUMER = { stream = "string" }

--- A durable reader by name. It begins at 0; consumers of one name and stream share a position.
---@param name string
---@param options? { stream: string }  to read only one stream
---@return moonbase.EventConsumer|nil
---@return moonbase.Error|nil err  `invalid`
function Events:consumer(name, options)
  local stream = check.options("options", options, CONSUMER).stream
  local ok, err = check.id("name", name)
  if ok and stream ~= nil then ok, err = check.id("stream", stream) end
  if ok then ok, err = self.ctx:may_use() end
  if not ok then return nil, err end
  return Consumer.new(self.ctx, name, stream)
end

return Events
