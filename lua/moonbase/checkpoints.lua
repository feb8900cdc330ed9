--- Checkpoints: everything that a step of an agent produced, in one commit, and the state to go
-- on from, in one snapshot.

local core = require "moonbase.core"
local blob_rows = require "moonbase.blob_rows"
local check = require "moonbase.check"
local errors = require "moonbase.errors"
local event_log = require "moonbase.event_log"
local gc_schedule = require "moonbase.gc_schedule"
local job_queue = require "moonbase.job_queue"
local job_record = require "moonbase.job_record"
local kv_rows = require "moonbase.kv_rows"
local memory_record = require "moonbase.memory_record"
local memory_rows = require "moonbase.memory_rows"
local message_log = require "moonbase.message_log"
local message_reader = require "moonbase.message_reader"
local run_record = require "moonbase.run_record"
local thread_record = require "moonbase.thread_record"
local thread_rows = require "moonbase.thread_rows"

---@class moonbase.Checkpoints
local Checkpoints = {}
Checkpoints.__index = Checkpoints

---@param ctx moonbase.Context
---@return moonbase.Checkpoints
function Checkpoints.new(ctx)
  return setmetatable({ ctx = ctx }, Checkpoints)
end

--- What one step produced.
---@class moonbase.Plan
---@field thread string
---@field messages? moonbase.Message[]  to append
---@field expected? integer   the count that the log must have; required with messages
---@field run table           the whole run; its thread may be left out
---@field state? table        the thread's state document; left out: it stays as it is
---@field events? table[]     as events:append takes them
---@field jobs? table[]       `{ queue, payload, ... }` to enqueue, `{ ack = job, result? }` to
---  settle
---@field kv? table[]         `{ ns, key, value, ttl?, expected? }`
---@field memories? table[]   as memory:remember takes them
---@field blobs? string[]     bytes to store

--- What a commit wrote. Lists are in the order of the plan's.
---@class moonbase.Checkpoint
---@field version integer  committed messages of the thread
---@field records moonbase.MessageRecord[]
---@field run moonbase.Run
---@field events moonbase.Event[]
---@field jobs moonbase.Job[]
---@field kv integer[]     revisions
---@field memories moonbase.Memory[]
---@field blobs string[]   hashes

local PLAN = { thread = "string", messages = "table", expected = "number", run = "table",
  state = "table", events = "table", jobs = "table", kv = "table", memories = "table",
  blobs = "table" }

-- The run belongs to the plan's thread, whether it says so or not.
local function check_run(plan)
  if plan.run == nil then return errors.invalid("run", "is missing") end
  local thread = plan.run.thread
  if thread ~= nil and thread ~= core.null and thread ~= plan.thread then
    return errors.invalid("run.thread", "must be the plan's thread")
  end
  local run = {}
  for key, value in next, plan.run do run[key] = value end
  run.thread = plan.thread
  return run
end

-- Without a guard two writers that read the same log would both append to it.
local function check_guard(plan, count)
  if plan.expected ~= nil then return check.integer("expected", plan.expected) end
  if count == 0 then return true end
  return errors.invalid("expected", "is required with messages")
end

local JOB = { queue = "string", payload = "any", key = "string", group = "string",
  priority = "number", delay = "number", max_attempts = "number", ack = "table", result = "any" }

-- Each job of the plan is one to enqueue, or one to settle.
local function prepare_job(item, path)
  check.options(path, item, JOB)
  if not item.ack then return job_queue.prepare(item, path) end
  return job_queue.prepare_ack(item.ack, item.result, nil, { path .. ".ack", path .. ".result" })
end

local function prepare_jobs(list)
  local prepared = {}
  for i = 1, check.array("jobs", list) do
    local err
    prepared[i], err = prepare_job(list[i], "jobs[" .. i .. "]")
    if err then return nil, err end
  end
  return prepared
end

local function check_kv(list)
  local entries = {}
  for i = 1, check.array("kv", list) do
    local err
    entries[i], err = kv_rows.entry("kv[" .. i .. "]", list[i])
    if err then return nil, err end
  end
  return entries
end

local function check_memories(ctx, list)
  local drafts = {}
  for i = 1, check.array("memories", list) do
    local name = "memories[" .. i .. "]"
    local draft, err = memory_record.draft(ctx, name, check.type(name, list[i], "table"))
    if not draft then return nil, err end
    drafts[i] = draft
  end
  return drafts
end

local function check_blobs(list)
  for i = 1, check.array("blobs", list) do
    check.type("blobs[" .. i .. "]", list[i], "string")
  end
  return list
end

-- The parts of a plan, checked by themselves, before any lock is taken.
local function prepare(ctx, plan)
  check.options("plan", check.type("plan", plan, "table"), PLAN)
  if plan.thread == nil then return errors.invalid("thread", "is missing") end
  local step = { thread = plan.thread, state = plan.state, expected = plan.expected,
    blobs = check_blobs(plan.blobs or {}) }
  local ok, err = check.id("thread", plan.thread)
  if ok then step.run, err = check_run(plan) end
  if step.run then
    step.batch, err = message_log.prepare(ctx, plan.thread, plan.messages or {}, "messages")
  end
  if step.batch then ok, err = check_guard(plan, #step.batch.records) end
  if not err then step.events, err = event_log.drafts(plan.events or {}, "events") end
  if not err then step.jobs, err = prepare_jobs(plan.jobs or {}) end
  if not err then step.kv, err = check_kv(plan.kv or {}) end
  if not err then step.memories, err = check_memories(ctx, plan.memories or {}) end
  if step.memories then ok, err = memory_record.embed(ctx, step.memories) end
  if not ok or err then return nil, err end
  return step
end

local writers = {}

function writers.records(ctx, step, row)
  local err = message_log.conflict(step.expected, row)
  if err then return nil, err end
  if #step.batch.records == 0 then return {} end
  return message_log.extend(ctx, row, step.batch)
end

function writers.run(ctx, step)
  return run_record.put(ctx, step.run)
end

function writers.state(ctx, step)
  if step.state == nil then return true end
  return thread_record.set_state(ctx, step.thread, step.state)
end

function writers.events(ctx, step)
  if #step.events == 0 then return {} end
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  return event_log.write(ctx, scope, step.events, nil, "events")
end

local function settle(ctx, ack)
  local ok, err = job_queue.ack(ctx, ack)
  if not ok then return nil, err end
  return job_record.find(ctx, ack.claim.id)
end

function writers.jobs(ctx, step)
  local jobs = {}
  for i, item in ipairs(step.jobs) do
    local err
    jobs[i], err = (item.queue and job_queue.enqueue or settle)(ctx, item)
    if not jobs[i] then return nil, err end
  end
  return jobs
end

function writers.kv(ctx, step)
  local revisions = {}
  for i, entry in ipairs(step.kv) do
    local err
    revisions[i], err = kv_rows.put(ctx, entry)
    if err then return nil, err end
  end
  return revisions
end

function writers.memories(ctx, step)
  if #step.memories == 0 then return {} end
  local rows, err = memory_rows.put(ctx, step.memories)
  if not rows then return nil, err end
  return memory_record.all(rows)
end

function writers.blobs(ctx, step)
  local hashes = {}
  for i, bytes in ipairs(step.blobs) do
    local err
    hashes[i], err = blob_rows.put(ctx, bytes)
    if err then return nil, err end
  end
  return hashes
end

-- The guard comes first: a lost race is found before anything is written.
local ORDER = { "records", "run", "state", "events", "jobs", "kv", "memories", "blobs" }

local function commit(ctx, step)
  local row, err = thread_rows.ensure(ctx, step.thread)
  if not row then return nil, err end
  local result = {}
  for _, name in ipairs(ORDER) do
    result[name], err = writers[name](ctx, step, row)
    if not result[name] then return nil, err end
  end
  result.version, result.state = row.count, nil
  return result
end

--- Writes what a step produced: all of it in one transaction, or nothing. A missing thread is
--- made; the run is created, or replaced where its id is known.
---@param plan moonbase.Plan
---@return moonbase.Checkpoint|nil
---@return moonbase.Error|nil  `conflict` (`expected`, `actual`), `invalid` (`field`),
---  `lease_lost` for a job that is no longer the caller's, `serialization` (`field`), `io` when the
---  embedder of memories fails
function Checkpoints:commit(plan)
  local step, err = prepare(self.ctx, plan)
  if not step then return nil, err end
  return gc_schedule.commit(self.ctx, commit, self.ctx, step)
end

local STATE = 'SELECT document AS "document(json)" FROM thread_states WHERE thread = $thread'

local function load(ctx, thread)
  local run, err = run_record.latest(ctx, thread)
  if err then return nil, err end
  local row
  row, err = thread_rows.find(ctx, thread)
  if err then return nil, err end
  local count = row and row.count or 0
  if count == 0 and not run then return nil end
  local found = { messages = {}, version = count, run = run }
  if not row then return found end
  found.messages, err = message_reader.view(ctx, row)
  if not found.messages then return nil, err end
  found.state, err = ctx.engine:value(STATE, row.key)
  if err then return nil, err end
  return found
end

--- Where a thread stands: the messages as a model should see them, the raw count (what the next
--- commit expects), the latest run and the state, all as of one moment.
---@param thread string
---@return { messages: moonbase.Message[], version: integer, run: moonbase.Run?, state: table? }|nil
---  nil for a thread without messages and runs
---@return moonbase.Error|nil
function Checkpoints:load(thread)
  local ok, err = check.id("thread", thread)
  if not ok then return nil, err end
  return self.ctx.engine:snapshot(load, self.ctx, thread)
end

return Checkpoints
