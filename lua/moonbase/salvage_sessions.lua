--- Sessions in a file that was salvaged, once their chains were cut: the leaf is where the tree
-- still goes, and what is kept as a sum is summed up again.

local salvage_sessions = {}

local STATEMENTS = {
  "INSERT OR IGNORE INTO session_details (session) SELECT key FROM sessions",
  "DELETE FROM session_checkpoints WHERE node NOT IN (SELECT key FROM session_nodes)",
  [[INSERT OR IGNORE INTO session_checkpoints (node)
    SELECT checkpoint FROM session_nodes WHERE checkpoint IS NOT NULL
      AND checkpoint IN (SELECT key FROM session_nodes)]],
  [[UPDATE sessions SET last_seq = max(last_seq,
      coalesce((SELECT max(seq) FROM session_nodes n WHERE n.tree = sessions.tree), 0))]],
}

local SESSIONS = [[
  SELECT key, tree, inherited, leaf >> 32 AS segment, leaf & 4294967295 AS position,
    checkpoint_node > 0 AND NOT EXISTS (
      SELECT 1 FROM session_nodes n WHERE n.key = sessions.checkpoint_node) AS "bare(boolean)"
  FROM sessions]]

local SEGMENT = [[
  SELECT parent, fork, coalesce(live, (SELECT max(key) & 4294967295 FROM session_nodes
    WHERE key > (segments.id << 32) + fork AND key <= (segments.id << 32) + 4294967295), fork)
    AS last
  FROM segments WHERE id = $id]]

local ID = "SELECT id FROM session_nodes WHERE key = ($segment << 32) + $position"

local BEARER = [[
  SELECT n.checkpoint >> 32 AS segment, n.checkpoint & 4294967295 AS position, c.ref
  FROM session_nodes n LEFT JOIN session_checkpoints c ON c.node = n.checkpoint
  WHERE n.key = ($segment << 32) + $position]]

local SET_LEAF = [[
  UPDATE sessions SET leaf = ($segment << 32) + $position, branch = $branch WHERE key = $key]]

local SET_CHECKPOINT = [[
  UPDATE sessions SET checkpoint_node = coalesce(($segment << 32) + $position, 0),
    checkpoint_ref = $ref WHERE key = $key]]

-- The nodes in sight of a session's own tree, and of what it inherited.
local SUMS = [[
  UPDATE sessions SET
    node_count = inherited + (SELECT count(*) FROM session_nodes n
      CROSS JOIN segments s ON s.id = n.key >> 32
      WHERE n.tree = sessions.tree AND (s.live IS NULL OR (n.key & 4294967295) <= s.live)),
    user_count = coalesce(
      (SELECT users FROM session_nodes WHERE key = ($segment << 32) + inherited), 0)
      + (SELECT coalesce(sum(n.user), 0) FROM session_nodes n
      CROSS JOIN segments s ON s.id = n.key >> 32
      WHERE n.tree = sessions.tree AND (s.live IS NULL OR (n.key & 4294967295) <= s.live)),
    first_user = coalesce(
      (SELECT first_user FROM session_nodes WHERE key = ($segment << 32) + inherited),
      (SELECT n.key FROM session_nodes n CROSS JOIN segments s ON s.id = n.key >> 32
      WHERE n.tree = sessions.tree AND n.user = 1
        AND (s.live IS NULL OR (n.key & 4294967295) <= s.live) ORDER BY n.seq LIMIT 1))
  WHERE key = $key]]

-- The place, at this one or above it, that is still there; nil when none is.
local function nearest(engine, segment, position)
  while segment do
    local found, err = engine:row(SEGMENT, segment)
    if not found then return nil, err end
    position = math.min(position, found.last)
    if position > found.fork then return segment, position end
    segment = found.parent
  end
  return nil
end

local function move_leaf(engine, session)
  local segment, position = nil, nil
  if session.segment then segment, position = nearest(engine, session.segment, session.position) end
  if not segment and position then return nil, position end
  if segment and segment == session.segment and position == session.position then return true end
  local id, branch, err
  if segment then id, err = engine:value(ID, segment, position) end
  if err then return nil, err end
  if segment or session.segment then
    local found, _, extended = engine:session_graph(session.key):place(id)
    branch = (found or not id) and extended or nil
  end
  session.segment, session.position = segment, position
  return engine:run(SET_LEAF, segment, position, branch, session.key)
end

local function move_checkpoint(engine, session)
  if not session.bare then return true end
  local bearer, err
  if session.segment then
    bearer, err = engine:row(BEARER, session.segment, session.position)
    if err then return nil, err end
  end
  bearer = bearer or {}
  return engine:run(SET_CHECKPOINT, bearer.segment, bearer.position, bearer.ref, session.key)
end

local function sum_up(engine, session)
  local holder, err
  if session.inherited > 0 then
    holder, err = engine:chain_holder(session.tree, session.inherited)
    if not holder then return nil, err end
  end
  return engine:run(SUMS, holder, session.key)
end

--- Puts the sessions right.
---@param engine moonbase.Engine
---@return any ok
---@return moonbase.Error|nil err
function salvage_sessions.repair(engine)
  local ok, err
  for _, sql in ipairs(STATEMENTS) do
    ok, err = engine:run(sql)
    if not ok then return nil, err end
  end
  local sessions
  sessions, err = engine:rows(SESSIONS)
  if not sessions then return nil, err end
  for _, session in ipairs(sessions) do
    ok, err = move_leaf(engine, session)
    if ok then ok, err = move_checkpoint(engine, session) end
    if ok then ok, err = sum_up(engine, session) end
    if not ok then return nil, err end
  end
  return true
end

return salvage_sessions
