--- The rows of vector collections: ids, metadata and texts here, codes and searches in the core.
-- Functions that change something run inside a write.

local core = require "moonbase.core"
local errors = require "moonbase.errors"
local vector_set = require "moonbase.vector_set"

local vector_rows = {}

--- A collection as the present transaction or snapshot has it.
---@class moonbase.VectorRow : moonbase.VectorSet
---@field name string
---@field serial integer  the number of the next vector

--- A vector to be written.
---@class moonbase.VectorItem
---@field id string
---@field vector string    little-endian float32
---@field metadata? table
---@field text? string

local COLUMNS = "key, name, dim, metric, count, serial, stamp, created_at, updated_at"

local FIND = "SELECT " .. COLUMNS .. [[ FROM vector_collections
  WHERE scope = $scope AND name = $name]]

local DROP = {
  "DELETE FROM vector_items WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295",
  "DELETE FROM vector_collections WHERE key = $key",
}

local PUT_ITEM = [[
  INSERT INTO vector_items (key, id, metadata, text)
  VALUES (($key << 32) + $serial, $id, $metadata(json), $text)
  ON CONFLICT (key >> 32, id) DO UPDATE SET metadata = excluded.metadata, text = excluded.text
  RETURNING key & 4294967295 AS serial]]

local CHANGED = [[
  UPDATE vector_collections SET count = $count, serial = $serial, stamp = $stamp,
    updated_at = $now WHERE key = $key]]

local DELETE_ITEM = [[
  DELETE FROM vector_items WHERE key >> 32 = $key AND id = $id
  RETURNING key & 4294967295 AS serial]]

local GET = [[
  SELECT c.dim, c.metric, i.id, i.metadata AS "metadata(json)", i.text, f.vector
  FROM vector_collections c
  LEFT JOIN vector_items i ON i.key >> 32 = +c.key AND i.id = $id
  LEFT JOIN vector_floats f ON f.key = i.key
  WHERE c.scope = $scope AND c.name = $name]]

local HIT = [[
  SELECT id, metadata AS "metadata(json)" FROM vector_items WHERE key = ($key << 32) + $serial]]

local METADATA = [[
  SELECT key & 4294967295 AS serial, metadata AS "metadata(json)" FROM vector_items
  WHERE key BETWEEN ($key << 32) + $from AND ($key << 32) + 4294967295 ORDER BY key LIMIT 1000]]

--- The collection of a name; nil when there is none.
---@param ctx moonbase.Context
---@param name string
---@return moonbase.VectorRow|nil
---@return moonbase.Error|nil err
function vector_rows.find(ctx, name)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(FIND, scope, name)
end

local function gone(shape)
  return errors.fail("not_found", ("there is no collection '%s' of %d numbers, %s"):format(
    shape.name, shape.dim, shape.metric))
end

--- The collection that a handle stands for. One that was dropped and made again in another shape
--- is not it.
---@param ctx moonbase.Context
---@param shape { name: string, dim: integer, metric: string }
---@return moonbase.VectorRow|nil
---@return moonbase.Error|nil err  `not_found`
function vector_rows.require(ctx, shape)
  local set, err = vector_rows.find(ctx, shape.name)
  if err then return nil, err end
  if not set or set.dim ~= shape.dim or set.metric ~= shape.metric then return gone(shape) end
  return set
end

--- Makes a collection.
---@param ctx moonbase.Context
---@param shape { name: string, dim: integer, metric: string }
---@return boolean|nil
---@return moonbase.Error|nil err  `exists`
function vector_rows.create(ctx, shape)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local made
  made, err = ctx.engine:run([[
    INSERT INTO vector_collections (scope, name, dim, metric, created_at, updated_at, stamp)
    VALUES ($scope, $name, $dim, $metric, $now, $now, $stamp)
    ON CONFLICT (scope, name) DO NOTHING]],
    scope, shape.name, shape.dim, shape.metric, ctx:now(), vector_set.stamp())
  if not made then return nil, err end
  if made == 0 then
    return errors.fail("exists", ("there is a collection '%s' already"):format(shape.name))
  end
  return true
end

--- Removes a collection with all that is in it.
---@param ctx moonbase.Context
---@param name string
---@return boolean|nil removed
---@return moonbase.Error|nil err
function vector_rows.drop(ctx, name)
  local set, err = vector_rows.find(ctx, name)
  if err then return nil, err end
  if not set then return false end
  for _, sql in ipairs(DROP) do
    local ok, failure = ctx.engine:run(sql, set.key)
    if not ok then return nil, failure end
  end
  return vector_set.drop(ctx.engine, set.key)
end

local function note_change(ctx, set)
  return ctx.engine:run(CHANGED, set.count, set.serial, set.stamp, ctx:now(), set.key)
end

-- Writes the rows of the items. Gives the vectors by serial: of two of one id the last counts. And
-- how many there are.
local function put_items(ctx, set, items)
  local vectors, count = {}, 0
  for _, item in ipairs(items) do
    local serial, err = ctx.engine:value(PUT_ITEM, set.key, set.serial, item.id, item.metadata,
      item.text)
    if not serial then return nil, err end
    if serial == set.serial then set.serial = set.serial + 1 end
    if not vectors[serial] then count = count + 1 end
    vectors[serial] = item.vector
  end
  return vectors, count
end

--- Writes vectors.
---@param ctx moonbase.Context
---@param shape { name: string, dim: integer, metric: string }
---@param items moonbase.VectorItem[]
---@return integer|nil count  of different ids
---@return moonbase.Error|nil err  `not_found`, `serialization`, `full`
function vector_rows.put(ctx, shape, items)
  local set, err = vector_rows.require(ctx, shape)
  if not set then return nil, err end
  if set.serial + #items > 4294967295 then
    return errors.fail("full", "the collection has given out all its numbers")
  end
  local vectors, count = put_items(ctx, set, items)
  if not vectors then return nil, count end
  local ok
  ok, err = vector_set.put(ctx.engine, set, vectors)
  if ok then ok, err = note_change(ctx, set) end
  if not ok then return nil, err end
  return count
end

--- Removes a vector.
---@param ctx moonbase.Context
---@param shape { name: string, dim: integer, metric: string }
---@param id string
---@return boolean|nil removed
---@return moonbase.Error|nil err  `not_found`
function vector_rows.delete(ctx, shape, id)
  local set, err = vector_rows.require(ctx, shape)
  if not set then return nil, err end
  local serial
  serial, err = ctx.engine:value(DELETE_ITEM, set.key, id)
  if err then return nil, err end
  if not serial then return false end
  local ok
  ok, err = vector_set.remove(ctx.engine, set, { serial })
  if ok then ok, err = note_change(ctx, set) end
  if not ok then return nil, err end
  return true
end

--- Reads a vector.
---@param ctx moonbase.Context
---@param shape { name: string, dim: integer, metric: string }
---@param id string
---@return table|nil item  id, vector (an array of numbers), metadata?, text?
---@return moonbase.Error|nil err  `not_found`, `corrupt`
function vector_rows.get(ctx, shape, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local row
  row, err = ctx.engine:row(GET, id, scope, shape.name)
  if err then return nil, err end
  if not row or row.dim ~= shape.dim or row.metric ~= shape.metric then return gone(shape) end
  if not row.id then return nil end
  if not row.vector or #row.vector ~= 4 * row.dim then
    return errors.fail("corrupt", ("the vector '%s' is damaged"):format(id))
  end
  return { id = row.id, vector = core.vector_numbers(row.vector), metadata = row.metadata,
    text = row.text }
end

-- The numbers of the vectors whose metadata match, ascending.
local function matching(ctx, set, predicate)
  local found, from = {}, 0
  while true do
    local rows, err = ctx.engine:rows(METADATA, set.key, from)
    if not rows then return nil, err end
    for i = 1, #rows do
      if predicate(rows[i].metadata or {}) then found[#found + 1] = rows[i].serial end
    end
    if #rows < 1000 then return found end
    from = rows[#rows].serial + 1
  end
end

local SCORES = {
  cosine = function(distance) return 1 - distance end,
  l2 = function(distance) return 1 / (1 + distance) end,
  dot = function(distance) return 0 - distance end,
}

local function hits_of(ctx, set, serials, distances)
  local hits, score = {}, SCORES[set.metric]
  for i, serial in ipairs(serials) do
    local hit, err = ctx.engine:row(HIT, set.key, serial)
    if err then return nil, err end
    if not hit then
      return errors.fail("corrupt", ("vector %d of '%s' has no id"):format(serial, set.name))
    end
    hit.distance, hit.score = distances[i], score(distances[i])
    hits[i] = hit
  end
  return hits
end

---@class moonbase.VectorWish
---@field vector string  little-endian float32
---@field k integer
---@field exact boolean
---@field predicate? moonbase.Predicate  over metadata

--- The nearest vectors. Inside a snapshot.
---@param ctx moonbase.Context
---@param shape { name: string, dim: integer, metric: string }
---@param wish moonbase.VectorWish
---@return moonbase.VectorHit[]|nil
---@return moonbase.Error|nil err  `not_found`, `corrupt`
function vector_rows.search(ctx, shape, wish)
  local set, err = vector_rows.require(ctx, shape)
  if not set then return nil, err end
  local among
  if wish.predicate then
    among, err = matching(ctx, set, wish.predicate)
    if not among then return nil, err end
  end
  local serials, distances = ctx.engine:vectors_search(set, wish.vector, wish.k, wish.exact, among)
  if not serials then return nil, distances end
  return hits_of(ctx, set, serials, distances)
end

--- What a collection holds and takes. Inside a snapshot.
---@param ctx moonbase.Context
---@param shape { name: string, dim: integer, metric: string }
---@return table|nil stats
---@return moonbase.Error|nil err  `not_found`
function vector_rows.stats(ctx, shape)
  local set, err = vector_rows.require(ctx, shape)
  if not set then return nil, err end
  local bytes
  bytes, err = vector_set.bytes(ctx.engine, set)
  if not bytes then return nil, err end
  return { name = set.name, dim = set.dim, metric = set.metric, count = set.count,
    bytes = bytes, created_at = set.created_at,
    updated_at = set.updated_at }
end

return vector_rows
