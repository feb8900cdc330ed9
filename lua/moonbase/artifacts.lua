--- Artifacts: what an agent made, under a name, with every version of it.

local artifact_rows = require "moonbase.artifact_rows"
local check = require "moonbase.check"
local errors = require "moonbase.errors"
local Listing = require "moonbase.listing"

---@class moonbase.Artifacts
---@field ctx moonbase.Context
local Artifacts = {}
Artifacts.__index = Artifacts

---@param ctx moonbase.Context
---@return moonbase.Artifacts
function Artifacts.new(ctx)
  return setmetatable({ ctx = ctx }, Artifacts)
end

local function place_of(namespace, name)
  local ok, err = check.id("namespace", namespace)
  if ok then ok, err = check.id("name", name) end
  if not ok then return nil, err end
  return { namespace = namespace, name = name }
end

local function content_of(content)
  if type(content) == "string" then return { bytes = content } end
  if type(content) ~= "table" then
    errors.misuse("content", "string or { hash = ... } expected, got " .. type(content))
  end
  check.options("content", content, { hash = "string" })
  if content.hash == nil then return errors.invalid("content.hash", "is missing") end
  local hash, err = check.id("content.hash", content.hash)
  if not hash then return nil, err end
  return { hash = hash }
end

--- Adds a version: of bytes, or of a blob that is stored already.
---@param namespace string
---@param name string
---@param content string|{ hash: string }
---@return integer|nil version     1 for the first, greater than every earlier one of the name
---@return moonbase.Error|nil err  `not_found` for an unknown hash
function Artifacts:put(namespace, name, content)
  local place, err = place_of(namespace, name)
  if not place then return nil, err end
  local checked
  checked, err = content_of(content)
  if not checked then return nil, err end
  return self.ctx:write(artifact_rows.put, self.ctx, place, checked)
end

--- Reads the latest version, or another one.
---@param namespace string
---@param name string
---@param options? { version?: integer }
---@return string|nil bytes        nil when there is none
---@return integer|moonbase.Error|nil version
function Artifacts:get(namespace, name, options)
  local place, err = place_of(namespace, name)
  if not place then return nil, err end
  local version = check.options("options", options, { version = "number" }).version
  if version then version, err = check.positive("version", version) end
  if err then return nil, err end
  return self.ctx.engine:snapshot(artifact_rows.get, self.ctx, place, version)
end

local list = Listing.new {
  name = "artifacts:list",
  columns = "a.namespace, a.name, v.version, v.hash, v.size, v.created_at",
  source = [[FROM artifacts a
    JOIN artifact_versions v
      ON v.scope = a.scope AND v.artifact = a.key AND v.version = a.latest]],
  order = { { "name", "ASC" } },
  filters = { { "scope", "a.scope = $scope" }, { "namespace", "a.namespace = $namespace" } },
}

local QUERY = { limit = "number", cursor = "string", offset = "number", total = "boolean" }

--- The artifacts of exactly one namespace, each with its latest version, by name.
---@param namespace string
---@param query? table  limit, cursor, offset, total
---@return moonbase.Page|nil page  of { namespace, name, version, hash, size, created_at }
---@return moonbase.Error|nil err  `invalid`
function Artifacts:list(namespace, query)
  local ok, err = check.id("namespace", namespace)
  if not ok then return nil, err end
  query = check.options("query", query, QUERY)
  local scope
  scope, err = self.ctx:scope()
  if not scope then return nil, err end
  return list:page(self.ctx.engine, query, { scope = scope, namespace = namespace })
end

--- Every version of an artifact, oldest first.
---@param namespace string
---@param name string
---@return moonbase.ArtifactVersion[]|nil  { version, hash, size, created_at }; empty when unknown
---@return moonbase.Error|nil err  `invalid`
function Artifacts:history(namespace, name)
  local place, err = place_of(namespace, name)
  if not place then return nil, err end
  return self.ctx.engine:snapshot(artifact_rows.history, self.ctx, place)
end

--- Removes an artifact with every version. Its blobs stay until garbage is collected.
---@param namespace string
---@param name string
---@return boolean|nil deleted     false when there was none
---@return moonbase.Error|nil err  `invalid`
function Artifacts:delete(namespace, name)
  local place, err = place_of(namespace, name)
  if not place then return nil, err end
  return self.ctx:write(artifact_rows.remove, self.ctx, place)
end

--- Forgets old versions, up to 10,000 of them. Their blobs stay until garbage is collected.
---@param namespace string
---@param name string
---@param options { keep: integer }  how many of the newest stay, 1 or more
---@return integer|nil count
---@return moonbase.Error|nil err  `invalid`
function Artifacts:prune(namespace, name, options)
  local place, err = place_of(namespace, name)
  if not place then return nil, err end
  check.options("options", check.type("options", options, "table"), { keep = "number" })
  local keep
  keep, err = check.positive("keep", options.keep)
  if not keep then return nil, err end
  return self.ctx:write(artifact_rows.prune, self.ctx, place, keep)
end

return Artifacts
