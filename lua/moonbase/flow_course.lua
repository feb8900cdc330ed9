--- The course of a flow run: how it goes on when something happened. Each function is called inside
--- a transaction, reads what it needs there, and writes through the calls of flows and jobs; what
--- it writes is the whole step or, when it raises, nothing.

local errors = require "moonbase.errors"
local plan = require "moonbase.flow_plan"

---@class moonbase.FlowCourse
---@field tx table           the transaction
---@field run string
---@field definition table
---@field queue string       where the steps are put
---@field max_attempts integer
local Course = {}
Course.__index = Course

---@param fields table
---@return moonbase.FlowCourse
function Course.new(fields)
  return setmetatable(fields, Course)
end

-- The result of a call that cannot lose here: what it expects was read in the same transaction.
local function must(ok, err)
  if ok then return ok end
  error(err or errors.new("conflict", "the flow run changed inside a transaction"), 0)
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local result = setmetatable({}, getmetatable(value))
  for key, item in next, value do result[key] = copy(item) end
  return result
end

local function with(document, changes)
  local result = copy(document)
  for key, value in pairs(changes) do result[key] = value end
  return result
end

-- Makes one of the compare-and-swap calls.
function Course:swap(name, fields)
  fields.run, fields.guard_terminal = self.run, true
  must(self.tx.flows[name](self.tx.flows, fields))
end

function Course:peek(frame, loop)
  return must(self.tx.flows:peek { run = self.run, frame = frame, loop_instance = loop })
end

function Course:log(frame, node, status, output)
  must(self.tx.flows:append_step(self.run, { step = plan.step_name(frame, node.id),
    agent = node.agent, status = status, output = output }))
end

-- Puts a step into the queue; gives the job's id.
function Course:enqueue(frame, node)
  local job = must(self.tx.jobs:enqueue(self.queue,
    { run = self.run, frame = frame, step = node.id }, { max_attempts = self.max_attempts }))
  return job.id
end

-- Begins the nodes of a frame that can: steps go into the queue, and `frame` notes their jobs.
-- Gives the loops, which begin once the frame is written.
function Course:begin_nodes(name, frame)
  local loops = {}
  for _, node in ipairs(plan.begin(plan.nodes_of(self.definition, name), frame)) do
    if node.nodes then
      loops[#loops + 1] = node
    else
      frame.jobs[node.id] = self:enqueue(name, node)
      self:log(name, node, "dispatched")
    end
  end
  return loops
end

-- Begins an iteration of a loop that awaits its body's frame.
function Course:begin_body(loop_name, iteration)
  local at = self:peek(nil, loop_name)
  local name = plan.frame_name(loop_name, iteration)
  local place = plan.place_of(name)
  local parent = plan.nodes_of(self.definition, place.parent)
  local frame = plan.new_frame(plan.find(parent, place.node).nodes)
  local loops = self:begin_nodes(name, frame)
  self:swap("cas_start_body_frame", {
    loop_instance = loop_name, expected_loop = at.loop,
    next_loop = with(at.loop, { stage = "body_frame_active", iteration = iteration }),
    frame = name, initial_frame = frame,
    iteration_entry = { loop_instance = loop_name, iteration = iteration, frame = name },
    expected_state = at.state, next_state = with(at.state, { frames = at.state.frames + 1 }),
  })
  self:begin_loops(name, frame, loops)
end

-- Begins loops that stand in a frame.
function Course:begin_loops(name, frame, loops)
  for _, node in ipairs(loops) do
    local loop_name, state = plan.loop_name(name, node.id), self:peek().state
    self:swap("cas_start_loop", {
      loop_instance = loop_name, frame = name, expected_frame = frame, next_frame = frame,
      initial_loop = { phase = "running", stage = "awaiting_body_frame", iteration = 0 },
      expected_state = state, next_state = with(state, { loops = state.loops + 1 }),
    })
    self:begin_body(loop_name, 0)
  end
end

--- Begins the run itself.
function Course:begin()
  local frame = plan.new_frame(self.definition.nodes)
  local loops = self:begin_nodes(plan.ROOT, frame)
  self:swap("cas_status", { expected = "pending", next = "running" })
  self:swap("cas_frame", { frame = plan.ROOT, next = frame })
  self:begin_loops(plan.ROOT, frame, loops)
end

--- Ends the run as failed.
---@param step string    the ledger's name of what failed
---@param reason string
function Course:fail(step, reason)
  local state = self:peek().state
  must(self.tx.flows:append_failure(self.run, { step = step, reason = reason }))
  self:swap("cas_snapshot", {
    expected_status = "running", next_status = "failed",
    expected_state = state, next_state = with(state, { failed = step }),
  })
end

-- What the deciding step of a loop said.
local function is_done(output)
  return output == true or (type(output) == "table" and output.done == true)
end

-- Completes a loop and its node in the frame that it stands in.
function Course:complete_loop(place)
  local at = self:peek(place.parent, place.loop)
  local frame = copy(at.frame)
  frame.nodes[place.node] = "completed"
  local loops = self:begin_nodes(place.parent, frame)
  self:swap("cas_complete_loop", {
    loop_instance = place.loop, expected_loop = at.loop,
    next_loop = with(at.loop, { phase = "completed", stage = "done" }),
    frame = place.parent, expected_frame = at.frame, next_frame = frame,
    expected_state = at.state, next_state = with(at.state, { loops = at.state.loops - 1 }),
  })
  self:go_on(place.parent, frame, loops)
end

-- What follows an iteration: the end of the loop, another iteration, or none any more.
function Course:decide(place, iterations)
  local parent = plan.nodes_of(self.definition, place.parent)
  local node = plan.find(parent, place.node)
  local output = self.tx.flows:output(self.run, node.repeat_until,
    { loop = place.loop, iteration = place.iteration })
  if is_done(output) then return self:complete_loop(place) end
  if iterations == node.max then
    return self:fail(plan.step_name(place.parent, place.node),
      ("'%s' was not done after %d iterations"):format(node.repeat_until, iterations))
  end
  local at = self:peek(nil, place.loop)
  self:swap("cas_request_body_frame", {
    loop_instance = place.loop, expected_loop = at.loop,
    next_loop = with(at.loop, { stage = "awaiting_body_frame" }),
    expected_state = at.state, next_state = at.state,
  })
  self:begin_body(place.loop, iterations)
end

-- The frame of an iteration is through.
function Course:complete_body(name, place)
  local at = self:peek(name, place.loop)
  self:swap("cas_complete_body_frame", {
    loop_instance = place.loop, expected_loop = at.loop,
    next_loop = with(at.loop, { stage = "awaiting_until_evaluation" }),
    frame = name, expected_frame = at.frame, next_frame = with(at.frame, { phase = "sealed" }),
    expected_state = at.state, next_state = with(at.state, { frames = at.state.frames - 1 }),
  })
  self:decide(place, place.iteration + 1)
end

-- What follows a change of a frame, which is written: loops that begin, or the end of the frame.
function Course:go_on(name, frame, loops)
  self:begin_loops(name, frame, loops)
  if frame.phase ~= "completed" then return end
  local place = plan.place_of(name)
  if place then return self:complete_body(name, place) end
  local state = self:peek().state
  self:swap("cas_snapshot", {
    expected_status = "running", next_status = "completed",
    expected_state = state, next_state = with(state, { frames = state.frames - 1 }),
  })
end

--- Whether a step is waited for.
---@param name string  of the frame
---@param step string
---@return boolean
function Course:awaits(name, step)
  local at, err = self.tx.flows:peek { run = self.run, frame = name }
  if err then error(err, 0) end
  return plan.awaits(at, step)
end

--- Completes a step that is waited for.
---@param name string   of the frame
---@param step string
---@param output any    any JSON value
function Course:complete_step(name, step, output)
  local at = self:peek(name)
  local node, place = plan.find(plan.nodes_of(self.definition, name), step), plan.place_of(name)
  local frame = copy(at.frame)
  frame.nodes[step], frame.jobs[step] = "completed", nil
  self:log(name, node, "completed", output)
  local loops = self:begin_nodes(name, frame)
  self:swap("cas_complete_step", {
    frame = name, expected_frame = at.frame, next_frame = frame, step = step, output = output,
    loop = place and place.loop, iteration = place and place.iteration,
  })
  self:go_on(name, frame, loops)
end

--- Puts a running step into the queue again, because its job is gone.
---@param name string  of the frame
---@param step string
function Course:redo_step(name, step)
  local at = self:peek(name)
  local node = plan.find(plan.nodes_of(self.definition, name), step)
  local frame = copy(at.frame)
  frame.jobs[step] = self:enqueue(name, node)
  self:swap("cas_frame", { frame = name, expected = at.frame, next = frame })
end

return Course
