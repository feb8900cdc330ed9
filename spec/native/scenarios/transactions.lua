-- Explicit transactions: committed, rolled back, with savepoints, and forgotten.
local function begin(t) return t.engine:begin() end

-- `ending` is the name of the last step.
local function through(t, ending, base)
  local began, tx = t:try(begin, t)
  if not began then return end
  local first = t:try(t.put, t, base, "in")
  local opened, inner = t:try(tx.savepoint, tx)
  if opened then
    t:try(t.put, t, base + 1, "undone")
    if not t:try(inner.rollback, inner) then
      t:same("rolled_back", inner:status(), "savepoint")
    end
  end
  local kept
  opened, inner = t:try(tx.savepoint, tx)
  if opened then
    kept = t:try(t.put, t, base + 2, "kept")
    kept = t:try(inner.commit, inner) and kept
  end
  local changes = { [base] = first and "in" or nil, [base + 2] = kept and "kept" or nil }
  if ending == nil then return end -- to be collected
  local ended
  if ending == "rollback" then
    t:try(tx.rollback, tx)
  else
    ended = t:try_commit(changes, tx.commit, tx)
  end
  if tx:status() == "active" then tx:rollback() end -- there was no memory for the call
  t:same(ended and "committed" or "rolled_back", tx:status(), "status")
end

return {
  run = function(t)
    through(t, "commit", 10)
    through(t, "rollback", 20)
    through(t, nil, 30)
    collectgarbage()
    collectgarbage()
    t:same(false, t.engine:in_transaction(), "in a transaction")
    through(t, "commit", 40)
    t:try_put(1, "one")
  end,
}
