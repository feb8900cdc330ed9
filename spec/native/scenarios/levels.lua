-- Writes in one transaction, with levels inside it kept, undone and raised out of.
local core = require "moonbase.core"

local conflict = core.error("conflict", "undone on purpose")

local function put_range(t, from, to)
  for id = from, to do
    local ok, err = t:put(id, "value " .. id)
    if not ok then return nil, err end
  end
  return true
end

local function range(from, to, items)
  items = items or {}
  for id = from, to do items[id] = "value " .. id end
  return items
end

local function put_and_give_up(t, id)
  local ok, err = t:put(id, "never")
  if not ok then return nil, err end
  return nil, conflict
end

local function put_and_raise(t, id)
  assert(t:put(id, "never"))
  error(conflict, 0)
end

-- Goes on when its inner levels fail, as a caller may: what they wrote must be gone.
local function nested(t, changes)
  local engine = t.engine
  local ok, err = put_range(t, 10, 11)
  if not ok then return nil, err end
  if not engine:atomic(put_range, t, 20, 21) then changes[20], changes[21] = nil, nil end
  engine:atomic(put_and_give_up, t, 30)
  pcall(engine.atomic, engine, put_and_raise, t, 31)
  if not engine:atomic(put_range, t, 40, 41) then changes[40], changes[41] = nil, nil end
  return put_range(t, 12, 13)
end

local function give_up(t)
  local ok, err = t.engine:atomic(put_and_give_up, t, 50)
  if ok == nil and err ~= conflict then return nil, err end
  return true
end

local function deep(t, levels)
  if levels == 0 then return t:put(100, "deep") end
  return t.engine:atomic(deep, t, levels - 1)
end

return {
  run = function(t)
    local engine = t.engine
    t:try_commit(range(1, 3), engine.atomic, engine, put_range, t, 1, 3)
    local changes = range(40, 41, range(20, 21, range(10, 13)))
    t:try_commit(changes, engine.atomic, engine, nested, t, changes)
    t:try(give_up, t)
    t:try_commit({ [100] = "deep" }, deep, t, 12)
    t:try_commit(range(60, 61), engine.atomic, engine, put_range, t, 60, 61)
  end,
}
