--- One step of a flow in the hands of a worker: what its handler is given.

local errors = require "moonbase.errors"
local plan = require "moonbase.flow_plan"

--- What a handler is given. Its fields say which step this is; its methods read what other steps
--- gave, without loading the run.
---@class moonbase.FlowStepTask
---@field run string
---@field mob string
---@field flow string
---@field params any         of the run
---@field id string          of the step in the definition
---@field name string        of the step in the ledger
---@field agent string
---@field frame string       the frame that it belongs to
---@field iteration? integer in a loop: from 0
---@field attempt integer    1, 2...
---@field node moonbase.FlowNode  the step in the definition, with any further fields of it
---@field definition table
---@field store moonbase.Store
---@field task moonbase.worker.Task
local Step = {}
Step.__index = Step

--- The step that a job is for.
---@param fields table  store, run (as peeked), definition, job, task
---@return moonbase.FlowStepTask
function Step.new(fields)
  local run, payload = fields.run, fields.job.payload
  local node = plan.find(plan.nodes_of(fields.definition, payload.frame), payload.step)
  local place = plan.place_of(payload.frame)
  return setmetatable({
    run = run.id, mob = run.mob, flow = run.flow, params = run.params, node = node,
    id = node.id, agent = node.agent, frame = payload.frame, attempt = fields.job.attempt,
    name = plan.step_name(payload.frame, node.id), iteration = place and place.iteration,
    definition = fields.definition, store = fields.store, task = fields.task,
  }, Step)
end

local function read(self, step, place)
  local output, err = self.store.flows:output(self.run, step,
    place and { loop = place.loop, iteration = place.iteration })
  if err then error(err, 0) end
  return output
end

-- What the steps of a loop gave in its last iteration.
local function read_loop(self, node, frame)
  local name = plan.loop_name(frame, node.id)
  local run, err = self.store.flows:peek { run = self.run, loop_instance = name }
  if not run then error(err or errors.new("not_found", "the flow run is gone"), 0) end
  if not run.loop then return nil end
  local outputs = {}
  for _, inner in ipairs(node.nodes) do
    outputs[inner.id] = read(self, inner.id, { loop = name, iteration = run.loop.iteration })
  end
  return outputs
end

--- What another step gave: one of the same frame, or of a frame around it; nil when it gave nothing
--- yet. For a loop: a table of what its steps gave in the last iteration, by step.
---@param id string
---@return any
function Step:output(id)
  local frame = self.frame
  while frame do
    local place = plan.place_of(frame)
    local node = plan.find(plan.nodes_of(self.definition, frame), id)
    if node and node.nodes then return read_loop(self, node, frame) end
    if node then return read(self, id, place) end
    frame = place and place.parent
  end
  return errors.misuse("id", "'" .. tostring(id) .. "' is no step of the flow")
end

--- What a step of the same loop gave in the iteration before; nil in the first.
---@param id string
---@return any
function Step:previous(id)
  local place = plan.place_of(self.frame)
  if not place or place.iteration == 0 then return nil end
  return read(self, id, { loop = place.loop, iteration = place.iteration - 1 })
end

--- Renews the lease now, for a handler that works long without yielding.
---@return true|nil
---@return moonbase.Error|nil err  `lease_lost`: the work is not wanted any more
function Step:heartbeat()
  return self.task:heartbeat()
end

return Step
