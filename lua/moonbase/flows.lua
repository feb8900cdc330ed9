--- Flows: runs of several agents that advance by compare-and-swap, so that of two who would make
--- the same step one does. States, frames and loops are documents that the store compares and
--- never interprets: equal ones are the same JSON, whatever the order of keys, and 1 is 1.0.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local flow_ledger = require "moonbase.flow_ledger"
local flow_reader = require "moonbase.flow_reader"
local flow_rows = require "moonbase.flow_rows"
local flow_swap = require "moonbase.flow_swap"

---@class moonbase.Flows
---@field ctx moonbase.Context
local Flows = {}
Flows.__index = Flows

---@param ctx moonbase.Context
---@return moonbase.Flows
function Flows.new(ctx)
  return setmetatable({ ctx = ctx }, Flows)
end

local CREATE = { id = "string", mob = "string", flow = "string", params = "any", state = "any" }
local NAMES = { { "mob", check.id }, { "flow", check.id } }
local REQUIRED = { "mob", "flow", "state" }

-- Checks what a new run is made from.
local function draft_of(ctx, fields)
  for _, name in ipairs(REQUIRED) do
    if fields[name] == nil then return errors.invalid(name, "is missing") end
  end
  local id, err = check.id_or_new("id", fields.id, ctx)
  local names, params, state
  if id then names, err = check.fields(fields, NAMES) end
  if not names then return nil, err end
  params = fields.params
  if params == nil then params = {} end
  params, err = flow_rows.document("params", "", params, "params")
  if params then state, err = flow_rows.document("state", "", fields.state, "state") end
  if not state then return nil, err end
  return { id = id, mob = fields.mob, flow = fields.flow, documents = { params, state } }
end

local function create(ctx, draft)
  local ok, err = flow_rows.create(ctx, draft)
  if not ok then return nil, err end
  return flow_reader.get(ctx, draft.id)
end

--- Creates a run; its status is `pending`.
---@param fields { id?: string, mob: string, flow: string, params?: any, state: any }
---  params: any JSON value, default {}; state: any JSON value
---@return moonbase.Flow|nil
---@return moonbase.Error|nil err  `exists`, `invalid`, `serialization`
function Flows:create(fields)
  check.type("fields", fields, "table")
  local draft, err = draft_of(self.ctx, check.options("fields", fields, CREATE))
  if not draft then return nil, err end
  return self.ctx:write(create, self.ctx, draft)
end

--- A whole run, nil when there is none. Its cost is that of all the run holds; see `peek`.
---@param id string
---@return moonbase.Flow|nil
---@return moonbase.Error|nil err  `invalid`
function Flows:get(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return flow_reader.get(self.ctx, id)
end

local LIST = { mob = "string", flow = "string", status = "string", limit = "number",
  cursor = "string", offset = "number", total = "boolean" }

--- Whole runs, oldest first.
---@param query? table  mob, flow, status, limit, cursor, offset, total
---@return moonbase.Page|nil
---@return moonbase.Error|nil err  `invalid`
function Flows:list(query)
  query = check.options("query", query, LIST)
  local filters, err = check.fields(query, NAMES)
  if not filters then return nil, err end
  if query.status then
    filters.status = check.choice("status", query.status, flow_rows.terminal)
  end
  return flow_reader.list(self.ctx, query, filters)
end

--- Removes a run with all that belongs to it.
---@param id string
---@return true|nil
---@return moonbase.Error|nil err  `not_found`, `invalid`
function Flows:delete(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx:write(flow_rows.delete, self.ctx, id)
end

local PEEK = { run = "string", frame = "string", loop_instance = "string" }
local PEEK_RULES = { { "run", check.id }, { "frame", check.id }, { "loop_instance", check.id } }

--- What a compare-and-swap has to know, read at one moment, whatever the size of the run: `id`,
--- `mob`, `flow`, `status`, `created_at`, `completed_at`, `params`, `state`, and the `frame` and
--- the `loop` asked for, where they are. nil when there is no such run.
---@param fields { run: string, frame?: string, loop_instance?: string }
---@return table|nil
---@return moonbase.Error|nil err  `invalid`
function Flows:peek(fields)
  check.type("fields", fields, "table")
  local values, err = check.fields(check.options("fields", fields, PEEK), PEEK_RULES)
  if not values then return nil, err end
  if not values.run then return errors.invalid("run", "is missing") end
  return flow_reader.peek(self.ctx, values.run, values.frame, values.loop_instance)
end

--- What `cas_complete_step` recorded of a step, nil when there is nothing.
---@param run string
---@param step string
---@param options? { loop: string, iteration: integer }  of a step in a loop
---@return any
---@return moonbase.Error|nil err  `invalid`
function Flows:output(run, step, options)
  options = check.options("options", options, { loop = "string", iteration = "number" })
  local ok, err = check.id("run", run)
  if ok then ok, err = check.id("step", step) end
  if not ok then return nil, err end
  local place
  place, err = flow_ledger.prepare_place(options.loop, options.iteration)
  if not place then return nil, err end
  return flow_reader.output(self.ctx, run, step, place)
end

-- The compare-and-swap calls. Each gives true; or false, with nothing written, when anything is
-- not as expected; or nil and an error: `not_found`, `invalid`, `serialization`. With
-- `guard_terminal = true` one on a run that has ended gives false.

--- Status. One that is terminal is never left, nor set again.
---@param fields { run: string, expected: string, next: string, guard_terminal?: boolean }
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_status(fields)
  return flow_swap.run(self.ctx, "cas_status", fields)
end

--- State.
---@param fields { run: string, expected: any, next: any, guard_terminal?: boolean }
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_state(fields)
  return flow_swap.run(self.ctx, "cas_state", fields)
end

--- Status and state.
---@param fields table  run, expected_status, expected_state, next_status, next_state,
---  guard_terminal?
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_snapshot(fields)
  return flow_swap.run(self.ctx, "cas_snapshot", fields)
end

--- A frame. Without `expected` it must not be there yet.
---@param fields { run: string, frame: string, expected?: any, next: any, guard_terminal?: boolean }
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_frame(fields)
  return flow_swap.run(self.ctx, "cas_frame", fields)
end

--- State and frame.
---@param fields table  run, expected_state, next_state, frame, expected_frame, next_frame,
---  guard_terminal?
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_grant_node_slot(fields)
  return flow_swap.run(self.ctx, "cas_grant_node_slot", fields)
end

--- A frame, and what a step in it gave: outside any loop, or in an iteration (0, 1... 9999) of one.
---@param fields table  run, frame, expected_frame, next_frame, step, output, loop?, iteration?,
---  guard_terminal?
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_complete_step(fields)
  return flow_swap.run(self.ctx, "cas_complete_step", fields)
end

--- State, frame, and a loop that must not be there yet.
---@param fields table  run, loop_instance, expected_state, next_state, frame, expected_frame,
---  next_frame, initial_loop, guard_terminal?
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_start_loop(fields)
  return flow_swap.run(self.ctx, "cas_start_loop", fields)
end

--- Loop and state.
---@param fields table  run, loop_instance, expected_loop, next_loop, expected_state, next_state,
---  guard_terminal?
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_request_body_frame(fields)
  return flow_swap.run(self.ctx, "cas_request_body_frame", fields)
end

--- Loop, state, a frame that must not be there yet, and the iteration that it is for.
---@param fields table  run, loop_instance, expected_loop, next_loop, frame, initial_frame,
---  iteration_entry = { loop_instance, iteration, frame }, expected_state, next_state,
---  guard_terminal?
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_start_body_frame(fields)
  return flow_swap.run(self.ctx, "cas_start_body_frame", fields)
end

--- Loop, frame of its body, and state.
---@param fields table  run, loop_instance, expected_loop, next_loop, frame, expected_frame,
---  next_frame, expected_state, next_state, guard_terminal?
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_complete_body_frame(fields)
  return flow_swap.run(self.ctx, "cas_complete_body_frame", fields)
end

--- Loop, frame that it stands in, and state.
---@param fields table  as for `cas_complete_body_frame`
---@return boolean|nil, moonbase.Error|nil
function Flows:cas_complete_loop(fields)
  return flow_swap.run(self.ctx, "cas_complete_loop", fields)
end

local GUARD = { guard_terminal = "boolean" }

local function change(ctx, run, guard, fn, ...)
  local head, err = flow_rows.open(ctx, run, guard)
  if not head then return head, err end
  return fn(ctx, head.key, ...)
end

-- Runs fn(ctx, flow, ...) as a write on a run that is there.
local function write(self, run, options, fn, ...)
  local ok, err = check.id("run", run)
  if not ok then return nil, err end
  return self.ctx:write(change, self.ctx, run, options.guard_terminal, fn, ...)
end

--- Adds an entry to the ledger of steps.
---@param run string
---@param entry { step: string, agent: string, status: string, output?: any, at?: integer }
---  at: ms since 1970, default now
---@param options? { guard_terminal?: boolean }
---@return boolean|nil
---@return moonbase.Error|nil err  `not_found`, `invalid`, `serialization`
function Flows:append_step(run, entry, options)
  options = check.options("options", options, GUARD)
  local step, err = flow_ledger.prepare_step(entry)
  if not step then return nil, err end
  return write(self, run, options, flow_ledger.add_step, step)
end

--- The same, unless there is an entry with that step, agent and status: then false.
---@param run string
---@param entry { step: string, agent: string, status: string, output?: any, at?: integer }
---@param options? { guard_terminal?: boolean }
---@return boolean|nil
---@return moonbase.Error|nil err  `not_found`, `invalid`, `serialization`
function Flows:append_step_if_absent(run, entry, options)
  options = check.options("options", options, GUARD)
  local step, err = flow_ledger.prepare_step(entry)
  if not step then return nil, err end
  return write(self, run, options, flow_ledger.add_new_step, step)
end

--- Gives the latest entry of a step in the ledger its output.
---@param run string
---@param step string
---@param output any  any JSON value; nil raises
---@param options? { guard_terminal?: boolean }
---@return boolean|nil
---@return moonbase.Error|nil err  `not_found`: no such run, or no entry; `invalid`, `serialization`
function Flows:put_output(run, step, output, options)
  options = check.options("options", options, GUARD)
  if output == nil then errors.misuse("output", "nil is no value; moonbase.null stores null") end
  local text, err = check.id("step", step)
  if text then text, err = core.encode(output, "output") end
  if not text then return nil, err end
  return write(self, run, options, flow_ledger.fill_step, step, text)
end

--- Adds a failure.
---@param run string
---@param failure { step: string, reason: string, at?: integer }
---@param options? { guard_terminal?: boolean }
---@return boolean|nil
---@return moonbase.Error|nil err  `not_found`, `invalid`
function Flows:append_failure(run, failure, options)
  options = check.options("options", options, GUARD)
  local draft, err = flow_ledger.prepare_failure(failure)
  if not draft then return nil, err end
  return write(self, run, options, flow_ledger.add_failure, draft)
end

local function upsert_loop(ctx, flow, loop, entry)
  local ok, err = flow_rows.put(ctx, flow, loop)
  if ok and entry then ok, err = flow_ledger.add_iteration(ctx, flow, entry) end
  if not ok then return nil, err end
  return true
end

--- Writes a loop, whatever it was, and the entry of an iteration, once.
---@param run string
---@param loop_instance string
---@param snapshot any  any JSON value; nil raises
---@param iteration_entry? { loop_instance: string, iteration: integer, frame: string }
---@param options? { guard_terminal?: boolean }
---@return boolean|nil
---@return moonbase.Error|nil err  `not_found`, `invalid`, `serialization`
function Flows:upsert_loop(run, loop_instance, snapshot, iteration_entry, options)
  options = check.options("options", options, GUARD)
  if snapshot == nil then errors.misuse("snapshot", "nil is no document") end
  local loop, err = check.id("loop_instance", loop_instance)
  if loop then loop, err = flow_rows.document("loop", loop_instance, snapshot, "snapshot") end
  if not loop then return nil, err end
  local entry
  if iteration_entry ~= nil then
    entry, err = flow_ledger.prepare_iteration(iteration_entry)
    if not entry then return nil, err end
  end
  return write(self, run, options, upsert_loop, loop, entry)
end

return Flows
