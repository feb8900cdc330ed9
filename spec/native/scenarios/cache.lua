-- More statements than the cache keeps, and the first ones again.
return {
  run = function(t)
    local engine = t.engine
    for n = 1, 230 do
      local ok, sum = t:try(engine.value, engine, ("SELECT $n + %d"):format(n), n)
      if ok then t:same(2 * n, sum, "sum") end
    end
    t:try_put(1, "one")
    for n = 1, 3 do
      local ok, sum = t:try(engine.value, engine, ("SELECT $n + %d"):format(n), n)
      if ok then t:same(2 * n, sum, "sum again") end
    end
    t:try_put(2, "two")
  end,
}
