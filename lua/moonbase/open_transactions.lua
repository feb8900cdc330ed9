--- The explicit transactions that are open in this Lua state: who else may look at them, and end
--- them.

local core = require "moonbase.core"
local errors = require "moonbase.errors"
local participants = require "moonbase.participants"

local open_transactions = {}

-- Weak, or none would ever be collected.
local open_roots = setmetatable({}, { __mode = "k" })

-- That of a connection, in a table as weak.
local function place(engine)
  local shared = engine.shared
  shared.open = shared.open or setmetatable({}, { __mode = "v" })
  return shared.open
end

--- Makes one known.
---@param root moonbase.Transaction
function open_transactions.add(root)
  place(root.context.engine).root = root
  open_roots[root] = true
end

--- It has ended.
---@param root moonbase.Transaction
function open_transactions.forget(root)
  local open = place(root.context.engine)
  open_roots[root] = nil
  if open.root == root then open.root = nil end
end

--- The one that the coroutine has open. A call's own transaction is none.
---@param engine moonbase.Engine
---@return moonbase.Transaction|nil
function open_transactions.own(engine)
  local root = place(engine).root
  if root and root.owner == coroutine.running() and root.userdata:status() ~= "rolled_back"
    and engine:in_transaction() then
    return root
  end
end

--- Called when one is collected that was not ended, which has rolled it back.
---@param record moonbase.Transaction
function open_transactions.abandoned(record)
  local root = record.root
  if record ~= root then
    participants.roll_back(root, record.mark, true)
    return
  end
  open_transactions.forget(root)
  if root.inner then return end
  root.context:tell("transaction_abandoned", {
    id = root.id, label = root.label, started_at = root.started_at, scope = root.context.scope_name,
  })
  participants.roll_back(root, 0, false)
end

--- Rolls back what was begun on a handle that is being closed: nothing of it could be used any
--- more, and its lock would stay until it is collected.
---@param engine moonbase.Engine
function open_transactions.close(engine)
  for root in pairs(open_roots) do
    if root.context.engine == engine and core.timeout(root.userdata) then
      core.told(root.userdata) -- nobody is: it was his handle
      open_transactions.forget(root)
      participants.roll_back(root, 0, true)
      return
    end
  end
end

-- What tells a file from others, by whatever name it was opened.
local function file_of(engine)
  if engine.path == ":memory:" then return engine.shared end
  return core.canonical_path(engine.path) or engine.path
end

-- Whether it is open still, and not one that a fork left here.
local function is_mine(root)
  if root.userdata:status() == "rolled_back" then return false end
  local _, err = root.context.engine:in_transaction()
  return err == nil
end

--- The roots that this process has open on the file, oldest first.
---@param ctx moonbase.Context
---@return moonbase.Transaction[]
function open_transactions.list(ctx)
  ctx.engine:in_transaction() -- raises when the store is closed
  local file, found = file_of(ctx.engine), {}
  for root in pairs(open_roots) do
    if is_mine(root) and file_of(root.context.engine) == file then found[#found + 1] = root end
  end
  table.sort(found, function(a, b)
    if a.started_at ~= b.started_at then return a.started_at < b.started_at end
    return a.id < b.id
  end)
  return found
end

--- Rolls one back that another coroutine may own, who is told at his next call.
---@param root moonbase.Transaction
---@return true|nil
---@return moonbase.Error|nil
function open_transactions.timeout(root)
  local preparing = root.userdata:status() == "preparing"
  local ok, err = root.context.engine:timeout(root.userdata)
  if not ok then return nil, err end
  root.lost = errors.new("timeout", "the transaction was open for too long")
  open_transactions.forget(root)
  -- Whoever is preparing tells them himself, when that is over.
  if not preparing then participants.roll_back(root, 0, true) end
  return true
end

return open_transactions
