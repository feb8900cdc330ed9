--- Committing to a session: what a turn produced, all of it in one transaction or nothing.
-- What it costs follows what it writes, however large the session is.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local gc_schedule = require "moonbase.gc_schedule"
local job_queue = require "moonbase.job_queue"
local lease_record = require "moonbase.lease_record"
local session_checkpoint = require "moonbase.session_checkpoint"
local session_drafts = require "moonbase.session_drafts"
local session_nodes = require "moonbase.session_nodes"
local session_rows = require "moonbase.session_rows"
local session_segments = require "moonbase.session_segments"
local session_turns = require "moonbase.session_turns"
local session_usage = require "moonbase.session_usage"

local session_commit = {}

--- What a turn produced.
---@class moonbase.SessionPlan
---@field nodes? moonbase.Node[]    to be added, below the leaf unless they say otherwise
---@field replace? moonbase.Node[]  the whole tree anew; the first one is a root
---@field leaf? string              id of the node to go on from; default: the last one added
---@field expected? integer         the revision that the session must have
---@field lease? moonbase.Lease     named after the session; must be held
---@field release_lease? boolean    give it up
---@field stamp? { turn: string, hash: string? }  makes a repetition harmless
---@field checkpoint? { turn: any, tools: any, plugins: any, execution: any }  a part left out is
---  unchanged
---@field usage? moonbase.Usage|moonbase.Usage[]
---@field jobs? table[]             to enqueue
---@field settle? moonbase.Job[]    claimed jobs to acknowledge

--- What a commit gave.
---@class moonbase.SessionCommit
---@field revision integer
---@field leaf? string
---@field node_count integer
---@field node_ids string[]         of the nodes that were added
---@field checkpoint_ref? string
---@field jobs moonbase.Job[]       that were enqueued

local PLAN = { nodes = "table", replace = "table", leaf = "string", expected = "number",
  lease = "table", release_lease = "boolean", stamp = "table", checkpoint = "table",
  usage = "table", jobs = "table", settle = "table" }

local function check_nodes(ctx, plan, step)
  if plan.nodes and plan.replace then
    return errors.invalid("replace", "cannot be given with nodes")
  end
  local err
  step.drafts, err = session_drafts.prepare(ctx, plan.replace or plan.nodes or {},
    plan.replace and "replace" or "nodes")
  if not step.drafts then return nil, err end
  step.replaces = plan.replace ~= nil
  return true
end

local function check_lease(plan, step)
  if not plan.lease then
    if not plan.release_lease then return true end
    return errors.invalid("release_lease", "needs a lease")
  end
  local name, err = check.document_id("lease.name", plan.lease.name)
  if not name then return nil, err end
  if plan.lease.token ~= nil and type(plan.lease.token) ~= "string" then
    return errors.invalid("lease.token", "must be a string")
  end
  step.lease, step.release_lease = plan.lease, plan.release_lease
  return true
end

local function check_settled(plan, step)
  step.acks = {}
  for i = 1, plan.settle and check.array("settle", plan.settle) or 0 do
    local err
    step.acks[i], err = job_queue.prepare_ack(plan.settle[i], nil, nil, { "settle[" .. i .. "]" })
    if err then return nil, err end
  end
  return true
end

-- Everything that can be found wrong, and put into its form, before any lock is taken.
local function prepare(ctx, plan)
  check.type("plan", plan, "table")
  check.options("plan", plan, PLAN)
  local step = {}
  local ok, err = check_nodes(ctx, plan, step)
  if ok and plan.leaf ~= nil then step.leaf, err = check.id("leaf", plan.leaf) end
  if not err and plan.expected ~= nil then
    step.expected, err = check.integer("expected", plan.expected)
  end
  if not err then ok, err = check_lease(plan, step) end
  if not err then step.texts, err = session_checkpoint.prepare(plan.checkpoint) end
  if not err then step.usage, err = session_usage.prepare(plan.usage) end
  if not err then step.jobs, err = job_queue.prepare_all(plan.jobs, "jobs") end
  if not err then ok, err = check_settled(plan, step) end
  if not err and plan.stamp then step.stamp, err = session_turns.prepare(plan) end
  if not ok or err then return nil, err end
  return step
end

local function lease_lost(row, lease)
  return errors.fail("lease_lost", "lease '" .. lease.name .. "' is not that of session '"
    .. row.id .. "'", { name = lease.name })
end

local function check_held(ctx, row, lease)
  if not lease then return true end
  if lease.name ~= row.id then return lease_lost(row, lease) end
  return lease_record.held(ctx, lease, ctx:now())
end

--- The error of a session with another revision than expected; nil when it has that one, or when
--- none is expected.
---@param expected integer|nil
---@param row moonbase.SessionRow
---@return moonbase.Error|nil  `conflict`
function session_commit.conflict(expected, row)
  if expected == nil or expected == row.revision then return nil end
  return errors.new("conflict", "expected revision " .. expected .. " of session '" .. row.id
    .. "', found " .. row.revision, { expected = expected, actual = row.revision })
end

local function settle(ctx, acks)
  for i = 1, #acks do
    local ok, err = job_queue.ack(ctx, acks[i])
    if not ok then return nil, err end
  end
  return true
end

-- Begins a new tree, so that what forks stand on keeps its ids to itself.
local function start_anew(ctx, row)
  local old, ok, err = row.tree
  row.tree, err = session_rows.open_tree(ctx.engine)
  if not row.tree then return nil, err end
  row.inherited, row.node_count, row.user_count = 0, 0, 0
  row.first_segment, row.first_position = nil, nil
  session_rows.set_leaf(row)
  if row.bearer_segment then row.bearer_segment, row.bearer_position = 0, 0 end
  ok, err = session_rows.save_tree(ctx, row)
  if ok then ok, err = session_rows.set_text(ctx, row, nil) end
  if ok then ok, err = session_segments.release(ctx.engine, old) end
  return ok, err
end

local function replace(ctx, row, step)
  local first = step.drafts[1]
  if first and type(first.parent) == "string" then
    return errors.invalid(session_drafts.path(first, ".parent"),
      "must be absent: the first node is a root")
  end
  return start_anew(ctx, row)
end

local function write_checkpoint(ctx, row, texts)
  local ref, err = session_checkpoint.store(ctx, row.checkpoint_ref, texts)
  if err then return nil, err end
  if ref == row.checkpoint_ref then return true end
  return session_nodes.set_checkpoint(ctx, row, ref)
end

-- The nodes, the leaf and what is in force there.
local function write_nodes(ctx, row, step)
  local nodes
  local ok, err = true
  if step.replaces then ok, err = replace(ctx, row, step) end
  if ok then nodes, err = session_nodes.add(ctx, row, step.drafts) end
  if not nodes then return nil, err end
  if step.leaf then ok, err = session_nodes.move_leaf(ctx, row, step.leaf, "leaf") end
  if ok then ok, err = write_checkpoint(ctx, row, step.texts) end
  if ok then ok, err = session_usage.add(ctx, row.key, step.usage) end
  if not ok then return nil, err end
  return nodes
end

local function ids_of(nodes)
  local ids = {}
  for i = 1, #nodes do ids[i] = nodes[i].id end
  return ids
end

-- What was asked for before anything is written.
local function refuse(ctx, row, step)
  local ok, err = check_held(ctx, row, step.lease)
  if not ok then return nil, err end
  err = session_commit.conflict(step.expected, row)
  if err then return nil, err end
  return settle(ctx, step.acks)
end

local function finish(ctx, row, step, nodes)
  row.revision = row.revision + 1
  local result = { revision = row.revision, node_count = row.node_count, node_ids = ids_of(nodes),
    checkpoint_ref = row.checkpoint_ref }
  local ok, err = session_rows.save(ctx, row)
  if not ok then return nil, err end
  result.leaf = step.leaf or result.node_ids[#nodes]
  if not result.leaf then result.leaf, err = session_nodes.leaf(ctx, row) end
  if err then return nil, err end
  result.jobs, err = job_queue.enqueue_all(ctx, step.jobs)
  if not result.jobs then return nil, err end
  if step.stamp then return session_turns.record(ctx, row.key, step.stamp, result) end
  return result
end

local function release(ctx, row, step)
  if not step.release_lease then return true end
  local lease, err = check_held(ctx, row, step.lease)
  if not lease then return nil, err end
  return lease_record.free(ctx, lease)
end

-- A repetition gives up the lease if it is still held, and whose it is does not matter.
local function repeated(ctx, row, step, result)
  local ok, err = release(ctx, row, step)
  if ok or err.code == "lease_lost" then return result end
  return nil, err
end

local function commit(ctx, handle, step)
  local row, nodes, result, ok, err
  row, err = session_rows.find(ctx, handle)
  if not row then return nil, err end
  if step.stamp then
    result, err = session_turns.find(ctx, row.key, step.stamp)
    if err then return nil, err end
    if result then return repeated(ctx, row, step, result) end
  end
  ok, err = refuse(ctx, row, step)
  if ok then nodes, err = write_nodes(ctx, row, step) end
  if nodes then result, err = finish(ctx, row, step, nodes) end
  if not result then return nil, err end
  ok, err = release(ctx, row, step)
  if not ok then return nil, err end
  return result
end

--- Writes what a turn produced.
---@param ctx moonbase.Context
---@param handle { key: integer, id: string }
---@param plan moonbase.SessionPlan
---@return moonbase.SessionCommit|nil
---@return moonbase.Error|nil err  `conflict`, `lease_lost`, `not_found`, `exists`, `invalid`,
---  `serialization`, `corrupt`
function session_commit.run(ctx, handle, plan)
  local step, err = prepare(ctx, plan)
  if not step then return nil, err end
  return gc_schedule.commit(ctx, commit, ctx, handle, step)
end

local function append(ctx, handle, drafts, expected)
  local row, err = session_rows.find(ctx, handle)
  if not row then return nil, err end
  err = session_commit.conflict(expected, row)
  if err then return nil, err end
  if #drafts == 0 then return {} end
  local nodes, ok
  nodes, err = session_nodes.add(ctx, row, drafts)
  if not nodes then return nil, err end
  row.revision = row.revision + 1
  ok, err = session_rows.save(ctx, row)
  if not ok then return nil, err end
  return nodes
end

--- Adds nodes.
---@param ctx moonbase.Context
---@param handle { key: integer, id: string }
---@param list moonbase.Node[]
---@param expected integer|nil
---@return moonbase.Node[]|nil
---@return moonbase.Error|nil err  `conflict`, `not_found`, `exists`, `invalid`, `serialization`
function session_commit.append(ctx, handle, list, expected)
  local drafts, err = session_drafts.prepare(ctx, list, "nodes")
  if not drafts then return nil, err end
  return ctx:write(append, ctx, handle, drafts, expected)
end

return session_commit
