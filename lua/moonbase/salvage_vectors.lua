--- Vectors in a file that was salvaged: the codes are made anew from the numbers.

local salvage_vectors = {}

local BATCH = 500

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

local PAGE = [[
  SELECT i.key & 4294967295 AS serial, f.vector FROM vector_items i
  JOIN vector_floats f ON f.key = i.key
  WHERE i.key > ($key << 32) + $after AND i.key <= ($key << 32) + 4294967295
  ORDER BY i.key LIMIT $count]]

local PLACE = "UPDATE vector_items SET slot = $slot WHERE key = ($key << 32) + $serial"

local SETTLE = [[
  UPDATE vector_collections SET count = $count, serial = max(serial, coalesce(
      (SELECT max(key) & 4294967295 FROM vector_items
       WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295) + 1, 0))
  WHERE key = $key]]

local function put_page(engine, set, rows)
  local slots, serials, vectors = {}, {}, {}
  for i, row in ipairs(rows) do
    slots[i], serials[i], vectors[i] = set.count, row.serial, row.vector
    local ok, err = engine:run(PLACE, set.count, set.key, row.serial)
    if not ok then return nil, err end
    set.count = set.count + 1
  end
  return engine:vectors_put(set, slots, serials, vectors)
end

local function encode(engine, set)
  local after = -1
  set.count = 0
  repeat
    local rows, err = engine:rows(PAGE, set.key, after, BATCH)
    if not rows then return nil, err end
    local ok = true
    if #rows > 0 then ok, err = put_page(engine, set, rows) end
    if not ok then return nil, err end
    after = #rows > 0 and rows[#rows].serial
  until #rows < BATCH
  return engine:run(SETTLE, set.count, set.key)
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
    ok, err = report:drop(engine, { { "vector_items", WRONG, set.key, set.dim } })
    if ok then ok, err = encode(engine, set) end
    if not ok then return nil, err end
  end
  return true
end

return salvage_vectors
