-- Questions to a session's tree and to a fork's: each reads through several statements.
local steps = require "spec.native.steps"

local function node(id, parent)
  return { id = id, parent = parent, kind = "message", role = "user", content = "text of " .. id }
end

local function opened(store, id, fn)
  local session, err = store.sessions:open(id)
  if not session then return nil, err end
  return fn(session, session:graph())
end

local function with(id, fn)
  return function(store) return opened(store, id, fn) end
end

local function ids_of(iterator, err)
  if not iterator then return nil, err end
  local ids = {}
  for one in iterator do ids[#ids + 1] = one.id .. "<" .. (one.parent or "") end
  return ids
end

-- Many branches, so that paths lead over jumps; a fork with nodes of its own.
local function prepare(store)
  local session = assert(store.sessions:create { id = "s" })
  local list = { node "n1" }
  for i = 2, 30 do
    list[#list + 1] = node("t" .. i, "n" .. i - 1)
    list[#list + 1] = node("n" .. i, "n" .. i - 1)
  end
  assert(session:append(list))
  assert(session:tombstone { "t30" })
  local fork = assert(session:fork { at = "n20", id = "f" })
  assert(fork:append { node "f1", node("f2", "n7"), node "f3" })
end

return steps.scenario {
  prepare = prepare,
  { "path", with("s", function(_, graph) return graph:path "n30" end) },
  { "nodes of a path", with("s", function(session) return session:path "t9" end) },
  { "a node", with("f", function(session) return session:node "n20" end) },
  { "depth", with("f", function(_, graph) return graph:depth "f3" end) },
  { "ancestors", with("f", function(_, graph) return graph:ancestors("f1", { limit = 9 }) end) },
  { "descendants", with("s", function(_, graph) return graph:descendants("n9", { limit = 5 }) end) },
  { "those of a fork", with("f", function(_, graph) return graph:descendants("n1", { depth = 9 }) end) },
  { "children", with("f", function(_, graph) return graph:children "n7" end) },
  { "lca", with("s", function(_, graph) return graph:lca("t28", "t5") end) },
  { "is_ancestor", with("s", function(_, graph) return graph:is_ancestor("n2", "t29") end) },
  { "leaves", with("f", function(session) return session:leaves() end) },
  { "roots", with("f", function(_, graph) return graph:roots() end) },
  { "orphans", with("f", function(session) return session:orphans() end) },
  { "all nodes", with("f", function(session) return ids_of(session:nodes()) end) },
  { "fork of the fork", with("f", function(session)
    local fork, err = session:fork { at = "f2", id = "g" }
    return fork and true, err
  end) },
  { "delete the origin", function(store) return store.sessions:delete "s" end },
  { "what it left", with("g", function(session) return ids_of(session:nodes()) end) },
  { "tombstone", with("f", function(session) return session:tombstone { "f1" } end) },
  { "vacuum", with("f", function(session) return session:vacuum() end) },
  { "replace", with("f", function(session)
    return session:commit { replace = { node "n1", node "z" } }
  end) },
}
