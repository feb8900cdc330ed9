--- Nodes that are to be added to a session, checked before any lock is taken.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local session_text = require "moonbase.session_text"

local session_drafts = {}

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
---@field name string        of the list that it was given in, for errors
---@field number integer     which one there

--- The path of a field of a draft, for errors.
---@param draft moonbase.NodeDraft
---@param field string  such as ".id"
---@return string
function session_drafts.path(draft, field)
  return draft.name .. "[" .. draft.number .. "]" .. field
end

-- The error of a check of one field, by the field's whole path.
local function blame_field(draft, err)
  if not err.field then return nil, err end
  err.field = session_drafts.path(draft, "." .. err.field)
  err.message = session_drafts.path(draft, "." .. err.message)
  return nil, err
end

local function check_at(value)
  if type(value) ~= "number" then return errors.invalid("at", "must be a number") end
  return check.time("at", value)
end

--- What the nodes of one call have in common.
---@class moonbase.session.Batch
---@field ctx moonbase.Context
---@field now integer
---@field kind? string  the last one that was checked: most are the same

-- The node's own fields, which are all but its place in the tree. The table is made with room for
-- them and for id and parent, which come back once it is written.
local function body_of(batch, node)
  local kind, ok, err = node.kind
  local body = { kind = kind, at = batch.now, role = node.role, content = node.content,
    id = nil, parent = nil, caused_by = nil, frame = nil }
  for key, value in next, node do body[key] = value end
  body.id, body.parent = nil, nil
  if kind == nil then return errors.invalid("kind", "is missing") end
  if kind ~= batch.kind then
    ok, err = check.document_id("kind", kind)
    if not ok then return nil, err end
    batch.kind = kind
  end
  if node.at ~= nil then body.at, err = check_at(node.at) end
  if not body.at then return nil, err end
  return body
end

-- An id of the store's own making is one.
local function id_of(ctx, node)
  if node.id ~= nil then return check.document_id("id", node.id) end
  if ctx.make_id == core.uuid7 then return ctx:new_id() end
  return check.document_id("id", ctx:new_id())
end

local function fill(batch, draft, node)
  local ok, err
  draft.id, err = id_of(batch.ctx, node)
  if not draft.id then return nil, err end
  if node.parent ~= nil and node.parent ~= null then
    ok, err = check.document_id("parent", node.parent)
    if not ok then return nil, err end
  end
  draft.body, err = body_of(batch, node)
  if not draft.body then return nil, err end
  draft.user = session_text.is_user(draft.body)
  return draft
end

--- Checks nodes that are to be added.
---@param ctx moonbase.Context
---@param list moonbase.Node[]
---@param name string  the argument's name
---@return moonbase.NodeDraft[]|nil
---@return moonbase.Error|nil err  `invalid`
function session_drafts.prepare(ctx, list, name)
  local drafts, count = {}, check.array(name, list)
  if count == 0 then return drafts end
  local now, failure = check_at(ctx:now())
  if not now then return nil, failure end
  local batch = { ctx = ctx, now = now }
  for i = 1, count do
    local node = list[i]
    if type(node) ~= "table" then check.type(name .. "[" .. i .. "]", node, "table") end
    local draft = { name = name, number = i, given = node.id ~= nil, parent = node.parent,
      id = nil, body = nil, user = nil }
    local ok, err = fill(batch, draft, node)
    if not ok then return blame_field(draft, err) end
    drafts[i] = draft
  end
  return drafts
end

return session_drafts
