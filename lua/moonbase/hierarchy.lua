--- The tree of threads: which parent a thread may have, and what becomes of its children.

local errors = require "moonbase.errors"

local hierarchy = {}

local PARENT = "SELECT key, parent FROM threads WHERE scope = $scope AND id = $id"

local CHILDREN = [[
  SELECT id FROM threads WHERE scope = $scope AND parent = $parent ORDER BY id]]

local function refuse(message)
  return errors.fail("invalid", message, { field = "parent" })
end

local function missing(id, first)
  if first then return refuse("parent thread not found: " .. id) end
  return refuse("thread hierarchy references missing ancestor '" .. id .. "'")
end

--- Whether a thread is its own parent, which no call lets pass.
---@param id string
---@param parent string|nil  trimmed
---@return true|nil
---@return moonbase.Error|nil  `invalid`
function hierarchy.check_self(id, parent)
  if parent == nil or parent ~= id:match("^%s*(.-)%s*$") then return true end
  return refuse("thread '" .. id .. "' cannot parent itself")
end

--- Whether a thread may have a parent: all ancestors are there, none twice. Inside the write that
--- sets it, so that two writers cannot close a cycle together.
---@param ctx moonbase.Context
---@param id string
---@param parent string|nil  trimmed
---@return true|nil
---@return moonbase.Error|nil  `invalid`
function hierarchy.check(ctx, id, parent)
  local ok, err = hierarchy.check_self(id, parent)
  if not ok then return nil, err end
  local scope
  scope, err = ctx:scope()
  if not scope then return nil, err end
  local seen, current = { [id] = true }, parent
  while current do
    if seen[current] then
      return refuse("thread hierarchy cycle detected at '" .. current .. "'")
    end
    seen[current] = true
    local row
    row, err = ctx.engine:row(PARENT, scope, current)
    if err then return nil, err end
    if not row then return missing(current, current == parent) end
    current = row.parent
  end
  return true
end

--- The ids of a thread's children, sorted.
---@param ctx moonbase.Context
---@param id string
---@return string[]|nil
---@return moonbase.Error|nil
function hierarchy.children(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:values(CHILDREN, scope, id)
end

local function detach(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:run("UPDATE threads SET parent = NULL, updated_at = $now"
    .. " WHERE scope = $scope AND parent = $parent", ctx:now(), scope, id)
end

local function reject(ctx, id)
  local children, err = hierarchy.children(ctx, id)
  if not children then return nil, err end
  if #children == 0 then return true end
  return errors.fail("invalid", "thread '" .. id
    .. "' has child threads; choose 'detach' or 'cascade'", { field = "children" })
end

-- A thread and all below it, parents before their children.
local function descend(ctx, id)
  local order, seen, at = { id }, { [id] = true }, 1
  while order[at] do
    local children, err = hierarchy.children(ctx, order[at])
    if not children then return nil, err end
    for _, child in ipairs(children) do
      if seen[child] then
        return refuse("thread hierarchy cycle detected while deleting '" .. id .. "'")
      end
      seen[child] = true
      order[#order + 1] = child
    end
    at = at + 1
  end
  return order
end

--- What deletes of a thread may do with its children.
hierarchy.strategies = {
  detach = function(ctx, id)
    local ok, err = detach(ctx, id)
    if not ok then return nil, err end
    return { id }
  end,
  reject = function(ctx, id)
    local ok, err = reject(ctx, id)
    if not ok then return nil, err end
    return { id }
  end,
  cascade = descend,
}

--- Settles a thread's children before it is deleted. Inside the write that deletes.
---@param ctx moonbase.Context
---@param id string
---@param strategy "detach"|"reject"|"cascade"
---@return string[]|nil ids  the threads to delete, the last one first
---@return moonbase.Error|nil  `invalid`
function hierarchy.settle(ctx, id, strategy)
  return hierarchy.strategies[strategy](ctx, id)
end

return hierarchy
