--- Jobs: durable queues of work. A job is claimed under a lease by one worker at a time, until it
--- is settled: done, failed, out of attempts, or cancelled.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local expiry = require "moonbase.expiry"
local job_line = require "moonbase.job_line"
local job_list = require "moonbase.job_list"
local job_queue = require "moonbase.job_queue"
local job_record = require "moonbase.job_record"
local job_retention = require "moonbase.job_retention"

local DEFAULT_LEASE = 30000
local FIRST_DELAY, LONGEST_DELAY = 60000, 3600000 -- of the next attempt after a failed one

---@class moonbase.Jobs
---@field ctx moonbase.Context
local Jobs = {}
Jobs.__index = Jobs

---@param ctx moonbase.Context
---@return moonbase.Jobs
function Jobs.new(ctx)
  return setmetatable({ ctx = ctx }, Jobs)
end

local ENQUEUE = { key = "string", group = "string", priority = "number", delay = "number",
  max_attempts = "number" }

--- Puts a job into a queue. While a job with the same key is there and not finished, that one is
--- what it gives.
---@param queue string
---@param payload any       any JSON value, nil for none
---@param options? table    key; group: jobs of one group run one at a time; priority: lower numbers
---  go first, default 128; delay: ms; max_attempts: default 5
---@return moonbase.Job|nil
---@return boolean|moonbase.Error|nil fresh  false for a job that was there
function Jobs:enqueue(queue, payload, options)
  check.type("queue", queue, "string")
  local item = { queue = queue, payload = payload }
  for name, value in pairs(check.options("options", options, ENQUEUE)) do item[name] = value end
  local draft, err = job_queue.prepare(item)
  if not draft then return nil, err end
  return self.ctx:write(job_queue.enqueue, self.ctx, draft)
end

-- Whether a claim would find or do anything. Workers ask again and again, mostly for nothing, so
-- this first look leaves writers alone. `due`: the line does not stand as it should by now.
local PROBE = [[
  SELECT key, due AS "due(boolean)" FROM (
    SELECT key,
      EXISTS (SELECT 1 FROM jobs
        WHERE queue = job_queues.key AND state = 'delayed' AND due_at <= $now)
      OR EXISTS (SELECT 1 FROM jobs
        WHERE queue = job_queues.key AND state = 'running' AND due_at <= $now) AS due
    FROM job_queues WHERE scope = $scope AND name = $queue) AS line
  WHERE due OR EXISTS (SELECT 1 FROM jobs
    WHERE scope = $scope AND state = 'ready' AND queue = line.key)]]

local TAKE = [[
  UPDATE jobs SET state = 'running', attempt = attempt + 1, due_at = $expires_at, lease = $lease,
    owner = $owner, token = $token, updated_at = $now
  WHERE key = (
    SELECT key FROM jobs WHERE scope = $scope AND state = 'ready' AND queue = $queue
    ORDER BY priority, key LIMIT 1)
  RETURNING ]] .. job_record.columns

-- One after the other: the first of a group leaves the rest of it blocked.
local function take(ctx, scope, queue, options, now)
  local jobs = {}
  while #jobs < options.limit do
    -- Not an id of the caller's making: those may be guessed, or repeat in another process.
    local token = core.uuid7(now)
    local job, err = ctx.engine:row(TAKE, expiry.at(now, options.lease), options.lease,
      options.owner, token, now, scope, queue)
    if err then return nil, err end
    if not job then break end
    jobs[#jobs + 1] = job
  end
  return jobs
end

local function claim(ctx, scope, found, options)
  local queue, now = found.key, ctx:now()
  if found.due then
    local ok, err = job_line.expire(ctx.engine, queue, now)
    if ok then ok, err = job_line.wake(ctx.engine, queue, now, options.limit) end
    if not ok then return nil, err end
  end
  return take(ctx, scope, queue, options, now)
end

local CLAIM = { owner = "string", lease = "number", limit = "number" }
local CLAIM_RULES =
  { { "owner", check.id }, { "lease", check.duration }, { "limit", check.integer } }

local function claim_options(options)
  local values, err = check.fields(check.options("options", options, CLAIM), CLAIM_RULES)
  if not values then return nil, err end
  if not values.owner then return errors.invalid("owner", "is missing") end
  values.lease, values.limit = values.lease or DEFAULT_LEASE, values.limit or 1
  return values
end

--- Takes the next jobs of a queue: by priority, then age, those of a group one at a time. The
--- attempt counts from here on. A job whose lease expired is taken from its holder; one without an
--- attempt left is dead.
---@param queue string
---@param options { owner: string, lease?: integer, limit?: integer }
---  lease: ms until others may claim it, default 30000; limit: how many, default 1
---@return moonbase.Job[]|nil jobs  empty when there is nothing to do
---@return moonbase.Error|nil err   `invalid`
function Jobs:claim(queue, options)
  local ok, err = check.id("queue", queue)
  if ok then ok, err = claim_options(options) end
  if not ok then return nil, err end
  local ctx, found, scope = self.ctx
  scope, err = ctx:scope()
  if scope then found, err = ctx.engine:row(PROBE, ctx:now(), scope, queue) end
  if err then return nil, err end
  if not found and not ctx.readonly then return {} end
  return ctx:write(claim, ctx, scope, found, ok)
end

local function heartbeat(ctx, held, lease)
  local now = ctx:now()
  local row, err = job_queue.held(ctx, held, now)
  if not row then return nil, err end
  lease = lease or row.lease
  return ctx.engine:value([[
    UPDATE jobs SET due_at = $expires_at, lease = $lease, updated_at = $now WHERE key = $key
    RETURNING due_at]], expiry.at(now, lease), lease, now, row.key)
end

--- Lets the lease of a claimed job end `lease` from now.
---@param job moonbase.Job   as claimed
---@param lease? integer     ms, default: that of the claim or the last heartbeat
---@return integer|nil lease_expires_at
---@return moonbase.Error|nil err  `lease_lost`, `invalid`
function Jobs:heartbeat(job, lease)
  local held, err = job_queue.check_claim(job, "job")
  if held and lease ~= nil then lease, err = check.duration("lease", lease) end
  if err then return nil, err end
  return self.ctx:write(heartbeat, self.ctx, held, lease)
end

local ACK = { result = "any", enqueue = "table" }

--- Marks a claimed job done, and enqueues those that follow from it: all of it or nothing.
---@param job moonbase.Job   as claimed
---@param options? { result?: any, enqueue?: table[] }
---  result: any JSON value; enqueue: array of `{ queue, payload, key?, group?, ... }`
---@return true|nil
---@return moonbase.Job[]|moonbase.Error|nil followers  `lease_lost`, `invalid`, `serialization`
function Jobs:ack(job, options)
  options = check.options("options", options, ACK)
  local ack, err = job_queue.prepare_ack(job, options.result, options.enqueue)
  if not ack then return nil, err end
  return self.ctx:write(job_queue.ack, self.ctx, ack)
end

-- 60 s after the first attempt, twice as long after each further one.
local function back_off(attempt)
  return math.min(FIRST_DELAY * 2 ^ math.min(attempt - 1, 16), LONGEST_DELAY)
end

local function fail(ctx, held, options)
  local now = ctx:now()
  local row, err = job_queue.held(ctx, held, now)
  if not row then return nil, err end
  local status = options.class == "permanent" and "failed"
    or row.attempt >= row.max_attempts and "dead" or "ready"
  local ok
  if status == "ready" then
    local delay = options.delay or back_off(row.attempt)
    ok, err = job_queue.put_back(ctx.engine, row, now, delay, { error = options.error })
  else
    ok, err = job_queue.finish(ctx.engine, row, status, now, { error = options.error })
  end
  if not ok then return nil, err end
  return status
end

local NACK = { error = "any", class = "string", delay = "number" }
local NACK_RULES = { { "delay", check.duration } }
local CLASSES = check.set "transient permanent"

--- Gives a claimed job back after a failed attempt. It is ready again after the delay; with class
--- "permanent" it is failed, without an attempt left dead.
---@param job moonbase.Job   as claimed
---@param options { error: any, class?: "transient"|"permanent", delay?: integer }
---  error: any JSON value, kept in the job; delay: ms, default 60 s, doubled with each attempt, at
---  most 1 h
---@return "ready"|"failed"|"dead"|nil status
---@return moonbase.Error|nil err  `lease_lost`, `invalid`, `serialization`
function Jobs:nack(job, options)
  options = check.options("options", options, NACK)
  if options.class then check.choice("class", options.class, CLASSES) end
  local held, err = job_queue.check_claim(job, "job")
  if not held then return nil, err end
  if options.error == nil then return errors.invalid("error", "is missing") end
  local values, text
  values, err = check.fields(options, NACK_RULES)
  if values then text, err = core.encode(options.error, "error") end
  if not text then return nil, err end
  return self.ctx:write(fail, self.ctx, held,
    { class = options.class, delay = values.delay, error = text })
end

local function defer(ctx, held, delay)
  local now = ctx:now()
  local row, err = job_queue.held(ctx, held, now)
  if not row then return nil, err end
  return job_queue.put_back(ctx.engine, row, now, delay, { attempt = row.attempt - 1 })
end

--- Gives a claimed job back untried: the attempt does not count.
---@param job moonbase.Job  as claimed
---@param delay integer     ms until it is ready
---@return true|nil
---@return moonbase.Error|nil err  `lease_lost`, `invalid`
function Jobs:defer(job, delay)
  local held, err = job_queue.check_claim(job, "job")
  if held then delay, err = check.duration("delay", delay) end
  if err then return nil, err end
  return self.ctx:write(defer, self.ctx, held, delay)
end

local FIND_ROW = [[
  SELECT key, queue, group_name AS "group", finished_at FROM jobs
  WHERE scope = $scope AND id = $id]]

local function cancel(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local row
  row, err = ctx.engine:row(FIND_ROW, scope, id)
  if err then return nil, err end
  if not row or row.finished_at then return false end
  return job_queue.finish(ctx.engine, row, "cancelled", ctx:now())
end

--- Takes a job out of its queue. Who runs it gets `lease_lost` at its next call.
---@param id string
---@return boolean|nil cancelled   false, and nothing changed: it is finished, or there is none
---@return moonbase.Error|nil err  `invalid`
function Jobs:cancel(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx:write(cancel, self.ctx, id)
end

--- A job, nil when there is none.
---@param id string
---@return moonbase.Job|nil
---@return moonbase.Error|nil err  `invalid`
function Jobs:get(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return job_record.find(self.ctx, id)
end

local QUERY = { queue = "string", status = "string", limit = "number", cursor = "string",
  offset = "number", total = "boolean" }

--- Jobs, queue by queue in the order in which these were first used; in each by priority, then age.
---@param query? table  queue, status, limit, cursor, offset, total
---@return moonbase.Page|nil
---@return moonbase.Error|nil err  `invalid`
function Jobs:list(query)
  query = check.options("query", query, QUERY)
  if query.status then check.choice("status", query.status, job_list.statuses) end
  if query.queue then
    local ok, err = check.id("queue", query.queue)
    if not ok then return nil, err end
  end
  return job_list.page(self.ctx, query)
end

--- How many jobs there are of each status.
---@param queue? string  default: all queues of the scope
---@return table<string, integer>|nil counts  ready, running, done, failed, dead, cancelled
---@return moonbase.Error|nil err  `invalid`
function Jobs:stats(queue)
  if queue ~= nil then
    local ok, err = check.id("queue", queue)
    if not ok then return nil, err end
  end
  return job_record.counts(self.ctx, queue)
end

local RUNNING_QUEUES =
  "SELECT DISTINCT queue FROM jobs WHERE scope = $scope AND state = 'running'"

local function recover(ctx)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local now, total, queues = ctx:now(), 0
  queues, err = ctx.engine:values(RUNNING_QUEUES, scope)
  if not queues then return nil, err end
  for _, queue in ipairs(queues) do
    local count
    repeat
      count, err = job_line.expire(ctx.engine, queue, now)
      if not count then return nil, err end
      total = total + count
    until count == 0
  end
  return total
end

--- Takes every job whose lease expired from its holder: ready again, or dead without an attempt
--- left. A claim does so for its own queue.
---@return integer|nil count
---@return moonbase.Error|nil
function Jobs:recover()
  return self.ctx:write(recover, self.ctx)
end

--- Removes jobs that were finished more than `older_than` ms ago, in batches: other writers get in
--- between. Inside a transaction it is all or nothing.
---@param options { older_than: integer }
---@return integer|nil count       removed
---@return moonbase.Error|nil err  `invalid`; `removed` is the count that is gone nevertheless
function Jobs:purge(options)
  options = check.options("options", options, { older_than = "number" })
  if not options.older_than then return errors.invalid("older_than", "is missing") end
  local age, err = check.duration("older_than", options.older_than)
  if not age then return nil, err end
  return job_retention.purge(self.ctx, self.ctx:now() - age)
end

return Jobs
