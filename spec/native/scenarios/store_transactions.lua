-- Transactions of the public API: run, begun, nested, given up.
local steps = require "spec.native.steps"

local function user(text)
  return { role = "user", content = text }
end

local function two_threads(tx)
  local ok, err = tx.threads:append("a", { user "in a" })
  if not ok then return nil, err end
  return tx.threads:append("b", { user "in b" })
end

local function nested(tx, store)
  local ok, err = tx.threads:append("a", { user "outer" })
  if not ok then return nil, err end
  ok, err = store:transaction(function(inner)
    return inner.threads:append("c", { user "inner" })
  end)
  if not ok then return nil, err end
  ok, err = store.threads:append("a", { user "joined" })
  if not ok then return nil, err end
  return #ok
end

local function given_up(store)
  local ok, first, second = pcall(store.transaction, store, function(tx)
    assert(tx.threads:append("a", { user "never" }))
    error("given up", 0)
  end)
  if ok then return first, second end
  if first == "given up" then return true end
  error(first, 0)
end

local function with_savepoint(store, tx)
  assert(tx.threads:append("d", { user "kept" }))
  local inner = assert(tx:savepoint())
  assert(store.threads:append("d", { user "undone" }))
  assert(inner:rollback())
  return assert(tx:commit())
end

-- Whatever fails on the way ends it.
local function begun(store)
  local tx, err = store:begin()
  if not tx then return nil, err end
  local ok, result = pcall(with_savepoint, store, tx)
  if ok then return result end
  if tx:status() == "active" then tx:rollback() end
  error(result, 0)
end

return steps.scenario {
  { "transaction", function(s) return s:transaction(two_threads) end },
  { "nested", function(s) return s:transaction(function(tx) return nested(tx, s) end) end },
  { "given up", given_up },
  { "begin", begun },
  { "after", function(s) return s.threads:append("a", { user "after" }) end },
  { "count", function(s) return s.threads:count("a") end },
}
