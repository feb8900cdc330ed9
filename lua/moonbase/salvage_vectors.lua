--- Vectors in a file that was salvaged: the codes are made anew from the numbers.

local vector_set = require "moonbase.vector_set"

local salvage_vectors = {}

-- Items and numbers come in pairs.
local PAIRS = {
  { "vector_items", "DELETE FROM vector_items WHERE key NOT IN (SELECT key FROM vector_floats)" },
  { "vector_items", [[DELETE FROM vector_items
      WHERE key >> 32 NOT IN (SELECT key FROM vector_collections)]] },
}

local COLLECTIONS = "SELECT key, dim, metric, stamp FROM vector_collections"

local WRONG = [[
  DELETE FROM vector_items WHERE key >> 32 = $key AND EXISTS (
    SELECT 1 FROM vector_floats f WHERE f.key = vector_items.key AND length(f.vector) <> 4 * $dim)]]

local SETTLE = [[
  UPDATE vector_collections SET count = $count, stamp = $stamp, serial = max(serial, coalesce(
      (SELECT max(key) & 4294967295 FROM vector_items
       WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295) + 1, 0))
  WHERE key = $key]]

local NUMBERS_ALONE = [[
  DELETE FROM vector_floats WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295
    AND key NOT IN (SELECT key FROM vector_items)]]

local function repair_set(engine, set, report)
  local ok, err = report:drop(engine, {
    { "vector_items", WRONG, set.key, set.dim }, { "vector_floats", NUMBERS_ALONE, set.key },
  })
  if ok then ok, err = vector_set.encode(engine, set) end
  if not ok then return nil, err end
  return engine:run(SETTLE, set.count, set.stamp, set.key)
end

--- Puts the collections right.
---@param engine moonbase.Engine
---@param report moonbase.SalvageReport
---@return any ok
---@return moonbase.Error|nil err
function salvage_vectors.repair(engine, report)
  local ok, err = report:drop(engine, PAIRS)
  if not ok then return nil, err end
  local sets
  sets, err = engine:rows(COLLECTIONS)
  if not sets then return nil, err end
  for _, set in ipairs(sets) do
    ok, err = repair_set(engine, set, report)
    if not ok then return nil, err end
  end
  return true
end

return salvage_vectors
