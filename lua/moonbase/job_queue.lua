--- Jobs put into queues and settled, for the jobs part and for whatever commits jobs together with
--- rows of its own. `prepare` and `prepare_ack` check and encode before the write lock is taken;
--- all else runs inside a write.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local expiry = require "moonbase.expiry"
local job_line = require "moonbase.job_line"
local job_record = require "moonbase.job_record"

local job_queue = {}

local DEFAULT_PRIORITY = 128
local DEFAULT_ATTEMPTS = 5
local MAX_EXACT = 2 ^ 53

--- A job to be put into a queue, checked.
---@class moonbase.JobDraft
---@field queue string
---@field payload any
---@field text string|nil  the payload as JSON
---@field key string|nil
---@field group string|nil
---@field priority integer
---@field delay integer
---@field max_attempts integer

local function check_priority(name, value)
  check.type(name, value, "number")
  if value % 1 == 0 and value >= -MAX_EXACT and value <= MAX_EXACT then
    return check.to_integer(value)
  end
  return errors.invalid(name, "must be a whole number")
end

local OPTIONS = { queue = "string", payload = "any", key = "string", group = "string",
  priority = "number", delay = "number", max_attempts = "number" }

local RULES = { { "queue", check.id }, { "key", check.id }, { "group", check.id },
  { "priority", check_priority }, { "delay", check.duration }, { "max_attempts", check.positive } }

local DEFAULTS = { priority = DEFAULT_PRIORITY, delay = 0, max_attempts = DEFAULT_ATTEMPTS }

local function check_rules(item, prefix)
  local draft = {}
  for _, rule in ipairs(RULES) do
    local field, value = rule[1], item[rule[1]]
    if value == nil then value = DEFAULTS[field] end
    if value ~= nil then
      local err
      draft[field], err = rule[2](prefix .. field, value)
      if err then return nil, err end
    end
  end
  return draft
end

--- Checks a job that is to be put into a queue.
---@param item table     queue, payload, and any of key, group, priority, delay, max_attempts
---@param path? string   of the item, for errors: "jobs[1]"
---@return moonbase.JobDraft|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`
function job_queue.prepare(item, path)
  local prefix = path and path .. "." or ""
  check.type(path or "job", item, "table")
  check.options(path or "job", item, OPTIONS)
  if item.queue == nil then return errors.invalid(prefix .. "queue", "is missing") end
  local draft, err = check_rules(item, prefix)
  if not draft then return nil, err end
  draft.payload = item.payload
  if item.payload == nil then return draft end
  draft.text, err = core.encode(item.payload, prefix .. "payload")
  if err then return nil, err end
  return draft
end

--- Checks a list of jobs that are to be put into queues.
---@param list table|nil
---@param path string
---@return moonbase.JobDraft[]|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`
function job_queue.prepare_all(list, path)
  local drafts = {}
  for i = 1, list and check.array(path, list) or 0 do
    local draft, err = job_queue.prepare(list[i], path .. "[" .. i .. "]")
    if not draft then return nil, err end
    drafts[i] = draft
  end
  return drafts
end

local OPEN_QUEUE = [[
  INSERT INTO job_queues (scope, name, open) VALUES ($scope, $name, 1)
  ON CONFLICT (scope, name) DO UPDATE SET open = open + 1
  RETURNING key]]

local INSERT = [[
  INSERT INTO jobs (scope, queue, priority, state, attempt, due_at, updated_at, available_at,
    max_attempts, created_at, id, dedupe, group_name)
  VALUES ($scope, $queue, $priority, $state, 0, $due_at, $now, $available_at,
    $max_attempts, $now, $id, $key, $group)
  ON CONFLICT (scope, id) DO NOTHING
  RETURNING key]]

local INSERT_PAYLOAD = "INSERT INTO job_payloads (key, payload) VALUES ($key, $payload)"

-- Delayed, or where its group has a place for it.
local function entrance(engine, queue, draft)
  if draft.delay > 0 then return "delayed" end
  return job_line.place(engine, queue, draft.group, draft.priority)
end

-- The rows of a new job.
local function insert_rows(ctx, scope, job, draft)
  local engine = ctx.engine
  local queue, err = engine:value(OPEN_QUEUE, scope, job.queue)
  if not queue then return nil, err end
  local state, key
  state, err = entrance(engine, queue, draft)
  if not state then return nil, err end
  key, err = engine:value(INSERT, scope, queue, job.priority, state,
    state == "delayed" and job.available_at or nil, job.created_at, job.available_at,
    job.max_attempts, job.id, job.key, job.group)
  if err then return nil, err end
  if not key then return errors.fail("exists", "job '" .. job.id .. "' exists already") end
  return engine:run(INSERT_PAYLOAD, key, draft.text)
end

local function insert(ctx, draft)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local id, now
  now = ctx:now()
  id, err = check.id("id", ctx:new_id())
  if not id then return nil, err end
  local job = {
    id = id, queue = draft.queue, payload = draft.payload, key = draft.key, group = draft.group,
    priority = draft.priority, status = "ready", attempt = 0, max_attempts = draft.max_attempts,
    available_at = expiry.at(now, draft.delay), created_at = now, updated_at = now,
  }
  local ok
  ok, err = insert_rows(ctx, scope, job, draft)
  if not ok then return nil, err end
  return job, true
end

--- Puts a job into its queue. While one with the same key is there and not finished, that one is
--- what it gives.
---@param ctx moonbase.Context
---@param draft moonbase.JobDraft
---@return moonbase.Job|nil
---@return boolean|moonbase.Error|nil fresh  false for a job that was there
function job_queue.enqueue(ctx, draft)
  if draft.key then
    local job, err = job_record.find_key(ctx, draft.queue, draft.key)
    if err then return nil, err end
    if job then return job, false end
  end
  return insert(ctx, draft)
end

--- Puts several jobs into their queues.
---@param ctx moonbase.Context
---@param drafts moonbase.JobDraft[]
---@return moonbase.Job[]|nil
---@return moonbase.Error|nil
function job_queue.enqueue_all(ctx, drafts)
  local jobs = {}
  for i = 1, #drafts do
    local job, err = job_queue.enqueue(ctx, drafts[i])
    if not job then return nil, err end
    jobs[i] = job
  end
  return jobs
end

--- What settling a job needs to know of it.
---@class moonbase.JobRow
---@field key integer
---@field queue integer
---@field group string|nil
---@field attempt integer
---@field max_attempts integer
---@field lease integer

--- A job as a caller hands it back: what names it and what proves the claim. Without a token it
--- holds nothing.
---@param job any
---@param path string
---@return table|nil
---@return moonbase.Error|nil err  `invalid`
function job_queue.check_claim(job, path)
  check.type(path, job, "table")
  local id, err = check.document_id(path .. ".id", job.id)
  if not id then return nil, err end
  if job.token ~= nil and type(job.token) ~= "string" then
    return errors.invalid(path .. ".token", "must be a string")
  end
  return { id = id, token = job.token }
end

local HELD = [[
  SELECT key, queue, group_name AS "group", attempt, max_attempts, lease FROM jobs
  WHERE scope = $scope AND id = $id AND token = $token AND state = 'running' AND due_at > $now]]

--- The row of a job that the claim still holds; `lease_lost` when it was settled, claimed again or
--- cancelled, or when its lease has expired.
---@param ctx moonbase.Context
---@param claim table  id, token
---@param now integer
---@return moonbase.JobRow|nil
---@return moonbase.Error|nil err  `lease_lost`
function job_queue.held(ctx, claim, now)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local row
  row, err = ctx.engine:row(HELD, scope, claim.id, claim.token, now)
  if row or err then return row, err end
  return errors.fail("lease_lost", "job '" .. claim.id .. "' is no longer held", { id = claim.id })
end

local FINISH = [[
  UPDATE jobs SET state = $state, due_at = NULL, lease = NULL, owner = NULL, token = NULL,
    updated_at = $now, finished_at = $now, result = $result, error = coalesce($error, error)
  WHERE key = $key]]

--- Gives a job its last status and lets its group go on.
---@param engine moonbase.Engine
---@param row moonbase.JobRow
---@param status "done"|"failed"|"dead"|"cancelled"
---@param now integer
---@param outcome? table  result, error: JSON texts
---@return true|nil
---@return moonbase.Error|nil
function job_queue.finish(engine, row, status, now, outcome)
  outcome = outcome or {}
  local ok, err = engine:run(FINISH, status, now, outcome.result, outcome.error, row.key)
  if ok then ok, err = job_line.release(engine, row.queue, row.group) end
  if ok then ok, err = job_line.count(engine, row.queue, { open = -1, [status] = 1 }) end
  if not ok then return nil, err end
  return true
end

local PUT_BACK = [[
  UPDATE jobs SET state = $state, due_at = $due_at, lease = NULL, owner = NULL, token = NULL,
    updated_at = $now, available_at = $available_at, attempt = $attempt,
    error = coalesce($error, error)
  WHERE key = $key]]

--- Puts a running job back into the queue.
---@param engine moonbase.Engine
---@param row moonbase.JobRow
---@param now integer
---@param delay integer
---@param changes? table  attempt; error: a JSON text
---@return true|nil
---@return moonbase.Error|nil
function job_queue.put_back(engine, row, now, delay, changes)
  changes = changes or {}
  local state, due_at = row.group and "blocked" or "ready", nil
  local available_at = expiry.at(now, delay)
  if delay > 0 then state, due_at = "delayed", available_at end
  local ok, err = engine:run(PUT_BACK, state, due_at, now, available_at,
    changes.attempt or row.attempt, changes.error, row.key)
  if ok then ok, err = job_line.release(engine, row.queue, row.group) end
  if not ok then return nil, err end
  return true
end

--- A job to be acknowledged, checked.
---@class moonbase.JobAck
---@field claim table             id, token
---@field result string|nil       JSON text
---@field enqueue moonbase.JobDraft[]

--- Checks a job that is to be acknowledged.
---@param job any       as claimed
---@param result any    any JSON value, nil for none
---@param enqueue any   array of jobs that follow, nil for none
---@param path? table   what errors call the three; default job, result, enqueue
---@return moonbase.JobAck|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`
function job_queue.prepare_ack(job, result, enqueue, path)
  path = path or { "job", "result", "enqueue" }
  local claim, err = job_queue.check_claim(job, path[1])
  if not claim then return nil, err end
  local ack = { claim = claim }
  if result ~= nil then
    ack.result, err = core.encode(result, path[2])
    if err then return nil, err end
  end
  ack.enqueue, err = job_queue.prepare_all(enqueue, path[3])
  if not ack.enqueue then return nil, err end
  return ack
end

--- Marks a claimed job done and puts those that follow it into their queues.
---@param ctx moonbase.Context
---@param ack moonbase.JobAck
---@return true|nil
---@return moonbase.Job[]|moonbase.Error|nil followers  `lease_lost`
function job_queue.ack(ctx, ack)
  local now = ctx:now()
  local row, err = job_queue.held(ctx, ack.claim, now)
  if not row then return nil, err end
  local ok, followers
  ok, err = job_queue.finish(ctx.engine, row, "done", now, { result = ack.result })
  if not ok then return nil, err end
  followers, err = job_queue.enqueue_all(ctx, ack.enqueue)
  if not followers then return nil, err end
  return true, followers
end

return job_queue
