--- Where blobs are named: the one list of the columns, in the tables of all parts, that keep blobs.
-- A part that stores documents has its line here, and the index for it (schema/blob_index.lua) in
-- its migration. One that stores a hash in a column of its own also says so to blob_touches.

local gc_sources = {}

---@class moonbase.gc.Source
---@field table string
---@field column string
---@field kind string    "document": JSON text that may name blobs; "hash": the hash of one
---@field page string    SQL: rows of a scope that name blobs behind a key, as `key` and `value`
---@field first any       a key before every other

-- A row `d` of the table, and what leads from it to the scope.
local PAGE = [[
  SELECT d.%s AS key, d.%s AS value FROM %s d INDEXED BY %s_blobs %s
  WHERE %s AND %s AND d.%s > $after ORDER BY d.%s LIMIT $count]]

local function document(name, column, key, scope, joins)
  local names = ([[d.%s GLOB '*$blob"*']]):format(column)
  return { table = name, column = column, kind = "document", first = 0,
    page = PAGE:format(key, column, name, name, joins or "", names, scope, key, key) }
end

local function hash(name, column, page, first)
  return { table = name, column = column, kind = "hash", page = page, first = first or 0 }
end

local OWN = "d.scope = $scope"

local OF_THREAD = "CROSS JOIN threads t ON t.key = d.thread"
local OF_CHAIN = [[
  CROSS JOIN segments s ON s.id = d.key >> 32 CROSS JOIN threads t ON t.key = s.owner]]
local OF_JOB = "CROSS JOIN jobs j ON j.key = d.key"
local OF_FLOW = "CROSS JOIN flows f ON f.key = d.key >> 32"
local OF_COLLECTION = "CROSS JOIN vector_collections c ON c.key = d.key >> 32"
local OF_SPEC = "CROSS JOIN specs s ON s.key = d.document"
local OF_SESSION = "CROSS JOIN sessions s ON s.key = d.session"
local OF_PROFILE = "CROSS JOIN profiles p ON p.key = d.document"

---@type moonbase.gc.Source[]
gc_sources.list = {
  document("threads", "custom", "key", OWN),
  document("thread_states", "document", "thread", "t.scope = $scope", OF_THREAD),
  document("messages", "body", "key", "t.scope = $scope", OF_CHAIN),
  document("pending", "body", "key", "t.scope = $scope", OF_THREAD),
  document("runs", "body", "key", OWN),
  document("events", "data", "key", "d.key >> 40 = $scope"),
  document("jobs", "result", "key", OWN),
  document("job_payloads", "payload", "key", "j.scope = $scope", OF_JOB),
  document("kv", "value", "id", OWN),
  document("flow_documents", "body", "key", "f.scope = $scope", OF_FLOW),
  document("flow_steps", "output", "key", "f.scope = $scope", OF_FLOW),
  document("flow_outputs", "output", "key", "f.scope = $scope", OF_FLOW),
  document("specs_history", "body", "key", "s.scope = $scope", OF_SPEC),
  document("profiles_history", "body", "key", "p.scope = $scope", OF_PROFILE),
  document("session_nodes", "body", "key", OWN),
  document("session_details", "caused_by", "session", "s.scope = $scope", OF_SESSION),
  document("session_turns", "result", "key", "s.scope = $scope", OF_SESSION),
  document("vector_items", "metadata", "key", "c.scope = $scope", OF_COLLECTION),
  document("memories", "metadata", "key", "d.key >> 32 = $scope"),
  document("graph_details", "data", "key", OWN),
  hash("artifact_versions", "hash", [[
    SELECT (artifact << 32) | version AS key, hash AS value FROM artifact_versions
    WHERE scope = $scope AND (artifact, version) > ($after >> 32, $after & 4294967295)
    ORDER BY artifact, version LIMIT $count]]),
  hash("sessions", "checkpoint_ref", [[
    SELECT id AS key, checkpoint_ref AS value FROM sessions
    WHERE scope = $scope AND id > $after AND checkpoint_ref IS NOT NULL
    ORDER BY id LIMIT $count]], ""),
}

return gc_sources
