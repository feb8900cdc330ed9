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

local MOVE = "UPDATE memories SET slot = $slot WHERE key = ($scope << 32) + $serial"

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
---@param scope integer
---@param row table  serial, vector_set, slot
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function memory_vectors.remove(ctx, scope, row)
  local set, err = ctx.engine:row(BY_KEY, row.vector_set)
  if err then return nil, err end
  if not set then return errors.fail("corrupt", "the vector of a memory is in no set") end
  local moved, count
  moved, err = vector_set.remove(ctx.engine, set, row.serial, row.slot)
  if moved == nil then return nil, err end
  if moved then
    count, err = ctx.engine:run(MOVE, row.slot, scope, moved)
    if not count then return nil, err end
    if count == 0 then return errors.fail("corrupt", "a vector belongs to no memory") end
  end
  count, err = note(ctx, set)
  return count and true, err
end

--- Vectors that are about to be written, all to the set of the handle's embedder.
---@class moonbase.MemoryVectorBatch
---@field ctx moonbase.Context
---@field scope integer
---@field set? moonbase.MemoryVectors  once there is a vector
---@field changes table<integer, table>
local Batch = {}
Batch.__index = Batch

---@param ctx moonbase.Context
---@param scope integer
---@return moonbase.MemoryVectorBatch
function memory_vectors.batch(ctx, scope)
  return setmetatable({ ctx = ctx, scope = scope, changes = {} }, Batch)
end

-- The slot of the text that goes, where that is in the same set; else a new one.
local function slot_for(self, old)
  local set = self.set
  if old and old.vector_set == set.key then return old.slot end
  if old and old.vector_set then
    local ok, err = memory_vectors.remove(self.ctx, self.scope, old)
    if not ok then return nil, err end
  end
  set.count = set.count + 1
  return set.count - 1
end

--- Adds a vector; gives the set and the slot that it will be in.
---@param serial integer
---@param vector string  little-endian float32
---@param old? table     the text whose place it takes: serial, vector_set, slot
---@return integer|nil set
---@return integer|moonbase.Error slot
function Batch:add(serial, vector, old)
  local err, slot
  if not self.set then self.set, err = need(self.ctx, self.scope) end
  if not self.set then return nil, err end
  slot, err = slot_for(self, old)
  if not slot then return nil, err end
  if old and old.vector_set == self.set.key and old.serial ~= serial then
    local ok, failure = vector_set.forget(self.ctx.engine, self.set, old.serial)
    if not ok then return nil, failure end
  end
  self.changes[slot] = { serial, vector }
  return self.set.key, slot
end

--- Writes what was added.
---@return true|nil
---@return moonbase.Error|nil err  `full`
function Batch:write()
  if next(self.changes) == nil then return true end
  local set, changes = self.set, self.changes
  self.set, self.changes, set.stamp = nil, {}, vector_set.stamp()
  local ok, err = vector_set.put(self.ctx.engine, set, changes)
  if ok then ok, err = note(self.ctx, set) end
  if not ok then return nil, err end
  return true
end

--- Removes the vector that a text has.
---@param old? table  serial, vector_set, slot
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function Batch:remove(old)
  if not old or not old.vector_set then return true end
  local ok, err = self:write() -- another vector takes its slot
  if not ok then return nil, err end
  return memory_vectors.remove(self.ctx, self.scope, old)
end

return memory_vectors
