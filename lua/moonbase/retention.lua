--- Removing what is old: a bounded number in one transaction, so that no call holds the write lock
-- for long. A removal that is cut short has removed a little less.

local pause = require "moonbase.pause"

local retention = {}

--- What one call removes, and how far it has come.
---@class moonbase.Removal
---@field ctx moonbase.Context
---@field apart boolean  each batch is a transaction of its own
---@field count integer  removed so far

--- Batches until one says that it was the last. Other processes get the lock in between.
---@param removal moonbase.Removal
---@param batch fun(ctx: moonbase.Context, ...): integer|nil, boolean|moonbase.Error|nil  removes
---  some, tells how many, and whether there may be more
---@param ... any  for `batch`
---@return integer|nil count  removed so far
---@return moonbase.Error|nil err
function retention.batches(removal, batch, ...)
  local ctx = removal.ctx
  while true do
    local count, more = ctx:write(batch, ctx, ...)
    if not count then return nil, more end
    removal.count = removal.count + count
    if not more then return removal.count end
    if removal.apart then pause.sleep(1) end -- or a waiting writer would hardly ever get the lock
  end
end

--- Runs work(removal, ...). Inside the caller's transaction it is whole or nothing; outside, an
--- error tells how many are gone already.
---@param ctx moonbase.Context
---@param work fun(removal: moonbase.Removal, ...): integer|nil, moonbase.Error|nil
---@param ... any  for `work`
---@return integer|nil count
---@return moonbase.Error|nil err  with `removed`
function retention.run(ctx, work, ...)
  local removal = { ctx = ctx, apart = not ctx.engine:in_transaction(), count = 0 }
  if not removal.apart then return ctx:write(work, removal, ...) end
  local count, err = work(removal, ...)
  if not count then err.removed = removal.count end
  return count, err
end

return retention
