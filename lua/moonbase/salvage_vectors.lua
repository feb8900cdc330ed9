--- Vectors in a file that was salvaged: the codes are made anew from the numbers.

local vector_set = require "moonbase.vector_set"

local salvage_vectors = {}

-- Items and numbers come in pairs.
local PAIRS = {
  { "vector_items", "DELETE FROM vector_items WHERE key NOT IN (SELECT key FROM vector_floats)" },
  { "vector_items", [[DELETE FROM vector_items
      WHERE key >> 32 NOT IN (SELECT key FROM vector_collections)]] },
  { "vector_items", [[DELETE FROM vector_items WHERE EXISTS (
      SELECT 1 FROM vector_collections c JOIN vector_floats f ON f.key = vector_items.key
      WHERE c.key = vector_items.key >> 32 AND length(f.vector) <> 4 * c.dim)]] },
}

local STRAYS = {
  { "vector_floats", [[DELETE FROM vector_floats
      WHERE key >> 32 NOT IN (SELECT key FROM memory_vectors)
        AND key NOT IN (SELECT key FROM vector_items)]] },
  { "vector_floats", [[DELETE FROM vector_floats
      WHERE key >> 32 IN (SELECT key FROM memory_vectors) AND NOT EXISTS (
        SELECT 1 FROM memory_vectors v
        JOIN memories m ON m.key = (v.scope << 32) + (vector_floats.key & 4294967295)
        WHERE v.key = vector_floats.key >> 32 AND m.vector_set = v.key)]] },
}

local COLLECTIONS = "SELECT key, dim, metric FROM vector_collections"
local OF_MEMORY = "SELECT key, dim, 'cosine' AS metric FROM memory_vectors"

local NOTE = [[
  UPDATE vector_collections SET count = $count, stamp = $stamp, serial = max(serial, coalesce(
      (SELECT max(key) & 4294967295 FROM vector_items
       WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295) + 1, 0))
  WHERE key = $key]]
local NOTE_OF_MEMORY = "UPDATE memory_vectors SET count = $count, stamp = $stamp WHERE key = $key"

local function encode_all(engine, select, update)
  local sets, err = engine:rows(select)
  if not sets then return nil, err end
  for _, set in ipairs(sets) do
    local ok
    ok, err = vector_set.encode(engine, set)
    if ok then ok, err = engine:run(update, set.count, set.stamp, set.key) end
    if not ok then return nil, err end
  end
  return true
end

--- Puts the collections right, and memory's sets, whose texts have been put right before.
---@param engine moonbase.Engine
---@param report moonbase.SalvageReport
---@return any ok
---@return moonbase.Error|nil err
function salvage_vectors.repair(engine, report)
  local ok, err = report:drop(engine, PAIRS)
  if ok then ok, err = report:drop(engine, STRAYS) end
  if ok then ok, err = encode_all(engine, COLLECTIONS, NOTE) end
  if ok then ok, err = encode_all(engine, OF_MEMORY, NOTE_OF_MEMORY) end
  return ok, err
end

return salvage_vectors
