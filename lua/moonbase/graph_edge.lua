--- An edge of the store's graph: what its fields may be.

local check = require "moonbase.check"
local errors = require "moonbase.errors"

---@class moonbase.Edge
---@field from string
---@field rel string
---@field to string
---@field weight number        0 or more
---@field data? any            a document
---@field valid_from? integer  ms since 1970, negative before; nil: ever since
---@field valid_to? integer    the first instant at which it does not hold any more; nil: for ever
---@field source? string

local graph_edge = {}

local EXACT = 2 ^ 53

--- A time, which may lie before 1970.
---@param name string
---@param value any
---@return integer|nil time
---@return moonbase.Error|nil err  `invalid`
function graph_edge.time(name, value)
  check.type(name, value, "number")
  if value >= -EXACT and value <= EXACT and value % 1 == 0 then return check.to_integer(value) end
  return errors.invalid(name, "must be a whole number of milliseconds")
end

--- A weight as it is stored.
---@param name string
---@param value any
---@return number|nil weight
---@return moonbase.Error|nil err  `invalid`
function graph_edge.weight(name, value)
  check.type(name, value, "number")
  if value >= 0 and value < math.huge then return value + 0.0 end -- no minus zero
  return errors.invalid(name, "must be a finite number, 0 or more")
end

--- A stored weight as it is given out: an integer where it is one.
---@param value number
---@return number
function graph_edge.number(value)
  if value % 1 == 0 and value <= EXACT then return check.to_integer(value) end
  return value
end

local TYPES = { from = "string", rel = "string", to = "string", weight = "number", data = "any",
  valid_from = "number", valid_to = "number", source = "string" }
local ENDS = { from = "string", rel = "string", to = "string" }

local NAMES = { "from", "rel", "to" }

local RULES = { { "from", check.id }, { "rel", check.id }, { "to", check.id },
  { "weight", graph_edge.weight }, { "valid_from", graph_edge.time },
  { "valid_to", graph_edge.time }, { "source", check.id } }

local function checked(edge, types)
  edge = check.options("edge", edge, types)
  for _, name in ipairs(NAMES) do
    if edge[name] == nil then return errors.invalid(name, "is missing") end
  end
  return check.fields(edge, RULES)
end

--- A whole edge.
---@param edge any
---@return moonbase.Edge|nil
---@return moonbase.Error|nil err  `invalid`
function graph_edge.whole(edge)
  local values, err = checked(edge, TYPES)
  if not values then return nil, err end
  if values.valid_from and values.valid_to and values.valid_to <= values.valid_from then
    return errors.invalid("valid_to", "must be later than valid_from")
  end
  values.weight, values.data = values.weight or 1.0, edge.data
  return values
end

--- Two nodes and the relation between them.
---@param edge any
---@return table|nil
---@return moonbase.Error|nil err  `invalid`
function graph_edge.ends(edge)
  return checked(edge, ENDS)
end

return graph_edge
