--- What a flow run records on its way: the ledger of steps, failures, iterations of loops, and
--- outputs. `prepare_...` check and encode before the write lock is taken; all else runs inside a
--- write.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local flow_rows = require "moonbase.flow_rows"

local flow_ledger = {}

--- How many iterations of a loop keep their outputs.
local MAX_ITERATIONS = 10000

--- Something that an agent did, or that was done to it, in a step.
---@class moonbase.FlowStep
---@field step string
---@field agent string
---@field status string   such as "dispatched", "completed", "failed", "skipped", "canceled"
---@field output? any     any JSON value
---@field at integer      ms since 1970

---@class moonbase.FlowFailure
---@field step string
---@field reason string
---@field at integer      ms since 1970

--- Which frame an iteration of a loop ran in.
---@class moonbase.FlowIteration
---@field loop_instance string
---@field iteration integer  from 0
---@field frame string

local function insert_into(name, columns, values)
  return ("INSERT INTO %s (key, %s) VALUES (%s, %s)"):format(name, columns,
    flow_rows.next_key(name), values)
end

local ADD_STEP = insert_into("flow_steps", "step, agent, status, output, at",
  "$step, $agent, $status, $output, $at")

local FIND_STEP = [[
  SELECT 1 FROM flow_steps
  WHERE key >> 32 = $flow AND step = $step AND agent = $agent AND status = $status LIMIT 1]]

local FILL_STEP = [[
  UPDATE flow_steps SET output = $output WHERE key = (
    SELECT key FROM flow_steps WHERE key >> 32 = $flow AND step = $step
    ORDER BY key DESC LIMIT 1)]]

local ADD_FAILURE = insert_into("flow_failures", "step, reason, at", "$step, $reason, $at")

local ADD_ITERATION = insert_into("flow_iterations", "loop_instance, iteration, frame",
  "$loop_instance, $iteration, $frame") .. " ON CONFLICT DO NOTHING"

local PUT_OUTPUT = insert_into("flow_outputs", "loop, iteration, step, output",
  "$loop, $iteration, $step, $output") .. [[

  ON CONFLICT (key >> 32, loop, iteration, step) DO UPDATE SET output = excluded.output]]

-- Every field by its check; all that a rule names must be there.
local function check_all(name, fields, rules)
  for _, rule in ipairs(rules) do
    local path, value = name .. "." .. rule[1], fields[rule[1]]
    if value == nil then return errors.invalid(path, "is missing") end
    local ok, err = rule[2](path, value)
    if not ok then return nil, err end
  end
  return true
end

local function check_at(name, at)
  if at == nil then return nil end
  return check.time(name .. ".at", at)
end

local STEP = { step = "string", agent = "string", status = "string", output = "any", at = "number" }
local STEP_RULES = { { "step", check.id }, { "agent", check.id }, { "status", check.id } }

--- Checks an entry of the ledger of steps.
---@param entry any
---@return table|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`
function flow_ledger.prepare_step(entry)
  check.type("entry", entry, "table")
  check.options("entry", entry, STEP)
  local ok, err = check_all("entry", entry, STEP_RULES)
  if not ok then return nil, err end
  local draft = { step = entry.step, agent = entry.agent, status = entry.status }
  draft.at, err = check_at("entry", entry.at)
  if not err and entry.output ~= nil then
    draft.output, err = core.encode(entry.output, "entry.output")
  end
  if err then return nil, err end
  return draft
end

local FAILURE = { step = "string", reason = "string", at = "number" }
local FAILURE_RULES = { { "step", check.id }, { "reason", check.text } }

--- Checks a failure.
---@param failure any
---@return table|nil
---@return moonbase.Error|nil err  `invalid`
function flow_ledger.prepare_failure(failure)
  check.type("failure", failure, "table")
  check.options("failure", failure, FAILURE)
  local ok, err = check_all("failure", failure, FAILURE_RULES)
  local draft = { step = failure.step, reason = failure.reason }
  if ok then draft.at, err = check_at("failure", failure.at) end
  if err then return nil, err end
  return draft
end

local ITERATION = { loop_instance = "string", iteration = "number", frame = "string" }
local ITERATION_RULES =
  { { "loop_instance", check.id }, { "iteration", check.integer }, { "frame", check.id } }

--- Checks the entry of an iteration.
---@param entry any
---@return moonbase.FlowIteration|nil
---@return moonbase.Error|nil err  `invalid`
function flow_ledger.prepare_iteration(entry)
  check.type("iteration_entry", entry, "table")
  check.options("iteration_entry", entry, ITERATION)
  local ok, err = check_all("iteration_entry", entry, ITERATION_RULES)
  if not ok then return nil, err end
  return { loop_instance = entry.loop_instance, frame = entry.frame,
    iteration = check.integer("iteration_entry.iteration", entry.iteration) }
end

--- Where a step's output belongs: outside any loop, or to an iteration of one.
---@param loop any
---@param iteration any
---@return { loop: string, iteration: integer }|nil
---@return moonbase.Error|nil err  `invalid`
function flow_ledger.prepare_place(loop, iteration)
  if loop == nil and iteration == nil then return { loop = "", iteration = 0 } end
  if loop == nil then return errors.invalid("loop", "is missing beside 'iteration'") end
  if iteration == nil then return errors.invalid("iteration", "is missing beside 'loop'") end
  local ok, err = check.id("loop", loop)
  if ok then ok, err = check.integer("iteration", iteration) end
  if not ok then return nil, err end
  if ok < MAX_ITERATIONS then return { loop = loop, iteration = ok } end
  return errors.invalid("iteration", "must be less than " .. MAX_ITERATIONS)
end

--- Appends a step.
---@param ctx moonbase.Context
---@param flow integer
---@param step table  as prepared
---@return true|nil
---@return moonbase.Error|nil
function flow_ledger.add_step(ctx, flow, step)
  local ok, err = ctx.engine:run(ADD_STEP, flow, step.step, step.agent, step.status, step.output,
    step.at or ctx:now())
  if not ok then return nil, err end
  return true
end

--- Appends a step unless there is one of the same step, agent and status.
---@param ctx moonbase.Context
---@param flow integer
---@param step table  as prepared
---@return boolean|nil
---@return moonbase.Error|nil
function flow_ledger.add_new_step(ctx, flow, step)
  local found, err = ctx.engine:value(FIND_STEP, flow, step.step, step.agent, step.status)
  if err then return nil, err end
  if found then return false end
  return flow_ledger.add_step(ctx, flow, step)
end

--- Gives the last entry of a step its output.
---@param ctx moonbase.Context
---@param flow integer
---@param step string
---@param output string  JSON
---@return true|nil
---@return moonbase.Error|nil err  `not_found`
function flow_ledger.fill_step(ctx, flow, step, output)
  local count, err = ctx.engine:run(FILL_STEP, output, flow, step)
  if not count then return nil, err end
  if count == 1 then return true end
  return errors.fail("not_found", "the ledger has no entry of step '" .. step .. "'",
    { step = step })
end

--- Appends a failure.
---@param ctx moonbase.Context
---@param flow integer
---@param failure table  as prepared
---@return true|nil
---@return moonbase.Error|nil
function flow_ledger.add_failure(ctx, flow, failure)
  local ok, err = ctx.engine:run(ADD_FAILURE, flow, failure.step, failure.reason,
    failure.at or ctx:now())
  if not ok then return nil, err end
  return true
end

--- Records an iteration; once, however often it is told.
---@param ctx moonbase.Context
---@param flow integer
---@param entry moonbase.FlowIteration  as prepared
---@return integer|nil
---@return moonbase.Error|nil
function flow_ledger.add_iteration(ctx, flow, entry)
  return ctx.engine:run(ADD_ITERATION, flow, entry.loop_instance, entry.iteration, entry.frame)
end

--- Records what a step gave. One that gave something already keeps its place in the order.
---@param ctx moonbase.Context
---@param flow integer
---@param output table  loop, iteration as placed; step; text: JSON
---@return integer|nil
---@return moonbase.Error|nil
function flow_ledger.put_output(ctx, flow, output)
  return ctx.engine:run(PUT_OUTPUT, flow, output.loop, output.iteration, output.step, output.text)
end

return flow_ledger
