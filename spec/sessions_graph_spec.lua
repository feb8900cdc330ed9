-- Large trees of every shape, beside arrays of parents. Node i is "n" .. i, the first is a root.

local moonbase = require "moonbase"
local new_random = require "spec.support.random"
local support = require "spec.support.sessions"

local CHUNK = 25000

-- A session of which parents[i] is the parent of node i, 0 for a root.
local function build(store, parents)
  local session = assert(store.sessions:create())
  for from = 1, #parents, CHUNK do
    local list = {}
    for i = from, math.min(from + CHUNK - 1, #parents) do
      list[#list + 1] = { id = "n" .. i, kind = "event",
        parent = parents[i] == 0 and moonbase.null or "n" .. parents[i] }
    end
    assert(session:append(list))
  end
  return session
end

local function depths_of(parents)
  local depths = {}
  for i, parent in ipairs(parents) do depths[i] = parent == 0 and 0 or depths[parent] + 1 end
  return depths
end

local function common(parents, depths, a, b)
  while a ~= b do
    if depths[a] < depths[b] then a, b = b, a end
    if depths[a] == 0 then return nil end
    a = parents[a]
  end
  return a
end

local function up(parents, node, limit)
  local list = {}
  node = parents[node]
  while node ~= 0 and #list < limit do
    list[#list + 1] = "n" .. node
    node = parents[node]
  end
  return list
end

local function children_of(parents)
  local children = {}
  for i = 1, #parents do children[i] = {} end
  for i, parent in ipairs(parents) do
    if parent > 0 then table.insert(children[parent], i) end
  end
  return children
end

local function below(children, node, depth, limit)
  local list, generation = {}, { node }
  while #generation > 0 and depth > 0 do
    local following = {}
    for _, one in ipairs(generation) do
      for _, child in ipairs(children[one]) do following[#following + 1] = child end
    end
    table.sort(following)
    for _, child in ipairs(following) do
      if #list == limit then return list end
      list[#list + 1] = "n" .. child
    end
    generation, depth = following, depth - 1
  end
  return list
end

local function names(list)
  for i, number in ipairs(list) do list[i] = "n" .. number end
  return table.concat(list, " ")
end

local function check_pairs(session, parents, random, count)
  local graph, depths = session:graph(), depths_of(parents)
  for _ = 1, count do
    local a, b = random(#parents), random(#parents)
    local shared = common(parents, depths, a, b)
    assert.are.equal(shared and "n" .. shared, (graph:lca("n" .. a, "n" .. b)))
    assert.are.equal(depths[a], graph:depth("n" .. a))
    assert.are.equal(a ~= b and shared == a, graph:is_ancestor("n" .. a, "n" .. b))
    assert.are.equal(a ~= b and shared == b, graph:is_ancestor("n" .. b, "n" .. a))
  end
end

local function check_lists(session, parents, random, count)
  local graph, children = session:graph(), children_of(parents)
  for _ = 1, count do
    local node = random(#parents)
    assert.are.same(up(parents, node, 30), graph:ancestors("n" .. node, { limit = 30 }))
    local path = up(parents, node, #parents)
    assert.are.equal(#path + 1, #graph:path("n" .. node))
    assert.are.same(below(children, node, 1, #parents), graph:children("n" .. node))
    assert.are.same(below(children, node, 3, 40),
      graph:descendants("n" .. node, { depth = 3, limit = 40 }))
  end
  local leaves, roots = {}, {}
  for i = 1, #parents do
    if #children[i] == 0 then leaves[#leaves + 1] = i end
    if parents[i] == 0 then roots[#roots + 1] = i end
  end
  assert.are.equal(names(leaves), table.concat(graph:leaves(), " "))
  assert.are.equal(names(roots), table.concat(graph:roots(), " "))
  assert.are.equal(#below(children, 1, #parents, #parents), #graph:descendants("n1"))
end

local function check_path(session, parents, leaf)
  local path = assert(session:path("n" .. leaf))
  local wrong = 0
  for i = #path, 1, -1 do
    local parent = parents[leaf] > 0 and "n" .. parents[leaf] or nil
    if path[i].id ~= "n" .. leaf or path[i].parent ~= parent then wrong = wrong + 1 end
    leaf = parents[leaf]
  end
  assert.are.same({ 0, 0 }, { leaf, wrong })
end

local function check(parents, seed)
  local store = support.store(nil, { durability = "off" })
  local session, random = build(store, parents), new_random(seed)
  assert.are.equal(#parents, session:head().node_count)
  check_pairs(session, parents, random, 200)
  check_lists(session, parents, random, 8)
  check_path(session, parents, #parents)
  check_path(session, parents, random(#parents))
  local fork = assert(session:fork { at = "n" .. #parents })
  check_path(fork, parents, #parents)
  assert.are.equal(1, #fork:graph():leaves())
  assert(store.sessions:delete(session.id))
  check_path(fork, parents, #parents)
  assert.are.equal(fork:head().node_count, support.rows(store, "session_nodes"))
  assert(store.sessions:delete(fork.id))
  assert.are.equal(0, support.rows(store, "segments"))
  store:close()
end

describe("the graph of a session answers as arrays of parents do:", function()
  it("a chain of 50,000", function()
    local parents = {}
    for i = 1, 50000 do parents[i] = i - 1 end
    check(parents, 3)
  end)

  it("a comb, of which every tooth was added last", function()
    local parents = {}
    for i = 1, 25000 do parents[i] = i - 1 end
    for i = 1, 25000 do parents[25000 + i] = i end
    check(parents, 5)
  end)

  -- Each node of the spine begins a segment of its own.
  it("a comb, of which every tooth was added first", function()
    local parents = { 0 }
    for i = 2, 50000, 2 do
      parents[i] = i == 2 and 1 or i - 1
      if i < 50000 then parents[i + 1] = parents[i] end
    end
    check(parents, 7)
  end)

  it("a star of 100,000", function()
    local parents = { 0 }
    for i = 2, 100000 do parents[i] = 1 end
    check(parents, 11)
  end)

  it("a random tree of 100,000", function()
    local parents, random = { 0 }, new_random(13)
    for i = 2, 100000 do parents[i] = random(i - 1) end
    check(parents, 17)
  end)

  it("a random forest that mostly grows at its tips", function()
    local parents, random = { 0 }, new_random(19)
    for i = 2, 50000 do
      local way = random(1000)
      parents[i] = way == 1 and 0 or way < 200 and math.max(i - random(500), 1) or i - 1
    end
    check(parents, 23)
  end)
end)
