-- Thousands of random operations on sessions and their forks, beside a model of plain Lua lists.

local files = require "spec.support.files"
local moonbase = require "moonbase"
local checks = require "spec.support.checks"
local Model = require "spec.support.tree_model"
local new_random = require "spec.support.random"
local stores = require "spec.support.stores"

local Game = {}
Game.__index = Game

local function new_game(seed)
  local path = files.database()
  return setmetatable({ path = path, store = stores.open(path), model = Model.new(), handles = {},
    names = {}, random = new_random(seed), serial = 0 }, Game)
end

function Game:fresh(prefix)
  self.serial = self.serial + 1
  return prefix .. self.serial
end

function Game:pick()
  local name = self.names[self.random(#self.names)]
  return self.model.sessions[name], self.handles[name], name
end

function Game:pick_node(tree)
  local nodes = tree:nodes()
  return nodes[self.random(math.max(#nodes, 1))]
end

local function ids(nodes)
  local list = {}
  for i, node in ipairs(nodes) do list[i] = node.id end
  return list
end

-- A node for the store, and the same for the model.
function Game:node(tree)
  local user = self.random(3) == 1
  local node = { id = self.random(8) == 1 and "id" .. self.random(40) or self:fresh("n"),
    kind = self.random(6) == 1 and "event" or "message", role = user and "user" or "assistant" }
  node.content = "text of " .. node.id
  local parent = tree.leaf
  local where = self.random(10)
  if where == 1 then node.parent, parent = moonbase.null, nil
  elseif where <= 4 and #tree:nodes() > 0 then
    parent = self:pick_node(tree)
    node.parent = parent.id
  end
  return node, parent, user and node.kind == "message"
end

local OPERATIONS = {}

function OPERATIONS:create()
  if #self.names > 12 then return end
  local name = self:fresh("s")
  self.handles[name] = assert(self.store.sessions:create { id = name })
  self.model:create(name)
  self.names[#self.names + 1] = name
end

-- Adds up to five nodes; when one of them is refused, none is there.
function OPERATIONS:append()
  local tree, session = self:pick()
  local list, before, taken = {}, { leaf = tree.leaf, bearer = tree.bearer, own = #tree.own }, false
  for i = 1, self.random(5) do
    local node, parent, user = self:node(tree)
    list[i] = node
    taken = taken or not tree:is_free(node.id)
    if not taken then tree:add(node.id, parent, user) end
  end
  local nodes, err = session:append(list, { expected = tree.revision })
  if taken then
    assert.is_nil(nodes)
    assert.are.equal("exists", err.code)
    tree.leaf, tree.bearer = before.leaf, before.bearer
    for i = #tree.own, before.own + 1, -1 do tree.own[i] = nil end
    return
  end
  assert.are.equal(#list, #assert(nodes, err))
  tree.revision = tree.revision + 1
end

function OPERATIONS:commit()
  local tree, session = self:pick()
  local plan = { nodes = {}, expected = tree.revision }
  if self.random(2) == 1 then
    plan.nodes[1] = { id = self:fresh("n"), kind = "event" }
    tree:add(plan.nodes[1].id, tree.leaf or false, false)
  end
  if self.random(3) == 1 and #tree:nodes() > 0 then
    tree.leaf = self:pick_node(tree)
    plan.leaf = tree.leaf.id
  end
  if self.random(2) == 1 then
    local value = self.random(6)
    plan.checkpoint = { turn = { n = value } }
    tree:set_checkpoint(value)
  end
  if self.random(3) == 1 then
    plan.usage = { source = "s" .. self.random(2), model = "m", input_tokens = self.random(3) - 1,
      output_tokens = 0 }
    tree.usage[plan.usage.source] = (tree.usage[plan.usage.source] or 0) + plan.usage.input_tokens
  end
  local result = assert(session:commit(plan))
  tree.revision = tree.revision + 1
  assert.are.same({ tree.revision, tree.leaf and tree.leaf.id, #tree:nodes() },
    { result.revision, result.leaf, result.node_count })
end

function OPERATIONS:replace()
  local tree, session = self:pick()
  local list = {}
  tree:replace()
  for i = 1, self.random(6) - 1 do
    local id = self.random(3) == 1 and "id" .. i or self:fresh("n")
    list[i] = { id = id, kind = "message", role = "user", content = "text of " .. id }
    tree:add(id, tree.leaf or false, true)
  end
  assert(session:commit { replace = list })
  tree.revision = tree.revision + 1
end

function OPERATIONS:checkout()
  local tree, session = self:pick()
  if #tree:nodes() == 0 then return end
  tree.leaf = self:pick_node(tree)
  assert(session:checkout(tree.leaf.id))
end

function OPERATIONS:fork()
  if #self.names > 16 then return end
  local tree, session = self:pick()
  local name, node = self:fresh("f"), tree.leaf
  local at
  if self.random(2) == 1 and #tree:nodes() > 0 then
    node = self:pick_node(tree)
    at = node.id
  end
  self.handles[name] = assert(session:fork { at = at, id = name })
  self.model:fork(tree, node, name)
  self.names[#self.names + 1] = name
end

function OPERATIONS:delete()
  if #self.names < 4 then return end
  local _, session, name = self:pick()
  assert(self.store.sessions:delete(name))
  self.model.sessions[name] = nil
  for i = #self.names, 1, -1 do
    if self.names[i] == name then table.remove(self.names, i) end
  end
  local _, err = session:head()
  assert.are.equal("not_found", err.code)
end

local function set_tombstones(self, nodes)
  local tree, session = self.tree, self.session
  local before = #tree:nodes()
  local allowed = self.game.model:tombstone(tree, nodes)
  local count, err = session:tombstone(ids(nodes))
  if not allowed then
    assert.is_nil(count)
    assert.are.equal("conflict", err.code)
    return
  end
  assert.are.equal(before - #tree:nodes(), assert(count, err))
end

-- A node with all below it, or only some of that, or the orphans.
function OPERATIONS:tombstone()
  local tree, session = self:pick()
  if #tree:nodes() == 0 then return end
  local nodes = { self:pick_node(tree) }
  local how = self.random(4)
  if how == 1 then nodes = tree:orphans()
  elseif how > 2 then
    for _, node in ipairs(tree:descendants(nodes[1])) do nodes[#nodes + 1] = node end
  end
  set_tombstones({ game = self, tree = tree, session = session }, nodes)
end

function OPERATIONS:vacuum()
  local tree, session = self:pick()
  assert.are.equal(tree:vacuum(), session:vacuum())
end

function OPERATIONS:reopen()
  self.store:close()
  self.store = stores.open(self.path)
  for _, name in ipairs(self.names) do
    self.handles[name] = assert(self.store.sessions:open(name))
  end
end

-- What is read, each against the same answer of the model.
local CHECKS = {}

function CHECKS.nodes(_, tree, session)
  local found, expected = {}, {}
  for node in assert(session:nodes()) do
    found[#found + 1] = node.id .. "<" .. (node.parent or "") .. node.kind
    if node.content then assert.are.equal("text of " .. node.id, node.content) end
  end
  for i, node in ipairs(tree:nodes()) do
    local kind = found[i] and found[i]:match("message$") or "event"
    expected[i] = node.id .. "<" .. (node.parent and node.parent.id or "") .. kind
  end
  assert.are.same(expected, found)
end

function CHECKS.head(_, tree, session)
  local head = assert(session:head())
  local users, first = tree:users()
  assert.are.same({ tree.revision, tree.leaf and tree.leaf.id, #tree:nodes(), users,
    first and "text of " .. first.id }, { head.revision, head.leaf, head.node_count,
    head.user_message_count, head.first_user_message })
  local checkpoint = assert.is_not_false(session:checkpoint())
  assert.are.equal(tree.checkpoint, checkpoint and checkpoint.turn.n)
end

function CHECKS:path(tree, session)
  local leaf = self.random(2) == 1 and self:pick_node(tree) or nil
  local path = assert(session:path(leaf and leaf.id))
  assert.are.same(ids(tree.path(leaf or tree.leaf)), ids(path))
  for i = 2, #path do assert.are.equal(path[i - 1].id, path[i].parent) end
  assert.is_nil(path[1] and path[1].parent)
end

function CHECKS:node(tree, session)
  local node = self:pick_node(tree)
  if not node then return end
  local found = assert(session:node(node.id))
  assert.are.same({ node.id, node.parent and node.parent.id }, { found.id, found.parent })
  assert.is_nil((session:node("nobody")))
end

function CHECKS.lists(_, tree, session)
  local graph = session:graph()
  assert.are.same(ids(tree:leaves()), session:leaves())
  assert.are.same(ids(tree:leaves()), graph:leaves())
  assert.are.same(ids(tree:orphans()), session:orphans())
  assert.are.same(ids(tree:children(nil)), graph:roots())
end

local function part(list, limit)
  local found = {}
  for i = 1, math.min(limit, #list) do found[i] = list[i] end
  return found
end

function CHECKS:relations(tree, session)
  local graph, a, b = session:graph(), self:pick_node(tree), self:pick_node(tree)
  if not a then return end
  local path, other = tree.path(a), tree.path(b)
  assert.are.equal(#path - 1, graph:depth(a.id))
  assert.are.same(ids(path), graph:path(a.id))
  local up = {}
  for i = #path - 1, 1, -1 do up[#up + 1] = path[i].id end
  assert.are.same(up, graph:ancestors(a.id))
  assert.are.same(part(up, 3), graph:ancestors(a.id, { limit = 3 }))
  assert.are.same(ids(tree:children(a)), graph:children(a.id))
  local common
  for i = 1, math.min(#path, #other) do
    if path[i] == other[i] then common = path[i] end
  end
  assert.are.equal(common and common.id, (graph:lca(a.id, b.id)))
  assert.are.equal(a ~= b and common == a, graph:is_ancestor(a.id, b.id))
end

function CHECKS:descendants(tree, session)
  local graph, node = session:graph(), self:pick_node(tree)
  if not node then return end
  local all, depth = tree:descendants(node), self.random(4) - 1
  local near = {}
  for _, other in ipairs(all) do
    if #tree.path(other) - #tree.path(node) <= depth then near[#near + 1] = other end
  end
  assert.are.same(ids(all), graph:descendants(node.id))
  assert.are.same(ids(near), graph:descendants(node.id, { depth = depth }))
  local limit = self.random(6) - 1
  assert.are.same(part(ids(all), limit), graph:descendants(node.id, { limit = limit }))
  assert.are.same(part(ids(near), limit),
    graph:descendants(node.id, { limit = limit, depth = depth }))
end

function CHECKS.usage(_, tree, session)
  local report, total = assert(session:usage()), 0
  for source, tokens in pairs(tree.usage) do
    total = total + tokens
    local sum = report.by_source[source]
    assert.are.equal(tokens, sum and sum.total_tokens or 0)
  end
  assert.are.equal(total, report.total_tokens)
end

local WEIGHTS = { { "append", 22 }, { "commit", 8 }, { "checkout", 8 }, { "fork", 8 },
  { "tombstone", 8 }, { "vacuum", 5 }, { "create", 2 }, { "delete", 4 }, { "replace", 1 },
  { "reopen", 1 } }

local BAG = {}
for _, entry in ipairs(WEIGHTS) do
  for _ = 1, entry[2] do BAG[#BAG + 1] = entry[1] end
end

local CHECK_NAMES = { "nodes", "head", "path", "node", "lists", "relations", "descendants",
  "usage" }

local function play(game, steps)
  OPERATIONS.create(game)
  for _ = 1, steps do
    OPERATIONS[BAG[game.random(#BAG)]](game)
    local tree, session = game:pick()
    CHECKS[CHECK_NAMES[game.random(#CHECK_NAMES)]](game, tree, session)
  end
end

local function check_all(game)
  for _, name in ipairs(game.names) do
    for _, check in ipairs(CHECK_NAMES) do
      CHECKS[check](game, game.model.sessions[name], game.handles[name])
    end
  end
  assert.are.equal(game.model:needed(), stores.rows(game.store, "session_nodes"))
  assert.is_true(checks.run("session_check", game.store.context.engine))
end

local TABLES = { "sessions", "session_details", "session_nodes", "session_checkpoints",
  "session_usage", "session_turns", "segments" }

describe("sessions and their forks behave as lists do, and leave nothing behind,", function()
  after_each(stores.cleanup)

  for seed = 1, 6 do
    it("whatever is done to them: " .. seed, function()
      local game = new_game(seed * 7919)
      for _ = 1, 4 do
        play(game, 400)
        check_all(game)
      end
      while #game.names > 0 do
        assert(game.store.sessions:delete(table.remove(game.names)))
        assert.is_true(checks.run("session_check", game.store.context.engine))
      end
      for _, name in ipairs(TABLES) do
        assert.are.equal(0, stores.rows(game.store, name), name)
      end
    end)
  end
end)
