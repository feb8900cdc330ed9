-- Reads of one snapshot while somebody else writes.
local function count(t)
  return t.engine:value("SELECT count(*) FROM items")
end

local function two_reads(t, id)
  local first, err = count(t)
  if not first then return nil, err end
  t.wrote = t.other:run("INSERT INTO items (id, value) VALUES ($id, $value)", id, "other")
  local second
  second, err = count(t)
  if not second then return nil, err end
  t.first, t.second = first, second
  return true
end

-- A caller that takes no notice of a failure must not be shown another state.
local function careless(t, id)
  local first = count(t)
  t.wrote = t.other:run("INSERT INTO items (id, value) VALUES ($id, $value)", id, "other")
  t.engine:value("SELECT max(length(value)) FROM items")
  local second, err = count(t)
  if not first or not second then return nil, err end
  t.first, t.second = first, second
  return true
end

local function read(t, fn, id)
  t.wrote, t.first, t.second = false, 0, 0
  t:try(t.engine.snapshot, t.engine, fn, t, id)
  if t.wrote then t.items[id] = "other" end
  t:same(t.first, t.second, "one snapshot")
end

return {
  prepare = function(t)
    t.engine = assert(t:open())
    assert(t.engine:exec(t.ITEMS))
    t.other = assert(t:open())
  end,

  run = function(t)
    t:try_put(1, ("one"):rep(1000))
    read(t, two_reads, 2)
    read(t, careless, 3)
    t:try_put(4, "four")
  end,

  finish = function(t)
    assert(t:put(-1, "after"))
    t.items[-1] = "after"
    assert(t.other:close())
    assert(t.engine:close())
  end,
}
