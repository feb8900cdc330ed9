-- Vectors of a collection.
local steps = require "spec.native.steps"

local function vector(n)
  local list = {}
  for i = 1, 16 do list[i] = (n * i * 37 % 11) / 11 - 0.4 end
  return list
end

-- The handle is opened by every step, as by a program that begins anew.
local function with(fn)
  return function(store)
    local collection, err = store.vectors:open "v"
    if not collection then return nil, err end
    return fn(collection)
  end
end

local function many(from, to)
  local list = {}
  for n = from, to do list[#list + 1] = { id = "v" .. n, vector = vector(n), metadata = { n = n } } end
  return list
end

return steps.scenario {
  { "create", function(s)
    local collection, err = s.vectors:create("v", { dim = 16 })
    return collection and true, err
  end },
  { "upsert", with(function(c) return c:upsert("v1", vector(1), { metadata = { n = 1 } }) end) },
  { "upsert many", with(function(c) return c:upsert_many(many(2, 40)) end) },
  { "replace", with(function(c) return c:upsert("v3", vector(90)) end) },
  { "search", with(function(c) return c:search(vector(7), { k = 5 }) end) },
  { "delete", with(function(c) return c:delete "v7" end) },
  { "search again", with(function(c) return c:search(vector(7), { k = 5, exact = true }) end) },
  { "count", with(function(c) return c:count() end) },
  { "drop", function(s) return s.vectors:drop "v" end },
}
