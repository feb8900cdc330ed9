--- What a flow's definition says: its nodes, which of them may begin when, and how the places of a
--- run are named. Pure functions.
--
-- A definition is a frame: `{ nodes = { node, ... } }`. A node is a step, `{ id, agent, after? }`,
-- or a loop, `{ id, nodes, repeat_until, max, after? }`, whose own nodes run again and again until
-- the step named by `repeat_until` gives true, or a table whose `done` is true. `after` names
-- the nodes that must be completed first.

local check = require "moonbase.check"
local errors = require "moonbase.errors"

local plan = {}

--- The frame that a run begins with.
plan.ROOT = "root"

-- Between the parts of a name. Ids may hold single colons, so they stay apart.
local SEPARATOR = "::"

local MAX_ITERATIONS = 10000

---@class moonbase.FlowNode
---@field id string
---@field after? string[]
---@field agent? string         of a step
---@field nodes? moonbase.FlowNode[]  of a loop
---@field repeat_until? string  of a loop: one of its steps
---@field max? integer          of a loop: iterations

local invalid = errors.invalid

local function check_array(path, list)
  if type(list) ~= "table" or #list == 0 then return invalid(path, "must be an array") end
  return true
end

local function check_id(path, id)
  local ok, err = check.document_id(path, id)
  if not ok then return nil, err end
  if id:find(SEPARATOR, 1, true) or id:find("^:") or id:find(":$") then
    return invalid(path, "must not contain '::', nor begin or end with a colon")
  end
  return true
end

local check_nodes

local function check_loop(path, node)
  local ok, err = check_nodes(path .. ".nodes", node.nodes)
  if not ok then return nil, err end
  local last = plan.find(node.nodes, node.repeat_until)
  if not last or last.nodes then
    return invalid(path .. ".repeat_until", "must be the id of a step of the loop")
  end
  if type(node.max) ~= "number" or node.max % 1 ~= 0 or node.max < 1 or node.max > MAX_ITERATIONS
  then
    return invalid(path .. ".max", "must be a whole number from 1 to " .. MAX_ITERATIONS)
  end
  return true
end

local function check_node(path, node)
  if type(node) ~= "table" then return invalid(path, "must be a table") end
  local ok, err = check_id(path .. ".id", node.id)
  if not ok then return nil, err end
  if node.after ~= nil and type(node.after) ~= "table" then
    return invalid(path .. ".after", "must be an array")
  end
  if node.nodes then return check_loop(path, node) end
  return check.document_id(path .. ".agent", node.agent)
end

-- Every node must be reached once those that it waits for are done.
local function check_order(path, nodes)
  local frame = plan.new_frame(nodes)
  repeat
    local begun = plan.begin(nodes, frame)
    for _, node in ipairs(begun) do frame.nodes[node.id] = "completed" end
  until #begun == 0
  for i, node in ipairs(nodes) do
    if frame.nodes[node.id] ~= "completed" then
      return invalid(path .. "[" .. i .. "].after", "names an unknown node, or leads in a circle")
    end
  end
  return true
end

function check_nodes(path, nodes)
  local ok, err = check_array(path, nodes)
  if not ok then return nil, err end
  local seen = {}
  for i, node in ipairs(nodes) do
    local here = path .. "[" .. i .. "]"
    ok, err = check_node(here, node)
    if not ok then return nil, err end
    if seen[node.id] then return invalid(here .. ".id", "is there twice") end
    seen[node.id] = true
  end
  return check_order(path, nodes)
end

--- Checks a definition.
---@param definition table
---@return true|nil
---@return moonbase.Error|nil err  `invalid`
function plan.check(definition)
  return check_nodes("nodes", definition.nodes)
end

--- The node of that id.
---@param nodes moonbase.FlowNode[]
---@param id any
---@return moonbase.FlowNode|nil
function plan.find(nodes, id)
  for _, node in ipairs(nodes) do
    if node.id == id then return node end
  end
  return nil
end

--- A frame as it begins.
---@param nodes moonbase.FlowNode[]
---@return table  phase; nodes: statuses by id; jobs: ids by node
function plan.new_frame(nodes)
  local frame = { phase = "running", nodes = {}, jobs = {} }
  for _, node in ipairs(nodes) do frame.nodes[node.id] = "pending" end
  return frame
end

local function is_free(node, frame)
  if frame.nodes[node.id] ~= "pending" then return false end
  for _, id in ipairs(node.after or {}) do
    if frame.nodes[id] ~= "completed" then return false end
  end
  return true
end

--- Begins the nodes that wait for nothing any more, and gives them. A frame that has only completed
--- ones is completed.
---@param nodes moonbase.FlowNode[]
---@param frame table
---@return moonbase.FlowNode[]
function plan.begin(nodes, frame)
  local begun, open = {}, false
  for _, node in ipairs(nodes) do
    if is_free(node, frame) then begun[#begun + 1] = node end
    open = open or frame.nodes[node.id] ~= "completed"
  end
  for _, node in ipairs(begun) do frame.nodes[node.id] = "running" end
  if not open then frame.phase = "completed" end
  return begun
end

--- The name of a loop that stands in a frame.
---@param frame string
---@param node string
---@return string
function plan.loop_name(frame, node)
  return frame .. SEPARATOR .. node
end

--- The name of the frame that an iteration of a loop runs in.
---@param loop string
---@param iteration integer  from 0
---@return string
function plan.frame_name(loop, iteration)
  return ("%s%s%d"):format(loop, SEPARATOR, iteration)
end

--- Where the frame of an iteration stands; nil for the root.
---@param frame string
---@return { parent: string, loop: string, node: string, iteration: integer }|nil
function plan.place_of(frame)
  local loop, iteration = frame:match("^(.*)::(%d+)$")
  local parent, node = (loop or ""):match("^(.*)::(.-)$")
  if not parent then return nil end
  return { parent = parent, loop = loop, node = node, iteration = tonumber(iteration) }
end

--- The nodes of a frame; nil when the definition has no such frame.
---@param definition table
---@param frame string
---@return moonbase.FlowNode[]|nil
function plan.nodes_of(definition, frame)
  if frame == plan.ROOT then return definition.nodes end
  local place = plan.place_of(frame)
  local around = place and plan.nodes_of(definition, place.parent)
  local node = around and plan.find(around, place.node)
  return node and node.nodes
end

--- Whether a step is waited for: the run goes on, and the step is running.
---@param run table|nil  as peeked, with the step's frame
---@param step string
---@return boolean
function plan.awaits(run, step)
  return run ~= nil and run.status == "running" and run.frame ~= nil
    and run.frame.nodes[step] == "running"
end

--- What the ledger calls a step: its id, in a loop behind the loop's name and iteration.
---@param frame string
---@param node string
---@return string
function plan.step_name(frame, node)
  if frame == plan.ROOT then return node end
  return frame:sub(#plan.ROOT + #SEPARATOR + 1) .. SEPARATOR .. node
end

return plan
