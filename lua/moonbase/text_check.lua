--- Whether the text index agrees with itself, set by set, and has no rows of sets that are gone.

local impossible = require "moonbase.impossible"

local text_check = {}

local RULES = {
  {
    message = "page %s of the text index belongs to no segment",
    sql = [[
      SELECT p.key AS a FROM text_pages p
      WHERE NOT EXISTS (SELECT 1 FROM text_segments s WHERE s.key = p.key >> 40)]],
  },
  {
    message = "chunk %s of the text index belongs to no segment",
    sql = [[
      SELECT l.key AS a FROM text_lists l
      WHERE NOT EXISTS (SELECT 1 FROM text_segments s WHERE s.key = l.key >> 40)]],
  },
  {
    message = "segment %s of the text index belongs to no set: %s",
    sql = [[
      SELECT s.key AS a, s.text_set AS b FROM text_segments s
      WHERE NOT EXISTS (SELECT 1 FROM text_sets t WHERE t.key = s.text_set)]],
  },
  {
    message = "text %s waits to be indexed in set %s, which is not there",
    sql = [[
      SELECT w.key & 4294967295 AS a, w.key >> 32 AS b FROM text_tail w
      WHERE NOT EXISTS (SELECT 1 FROM text_sets t WHERE t.key = w.key >> 32)]],
  },
}

--- Reports what cannot be.
---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil
function text_check.find(engine, report)
  local sets, err = engine:values "SELECT key FROM text_sets ORDER BY key"
  if not sets then return nil, err end
  for _, set in ipairs(sets) do
    local ok
    ok, err = engine:text_check(set)
    if not ok then ok, err = impossible.note(report, err) end
    if not ok then return nil, err end
  end
  return impossible.find(engine, RULES, report)
end

return text_check
