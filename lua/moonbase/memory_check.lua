--- Whether memory agrees with itself: counts, labels, mentions, vectors. The numbers and codes of
--- the vectors are vector_check's.

local impossible = require "moonbase.impossible"
local memory_words = require "moonbase.memory_words"
local text_index = require "moonbase.text_index"

local memory_check = {}

-- The texts of a set of vectors.
local OF_SET = [[
  m.key BETWEEN v.scope << 32 AND (v.scope << 32) + 4294967295 AND m.vector_set = v.key]]

local RULES = {
  {
    message = "scope %s does not have the %s memories that it says",
    sql = [[
      SELECT s.scope AS a, s.count AS b FROM memory_spaces s
      WHERE s.count <> (SELECT count(*) FROM memories m
        WHERE m.key BETWEEN s.scope << 32 AND (s.scope << 32) + 4294967295)]],
  },
  {
    message = "memory '%s' has a number that scope %s never gave out",
    sql = [[
      SELECT m.id AS a, m.key >> 32 AS b FROM memories m
      WHERE (m.key & 4294967295) > coalesce((
        SELECT serial FROM memory_spaces s WHERE s.scope = m.key >> 32), 0)]],
  },
  {
    message = "memory '%s' is listed nowhere",
    sql = [[
      SELECT m.id AS a FROM memories m
      WHERE NOT EXISTS (SELECT 1 FROM memory_labels l WHERE l.scope = m.key >> 32
        AND l.label = '' AND l.at = m.at AND l.serial = m.key & 4294967295)]],
  },
  {
    message = "label '%s' is of a memory that is not there (%s)",
    sql = [[
      SELECT l.label AS a, l.serial AS b FROM memory_labels l
      WHERE NOT EXISTS (SELECT 1 FROM memories m WHERE m.key = (l.scope << 32) + l.serial)]],
  },
  {
    message = "'%s' is mentioned by a memory that is not there (%s)",
    sql = [[
      SELECT x.name AS a, x.serial AS b FROM memory_mentions x
      WHERE NOT EXISTS (SELECT 1 FROM memories m WHERE m.key = (x.scope << 32) + x.serial)]],
  },
  {
    message = "there are earlier texts of memory '%s', which is not there",
    sql = [[
      SELECT DISTINCT h.id AS a FROM memory_history h
      WHERE NOT EXISTS (SELECT 1 FROM memories m WHERE m.key >> 32 = h.scope AND m.id = h.id)]],
  },
  {
    message = "memory '%s' has its vector in set %s, which is not there, or not its numbers",
    sql = [[
      SELECT m.id AS a, m.vector_set AS b FROM memories m
      LEFT JOIN memory_vectors v ON v.key = m.vector_set AND v.scope = m.key >> 32
      LEFT JOIN vector_floats f ON f.key = (v.key << 32) + (m.key & 4294967295)
      WHERE m.vector_set IS NOT NULL
        AND (v.key IS NULL OR f.key IS NULL OR length(f.vector) <> 4 * v.dim)]],
  },
  {
    message = "the embedder '%s' has another number of vectors than %s",
    sql = [[
      SELECT v.embedder AS a, v.count AS b FROM memory_vectors v LEFT JOIN memories m ON ]]
        .. OF_SET .. [[
      GROUP BY v.key
      HAVING v.count <> count(m.key)
        OR v.count <> (SELECT coalesce(sum(c.records), 0) FROM vector_cards c
          WHERE c.key BETWEEN v.key << 32 AND (v.key << 32) + 4294967295)]],
  },
}

-- The index of words agrees with itself.
local function check_words(engine, report)
  local scopes, err = engine:values("SELECT scope FROM memory_spaces ORDER BY scope")
  if not scopes then return nil, err end
  for _, scope in ipairs(scopes) do
    local ok, failure = text_index.check(engine, memory_words.set(scope))
    if not ok then ok, failure = impossible.note(report, failure) end
    if not ok then return nil, failure end
  end
  return true
end

---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function memory_check.find(engine, report)
  local ok, err = impossible.find(engine, RULES, report)
  if not ok then return nil, err end
  return check_words(engine, report)
end

return memory_check
