--- The vectors of memory: one set for each embedder of a scope, for vectors of different ones are
-- never compared. A text has its vector in one of them. Functions that change something run inside
-- a write.

local embed = require "moonbase.embed"
local errors = require "moonbase.errors"
local vector_set = require "moonbase.vector_set"

local memory_vectors = {}

---@class moonbase.MemoryVectors : moonbase.VectorSet
---@field embedder string  its name

local COLUMNS = [[
  key, embedder, dim, 'cosine' AS metric, count, stamp, 1 AS "partial(boolean)"]]

local FIND = "SELECT " .. COLUMNS .. [[ FROM memory_vectors
  WHERE scope = $scope AND embedder = $embedder AND dim = $dim]]

local BY_KEY = "SELECT " .. COLUMNS .. " FROM memory_vectors WHERE key = $key"

local ALL = "SELECT " .. COLUMNS .. " FROM memory_vectors WHERE scope = $scope"

local MAKE = [[
  INSERT INTO memory_vectors (scope, embedder, dim, count, stamp)
  VALUES ($scope, $embedder, $dim, 0, $stamp) RETURNING ]] .. COLUMNS

local NOTE = "UPDATE memory_vectors SET count = $count, stamp = $stamp WHERE key = $key"

-- Some of the texts whose vectors are in a set.
local SERIALS = [[
  SELECT key & 4294967295 FROM vector_floats
  WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295 ORDER BY key LIMIT $limit]]

local default

--- The embedder of a handle: the one it was opened with, else the one that needs nothing.
---@param ctx moonbase.Context
---@return moonbase.Embedder
function memory_vectors.embedder(ctx)
  default = default or embed.hash()
  return ctx.embedder or default
end

--- The set of the handle's embedder; nil when it has made no vector yet.
---@param ctx moonbase.Context
---@param scope integer
---@return moonbase.MemoryVectors|nil
---@return moonbase.Error|nil err
function memory_vectors.find(ctx, scope)
  local embedder = memory_vectors.embedder(ctx)
  return ctx.engine:row(FIND, scope, embedder.name, embedder.dim)
end

local function need(ctx, scope)
  local set, err = memory_vectors.find(ctx, scope)
  if set or err then return set, err end
  local embedder = memory_vectors.embedder(ctx)
  return ctx.engine:row(MAKE, scope, embedder.name, embedder.dim, vector_set.stamp())
end

--- The sets of all embedders.
---@param ctx moonbase.Context
---@param scope integer
---@return moonbase.MemoryVectors[]|nil
---@return moonbase.Error|nil err
function memory_vectors.all(ctx, scope)
  return ctx.engine:rows(ALL, scope)
end

--- Whether a set is of an embedder's vectors.
---@param set moonbase.MemoryVectors
---@param embedder moonbase.Embedder
---@return boolean
function memory_vectors.is_of(set, embedder)
  return set.embedder == embedder.name and set.dim == embedder.dim
end

--- Some of the texts whose vectors are in a set.
---@param ctx moonbase.Context
---@param set moonbase.MemoryVectors
---@param limit integer
---@return integer[]|nil serials
---@return moonbase.Error|nil err
function memory_vectors.serials(ctx, set, limit)
  return ctx.engine:values(SERIALS, set.key, limit)
end

local function note(ctx, set)
  return ctx.engine:run(NOTE, set.count, set.stamp, set.key)
end

--- Takes the vector of a text out of the set that it is in.
---@param ctx moonbase.Context
---@param row table  serial, vector_set
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function memory_vectors.remove(ctx, row)
  local set, err = ctx.engine:row(BY_KEY, row.vector_set)
  if err then return nil, err end
  if not set then return errors.fail("corrupt", "the vector of a memory is in no set") end
  local ok
  ok, err = vector_set.remove(ctx.engine, set, { row.serial })
  if ok then ok, err = note(ctx, set) end
  if not ok then return nil, err end
  return true
end

--- Vectors that are about to be written, all to the set of the handle's embedder.
---@class moonbase.MemoryVectorBatch
---@field ctx moonbase.Context
---@field scope integer
---@field set? moonbase.MemoryVectors  once there is a vector
---@field vectors table<integer, string>  by serial
---@field gone integer[]                  serials whose vectors go
local Batch = {}
Batch.__index = Batch

---@param ctx moonbase.Context
---@param scope integer
---@return moonbase.MemoryVectorBatch
function memory_vectors.batch(ctx, scope)
  return setmetatable({ ctx = ctx, scope = scope, vectors = {}, gone = {} }, Batch)
end

-- The vector of a text that another one replaces goes, unless it is written over.
local function replace(self, serial, old)
  if not old or not old.vector_set then return true end
  if old.vector_set ~= self.set.key then return memory_vectors.remove(self.ctx, old) end
  if old.serial == serial then return true end
  if self.vectors[old.serial] then
    self.vectors[old.serial] = nil -- it came with this batch
  else
    self.gone[#self.gone + 1] = old.serial
  end
  return true
end

--- Adds a vector; gives the set that it will be in.
---@param serial integer
---@param vector string  little-endian float32
---@param old? table     the text whose place it takes: serial, vector_set
---@return integer|nil set
---@return moonbase.Error|nil err  `corrupt`
function Batch:add(serial, vector, old)
  local err
  if not self.set then self.set, err = need(self.ctx, self.scope) end
  if not self.set then return nil, err end
  local ok
  ok, err = replace(self, serial, old)
  if not ok then return nil, err end
  self.vectors[serial] = vector
  return self.set.key
end

--- Writes what was added.
---@return true|nil
---@return moonbase.Error|nil err  `full`, `corrupt`
function Batch:write()
  local set, vectors, gone = self.set, self.vectors, self.gone
  if not set then return true end
  self.set, self.vectors, self.gone = nil, {}, {}
  local ok, err = true, nil
  if #gone > 0 then ok, err = vector_set.remove(self.ctx.engine, set, gone) end
  if ok then ok, err = vector_set.put(self.ctx.engine, set, vectors) end
  if ok then ok, err = note(self.ctx, set) end
  if not ok then return nil, err end
  return true
end

--- Removes the vector that a text has.
---@param old? table  serial, vector_set
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function Batch:remove(old)
  if not old or not old.vector_set then return true end
  local ok, err = self:write() -- the set is read again
  if not ok then return nil, err end
  return memory_vectors.remove(self.ctx, old)
end

return memory_vectors
