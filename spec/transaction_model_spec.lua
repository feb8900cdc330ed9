-- Random transactions against a model: what is in the store after each, and what each says it wrote.

local files = require "spec.support.files"
local stores = require "spec.support.stores"

local KEYS = { "a", "b", "c", "d" }

local function copy(t)
  local made = {}
  for k, v in pairs(t) do made[k] = v end
  return made
end

-- The levels that are open: of each what the keys hold, and which were touched.
local Model = {}
Model.__index = Model

local function new_model(values)
  return setmetatable({ base = values, levels = { { values = copy(values), touched = {} } } }, Model)
end

function Model:top() return self.levels[#self.levels] end

function Model:open()
  local top = self:top()
  table.insert(self.levels, { values = copy(top.values), touched = copy(top.touched) })
end

function Model:close(keep)
  local top = table.remove(self.levels)
  if keep then self.levels[#self.levels] = top end
end

function Model:write_set()
  local lines, top = {}, self:top()
  for key in pairs(top.touched) do
    local before, after = self.base[key], top.values[key]
    if before or after then
      lines[#lines + 1] = key .. (not before and " insert" or after and " update" or " delete")
    end
  end
  table.sort(lines)
  return table.concat(lines, ", ")
end

local function said(tx)
  local lines = {}
  for i, entry in ipairs((assert(tx:write_set()))) do lines[i] = entry.id .. " " .. entry.op end
  table.sort(lines)
  return table.concat(lines, ", ")
end

local function held(reader)
  local found = {}
  for _, key in ipairs(KEYS) do found[key] = reader.kv:get("ns", key) end
  return found
end

-- One change of one key, in the store and in the model.
local function change(store, model, n)
  local key, top = KEYS[math.random(#KEYS)], model:top()
  if math.random(3) == 1 then
    local was_there = top.values[key] ~= nil
    assert.are.equal(was_there, store.kv:delete("ns", key))
    if was_there then top.values[key], top.touched[key] = nil, true end
  else
    assert(store.kv:set("ns", key, n))
    top.values[key], top.touched[key] = n, true
  end
end

-- Opens, changes and ends levels at random inside the transaction.
local function wander(store, tx, model, steps)
  local points = {}
  for n = 1, steps do
    local what = math.random(8)
    if what == 1 and #points < 4 then
      points[#points + 1] = assert((points[#points] or tx):savepoint())
      model:open()
    elseif what == 2 and #points > 0 then
      local keep = math.random(2) == 1
      local point = table.remove(points)
      assert(keep and point:commit() or not keep and point:rollback())
      model:close(keep)
    elseif what == 3 then
      model:open()
      store:transaction(function(inner)
        change(inner, model, n)
        return nil, "undone"
      end)
      model:close(false)
    else
      change(store, model, n)
    end
    assert.are.equal(model:write_set(), said(tx))
  end
  while #points > 0 do
    assert(table.remove(points):rollback())
    model:close(false)
  end
end

describe("random transactions", function()
  after_each(stores.cleanup)

  it("leave what the model says, and say what they wrote", function()
    local seed = tonumber(os.getenv("SEED")) or os.time()
    math.randomseed(seed)
    local store = stores.open(files.database())
    local values, committed = {}, 0
    for _ = 1, 60 do
      local tx, model = assert(store:begin()), new_model(values)
      wander(store, tx, model, math.random(30))
      local outside = coroutine.wrap(function() return held(store) end)()
      assert.are.same(values, outside, "seed " .. seed)
      local expected = model:write_set()
      if math.random(3) == 1 then
        assert(tx:rollback())
      else
        assert(tx:commit())
        values, committed = model:top().values, committed + 1
        local log = assert(store.transactions:log { limit = 200 })
        assert.are.equal(committed, #log)
        local lines = {}
        for i, entry in ipairs(log[#log].write_set) do lines[i] = entry.id .. " " .. entry.op end
        table.sort(lines)
        assert.are.equal(expected, table.concat(lines, ", "), "seed " .. seed)
      end
      assert.are.same(values, held(store), "seed " .. seed)
    end
  end)
end)
