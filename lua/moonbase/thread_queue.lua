--- The calls of the threads part on the queue: messages that the model has not read yet.

local core = require "moonbase.core"
local check = require "moonbase.check"
local delivery = require "moonbase.delivery"
local errors = require "moonbase.errors"
local message = require "moonbase.message"
local message_log = require "moonbase.message_log"
local pending = require "moonbase.pending"
local run_record = require "moonbase.run_record"
local thread_rows = require "moonbase.thread_rows"

---@class moonbase.Threads
local Queue = {}

local null = core.null

local ENQUEUE = { boundary = "string", granularity = "string", barrier = "boolean",
  target_run = "string", fallback = "boolean" }

local function delivery_mode(options)
  local mode = {
    boundary = check.choice("options.boundary", options.boundary or "new_run",
      delivery.boundaries),
    granularity = check.choice("options.granularity", options.granularity or "batch",
      delivery.granularities),
    barrier = options.barrier or false, fallback = options.fallback ~= false,
  }
  if options.target_run == nil then return mode end
  local err
  mode.target_run, err = check.id("target_run", options.target_run)
  if err then return nil, err end
  return mode
end

--- Queues messages for the model, making the thread if it is missing. All or none.
---@param id string
---@param messages moonbase.Message[]  an id left out is made
---@param options? table  boundary, granularity, barrier, target_run, fallback: see
---  moonbase.DeliveryMode; by default a message goes with the next new run, together with others
---@return moonbase.PendingRecord[]|nil
---@return moonbase.Error|nil  `invalid` (`field`), `serialization` (`field`)
function Queue:enqueue(id, messages, options)
  options = check.options("options", options, ENQUEUE)
  local mode, batch, ok, err
  mode, err = delivery_mode(options)
  if mode then ok, err = check.id("id", id) end
  if ok then batch, err = message_log.prepare(self.ctx, id, messages, "messages") end
  if not batch then return nil, err end
  if #batch.records == 0 then
    ok, err = self.ctx:may_use()
    return ok and {} or nil, err
  end
  return self.ctx:write(pending.enqueue, self.ctx, id, batch, mode)
end

--- The queue in order, and its revision.
---@param id string
---@return moonbase.PendingRecord[]|nil
---@return string|moonbase.Error revision
function Queue:pending(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx.engine:snapshot(pending.list, self.ctx, id)
end

local function check_entry(id, pending_id, options)
  options = check.options("options", options, { expected = "any" })
  local expected = options.expected
  local ok, err = check.id("id", id)
  if ok then ok, err = check.id("pending_id", pending_id) end
  if ok and expected ~= nil and type(expected) ~= "string" then
    ok, err = check.integer("expected", expected)
  end
  if not ok then return nil, err end
  return options
end

local function check_revised(pending_id, given)
  check.type("message", given, "table")
  local ok, err = message.check(given, "message")
  if not ok then return nil, err end
  if given.id == nil or given.id == null or given.id == pending_id then return true end
  return errors.fail("invalid", "cannot change message id: the pending message is '"
    .. pending_id .. "'", { field = "message.id" })
end

--- Replaces a queued message; it keeps its id and place.
---@param id string
---@param pending_id string
---@param given moonbase.Message  its id is the same or absent
---@param options? table  expected: the entry's revision, or the queue's
---@return moonbase.PendingRecord|nil
---@return moonbase.Error|nil  `not_found`, `conflict` (`expected`, `actual`), `invalid`: consumed,
---  or no legal message, `serialization`
function Queue:revise(id, pending_id, given, options)
  local ok, err
  options, err = check_entry(id, pending_id, options)
  if not options then return nil, err end
  ok, err = check_revised(pending_id, given)
  if not ok then return nil, err end
  return self.ctx:write(pending.revise, self.ctx, id, pending_id, given, options.expected)
end

--- Withdraws a queued message.
---@param id string
---@param pending_id string
---@param options? table  expected: the entry's revision, or the queue's
---@return moonbase.PendingRecord|nil  as it was
---@return moonbase.Error|nil  `not_found`, `conflict` (`expected`, `actual`), `invalid`: consumed
function Queue:retract(id, pending_id, options)
  local err
  options, err = check_entry(id, pending_id, options)
  if not options then return nil, err end
  return self.ctx:write(pending.retract, self.ctx, id, pending_id, options.expected)
end

local function check_ids(name, list)
  for i = 1, check.array(name, list) do
    local ok, err = check.id(name .. "[" .. i .. "]", list[i])
    if not ok then return nil, err end
  end
  return true
end

--- Puts the queue in another order.
---@param id string
---@param pending_ids string[]  all of the queue
---@param options? table  expected: the queue's revision
---@return moonbase.PendingRecord[]|nil
---@return string|moonbase.Error revision  `conflict` (`expected`, `actual`), `not_found`,
---  `invalid`: consumed, one twice, or not all
function Queue:reorder(id, pending_ids, options)
  options = check.options("options", options, { expected = "string" })
  local ok, err = check.id("id", id)
  if ok then ok, err = check_ids("pending_ids", pending_ids) end
  if not ok then return nil, err end
  return self.ctx:write(pending.reorder, self.ctx, id, pending_ids, options.expected)
end

local FREEZE = { boundary = "string", run = "table", expected = "number", expected_ids = "table" }

-- The run of a freeze belongs to the thread, and has an id by which entries may aim at it.
local function complete_run(ctx, thread, given)
  local run = {}
  for key, value in next, given do run[key] = value end
  if run.thread == nil then run.thread = thread end
  if run.id == nil then run.id = ctx:new_id() end
  if run.thread == thread then return run end
  return errors.invalid("run.thread", "must be the thread itself")
end

local function check_freeze(ctx, id, options)
  if options.boundary == nil then return errors.invalid("boundary", "is missing") end
  check.choice("options.boundary", options.boundary, delivery.boundaries)
  local ok, err = check.id("id", id)
  if ok and options.expected ~= nil then ok, err = check.integer("expected", options.expected) end
  if ok and options.expected_ids then ok, err = check_ids("expected_ids", options.expected_ids) end
  if not ok then return nil, err end
  if not options.run then return true end
  return complete_run(ctx, id, options.run)
end

-- A missing thread has nothing to freeze; it is made for the run's sake only.
local function find_or_make(ctx, id, run)
  if run then return thread_rows.ensure_queue(ctx, id) end
  local row, err = thread_rows.find_queue(ctx, id)
  if err then return nil, err end
  return row or { key = 0, count = 0, segment = 0, inherited = 0, indexed = 0, queued = 0,
    queue_revision = 0 }
end

local function freeze(ctx, id, options, run)
  local row, err = find_or_make(ctx, id, run)
  if not row then return nil, err end
  err = message_log.conflict(options.expected, row)
  if err then return nil, err end
  local records
  records, err = pending.freeze(ctx, id, row, { boundary = options.boundary,
    run = run and run.id, expected_ids = options.expected_ids })
  if not records or not run then return records, err end
  local ok
  ok, err = run_record.put(ctx, run)
  if not ok then return nil, err end
  return records
end

--- Moves the queued messages that are due at a boundary into the log, and writes the run that
--- takes them, in one transaction.
---@param id string
---@param options table  boundary: "interrupt", "next_step", "on_natural_end", "resume_input" or
---  "new_run"; run: the whole run; expected: the count the log must have; expected_ids: the ids of
---  the messages that must be due, in order
---@return moonbase.MessageRecord[]|nil
---@return moonbase.Error|nil  `conflict` (`expected`, `actual`: counts, or lists of ids),
---  `invalid` (`field`)
function Queue:freeze(id, options)
  options = check.options("options", options, FREEZE)
  local run, err = check_freeze(self.ctx, id, options)
  if not run then return nil, err end
  if run == true then run = nil end
  return self.ctx:write(freeze, self.ctx, id, options, run)
end

return Queue
