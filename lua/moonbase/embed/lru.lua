--- A map of a bounded number of entries; where it is full, the one that was asked for least
-- recently makes room.

---@class moonbase.Lru
---@field most integer
---@field count integer
---@field nodes table<any, table>  by key: { key, value, newer, older }
---@field newest table?
---@field oldest table?
local Lru = {}
Lru.__index = Lru

---@param most integer  entries
---@return moonbase.Lru
function Lru.new(most)
  return setmetatable({ most = most, count = 0, nodes = {} }, Lru)
end

local function unlink(self, node)
  if node.newer then node.newer.older = node.older else self.newest = node.older end
  if node.older then node.older.newer = node.newer else self.oldest = node.newer end
  node.newer, node.older = nil, nil
end

local function link(self, node)
  node.older = self.newest
  if self.newest then self.newest.newer = node else self.oldest = node end
  self.newest = node
end

--- The value of a key, which counts as asked for now.
function Lru:get(key)
  local node = self.nodes[key]
  if not node then return nil end
  unlink(self, node)
  link(self, node)
  return node.value
end

function Lru:set(key, value)
  local node = self.nodes[key]
  if node then
    unlink(self, node)
  else
    if self.count == self.most then
      self.nodes[self.oldest.key] = nil
      unlink(self, self.oldest)
      self.count = self.count - 1
    end
    node = { key = key }
    self.nodes[key], self.count = node, self.count + 1
  end
  node.value = value
  link(self, node)
end

return Lru
