--- Forks: sessions that begin with a path of another one. Nothing is read or copied of that path:
--- its last node knows the sums over it.

local blob_touches = require "moonbase.blob_touches"
local errors = require "moonbase.errors"
local session_checkpoint = require "moonbase.session_checkpoint"
local session_rows = require "moonbase.session_rows"
local session_text = require "moonbase.session_text"

local session_forks = {}

local META = "SELECT name, model, cwd FROM sessions WHERE key = $key"

-- What the path to a node holds.
local SUMS = [[
  SELECT n.id, n.users, n.first_user >> 32 AS first_segment,
    n.first_user & 4294967295 AS first_position, n.checkpoint >> 32 AS bearer_segment,
    n.checkpoint & 4294967295 AS bearer_position,
    (SELECT c.ref FROM session_checkpoints c WHERE c.node = n.checkpoint) AS ref
  FROM session_nodes n WHERE n.key = ($segment << 32) + $position]]

local BODY = [[
  SELECT body AS "body(json)" FROM session_nodes WHERE key = ($segment << 32) + $position]]

-- The place that a fork begins at; an empty one when the session has no leaf.
local function base_of(ctx, row, at)
  if not at then
    if not row.leaf_segment then return { position = 0 } end
    return { segment = row.leaf_segment, position = row.leaf_position }
  end
  local segment, position = ctx.engine:session_graph(row.key):place(at)
  if segment then return { segment = segment, position = position } end
  if position then return nil, position end
  return errors.fail("not_found", "at: node '" .. at .. "' not found", { field = "at" })
end

local function sums_of(ctx, row, base)
  if not base.segment then return { users = 0 } end
  local sums, err = ctx.engine:row(SUMS, base.segment, base.position)
  if sums or err then return sums, err end
  return errors.fail("corrupt", "session '" .. row.id .. "': the node at depth "
    .. base.position - 1 .. " of segment " .. base.segment .. " is missing")
end

-- The checkpoint if it is still stored: no session may have named it for a while, so whoever
-- collects blobs just now is told.
local function want(ctx, ref)
  local whole, ok, err
  whole, err = session_checkpoint.is_whole(ctx, ref)
  if not whole then return nil, err end
  ok, err = blob_touches.add(ctx.engine, ref)
  if not ok then return nil, err end
  return ref
end

-- The checkpoint that a fork begins with: at the leaf the session's own, elsewhere that of the
-- path, which may have been collected since a later one took its place.
local function set_checkpoint(ctx, row, base, sums, fork)
  fork.checkpoint_ref, fork.bearer_segment, fork.bearer_position =
    sums.ref, sums.bearer_segment, sums.bearer_position
  if base.segment == row.leaf_segment and base.position == (row.leaf_position or 0) then
    if row.checkpoint_ref ~= sums.ref then
      fork.checkpoint_ref, fork.bearer_segment, fork.bearer_position = row.checkpoint_ref, 0, 0
    end
    return true
  end
  if not sums.ref then return true end
  local err
  fork.checkpoint_ref, err = want(ctx, sums.ref)
  if err then return nil, err end
  return true
end

local function set_first_user(ctx, sums, fork)
  fork.user_count = sums.users
  fork.first_segment, fork.first_position = sums.first_segment, sums.first_position
  if not sums.first_segment then return true end
  local body, err = ctx.engine:value(BODY, sums.first_segment, sums.first_position)
  if err then return nil, err end
  return session_rows.set_text(ctx, fork, session_text.of(body and body.content))
end

local function insert(ctx, row, base, sums, id)
  local fields, err = ctx.engine:row(META, row.key)
  if not fields then return nil, err end
  fields.id, fields.fork_session, fields.fork_node = id, row.id, sums.id
  local key
  key, err = session_rows.insert(ctx, fields, base)
  if not key then return nil, err end
  return session_rows.find(ctx, { key = key, id = id })
end

--- Makes a session that begins with the path to a node of another one. Inside a write.
---@param ctx moonbase.Context
---@param handle { key: integer, id: string }
---@param at string|nil  id of the node; default: the leaf
---@param id string      of the fork
---@return integer|nil key
---@return moonbase.Error|nil err  `not_found`, `exists`, `corrupt`
function session_forks.make(ctx, handle, at, id)
  local row, base, sums, fork, ok, err
  row, err = session_rows.find(ctx, handle)
  if row then base, err = base_of(ctx, row, at) end
  if base then sums, err = sums_of(ctx, row, base) end
  if sums then fork, err = insert(ctx, row, base, sums, id) end
  if not fork then return nil, err end
  session_rows.set_leaf(fork, base.segment, base.segment and base.position, fork.tree)
  fork.node_count = base.position
  ok, err = set_checkpoint(ctx, row, base, sums, fork)
  if ok then ok, err = set_first_user(ctx, sums, fork) end
  if ok then ok, err = session_rows.save(ctx, fork) end
  if not ok then return nil, err end
  return fork.key
end

return session_forks
