--- Whether the store's graph agrees with itself: names, edges and what belongs to them.

local impossible = require "moonbase.impossible"

local graph_check = {}

local RULES = {
  {
    message = "an edge from '%s' to '%s' has lost a name, or bears one of another scope",
    sql = [[
      SELECT s.name AS a, d.name AS b FROM graph_edges e
      LEFT JOIN graph_nodes s ON s.key = e.src AND s.scope = e.scope
      LEFT JOIN graph_nodes d ON d.key = e.dst AND d.scope = e.scope
      LEFT JOIN graph_relations r ON r.key = e.rel AND r.scope = e.scope
      WHERE s.key IS NULL OR d.key IS NULL OR r.key IS NULL]],
  },
  {
    message = "an edge from '%s' to '%s' has a weight or times that cannot be",
    sql = [[
      SELECT s.name AS a, d.name AS b FROM graph_edges e
      JOIN graph_nodes s ON s.key = e.src JOIN graph_nodes d ON d.key = e.dst
      WHERE NOT (e.weight >= 0 AND e.weight < 9e999)
        OR (e.since <> 0 AND e.until <> 0 AND e.until <= e.since)]],
  },
  {
    message = "node '%s' of scope %s is left without an edge",
    sql = [[
      SELECT n.name AS a, n.scope AS b FROM graph_nodes n
      WHERE NOT EXISTS (SELECT 1 FROM graph_edges e WHERE e.scope = n.scope AND e.src = n.key)
        AND NOT EXISTS (SELECT 1 FROM graph_edges e WHERE e.scope = n.scope AND e.dst = n.key)]],
  },
  {
    message = "relation '%s' of scope %s is left without an edge",
    sql = [[
      SELECT r.name AS a, r.scope AS b FROM graph_relations r
      WHERE NOT EXISTS (SELECT 1 FROM graph_edges e WHERE e.scope = r.scope AND e.rel = r.key)]],
  },
  {
    message = "the details %s of an edge are missing, or those of several, or of another scope",
    sql = [[
      SELECT e.detail AS a FROM graph_edges e
      LEFT JOIN graph_details x ON x.key = e.detail AND x.scope = e.scope
      WHERE e.detail IS NOT NULL
      GROUP BY e.detail HAVING count(*) <> count(x.key) OR count(*) > 1]],
  },
  {
    message = "details %s belong to no edge",
    sql = [[
      SELECT x.key AS a FROM graph_details x
      WHERE x.key NOT IN (SELECT detail FROM graph_edges WHERE detail IS NOT NULL)]],
  },
}

---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function graph_check.find(engine, report)
  return impossible.find(engine, RULES, report)
end

return graph_check
