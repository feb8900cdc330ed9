--- Transactions that span several calls: `store:transaction` and `store:begin`.

local core = require "moonbase.core"
local errors = require "moonbase.errors"

local transaction = {}

-- The engine as a transaction's own parts see it: every use makes sure first
-- that the transaction is open and belongs to the calling coroutine.
local Bound = {}

for _, name in ipairs { "run", "row", "rows", "value", "values", "exec", "atomic", "snapshot",
            "begin", "in_transaction" } do
  Bound[name] = function(self, ...)
    self.transaction:assert_active()
    local engine = self.engine
    return engine[name](engine, ...)
  end
end

local bound_metatable = {
  __index = function(self, key)
    return Bound[key] or self.engine[key]
  end,
}

local function bind_engine(engine, tx)
  return setmetatable({ engine = engine, transaction = tx }, bound_metatable)
end

-- Gives the userdata its id and the parts of the store.
local function dress(store, tx, nested)
  local shared = store.context.engine.shared
  if not nested then shared.transaction_id = store.context:new_id() end
  local fields = store:view(bind_engine(store.context.engine, tx))
  rawset(fields, "id", shared.transaction_id)
  core.fields(tx, fields)
end

local function begin(store, timeout, managed)
  local engine = store.context.engine
  local nested = engine:in_transaction()
  local tx, err = engine:begin(timeout, managed)
  if not tx then return nil, err end
  -- A raise (of new_id, or for lack of memory) would leave it open, and what
  -- the coroutine writes next would join it.
  local ok, failure = pcall(dress, store, tx, nested)
  if ok then return tx end
  engine.finish(tx, false)
  error(failure, 0)
end

local function settle(engine, tx, ok, first, second, ...)
  if not ok then
    engine.finish(tx, false)
    error(first, 0)
  end
  if first == nil and second ~= nil then
    engine.finish(tx, false)
    return nil, second, ...
  end
  local kept, err = engine.finish(tx, true)
  if not kept then return nil, err end
  return first, second, ...
end

--- Runs fn(tx) in one transaction, or in a savepoint of the one that is open.
---@param store table  the store or transaction it is called on
---@param options table  timeout?
---@param fn function
function transaction.run(store, options, fn)
  local tx, err = begin(store, options.timeout, true)
  if not tx then return nil, err end
  return settle(store.context.engine, tx, pcall(fn, tx))
end

--- Takes the write lock and gives the transaction.
---@param store table
---@param options table  timeout?, label?
---@return userdata?, moonbase.Error?
function transaction.begin(store, options)
  if store.context.engine:in_transaction() then
    errors.raise("invalid", "a transaction is open already; use savepoint() or transaction()")
  end
  return begin(store, options.timeout, false)
end

return transaction
