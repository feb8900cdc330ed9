--- Write sets: what a transaction wrote, by part and id. The engine records which rows of the
-- tables below were inserted, updated or deleted; those of other tables belong to one of these and
-- are written together with it.

local core = require "moonbase.core"

local write_set = {}

--- What a transaction wrote of one thing. A row of another scope than the reader's has `scope`.
---@class moonbase.Written
---@field part string          "threads", "kv", ...
---@field op string            "insert" "update" "delete", all in all
---@field id? string|integer   its id, name, key or hash; of an event its cursor
---@field ns? string           of a key
---@field namespace? string    of an artifact
---@field collection? string   of a collection of vectors, its name
---@field from? string         of an edge of the property graph
---@field to? string           the same
---@field scope? string

-- A table, its part, and pairs of a field and its column. The number of the scope is in the column
-- `scope`, or in the upper bits of `key`, from `shift` on.
local TABLES = {
  { "threads", "threads", "id", "id" },
  { "runs", "runs", "id", "id" },
  { "events", "events", "id", "key", shift = 40 },
  { "jobs", "jobs", "id", "id" },
  { "kv", "kv", "id", "key", "ns", "ns" },
  { "leases", "leases", "id", "name" },
  { "flows", "flows", "id", "id" },
  { "specs", "specs", "id", "id" },
  { "profiles", "profiles", "id", "id" },
  { "sessions", "sessions", "id", "id" },
  { "blobs", "blobs", "id", "hash" },
  { "artifacts", "artifacts", "id", "name", "namespace", "namespace" },
  { "memories", "memory", "id", "id", "namespace", "namespace", shift = 32 },
  { "vector_collections", "vectors", "collection", "name" },
  { "vector_items", "vectors", "id", "id" },
  { "graph_edges", "graph", "from", "src", "to", "dst" },
}

local COLUMNS = "SELECT name, cid FROM pragma_table_info($table)"

-- The rule for a table, with columns by number.
local function rule_of(engine, entry)
  local rows, err = engine:rows(COLUMNS, entry[1])
  if not rows then return nil, err end
  local numbers = {}
  for _, row in ipairs(rows) do numbers[row.name] = row.cid end
  local rule = { table = entry[1], part = entry[2], shift = entry.shift, fields = {} }
  for i = 3, #entry, 2 do
    rule.fields[i - 2], rule.fields[i - 1] = entry[i], numbers[entry[i + 1]]
  end
  rule.scope = entry.shift and numbers.key or numbers.scope
  return rule
end

local function watch(engine)
  for _, entry in ipairs(TABLES) do
    local rule, err = rule_of(engine, entry)
    local ok = rule
    if ok then ok, err = engine:watch(rule) end
    if not ok then return nil, err end
  end
  return true
end

--- Records what the transaction that was just begun is going to write.
---@param engine moonbase.Engine
---@return true|nil
---@return moonbase.Error|nil
function write_set.record(engine)
  local shared = engine.shared
  if not shared.watching then
    local ok, err = watch(engine)
    if not ok then return nil, err end
    shared.watching = true
  end
  return engine:record()
end

local ENDS = { "from", "to" }

local NODE_NAME = "SELECT name FROM graph_nodes WHERE key = $key"

-- Edges are recorded by the numbers of their nodes, which may be gone when the log is read.
local function name_nodes(engine, json)
  local list, err = core.decode(json)
  if not list then return nil, err end
  for _, entry in ipairs(list) do
    for _, field in ipairs(ENDS) do
      if type(entry[field]) == "number" then
        entry[field], err = engine:value(NODE_NAME, entry[field])
        if err then return nil, err end
      end
    end
  end
  return core.encode(list, "write_set")
end

--- What it has written so far, as JSON; see `write_set.name`.
---@param engine moonbase.Engine
---@return string|nil json
---@return boolean|moonbase.Error cut  there was more than is recorded
function write_set.written(engine)
  local json, cut = engine:written()
  if not json and cut.code == "unsupported" then return "[]", true end
  if json and json:find('"part":"graph"', 1, true) then
    local err
    json, err = name_nodes(engine, json)
    if not json then return nil, err end
  end
  return json, cut
end

local SCOPE_NAME = "SELECT name FROM scopes WHERE id = $id"

--- Gives the scopes of a decoded write set their names, and the reader's own none.
---@param ctx moonbase.Context  the reader's
---@param own integer           number of its scope
---@param list moonbase.Written[]
---@return moonbase.Written[]|nil
---@return moonbase.Error|nil
function write_set.name(ctx, own, list)
  local names = {}
  for _, entry in ipairs(list) do
    local scope = entry.scope
    entry.scope = nil
    if scope and scope ~= own then
      if not names[scope] then
        local name, err = ctx.engine:value(SCOPE_NAME, scope)
        if err then return nil, err end
        names[scope] = name
      end
      entry.scope = names[scope]
    end
  end
  return list
end

--- What the transaction that is open has written so far.
---@param ctx moonbase.Context
---@return moonbase.Written[]|nil
---@return boolean|moonbase.Error cut
function write_set.get(ctx)
  local json, cut = write_set.written(ctx.engine)
  if not json then return nil, cut end
  local own, err = ctx:scope()
  local list = own
  if list then list, err = core.decode(json) end
  if list then list, err = write_set.name(ctx, own, list) end
  if not list then return nil, err end
  return list, cut
end

return write_set
