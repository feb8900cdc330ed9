--- Whether the rows of the smaller parts agree with each other: counts that are kept, numbers that
--- are given out once, rows that belong to one another.

local impossible = require "moonbase.impossible"

local row_check = {}

-- Numbers that were used must have been given out.
local function given_out(what, name, sql)
  return { message = what .. " %s was never given out in scope %s", sql = sql:format(name) }
end

-- A row of a flow lies in its range, whose upper half is the flow's key.
local function of_flow(name)
  return {
    message = "row %s of '" .. name .. "' belongs to no flow",
    sql = ("SELECT d.key AS a FROM %s d "
      .. "WHERE NOT EXISTS (SELECT 1 FROM flows f WHERE f.key = d.key >> 32)"):format(name),
  }
end

local function revised(name)
  return {
    message = "'%s' of " .. name .. " is without its revision %s",
    sql = ([[
      SELECT s.id AS a, s.revision AS b FROM %s s
      WHERE s.live = 1 AND NOT EXISTS (SELECT 1 FROM %s_history h
        WHERE h.document = s.key AND h.revision = s.revision)
      UNION ALL
      SELECT s.id, h.revision FROM %s_history h JOIN %s s ON s.key = h.document
      WHERE h.revision > s.revision]]):format(name, name, name, name),
  }
end

local RULES = {
  given_out("event", "events", [[
    SELECT max(e.key) & 1099511627775 AS a, e.key >> 40 AS b FROM events e GROUP BY e.key >> 40
    HAVING a > coalesce((SELECT value FROM sequences WHERE scope = b AND name = '%s'), 0)]]),
  {
    message = "event %s of scope %s is in a stream of another",
    sql = [[
      SELECT e.key & 1099511627775 AS a, e.key >> 40 AS b FROM events e
      JOIN event_streams s ON s.id = e.stream WHERE s.scope <> e.key >> 40]],
  },
  {
    message = "the counts of queue '%s' are not those of its jobs",
    sql = [[
      SELECT q.name AS a FROM job_queues q LEFT JOIN jobs j ON j.queue = q.key
      GROUP BY q.key
      HAVING q.open <> count(j.key) - count(j.finished_at)
        OR q.done <> coalesce(sum(j.state = 'done'), 0)
        OR q.failed <> coalesce(sum(j.state = 'failed'), 0)
        OR q.dead <> coalesce(sum(j.state = 'dead'), 0)
        OR q.cancelled <> coalesce(sum(j.state = 'cancelled'), 0)]],
  },
  {
    message = "job '%s' is '%s' without what belongs to that",
    sql = [[
      SELECT j.id AS a, j.state AS b FROM jobs j
      WHERE CASE j.state WHEN 'ready' THEN j.finished_at IS NOT NULL
          WHEN 'blocked' THEN j.finished_at IS NOT NULL
          WHEN 'delayed' THEN j.due_at IS NULL OR j.finished_at IS NOT NULL
          WHEN 'running' THEN j.due_at IS NULL OR j.token IS NULL OR j.finished_at IS NOT NULL
          WHEN 'done' THEN j.finished_at IS NULL WHEN 'failed' THEN j.finished_at IS NULL
          WHEN 'dead' THEN j.finished_at IS NULL WHEN 'cancelled' THEN j.finished_at IS NULL
          ELSE 1 END
        OR NOT EXISTS (SELECT 1 FROM job_payloads p WHERE p.key = j.key)
        OR NOT EXISTS (SELECT 1 FROM job_queues q WHERE q.key = j.queue AND q.scope = j.scope)]],
  },
  given_out("fencing number", "leases", [[
    SELECT max(l.fencing) AS a, l.scope AS b FROM leases l GROUP BY l.scope
    HAVING a > coalesce((SELECT value FROM sequences WHERE scope = b AND name = '%s'), 0)]]),
  of_flow "flow_documents", of_flow "flow_steps", of_flow "flow_failures",
  of_flow "flow_iterations", of_flow "flow_outputs",
  {
    message = "flow '%s' has lost its state",
    sql = [[
      SELECT f.id AS a FROM flows f WHERE NOT EXISTS (SELECT 1 FROM flow_documents d
        WHERE d.key >> 32 = f.key AND d.kind = 'state' AND d.id = '')]],
  },
  revised "specs", revised "profiles",
  {
    message = "transaction '%s' does not have the %s participants that are not done",
    sql = [[
      SELECT t.id AS a, t.open AS b FROM transactions t
      WHERE t.open <> (SELECT count(*) FROM transaction_participants p
        WHERE p.scope = t.key >> 40 AND p.number = t.key & 1099511627775)]],
  },
  {
    message = "participant '%s' waits for transaction %s, which is not there",
    sql = [[
      SELECT p.name AS a, p.number AS b FROM transaction_participants p
      WHERE NOT EXISTS (SELECT 1 FROM transactions t
        WHERE t.key = (p.scope << 40) + p.number)]],
  },
  {
    message = "artifact '%s' is without its version %s",
    sql = [[
      SELECT a.name AS a, a.latest AS b FROM artifacts a
      WHERE a.latest IS NOT (SELECT max(v.version) FROM artifact_versions v
        WHERE v.scope = a.scope AND v.artifact = a.key)]],
  },
  {
    message = "version %s of an artifact belongs to none, or its blob %s is not there",
    sql = [[
      SELECT v.version AS a, v.hash AS b FROM artifact_versions v
      WHERE NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.key = v.artifact AND a.scope = v.scope)
        OR NOT EXISTS (SELECT 1 FROM blobs b WHERE b.scope = v.scope AND b.hash = v.hash)]],
  },
}

---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function row_check.find(engine, report)
  return impossible.find(engine, RULES, report)
end

return row_check
