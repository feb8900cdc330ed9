-- The work of the sessions table, through moonbase: moonbase.lua FILE FOLDER.

local moonbase = require "moonbase"
local worker = require "bench.support.worker"

local BIG, PATH, DEEP, EVERY = 100000, 1000, 50000, 50

local store = assert(moonbase.open(arg[1]))
local sessions = store.sessions
local plain = worker.documents(arg[2] .. "/plain.jsonl")

local works, used, handles = {}, 0, {}

local function handle(id)
  handles[id] = handles[id] or assert(sessions:open(id))
  return handles[id]
end

-- A node of an assistant.
local function node(id, parent)
  used = used + 1
  return { id = id, parent = parent, kind = "message", role = "assistant",
    content = plain[used % #plain + 1].content }
end

local function append_all(session, count, make)
  for from = 1, count, 1000 do
    local list = {}
    for i = from, math.min(from + 999, count) do list[#list + 1] = make(i) end
    assert(session:append(list))
  end
end

-- A hundred chains of a thousand nodes each, added by turns of fifty; where a turn begins, something
-- else was tried first. The same nodes as a table with a parent column.
local function seed_big()
  local session, tips = assert(sessions:create { id = "big" }), {}
  local branches, tried = BIG / PATH, 0
  append_all(session, BIG + BIG / EVERY, function(i)
    local turn, place = math.floor((i - 1) / (EVERY + 1)), (i - 1) % (EVERY + 1)
    local branch = turn % branches
    local parent = tips[branch] or moonbase.null
    if place == 0 then
      tried = tried + 1
      return node(("tried-%05d"):format(tried), parent)
    end
    local position = math.floor(turn / branches) * EVERY + place - 1
    tips[branch] = ("node-%05d-%04d-of-the-big-one"):format(branch, position)
    return node(tips[branch], parent)
  end)
  assert(store.context.engine:exec [[
    CREATE TABLE plain_nodes (key INTEGER PRIMARY KEY, session INTEGER NOT NULL, id TEXT NOT NULL,
      parent TEXT, body TEXT NOT NULL) STRICT;
    CREATE UNIQUE INDEX plain_nodes_ids ON plain_nodes (session, id);
    CREATE INDEX plain_nodes_parents ON plain_nodes (session, parent);
    INSERT INTO plain_nodes (session, id, parent, body)
      SELECT 1, n.id, (SELECT p.id FROM session_nodes p
        WHERE p.key = CASE WHEN (n.key & 4294967295) > s.fork + 1 THEN n.key - 1
          ELSE (s.parent << 32) + s.fork END), n.body
      FROM session_nodes n JOIN segments s ON s.id = n.key >> 32 ORDER BY n.seq;
  ]])
end

-- A chain; every hundred nodes something else was tried first.
local function seed_deep(id, depth)
  local session, last, tried = assert(sessions:create { id = id }), nil, false
  append_all(session, depth + math.floor(depth / 100), function(i)
    local number = i - math.floor(i / 101)
    if i % 101 == 0 then
      tried = last
      return node("b" .. number, last)
    end
    local parent = tried or nil
    tried, last = false, "d" .. number
    return node(last, parent)
  end)
  assert(session:append { node(nil, "d" .. depth) })
end

-- session_seed 1: a new file.
function works.session_seed()
  seed_big()
  seed_deep("deep", DEEP)
  seed_deep("shallow", 50)
  for _, id in ipairs { "ten", "thousand" } do
    append_all(assert(sessions:create { id = id }), id == "ten" and 10 or 1000,
      function() return node() end)
  end
  return {}
end

-- session_path COUNT HOW ID: the path to a node, 1,000 long, as tables or as ids.
function works.session_path(count, how, id)
  local session = handle "big"
  local graph = session:graph()
  if how == "ids" then
    return worker.time(count, function() assert(#graph:path(id) == PATH) end)
  end
  return worker.time(count, function() assert(#session:path(id) == PATH) end)
end

local engine = store.context.engine

local RECURSION = [[
  WITH RECURSIVE path (depth, id, parent, body) AS (
    SELECT 0, id, parent, body FROM plain_nodes WHERE session = 1 AND id = $id
    UNION ALL
    SELECT p.depth + 1, n.id, n.parent, n.body FROM path p
    CROSS JOIN plain_nodes n ON n.session = 1 AND n.id = p.parent)
  SELECT body AS "body(json)", id AS "body.id", parent AS "body.parent" FROM path
  ORDER BY depth DESC]]

-- session_recursion COUNT ID: the same tables from the recursive query, by the same decoder.
function works.session_recursion(count, id)
  return worker.time(count, function()
    local rows = assert(engine:rows(RECURSION, id))
    for i = 1, #rows do rows[i] = rows[i].body end
    assert(#rows == PATH)
  end)
end

-- session_append COUNT SESSION LENGTH: so many nodes in each call.
function works.session_append(count, id, length)
  local session, lists = handle(id), {}
  for i = 1, count do
    lists[i] = {}
    for n = 1, length do lists[i][n] = node() end
  end
  return worker.time(count, function(i) assert(session:append(lists[i])) end)
end

-- session_commit COUNT SESSION: a turn of two nodes with a stamp, a checkpoint and usage.
function works.session_commit(count, id)
  local session, plans = handle(id), {}
  for i = 1, count do
    plans[i] = { nodes = { node(), node() }, stamp = { turn = "t" .. used },
      checkpoint = { turn = { index = used, last = plain[used % #plain + 1] } },
      usage = { source = "turn", model = "m", input_tokens = 900, output_tokens = 120 } }
  end
  return worker.time(count, function(i) assert(session:commit(plans[i])) end)
end

-- session_question COUNT SESSION WHAT: about nodes at the end of a chain.
function works.session_question(count, id, what)
  local graph = handle(id):graph()
  local depth = id == "deep" and DEEP or 50
  local low, high = "d" .. depth, id == "deep" and "b200" or "d1"
  local calls = {
    depth = function() assert(graph:depth(low) == depth - 1) end,
    lca = function() assert(graph:lca(low, high)) end,
    is_ancestor = function() assert(graph:is_ancestor("d1", low)) end,
  }
  return worker.time(count, calls[what])
end

-- session_fork COUNT SESSION: forks at the leaf, which are deleted again.
function works.session_fork(count, id)
  local session, forks = handle(id), {}
  local times = worker.time(count, function(i) forks[i] = assert(session:fork()) end)
  for i = 1, count do assert(sessions:delete(forks[i].id)) end
  return times
end

worker.serve("moonbase " .. moonbase._VERSION .. ", " .. (jit and jit.version or _VERSION), works)
