-- Several handles on one connection, closed or dropped in every order, a transaction among them.
local ORDERS = { { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 }, { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 } }

local NEVER = "INSERT INTO items VALUES ($id, 'never')"

local function open_all(t)
  local opened, engine = t:try(t.open, t)
  if not opened then return nil end
  local shared, second = t:try(engine.share, engine)
  local began, tx = t:try(engine.begin, engine)
  return { engine, shared and second or false, began and tx or false }
end

local function close(t, thing)
  if not thing then return end
  if thing.close then
    t:same(true, (thing:close()), "close")
  else
    t:try(thing.rollback, thing)
  end
end

local function pass(t, n, order, drop)
  local things = open_all(t)
  if not things then return end
  if things[3] then t:try(things[1].run, things[1], NEVER, n) end
  for _, i in ipairs(order) do
    if not drop then close(t, things[i]) end
    things[i] = false
    collectgarbage()
  end
end

return {
  run = function(t)
    for n, order in ipairs(ORDERS) do pass(t, n, order, n % 2 == 0) end
    t:try_put(100, "last")
  end,
}
