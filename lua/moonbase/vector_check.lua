--- Whether collections of vectors agree with themselves: counts, the numbers as given and
--- the codes that searches look at first.

local core = require "moonbase.core"
local impossible = require "moonbase.impossible"

local vector_check = {}

local RULES = {
  {
    message = "collection '%s' has another number of vectors than %s",
    sql = [[
      SELECT c.name AS a, c.count AS b FROM vector_collections c
      WHERE c.count <> (SELECT count(*) FROM vector_items i
        WHERE i.key BETWEEN c.key << 32 AND (c.key << 32) + 4294967295)]],
  },
  {
    message = "collection '%s' has the codes of other vectors than its %s",
    sql = [[
      SELECT c.name AS a, c.count AS b FROM vector_collections c
      WHERE c.count <> (SELECT coalesce(sum(v.records), 0) FROM vector_cards v
        WHERE v.key BETWEEN c.key << 32 AND (c.key << 32) + 4294967295)]],
  },
  {
    message = "vector '%s' has a number that collection %s never gave out",
    sql = [[
      SELECT i.id AS a, i.key >> 32 AS b FROM vector_items i
      LEFT JOIN vector_collections c ON c.key = i.key >> 32
      WHERE c.key IS NULL OR (i.key & 4294967295) >= c.serial]],
  },
  {
    message = "vector '%s' of collection '%s' has lost its numbers, or some of them",
    sql = [[
      SELECT i.id AS a, c.name AS b FROM vector_items i
      JOIN vector_collections c ON c.key = i.key >> 32
      LEFT JOIN vector_floats f ON f.key = i.key
      WHERE f.key IS NULL OR length(f.vector) <> 4 * c.dim]],
  },
  {
    message = "the numbers of vector %s of set %s belong to none",
    sql = [[
      SELECT f.key & 4294967295 AS a, f.key >> 32 AS b FROM vector_floats f
      WHERE NOT EXISTS (SELECT 1 FROM vector_items i WHERE i.key = f.key)
        AND NOT EXISTS (SELECT 1 FROM memory_vectors v
          JOIN memories m ON m.key = (v.scope << 32) + (f.key & 4294967295)
          WHERE v.key = f.key >> 32 AND m.vector_set = v.key)]],
  },
}

-- The sets of vectors, and whose vectors are in them: collections', and memory's.
local SETS = {
  {
    sets = "SELECT key, name, dim, metric FROM vector_collections ORDER BY key",
    id = "SELECT id FROM vector_items WHERE key = ($set << 32) + $serial",
  },
  {
    sets = "SELECT key, embedder AS name, dim, 'cosine' AS metric FROM memory_vectors ORDER BY key",
    id = [[
      SELECT m.id FROM memory_vectors v
      JOIN memories m ON m.key = (v.scope << 32) + $serial WHERE v.key = $set]],
  },
}

local BLOCK = [[
  SELECT v.key & 4294967295 AS number, v.records, b.data FROM vector_cards v
  LEFT JOIN vector_blocks b ON b.key = v.key
  WHERE v.key BETWEEN ($set << 32) + $from AND ($set << 32) + 4294967295
  ORDER BY v.key LIMIT 1]]

local NUMBERS = "SELECT vector FROM vector_floats WHERE key = ($set << 32) + $serial"

local function serial_of(record)
  local a, b, c, d = record:byte(1, 4)
  return a + 256 * (b + 256 * (c + 256 * d))
end

-- The codes of a vector are made of its numbers, so they must be what these make.
local function check_codes(engine, set, record, report)
  local serial = serial_of(record)
  local numbers, err = engine:value(NUMBERS, set.key, serial)
  if err then return nil, err end
  if numbers and record == core.vector_record(numbers, set.metric, serial) then return true end
  local id
  id, err = engine:value(set.id, set.key, serial)
  if err then return nil, err end
  report(("the codes of vector '%s' of '%s' are not its own"):format(id or serial, set.name))
  return true
end

local function check_block(engine, set, block, report)
  local data = block.data or ""
  if #data < block.records * set.size then
    report(("block %d of '%s' has lost codes"):format(block.number, set.name))
    return true
  end
  for at = 1, block.records * set.size, set.size do
    local ok, err = check_codes(engine, set, data:sub(at, at + set.size - 1), report)
    if not ok then return nil, err end
  end
  return true
end

local function check_set(engine, set, report)
  local from = 0
  set.size = #core.vector_record(("\0"):rep(4 * set.dim), set.metric, 0)
  while true do
    local block, err = engine:row(BLOCK, set.key, from)
    if err then return nil, err end
    if not block then return true end
    local ok
    ok, err = check_block(engine, set, block, report)
    if not ok then return nil, err end
    from = block.number + 1
  end
end

local function check_sets(engine, kind, report)
  local sets, err = engine:rows(kind.sets)
  if not sets then return nil, err end
  for _, set in ipairs(sets) do
    set.id = kind.id
    local ok, failure = check_set(engine, set, report)
    if not ok then return nil, failure end
  end
  return true
end

---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function vector_check.find(engine, report)
  local ok, err = impossible.find(engine, RULES, report)
  for _, kind in ipairs(SETS) do
    if ok then ok, err = check_sets(engine, kind, report) end
  end
  return ok, err
end

return vector_check
