--- A property graph as a plain list of edges, and the same questions answered by looking at all of
--- them again and again.

local GraphModel = {}
GraphModel.__index = GraphModel

function GraphModel.new()
  return setmetatable({ edges = {} }, GraphModel)
end

local function same(edge, other)
  return edge.from == other.from and edge.rel == other.rel and edge.to == other.to
end

function GraphModel:relate(edge)
  for i, old in ipairs(self.edges) do
    if same(old, edge) and old.valid_from == edge.valid_from then
      self.edges[i] = edge
      return
    end
  end
  self.edges[#self.edges + 1] = edge
end

function GraphModel:unrelate(edge)
  local count = 0
  for i = #self.edges, 1, -1 do
    if same(self.edges[i], edge) then
      table.remove(self.edges, i)
      count = count + 1
    end
  end
  return count
end

local function is_valid(edge, at)
  return at == nil
    or ((edge.valid_from == nil or edge.valid_from <= at) and (edge.valid_to == nil or edge.valid_to > at))
end

local FIELDS = { "from", "rel", "to" }

--- The edges that a query asks for.
function GraphModel:find(query)
  local found = {}
  for _, edge in ipairs(self.edges) do
    local wanted = is_valid(edge, query.at)
    for _, field in ipairs(FIELDS) do
      wanted = wanted and (query[field] == nil or query[field] == edge[field])
    end
    if wanted then found[#found + 1] = edge end
  end
  return found
end

--- Calls fn with the other end, the weight and the edge of each edge of a node that is followed.
function GraphModel:around(node, options, fn)
  local dir = options.dir or "out"
  for _, edge in ipairs(self.edges) do
    if is_valid(edge, options.at) and (options.rel == nil or edge.rel == options.rel)
      and (not options.accept or options.accept(edge)) then
      if dir ~= "in" and edge.from == node then fn(edge.to, edge.weight, edge) end
      local again = dir == "both" and edge.from == edge.to
      if dir ~= "out" and edge.to == node and not again then fn(edge.from, edge.weight, edge) end
    end
  end
end

function GraphModel:has(node, at)
  local found = false
  self:around(node, { dir = "both", at = at }, function() found = true end)
  return found
end

local function cut(list, limit)
  for i = #list, (limit or #list) + 1, -1 do list[i] = nil end
  return list
end

function GraphModel:neighbors(node, options)
  local list = {}
  self:around(node, options, function(other, weight, edge)
    list[#list + 1] = { node = other, rel = edge.rel, weight = weight }
  end)
  table.sort(list, function(a, b)
    if a.weight ~= b.weight then return a.weight > b.weight end
    if a.node ~= b.node then return a.node < b.node end
    return a.rel < b.rel
  end)
  return cut(list, options.limit)
end

--- How many edges lie between some nodes and each other one; those nodes at 0.
function GraphModel:distances(starts, options, most)
  local far, queue = {}, {}
  for _, node in ipairs(starts) do
    if not far[node] then far[node], queue[#queue + 1] = 0, node end
  end
  local i = 1
  while queue[i] do
    local node = queue[i]
    if far[node] < most then
      self:around(node, options, function(other)
        if not far[other] then far[other], queue[#queue + 1] = far[node] + 1, other end
      end)
    end
    i = i + 1
  end
  return far
end

local function by_distance(list, limit)
  table.sort(list, function(a, b)
    if a.distance ~= b.distance then return a.distance < b.distance end
    return a.node < b.node
  end)
  return cut(list, limit)
end

function GraphModel:reach(node, options)
  local list = {}
  for other, distance in pairs(self:distances({ node }, options, options.depth)) do
    if distance > 0 then list[#list + 1] = { node = other, distance = distance } end
  end
  return by_distance(list, options.limit)
end

-- The nodes of one step, with the fewest edges from the beginning that the step allows.
local function take(self, totals, step, at)
  local options = { dir = step.dir, rel = step.rel, at = at, accept = step.accept }
  local found = {}
  if not step.min then
    for node, total in pairs(totals) do
      self:around(node, options, function(other)
        found[other] = math.min(found[other] or math.huge, total + 1)
      end)
    end
    return found
  end
  local starts = {}
  for node in pairs(totals) do starts[#starts + 1] = node end
  local nearest = self:distances(starts, options, step.max)
  for node, total in pairs(totals) do
    for other, distance in pairs(self:distances({ node }, options, step.max)) do
      if distance == nearest[other] and distance >= step.min then
        found[other] = math.min(found[other] or math.huge, total + distance)
      end
    end
  end
  return found
end

--- Where steps { dir, rel?, min?, max?, accept? } lead to.
function GraphModel:walk(names, steps, options)
  local totals, list = {}, {}
  for _, name in ipairs(names) do
    if self:has(name, options.at) then totals[name] = 0 end
  end
  for _, step in ipairs(steps) do totals = take(self, totals, step, options.at) end
  for node, total in pairs(totals) do list[#list + 1] = { node = node, distance = total } end
  return by_distance(list, options.limit)
end

--- The least sum of weights to each node over at most `most` edges, and the fewest edges for it.
function GraphModel:costs(start, options, most)
  local best = { [start] = { 0, 0 } }
  for count = 1, most do
    local better = {}
    for node, known in pairs(best) do
      self:around(node, options, function(other, weight)
        local cost = known[1] + weight
        local old = better[other] or best[other]
        if not old or cost < old[1] then better[other] = { cost, count } end
      end)
    end
    if next(better) == nil then break end
    for node, known in pairs(better) do best[node] = known end
  end
  return best
end

--- The least weight of an edge from one node to another, nil when there is none.
function GraphModel:edge_weight(a, b, options)
  local least
  self:around(a, options, function(other, weight)
    if other == b and (not least or weight < least) then least = weight end
  end)
  return least
end

local function strength(self, node, at)
  local sum = 0
  self:around(node, { at = at }, function(_, weight) sum = sum + weight end)
  return sum
end

--- Scores by node, after so many rounds that they do not change any more.
function GraphModel:rank(seeds, options)
  local home, count = {}, 0
  for _, seed in ipairs(seeds) do
    if not home[seed] and self:has(seed, options.at) then home[seed], count = 1, count + 1 end
  end
  if count == 0 then return {} end
  for seed in pairs(home) do home[seed] = 1 / count end
  local alpha, scores = options.alpha or 0.15, home
  for _ = 1, 35 / alpha do
    local new, lost = {}, 0
    for node, score in pairs(scores) do
      local sum = strength(self, node, options.at)
      if sum == 0 then lost = lost + score end
      self:around(node, { at = options.at }, function(other, weight)
        if weight > 0 then
          new[other] = (new[other] or 0) + (1 - alpha) * score * weight / sum
        end
      end)
    end
    local kept = 0
    for _, score in pairs(scores) do kept = kept + score end
    for seed, share in pairs(home) do
      new[seed] = (new[seed] or 0) + share * (alpha * (kept - lost) + lost)
    end
    scores = new
  end
  return scores
end

return GraphModel
