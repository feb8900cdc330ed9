-- Makes a file: opening, journal mode, schema, first write.
return {
  prepare = function() end,

  run = function(t)
    local opened, engine = t:try(t.open, t)
    if not opened then return end
    t.engine = engine
    local made = t:try(engine.atomic, engine, function()
      local ok, err = engine:exec(t.ITEMS)
      if not ok then return nil, err end
      return engine:set_schema_version(3)
    end)
    if not made then return end
    t.version = 3
    t:try_put(1, "first")
  end,

  finish = function(t)
    t.engine = t.engine or assert(t:open())
    t:same(t.version or 0, t.engine:value("PRAGMA user_version"), "version")
    assert(t.engine:exec(t.ITEMS))
    assert(t:put(-1, "after"))
    t.items[-1] = "after"
    assert(t.engine:close())
  end,
}
