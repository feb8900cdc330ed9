--- Compare-and-swap of a flow run: each call names what must hold and what is written then, all of
--- it or nothing.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local flow_ledger = require "moonbase.flow_ledger"
local flow_rows = require "moonbase.flow_rows"

local flow_swap = {}

--- A document of a call: which arguments hold it. Without `expected` it must not be there yet.
---@class moonbase.flow.Part
---@field kind string
---@field id? string        argument that names it
---@field expected? string  argument with what must be there
---@field next string       argument with what is written
---@field maybe? boolean    nil as `expected` means that it must not be there yet

local STATE = { kind = "state", expected = "expected_state", next = "next_state" }
local FRAME = { kind = "frame", id = "frame", expected = "expected_frame", next = "next_frame" }
local LOOP =
  { kind = "loop", id = "loop_instance", expected = "expected_loop", next = "next_loop" }

--- What a call takes beside `run` and `guard_terminal`.
---@class moonbase.flow.Call
---@field [integer] moonbase.flow.Part
---@field status? { expected: string, next: string }  arguments
---@field output? boolean     takes step, output, loop and iteration
---@field iteration? boolean  takes iteration_entry

---@type table<string, moonbase.flow.Call>
local CALLS = {
  cas_status = { status = { expected = "expected", next = "next" } },
  cas_state = { { kind = "state", expected = "expected", next = "next" } },
  cas_snapshot = { STATE, status = { expected = "expected_status", next = "next_status" } },
  cas_frame = { { kind = "frame", id = "frame", expected = "expected", next = "next",
    maybe = true } },
  cas_grant_node_slot = { STATE, FRAME },
  cas_complete_step = { FRAME, output = true },
  cas_start_loop = { STATE, FRAME,
    { kind = "loop", id = "loop_instance", next = "initial_loop" } },
  cas_request_body_frame = { STATE, LOOP },
  cas_start_body_frame = { STATE, LOOP,
    { kind = "frame", id = "frame", next = "initial_frame" }, iteration = true },
  cas_complete_body_frame = { STATE, LOOP, FRAME },
  cas_complete_loop = { STATE, LOOP, FRAME },
}

-- The arguments of a call with their types.
local function types_of(call)
  local types = { run = "string", guard_terminal = "boolean" }
  for _, part in ipairs(call) do
    if part.id then types[part.id] = "string" end
    if part.expected then types[part.expected] = "any" end
    types[part.next] = "any"
  end
  for _, name in pairs(call.status or {}) do types[name] = "string" end
  if call.iteration then types.iteration_entry = "table" end
  if call.output then
    types.step, types.output, types.loop, types.iteration = "string", "any", "string", "number"
  end
  return types
end

for _, call in pairs(CALLS) do call.types = types_of(call) end

local function required(args, name)
  if args[name] == nil then return errors.invalid(name, "is missing") end
  return args[name]
end

local function required_id(args, name)
  local value, err = required(args, name)
  if value == nil then return nil, err end
  return check.id(name, value)
end

-- The canonical text of what must be there; nil where nothing may be.
local function expected_text(part, args)
  if not part.expected or (part.maybe and args[part.expected] == nil) then return nil end
  local value, err = required(args, part.expected)
  if value == nil then return nil, err end
  local text, failure = core.canonical(value, part.expected)
  if not text then return nil, failure end
  return text
end

local function prepare_part(part, args)
  local id, err = "", nil
  if part.id then id, err = required_id(args, part.id) end
  if not id then return nil, err end
  local value, document, expected
  value, err = required(args, part.next)
  if value == nil then return nil, err end
  document, err = flow_rows.document(part.kind, id, value, part.next)
  if not document then return nil, err end
  expected, err = expected_text(part, args)
  if err then return nil, err end
  document.expected = expected
  return document
end

local function prepare_status(names, args)
  local statuses = {}
  for field, name in pairs(names) do
    local value, err = required(args, name)
    if value == nil then return nil, err end
    if flow_rows.terminal[value] == nil then
      return errors.invalid(name,
        "must be 'pending', 'running', 'completed', 'failed' or 'canceled'")
    end
    statuses[field] = value
  end
  return statuses
end

local function prepare_output(args)
  local step, err = required_id(args, "step")
  if not step then return nil, err end
  local value, output, text
  value, err = required(args, "output")
  if value == nil then return nil, err end
  output, err = flow_ledger.prepare_place(args.loop, args.iteration)
  if output then text, err = core.encode(value, "output") end
  if not text then return nil, err end
  output.step, output.text = step, text
  return output
end

-- Checks and encodes the arguments before the write lock is taken.
local function prepare(call, args)
  local ok, err = required_id(args, "run")
  if not ok then return nil, err end
  local draft = { run = args.run, guard = args.guard_terminal, documents = {} }
  for i, part in ipairs(call) do
    draft.documents[i], err = prepare_part(part, args)
    if err then return nil, err end
  end
  if call.status then draft.status, err = prepare_status(call.status, args) end
  if call.output and not err then draft.output, err = prepare_output(args) end
  if call.iteration and not err then
    ok, err = required(args, "iteration_entry")
    if ok then draft.iteration, err = flow_ledger.prepare_iteration(ok) end
  end
  if err then return nil, err end
  return draft
end

-- What a write returns to be undone without being a failure.
local LOST = {}

local function may_change(head, draft)
  local status = draft.status
  if not status then return true end
  return head.status == status.expected and not flow_rows.terminal[head.status]
end

local function write_rest(ctx, head, draft)
  local ok, err = true, nil
  if draft.output then ok, err = flow_ledger.put_output(ctx, head.key, draft.output) end
  if ok and draft.iteration then
    ok, err = flow_ledger.add_iteration(ctx, head.key, draft.iteration)
  end
  if ok and draft.status then ok, err = flow_rows.set_status(ctx, head, draft.status.next) end
  if not ok then return nil, err end
  return true
end

local function apply(ctx, draft)
  local head, err = flow_rows.open(ctx, draft.run, draft.guard)
  if err then return nil, err end
  if not head or not may_change(head, draft) then return nil, LOST end
  for _, document in ipairs(draft.documents) do
    local swapped
    swapped, err = flow_rows.swap(ctx, head.key, document)
    if not swapped then return nil, err or LOST end
  end
  return write_rest(ctx, head, draft)
end

--- Makes one of the calls.
---@param ctx moonbase.Context
---@param name string  of the call
---@param args any     its table
---@return boolean|nil swapped  false: something else was there, and nothing is written
---@return moonbase.Error|nil err  `not_found`, `invalid`, `serialization`
function flow_swap.run(ctx, name, args)
  local call = CALLS[name]
  check.type(name, args, "table")
  local draft, err = prepare(call, check.options(name, args, call.types))
  if not draft then return nil, err end
  local done
  done, err = ctx:write(apply, ctx, draft)
  if err == LOST then return false end
  return done, err
end

return flow_swap
