--- Whether the stored sessions agree with themselves: segments, nodes, sums, counts, checkpoints.
--- Reads all of them; for store:check.

local chain_check = require "moonbase.chain_check"
local errors = require "moonbase.errors"
local impossible = require "moonbase.impossible"
local session_checkpoint = require "moonbase.session_checkpoint"

local session_check = {}

local IMPOSSIBLE = {
  chain_check.branches("session_nodes", "< 0"),
  {
    message = "segment %s has lost nodes",
    sql = [[
      SELECT id AS a FROM (
        SELECT s.id, s.fork, s.owner, s.live, count(n.key) AS found,
          coalesce(max(n.key) & 4294967295, s.fork) AS last
        FROM segments s LEFT JOIN session_nodes n
          ON n.key > s.id << 32 AND n.key <= (s.id << 32) + 4294967295
        WHERE s.owner < 0 GROUP BY s.id)
      WHERE found <> last - fork OR (found = 0 AND id <> -owner) OR live < fork OR live > last]],
  },
  {
    message = "segment %s belongs to no session and nothing stands on it",
    sql = [[
      SELECT s.id AS a FROM segments s
      WHERE s.owner < 0 AND NOT EXISTS (SELECT 1 FROM sessions t WHERE t.tree = -s.owner)
        AND (SELECT max(c.fork) FROM segments c WHERE c.parent = s.id) IS NOT
          (SELECT max(n.key) & 4294967295 FROM session_nodes n
           WHERE n.key > s.id << 32 AND n.key <= (s.id << 32) + 4294967295)]],
  },
  {
    message = "node '%s' lies in no segment of its tree",
    sql = [[
      SELECT n.id AS a FROM session_nodes n LEFT JOIN segments s ON s.id = n.key >> 32
      WHERE s.id IS NULL OR s.owner <> -n.tree]],
  },
  {
    message = "node '%s' is no document",
    sql = [[
      SELECT id AS a FROM session_nodes
      WHERE CASE WHEN json_valid(body) THEN json_type(body) <> 'object' ELSE 1 END]],
  },
  {
    message = "the sums of node '%s' are wrong",
    sql = [[
      SELECT n.id AS a FROM session_nodes n
      CROSS JOIN segments s ON s.id = n.key >> 32
      LEFT JOIN session_nodes p ON p.key = CASE WHEN (n.key & 4294967295) > s.fork + 1
        THEN n.key - 1 ELSE (s.parent << 32) + s.fork END
      WHERE n.users <> coalesce(p.users, 0) + n.user
        OR n.first_user IS NOT
          coalesce(p.first_user, CASE WHEN n.user THEN n.key END)
        OR (n.checkpoint & 4294967295) > (n.key & 4294967295)]],
  },
  {
    message = "node '%s' has lost its checkpoint",
    sql = [[
      SELECT n.id AS a FROM session_nodes n
      WHERE n.checkpoint IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM session_checkpoints c WHERE c.node = n.checkpoint)]],
  },
  {
    message = "a checkpoint stands at no node",
    sql = [[
      SELECT c.node AS a FROM session_checkpoints c
      WHERE NOT EXISTS (SELECT 1 FROM session_nodes n WHERE n.key = c.node)]],
  },
  {
    message = "session '%s' stands on more than there is",
    sql = [[
      SELECT t.id AS a FROM sessions t LEFT JOIN segments s ON s.id = t.tree
      WHERE s.id IS NULL OR s.owner <> -t.tree OR t.inherited > s.fork OR t.inherited < 0
        OR NOT EXISTS (SELECT 1 FROM session_details d WHERE d.session = t.key)
        OR t.last_seq < (SELECT max(seq) FROM session_nodes n WHERE n.tree = t.tree)]],
  },
}

local SESSIONS = [[
  SELECT key, scope, id, tree, inherited, node_count, user_count, checkpoint_ref,
    leaf >> 32 AS leaf_segment, leaf & 4294967295 AS leaf_position,
    (SELECT n.id FROM session_nodes n WHERE n.key = sessions.leaf) AS leaf_id,
    first_user >> 32 AS first_segment, first_user & 4294967295 AS first_position
  FROM sessions WHERE key > $after ORDER BY key LIMIT 1]]

-- A session's own nodes in sight.
local OWN = [[
  SELECT count(*) AS count, coalesce(sum(n.user), 0) AS users
  FROM session_nodes n CROSS JOIN segments s ON s.id = n.key >> 32
  WHERE n.tree = $tree AND (s.live IS NULL OR (n.key & 4294967295) <= s.live)]]

local FIRST_OWN = [[
  SELECT n.key >> 32 AS first_segment, n.key & 4294967295 AS first_position
  FROM session_nodes n CROSS JOIN segments s ON s.id = n.key >> 32
  WHERE n.tree = $tree AND n.user = 1 AND (s.live IS NULL OR (n.key & 4294967295) <= s.live)
  ORDER BY n.seq LIMIT 1]]

-- And those that it inherited.
local INHERITED = [[
  SELECT n.users, n.first_user >> 32 AS first_segment, n.first_user & 4294967295 AS first_position
  FROM session_nodes n WHERE n.key = ($segment << 32) + $position]]

local function wrong(session, what)
  return errors.fail("corrupt", "session '" .. session.id .. "': " .. what)
end

local function inherited_sums(engine, session)
  if session.inherited == 0 then return { users = 0 } end
  local holder, err = engine:chain_holder(session.tree, session.inherited)
  if not holder then return nil, err end
  local sums
  sums, err = engine:row(INHERITED, holder, session.inherited)
  if sums or err then return sums, err end
  return wrong(session, "the nodes that it inherited are missing")
end

local function check_counts(engine, session)
  local inherited, own, first, err
  inherited, err = inherited_sums(engine, session)
  if inherited then own, err = engine:row(OWN, session.tree) end
  if not own then return nil, err end
  if session.node_count ~= session.inherited + own.count then
    return wrong(session, "it has " .. session.inherited + own.count .. " nodes, not "
      .. session.node_count)
  end
  if session.user_count ~= inherited.users + own.users then
    return wrong(session, "it has " .. inherited.users + own.users .. " messages of the user, not "
      .. session.user_count)
  end
  first = inherited
  if not first.first_segment then first, err = engine:row(FIRST_OWN, session.tree) end
  if err then return nil, err end
  first = first or {}
  if first.first_segment ~= session.first_segment
    or first.first_position ~= session.first_position then
    return wrong(session, "another message of the user is the first")
  end
  return true
end

-- The way from the root to the leaf is there.
local function check_leaf(engine, session)
  if not session.leaf_segment then return true end
  local graph = engine:session_graph(session.key)
  if not session.leaf_id then return wrong(session, "its leaf is missing") end
  local segment, position = graph:place(session.leaf_id)
  if not segment and position then return nil, position end
  if segment ~= session.leaf_segment or position ~= session.leaf_position then
    return wrong(session, "its leaf is not in its tree")
  end
  return graph:path(session.leaf_id)
end

-- The checkpoint of the head can be read.
local function check_checkpoint(engine, session)
  if not session.checkpoint_ref then return true end
  local ctx = { engine = engine, scope = function() return session.scope end }
  local parts, err = session_checkpoint.load(ctx, session.checkpoint_ref)
  if parts or err then return parts, err end
  return session_checkpoint.lost(session.checkpoint_ref)
end

local CHECKS = { check_counts, check_leaf, check_checkpoint }

-- The first thing that is wrong with each session.
local function check_sessions(engine, report)
  local after = 0
  while true do
    local session, err = engine:row(SESSIONS, after)
    if not session then return not err or nil, err end
    local ok = true
    for _, check in ipairs(CHECKS) do
      if ok then ok, err = check(engine, session) end
    end
    if not ok then ok, err = impossible.note(report, err) end
    if not ok then return nil, err end
    after = session.key
  end
end

--- Finds what is wrong with the sessions of all scopes.
---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function session_check.find(engine, report)
  local ok, err = impossible.find(engine, IMPOSSIBLE, report)
  if ok then ok, err = check_sessions(engine, report) end
  return ok, err
end

return session_check
