--- Sessions: the transcripts of agents as trees of nodes, with branches, checkpoints and forks.

local check = require "moonbase.check"
local Listing = require "moonbase.listing"
local Session = require "moonbase.session"
local session_rows = require "moonbase.session_rows"
local session_segments = require "moonbase.session_segments"

---@class moonbase.Sessions
---@field ctx moonbase.Context
local Sessions = {}
Sessions.__index = Sessions

---@param ctx moonbase.Context
---@return moonbase.Sessions
function Sessions.new(ctx)
  return setmetatable({ ctx = ctx }, Sessions)
end

local CREATE = { id = "string", name = "string", model = "string", cwd = "string",
  parent = "string", caused_by = "any" }

local RULES = { { "id", check.id }, { "name", check.text }, { "model", check.text },
  { "cwd", check.text }, { "parent", check.id } }

-- The handle is made before the commit: afterwards nothing may fail any more.
local function insert(ctx, values)
  local key, err = session_rows.insert(ctx, values)
  if not key then return nil, err end
  return Session.new(ctx, key, values.id)
end

--- Creates a session without nodes.
---@param fields? table  id; name, model, cwd: texts to tell it by; parent: the session that it
---  belongs to; caused_by: any JSON value
---@return moonbase.Session|nil
---@return moonbase.Error|nil err  `exists`, `invalid` (`field`), `serialization`
function Sessions:create(fields)
  fields = check.options("session", fields, CREATE)
  local values, err
  values, err = check.fields(fields, RULES)
  if not values then return nil, err end
  values.caused_by = fields.caused_by
  values.id, err = check.id_or_new("id", values.id, self.ctx)
  if not values.id then return nil, err end
  return self.ctx:write(insert, self.ctx, values)
end

--- The session of that id, nil when there is none.
---@param id string
---@return moonbase.Session|nil
---@return moonbase.Error|nil err  `invalid`
function Sessions:open(id)
  local ok, key, err
  ok, err = check.id("id", id)
  if ok then key, err = session_rows.find_key(self.ctx, id) end
  if not key then return nil, err end
  return Session.new(self.ctx, key, id)
end

local QUERY = { parent = "string", cwd = "string", limit = "number", cursor = "string",
  offset = "number", total = "boolean" }

local LIST = Listing.new {
  name = "sessions:list",
  columns = [[id, name, model, cwd, parent, revision, node_count,
    (SELECT d.first_user_message FROM session_details d WHERE d.session = sessions.key)
      AS first_user_message,
    user_count AS user_message_count, created_at, updated_at]],
  source = "FROM sessions",
  order = { { "updated_at", "DESC" }, { "id", "ASC" } },
  filters = {
    { "scope", "scope = $scope" }, { "parent", "parent = $parent" }, { "cwd", "cwd = $cwd" },
  },
}

--- Sessions, the one with the latest activity first, then by id.
---@param query? table  parent; cwd; limit, cursor, offset, total
---@return moonbase.Page|nil       of id, name, model, cwd, parent, revision, node_count,
---  first_user_message, user_message_count, created_at, updated_at
---@return moonbase.Error|nil err  `invalid`
function Sessions:list(query)
  query = check.options("query", query, QUERY)
  local values, err = check.fields(query, { { "parent", check.id }, { "cwd", check.text } })
  if not values then return nil, err end
  values.scope, err = self.ctx:scope()
  if not values.scope then return nil, err end
  return LIST:page(self.ctx.engine, query, values)
end

local OF_SESSION = { "session_details", "session_usage", "session_turns" }

local function remove(ctx, id)
  local key, row, ok, err
  key, err = session_rows.find_key(ctx, id)
  if err then return nil, err end
  if not key then return session_rows.missing(id) end
  row, err = session_rows.find(ctx, { key = key, id = id })
  if not row then return nil, err end
  for _, name in ipairs(OF_SESSION) do
    ok, err = ctx.engine:run("DELETE FROM " .. name .. " WHERE session = $session", key)
    if not ok then return nil, err end
  end
  ok, err = ctx.engine:run("DELETE FROM sessions WHERE key = $key", key)
  if ok then ok, err = session_segments.release(ctx.engine, row.tree) end
  if not ok then return nil, err end
  return true
end

--- Deletes a session with all that no fork of it stands on. Its id may be used again.
---@param id string
---@return true|nil
---@return moonbase.Error|nil err  `not_found`
function Sessions:delete(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx:write(remove, self.ctx, id)
end

return Sessions
