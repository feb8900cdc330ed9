--- Transactions that span several calls: `store:transaction` and `store:begin`.
-- The outermost one is the root; those inside it are savepoints. Each is a userdata of the core,
-- whose methods and parts are here.

local bound_engine = require "moonbase.bound_engine"
local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local open_transactions = require "moonbase.open_transactions"
local participants = require "moonbase.participants"
local transaction_log = require "moonbase.transaction_log"
local write_set = require "moonbase.write_set"

local base_of, lost = bound_engine.base_of, bound_engine.lost

local transaction = {}

--- What a user has of a transaction: a userdata with these methods and every part of the store.
---@class moonbase.Tx: moonbase.Store
---@field id string
---@field label? string
---@field status fun(self: moonbase.Tx): string  "active" "preparing" "committing" "rolling_back"
---  "committed" "rolled_back"
local Transaction = {}

-- Gives the userdata its methods and the parts of the store.
local function dress(store, record)
  record.owner = coroutine.running()
  local fields = store:view(bound_engine.bind(store.context.engine, record))
  for name, method in pairs(Transaction) do rawset(fields, name, method) end
  rawset(fields, "id", record.root.id)
  rawset(fields, "label", record.root.label)
  rawset(fields, "record", record)
  rawset(fields, "abandoned", function() open_transactions.abandoned(record) end)
  core.fields(record.userdata, fields)
end

-- The root is known to others from here on.
local function become_root(record, store, label)
  local context = store.context:with { engine = base_of(store.context.engine) }
  local id, err = check.id("new_id", context:new_id())
  if not id then return nil, err end
  record.root, record.mark, record.participants = record, 0, {}
  record.id, record.label, record.context = id, label, context
  record.started_at = context:now()
  dress(store, record)
  local ok
  ok, err = write_set.record(context.engine)
  if not ok and err then return nil, err end
  open_transactions.add(record)
  return record
end

local function become_savepoint(record, root, store)
  record.root, record.mark = root, #root.participants
  dress(store, record)
  return record
end

-- Inside a call's own transaction: nothing of it is known outside, hence none in the log.
local function become_inner(record, store)
  local context = store.context
  record.root, record.mark, record.participants = record, 0, {}
  record.id, record.context, record.inner = context:new_id(), context, true
  dress(store, record)
  return record
end

local function become(record, store, label, nested)
  if not nested then return become_root(record, store, label) end
  local root = open_transactions.own(base_of(store.context.engine))
  if root then return become_savepoint(record, root, store) end
  return become_inner(record, store)
end

local function begin(store, options, managed)
  local engine = base_of(store.context.engine)
  local nested = engine:in_transaction()
  local record = { userdata = false, managed = managed } -- made before there is something to lose
  local userdata, err = engine:begin(options.timeout, managed)
  if not userdata then return nil, err end
  record.userdata = userdata
  -- A raise (of new_id, or for lack of memory) would leave it open, and what
  -- the coroutine writes next would join it.
  local ok, made, failure = pcall(become, record, store, options.label, nested)
  if ok and made then return record end
  engine.finish(userdata, false)
  if not ok then error(made, 0) end
  return nil, failure
end

-- Tells participants, under that status.
local function tell_rollback(record, all)
  local root = record.root
  if #root.participants <= record.mark then return end
  local outermost = record == root
  if outermost then core.phase(root.userdata, "rolling_back") end
  participants.roll_back(root, record.mark, all)
  if outermost then core.phase(root.userdata, "rolled_back") end
end

-- The rollback itself comes first: what follows may raise for lack of memory.
local function roll_back(record, all)
  local ok, err = core.finish(record.userdata, false)
  if record == record.root then open_transactions.forget(record) end
  tell_rollback(record, all)
  return ok, err
end

-- The first phase, and the commit.
local function decide(root)
  local ok, err = participants.prepare(root)
  local number = true
  if ok and not root.inner then
    number, err = transaction_log.add(root)
    ok = number
  end
  if ok then ok, err = core.finish(root.userdata, true) end
  if not ok then return nil, err end
  return number
end

-- Its owner learns that somebody else ended it.
local function acknowledge(record)
  record.ended = true
  if record == record.root then core.told(record.userdata) end
  return nil, record.root.lost
end

-- However deciding failed, nothing stays.
local function undo(root)
  local status = root.userdata:status()
  if status == "active" or status == "preparing" then
    roll_back(root, false)
    return
  end
  open_transactions.forget(root)
  if root.lost then acknowledge(root) end
  tell_rollback(root, false)
end

local function commit_root(root)
  root.deciding = true
  local returned, number, err = pcall(decide, root)
  root.deciding = nil
  if not (returned and number) then
    undo(root)
    if not returned then error(number, 0) end
    return nil, err
  end
  open_transactions.forget(root)
  if #root.participants > 0 then
    pcall(participants.commit, root, number) -- what fails is done by recover
    core.phase(root.userdata, "committed")
  end
  return true
end

local function commit(record)
  if record == record.root then return commit_root(record) end
  return core.finish(record.userdata, true)
end

-- Gives what fn gave, no more and no less.
local function settle(record, ok, ...)
  local first, second = ...
  if record.root.lost then
    acknowledge(record)
    if not ok then error(first, 0) end
    return nil, record.root.lost
  end
  if not ok or (first == nil and second ~= nil) then
    roll_back(record, true)
    if not ok then error(first, 0) end
    return ...
  end
  local kept, err = commit(record)
  if not kept then return nil, err end
  return ...
end

--- Runs fn(tx) in one transaction, or in a savepoint of the one that is open.
---@param store table  the store or transaction it is called on
---@param options table  timeout?, label?
---@param fn function
function transaction.run(store, options, fn)
  local record, err = begin(store, options, true)
  if not record then return nil, err end
  return settle(record, pcall(fn, record.userdata))
end

--- Takes the write lock and gives the transaction.
---@param store table
---@param options table  timeout?, label?
---@return moonbase.Tx?, moonbase.Error?
function transaction.begin(store, options)
  local open, err = store.context.engine:in_transaction()
  if err then return nil, err end
  if open then
    errors.raise("invalid", "a transaction is open already; use savepoint() or transaction()")
  end
  local record
  record, err = begin(store, options, false)
  return record and record.userdata, err
end

-- The record of a transaction that may be added to now; nil when somebody else ended it.
local function usable(self)
  local record = self.record
  local err = lost(record)
  if err then return nil, err end
  if record.root.deciding then errors.raise("invalid", "the transaction is being committed") end
  return record
end

-- The same of one that its user may end.
local function endable(self)
  local record, err = usable(self)
  if not self.record.managed then
    if not record then return acknowledge(self.record) end
  elseif record then
    errors.raise("invalid", "the function that runs this transaction ends it")
  end
  return record, err
end

--- Makes everything durable and visible. In an enclosing transaction: a part of that one.
---@return true|nil
---@return moonbase.Error|nil err  nothing was changed; `timeout` when it was ended from outside
function Transaction:commit()
  local record, err = endable(self)
  if not record then return nil, err end
  return commit(record)
end

--- Undoes everything since it began.
---@return true|nil
---@return moonbase.Error|nil err  `timeout` when it was ended, and undone, from outside
function Transaction:rollback()
  local record, err = endable(self)
  if not record then return nil, err end
  return roll_back(record, true)
end

--- A transaction inside this one, with an end of its own.
---@return moonbase.Tx|nil tx
---@return moonbase.Error|nil
function Transaction:savepoint()
  local record, err = usable(self)
  if not record then return nil, err end
  local made
  made, err = begin(self, {}, false)
  return made and made.userdata, err
end

--- Adds an outside participant: when the transaction is committed, all prepare(tx_id) run first,
--- in this order, and one that raises or returns nil and an error rolls everything back; then the
--- decision is written together with the data; then all commit(tx_id) run. What fails there is
--- retried by `store.transactions:recover`.
---@param name string       as recover will name it
---@param callbacks { prepare: fun(id: string), commit: fun(id: string), rollback: fun(id: string) }
---@return true|nil
---@return moonbase.Error|nil err  `exists` when one of that name takes part
function Transaction:enlist(name, callbacks)
  local record, err = usable(self)
  if not record then return nil, err end
  if record.root.inner then
    errors.raise("invalid", "nothing can take part in the transaction of a single call")
  end
  return participants.add(record.root, name, callbacks)
end

--- What was written so far, by part and id; what was undone is not in it.
---@return moonbase.Written[]|nil  up to 10,000
---@return boolean|moonbase.Error  true when there was more
function Transaction:write_set()
  local record = self.record
  local err = lost(record)
  if err then return nil, err end
  return write_set.get(record.root.context)
end

--- Undoes it unless it has ended; what the end of a `<close>` scope does.
function Transaction:close()
  local record = self.record
  if record.root.lost then
    if not record.managed then acknowledge(record) end
  elseif (self:status() == "active" or self:status() == "preparing") and not record.managed then
    lost(record)
    roll_back(record, true)
  end
end

return transaction
