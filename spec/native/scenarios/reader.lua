-- Another coroutine reads, through the second reader, while a transaction is open.
local function results(ok, ...)
  if not ok then error((...), 0) end
  return ...
end

local function in_coroutine(fn, ...)
  return results(coroutine.resume(coroutine.create(fn), ...))
end

local function count(t)
  return t.engine:value("SELECT count(*) FROM items")
end

-- Refused, and with nothing but `busy`.
local function refused(t)
  local ok, err = t:put(99, "never")
  if ok then error("wrote into the transaction of another coroutine", 0) end
  if err.code ~= "busy" then return nil, err end
  return true
end

return {
  run = function(t)
    t:try_put(1, "one")
    local before = t.items[1] and 1 or 0
    local began, tx = t:try(t.engine.begin, t.engine)
    if not began then return end
    local put = t:try(t.put, t, 2, "two")
    for _ = 1, 2 do
      local ok, seen = t:try(in_coroutine, count, t)
      if ok then t:same(before, seen, "committed items") end
    end
    t:try(in_coroutine, refused, t)
    local ok, seen = t:try(count, t)
    if ok then t:same(before + (put and 1 or 0), seen, "own items") end
    t:try_commit({ [2] = put and "two" or nil }, tx.commit, tx)
    t:try_commit({ [3] = "three" }, in_coroutine, t.put, t, 3, "three")
  end,
}
