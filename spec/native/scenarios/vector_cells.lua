-- Vectors that lie in cells: a cell is cut, vectors move, one that grew sparse is given up. They are
-- so long that a block holds sixteen.
local steps = require "spec.native.steps"

local vector_set = require "moonbase.vector_set"

require "moonbase.vectors" -- undisturbed

vector_set.tail = 0 -- in this program no set has a tail that is left alone

local DIM = 8000

local rest = ("\0"):rep(4 * (DIM - 2))

local function vector(i)
  return string.char(0, 0, i % 2 == 0 and 128 or 0, 63, 0, 0, 160, 64 + i % 3) .. rest
end

local function collection(s)
  return assert(s.vectors:open("c"))
end

local function many(from, to)
  local items = {}
  for i = from, to do items[#items + 1] = { id = "v" .. i, vector = vector(i) } end
  return items
end

return steps.scenario {
  { "create", function(s) return assert(s.vectors:create("c", { dim = DIM, metric = "l2" })).name end },
  { "fill the first cell", function(s) return collection(s):upsert_many(many(1, 16)) end },
  { "cut it", function(s) return collection(s):upsert_many(many(17, 20)) end },
  { "search", function(s) return collection(s):search(vector(2), { k = 3 }) end },
  { "replace", function(s) return collection(s):upsert("v3", vector(2), { metadata = { a = 1 } }) end },
  { "delete", function(s) return collection(s):delete("v8") end },
  { "search again", function(s) return collection(s):search(vector(1), { k = 20 }) end },
  { "delete many", function(s)
    return s:transaction(function(tx)
      for i = 1, 15 do
        local removed, err = collection(tx):delete("v" .. i)
        if removed == nil then return nil, err end
      end
      return true
    end)
  end },
  { "search what is left", function(s) return collection(s):search(vector(1), { k = 20 }) end },
}
