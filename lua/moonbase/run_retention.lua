--- Removing runs that are done. The one that a thread shows as its latest stays, however old.

local retention = require "moonbase.retention"

local run_retention = {}

local BATCH = 1000

-- In the order of runs_status, from behind the last that was looked at.
local FIND = [[
  SELECT r.key AS "key", r.created_at AS "created_at", r.id AS "id",
    EXISTS (SELECT 1 FROM runs n WHERE n.scope = r.scope AND n.thread = r.thread
      AND (n.updated_at, n.written) > (r.updated_at, r.written))
    OR NOT EXISTS (SELECT 1 FROM threads t WHERE t.scope = r.scope AND t.id = r.thread) AS "free"
  FROM runs r
  WHERE r.scope = $scope AND r.status = 'done' AND (r.created_at, r.id) > ($after, $id)
    AND r.created_at < $before AND r.updated_at < $before
  ORDER BY r.created_at, r.id LIMIT $count]]

local DELETE = "DELETE FROM runs WHERE key = $key"

local function remove_batch(ctx, scope, before, last)
  local rows, err = ctx.engine:rows(FIND, scope, last.created_at, last.id, before, BATCH)
  if not rows then return nil, err end
  local count = 0
  for i = 1, #rows do
    if rows[i].free == 1 then
      local ok, failure = ctx.engine:run(DELETE, rows[i].key)
      if not ok then return nil, failure end
      count = count + 1
    end
    last.created_at, last.id = rows[i].created_at, rows[i].id
  end
  return count, #rows == BATCH
end

--- Removes the runs that are done and have not changed since a time.
---@param ctx moonbase.Context
---@param before integer  ms since 1970, exclusive
---@return integer|nil count
---@return moonbase.Error|nil err  `removed` is the count that is gone nevertheless
function run_retention.prune(ctx, before)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return retention.run(ctx, retention.batches, remove_batch, scope, before,
    { created_at = 0, id = "" })
end

return run_retention
