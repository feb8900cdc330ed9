--- The row of a session: found, made, brought up to date. What everything that writes to a session
--- shares.

local chain = require "moonbase.chain"
local errors = require "moonbase.errors"

local session_rows = {}

--- What writes need to know of a session. A place is a segment and a position in it.
---@class moonbase.SessionRow
---@field key integer
---@field scope integer
---@field id string
---@field revision integer
---@field node_count integer
---@field user_count integer          messages of the user
---@field last_seq integer            of the node that was added last
---@field tree integer                its first segment
---@field inherited integer           nodes that it has from another tree
---@field leaf_segment? integer       place of the leaf
---@field leaf_position? integer
---@field branch? integer             the segment that the leaf's next child may extend
---@field checkpoint_ref? string
---@field bearer_segment? integer     place of the node that bears the checkpoint; 0: none yet
---@field bearer_position? integer
---@field first_segment? integer      place of the first of the user's messages
---@field first_position? integer
---@field graph? moonbase.SessionGraph  once needed

local FIND = [[
  SELECT key, scope, id, revision, node_count, user_count, last_seq, tree, inherited,
    leaf >> 32 AS leaf_segment, leaf & 4294967295 AS leaf_position, branch, checkpoint_ref,
    checkpoint_node >> 32 AS bearer_segment, checkpoint_node & 4294967295 AS bearer_position,
    first_user >> 32 AS first_segment, first_user & 4294967295 AS first_position
  FROM sessions WHERE key = $key AND scope = $scope AND id = $id]]

local FIND_KEY = "SELECT key FROM sessions WHERE scope = $scope AND id = $id"

local INSERT = [[
  INSERT INTO sessions (scope, id, name, model, cwd, parent, tree, inherited, created_at,
    updated_at)
  VALUES ($scope, $id, $name, $model, $cwd, $parent, $tree, $inherited, $now, $now)
  RETURNING key]]

local INSERT_DETAILS = [[
  INSERT INTO session_details (session, caused_by, fork_session, fork_node)
  VALUES ($session, $caused_by(json), $fork_session, $fork_node)]]

local SAVE = [[
  UPDATE sessions SET revision = $revision, updated_at = $now,
    leaf = ($leaf_segment << 32) + $leaf_position, branch = $branch,
    node_count = $node_count, user_count = $user_count, last_seq = $last_seq,
    checkpoint_ref = $checkpoint_ref,
    checkpoint_node = ($bearer_segment << 32) + $bearer_position,
    first_user = ($first_segment << 32) + $first_position
  WHERE key = $key]]

-- Apart, because both indexes and a reference follow the tree, which hardly ever changes.
local SAVE_TREE = "UPDATE sessions SET tree = $tree, inherited = $inherited WHERE key = $key"

local SET_TEXT = "UPDATE session_details SET first_user_message = $text WHERE session = $session"

local NAME_TREE = "UPDATE segments SET owner = -id WHERE id = $id"

--- Says that a session is gone.
---@param id string
---@return nil
---@return moonbase.Error
function session_rows.missing(id)
  return errors.fail("not_found", "session '" .. id .. "' not found")
end

--- The row of a session that a handle stands for; `not_found` when it was deleted, or when the
--- transaction that made it was rolled back, which leaves its key to another one.
---@param ctx moonbase.Context
---@param handle { key: integer, id: string }
---@return moonbase.SessionRow|nil
---@return moonbase.Error|nil err  `not_found`
function session_rows.find(ctx, handle)
  local row
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  row, err = ctx.engine:row(FIND, handle.key, scope, handle.id)
  if row or err then return row, err end
  return session_rows.missing(handle.id)
end

--- The key of the session of that id, nil when there is none.
---@param ctx moonbase.Context
---@param id string
---@return integer|nil
---@return moonbase.Error|nil
function session_rows.find_key(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:value(FIND_KEY, scope, id)
end

--- Opens the first segment of a tree, which stands for it. Inside a write.
---@param engine moonbase.Engine
---@param parent? integer  the segment that it branches off
---@param fork? integer    the position it branches off at
---@return integer|nil tree
---@return moonbase.Error|nil
function session_rows.open_tree(engine, parent, fork)
  local tree, err = chain.open(engine, 0, parent, fork)
  if not tree then return nil, err end
  local ok
  ok, err = engine:run(NAME_TREE, tree)
  if not ok then return nil, err end
  return tree
end

--- Makes a session with an empty tree, or one that stands on a place of another tree. Inside a
--- write.
---@param ctx moonbase.Context
---@param fields table  id, and name, model, cwd, parent, caused_by, fork_session, fork_node
---@param base? table   segment, position
---@return integer|nil key
---@return moonbase.Error|nil err  `exists`, `serialization`
function session_rows.insert(ctx, fields, base)
  local scope, taken, tree, key, ok, err
  scope, err = ctx:write_scope()
  if not scope then return nil, err end
  taken, err = session_rows.find_key(ctx, fields.id)
  if err then return nil, err end
  if taken then return errors.fail("exists", "session '" .. fields.id .. "' already exists") end
  base = base or { position = 0 }
  tree, err = session_rows.open_tree(ctx.engine, base.segment, base.position)
  if not tree then return nil, err end
  key, err = ctx.engine:value(INSERT, scope, fields.id, fields.name, fields.model, fields.cwd,
    fields.parent, tree, base.position, ctx:now())
  if not key then return nil, err end
  ok, err = ctx.engine:run(INSERT_DETAILS, key, fields.caused_by, fields.fork_session,
    fields.fork_node)
  if not ok then return nil, err end
  return key
end

--- Writes which tree a session has. Inside a write.
---@param ctx moonbase.Context
---@param row moonbase.SessionRow
---@return integer|nil
---@return moonbase.Error|nil
function session_rows.save_tree(ctx, row)
  return ctx.engine:run(SAVE_TREE, row.tree, row.inherited, row.key)
end

--- Writes what else changed of a session. Inside a write.
---@param ctx moonbase.Context
---@param row moonbase.SessionRow
---@return integer|nil
---@return moonbase.Error|nil
function session_rows.save(ctx, row)
  return ctx.engine:run(SAVE, row.revision, ctx:now(), row.leaf_segment, row.leaf_position,
    row.branch, row.node_count, row.user_count, row.last_seq, row.checkpoint_ref,
    row.bearer_segment, row.bearer_position, row.first_segment,
    row.first_position, row.key)
end

--- Sets what a list shows of the first of the user's messages. Inside a write.
---@param ctx moonbase.Context
---@param row moonbase.SessionRow
---@param text string|nil
---@return integer|nil
---@return moonbase.Error|nil
function session_rows.set_text(ctx, row, text)
  return ctx.engine:run(SET_TEXT, text, row.key)
end

--- Lets the leaf be at a place, or nowhere.
---@param row moonbase.SessionRow
---@param segment? integer
---@param position? integer
---@param branch? integer  the segment that its next child may extend
function session_rows.set_leaf(row, segment, position, branch)
  row.leaf_segment, row.leaf_position, row.branch = segment, position, branch
end

return session_rows
