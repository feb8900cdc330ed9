--- What the items of a list hold.

local lists = {}

--- One field of each item, in order.
---@param list table[]
---@param name string
---@return any[]
function lists.field(list, name)
  local values = {}
  for i, item in ipairs(assert(list)) do values[i] = item[name] end
  return values
end

--- The cursors of events.
function lists.cursors(events)
  return lists.field(events, "cursor")
end

return lists
