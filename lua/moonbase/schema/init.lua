--- The schema: numbered migrations, each with the tables of one part.
-- The version in the file is the number of the last one applied; the table
-- `migrations` is the ledger of when each was.

local errors = require "moonbase.errors"

local schema = {}

---@class moonbase.Migration
---@field name string  what it brings
---@field sql string   a script; it runs inside the migrating transaction

--- The migrations, in order; the index is the version.
---@type moonbase.Migration[]
schema.migrations = {
  require "moonbase.schema.001_base",
  require "moonbase.schema.002_chains",
  require "moonbase.schema.003_threads",
  require "moonbase.schema.004_runs",
  require "moonbase.schema.005_events",
  require "moonbase.schema.006_jobs",
  require "moonbase.schema.007_leases",
  require "moonbase.schema.008_kv",
  require "moonbase.schema.009_flows",
  require "moonbase.schema.010_specs",
  require "moonbase.schema.011_blobs",
  require "moonbase.schema.012_sessions",
  require "moonbase.schema.013_vectors",
  require "moonbase.schema.014_memory",
  require "moonbase.schema.015_text",
  require "moonbase.schema.016_graph",
  require "moonbase.schema.017_transactions",
  nil, -- Lua 5.4's require gives two values, and the last of a list would take both
}

local function apply(engine, version, migration, now)
  local ok, err = engine:exec(migration.sql)
  if not ok then return nil, err end
  return engine:run([[
    INSERT INTO migrations (version, name, applied_at)
    VALUES ($version, $name, $now)]], version, migration.name, now)
end

-- Reads the version again under the write lock: another process may have
-- migrated the file between our look and the lock.
local function migrate(engine, last, now)
  local version, err = engine:schema_version()
  if not version then return nil, err end
  for next_version = version + 1, last do
    local ok, failure = apply(engine, next_version, schema.migrations[next_version], now)
    if not ok then return nil, failure end
  end
  return engine:set_schema_version(last)
end

--- Refuses a file that is not ours or comes from a newer version, without touching it.
---@param engine moonbase.Engine
---@return integer? version, moonbase.Error?
function schema.inspect(engine)
  local version, err = engine:schema_version()
  if not version then return nil, err end
  if version > #schema.migrations then
    return errors.fail("future_schema", string.format(
      "'%s' has schema version %d, this program knows %d", engine.path, version,
      #schema.migrations), { expected = #schema.migrations, actual = version })
  end
  if version < #schema.migrations and engine.readonly then
    return errors.fail("readonly", string.format(
      "'%s' has schema version %d; open it once for writing to bring it to %d",
      engine.path, version, #schema.migrations))
  end
  return version
end

--- Brings the file to the present version, in one transaction.
---@param engine moonbase.Engine
---@param version integer  as `inspect` found it
---@param now integer      ms since the epoch, for the ledger
---@return true|nil, moonbase.Error?
function schema.migrate(engine, version, now)
  if version == #schema.migrations then return true end
  return engine:atomic(migrate, engine, #schema.migrations, now)
end

--- Makes the tables of a new file as they were at a version.
---@param engine moonbase.Engine
---@param version integer
---@param now integer
---@return true|nil, moonbase.Error?
function schema.build(engine, version, now)
  return engine:atomic(migrate, engine, version, now)
end

return schema
