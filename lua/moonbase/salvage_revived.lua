--- Rows that were lost and that others' rows need, made again from an index that has the best of
-- them: a thread's title is gone then, but not the thread. They count as lost.

local core = require "moonbase.core"

local revived = {}

---@class moonbase.Revived
---@field table string
---@field index string    of that table; it has an entry for each row
---@field columns string  those of the index, and the rowid
---@field sql? string     makes the rows from temp.old_TABLE_N, N being the number here; it takes
---  the time

-- The last segment that an owner has is the one that no other of its own stands on.
local THREADS = [[
  INSERT OR IGNORE INTO threads
    (key, scope, id, created_at, updated_at, segment, inherited, count)
  SELECT o.key, o.scope, o.id, coalesce(min(m.created_at), $now), coalesce(max(m.created_at), $now),
    s.id, s.fork, coalesce(max(m.key) & 4294967295, s.fork)
  FROM temp.old_threads_3 o
  JOIN segments s ON s.owner = o.key
    AND NOT EXISTS (SELECT 1 FROM segments c WHERE c.parent = s.id AND c.owner = s.owner)
  LEFT JOIN messages m ON m.key > (s.id << 32) + s.fork AND m.key <= (s.id << 32) + 4294967295
  WHERE o.key NOT IN (SELECT key FROM threads)
  GROUP BY o.key]]

-- The leaf is the node that was added last.
local SESSIONS = [[
  INSERT OR IGNORE INTO sessions (key, scope, id, created_at, updated_at, tree, inherited, leaf)
  SELECT o.key, o.scope, o.id, $now, $now, t.tree, s.fork,
    (SELECT n.key FROM session_nodes n JOIN segments p ON p.id = n.key >> 32
     WHERE n.tree = t.tree AND (p.live IS NULL OR (n.key & 4294967295) <= p.live)
     ORDER BY n.seq DESC LIMIT 1)
  FROM temp.old_sessions_6 o
  JOIN temp.old_sessions_5 t ON t.key = o.key
  JOIN segments s ON s.id = t.tree
  WHERE o.key NOT IN (SELECT key FROM sessions)]]

---@type moonbase.Revived[]
local LIST = {
  { table = "scopes", index = "sqlite_autoindex_scopes_1", columns = "name, id",
    sql = [[INSERT OR IGNORE INTO scopes (id, name)
      SELECT id, name FROM temp.old_scopes_1 WHERE $now IS NOT NULL]] },
  { table = "event_streams", index = "sqlite_autoindex_event_streams_1",
    columns = "scope, name, id",
    sql = [[INSERT OR IGNORE INTO event_streams (id, scope, name)
      SELECT id, scope, name FROM temp.old_event_streams_2 WHERE $now IS NOT NULL]] },
  { table = "threads", index = "sqlite_autoindex_threads_1", columns = "scope, id, key",
    sql = THREADS },
  { table = "job_queues", index = "sqlite_autoindex_job_queues_1", columns = "scope, name, key",
    sql = [[INSERT OR IGNORE INTO job_queues (key, scope, name)
      SELECT key, scope, name FROM temp.old_job_queues_4 WHERE $now IS NOT NULL]] },
  { table = "sessions", index = "sqlite_autoindex_sessions_1", columns = "tree, key" },
  { table = "sessions", index = "sqlite_autoindex_sessions_2", columns = "scope, id, key",
    sql = SESSIONS },
  { table = "graph_nodes", index = "sqlite_autoindex_graph_nodes_1", columns = "scope, name, key",
    sql = [[INSERT OR IGNORE INTO graph_nodes (key, scope, name)
      SELECT key, scope, name FROM temp.old_graph_nodes_7 WHERE $now IS NOT NULL]] },
  { table = "graph_relations", index = "sqlite_autoindex_graph_relations_1",
    columns = "scope, name, key",
    sql = [[INSERT OR IGNORE INTO graph_relations (key, scope, name)
      SELECT key, scope, name FROM temp.old_graph_relations_8 WHERE $now IS NOT NULL]] },
}

local function read_index(engine, old, entry, name, root)
  local ok, err = engine:exec(("CREATE TEMP TABLE %s (%s)"):format(name, entry.columns))
  if not ok then return nil, err end
  local _, commas = entry.columns:gsub(",", ",")
  return core.salvage_rows(engine.connection, old, root,
    ("INSERT INTO temp.%s VALUES (%s?)"):format(name, ("?, "):rep(commas)),
    { columns = commas + 1, index = true })
end

--- Makes those rows.
---@param engine moonbase.Engine
---@param old userdata                  the damaged file
---@param list moonbase.SalvageTable[]
---@param report table<string, { saved: integer, lost: integer }>
---@param now integer
---@return true|nil
---@return moonbase.Error|nil err
function revived.make(engine, old, list, report, now)
  local by_name = {}
  for _, entry in ipairs(list) do by_name[entry.name] = entry end
  for n, entry in ipairs(LIST) do
    if report[entry.table] and report[entry.table].lost > 0 then
      local ok, err = read_index(engine, old, entry, ("old_%s_%d"):format(entry.table, n),
        by_name[entry.table].indexes[entry.index])
      if ok and entry.sql then ok, err = engine:run(entry.sql, now) end
      if not ok then return nil, err end
    end
  end
  return true
end

return revived
