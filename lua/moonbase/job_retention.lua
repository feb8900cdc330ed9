--- Removing finished jobs, a bounded number in one transaction.

local job_line = require "moonbase.job_line"
local retention = require "moonbase.retention"

local job_retention = {}

local BATCH = 1000

local REMOVE = [[
  DELETE FROM jobs WHERE key IN (
    SELECT key FROM jobs WHERE scope = $scope AND finished_at < $before
    ORDER BY finished_at LIMIT $limit)
  RETURNING queue, state]]

local REMOVE_QUEUE = [[
  DELETE FROM job_queues WHERE key = $queue AND open = 0 AND done = 0 AND failed = 0 AND dead = 0
    AND cancelled = 0]]

-- By queue, how many jobs of each status went.
local function tally(removed)
  local queues = {}
  for _, job in ipairs(removed) do
    local changes = queues[job.queue] or {}
    queues[job.queue] = changes
    changes[job.state] = (changes[job.state] or 0) - 1
  end
  return queues
end

-- A queue without any job goes as well: a program may make up names of queues as it runs, and they
-- must not add up for ever.
local function remove_batch(ctx, before)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local removed
  removed, err = ctx.engine:rows(REMOVE, scope, before, BATCH)
  if not removed then return nil, err end
  for queue, changes in pairs(tally(removed)) do
    local ok
    ok, err = job_line.count(ctx.engine, queue, changes)
    if ok then ok, err = ctx.engine:run(REMOVE_QUEUE, queue) end
    if not ok then return nil, err end
  end
  return #removed, #removed == BATCH
end

--- Removes the jobs that were finished before a time.
---@param ctx moonbase.Context
---@param before integer  ms since 1970, exclusive
---@return integer|nil count
---@return moonbase.Error|nil err  `removed` is the count that is gone nevertheless
function job_retention.purge(ctx, before)
  return retention.run(ctx, retention.batches, remove_batch, before)
end

return job_retention
