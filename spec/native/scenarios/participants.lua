-- Two-phase commits: decided, refused, recovered; savepoints, write sets, the log and its pruning.
local steps = require "spec.native.steps"

local function nothing() end

local function participant(prepare)
  return { prepare = prepare or nothing, commit = nothing, rollback = nothing }
end

local function refuse() return nil, "no" end

-- Where there was no memory to end a transaction, the collector does.
local function begin(store, options)
  collectgarbage()
  collectgarbage()
  local tx, err = store:begin(options)
  if err and err.code == "timeout" then return store:begin(options) end -- told of the last attempt
  return tx, err
end

-- Runs fn on a new transaction; whatever fails on the way ends it.
local function within(store, fn)
  local tx, err = begin(store, { label = "a label" })
  if not tx then return nil, err end
  local ok, result = pcall(fn, tx)
  if ok then return result end
  if tx:status() == "active" or tx:status() == "preparing" then tx:rollback() end
  error(result, 0)
end

-- Telling it fails, so that what is left to recover does not depend on the fault.
local function decided(tx)
  local one = participant(function(id) assert(tx.kv:set("ns", "prepared", id)) end)
  one.commit = error
  assert(tx.kv:set("ns", "decided", 1))
  assert(tx:enlist("a", one))
  local ok, err = tx:commit()
  return ok or error(err.cause or err, 0)
end

local function refused(tx)
  assert(tx.kv:set("ns", "refused", 1))
  assert(tx:enlist("a", participant()))
  assert(tx:enlist("b", participant(refuse)))
  local ok, err = tx:commit()
  assert(not ok)
  return err.cause == "no" or error(err.cause or err, 0)
end

local function with_savepoint(tx)
  assert(tx.kv:set("ns", "kept", 1))
  local inner = assert(tx:savepoint())
  assert(inner.kv:set("ns", "undone", 1))
  assert(inner.kv:delete("ns", "kept"))
  assert(inner:rollback())
  local list = assert(tx:write_set())
  assert(tx:commit())
  return list
end

local function timed_out(store)
  local tx, err = begin(store)
  if not tx then return nil, err end
  local ok, failure = pcall(function() assert(tx.kv:set("ns", "stale", 1)) end)
  local now = store.context.clock
  store.context.clock = function() return now() + 1 end
  local ended, count, why = pcall(store.transactions.timeout_stale, store.transactions, 0)
  store.context.clock = now
  if ended and count == 1 then
    tx:rollback() -- learns of it
  elseif tx:status() == "active" then
    tx:rollback()
  end
  if not ok then error(failure, 0) end
  if not ended then error(count, 0) end
  return count, why
end

return steps.scenario {
  { "decided", function(s) return within(s, decided) end },
  { "recover", function(s) return s.transactions:recover { a = nothing } end },
  { "refused", function(s) return within(s, refused) end },
  { "savepoint", function(s) return within(s, with_savepoint) end },
  { "timed out", timed_out },
  { "log", function(s) return s.transactions:log { limit = 10 } end },
  { "prune", function(s) return s.transactions:prune { older_than = 2000 } end },
  { "after", function(s) return s.kv:set("ns", "after", 1) end },
}
