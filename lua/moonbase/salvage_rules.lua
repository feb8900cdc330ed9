--- What must hold across the rows of a file that was salvaged, as a list: a part with a new table
-- has a line here where its rows cannot stand alone.

local gc_sources = require "moonbase.gc_sources"
local message_index = require "moonbase.message_index"
local salvage_chains = require "moonbase.salvage_chains"
local salvage_events = require "moonbase.salvage_events"
local salvage_memory = require "moonbase.salvage_memory"
local salvage_sessions = require "moonbase.salvage_sessions"
local salvage_vectors = require "moonbase.salvage_vectors"
local schema = require "moonbase.schema"

local rules = {}

--- Tables that are made from others, and so are made anew.
rules.MADE_ANEW = {
  message_backlog = true, vector_blocks = true, vector_cards = true, memory_labels = true,
  memory_mentions = true, text_sets = true, text_tail = true, text_segments = true,
  text_pages = true, text_lists = true,
}

--- What became of the rows, by table.
---@class moonbase.SalvageReport
---@field tables table<string, { saved: integer, lost: integer }>
local Report = {}
Report.__index = Report

--- Rows that were saved are lost after all.
---@param name string
---@param count integer
function Report:lose(name, count)
  local entry = self.tables[name]
  if entry then entry.saved, entry.lost = entry.saved - count, entry.lost + count end
end

local unpack = table.unpack or unpack -- luacheck: ignore

--- Removes rows: each entry is a table, a DELETE from it, and what the DELETE takes.
---@param engine moonbase.Engine
---@param list table[]
---@return true|nil
---@return moonbase.Error|nil err
function Report:drop(engine, list)
  for _, entry in ipairs(list) do
    local gone, err = engine:run(entry[2], unpack(entry, 3))
    if not gone then return nil, err end
    self:lose(entry[1], gone)
  end
  return true
end

-- Names that others' rows need are made again under a name that says so.
local NAMES = {
  "INSERT OR IGNORE INTO scopes (id, name) VALUES (1, 'default')",
  [[INSERT OR IGNORE INTO event_streams (id, scope, name)
    SELECT stream, key >> 40, 'recovered-' || stream FROM events
    WHERE stream NOT IN (SELECT id FROM event_streams) GROUP BY stream]],
}

-- An id that cannot be one was damaged.
local NAMED = { "threads", "sessions" }

local RENAME = [[
  UPDATE OR IGNORE %s SET id = 'recovered-' || key
  WHERE instr(id, char(0)) > 0 OR trim(id) = '' OR length(CAST(id AS BLOB)) > 512]]

local SCOPED = [[
  SELECT s.name FROM sqlite_schema s, pragma_table_info(s.name) c
  WHERE s.type = 'table' AND c.name = 'scope' AND c.type = 'INTEGER'
    AND s.name NOT LIKE 'sqlite_%']]

local SCOPES = [[
  INSERT OR IGNORE INTO scopes (id, name) SELECT DISTINCT scope, 'recovered-' || scope FROM "%s"
  WHERE scope NOT IN (SELECT id FROM scopes)]]

-- Cursors that were given out are not given out again, whatever becomes of their events.
local CURSORS = [[INSERT INTO sequences (scope, name, value)
    SELECT key >> 40, 'events', max(key & 1099511627775) FROM events WHERE true GROUP BY key >> 40
    ON CONFLICT (scope, name) DO UPDATE SET value = max(value, excluded.value)]]

-- Rows that mean nothing without another.
local PARTS_OF = {
  { "flows", [[DELETE FROM flows WHERE NOT EXISTS (SELECT 1 FROM flow_documents d
      WHERE d.key >> 32 = flows.key AND d.kind = 'state' AND d.id = '')]] },
  { "job_payloads", "DELETE FROM job_payloads WHERE key NOT IN (SELECT key FROM jobs)" },
  { "jobs", "DELETE FROM jobs WHERE key NOT IN (SELECT key FROM job_payloads)" },
  { "jobs", "DELETE FROM jobs WHERE queue NOT IN (SELECT key FROM job_queues)" },
  { "blobs", [[DELETE FROM blobs WHERE pieces > 0 AND pieces <> (SELECT count(*) FROM blob_pieces p
      WHERE p.key > (blobs.key << 24) AND p.key <= (blobs.key << 24) + blobs.pieces)]] },
  { "blobs", "DELETE FROM blobs WHERE upload IS NOT NULL" },
  { "blob_pieces", "DELETE FROM blob_pieces WHERE key >> 24 NOT IN (SELECT key FROM blobs)" },
  { "artifact_versions", [[DELETE FROM artifact_versions WHERE NOT EXISTS (SELECT 1 FROM blobs b
      WHERE b.scope = artifact_versions.scope AND b.hash = artifact_versions.hash)]] },
  { "artifact_versions",
    "DELETE FROM artifact_versions WHERE artifact NOT IN (SELECT key FROM artifacts)" },
  { "artifacts",
    "DELETE FROM artifacts WHERE key NOT IN (SELECT artifact FROM artifact_versions)" },
}

-- The graph's edges need their names, and names an edge.
local GRAPH = {
  { "graph_edges", "DELETE FROM graph_edges WHERE src NOT IN (SELECT key FROM graph_nodes)" },
  { "graph_edges", "DELETE FROM graph_edges WHERE dst NOT IN (SELECT key FROM graph_nodes)" },
  { "graph_edges", "DELETE FROM graph_edges WHERE rel NOT IN (SELECT key FROM graph_relations)" },
  { "graph_edges", [[DELETE FROM graph_edges WHERE NOT (weight >= 0 AND weight < 9e999)
      OR (since <> 0 AND until <> 0 AND until <= since)]] },
  { "graph_details", [[DELETE FROM graph_details WHERE key NOT IN (
      SELECT detail FROM graph_edges WHERE detail IS NOT NULL)]] },
  { "graph_nodes", [[DELETE FROM graph_nodes WHERE key NOT IN (SELECT src FROM graph_edges)
      AND key NOT IN (SELECT dst FROM graph_edges)]] },
  { "graph_relations",
    "DELETE FROM graph_relations WHERE key NOT IN (SELECT rel FROM graph_edges)" },
}

-- Documents that name no blobs; gc_sources has the others.
local LISTS = {
  { "transactions", [[DELETE FROM transactions WHERE NOT json_valid(write_set)
      OR (participants IS NOT NULL AND NOT json_valid(participants))]] },
  { "transaction_participants", [[DELETE FROM transaction_participants WHERE NOT EXISTS (
      SELECT 1 FROM transactions t
      WHERE t.key = (transaction_participants.scope << 40) + transaction_participants.number)]] },
}

-- Ledgers of a flow run, numbered without gaps: each ends at its first hole.
local LEDGERS = { "flow_steps", "flow_failures", "flow_iterations", "flow_outputs" }

local LEDGER = [[
  DELETE FROM %s WHERE key >> 32 NOT IN (SELECT key FROM flows)]]

-- A document of which the last revision is lost counts as deleted: an earlier one is not it.
local REVISED = {
  [[UPDATE %s SET revision = max(revision,
      coalesce((SELECT max(revision) FROM %s_history WHERE document = %s.key), 0))]],
  [[UPDATE %s SET live = 0 WHERE NOT EXISTS (SELECT 1 FROM %s_history h
      WHERE h.document = %s.key AND h.revision = %s.revision)]],
}

-- What is kept as a count or a pointer.
local COUNTS = {
  [[UPDATE job_queues SET
      open = (SELECT count(*) FROM jobs WHERE queue = job_queues.key AND finished_at IS NULL),
      done = (SELECT count(*) FROM jobs WHERE queue = job_queues.key AND state = 'done'),
      failed = (SELECT count(*) FROM jobs WHERE queue = job_queues.key AND state = 'failed'),
      dead = (SELECT count(*) FROM jobs WHERE queue = job_queues.key AND state = 'dead'),
      cancelled = (SELECT count(*) FROM jobs WHERE queue = job_queues.key
        AND state = 'cancelled')]],
  [[UPDATE threads SET
      queued = (SELECT count(*) FROM pending WHERE thread = threads.key),
      queue_revision = queue_revision + 1]],
  [[UPDATE artifacts SET latest = (SELECT max(version) FROM artifact_versions v
      WHERE v.scope = artifacts.scope AND v.artifact = artifacts.key)]],
  [[INSERT INTO sequences (scope, name, value)
    SELECT scope, 'leases', max(fencing) FROM leases WHERE true GROUP BY scope
    ON CONFLICT (scope, name) DO UPDATE SET value = max(value, excluded.value)]],
  [[INSERT INTO sequences (scope, name, value)
    SELECT scope, 'kv', max(revision) FROM kv WHERE true GROUP BY scope
    ON CONFLICT (scope, name) DO UPDATE SET value = max(value, excluded.value)]],
  "UPDATE graph_edges SET detail = NULL WHERE detail NOT IN (SELECT key FROM graph_details)",
  -- Participants are told at least once: where it is not known which, all are told again.
  [[INSERT OR IGNORE INTO transaction_participants (scope, name, number)
    SELECT t.key >> 40, j.value, t.key & 1099511627775
    FROM transactions t, json_each(t.participants) j
    WHERE t.open > (SELECT count(*) FROM transaction_participants p
      WHERE p.scope = t.key >> 40 AND p.number = t.key & 1099511627775)]],
  [[UPDATE transactions SET open = (SELECT count(*) FROM transaction_participants p
      WHERE p.scope = transactions.key >> 40 AND p.number = transactions.key & 1099511627775)]],
  "DELETE FROM blob_collector",
  "DELETE FROM blob_touches",
}

local function settle_revisions(engine)
  for _, name in ipairs { "specs", "profiles" } do
    for _, sql in ipairs(REVISED) do
      local ok, err = engine:run((sql:gsub("%%s", name)))
      if not ok then return nil, err end
    end
  end
  return true
end

local REFERENCES = [[
  SELECT s.name AS child, f."from" AS col, f."table" AS parent,
    coalesce(f."to", (SELECT name FROM pragma_table_info(f."table") WHERE pk = 1)) AS key
  FROM sqlite_schema s, pragma_foreign_key_list(s.name) f
  WHERE s.type = 'table' ORDER BY s.rowid]]

local ORPHANS = [[
  DELETE FROM "%s" WHERE "%s" IS NOT NULL AND "%s" NOT IN (SELECT "%s" FROM "%s")]]

local function each(engine, list)
  for _, sql in ipairs(list) do
    local ok, err = engine:run(sql)
    if not ok then return nil, err end
  end
  return true
end

local function make_names(engine)
  local ok, err = each(engine, NAMES)
  for _, name in ipairs(NAMED) do
    if ok then ok, err = engine:run(RENAME:format(name)) end
  end
  if not ok then return nil, err end
  local names
  names, err = engine:values(SCOPED)
  for i = 1, names and #names or 0 do
    ok, err = engine:run(SCOPES:format(names[i]))
    if not ok then return nil, err end
  end
  return names ~= nil or nil, err
end

local DOCUMENTS = "DELETE FROM %s WHERE %s IS NOT NULL AND NOT json_valid(%s)"

-- A document that is no JSON was damaged in a way that no page tells of.
local function drop_documents(engine, report)
  for _, source in ipairs(gc_sources.list) do
    if source.kind == "document" then
      local ok, err = report:drop(engine, { { source.table,
        DOCUMENTS:format(source.table, source.column, source.column) } })
      if not ok then return nil, err end
    end
  end
  return true
end

local function drop_orphans(engine, report)
  local list, err = engine:rows(REFERENCES)
  if not list then return nil, err end
  for _, r in ipairs(list) do
    local ok
    ok, err = report:drop(engine, { { r.child,
      ORPHANS:format(r.child, r.col, r.col, r.key, r.parent) } })
    if not ok then return nil, err end
  end
  return true
end

local HOLE = [[
  DELETE FROM %s WHERE (key & 4294967295) > 1 AND EXISTS (
    SELECT 1 FROM (SELECT key >> 32 AS flow, min(key) AS hole FROM %s m
      WHERE (key & 4294967295) > 1 AND NOT EXISTS (SELECT 1 FROM %s b WHERE b.key = m.key - 1)
      GROUP BY key >> 32) h
    WHERE h.flow = %s.key >> 32 AND %s.key >= h.hole)]]

local function cut_ledgers(engine, report)
  local ok, err = report:drop(engine, { { "flow_documents", LEDGER:format "flow_documents" } })
  for _, name in ipairs(LEDGERS) do
    if not ok then return nil, err end
    ok, err = report:drop(engine, { { name, LEDGER:format(name) },
      { name, HOLE:format(name, name, name, name, name) } })
  end
  return ok, err
end

local function complete_ledger(engine, now)
  local version, err = engine:schema_version()
  if not version then return nil, err end
  for n = 1, version do
    local ok
    ok, err = engine:run([[INSERT OR IGNORE INTO migrations (version, name, applied_at)
      VALUES ($version, $name, $now)]], n, schema.migrations[n].name, now)
    if not ok then return nil, err end
  end
  return true
end

--- Puts right what lies across rows. Inside the transaction that copied them.
---@param engine moonbase.Engine
---@param tables table<string, { saved: integer, lost: integer }>  brought up to date
---@param now integer
---@return any ok
---@return moonbase.Error|nil err
function rules.apply(engine, tables, now)
  local report = setmetatable({ tables = tables }, Report)
  local ok, err = complete_ledger(engine, now)
  if ok then ok, err = make_names(engine) end
  if ok then ok, err = drop_documents(engine, report) end
  if ok then ok, err = report:drop(engine, LISTS) end
  if ok then ok, err = report:drop(engine, PARTS_OF) end
  if ok then ok, err = report:drop(engine, GRAPH) end
  if ok then ok, err = cut_ledgers(engine, report) end
  if ok then ok, err = engine:run(CURSORS) end
  if ok then ok, err = salvage_events.repair(engine, report) end
  if ok then ok, err = salvage_chains.repair(engine, report) end
  if ok then ok, err = drop_orphans(engine, report) end
  if ok then ok, err = salvage_sessions.repair(engine) end
  if ok then ok, err = salvage_memory.repair(engine, report) end
  if ok then ok, err = salvage_vectors.repair(engine, report) end
  if ok then ok, err = each(engine, COUNTS) end
  if ok then ok, err = settle_revisions(engine) end
  if ok then ok, err = message_index.rebuild(engine) end
  return ok, err
end

return rules
