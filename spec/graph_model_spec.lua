-- Random graphs beside a model that is a plain list of edges: cycles, loops, several relations
-- between the same nodes, times of validity, weights of zero and ties.

local checks = require "spec.support.checks"
local files = require "spec.support.files"
local GraphModel = require "spec.support.graph_model"
local new_random = require "spec.support.random"
local stores = require "spec.support.stores"

local RELS = { "knows", "likes", "owns" }
local WEIGHTS = { 0, 0.25, 1, 1, 1, 2, 5 }
local DIRS = { "out", "in", "both" }

local Game = {}
Game.__index = Game

local function new_game(seed, nodes)
  local path = files.database()
  local store = stores.open(path)
  local names = {}
  for i = 1, nodes do names[i] = ("%s%d"):format(i % 3 == 0 and "n" or "node with a long name ", i) end
  return setmetatable({ path = path, store = store, graph = store.graph, model = GraphModel.new(),
    random = new_random(seed), names = names }, Game)
end

function Game:one(list)
  return list[self.random(#list)]
end

function Game:maybe(chance, value)
  if self.random(chance) == 1 then return value end
end

function Game:instant()
  return self.random(60) - 30
end

function Game:relate()
  local edge = { from = self:one(self.names), rel = self:one(RELS), to = self:one(self.names),
    weight = self:one(WEIGHTS), data = self:maybe(4, { n = self.random(9) }),
    source = self:maybe(5, "s" .. self.random(3)), valid_from = self:maybe(2, self:instant()) }
  local last = self:maybe(3, self:instant())
  if last and (not edge.valid_from or last > edge.valid_from) then edge.valid_to = last end
  assert.are.same(edge, (assert(self.graph:relate(edge))))
  self.model:relate(edge)
end

function Game:unrelate()
  local edge = self:one(self.model.edges)
  if not edge then return end
  local ends = { from = edge.from, rel = edge.rel, to = edge.to }
  assert.are.equal(self.model:unrelate(ends), assert(self.graph:unrelate(ends)))
end

function Game:options()
  return { dir = self:one(DIRS), rel = self:maybe(3, self:one(RELS)), at = self:maybe(2, self:instant()) }
end

local CHECKS = {}

local function edge_key(edge)
  return table.concat({ edge.from, edge.rel, edge.to, tostring(edge.valid_from) }, "|")
end

-- All pages of a query, there and back.
local function all_pages(graph, query)
  local found, page = {}, assert(graph:edges(query))
  while true do
    for _, edge in ipairs(page.items) do found[#found + 1] = edge end
    if not page.has_more then break end
    query.cursor = page.next_cursor
    page = assert(graph:edges(query))
  end
  local back = #found
  while page.prev_cursor do
    back = back - #page.items
    query.cursor = page.prev_cursor
    page = assert(graph:edges(query))
    assert.are.same(found[back], page.items[#page.items])
  end
  return found
end

function CHECKS:edges()
  local query = { from = self:maybe(2, self:one(self.names)), rel = self:maybe(2, self:one(RELS)),
    to = self:maybe(2, self:one(self.names)), at = self:maybe(2, self:instant()),
    limit = self.random(4), total = true }
  local expected, found = self.model:find(query), {}
  assert.are.equal(#expected, assert(self.graph:edges(query)).total)
  for _, edge in ipairs(all_pages(self.graph, query)) do
    assert.is_nil(found[edge_key(edge)])
    found[edge_key(edge)] = edge
  end
  for _, edge in ipairs(expected) do
    assert.are.same(edge, found[edge_key(edge)])
    found[edge_key(edge)] = nil
  end
  assert.is_nil(next(found))
end

function CHECKS:neighbors()
  local node, options = self:one(self.names), self:options()
  options.limit = self:maybe(2, self.random(6) - 1)
  assert.are.same(self.model:neighbors(node, options), self.graph:neighbors(node, options))
end

function CHECKS:reach()
  local node, options = self:one(self.names), self:options()
  options.depth = self.random(5) - 1
  options.limit = self:maybe(2, self.random(6) - 1)
  assert.are.same(self.model:reach(node, options), self.graph:reach(node, options))
end

-- The way is one, it is as short as it says, and the same each time.
function Game:check_way(a, b, options)
  local way, cost = self.graph:shortest_path(a, b, options)
  local plain = { dir = options.dir, rel = options.rel, at = options.at }
  assert.are.equal(a, way[1])
  assert.are.equal(b, way[#way])
  local sum = 0
  for i = 2, #way do
    local weight = self.model:edge_weight(way[i - 1], way[i], plain)
    assert.is_not_nil(weight)
    sum = sum + (options.weighted and weight or 1)
  end
  assert.are.equal(sum, cost)
  assert.are.same(way, (self.graph:shortest_path(a, b, options)))
  return #way - 1, cost
end

function CHECKS:shortest_path()
  local a, b, options = self:one(self.names), self:one(self.names), self:options()
  options.max_depth = self:maybe(2, self.random(6) - 1)
  local known = self.model:distances({ a }, options, options.max_depth or 1000)[b]
  if not known or not self.model:has(a, options.at) then
    assert.is_nil(assert.is_nil(self.graph:shortest_path(a, b, options)))
    return
  end
  assert.are.equal(known, (self:check_way(a, b, options)))
end

function CHECKS:cheapest_path()
  local a, b, options = self:one(self.names), self:one(self.names), self:options()
  options.max_depth, options.weighted = self:maybe(2, self.random(6) - 1), true
  local known = self.model:costs(a, options, options.max_depth or #self.names)[b]
  if not known or not self.model:has(a, options.at) then
    assert.is_nil((self.graph:shortest_path(a, b, options)))
    return
  end
  local edges, cost = self:check_way(a, b, options)
  assert.are.same(known, { cost, edges })
end

local function check_scores(expected, list)
  local sum, before = 0, { score = math.huge }
  for _, item in ipairs(list) do
    sum = sum + item.score
    assert.is_true(math.abs(item.score - (expected[item.node] or 0)) < 1e-9, item.node)
    local tie = math.abs(item.score - before.score) < 1e-13
    assert.is_true(tie and item.node > before.node or not tie and item.score < before.score)
    expected[item.node], before = nil, item
  end
  for _, score in pairs(expected) do assert.is_true(score < 1e-9) end
  if #list > 0 then assert.is_true(math.abs(sum - 1) < 1e-12) end
end

function CHECKS:rank()
  local seeds = {}
  for i = 1, self.random(3) do seeds[i] = self:one(self.names) end
  local options = { at = self:maybe(2, self:instant()), alpha = self:maybe(2, self.random(10) / 10) }
  local list = assert(self.graph:rank(seeds, options))
  check_scores(self.model:rank(seeds, options), list)
  options.limit = self.random(5) - 1
  for i = #list, options.limit + 1, -1 do list[i] = nil end
  assert.are.same(list, self.graph:rank(seeds, options))
end

function Game:step(query)
  local step = { dir = self.random(2) == 1 and "out" or "in", rel = self:maybe(2, self:one(RELS)) }
  query[step.dir == "in" and "in_" or "out"](query, step.rel)
  if self.random(2) == 1 then
    step.min = self.random(3) - 1
    step.max = step.min + self.random(3) - 1
    query:depth(step.min, step.max)
  end
  if self.random(3) == 1 then
    local least = self:one(WEIGHTS)
    step.accept = function(edge) return edge.weight >= least end
    query:where { weight = { gte = least } }
  elseif self.random(3) == 1 then
    step.accept = function(edge) return edge.data ~= nil and edge.data.n >= 5 or false end
    query:where { ["data.n"] = { gte = 5 } }
  end
  return step
end

function CHECKS:query()
  local query, names, steps, options = self.graph:query(), {}, {}, {}
  for i = 1, self.random(3) do names[i] = self:one(self.names) end
  query:from((table.unpack or unpack)(names)) -- luacheck: ignore
  for i = 1, self.random(4) - 1 do steps[i] = self:step(query) end
  options.at, options.limit = self:maybe(2, self:instant()), self:maybe(3, self.random(6) - 1)
  if options.at then query:at(options.at) end
  if options.limit then query:limit(options.limit) end
  local expected, each = self.model:walk(names, steps, options), {}
  assert.are.same(expected, query:all())
  for item in query:each() do each[#each + 1] = item end
  assert.are.same(expected, each)
end

local NAMES = { "edges", "neighbors", "reach", "shortest_path", "cheapest_path", "rank", "query" }

function Game:check_all()
  for _, name in ipairs(NAMES) do
    for _ = 1, 3 do CHECKS[name](self) end
  end
end

-- Each name that an edge bears is there, and no other.
function Game:count_rows()
  local nodes, rels, details = {}, {}, 0
  for _, edge in ipairs(self.model.edges) do
    nodes[edge.from], nodes[edge.to], rels[edge.rel] = true, true, true
    if edge.data ~= nil or edge.source then details = details + 1 end
  end
  for name, expected in pairs { graph_nodes = nodes, graph_relations = rels, graph_details = details,
    graph_edges = #self.model.edges } do
    local count = type(expected) == "number" and expected or 0
    for _ in pairs(type(expected) == "table" and expected or {}) do count = count + 1 end
    assert.are.equal(count, stores.rows(self.store, name), name)
  end
  assert(checks.run("graph_check", self.store.context.engine))
end

describe("the graph answers as a list of edges would,", function()
  after_each(stores.cleanup)

  for seed = 1, 6 do
    it("whatever edges there are: " .. seed, function()
      local game = new_game(seed * 104729, 3 + 3 * seed)
      for round = 1, 8 do
        for _ = 1, 3 + 2 * seed do game:relate() end
        for _ = 1, seed do game:unrelate() end
        game:check_all()
        if round == 4 then
          game.store:close()
          game.store = stores.open(game.path)
          game.graph = game.store.graph
        end
      end
      game:count_rows()
      while #game.model.edges > 0 do game:unrelate() end
      game:count_rows()
    end)
  end
end)
