--- A plain model of sessions: lists of nodes and nothing clever. A node is one table that a session
--- shares with its forks.

local Model = {}
Model.__index = Model

function Model.new()
  return setmetatable({ sessions = {} }, Model)
end

local Tree = {}
Tree.__index = Tree

local function new_tree(id)
  return setmetatable({ id = id, revision = 0, own = {}, inherited = {}, base = {}, hidden = {},
    usage = {} }, Tree)
end

function Model:create(id)
  local tree = new_tree(id)
  self.sessions[id] = tree
  return tree
end

-- The nodes in sight, in the order in which they were added.
function Tree:nodes()
  local list = {}
  for _, node in ipairs(self.inherited) do list[#list + 1] = node end
  for _, node in ipairs(self.own) do
    if not self.hidden[node] then list[#list + 1] = node end
  end
  return list
end

function Tree:find(id)
  for _, node in ipairs(self:nodes()) do
    if node.id == id then return node end
  end
end

-- From the root to a node.
function Tree.path(node)
  local list = {}
  while node do
    table.insert(list, 1, node)
    node = node.parent
  end
  return list
end

function Tree:is_free(id)
  for _, node in ipairs(self.own) do
    if node.id == id then return false end
  end
  return self:find(id) == nil
end

--- Adds a node below `parent`; false for a root.
function Tree:add(id, parent, user)
  local node = { id = id, parent = parent or nil, user = user }
  if parent and parent.bearer == self.bearer then node.bearer = parent.bearer
  elseif self.checkpoint ~= nil then
    node.bearer, node.checkpoint = node, self.checkpoint
    self.bearer = node
  end
  self.own[#self.own + 1] = node
  self.leaf = node
  return node
end

function Tree:set_checkpoint(value)
  if self.checkpoint == value then return end
  self.checkpoint, self.bearer = value, "none"
  for _, node in ipairs(self.own) do
    if node == self.leaf then
      node.bearer, node.checkpoint = node, value
      self.bearer = node
    end
  end
end

--- What a fork at a node begins with.
function Tree:checkpoint_at(node)
  if node == self.leaf then return self.checkpoint end
  return node.bearer and node.bearer.checkpoint
end

function Model:fork(tree, node, id)
  local fork = self:create(id)
  fork.inherited, fork.base, fork.leaf = Tree.path(node), Tree.path(node), node
  fork.bearer = node and node.bearer
  fork.checkpoint = node and node.bearer and node.bearer.checkpoint
  if node == tree.leaf and tree.checkpoint ~= fork.checkpoint then
    fork.checkpoint, fork.bearer = tree.checkpoint, "none"
  end
  return fork
end

function Tree:replace()
  self.own, self.inherited, self.base, self.hidden, self.leaf = {}, {}, {}, {}, nil
  if self.checkpoint ~= nil then self.bearer = "none" end
end

function Tree:children(node)
  local list = {}
  for _, other in ipairs(self:nodes()) do
    if other.parent == node then list[#list + 1] = other end
  end
  return list
end

function Tree:leaves()
  local list, has = {}, {}
  for _, node in ipairs(self:nodes()) do
    if node.parent then has[node.parent] = true end
  end
  for _, node in ipairs(self:nodes()) do
    if not has[node] then list[#list + 1] = node end
  end
  return list
end

function Tree:orphans()
  local list, on_path = {}, {}
  for _, node in ipairs(Tree.path(self.leaf)) do on_path[node] = true end
  for _, node in ipairs(self:nodes()) do
    if not on_path[node] then list[#list + 1] = node end
  end
  return list
end

--- Generation by generation.
function Tree:descendants(node)
  local list, generation = {}, { node }
  while #generation > 0 do
    local is_parent, following = {}, {}
    for _, one in ipairs(generation) do is_parent[one] = true end
    for _, other in ipairs(self:nodes()) do
      if is_parent[other.parent] then
        following[#following + 1] = other
        list[#list + 1] = other
      end
    end
    generation = following
  end
  return list
end

--- Whether nodes may be taken out of sight; then they are.
function Model:tombstone(tree, nodes)
  local goes = {}
  for _, node in ipairs(nodes) do goes[node] = true end
  for _, node in ipairs(tree:nodes()) do
    if goes[node.parent] and not goes[node] then return false end
  end
  local is_own = {}
  for _, node in ipairs(tree.own) do is_own[node] = true end
  for _, other in pairs(self.sessions) do
    for _, node in ipairs(other ~= tree and other.base or {}) do
      if goes[node] and is_own[node] then return false end
    end
  end
  while #tree.inherited > 0 and goes[tree.inherited[#tree.inherited]] do
    table.remove(tree.inherited)
  end
  for node in pairs(goes) do
    if is_own[node] then tree.hidden[node] = true end
  end
  while tree.leaf and goes[tree.leaf] do tree.leaf = tree.leaf.parent end
  return true
end

--- Forgets what is out of sight; gives how many those are.
function Tree:vacuum()
  local count, own = #self.base - #self.inherited, {}
  for _, node in ipairs(self.own) do
    if self.hidden[node] then count = count + 1 else own[#own + 1] = node end
  end
  self.own, self.hidden, self.base = own, {}, {}
  for i, node in ipairs(self.inherited) do self.base[i] = node end
  return count
end

--- How many nodes somebody needs.
function Model:needed()
  local seen, count = {}, 0
  for _, tree in pairs(self.sessions) do
    for _, list in ipairs { tree.own, tree.base } do
      for _, node in ipairs(list) do
        if not seen[node] then count = count + 1 end
        seen[node] = true
      end
    end
  end
  return count
end

function Tree:users()
  local count, first = 0, nil
  for _, node in ipairs(self:nodes()) do
    if node.user then
      count = count + 1
      first = first or node
    end
  end
  return count, first
end

return Model
