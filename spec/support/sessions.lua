--- Sessions and nodes for specs.

local moonbase = require "moonbase"

local sessions = {}

--- A store in memory whose clock stands still at `clock.now`, 1000 to begin with; and that clock.
function sessions.store(path, options)
  local clock = { now = 1000 }
  options = options or {}
  options.clock = function() return clock.now end
  return assert(moonbase.open(path or ":memory:", options)), clock
end

--- A message of the user.
function sessions.user(id, parent)
  return { id = id, parent = parent, kind = "message", role = "user", content = "text of " .. id }
end

--- A message of the assistant.
function sessions.assistant(id, parent)
  return { id = id, parent = parent, kind = "message", role = "assistant", content = "to " .. id }
end

--- The session of G1: root, left, left-leaf and, off the root, right-leaf; at left-leaf.
function sessions.branched(store, id)
  local session = assert(store.sessions:create { id = id })
  assert(session:append { sessions.user "root", sessions.assistant "left",
    sessions.user "left-leaf" })
  assert(session:commit { nodes = { sessions.assistant("right-leaf", "root") },
    leaf = "left-leaf" })
  return session
end

--- One field of each item, in one line.
function sessions.ids(list)
  local found = {}
  for i, item in ipairs(list) do found[i] = type(item) == "table" and item.id or item end
  return table.concat(found, " ")
end

--- The ids that an iterator gives, in one line.
function sessions.all(session)
  local found = {}
  for node in assert(session:nodes()) do found[#found + 1] = node.id end
  return table.concat(found, " ")
end

--- How many rows a table holds.
function sessions.rows(store, name)
  return assert(store.context.engine:value("SELECT count(*) FROM " .. name))
end

return sessions
