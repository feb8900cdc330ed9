--- The engine as a transaction's own parts see it: every use makes sure first that the transaction
-- is open and belongs to the calling coroutine.

local core = require "moonbase.core"
local errors = require "moonbase.errors"

local bound_engine = {}

--- What is known of one that is open. A savepoint has only the fields up to `mark`.
---@class moonbase.Transaction
---@field userdata userdata
---@field root moonbase.Transaction     itself, or what it is a savepoint of
---@field owner? thread                 the coroutine it belongs to
---@field managed boolean               ended by the function that it is run by
---@field mark integer                  how many participants there were before it
---@field ended? boolean                its owner knows that it timed out
---@field id string
---@field label? string
---@field started_at integer
---@field context moonbase.Context      of the store that it was begun on
---@field participants moonbase.Participant[]
---@field deciding? boolean             it is being committed
---@field lost? moonbase.Error          why somebody else rolled it back

--- Why the transaction cannot be used, when somebody else ended it. Raises when it cannot be used
--- for another reason.
---@param record moonbase.Transaction
---@return moonbase.Error|nil
function bound_engine.lost(record)
  local root = record.root
  if not root.lost then
    record.userdata:assert_active()
    return nil
  end
  if record.owner ~= coroutine.running() then errors.raise("wrong_coroutine") end
  if record.ended then errors.raise("closed", "the transaction has ended: rolled_back") end
  if not root.managed then core.told(root.userdata) end
  return root.lost
end

local Bound = {}

for _, name in ipairs { "run", "row", "rows", "value", "values", "exec", "atomic", "snapshot",
            "begin", "in_transaction" } do
  Bound[name] = function(self, ...)
    local err = bound_engine.lost(self.record)
    if err then return nil, err end
    local engine = self.base
    return engine[name](engine, ...)
  end
end

local metatable = {
  __index = function(self, key)
    return Bound[key] or self.base[key]
  end,
}

--- The engine itself.
---@param engine moonbase.Engine  perhaps a bound one
---@return moonbase.Engine
function bound_engine.base_of(engine)
  return rawget(engine, "base") or engine
end

--- Binds an engine to a transaction.
---@param engine moonbase.Engine
---@param record moonbase.Transaction
---@return moonbase.Engine
function bound_engine.bind(engine, record)
  return setmetatable({ base = bound_engine.base_of(engine), record = record,
    transaction = record.userdata }, metatable)
end

return bound_engine
