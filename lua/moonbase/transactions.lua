--- The transactions part: what is open, what was committed, and participants that still have to
--- be told.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local open_transactions = require "moonbase.open_transactions"
local participants = require "moonbase.participants"
local retention = require "moonbase.retention"
local transaction_log = require "moonbase.transaction_log"

---@class moonbase.Transactions
---@field ctx moonbase.Context
local Transactions = {}
Transactions.__index = Transactions

---@class moonbase.OpenTransaction
---@field id string
---@field label? string
---@field scope string        of the store it was begun on
---@field status string       "active" or "preparing"
---@field started_at integer  ms since 1970

---@class moonbase.LoggedTransaction
---@field id string
---@field label? string
---@field committed_at integer                 ms since 1970
---@field write_set moonbase.Written[]         up to 10,000
---@field truncated? boolean                   it wrote more than that
---@field participants { name: string, done: boolean }[]  in the order of enlisting

local DEFAULT_LIMIT, MAX_LIMIT = 50, 200

---@param ctx moonbase.Context
---@return moonbase.Transactions
function Transactions.new(ctx)
  return setmetatable({ ctx = ctx }, Transactions)
end

--- The explicit transactions that this process has open on the file, of all scopes, oldest first.
---@return moonbase.OpenTransaction[]
function Transactions:active()
  local list = {}
  for i, root in ipairs(open_transactions.list(self.ctx)) do
    list[i] = {
      id = root.id, label = root.label, scope = root.context.scope_name,
      status = root.userdata:status(), started_at = root.started_at,
    }
  end
  return list
end

local RULES = { { "after", check.id }, { "limit", check.integer } }

--- The explicit transactions of this scope that were committed, oldest first.
---@param query? table  after: id of one, to begin behind it; limit: default 50, at most 200
---@return moonbase.LoggedTransaction[]|nil
---@return moonbase.Error|nil err  `not_found` when `after` is not in the log
function Transactions:log(query)
  query = check.options("log", query, { after = "string", limit = "number" })
  local values, err = check.fields(query, RULES)
  if not values then return nil, err end
  local limit = math.min(values.limit or DEFAULT_LIMIT, MAX_LIMIT)
  local ctx = self.ctx
  return ctx.engine:snapshot(transaction_log.read, ctx, values.after, limit)
end

local function age(name, options)
  options = check.options(name, check.type(name, options, "table"), { older_than = "number" })
  return check.duration("older_than", check.type("older_than", options.older_than, "number"))
end

--- Removes what was committed longer ago than that from the log, a bounded number in one
--- transaction. One of which a participant is not done stays.
---@param options { older_than: integer }  ms
---@return integer|nil count
---@return moonbase.Error|nil err  `removed` is the count that is gone nevertheless
function Transactions:prune(options)
  local older_than, err = age("prune", options)
  if not older_than then return nil, err end
  return retention.run(self.ctx, retention.batches, transaction_log.prune,
    self.ctx:now() - older_than)
end

--- Rolls back the transactions of this process, on this file, that have been open for longer. The
--- next call of the coroutine that one belongs to gives `timeout`.
---@param older_than integer  ms
---@return integer|nil count
---@return moonbase.Error|nil
function Transactions:timeout_stale(older_than)
  local least, err = check.duration("older_than", older_than)
  if not least then return nil, err end
  local now, count = self.ctx:now(), 0
  for _, root in ipairs(open_transactions.list(self.ctx)) do
    if now - root.started_at > least then
      local ok
      ok, err = open_transactions.timeout(root)
      if not ok then return nil, err end
      count = count + 1
    end
  end
  return count
end

-- One transaction and participant: how many are done by it.
local function finish(ctx, name, fn, entry)
  local ok, failure = participants.call(fn, entry.id)
  if ok then return ctx:write(transaction_log.close, ctx, entry.number, { name }) end
  ctx:tell("participant_failed", {
    id = entry.id, participant = name, phase = "recover", error = failure,
  })
  return 0
end

local function recover(ctx, name, fn, progress)
  local after = 0
  while true do
    local list, err = transaction_log.open(ctx, name, after)
    if not list then return nil, err end
    for _, entry in ipairs(list) do
      local done
      done, err = finish(ctx, name, fn, entry)
      if not done then return nil, err end
      progress.done, after = progress.done + done, entry.number
    end
    if #list < transaction_log.PAGE then return true end
  end
end

local function sorted_names(handlers)
  local names = {}
  for name, fn in pairs(check.type("handlers", handlers, "table")) do
    check.type("handlers", name, "string")
    names[#names + 1] = name
    check.type("handlers." .. name, fn, "function")
  end
  table.sort(names)
  return names
end

--- Tells participants of transactions that were committed, but whose `commit` failed or was never
--- reached: calls the function of that name with each such id, oldest first. One that raises or
--- returns nil and an error is left for the next time; `on_event` is told.
---@param handlers table<string, fun(id: string)>  by the participant's name
---@return integer|nil count  of those done
---@return moonbase.Error|nil err  `done` is the count of those done nevertheless
function Transactions:recover(handlers)
  local names, progress = sorted_names(handlers), { done = 0 }
  if self.ctx.engine:in_transaction() then
    errors.raise("invalid", "recover cannot run inside a transaction")
  end
  for _, name in ipairs(names) do
    local ok, err = recover(self.ctx, name, handlers[name], progress)
    if not ok then
      err.done = progress.done
      return nil, err
    end
  end
  return progress.done
end

return Transactions
