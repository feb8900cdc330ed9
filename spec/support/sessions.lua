--- Sessions and nodes for specs.

local stores = require "spec.support.stores"

local sessions = {}

sessions.store, sessions.rows = stores.open, stores.rows

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

return sessions
