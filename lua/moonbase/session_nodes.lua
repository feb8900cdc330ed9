--- Adding nodes to a session's tree.
-- A child of the leaf extends the leaf's segment; one that stands elsewhere, or a root, opens a
-- new one. Nobody asks beforehand whether the next position is free: the insert tells.

local chain = require "moonbase.chain"
local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local session_rows = require "moonbase.session_rows"
local session_text = require "moonbase.session_text"

local session_nodes = {}

local null = core.null

--- A node. Further fields are kept.
---@class moonbase.Node
---@field id string
---@field parent? string     id of the node it stands on; a root has none
---@field kind string        such as "message"
---@field at integer         ms since 1970
---@field caused_by? any     what led to it
---@field frame? any         which frame of an agent it belongs to

--- A node to be added.
---@class moonbase.NodeDraft
---@field id string
---@field given boolean      the id is the caller's
---@field parent? any        as given: nil for the node before it, null for a root
---@field body moonbase.Node the node without id and parent
---@field user boolean       it is a message of the user
---@field path string        of the node, for errors

-- What a child has in common with its parent: sums over the path, and the checkpoint in force.
-- Where that is not the one that the session has now, the node becomes its bearer.
local INSERT_CHILD = [[
  INSERT INTO session_nodes (key, scope, tree, seq, user, users, first_user, checkpoint, id, body)
  SELECT ($segment << 32) + $position, $scope, $tree, $seq, $user, p.users + $user,
    CASE WHEN $user AND p.first_user IS NULL THEN ($segment << 32) + $position
      ELSE p.first_user END,
    CASE WHEN p.checkpoint IS ($bearer_segment << 32) + $bearer_position THEN p.checkpoint
      ELSE ($segment << 32) + $position END,
    $id, $node(json)
  FROM session_nodes p WHERE p.key = ($parent_segment << 32) + $parent_position
  ON CONFLICT DO NOTHING
  RETURNING checkpoint IS key AS "bears(boolean)"]]

local INSERT_ROOT = [[
  INSERT INTO session_nodes (key, scope, tree, seq, user, users, first_user, checkpoint, id, body)
  VALUES (($segment << 32) + 1, $scope, $tree, $seq, $user, $user,
    CASE WHEN $user THEN ($segment << 32) + 1 END,
    CASE WHEN $bearer_segment IS NOT NULL THEN ($segment << 32) + 1 END, $id, $node(json))
  ON CONFLICT DO NOTHING
  RETURNING checkpoint IS key AS "bears(boolean)"]]

local BEAR = [[
  INSERT INTO session_checkpoints (node, ref) VALUES (($segment << 32) + $position, $ref)
  ON CONFLICT (node) DO UPDATE SET ref = excluded.ref]]

local BEAR_AT = [[
  UPDATE session_nodes SET checkpoint = key
  WHERE key = ($segment << 32) + $position AND tree = $tree]]

local TAKEN = "SELECT 1 FROM session_nodes WHERE tree = $tree AND id = $id"

local function check_at(path, value)
  if type(value) ~= "number" then return errors.invalid(path, "must be a number") end
  return check.time(path, value)
end

-- The node's own fields, which are all but its place in the tree.
local function body_of(node, path, now)
  local body = {}
  for key, value in next, node do body[key] = value end
  body.id, body.parent = nil, nil
  local err
  if node.kind == nil then return errors.invalid(path .. ".kind", "is missing") end
  body.kind, err = check.document_id(path .. ".kind", node.kind)
  if not body.kind then return nil, err end
  body.at, err = check_at(path .. ".at", node.at == nil and now or node.at)
  if not body.at then return nil, err end
  return body
end

local function prepare(ctx, node, path, now)
  check.type(path, node, "table")
  local draft, err = { path = path, given = node.id ~= nil, parent = node.parent }
  draft.id, err = check.document_id(path .. ".id", draft.given and node.id or ctx:new_id())
  if draft.id and node.parent ~= nil and node.parent ~= null then
    draft.parent, err = check.document_id(path .. ".parent", node.parent)
  end
  if not err then draft.body, err = body_of(node, path, now) end
  if err then return nil, err end
  draft.user = session_text.is_user(draft.body)
  return draft
end

--- Checks nodes that are to be added.
---@param ctx moonbase.Context
---@param list moonbase.Node[]
---@param name string  the argument's name
---@return moonbase.NodeDraft[]|nil
---@return moonbase.Error|nil err  `invalid`
function session_nodes.prepare(ctx, list, name)
  local drafts, now = {}, ctx:now()
  for i = 1, check.array(name, list) do
    local draft, err = prepare(ctx, list[i], name .. "[" .. i .. "]", now)
    if not draft then return nil, err end
    drafts[i] = draft
  end
  return drafts
end

--- Where the next node goes.
---@class moonbase.session.Cursor
---@field id? string         the node that it will stand on; nil for a root
---@field segment? integer   that one's place
---@field position integer
---@field branch? integer    the segment to extend, if its next position is free

local function not_found(path, id)
  return errors.fail("not_found", path .. ": node '" .. id .. "' not found", { field = path })
end

-- Moves the cursor to the parent that a node asks for.
local function seek(ctx, row, cursor, draft)
  local parent = draft.parent
  if parent == nil or parent == cursor.id then return cursor end
  local id = parent ~= null and parent or nil
  local segment, position, branch = ctx.engine:session_graph(row.key):place(id)
  if not segment and position then return nil, position end
  if not segment then return not_found(draft.path .. ".parent", parent) end
  cursor.id, cursor.segment, cursor.position, cursor.branch = id, segment, position, branch
  return cursor
end

-- The body is the one document that is written, so it is at fault when one cannot be.
local function blame(draft, err)
  if err.code == "serialization" and err.field then
    err.field = draft.path .. err.field:gsub("^node", "")
  end
  return nil, err
end

local function insert(ctx, row, cursor, draft, segment)
  local engine, seq = ctx.engine, row.last_seq + 1
  if not cursor.id then
    return engine:value(INSERT_ROOT, segment, row.scope, row.tree, seq, draft.user,
      row.bearer_segment, draft.id, draft.body)
  end
  return engine:value(INSERT_CHILD, segment, cursor.position + 1, row.scope, row.tree, seq,
    draft.user, row.bearer_segment, row.bearer_position, draft.id, draft.body, cursor.segment,
    cursor.position)
end

local function exists(draft)
  return errors.fail("exists", draft.path .. ".id: node '" .. draft.id .. "' exists already",
    { field = draft.path .. ".id" })
end

-- Why nothing was inserted in a fresh segment.
local function refused(ctx, row, draft)
  local taken, err = ctx.engine:value(TAKEN, row.tree, draft.id)
  if err then return nil, err end
  if taken then return exists(draft) end
  return errors.fail("corrupt", "session '" .. row.id .. "': the parent of node '" .. draft.id
    .. "' is missing")
end

-- Inserts a node where it extends a segment, else into one that it opens.
local function place(ctx, row, cursor, draft)
  local bears, segment, err
  if cursor.branch then
    bears, err = insert(ctx, row, cursor, draft, cursor.branch)
    if err then return blame(draft, err) end
    if bears ~= nil then return bears, nil, cursor.branch end
  end
  segment, err = chain.open(ctx.engine, -row.tree, cursor.id and cursor.segment, cursor.position)
  if not segment then return nil, err end
  bears, err = insert(ctx, row, cursor, draft, segment)
  if err then return blame(draft, err) end
  if bears == nil then return refused(ctx, row, draft) end
  return bears, nil, segment
end

-- A fork's own nodes may not have the id of one that it inherited.
local function check_inherited(ctx, row, draft)
  if row.inherited == 0 or not draft.given then return true end
  local segment, err = ctx.engine:session_graph(row.key):place(draft.id)
  if segment then return exists(draft) end
  if err then return nil, err end
  return true
end

local function note_user(ctx, row, cursor, draft)
  row.user_count = row.user_count + 1
  if row.first_segment then return true end
  row.first_segment, row.first_position = cursor.segment, cursor.position
  return session_rows.set_text(ctx, row, session_text.of(draft.body.content))
end

local function bear(ctx, row, segment, position)
  row.bearer_segment, row.bearer_position = segment, position
  return ctx.engine:run(BEAR, segment, position, row.checkpoint_ref)
end

local function add(ctx, row, cursor, draft)
  local ok, err = check_inherited(ctx, row, draft)
  if ok then ok, err = seek(ctx, row, cursor, draft) end
  if not ok then return nil, err end
  local bears, failure, segment = place(ctx, row, cursor, draft)
  if bears == nil then return nil, failure end
  local node = draft.body
  node.parent, node.id = cursor.id, draft.id
  cursor.id, cursor.segment, cursor.branch = draft.id, segment, segment
  cursor.position = cursor.position + 1
  row.last_seq, row.node_count = row.last_seq + 1, row.node_count + 1
  if bears then ok, err = bear(ctx, row, segment, cursor.position) end
  if ok and draft.user then ok, err = note_user(ctx, row, cursor, draft) end
  if not ok then return nil, err end
  return node
end

local LEAF = "SELECT id FROM session_nodes WHERE key = ($segment << 32) + $position"

--- The id of the leaf, nil when there is none.
---@param ctx moonbase.Context
---@param row moonbase.SessionRow
---@return string|nil
---@return moonbase.Error|nil err  `corrupt`
function session_nodes.leaf(ctx, row)
  if not row.leaf_segment then return nil end
  local id, err = ctx.engine:value(LEAF, row.leaf_segment, row.leaf_position)
  if id or err then return id, err end
  return errors.fail("corrupt", "session '" .. row.id .. "': its leaf is missing")
end

local function at_leaf(ctx, row)
  local leaf, err = session_nodes.leaf(ctx, row)
  if err then return nil, err end
  if leaf then
    return { id = leaf, segment = row.leaf_segment, position = row.leaf_position,
      branch = row.branch }
  end
  local segment, position, branch = ctx.engine:session_graph(row.key):place()
  if not segment then return nil, position end
  return { position = 0, branch = branch }
end

--- Adds nodes, each below the one before it unless it names its parent, the first below the leaf.
--- The leaf is the last one then. Inside a write; the row is brought up to date and not saved.
---@param ctx moonbase.Context
---@param row moonbase.SessionRow
---@param drafts moonbase.NodeDraft[]
---@return moonbase.Node[]|nil
---@return moonbase.Error|nil err  `exists`, `not_found`, `serialization`, `corrupt`
function session_nodes.add(ctx, row, drafts)
  local cursor, err = at_leaf(ctx, row)
  if not cursor then return nil, err end
  local nodes = {}
  for i = 1, #drafts do
    nodes[i], err = add(ctx, row, cursor, drafts[i])
    if err then return nil, err end
  end
  if #nodes > 0 then
    session_rows.set_leaf(row, cursor.segment, cursor.position, cursor.branch)
  end
  return nodes
end

--- Moves the leaf to a node. The row is not saved.
---@param ctx moonbase.Context
---@param row moonbase.SessionRow
---@param id string
---@param path string  what errors call it
---@return true|nil
---@return moonbase.Error|nil err  `not_found`, `corrupt`
function session_nodes.move_leaf(ctx, row, id, path)
  local segment, position, branch = ctx.engine:session_graph(row.key):place(id)
  if not segment and position then return nil, position end
  if not segment then return not_found(path, id) end
  session_rows.set_leaf(row, segment, position, branch)
  return true
end

--- Lets a checkpoint be in force from now on. Its bearer is the leaf; if that is another tree's,
--- the next node that is added. Inside a write; the row is brought up to date and not saved.
---@param ctx moonbase.Context
---@param row moonbase.SessionRow
---@param ref string
---@return true|nil
---@return moonbase.Error|nil
function session_nodes.set_checkpoint(ctx, row, ref)
  row.checkpoint_ref, row.bearer_segment, row.bearer_position = ref, 0, 0
  if not row.leaf_segment then return true end
  local own, err = ctx.engine:run(BEAR_AT, row.leaf_segment, row.leaf_position, row.tree)
  if not own then return nil, err end
  if own == 0 then return true end
  local ok
  ok, err = bear(ctx, row, row.leaf_segment, row.leaf_position)
  if not ok then return nil, err end
  return true
end

return session_nodes
