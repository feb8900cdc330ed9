--- Whether collections of vectors agree with themselves: counts, slots, the numbers as given and
--- the codes that searches look at first.

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
    message = "numbers of a vector belong to none (%s of collection '%s')",
    sql = [[
      SELECT f.key & 4294967295 AS a, c.name AS b FROM vector_floats f
      JOIN vector_collections c ON c.key = f.key >> 32
      WHERE NOT EXISTS (SELECT 1 FROM vector_items i WHERE i.key = f.key)]],
  },
}

---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function vector_check.find(engine, report)
  return impossible.find(engine, RULES, report)
end

return vector_check
