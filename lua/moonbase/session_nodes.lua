--- Adding nodes to a session's tree.
-- A child of the leaf extends the leaf's segment; one that stands elsewhere, or a root, opens a
-- new one.

local chain = require "moonbase.chain"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local session_drafts = require "moonbase.session_drafts"
local session_rows = require "moonbase.session_rows"
local session_text = require "moonbase.session_text"

local session_nodes = {}

local null = core.null

local INSERT = [[
  INSERT INTO session_nodes (key, scope, tree, seq, user, users, first_user, checkpoint, id, body)
  VALUES (($segment << 32) + $position, $scope, $tree, $seq, $user, $users,
    ($first_segment << 32) + $first_position, ($bearer_segment << 32) + $bearer_position, $id,
    $node(json))
  ON CONFLICT DO NOTHING]]

local BEAR = [[
  INSERT INTO session_checkpoints (node, ref) VALUES (($segment << 32) + $position, $ref)
  ON CONFLICT (node) DO UPDATE SET ref = excluded.ref]]

local BEAR_AT = [[
  UPDATE session_nodes SET checkpoint = key
  WHERE key = ($segment << 32) + $position AND tree = $tree]]

-- What a node hands down to its children: sums over the path, and the checkpoint in force.
local HANDED_DOWN = [[
  SELECT id, users, first_user >> 32 AS first_segment, first_user & 4294967295 AS first_position,
    checkpoint >> 32 AS bearer_segment, checkpoint & 4294967295 AS bearer_position
  FROM session_nodes WHERE key = ($segment << 32) + $position]]

local LEAF = "SELECT id FROM session_nodes WHERE key = ($segment << 32) + $position"

local TAKEN = "SELECT 1 FROM session_nodes WHERE tree = $tree AND id = $id"

--- The node that the next one stands on; one for a root has no id.
---@class moonbase.session.Cursor
---@field id? string
---@field segment? integer   its place
---@field position integer
---@field branch? integer    the segment to extend
---@field users integer      what it hands down
---@field first_segment? integer
---@field first_position? integer
---@field bearer_segment? integer
---@field bearer_position? integer

local function not_found(path, id)
  return errors.fail("not_found", path .. ": node '" .. id .. "' not found", { field = path })
end

-- The cursor at a place of the tree; before a root when there is no segment.
local function cursor_at(ctx, row, segment, position, branch)
  if not segment or segment == 0 then return { position = 0, branch = branch, users = 0 } end
  local cursor, err = ctx.engine:row(HANDED_DOWN, segment, position)
  if err then return nil, err end
  if not cursor then
    return errors.fail("corrupt", "session '" .. row.id .. "': the node at depth " .. position - 1
      .. " of segment " .. segment .. " is missing")
  end
  cursor.segment, cursor.position, cursor.branch = segment, position, branch
  return cursor
end

local function cursor_at_leaf(ctx, row)
  if row.leaf_segment then
    return cursor_at(ctx, row, row.leaf_segment, row.leaf_position, row.branch)
  end
  local segment, position, branch = ctx.engine:session_graph(row.key):place()
  if not segment then return nil, position end
  return cursor_at(ctx, row, nil, nil, branch)
end

-- The cursor at the parent that a node asks for.
local function seek(ctx, row, cursor, draft)
  local parent = draft.parent
  if parent == nil or parent == cursor.id then return cursor end
  local id = parent ~= null and parent or nil
  row.graph = row.graph or ctx.engine:session_graph(row.key)
  local segment, position, branch = row.graph:place(id)
  if not segment and position then return nil, position end
  if not segment then return not_found(session_drafts.path(draft, ".parent"), parent) end
  return cursor_at(ctx, row, segment, position, branch)
end

-- The body is the one document that is written, so it is at fault when one cannot be.
local function blame_body(draft, err)
  if err.code == "serialization" and err.field then
    err.field = session_drafts.path(draft, (err.field:gsub("^node", "")))
  end
  return nil, err
end

-- Where the checkpoint in force is not the one that the path has, the node becomes its bearer.
local function bears_checkpoint(row, cursor)
  return cursor.bearer_segment ~= row.bearer_segment
    or cursor.bearer_position ~= row.bearer_position
end

-- What the node that stands on the cursor hands down when it lies in that place.
local function handed_down(row, cursor, draft, segment, position)
  local users, first_segment, first_position = cursor.users, cursor.first_segment,
    cursor.first_position
  if draft.user then
    users = users + 1
    if not first_segment then first_segment, first_position = segment, position end
  end
  if bears_checkpoint(row, cursor) then
    return users, first_segment, first_position, segment, position
  end
  return users, first_segment, first_position, cursor.bearer_segment, cursor.bearer_position
end

local function move(cursor, id, segment, ...)
  cursor.id, cursor.segment, cursor.branch = id, segment, segment
  cursor.position = cursor.position + 1
  cursor.users, cursor.first_segment, cursor.first_position, cursor.bearer_segment,
    cursor.bearer_position = ...
end

-- Inserts a node into a segment and moves the cursor there; false when place or id are taken.
local function insert(ctx, row, cursor, draft, segment)
  local position = cursor.position + 1
  local users, first_segment, first_position, bearer_segment, bearer_position =
    handed_down(row, cursor, draft, segment, position)
  local changes, err = ctx.engine:run(INSERT, segment, position, row.scope, row.tree,
    row.last_seq + 1, draft.user, users, first_segment, first_position, bearer_segment,
    bearer_position, draft.id, draft.body)
  if not changes then return blame_body(draft, err) end
  if changes == 0 then return false end
  draft.body.id, draft.body.parent = draft.id, cursor.id
  move(cursor, draft.id, segment, users, first_segment, first_position, bearer_segment,
    bearer_position)
  return true
end

local function exists(draft)
  local path = session_drafts.path(draft, ".id")
  return errors.fail("exists", path .. ": node '" .. draft.id .. "' exists already",
    { field = path })
end

-- Why nothing was inserted in a fresh segment.
local function refused(ctx, row, draft)
  local taken, err = ctx.engine:value(TAKEN, row.tree, draft.id)
  if err then return nil, err end
  if taken then return exists(draft) end
  return errors.fail("corrupt", "session '" .. row.id .. "': there is no room for node '"
    .. draft.id .. "'")
end

-- Inserts a node where it extends a segment, else into one that it opens. That of the leaf may be
-- taken by now, or by tombstoned nodes.
local function place(ctx, row, cursor, draft)
  local ok, segment, err
  if cursor.branch then
    ok, err = insert(ctx, row, cursor, draft, cursor.branch)
    if ok ~= false then return ok, err end
  end
  segment, err = chain.open(ctx.engine, -row.tree, cursor.segment, cursor.position)
  if not segment then return nil, err end
  ok, err = insert(ctx, row, cursor, draft, segment)
  if ok == false then return refused(ctx, row, draft) end
  return ok, err
end

-- A fork's own nodes may not have the id of one that it inherited.
local function check_inherited(ctx, row, draft)
  if row.inherited == 0 or not draft.given then return true end
  row.graph = row.graph or ctx.engine:session_graph(row.key)
  local segment, err = row.graph:place(draft.id)
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

-- Adds one node; gives the cursor at it.
local function add(ctx, row, cursor, draft)
  local ok, err = check_inherited(ctx, row, draft)
  if ok then cursor, err = seek(ctx, row, cursor, draft) end
  if not ok or not cursor then return nil, err end
  local bears = bears_checkpoint(row, cursor)
  ok, err = place(ctx, row, cursor, draft)
  if not ok then return nil, err end
  row.last_seq, row.node_count = row.last_seq + 1, row.node_count + 1
  if bears then ok, err = bear(ctx, row, cursor.segment, cursor.position) end
  if ok and draft.user then ok, err = note_user(ctx, row, cursor, draft) end
  if not ok then return nil, err end
  return cursor
end

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

--- Adds nodes, each below the one before it unless it names its parent, the first below the leaf.
--- The leaf is the last one then. Inside a write; the row is brought up to date and not saved.
---@param ctx moonbase.Context
---@param row moonbase.SessionRow
---@param drafts moonbase.NodeDraft[]
---@return moonbase.Node[]|nil
---@return moonbase.Error|nil err  `exists`, `not_found`, `serialization`, `corrupt`
function session_nodes.add(ctx, row, drafts)
  if #drafts == 0 then return {} end
  local cursor, err = cursor_at_leaf(ctx, row)
  if not cursor then return nil, err end
  local nodes = {}
  for i = 1, #drafts do
    cursor, err = add(ctx, row, cursor, drafts[i])
    if not cursor then return nil, err end
    nodes[i] = drafts[i].body
  end
  session_rows.set_leaf(row, cursor.segment, cursor.position, cursor.branch)
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
