--- Reading a session: its head, its nodes in the order in which they were added.

local errors = require "moonbase.errors"
local session_rows = require "moonbase.session_rows"

local session_reader = {}

local PAGE = 200

--- Where a session stands.
---@class moonbase.SessionHead
---@field id string
---@field name? string
---@field model? string
---@field cwd? string
---@field parent? string              id of the session that this one belongs to
---@field caused_by? any
---@field fork? { session: string, node: string }  where it was forked off, if it was
---@field revision integer            grows by 1 with each append and commit
---@field leaf? string                id of a node
---@field node_count integer
---@field first_user_message? string  the beginning of its text
---@field user_message_count integer
---@field checkpoint_ref? string
---@field created_at integer          ms since 1970
---@field updated_at integer

local HEAD = [[
  SELECT s.id, s.name, s.model, s.cwd, s.parent, s.revision, s.node_count,
    s.user_count AS user_message_count, s.checkpoint_ref, s.created_at, s.updated_at,
    (SELECT n.id FROM session_nodes n WHERE n.key = s.leaf) AS leaf,
    s.leaf IS NOT NULL AS "has_leaf(boolean)",
    d.first_user_message, d.caused_by AS "caused_by(json)", d.fork_session, d.fork_node
  FROM sessions s LEFT JOIN session_details d ON d.session = s.key
  WHERE s.key = $key AND s.scope = $scope AND s.id = $id]]

--- Where a session stands.
---@param ctx moonbase.Context
---@param handle { key: integer, id: string }
---@return moonbase.SessionHead|nil
---@return moonbase.Error|nil err  `not_found`, `corrupt`
function session_reader.head(ctx, handle)
  local head
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  head, err = ctx.engine:row(HEAD, handle.key, scope, handle.id)
  if err then return nil, err end
  if not head then return session_rows.missing(handle.id) end
  if head.has_leaf and not head.leaf then
    return errors.fail("corrupt", "session '" .. handle.id .. "': its leaf is missing")
  end
  if head.fork_session then
    head.fork = { session = head.fork_session, node = head.fork_node }
  end
  head.has_leaf, head.fork_session, head.fork_node = nil, nil, nil
  return head
end

-- A node's parent is the one before it in its segment, or the one that the segment branches off.
local NODES = [[
  SELECT n.seq, n.key & 4294967295 AS position, n.body AS "node(json)", n.id AS "node.id",
    (SELECT p.id FROM session_nodes p
     WHERE p.key = CASE WHEN (n.key & 4294967295) > s.fork + 1 THEN n.key - 1
       ELSE (s.parent << 32) + s.fork END) AS "node.parent"
  FROM session_nodes n LEFT JOIN segments s ON s.id = n.key >> 32
  WHERE n.tree = $tree AND n.seq > $after
    AND (s.live IS NULL OR (n.key & 4294967295) <= s.live)
  ORDER BY n.seq LIMIT $limit]]

local function unreadable(handle, err)
  if err.code ~= "serialization" then return nil, err end
  return errors.fail("corrupt", "session '" .. handle.id .. "': a node cannot be read: "
    .. err.message)
end

local function read_own(ctx, handle, row, place)
  local rows, err = ctx.engine:rows(NODES, row.tree, place.seq, PAGE)
  if not rows then return unreadable(handle, err) end
  for i, found in ipairs(rows) do
    if not found.node.parent and found.position > 1 then
      return errors.fail("corrupt", "session '" .. handle.id .. "': the parent of node '"
        .. found.node.id .. "' is missing")
    end
    place.seq, rows[i] = found.seq, found.node
  end
  return rows
end

-- The nodes behind a place, which is moved on; none when there are no more.
local function read_page(ctx, handle, place)
  local row, err = session_rows.find(ctx, handle)
  if not row then return nil, err end
  if place.inherited >= row.inherited then return read_own(ctx, handle, row, place) end
  local nodes
  nodes, err = ctx.engine:session_graph(row.key):read_inherited(place.inherited + 1,
    place.inherited + PAGE)
  if not nodes then return nil, err end
  place.inherited = place.inherited + #nodes
  return nodes
end

--- Iterates over the nodes in the order in which they were added, a page at a time.
---@param ctx moonbase.Context
---@param handle { key: integer, id: string }
---@return (fun(): moonbase.Node|nil)|nil iterator  raises what goes wrong on the way
---@return moonbase.Error|nil err  `not_found`, `corrupt`
function session_reader.nodes(ctx, handle)
  local place, i = { inherited = 0, seq = 0 }, 0
  local nodes, err = ctx.engine:snapshot(read_page, ctx, handle, place)
  if not nodes then return nil, err end
  return function()
    i = i + 1
    if i > #nodes and #nodes > 0 then
      nodes, err = ctx.engine:snapshot(read_page, ctx, handle, place)
      if not nodes then error(err, 0) end
      i = 1
    end
    return nodes[i]
  end
end

return session_reader
