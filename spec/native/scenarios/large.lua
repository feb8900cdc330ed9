-- Transactions larger than the page cache, so that pages are written before the commit, and a
-- write-ahead log that is copied back all the time.
local function range(from, to)
  local items = {}
  for id = from, to do items[id] = ("%d."):format(id):rep(15000) end
  return items
end

local function fill(t, from, to)
  for id = from, to do
    local ok, err = t:put(id, ("%d."):format(id):rep(15000))
    if not ok then return nil, err end
  end
  return true
end

local function give_up(t, from, to)
  local ok, err = fill(t, from, to)
  if not ok then return nil, err end
  error("given up", 0)
end

return {
  prepare = function(t)
    t.engine = assert(t:open())
    assert(t.engine:exec(t.ITEMS .. ";PRAGMA cache_size=8; PRAGMA wal_autocheckpoint=20;"))
  end,

  run = function(t)
    local engine = t.engine
    for round = 0, 1 do
      local from = round * 10 + 1
      t:try_commit(range(from, from + 3), engine.atomic, engine, fill, t, from, from + 3)
      t:try(function()
        local ok, why = pcall(engine.atomic, engine, give_up, t, from + 4, from + 6)
        if not ok and why ~= "given up" then error(why, 0) end
        return true
      end)
      t:try_put(from + 7, "small")
    end
    t:try_commit({ false, false, false }, engine.run, engine, "DELETE FROM items WHERE id < $id", 4)
  end,
}
