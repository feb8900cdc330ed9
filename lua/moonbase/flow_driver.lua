--- Drives flows: fan-out, fan-in, and loops, by any number of worker processes. Each step of a flow
--- is a job; completing it, recording what it gave and putting the next steps into the queue is one
--- transaction, so whoever dies, each step is completed once and the flow goes on.

local check = require "moonbase.check"
local core = require "moonbase.core"
local Course = require "moonbase.flow_course"
local errors = require "moonbase.errors"
local plan = require "moonbase.flow_plan"
local Step = require "moonbase.flow_step"
local worker = require "moonbase.worker"

--- Marks the states of runs that are driven so.
local VERSION = 1

local DEFAULT_ATTEMPTS = 5
local DEFAULT_DELAY = 1000 -- ms

---@class moonbase.FlowDriver
---@field store moonbase.Store
---@field handlers table<string, fun(step: moonbase.FlowStepTask): any, any>
---@field queue string
---@field max_attempts integer
---@field retry_delay integer
---@field definitions table<string, table>  by flow and revision
local Driver = {}
Driver.__index = Driver

local flow_driver = {}

local OPTIONS = { handlers = "table", queue = "string", max_attempts = "number",
  retry_delay = "number" }
local RULES = { { "queue", check.id }, { "max_attempts", check.positive },
  { "retry_delay", check.duration } }

--- A driver of the flows of a store.
---
--- A handler does the steps of one agent. What it returns is what the step gave (nil for null).
--- When it raises, or returns nil and an error, the attempt failed.
---@param store moonbase.Store
---@param options table
---  handlers: functions by agent; queue: of the steps, default "flows"; max_attempts: of a step,
---  default 5; retry_delay: ms, doubled with each attempt, default 1000
---@return moonbase.FlowDriver|nil
---@return moonbase.Error|nil err  `invalid`
function flow_driver.new(store, options)
  check.type("store", store, "table")
  options = check.options("options", options, OPTIONS)
  local values, err = check.fields(options, RULES)
  if not values then return nil, err end
  return setmetatable({
    store = store, handlers = options.handlers or {}, queue = values.queue or "flows",
    max_attempts = values.max_attempts or DEFAULT_ATTEMPTS,
    retry_delay = values.retry_delay or DEFAULT_DELAY, definitions = {},
  }, Driver)
end

-- Runs fn(tx) in a transaction. What it raises as an error object is returned like any other.
local function atomic(store, fn)
  local function guarded(ok, first, ...)
    if ok then return first, ... end
    if type(first) == "table" and first.code then return nil, first end
    error(first, 0)
  end
  return guarded(pcall(store.transaction, store, fn))
end

local function course(self, tx, run, definition)
  return Course.new { tx = tx, run = run, definition = definition, queue = self.queue,
    max_attempts = self.max_attempts }
end

-- The definition that a run was started with.
local function definition_of(self, store, run)
  if type(run.state) ~= "table" or run.state.driver ~= VERSION then
    return errors.fail("unsupported", "flow run '" .. run.id .. "' was not started by a driver")
  end
  local key = run.flow .. "\0" .. run.state.revision
  if self.definitions[key] then return self.definitions[key] end
  local definition, err = store.specs:get(run.flow, run.state.revision)
  if not definition then
    return nil, type(err) == "table" and err
      or errors.new("not_found", "the spec of flow '" .. run.flow .. "' is gone")
  end
  self.definitions[key] = definition
  return definition
end

local function create(self, tx, fields)
  local definition, revision = tx.specs:get(fields.flow)
  if type(revision) == "table" then return nil, revision end
  if not definition then
    return errors.fail("not_found", "there is no spec of flow '" .. fields.flow .. "'")
  end
  local ok, err = plan.check(definition)
  if not ok then return nil, err end
  local run
  run, err = tx.flows:create { id = fields.id, mob = fields.mob, flow = fields.flow,
    params = fields.params,
    state = { driver = VERSION, revision = revision, frames = 1, loops = 0 } }
  if not run then return nil, err end
  course(self, tx, run.id, definition):begin()
  return run.id
end

-- A run that is there is what was asked for, if it is of the same mob and flow.
local function start(self, tx, fields)
  if fields.id then
    local run, err = tx.flows:peek { run = fields.id }
    if err then return nil, err end
    if run and run.mob == fields.mob and run.flow == fields.flow then return run.id end
  end
  return create(self, tx, fields)
end

local START = { id = "string", mob = "string", flow = "string", params = "any" }
local REQUIRED = { "mob", "flow" }

--- Starts a run of a flow by the newest revision of its spec, which it keeps to. The same again
--- with the same id gives the run that is there.
---@param fields { id?: string, mob: string, flow: string, params?: any }
---  flow: the id of its definition in `store.specs`
---@return string|nil run
---@return moonbase.Error|nil err  `not_found`: no spec; `invalid`, `exists`, `serialization`
function Driver:start(fields)
  check.type("fields", fields, "table")
  check.options("fields", fields, START)
  for _, name in ipairs(REQUIRED) do
    if fields[name] == nil then return errors.invalid(name, "is missing") end
  end
  return atomic(self.store, function(tx) return start(self, tx, fields) end)
end

-- The step that a job is for; false when nobody waits for it any more.
local function find_step(self, job, task)
  local payload = job.payload
  local run, err = self.store.flows:peek { run = payload.run, frame = payload.frame }
  if err then return nil, err end
  if not plan.awaits(run, payload.step) then return false end
  local definition
  definition, err = definition_of(self, self.store, run)
  if not definition then return nil, err end
  return Step.new { store = self.store, run = run, definition = definition, job = job, task = task }
end

-- Completes the step and its job; the job alone when the step is not waited for any more.
local function complete(self, step, job, output)
  if output == nil then output = core.null end
  return atomic(self.store, function(tx)
    local ok, err = tx.jobs:ack(job)
    if not ok then return nil, err end
    local way = course(self, tx, step.run, step.definition)
    if way:awaits(step.frame, step.id) then way:complete_step(step.frame, step.id, output) end
    return true
  end)
end

local function text_of(err)
  local ok, text = pcall(tostring, err)
  text = ok and text or "unknown error"
  return core.encode(text, "error") and text or (text:gsub("[\128-\255]", "?"))
end

-- An attempt failed: the step is tried again, or the run has failed.
local function give_up(self, step, job, err)
  local reason, last = text_of(err), job.attempt >= job.max_attempts
  return atomic(self.store, function(tx)
    local ok, problem = tx.jobs:nack(job, { error = reason, class = last and "permanent" or nil,
      delay = self.retry_delay * 2 ^ math.min(job.attempt - 1, 16) })
    if not ok then return nil, problem end
    local way = course(self, tx, step.run, step.definition)
    if not way:awaits(step.frame, step.id) then return true end
    if not last then
      return tx.flows:append_failure(step.run, { step = step.name, reason = reason })
    end
    way:log(step.frame, step.node, "failed")
    way:fail(step.name, reason)
    return true
  end)
end

local function call_handler(self, step)
  local handler = self.handlers[step.agent]
  if not handler then return nil, "there is no handler for agent '" .. step.agent .. "'" end
  local ok, output, err = pcall(handler, step)
  if not ok then return nil, output == nil and "nil was raised" or output end
  return output, output == nil and err or nil
end

-- What cannot be stored is the handler's failure; all else is that of the store.
local HANDLERS_FAULT = { serialization = true, invalid = true }

local function work(self, job, task)
  local step, err = find_step(self, job, task)
  if step == nil then return nil, err end
  if not step then return nil end -- the worker acknowledges the job
  local output, failure = call_handler(self, step)
  local ok
  if failure == nil then
    ok, err = complete(self, step, job, output)
    failure = not ok and HANDLERS_FAULT[err.code] and err or nil
  end
  if failure ~= nil then ok, err = give_up(self, step, job, failure) end
  if not ok then return nil, err end
  task:settled()
  return true
end

--- A worker for the steps of all runs in the queue: see `moonbase.worker` for its `tick`, `drain`,
--- `run`, `stop` and `release`.
---@param options? table  owner, lease, limit, on_error
---@return moonbase.Worker|nil
---@return moonbase.Error|nil err  `invalid`
function Driver:worker(options)
  return worker.new(self.store, self.queue, function(job, task)
    return work(self, job, task)
  end, options)
end

local function corrupt(run, why)
  errors.raise("corrupt", "flow run '" .. run.id .. "': " .. why)
end

-- Whether the run's documents agree with each other and with the definition.
local function check_run(run, definition)
  local open = 0
  for name, frame in pairs(run.frames) do
    local nodes = plan.nodes_of(definition, name)
    if not nodes then corrupt(run, "the flow has no frame '" .. name .. "'") end
    for _, node in ipairs(nodes) do
      if not frame.nodes[node.id] then
        corrupt(run, "frame '" .. name .. "' lacks node '" .. node.id .. "'")
      end
    end
    if frame.phase == "running" then open = open + 1 end
  end
  if open ~= run.state.frames then corrupt(run, "its state counts other frames than there are") end
end

local LOST = check.set "done failed cancelled"

-- Looks after one step that is waited for. True when it was put into the queue again, false when
-- the run has failed with it.
local function look_after(way, name, frame, step)
  local job, err = way.tx.jobs:get(frame.jobs[step])
  if err then error(err, 0) end
  if job and job.status == "dead" then
    way:fail(plan.step_name(name, step), "every attempt ended with its worker")
    return false
  end
  if job and not LOST[job.status] then return nil end
  way:redo_step(name, step)
  return true
end

-- The steps that have a job, in the order of the definition.
local function waiting_steps(run, definition)
  local names, places = {}, {}
  for name in pairs(run.frames) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    for _, node in ipairs(plan.nodes_of(definition, name)) do
      if run.frames[name].jobs[node.id] then
        places[#places + 1] = { frame = name, step = node.id }
      end
    end
  end
  return places
end

local function recover(self, tx, id)
  local run, err = tx.flows:get(id)
  if not run then
    return nil, err or errors.new("not_found", "flow run '" .. id .. "' not found")
  end
  local definition
  definition, err = definition_of(self, tx, run)
  if not definition then return nil, err end
  if run.status ~= "running" then return 0 end
  check_run(run, definition)
  local ok
  ok, err = tx.jobs:recover() -- a job without an attempt left is known to be dead only then
  if not ok then return nil, err end
  local way, count = course(self, tx, id, definition), 0
  for _, place in ipairs(waiting_steps(run, definition)) do
    local done = look_after(way, place.frame, run.frames[place.frame], place.step)
    if done ~= nil then count = count + 1 end
    if done == false then return count end
  end
  return count
end

--- Looks after a run that nobody moves: a step whose job was cancelled, purged or lost otherwise is
--- put into the queue again; one whose every attempt ended with the death of its worker fails the
--- run.
---@param run string
---@return integer|nil count       steps that it did something about
---@return moonbase.Error|nil err  `not_found`; `unsupported`: not a driver's run; `corrupt`: its
---  documents contradict each other
function Driver:recover(run)
  local ok, err = check.id("run", run)
  if not ok then return nil, err end
  return atomic(self.store, function(tx) return recover(self, tx, run) end)
end

return flow_driver
