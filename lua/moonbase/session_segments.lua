--- Giving up nodes: tombstoned ones, those of a tree that no session has any more, and what only
-- a fork that is gone kept of another's tree.
--- A segment says how far it is alive (`live`); what lies behind is removed in one sweep.

local chain = require "moonbase.chain"

local session_segments = {}

local DEAD_NODES = [[
  SELECT n.key FROM segments s
  CROSS JOIN session_nodes n ON n.key > (s.id << 32) + s.live
    AND n.key <= (s.id << 32) + 4294967295
  WHERE s.owner = -$tree AND s.live IS NOT NULL]]

local SWEEP_CHECKPOINTS = [[
  DELETE FROM session_checkpoints WHERE node IN (
    SELECT c.node FROM segments s
    CROSS JOIN session_checkpoints c ON c.node > (s.id << 32) + s.live
      AND c.node <= (s.id << 32) + 4294967295
    WHERE s.owner = -$tree AND s.live IS NOT NULL)]]

local SWEEP_NODES = "DELETE FROM session_nodes WHERE key IN (" .. DEAD_NODES .. ")"

local SWEEP_SEGMENTS = [[
  DELETE FROM segments
  WHERE owner = -$tree AND live IS NOT NULL AND live = fork AND id <> $kept]]

local FORGET_LIMITS = [[
  UPDATE segments SET live = NULL WHERE owner = -$tree AND live IS NOT NULL]]

-- Removes what of a tree's segments lies behind their ends, and segments that are empty then; the
-- one numbered `kept` stays. Gives the number of nodes.
local function sweep(engine, tree, kept)
  local ok, err = engine:run(SWEEP_CHECKPOINTS, tree)
  if not ok then return nil, err end
  local count
  count, err = engine:run(SWEEP_NODES, tree)
  if not count then return nil, err end
  ok, err = engine:run(SWEEP_SEGMENTS, tree, kept)
  if ok then ok, err = engine:run(FORGET_LIMITS, tree) end
  if not ok then return nil, err end
  return count
end

-- Where trees of others stand on a tree.
local FOREIGN = [[
  SELECT * FROM (
    SELECT s.id, s.parent, s.fork,
      (SELECT max(c.fork) FROM segments c WHERE c.parent = s.id AND c.owner <> s.owner) AS upto
    FROM segments s WHERE s.owner = -$tree AND s.owner < 0)
  WHERE upto IS NOT NULL]]

-- What a tree stands on.
local BASES = [[
  SELECT DISTINCT s.parent FROM segments s CROSS JOIN segments p ON p.id = s.parent
  WHERE s.owner = -$tree AND s.owner < 0 AND p.owner <> s.owner]]

local OF_TREE = [[
  SELECT id, parent, fork FROM segments WHERE id = $id AND owner = -$tree]]

local END_ALL = "UPDATE segments SET live = fork WHERE owner = -$tree AND owner < 0"

local END_AT = "UPDATE segments SET live = max(live, $upto) WHERE id = $id"

-- Keeps a segment up to a position, and of the segments above it what leads there.
local function keep(engine, tree, segment, upto)
  while segment do
    local ok, err = engine:run(END_AT, upto, segment.id)
    if not ok then return nil, err end
    upto = segment.fork
    if not segment.parent then return true end
    segment, err = engine:row(OF_TREE, segment.parent, tree)
    if err then return nil, err end
  end
  return true
end

-- Ends all segments of a tree where the last tree that stands on them needs them no more.
local function end_tree(engine, tree)
  local foreign, err = engine:rows(FOREIGN, tree)
  if not foreign then return nil, err end
  local ok
  ok, err = engine:run(END_ALL, tree)
  for i = 1, ok and #foreign or 0 do
    ok, err = keep(engine, tree, foreign[i], foreign[i].upto)
    if not ok then return nil, err end
  end
  return ok, err
end

-- Whether a segment's tree is some session's.
local SEGMENT = [[
  SELECT s.id, s.parent, s.fork, -s.owner AS tree,
    EXISTS (SELECT 1 FROM sessions t WHERE t.tree = -s.owner) AS "alive(boolean)",
    (SELECT max(c.fork) FROM segments c WHERE c.parent = s.id) AS upto
  FROM segments s WHERE s.id = $id]]

local SET_END = "UPDATE segments SET live = $live WHERE id = $id"

-- Removes of a segment whose tree is gone what nobody stands on any more, and so on upwards.
local function trim(engine, id)
  while id do
    local segment, err = engine:row(SEGMENT, id)
    if err then return nil, err end
    if not segment or segment.alive then return true end
    local ok
    ok, err = engine:run(SET_END, segment.upto or segment.fork, id)
    if ok then ok, err = sweep(engine, segment.tree, 0) end
    if not ok then return nil, err end
    id = not segment.upto and segment.parent or nil
  end
  return true
end

--- Gives up a tree that is no session's any more: removes what no other tree stands on. Inside a
--- write.
---@param engine moonbase.Engine
---@param tree integer
---@return true|nil
---@return moonbase.Error|nil
function session_segments.release(engine, tree)
  local bases, err = engine:values(BASES, tree)
  if not bases then return nil, err end
  local ok
  ok, err = end_tree(engine, tree)
  if ok then ok, err = sweep(engine, tree, 0) end
  for i = 1, ok and #bases or 0 do
    ok, err = trim(engine, bases[i])
    if not ok then return nil, err end
  end
  return ok, err
end

local FIRST = "SELECT parent, fork FROM segments WHERE id = $tree"

-- The first segment stands on a place further up now: as if it had been opened there.
local MOVE = [[
  UPDATE segments SET parent = $parent, fork = $fork,
    level = coalesce((SELECT p.level + 1 FROM segments p WHERE p.id = $parent), 0),
    jump = (SELECT CASE WHEN p.level - j.level = j.level - k.level THEN k.id ELSE p.id END
      FROM segments p LEFT JOIN segments j ON j.id = p.jump LEFT JOIN segments k ON k.id = j.jump
      WHERE p.id = $parent)
  WHERE id = $tree]]

-- Gives up the inherited nodes behind the last one that counts. Gives their number.
local function shorten(engine, row)
  local first, err = engine:row(FIRST, row.tree)
  if not first then return nil, err end
  local count = first.fork - row.inherited
  if count == 0 then return 0 end
  local parent, ok
  parent, err = chain.holder(engine, row.tree, row.inherited)
  if err then return nil, err end
  ok, err = engine:run(MOVE, parent, row.inherited, row.tree)
  if ok then ok, err = trim(engine, first.parent) end
  if not ok then return nil, err end
  return count
end

--- Removes a session's tombstoned nodes. Inside a write.
---@param engine moonbase.Engine
---@param row moonbase.SessionRow
---@return integer|nil count
---@return moonbase.Error|nil
function session_segments.vacuum(engine, row)
  local bases, err = engine:values(BASES, row.tree)
  if not bases then return nil, err end
  local count, more
  count, err = sweep(engine, row.tree, row.tree)
  if not count then return nil, err end
  more, err = shorten(engine, row)
  if not more then return nil, err end
  for i = 1, #bases do
    local ok
    ok, err = trim(engine, bases[i])
    if not ok then return nil, err end
  end
  return count + more
end

return session_segments
