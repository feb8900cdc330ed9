--- Runs: one execution of an agent on a thread each.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local Listing = require "moonbase.listing"
local run_record = require "moonbase.run_record"
local run_retention = require "moonbase.run_retention"

---@class moonbase.Runs
local Runs = {}
Runs.__index = Runs

---@param ctx moonbase.Context
---@return moonbase.Runs
function Runs.new(ctx)
  return setmetatable({ ctx = ctx }, Runs)
end

--- Creates a run, of any status (default `created`). A thread of its name shows it.
---@param run table  thread, agent and any other field of a run; without an id it gets a new one
---@return moonbase.Run|nil
---@return moonbase.Error|nil  `exists`, `invalid` with `field`, `serialization`
function Runs:create(run)
  check.type("run", run, "table")
  return self.ctx:write(run_record.create, self.ctx, run)
end

--- Changes fields of a run; `moonbase.null` clears one. Leaving `waiting` drops the field too.
---@param id string
---@param patch table  fields of a run
---@return moonbase.Run|nil
---@return moonbase.Error|nil  `not_found`, `invalid` with `field`, `serialization`
function Runs:update(id, patch)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  check.type("patch", patch, "table")
  return self.ctx:write(run_record.update, self.ctx, id, patch)
end

--- A run, nil when there is none.
---@param id string
---@return moonbase.Run|nil
---@return moonbase.Error|nil
function Runs:get(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  local row
  row, err = run_record.find(self.ctx, id)
  return row and row.run, err
end

--- The run of a thread with the greatest `updated_at`, of several the one written last; nil when
--- there is none.
---@param thread string
---@return moonbase.Run|nil
---@return moonbase.Error|nil
function Runs:latest(thread)
  local ok, err = check.id("thread", thread)
  if not ok then return nil, err end
  return run_record.latest(self.ctx, thread)
end

local QUERY = { thread = "string", status = "string", agent = "string", limit = "number",
  cursor = "string", offset = "number", total = "boolean" }

local FILTERS = { { "thread", check.id }, { "agent", check.id } }

local LIST = Listing.new {
  name = "runs:list",
  columns = run_record.columns,
  source = "FROM runs",
  order = { { "created_at", "ASC" }, { "id", "ASC" } },
  filters = {
    { "scope", "scope = $scope" }, { "thread", "thread = $thread" },
    { "status", "status = $status" }, { "agent", "agent = $agent" },
  },
  item = function(row) return row.run end,
}

--- Runs, oldest first, then by id.
---@param query? table  thread, status, agent, limit, cursor, offset, total
---@return moonbase.Page|nil
---@return moonbase.Error|nil  `invalid`
function Runs:list(query)
  query = check.options("query", query, QUERY)
  local filters, err = check.fields(query, FILTERS)
  if not filters then return nil, err end
  if query.status then
    filters.status = check.choice("status", query.status, run_record.transitions)
  end
  filters.scope, err = self.ctx:scope()
  if err then return nil, err end
  return LIST:page(self.ctx.engine, query, filters)
end

--- Removes runs that have been done, and not changed, for more than `older_than` ms, in batches:
--- other writers get in between. The latest of a thread stays. Inside a transaction it is all or
--- nothing.
---@param options { older_than: integer }
---@return integer|nil count       removed
---@return moonbase.Error|nil err  `invalid`; `removed` is the count that is gone nevertheless
function Runs:prune(options)
  options = check.options("options", options, { older_than = "number" })
  if not options.older_than then return errors.invalid("older_than", "is missing") end
  local age, err = check.duration("older_than", options.older_than)
  if not age then return nil, err end
  return run_retention.prune(self.ctx, self.ctx:now() - age)
end

return Runs
