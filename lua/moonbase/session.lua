--- A session: a tree of nodes with a leaf, the node to go on from.
-- A handle stands for one session, not for its id: once that session is deleted, every call is
-- `not_found`, also when another one has taken the id.

local check = require "moonbase.check"
local core = require "moonbase.core"
local session_checkpoint = require "moonbase.session_checkpoint"
local session_commit = require "moonbase.session_commit"
local session_forks = require "moonbase.session_forks"
local session_nodes = require "moonbase.session_nodes"
local session_reader = require "moonbase.session_reader"
local session_rows = require "moonbase.session_rows"
local session_segments = require "moonbase.session_segments"
local session_tombstones = require "moonbase.session_tombstones"
local session_turns = require "moonbase.session_turns"
local session_usage = require "moonbase.session_usage"

--- How many stamps one call forgets.
local PRUNE_LIMIT = 10000

---@class moonbase.Session
---@field id string
---@field key integer
---@field ctx moonbase.Context
local Session = {}
Session.__index = Session

Session.__tostring = function(self) return "moonbase.session (" .. self.id .. ")" end
Session.__name = "moonbase.session"

---@param ctx moonbase.Context
---@param key integer
---@param id string
---@return moonbase.Session
function Session.new(ctx, key, id)
  return setmetatable({ ctx = ctx, key = key, id = id }, Session)
end

--- Where the session stands.
---@return moonbase.SessionHead|nil
---@return moonbase.Error|nil err  `not_found` once it was deleted, here and in every other call
function Session:head()
  return session_reader.head(self.ctx, self)
end

--- Adds nodes, each below the one before it unless it names its parent, the first below the leaf.
--- The last one is the leaf then. `parent = moonbase.null` makes a node another root.
---@param nodes moonbase.Node[]
---@param options? { expected: integer }  the revision that the session must have
---@return moonbase.Node[]|nil     with id, parent and time
---@return moonbase.Error|nil err  `conflict` (`expected`, `actual`), `exists`, `not_found` for an
---  unknown parent, `invalid` (`field`), `serialization` (`field`)
function Session:append(nodes, options)
  check.type("nodes", nodes, "table")
  options = check.options("options", options, { expected = "number" })
  if options.expected ~= nil then
    local ok, err = check.integer("expected", options.expected)
    if not ok then return nil, err end
  end
  return session_commit.append(self.ctx, self, nodes, options.expected)
end

--- Writes what a turn produced: all of it in one transaction, or nothing.
---@param plan moonbase.SessionPlan
---@return moonbase.SessionCommit|nil
---@return moonbase.Error|nil err  `conflict` for another revision (`expected`, `actual`) or a turn
---  with another content; `lease_lost` for a lease or a job that is no longer held; `exists`,
---  `not_found`, `invalid` (`field`), `serialization` (`field`)
function Session:commit(plan)
  return session_commit.run(self.ctx, self, plan)
end

--- A node, nil when there is none.
---@param id string
---@return moonbase.Node|nil
---@return moonbase.Error|nil err  `corrupt`
function Session:node(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self:graph():read(id)
end

--- Iterates over all nodes in the order in which they were added, a page at a time. Holds no
--- statement between two steps.
---@return (fun(): moonbase.Node|nil)|nil iterator  raises what goes wrong on the way
---@return moonbase.Error|nil err
function Session:nodes()
  return session_reader.nodes(self.ctx, self)
end

--- The nodes from a root to the leaf.
---@param leaf? string  or to this node
---@return moonbase.Node[]|nil
---@return moonbase.Error|nil err  `not_found`, `corrupt` when one of them is missing
function Session:path(leaf)
  if leaf ~= nil then
    local ok, err = check.id("leaf", leaf)
    if not ok then return nil, err end
  end
  return self:graph():read_path(leaf)
end

local function checkout(ctx, handle, id)
  local row, ok, err
  row, err = session_rows.find(ctx, handle)
  if row then ok, err = session_nodes.move_leaf(ctx, row, id, "id") end
  if ok then ok, err = session_rows.save(ctx, row) end
  if not ok then return nil, err end
  return true
end

--- Moves the leaf to a node.
---@param id string
---@return true|nil
---@return moonbase.Error|nil err  `not_found`
function Session:checkout(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx:write(checkout, self.ctx, self, id)
end

-- The handle is made before the commit: afterwards nothing may fail any more.
local function make_fork(self, at, id)
  local key, err = session_forks.make(self.ctx, self, at, id)
  if not key then return nil, err end
  return Session.new(self.ctx, key, id)
end

--- Makes a session that holds the path to a node alone. Nothing is copied, and what becomes of
--- this session does not reach it.
---@param options? { at: string, id: string }  at: default the leaf
---@return moonbase.Session|nil
---@return moonbase.Error|nil err  `not_found`, `exists`
function Session:fork(options)
  options = check.options("options", options, { at = "string", id = "string" })
  local id, err = check.id_or_new("id", options.id, self.ctx)
  if id and options.at ~= nil then
    local ok
    ok, err = check.id("at", options.at)
    if not ok then return nil, err end
  end
  if not id then return nil, err end
  return self.ctx:write(make_fork, self, options.at, id)
end

--- Takes nodes out of sight. A leaf among them moves up to the nearest node that stays.
---@param ids string[]
---@return integer|nil count       how many were in sight
---@return moonbase.Error|nil err  `conflict` for a node that live nodes or forks stand on,
---  `not_found`
function Session:tombstone(ids)
  local ok, err = session_tombstones.check(ids)
  if not ok then return nil, err end
  return self.ctx:write(session_tombstones.set, self.ctx, self, ids)
end

local function vacuum(ctx, handle)
  local row, err = session_rows.find(ctx, handle)
  if not row then return nil, err end
  return session_segments.vacuum(ctx.engine, row)
end

--- Removes tombstoned nodes for good.
---@return integer|nil count
---@return moonbase.Error|nil err
function Session:vacuum()
  return self.ctx:write(vacuum, self.ctx, self)
end

--- The ids of the nodes that do not lie on the path to the leaf, in the order in which they were
--- added.
---@return string[]|nil
---@return moonbase.Error|nil err  `corrupt`
function Session:orphans()
  return self:graph():orphans()
end

--- The ids of the nodes that no other stands on, in the order in which they were added.
---@return string[]|nil
---@return moonbase.Error|nil err
function Session:leaves()
  return self:graph():leaves()
end

-- One that is not the head's may be collected, and some of it be gone already.
local function earlier_checkpoint(ctx, ref)
  local whole, err = session_checkpoint.is_whole(ctx, ref)
  if not whole then return nil, err end
  return session_checkpoint.load(ctx, ref)
end

local function checkpoint(ctx, handle, ref)
  local row, parts, err
  row, err = session_rows.find(ctx, handle)
  if not row then return nil, err end
  if ref and ref ~= row.checkpoint_ref then return earlier_checkpoint(ctx, ref) end
  if not row.checkpoint_ref then return nil end
  parts, err = session_checkpoint.load(ctx, row.checkpoint_ref)
  if parts or err or ref then return parts, err end
  return session_checkpoint.lost(row.checkpoint_ref)
end

--- The documents of a checkpoint.
---@param ref? string  default: the checkpoint of the head
---@return { turn: any, tools: any, plugins: any, execution: any }|nil  nil alone when there is none
---@return moonbase.Error|nil err  `corrupt`
function Session:checkpoint(ref)
  if ref ~= nil then
    local ok, err = check.id("ref", ref)
    if not ok then return nil, err end
  end
  return self.ctx.engine:snapshot(checkpoint, self.ctx, self, ref)
end

local function usage(ctx, handle)
  local row, err = session_rows.find(ctx, handle)
  if not row then return nil, err end
  return session_usage.report(ctx, row.key)
end

--- The tokens that the session used; a fork begins with none.
---@return moonbase.UsageReport|nil
---@return moonbase.Error|nil err
function Session:usage()
  return self.ctx.engine:snapshot(usage, self.ctx, self)
end

--- What answers questions about the tree; see docs/graph.md.
---@return moonbase.SessionGraph
function Session:graph()
  return self.ctx.engine:session_graph(self.key, self.id, self.ctx.scope_name)
end

local UPDATE = [[
  UPDATE sessions SET name = CASE WHEN $set_name THEN $name ELSE name END,
    model = CASE WHEN $set_model THEN $model ELSE model END,
    cwd = CASE WHEN $set_cwd THEN $cwd ELSE cwd END, updated_at = $now
  WHERE key = $key]]

local function update(ctx, handle, patch, values)
  local row, changes, err
  row, err = session_rows.find(ctx, handle)
  if not row then return nil, err end
  changes, err = ctx.engine:run(UPDATE, patch.name ~= nil, values.name, patch.model ~= nil,
    values.model, patch.cwd ~= nil, values.cwd, ctx:now(), row.key)
  if not changes then return nil, err end
  return true
end

local PATCH = { name = "string", model = "string", cwd = "string" }

-- A patch without its nulls.
local function given_fields(patch)
  local given = {}
  check.type("patch", patch, "table")
  for key, value in next, patch do
    if PATCH[key] == nil or value ~= core.null then given[key] = value end
  end
  return check.options("patch", given, PATCH)
end

--- Changes what the session is called; `moonbase.null` clears a field.
---@param patch { name: string, model: string, cwd: string }
---@return true|nil
---@return moonbase.Error|nil err  `invalid`
function Session:update(patch)
  local values, err = check.fields(given_fields(patch), {
    { "name", check.text }, { "model", check.text }, { "cwd", check.text },
  })
  if not values then return nil, err end
  return self.ctx:write(update, self.ctx, self, patch, values)
end

local function prune(ctx, handle, age)
  local row, err = session_rows.find(ctx, handle)
  if not row then return nil, err end
  return session_turns.prune(ctx, row.key, ctx:now() - age, PRUNE_LIMIT)
end

--- Forgets the stamps of old commits, up to 10,000 of them: such a turn would be committed again.
---@param options { older_than: integer }  ms
---@return integer|nil count
---@return moonbase.Error|nil err  `invalid`
function Session:prune(options)
  check.type("options", options, "table")
  check.options("options", options, { older_than = "number" })
  local age, err = check.duration("older_than", options.older_than)
  if not age then return nil, err end
  return self.ctx:write(prune, self.ctx, self, age)
end

return Session
