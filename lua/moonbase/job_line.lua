--- The line of a queue: which of its jobs may be claimed, and when.
-- A claim takes the first of the jobs in state 'ready' by an index, so whatever may not be claimed
-- must be in another state:
--   delayed   until its time comes; the claims that find it due move it on, a batch at a time
--   blocked   while another job of its group goes first
-- Of a group at most one job is ready or running; it is the first of them, and as long as any
-- waits there is one. So a claim never meets a job that it has to pass over, and how many wait
-- behind a busy group or for their time costs it nothing.
-- Everything here runs inside a write: an IMMEDIATE transaction, so no other process sees or
-- changes a line meanwhile, and a crash leaves it as it was before.

local job_line = {}

--- How many delayed jobs a claim moves on at most, beside those that it takes, and how many it
--- takes from holders whose lease expired. Of more that fall due at once, those due first are in
--- line first.
local BATCH = 1000

local HOLDER = [[
  SELECT key, state, priority FROM jobs
  WHERE queue = $queue AND group_name = $group AND finished_at IS NULL
    AND state IN ('ready', 'running') LIMIT 1]]

local SET_STATE = "UPDATE jobs SET state = $state, due_at = NULL WHERE key = $key"

local function goes_first(priority, key, other)
  if priority ~= other.priority then return priority < other.priority end
  return key ~= nil and key < other.key
end

--- The state in which a job enters the line. The one that it takes the place of steps back.
---@param engine moonbase.Engine
---@param queue integer
---@param group string|nil
---@param priority integer
---@param key integer|nil  nil for a new job
---@return "ready"|"blocked"|nil
---@return moonbase.Error|nil
function job_line.place(engine, queue, group, priority, key)
  if not group then return "ready" end
  local holder, err = engine:row(HOLDER, queue, group)
  if err then return nil, err end
  if not holder then return "ready" end
  if holder.state == "running" or not goes_first(priority, key, holder) then return "blocked" end
  local ok
  ok, err = engine:run(SET_STATE, "blocked", holder.key)
  if not ok then return nil, err end
  return "ready"
end

local RELEASE = [[
  UPDATE jobs SET state = 'ready' WHERE key = (
    SELECT key FROM jobs
    WHERE queue = $queue AND group_name = $group AND finished_at IS NULL AND state = 'blocked'
      AND NOT EXISTS (
        SELECT 1 FROM jobs
        WHERE queue = $queue AND group_name = $group AND finished_at IS NULL
          AND state IN ('ready', 'running'))
    ORDER BY priority, key LIMIT 1)]]

--- Lets the first of a group go, after one of its jobs left the line or went back into it as
--- 'blocked'.
---@param engine moonbase.Engine
---@param queue integer
---@param group string|nil
---@return true|nil
---@return moonbase.Error|nil
function job_line.release(engine, queue, group)
  if not group then return true end
  local ok, err = engine:run(RELEASE, queue, group)
  if not ok then return nil, err end
  return true
end

local DUE = [[
  SELECT key, priority, group_name AS "group" FROM jobs
  WHERE queue = $queue AND state = 'delayed' AND due_at <= $now ORDER BY due_at LIMIT $limit]]

--- Moves jobs whose delay is over into the line.
---@param engine moonbase.Engine
---@param queue integer
---@param now integer
---@param wanted integer  how many the claim will take
---@return true|nil
---@return moonbase.Error|nil
function job_line.wake(engine, queue, now, wanted)
  local due, err = engine:rows(DUE, queue, now, BATCH + wanted)
  if not due then return nil, err end
  for _, job in ipairs(due) do
    local ok, state
    state, err = job_line.place(engine, queue, job.group, job.priority, job.key)
    if state then ok, err = engine:run(SET_STATE, state, job.key) end
    if not ok then return nil, err end
  end
  return true
end

local COUNT = [[
  UPDATE job_queues SET open = open + $open, done = done + $done, failed = failed + $failed,
    dead = dead + $dead, cancelled = cancelled + $cancelled
  WHERE key = $queue]]

--- Keeps the queue's counts.
---@param engine moonbase.Engine
---@param queue integer
---@param changes table<string, integer>  what came (or, negative, went) of each last status, and
---  `open`: of the others
---@return integer|nil
---@return moonbase.Error|nil
function job_line.count(engine, queue, changes)
  return engine:run(COUNT, changes.open or 0, changes.done or 0, changes.failed or 0,
    changes.dead or 0, changes.cancelled or 0, queue)
end

local EXPIRED = [[
  SELECT key, attempt, max_attempts, group_name AS "group" FROM jobs
  WHERE queue = $queue AND state = 'running' AND due_at <= $now ORDER BY due_at LIMIT $limit]]

local EXPIRE = [[
  UPDATE jobs SET state = $state, due_at = NULL, lease = NULL, owner = NULL, token = NULL,
    updated_at = $now, finished_at = $finished_at, error = '"lease expired"' WHERE key = $key]]

-- The job goes back into the line; without an attempt left it is dead.
local function expire_one(engine, queue, job, now)
  local dead = job.attempt >= job.max_attempts
  local state = dead and "dead" or job.group and "blocked" or "ready"
  local ok, err = engine:run(EXPIRE, state, now, dead and now or nil, job.key)
  if not ok then return nil, err end
  ok, err = job_line.release(engine, queue, job.group)
  if ok and dead then ok, err = job_line.count(engine, queue, { open = -1, dead = 1 }) end
  if not ok then return nil, err end
  return true
end

--- Takes jobs whose lease has expired from their holders.
---@param engine moonbase.Engine
---@param queue integer
---@param now integer
---@return integer|nil count  0 when none is left
---@return moonbase.Error|nil
function job_line.expire(engine, queue, now)
  local expired, err = engine:rows(EXPIRED, queue, now, BATCH)
  if not expired then return nil, err end
  for _, job in ipairs(expired) do
    local ok
    ok, err = expire_one(engine, queue, job, now)
    if not ok then return nil, err end
  end
  return #expired
end

return job_line
