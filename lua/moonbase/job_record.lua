--- A job as the API shows it: its fields, and how it is found.

local job_record = {}

--- A job. Times are ms since 1970.
---@class moonbase.Job
---@field id string
---@field queue string
---@field payload? any           any JSON value
---@field key? string            while a job with it is not finished, the queue takes no other
---@field group? string          of a group one job at a time runs
---@field priority integer       lower numbers go first
---@field status "ready"|"running"|"done"|"failed"|"dead"|"cancelled"
---@field attempt integer        how often it was claimed, less the claims that were deferred
---@field max_attempts integer
---@field available_at integer   not claimed before
---@field created_at integer
---@field updated_at integer
---@field finished_at? integer
---@field owner? string          running: who claimed it
---@field token? string          running: what settles it; a new one with each claim
---@field lease_expires_at? integer  running: at that instant the claim has ended
---@field result? any            what `ack` was given
---@field error? any             why the last attempt that failed did

--- What to SELECT, or to give back as RETURNING.
job_record.columns = [[
  id, (SELECT name FROM job_queues WHERE key = jobs.queue) AS queue,
  (SELECT payload FROM job_payloads WHERE key = jobs.key) AS "payload(json)",
  dedupe AS "key", group_name AS "group", priority,
  CASE WHEN state IN ('blocked', 'delayed') THEN 'ready' ELSE state END AS status,
  attempt, max_attempts, available_at, created_at, updated_at, finished_at, owner, token,
  CASE state WHEN 'running' THEN due_at END AS lease_expires_at,
  result AS "result(json)", error AS "error(json)"]]

local FIND = "SELECT " .. job_record.columns .. " FROM jobs WHERE scope = $scope AND id = $id"

--- The job of that id, nil when there is none.
---@param ctx moonbase.Context
---@param id string
---@return moonbase.Job|nil
---@return moonbase.Error|nil
function job_record.find(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(FIND, scope, id)
end

local FIND_KEY = "SELECT " .. job_record.columns .. [[ FROM jobs
  WHERE queue = (SELECT key FROM job_queues WHERE scope = $scope AND name = $queue)
    AND dedupe = $key AND finished_at IS NULL]]

--- The job of that key that is not finished, nil when there is none.
---@param ctx moonbase.Context
---@param queue string
---@param key string
---@return moonbase.Job|nil
---@return moonbase.Error|nil
function job_record.find_key(ctx, queue, key)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(FIND_KEY, scope, queue, key)
end

local COUNTS = [[
  SELECT coalesce(sum(open), 0) AS ready, coalesce(sum(done), 0) AS done,
    coalesce(sum(failed), 0) AS failed, coalesce(sum(dead), 0) AS dead,
    coalesce(sum(cancelled), 0) AS cancelled,
    (SELECT count(*) FROM jobs WHERE scope = $scope AND state = 'running') AS running
  FROM job_queues WHERE scope = $scope]]

local COUNTS_OF_QUEUE = [[
  SELECT coalesce(sum(open), 0) AS ready, coalesce(sum(done), 0) AS done,
    coalesce(sum(failed), 0) AS failed, coalesce(sum(dead), 0) AS dead,
    coalesce(sum(cancelled), 0) AS cancelled,
    (SELECT count(*) FROM jobs WHERE scope = $scope AND state = 'running' AND queue = (
      SELECT key FROM job_queues WHERE scope = $scope AND name = $queue)) AS running
  FROM job_queues WHERE scope = $scope AND name = $queue]]

--- How many jobs there are of each status, in one queue or in all.
---@param ctx moonbase.Context
---@param queue string|nil
---@return table<string, integer>|nil
---@return moonbase.Error|nil
function job_record.counts(ctx, queue)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local counts
  if queue then counts, err = ctx.engine:row(COUNTS_OF_QUEUE, scope, queue)
  else counts, err = ctx.engine:row(COUNTS, scope) end
  if not counts then return nil, err end
  counts.ready = counts.ready - counts.running
  return counts
end

return job_record
