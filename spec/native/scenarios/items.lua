-- Writes one by one, each its own transaction, and reads them back.
return {
  run = function(t)
    for id = 1, 6 do t:try_put(id, ("item %d "):format(id):rep(id * 300)) end
    local ok, count = t:try(t.engine.value, t.engine, "SELECT count(*) FROM items")
    local acknowledged = 0
    for _ in pairs(t.items) do acknowledged = acknowledged + 1 end
    if ok then t:same(acknowledged, count, "count") end
  end,
}
