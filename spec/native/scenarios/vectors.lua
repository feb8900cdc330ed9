-- Collections of vectors: the calls that write, and searches with and without codes in memory.
local steps = require "spec.native.steps"

require "moonbase.vectors" -- undisturbed

local function collection(s)
  return assert(s.vectors:open("c"))
end

local function many(from, to)
  local items = {}
  for i = from, to do items[#items + 1] = { id = "v" .. i, vector = { i, 1, 0 } } end
  return items
end

return steps.scenario {
  { "create", function(s) return assert(s.vectors:create("c", { dim = 3, metric = "l2" })).name end },
  { "upsert", function(s) return collection(s):upsert("v1", { 1, 1, 0 }, { text = "one" }) end },
  { "upsert many", function(s) return collection(s):upsert_many(many(2, 90)) end },
  { "search", function(s) return collection(s):search({ 7, 0, 0 }, { k = 3 }) end },
  { "replace", function(s) return collection(s):upsert("v7", { -1, 1, 0 }, { metadata = { a = 1 } }) end },
  { "search again", function(s) return collection(s):search({ 7, 0, 0 }, { k = 3 }) end },
  { "delete", function(s) return collection(s):delete("v8") end },
  { "search without it", function(s) return collection(s):search({ 7, 0, 0 }, { k = 3 }) end },
  { "search exactly", function(s) return collection(s):search({ 7, 0, 0 }, { k = 3, exact = true }) end },
  { "filter", function(s) return collection(s):search({ 7, 0, 0 }, { filter = { a = 1 } }) end },
  { "get", function(s) return collection(s):get("v7") end },
  { "delete the last", function(s) return collection(s):delete("v90") end },
  { "list", function(s) return s.vectors:list() end },
  { "drop", function(s) return s.vectors:drop("c") end },
}
