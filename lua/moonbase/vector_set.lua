--- Sets of vectors: the exact numbers and their codes, which collections and memory keep in the
-- same tables. A vector is known by its serial, which its set gives out once; its codes have a
-- slot, 0 to count - 1 without gaps. Whose vector it is and which slot it has is written down by
-- the owner of the set. Functions that change something run inside a write.

local core = require "moonbase.core"

local vector_set = {}

--- A set as the present transaction or snapshot has it.
---@class moonbase.VectorSet
---@field key integer     no other set's
---@field dim integer
---@field metric string   "cosine", "l2" or "dot"
---@field count integer
---@field stamp string    of the last change
---@field partial? boolean  searches may look among serials that have no vector in it

local PUT = [[
  INSERT INTO vector_floats (key, vector) VALUES (($key << 32) + $serial, $vector(blob))
  ON CONFLICT (key) DO UPDATE SET vector = excluded.vector]]

local DELETE = "DELETE FROM vector_floats WHERE key = ($key << 32) + $serial"

-- A set keeps its key's rows of all tables apart from the others' by their range.
local DROP = {
  "DELETE FROM vector_floats WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295",
  "DELETE FROM vector_blocks WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295",
  "DELETE FROM vector_stamps WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295",
}

local BYTES = [[
  SELECT coalesce(sum(length(data)), 0) FROM vector_blocks
  WHERE key BETWEEN ($key << 32) AND ($key << 32) + 4294967295]]

--- A stamp for a change: made anew for every one, in every process, for what is kept in memory is
--- known by it.
---@return string
function vector_set.stamp()
  return core.uuid7()
end

local function put_floats(engine, set, changes)
  local slots = {}
  for slot, change in pairs(changes) do
    slots[#slots + 1] = slot
    local ok, err = engine:run(PUT, set.key, change[1], change[2])
    if not ok then return nil, err end
  end
  return slots
end

--- Writes vectors, under a stamp that the set has got for it.
---@param engine moonbase.Engine
---@param set moonbase.VectorSet
---@param changes table<integer, table>  by slot: the serial, and the vector in float32
---@return integer|nil count  of slots
---@return moonbase.Error|nil err  `full`
function vector_set.put(engine, set, changes)
  local slots, err = put_floats(engine, set, changes)
  if not slots then return nil, err end
  table.sort(slots) -- neighbours lie in the same block
  local serials, vectors = {}, {}
  for i, slot in ipairs(slots) do serials[i], vectors[i] = changes[slot][1], changes[slot][2] end
  local ok
  ok, err = engine:vectors_put(set, slots, serials, vectors)
  if not ok then return nil, err end
  return #slots
end

--- Removes the numbers of a vector whose slot another one takes.
---@param engine moonbase.Engine
---@param set moonbase.VectorSet
---@param serial integer
---@return integer|nil
---@return moonbase.Error|nil err
function vector_set.forget(engine, set, serial)
  return engine:run(DELETE, set.key, serial)
end

--- Removes a vector. The codes of the last one take its place; the set has a new stamp and count
--- then, which its owner writes down.
---@param engine moonbase.Engine
---@param set moonbase.VectorSet
---@param serial integer
---@param slot integer
---@return integer|false|nil moved  the serial of the vector that has the slot now, if any
---@return moonbase.Error|nil err
function vector_set.remove(engine, set, serial, slot)
  local ok, err = vector_set.forget(engine, set, serial)
  if not ok then return nil, err end
  set.stamp, set.count = vector_set.stamp(), set.count - 1
  return engine:vectors_remove(set, slot, set.count)
end

--- Removes all vectors of a set.
---@param engine moonbase.Engine
---@param key integer
---@return true|nil
---@return moonbase.Error|nil err
function vector_set.drop(engine, key)
  for _, sql in ipairs(DROP) do
    local ok, err = engine:run(sql, key)
    if not ok then return nil, err end
  end
  return true
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
