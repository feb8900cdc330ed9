--- Consumers: named readers that remember, durably, how far they have come.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local event_reader = require "moonbase.event_reader"

---@class moonbase.EventConsumer
---@field name string
---@field stream? string  reads only this one
local Consumer = {}
Consumer.__index = Consumer

local POSITION = [[
  SELECT position FROM event_consumers
  WHERE scope = $scope AND name = $name AND stream = $stream]]

local ADVANCE = [[
  INSERT INTO event_consumers (scope, name, stream, position)
  VALUES ($scope, $name, $stream, $cursor)
  ON CONFLICT (scope, name, stream) DO UPDATE SET position = excluded.position
  WHERE position < excluded.position]]

-- Stands for all streams where the name of one is stored: no stream has it.
local EVERY = ""

---@param ctx moonbase.Context
---@param name string
---@param stream? string
---@return moonbase.EventConsumer
function Consumer.new(ctx, name, stream)
  return setmetatable({ ctx = ctx, name = name, stream = stream }, Consumer)
end

--- The cursor acknowledged last, 0 before the first.
---@return integer|nil
---@return moonbase.Error|nil
function Consumer:position()
  local scope, err = self.ctx:scope()
  if not scope then return nil, err end
  local position
  position, err = self.ctx.engine:value(POSITION, scope, self.name, self.stream or EVERY)
  if err then return nil, err end
  return position or 0
end

--- The events behind the position; the same again until they are acknowledged.
---@param limit? integer  default 100, at most 10000
---@return moonbase.Event[]|nil
---@return moonbase.Error|nil err  `invalid`; `serialization`, with the `cursor` of a damaged event
function Consumer:next(limit)
  local err, after
  limit, err = event_reader.check_limit(limit)
  if not limit then return nil, err end
  after, err = self:position()
  if not after then return nil, err end
  return event_reader.read(self.ctx, { after = after, limit = limit, stream = self.stream })
end

-- A position beyond the last event would make the consumer miss those to come.
local function check_given_out(ctx, scope, cursor)
  local last, err = event_reader.last(ctx, scope)
  if not last then return nil, err end
  if cursor <= last then return true end
  return errors.invalid("cursor", "is beyond the last event, " .. last)
end

local function advance(self, cursor)
  local scope, err = self.ctx:write_scope()
  if not scope then return nil, err end
  local ok
  ok, err = check_given_out(self.ctx, scope, cursor)
  if not ok then return nil, err end
  ok, err = self.ctx.engine:run(ADVANCE, scope, self.name, self.stream or EVERY, cursor)
  if not ok then return nil, err end
  return true
end

--- Moves the position on to a cursor: every event up to it is done with. One that lies behind the
--- position is ignored.
---@param cursor integer  any that was given out in the scope, in whichever stream
---@return true|nil
---@return moonbase.Error|nil err  `invalid`
function Consumer:ack(cursor)
  local ok, err = check.integer("cursor", cursor)
  if not ok then return nil, err end
  return self.ctx:write(advance, self, cursor)
end

return Consumer
