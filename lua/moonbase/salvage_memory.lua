--- Memory in a file that was salvaged: what its texts are found by is made anew from them.

local memory_labels = require "moonbase.memory_labels"
local memory_words = require "moonbase.memory_words"
local vector_set = require "moonbase.vector_set"

local salvage_memory = {}

local PAGE = 500

local DROPS = {
  { "memories", [[DELETE FROM memories WHERE (tags IS NOT NULL AND NOT json_valid(tags))
      OR (entities IS NOT NULL AND NOT json_valid(entities))
      OR (mentions IS NOT NULL AND NOT json_valid(mentions))]] },
  { "memory_history", [[DELETE FROM memory_history WHERE NOT EXISTS (SELECT 1 FROM memories m
      WHERE m.key >> 32 = memory_history.scope AND m.id = memory_history.id)]] },
}

-- A text whose vector is lost belongs to an embedder that nobody has: it is embedded again by the
-- next memory:reembed, and found by its words until then.
local LOST = [[
  m.vector_set IS NOT NULL AND NOT EXISTS (SELECT 1 FROM memory_vectors v
    JOIN vector_floats f ON f.key = (v.key << 32) + (m.key & 4294967295)
    WHERE v.key = m.vector_set AND v.scope = m.key >> 32 AND length(f.vector) = 4 * v.dim)]]

local SUBSTITUTES = [[
  INSERT INTO memory_vectors (scope, embedder, dim, count, stamp)
  SELECT DISTINCT m.key >> 32, 'recovered', 1, 0, $stamp FROM memories m WHERE ]] .. LOST .. [[
  ON CONFLICT (scope, embedder, dim) DO NOTHING]]

local SUBSTITUTE = [[
  UPDATE memories AS m SET vector_given = 0, vector_set = (SELECT v.key FROM memory_vectors v
    WHERE v.scope = m.key >> 32 AND v.embedder = 'recovered' AND v.dim = 1) WHERE ]] .. LOST

local ZEROS = [[
  INSERT INTO vector_floats (key, vector)
  SELECT (v.key << 32) + (m.key & 4294967295), zeroblob(4) FROM memory_vectors v
  JOIN memories m ON m.vector_set = v.key AND m.key >> 32 = v.scope
  WHERE v.embedder = 'recovered' AND v.dim = 1
  ON CONFLICT (key) DO NOTHING]]

local SPACES = [[
  INSERT INTO memory_spaces (scope, serial, count)
  SELECT key >> 32, max(key & 4294967295), count(*) FROM memories WHERE true GROUP BY key >> 32
  ON CONFLICT (scope) DO UPDATE SET serial = max(serial, excluded.serial)]]

local COUNTS = [[
  UPDATE memory_spaces SET count = (SELECT count(*) FROM memories m
    WHERE m.key >> 32 = memory_spaces.scope)]]

local TEXTS = [[
  SELECT key >> 32 AS scope, key & 4294967295 AS serial, namespace, type, source, at, author, text,
    vector_set, tags AS "tags(json)", mentions AS "mentions(json)"
  FROM memories WHERE key > ($scope << 32) + $serial ORDER BY key LIMIT $limit]]

local function add(engine, batches, row)
  local batch = batches[row.scope]
  if not batch then
    batch = memory_words.batch({ engine = engine }, row.scope)
    batches[row.scope] = batch
  end
  if row.vector_set then batch:add(row) end
  return memory_labels.add(engine, row.scope, row, row.vector_set == nil)
end

local function index_page(engine, rows)
  local batches = {}
  for _, row in ipairs(rows) do
    local ok, err = add(engine, batches, row)
    if not ok then return nil, err end
  end
  for _, batch in pairs(batches) do
    local ok, err = batch:write()
    if not ok then return nil, err end
  end
  return true
end

local function index(engine)
  local scope, serial = 0, 0
  while true do
    local rows, err = engine:rows(TEXTS, scope, serial, PAGE)
    if not rows then return nil, err end
    local ok
    ok, err = index_page(engine, rows)
    if not ok then return nil, err end
    if #rows < PAGE then return true end
    scope, serial = rows[PAGE].scope, rows[PAGE].serial
  end
end

--- Puts memory right, but for the codes of its vectors.
---@param engine moonbase.Engine
---@param report moonbase.SalvageReport
---@return any ok
---@return moonbase.Error|nil err
function salvage_memory.repair(engine, report)
  local ok, err = report:drop(engine, DROPS)
  if ok then ok, err = engine:run(SUBSTITUTES, vector_set.stamp()) end
  for _, sql in ipairs { SUBSTITUTE, ZEROS, SPACES, COUNTS } do
    if ok then ok, err = engine:run(sql) end
  end
  if ok then ok, err = index(engine) end
  return ok, err
end

return salvage_memory
