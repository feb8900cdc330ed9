--- Events in a file that was salvaged: the log of each scope ends at its first hole.
-- Who replays a log, or follows it, counts on missing nothing. Below the greatest cursor that was
-- ever pruned holes are legal, and so is a beginning that is gone.

local salvage_events = {}

local SCOPES = [[
  SELECT e.key >> 40 AS scope, max(e.key & 1099511627775) AS last,
    coalesce((SELECT max(s.removed) FROM event_streams s WHERE s.scope = e.key >> 40), 0) AS pruned
  FROM events e GROUP BY e.key >> 40]]

-- Where the first events in a row end.
local RUN = [[
  SELECT e.key & 1099511627775 FROM events e
  WHERE e.key > ($scope << 40) + $pruned AND e.key <= ($scope << 40) + 1099511627775
    AND NOT EXISTS (SELECT 1 FROM events n WHERE n.key = e.key + 1)
  ORDER BY e.key LIMIT 1]]

-- What is cut off counts as pruned: its cursors were given out.
local NOTE = [[
  UPDATE event_streams SET removed = max(removed, coalesce((
    SELECT max(e.key & 1099511627775) FROM events e
    WHERE e.stream = event_streams.id AND e.key > ($scope << 40) + $last), 0))
  WHERE scope = $scope]]

local CUT = [[
  DELETE FROM events WHERE key > ($scope << 40) + $last AND key <= ($scope << 40) + 1099511627775]]

local function cut(engine, log, report)
  local last, err = engine:value(RUN, log.scope, log.pruned)
  if err then return nil, err end
  if not last or last == log.last then return true end
  local ok
  ok, err = engine:run(NOTE, log.scope, last)
  if not ok then return nil, err end
  return report:drop(engine, { { "events", CUT, log.scope, last } })
end

--- Puts the logs right. The streams are there.
---@param engine moonbase.Engine
---@param report moonbase.SalvageReport
---@return any ok
---@return moonbase.Error|nil err
function salvage_events.repair(engine, report)
  local logs, err = engine:rows(SCOPES)
  if not logs then return nil, err end
  for _, log in ipairs(logs) do
    local ok, failure = cut(engine, log, report)
    if not ok then return nil, failure end
  end
  return true
end

return salvage_events
