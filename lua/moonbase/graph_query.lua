--- Questions to the store's graph in several steps, each from the nodes that the one before led to:
--
--     graph:query():from("ann"):out("works_at"):in_("works_at"):limit(10):all()
--
-- `depth` and `where` are about the step before them. What is wrong with a value is told by `all`
-- and `each`.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local filter = require "moonbase.filter"
local graph_edge = require "moonbase.graph_edge"

local select = select

---@class moonbase.GraphQuery
---@field run fun(values: table, names: string[], steps: table[]): table[]|nil, moonbase.Error|nil
---@field names string[]   where it begins
---@field steps table[]
---@field values table     at, limit
---@field err? moonbase.Error  the first thing that is wrong
local GraphQuery = {}
GraphQuery.__index = GraphQuery

---@param run fun(values: table, names: string[], steps: table[]): table[]|nil, moonbase.Error|nil
---@return moonbase.GraphQuery
function GraphQuery.new(run)
  return setmetatable({ run = run, names = {}, steps = {}, values = {} }, GraphQuery)
end

-- Remembers what a check found wrong.
local function note(self, value, err)
  if err and not self.err then self.err = err end
  return value
end

--- The nodes to begin at.
---@param ... string
---@return moonbase.GraphQuery self
function GraphQuery:from(...)
  for i = 1, select("#", ...) do
    self.names[#self.names + 1] = note(self, check.id("from", (select(i, ...))))
  end
  return self
end

local function add_step(self, direction, rel)
  if rel ~= nil then rel = note(self, check.id("rel", rel)) end
  self.steps[#self.steps + 1] = { direction = direction, rel = rel }
  return self
end

--- Over one edge from where it begins to where it ends.
---@param rel? string  of this relation
---@return moonbase.GraphQuery self
function GraphQuery:out(rel)
  return add_step(self, "out", rel)
end

--- Over one edge from where it ends to where it begins.
---@param rel? string  of this relation
---@return moonbase.GraphQuery self
function GraphQuery:in_(rel)
  return add_step(self, "in", rel)
end

local function last_step(self, name)
  local step = self.steps[#self.steps]
  return step or errors.misuse(name, "comes behind a step, out or in_")
end

--- The step goes on edge after edge: it leads to the nodes whose distance from where it began is
--- from `min` to `max` edges.
---@param min integer
---@param max? integer  default: min
---@return moonbase.GraphQuery self
function GraphQuery:depth(min, max)
  local step = last_step(self, "depth")
  step.min = note(self, check.integer("min", min))
  step.max = note(self, check.integer("max", max == nil and min or max))
  if step.min and step.max and step.max < step.min then
    note(self, errors.invalid("max", "is less than min"))
  end
  return self
end

local FIELDS = check.set "from rel to node weight data valid_from valid_to source"

local function both(first, second)
  if not first then return second end
  return function(edge) return first(edge) and second(edge) end
end

--- The step follows only edges that match a filter over their fields and `node`, the end that the
--- step leads to.
---@param condition moonbase.Filter
---@return moonbase.GraphQuery self
function GraphQuery:where(condition)
  local step = last_step(self, "where")
  local accept = note(self, filter.compile(condition, FIELDS))
  step.accept = accept and both(step.accept, accept)
  return self
end

--- The graph as it was valid at a time.
---@param time integer  ms since 1970
---@return moonbase.GraphQuery self
function GraphQuery:at(time)
  self.values.at = note(self, graph_edge.time("at", time))
  return self
end

--- So many nodes at most, the nearest.
---@param count integer
---@return moonbase.GraphQuery self
function GraphQuery:limit(count)
  self.values.limit = note(self, check.integer("limit", count))
  return self
end

--- The nodes that the last step leads to, each once, with the number of edges on the way: the
--- nearest first, then by name.
---@return { node: string, distance: integer }[]|nil
---@return moonbase.Error|nil err  `invalid`, `corrupt`
function GraphQuery:all()
  if self.err then return nil, self.err end
  if #self.names == 0 then return errors.invalid("from", "is missing") end
  return self.run(self.values, self.names, self.steps)
end

--- Iterates over them.
---@return (fun(): { node: string, distance: integer }|nil)|nil iterator
---@return moonbase.Error|nil err  `invalid`, `corrupt`
function GraphQuery:each()
  local found, err = self:all()
  if not found then return nil, err end
  local i = 0
  return function()
    i = i + 1
    return found[i]
  end
end

return GraphQuery
