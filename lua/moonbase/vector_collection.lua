--- One collection of vectors: what `vectors:create` and `vectors:open` give.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local filter = require "moonbase.filter"
local vector_rows = require "moonbase.vector_rows"

---@class moonbase.VectorHit
---@field id string
---@field score number     falls as the distance grows
---@field distance number  1 - cosine, Euclidean, or minus the dot product
---@field metadata? table

---@alias moonbase.Vector number[]|string  numbers, or little-endian float32

---@class moonbase.VectorCollection
---@field ctx moonbase.Context
---@field name string
---@field dim integer
---@field metric string
local Collection = {}
Collection.__index = Collection

---@param ctx moonbase.Context
---@param shape { name: string, dim: integer, metric: string }
---@return moonbase.VectorCollection
function Collection.new(ctx, shape)
  return setmetatable({ ctx = ctx, name = shape.name, dim = shape.dim, metric = shape.metric },
    Collection)
end

function Collection:__tostring()
  return ("moonbase.vectors (%s, %d numbers, %s)"):format(self.name, self.dim, self.metric)
end

-- The vector as bytes.
local function vector_of(self, name, value)
  if type(value) ~= "string" then check.type(name, value, "table") end
  return core.vector(value, self.dim, name)
end

-- One vector with what belongs to it, checked and ready to be written.
local function item_of(self, prefix, id, vector, fields)
  local ok, err = check.id(prefix .. "id", id)
  if not ok then return nil, err end
  local bytes
  bytes, err = vector_of(self, prefix .. "vector", vector)
  if not bytes then return nil, err end
  if fields.text then ok, err = check.text(prefix .. "text", fields.text) end
  if not ok then return nil, err end
  return { id = id, vector = bytes, metadata = fields.metadata, text = fields.text }
end

local FIELDS = { metadata = "table", text = "string" }

--- Writes a vector; one of the same id is replaced, with its metadata and text.
---@param id string
---@param vector moonbase.Vector
---@param fields? { metadata: table?, text: string? }
---@return true|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`, `not_found`
function Collection:upsert(id, vector, fields)
  local item, err = item_of(self, "", id, vector, check.options("fields", fields, FIELDS))
  if not item then return nil, err end
  local count
  count, err = self.ctx:write(vector_rows.put, self.ctx, self, { item })
  if not count then return nil, err end
  return true
end

local ITEM = { id = "any", vector = "any", metadata = "table", text = "string" }

-- In a list they are data: what is missing or of another type is `invalid`.
local function check_item(name, fields)
  check.options(name, check.type(name, fields, "table"), ITEM)
  if type(fields.id) ~= "string" then return errors.invalid(name .. ".id", "must be a string") end
  local kind = type(fields.vector)
  if kind == "table" or kind == "string" then return true end
  return errors.invalid(name .. ".vector", "must be an array of numbers or a string")
end

local function items_of(self, list)
  local items = {}
  for i = 1, check.array("items", list) do
    local name, fields = "items[" .. i .. "]", list[i]
    local item, err = check_item(name, fields)
    if item then item, err = item_of(self, name .. ".", fields.id, fields.vector, fields) end
    if not item then return nil, err end
    items[i] = item
  end
  return items
end

--- Writes vectors, all or none; of a repeated id the last counts.
---@param list table[]  of { id, vector, metadata?, text? }
---@return integer|nil count  of different ids
---@return moonbase.Error|nil err  `invalid`, `serialization`, `not_found`
function Collection:upsert_many(list)
  local items, err = items_of(self, list)
  if not items then return nil, err end
  if #items == 0 then return 0 end
  return self.ctx:write(vector_rows.put, self.ctx, self, items)
end

--- Reads a vector.
---@param id string
---@return table|nil item  { id, vector: number[], metadata?, text? }
---@return moonbase.Error|nil err  `invalid`, `not_found` when the collection is gone
function Collection:get(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return vector_rows.get(self.ctx, self, id)
end

--- Removes a vector.
---@param id string
---@return boolean|nil removed  false when there was none
---@return moonbase.Error|nil err  `invalid`, `not_found` when the collection is gone
function Collection:delete(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx:write(vector_rows.delete, self.ctx, self, id)
end

-- Metadata's fields go by their names, or behind "metadata.".
local function field_of(key)
  return key:match("^metadata%.(.+)$") or key
end

local function predicate_of(source)
  if source == nil or next(source) == nil then return nil end
  return filter.compile(source, field_of)
end

local SEARCH = { k = "number", filter = "table", exact = "boolean" }

local function wish_of(self, vector, options)
  local wish, err = { exact = options.exact or false }
  wish.vector, err = vector_of(self, "vector", vector)
  if not wish.vector then return nil, err end
  wish.k, err = check.integer("k", options.k or 10)
  if not wish.k then return nil, err end
  wish.predicate, err = predicate_of(options.filter)
  if err then return nil, err end
  return wish
end

--- The nearest vectors, the nearest first; of two at the same distance the older first.
---@param vector moonbase.Vector
---@param options? { k: integer?, filter: moonbase.Filter?, exact: boolean? }  k: how many at most
---  (10); filter: over metadata, applied before the cut to k; exact: compare the exact numbers of
---  all, without looking at codes first
---@return moonbase.VectorHit[]|nil
---@return moonbase.Error|nil err  `invalid`, `not_found` when the collection is gone
function Collection:search(vector, options)
  local wish, err = wish_of(self, vector, check.options("options", options, SEARCH))
  if not wish then return nil, err end
  return self.ctx.engine:snapshot(vector_rows.search, self.ctx, self, wish)
end

--- How many vectors there are.
---@return integer|nil
---@return moonbase.Error|nil err  `not_found`
function Collection:count()
  local set, err = vector_rows.require(self.ctx, self)
  if not set then return nil, err end
  return set.count
end

--- What the collection holds and takes.
---@return table|nil stats  { name, dim, metric, count, bytes, created_at, updated_at }
---@return moonbase.Error|nil err  `not_found`
function Collection:stats()
  return self.ctx.engine:snapshot(vector_rows.stats, self.ctx, self)
end

return Collection
