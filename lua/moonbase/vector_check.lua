--- Whether collections of vectors agree with themselves: counts, slots, the numbers as given and
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
    message = "the slots of collection '%s' are not 0 to %s",
    sql = [[
      SELECT c.name AS a, c.count - 1 AS b FROM vector_collections c
      JOIN vector_items i ON i.key BETWEEN c.key << 32 AND (c.key << 32) + 4294967295
      GROUP BY c.key
      HAVING count(DISTINCT i.slot) <> count(*) OR min(i.slot) <> 0
        OR max(i.slot) <> count(*) - 1]],
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
    vectors = [[
      SELECT f.key & 4294967295 AS serial, i.slot, i.id, f.vector
      FROM vector_floats f CROSS JOIN vector_items i ON i.key = f.key
      WHERE f.key > ($set << 32) + $after AND f.key <= ($set << 32) + 4294967295
      ORDER BY f.key LIMIT $limit]],
  },
  {
    sets = "SELECT key, embedder AS name, dim, 'cosine' AS metric FROM memory_vectors ORDER BY key",
    vectors = [[
      SELECT f.key & 4294967295 AS serial, m.slot, m.id, f.vector
      FROM vector_floats f CROSS JOIN memory_vectors v ON v.key = f.key >> 32
      CROSS JOIN memories m ON m.key = (v.scope << 32) + (f.key & 4294967295)
      WHERE f.key > ($set << 32) + $after AND f.key <= ($set << 32) + 4294967295
      ORDER BY f.key LIMIT $limit]],
  },
}

local PAGE = 500

local BLOCK = "SELECT data FROM vector_blocks WHERE key = ($set << 32) + $block"

-- What is stored for a slot. Neighbours lie in one block, which is kept until another is needed.
local function stored_record(engine, set, slot)
  local block = math.floor(slot / set.records)
  if set.block ~= block then
    local data, err = engine:value(BLOCK, set.key, block)
    if err then return nil, err end
    set.block, set.data = block, data or ""
  end
  local at = (slot - block * set.records) * set.size
  return set.data:sub(at + 1, at + set.size)
end

-- The codes of a vector are made of its numbers, so they must be what these make.
local function check_codes(engine, set, row, report)
  if row.slot == nil or #row.vector ~= 4 * set.dim then return true end -- told already
  local found, err = stored_record(engine, set, row.slot)
  if not found then return nil, err end
  if found ~= core.vector_record(row.vector, set.metric, row.serial) then
    report("the codes of vector '" .. row.id .. "' of '" .. set.name .. "' are not its own")
  end
  return true
end

local function check_set(engine, set, vectors, report)
  local after = -1
  set.records, set.size = core.vector_block(set.dim), #core.vector_record(
    ("\0"):rep(4 * set.dim), set.metric, 0)
  repeat
    local rows, err = engine:rows(vectors, set.key, after, PAGE)
    if not rows then return nil, err end
    for _, row in ipairs(rows) do
      local ok, failure = check_codes(engine, set, row, report)
      if not ok then return nil, failure end
      after = row.serial
    end
  until #rows < PAGE
  return true
end

local function check_sets(engine, kind, report)
  local sets, err = engine:rows(kind.sets)
  if not sets then return nil, err end
  for _, set in ipairs(sets) do
    local ok, failure = check_set(engine, set, kind.vectors, report)
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
