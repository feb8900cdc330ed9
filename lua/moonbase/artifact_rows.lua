--- The rows of artifacts: a name, and a version of it for each blob that was put under it.

local blob_rows = require "moonbase.blob_rows"
local blob_touches = require "moonbase.blob_touches"
local errors = require "moonbase.errors"
local sequence = require "moonbase.sequence"

local artifact_rows = {}

-- Where versions of artifacts that are gone are remembered, as their greatest.
local FLOOR = "artifacts"

local ADVANCE = [[
  INSERT INTO artifacts (scope, namespace, name, latest)
  VALUES ($scope, $namespace, $name, $floor + 1)
  ON CONFLICT (scope, namespace, name) DO UPDATE SET latest = latest + 1
  RETURNING key, latest]]

local RECORD = [[
  INSERT INTO artifact_versions (scope, artifact, version, created_at, size, hash)
  VALUES ($scope, $artifact, $version, $now, $size, $hash)]]

local FIND = [[
  SELECT key, scope, latest FROM artifacts
  WHERE scope = $scope AND namespace = $namespace AND name = $name]]

local HASH = [[
  SELECT hash FROM artifact_versions
  WHERE scope = $scope AND artifact = $artifact AND version = $version]]

local HISTORY = [[
  SELECT version, hash, size, created_at FROM artifact_versions
  WHERE scope = $scope AND artifact = $artifact ORDER BY version]]

local DELETE_VERSIONS = [[
  DELETE FROM artifact_versions WHERE scope = $scope AND artifact = $artifact]]
local DELETE = "DELETE FROM artifacts WHERE key = $key"

local PRUNE = [[
  DELETE FROM artifact_versions
  WHERE scope = $scope AND artifact = $artifact AND version IN (
    SELECT version FROM artifact_versions
    WHERE scope = $scope AND artifact = $artifact AND version <= $last
    ORDER BY version LIMIT 10000)]]

---@class moonbase.ArtifactPlace
---@field namespace string
---@field name string

---@class moonbase.ArtifactVersion
---@field version integer
---@field hash string
---@field size integer        bytes
---@field created_at integer

local function find(ctx, place)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(FIND, scope, place.namespace, place.name)
end

-- The blob: stored now, or one that must be there.
local function store(ctx, content)
  if content.bytes then
    local hash, err = blob_rows.put(ctx, content.bytes)
    if not hash then return nil, err end
    return { hash = hash, size = #content.bytes }
  end
  local blob, err = blob_rows.stat(ctx, content.hash)
  if err then return nil, err end
  if blob then return blob end
  return errors.fail("not_found", "blob '" .. content.hash .. "' not found",
    { hash = content.hash })
end

--- Adds a version. Inside a write.
---@param ctx moonbase.Context
---@param place moonbase.ArtifactPlace
---@param content { bytes?: string, hash?: string }
---@return integer|nil version
---@return moonbase.Error|nil err  `not_found` for an unknown hash
function artifact_rows.put(ctx, place, content)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local blob, floor, row, ok
  blob, err = store(ctx, content)
  if not blob then return nil, err end
  floor, err = sequence.last(ctx.engine, scope, FLOOR)
  if not floor then return nil, err end
  row, err = ctx.engine:row(ADVANCE, scope, place.namespace, place.name, floor)
  if not row then return nil, err end
  ok, err = ctx.engine:run(RECORD, scope, row.key, row.latest, ctx:now(), blob.size, blob.hash)
  if ok then ok, err = blob_touches.add(ctx.engine, blob.hash) end
  if not ok then return nil, err end
  return row.latest
end

local function read(ctx, version, hash)
  local bytes, err = blob_rows.get(ctx, hash)
  if err then return nil, err end
  if bytes then return bytes, version end
  return blob_rows.damaged(hash, "an artifact names it, and it is not there")
end

--- A version's bytes. Inside a snapshot.
---@param ctx moonbase.Context
---@param place moonbase.ArtifactPlace
---@param version? integer  default: the latest
---@return string|nil bytes
---@return integer|moonbase.Error|nil version
function artifact_rows.get(ctx, place, version)
  local row, err = find(ctx, place)
  if not row then return nil, err end
  version = version or row.latest
  local hash
  hash, err = ctx.engine:value(HASH, row.scope, row.key, version)
  if not hash then return nil, err end
  return read(ctx, version, hash)
end

--- All versions, oldest first. Inside a snapshot.
---@param ctx moonbase.Context
---@param place moonbase.ArtifactPlace
---@return moonbase.ArtifactVersion[]|nil
---@return moonbase.Error|nil
function artifact_rows.history(ctx, place)
  local row, err = find(ctx, place)
  if err then return nil, err end
  if not row then return {} end
  return ctx.engine:rows(HISTORY, row.scope, row.key)
end

--- Removes all versions. Inside a write.
---@param ctx moonbase.Context
---@param place moonbase.ArtifactPlace
---@return boolean|nil removed  false when there was none
---@return moonbase.Error|nil
function artifact_rows.remove(ctx, place)
  local row, err = find(ctx, place)
  if err then return nil, err end
  if not row then return false end
  local ok
  ok, err = ctx.engine:run(DELETE_VERSIONS, row.scope, row.key)
  if ok then ok, err = ctx.engine:run(DELETE, row.key) end
  if ok then ok, err = sequence.raise(ctx.engine, row.scope, FLOOR, row.latest) end
  if not ok then return nil, err end
  return true
end

--- Removes old versions, up to 10,000 of them. Inside a write.
---@param ctx moonbase.Context
---@param place moonbase.ArtifactPlace
---@param keep integer  how many of the newest stay, 1 or more
---@return integer|nil count
---@return moonbase.Error|nil
function artifact_rows.prune(ctx, place, keep)
  local row, err = find(ctx, place)
  if err then return nil, err end
  if not row then return 0 end
  return ctx.engine:run(PRUNE, row.scope, row.key, row.latest - keep)
end

return artifact_rows
