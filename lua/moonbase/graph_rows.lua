--- The rows of the store's graph: names and edges. Functions run inside a write.

local graph_edge = require "moonbase.graph_edge"

local graph_rows = {}

local ENDS = {
  src = "(SELECT key FROM graph_nodes WHERE scope = $scope AND name = $from)",
  rel = "(SELECT key FROM graph_relations WHERE scope = $scope AND name = $rel)",
  dst = "(SELECT key FROM graph_nodes WHERE scope = $scope AND name = $to)",
}

-- What of an edge is there already.
local LOOK_UP = ([[
  SELECT <src> AS src, <rel> AS rel, <dst> AS dst,
    (SELECT detail FROM graph_edges
     WHERE scope = $scope AND src = <src> AND rel = <rel> AND dst = <dst>
       AND since = coalesce($valid_from + ($valid_from >= 0), 0)) AS detail]])
  :gsub("<(%l+)>", ENDS)

local NEW_NODE = "INSERT INTO graph_nodes (scope, name) VALUES ($scope, $name) RETURNING key"
local NEW_RELATION =
  "INSERT INTO graph_relations (scope, name) VALUES ($scope, $name) RETURNING key"
local NEW_DETAIL = [[
  INSERT INTO graph_details (scope, source, data) VALUES ($scope, $source, $data(json))
  RETURNING key]]
local CHANGE_DETAIL = [[
  UPDATE graph_details SET source = $source, data = $data(json) WHERE key = $key]]
local DROP_DETAIL = "DELETE FROM graph_details WHERE key = $key"

local PUT = [[
  INSERT INTO graph_edges (scope, src, rel, dst, since, until, weight, detail)
  VALUES ($scope, $src, $rel, $dst, coalesce($valid_from + ($valid_from >= 0), 0),
    coalesce($valid_to + ($valid_to >= 0), 0), $weight, $detail)
  ON CONFLICT (scope, src, rel, dst, since) DO UPDATE SET
    until = excluded.until, weight = excluded.weight, detail = excluded.detail]]

local TRIPLE = [[ WHERE scope = $scope AND src = $src AND rel = $rel AND dst = $dst]]
local DROP_DETAILS = [[
  DELETE FROM graph_details WHERE key IN (
    SELECT detail FROM graph_edges]] .. TRIPLE .. [[ AND detail IS NOT NULL)]]
local DROP_EDGES = "DELETE FROM graph_edges" .. TRIPLE

local DROP_NODE = [[
  DELETE FROM graph_nodes WHERE key = $key
    AND NOT EXISTS (SELECT 1 FROM graph_edges WHERE scope = $scope AND src = $key)
    AND NOT EXISTS (SELECT 1 FROM graph_edges WHERE scope = $scope AND dst = $key)]]
local DROP_RELATION = [[
  DELETE FROM graph_relations WHERE key = $key
    AND NOT EXISTS (SELECT 1 FROM graph_edges WHERE scope = $scope AND rel = $key)]]

-- Gives the names that are new their numbers.
local function number_names(engine, scope, edge, found)
  local err
  if not found.src then found.src, err = engine:value(NEW_NODE, scope, edge.from) end
  if not err and edge.from == edge.to then found.dst = found.src end
  if not err and not found.dst then found.dst, err = engine:value(NEW_NODE, scope, edge.to) end
  if not err and not found.rel then
    found.rel, err = engine:value(NEW_RELATION, scope, edge.rel)
  end
  if err then return nil, err end
  return found
end

-- Writes source and data, in place of those that there are, and gives their number.
local function put_detail(engine, scope, edge, old)
  local none = edge.source == nil and edge.data == nil
  if not old and none then return nil end
  if not old then return engine:value(NEW_DETAIL, scope, edge.source, edge.data) end
  local done, err
  if none then
    done, err = engine:run(DROP_DETAIL, old)
  else
    done, err = engine:run(CHANGE_DETAIL, edge.source, edge.data, old)
  end
  if not done then return nil, err end
  return not none and old or nil
end

local function put(engine, scope, edge, found)
  local _, detail, err
  _, err = number_names(engine, scope, edge, found)
  if err then return nil, err end
  detail, err = put_detail(engine, scope, edge, found.detail)
  if err then return nil, err end
  return engine:run(PUT, scope, found.src, found.rel, found.dst, edge.valid_from, edge.valid_to,
    edge.weight, detail)
end

--- Writes an edge; one with the same ends, relation and beginning is replaced whole.
---@param ctx moonbase.Context
---@param edge moonbase.Edge  checked
---@return moonbase.Edge|nil
---@return moonbase.Error|nil err  `serialization`
function graph_rows.relate(ctx, edge)
  local found, done
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  found, err = ctx.engine:row(LOOK_UP, scope, edge.from, edge.rel, edge.to, edge.valid_from)
  if not found then return nil, err end
  done, err = put(ctx.engine, scope, edge, found)
  if not done then return nil, err end
  edge.weight = graph_edge.number(edge.weight)
  return edge
end

-- Nothing is left of a name whose last edge went.
local function drop_names(engine, scope, found)
  local ok, err = engine:run(DROP_NODE, found.src, scope)
  if ok then ok, err = engine:run(DROP_NODE, found.dst, scope) end
  if ok then ok, err = engine:run(DROP_RELATION, found.rel, scope) end
  return ok, err
end

local function drop(engine, scope, found)
  local count, ok
  local _, err = engine:run(DROP_DETAILS, scope, found.src, found.rel, found.dst)
  if err then return nil, err end
  count, err = engine:run(DROP_EDGES, scope, found.src, found.rel, found.dst)
  if not count or count == 0 then return count, err end
  ok, err = drop_names(engine, scope, found)
  if not ok then return nil, err end
  return count
end

--- Removes the edges from one node to another of one relation, at whatever time they are valid.
---@param ctx moonbase.Context
---@param ends table  from, rel, to
---@return integer|nil count
---@return moonbase.Error|nil err
function graph_rows.unrelate(ctx, ends)
  local found
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  found, err = ctx.engine:row(LOOK_UP, scope, ends.from, ends.rel, ends.to, nil)
  if not found then return nil, err end
  if not (found.src and found.rel and found.dst) then return 0 end
  return drop(ctx.engine, scope, found)
end

return graph_rows
