--- Vectors: named collections of them, searched by nearness.

local Collection = require "moonbase.vector_collection"
local Listing = require "moonbase.listing"
local check = require "moonbase.check"
local errors = require "moonbase.errors"
local vector_rows = require "moonbase.vector_rows"

---@class moonbase.Vectors
---@field ctx moonbase.Context
local Vectors = {}
Vectors.__index = Vectors

---@param ctx moonbase.Context
---@return moonbase.Vectors
function Vectors.new(ctx)
  return setmetatable({ ctx = ctx }, Vectors)
end

local METRICS = check.set "cosine l2 dot"
local CREATE = { dim = "number", metric = "string" }
local MAX_DIM = 65536 -- the kernels' sums fit 32 bits up to there

local function shape_of(name, options)
  local ok, err = check.id("name", name)
  if not ok then return nil, err end
  if options.dim == nil then return errors.invalid("dim", "is missing") end
  local dim
  dim, err = check.positive("dim", options.dim)
  if not dim then return nil, err end
  if dim > MAX_DIM then return errors.invalid("dim", "must be at most " .. MAX_DIM) end
  return { name = name, dim = dim,
    metric = check.choice("metric", options.metric or "cosine", METRICS) }
end

--- Makes a collection.
---@param name string
---@param options { dim: integer, metric: string? }  dim: how many numbers a vector has; metric:
---  "cosine" (default), "l2" or "dot"
---@return moonbase.VectorCollection|nil
---@return moonbase.Error|nil err  `exists`, `invalid`
function Vectors:create(name, options)
  local shape, err = shape_of(name, check.options("options", options, CREATE))
  if not shape then return nil, err end
  local made
  made, err = self.ctx:write(vector_rows.create, self.ctx, shape)
  if not made then return nil, err end
  return Collection.new(self.ctx, shape)
end

--- A collection that exists.
---@param name string
---@return moonbase.VectorCollection|nil  nil alone when there is none
---@return moonbase.Error|nil err  `invalid`
function Vectors:open(name)
  local ok, err = check.id("name", name)
  if not ok then return nil, err end
  local set
  set, err = vector_rows.find(self.ctx, name)
  if not set then return nil, err end
  return Collection.new(self.ctx, set)
end

--- Removes a collection with all its vectors.
---@param name string
---@return boolean|nil removed  false when there was none
---@return moonbase.Error|nil err  `invalid`
function Vectors:drop(name)
  local ok, err = check.id("name", name)
  if not ok then return nil, err end
  return self.ctx:write(vector_rows.drop, self.ctx, name)
end

local COLLECTIONS = Listing.new {
  name = "vectors:list",
  columns = "name, dim, metric, count",
  source = "FROM vector_collections",
  order = { { "name", "ASC" } },
  filters = { { "scope", "scope = $scope" } },
}

local LIST = { limit = "number", cursor = "string", offset = "number", total = "boolean" }

--- The collections, by name.
---@param query? table  limit, cursor, offset, total
---@return moonbase.Page|nil page  of { name, dim, metric, count }
---@return moonbase.Error|nil err  `invalid`
function Vectors:list(query)
  query = check.options("query", query, LIST)
  local scope, err = self.ctx:scope()
  if not scope then return nil, err end
  return COLLECTIONS:page(self.ctx.engine, query, { scope = scope })
end

--- Sets how much memory searches on this connection may keep codes of vectors in (128 MB unless
--- told otherwise). What does not fit is read from the file in every search.
---@param bytes? integer  nil: leaves it
---@return integer|nil held  bytes in use now
---@return moonbase.Error|nil err  `invalid`
function Vectors:cache(bytes)
  if bytes ~= nil then
    local ok, err = check.integer("bytes", bytes)
    if not ok then return nil, err end
  end
  return self.ctx.engine:vectors_cache(bytes)
end

return Vectors
