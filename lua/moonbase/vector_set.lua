--- Sets of vectors: the exact numbers and their codes, which collections and memory keep in the
-- same tables. A vector is known by its serial, which its set gives out once; whose vector it is
-- is written down by the owner of the set. Functions that change something run inside a write.

local core = require "moonbase.core"

local vector_set = {
  -- Blocks of 128 KB that every search looks at, in a millisecond or two; what more there is
  -- lies in cells, of which a search looks into few.
  tail = 128,
}

--- A set as the present transaction or snapshot has it.
---@class moonbase.VectorSet
---@field key integer     no other set's
---@field dim integer
---@field metric string   "cosine", "l2" or "dot"
---@field count integer
---@field stamp string    of the last change
---@field partial? boolean  searches may look among serials that have no vector in it

-- A set keeps its key's rows of all tables apart from the others' by their range.
local DROP_CODES = {
  "DELETE FROM vector_blocks WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295",
  "DELETE FROM vector_cards WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295",
}

local DROP_NUMBERS =
  "DELETE FROM vector_floats WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295"

local PAGE = 500

local TAKE = [[
  DELETE FROM vector_floats WHERE key IN (SELECT key FROM vector_floats
    WHERE key BETWEEN ($key << 32) + $from AND ($key << 32) + 4294967295 ORDER BY key LIMIT $limit)
  RETURNING key & 4294967295 AS serial, vector]]

local BYTES = [[
  SELECT coalesce(sum(length(data)), 0) FROM vector_blocks
  WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295]]

--- A stamp for a change: made anew for every one, in every process, for what is kept in memory is
--- known by it.
---@return string
function vector_set.stamp()
  return core.uuid7()
end

-- The set becomes what it is after a change.
local function changed(set, stamp, added, err)
  if not added then return nil, err end
  set.stamp, set.count = stamp, set.count + added
  return true
end

local function in_order(by_serial)
  local serials, vectors = {}, {}
  for serial in pairs(by_serial) do serials[#serials + 1] = serial end
  table.sort(serials)
  for i, serial in ipairs(serials) do vectors[i] = by_serial[serial] end
  return serials, vectors
end

--- Writes vectors, in the place of those that have the same serial. The set has a new stamp and
--- count then, which its owner writes down.
---@param engine moonbase.Engine
---@param set moonbase.VectorSet
---@param by_serial table<integer, string>  little-endian float32
---@return true|nil
---@return moonbase.Error|nil err  `full`, `corrupt`
function vector_set.put(engine, set, by_serial)
  local serials, vectors = in_order(by_serial)
  local stamp = vector_set.stamp()
  return changed(set, stamp, engine:vectors_put(set, stamp, vector_set.tail, serials, vectors))
end

--- Removes vectors that there are. The set has a new stamp and count then, which its owner writes
--- down.
---@param engine moonbase.Engine
---@param set moonbase.VectorSet
---@param serials integer[]
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function vector_set.remove(engine, set, serials)
  local stamp = vector_set.stamp()
  return changed(set, stamp, engine:vectors_remove(set, stamp, vector_set.tail, serials))
end

local function drop_codes(engine, key)
  for _, sql in ipairs(DROP_CODES) do
    local ok, err = engine:run(sql, key)
    if not ok then return nil, err end
  end
  return true
end

-- Takes some of a set's numbers out, from a serial on: they are put in again.
local function take(engine, key, from)
  local rows, err = engine:rows(TAKE, key, from, PAGE)
  if not rows then return nil, err end
  local by_serial = {}
  for _, row in ipairs(rows) do
    by_serial[row.serial] = row.vector
    from = math.max(from, row.serial + 1)
  end
  return by_serial, #rows, from
end

--- Makes the codes of a set anew from its numbers, which are all of its length. The set has a new
--- stamp and count then, which its owner writes down.
---@param engine moonbase.Engine
---@param set moonbase.VectorSet
---@return true|nil
---@return moonbase.Error|nil err  `full`
function vector_set.encode(engine, set)
  local ok, err = drop_codes(engine, set.key)
  if not ok then return nil, err end
  set.stamp, set.count = vector_set.stamp(), 0
  local from = 0
  repeat
    local by_serial, count
    by_serial, count, from = take(engine, set.key, from)
    if not by_serial then return nil, count end
    ok, err = vector_set.put(engine, set, by_serial)
    if not ok then return nil, err end
  until count < PAGE
  return true
end

--- Removes all vectors of a set.
---@param engine moonbase.Engine
---@param key integer
---@return true|nil
---@return moonbase.Error|nil err
function vector_set.drop(engine, key)
  local ok, err = drop_codes(engine, key)
  if not ok then return nil, err end
  ok, err = engine:run(DROP_NUMBERS, key)
  return ok and true, err
end

--- How many bytes the vectors take.
---@param engine moonbase.Engine
---@param set moonbase.VectorSet
---@return integer|nil bytes
---@return moonbase.Error|nil err
function vector_set.bytes(engine, set)
  local bytes, err = engine:value(BYTES, set.key)
  if not bytes then return nil, err end
  return bytes + 4 * set.dim * set.count
end

return vector_set
