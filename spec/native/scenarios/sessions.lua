-- A session's tree: grown, moved about in, forked, cut back.
local steps = require "spec.native.steps"

local function node(id, parent)
  return { id = id, parent = parent, kind = "message", role = "user", content = "text of " .. id }
end

-- The handle is opened by every step, as by a program that begins anew.
local function with(fn)
  return function(store)
    local session, err = store.sessions:open "s"
    if not session then return nil, err end
    return fn(session)
  end
end

return steps.scenario {
  { "create", function(s)
    local session, err = s.sessions:create { id = "s", name = "first" }
    return session and true, err
  end },
  { "append", with(function(s) return s:append { node "a", node "b", node "c" } end) },
  { "branch", with(function(s) return s:append { node("d", "a") } end) },
  { "check out", with(function(s) return s:checkout "c" end) },
  { "commit", with(function(s)
    local head, err = s:head()
    if not head then return nil, err end
    return s:commit {
      nodes = { node "e" }, expected = head.revision,
      stamp = { turn = "t1" }, checkpoint = { turn = { n = 1 } },
      usage = { source = "x", model = "m", input_tokens = 5, output_tokens = 7 },
    }
  end) },
  { "path", with(function(s) return s:path() end) },
  { "fork", with(function(s)
    local fork, err = s:fork { at = "b", id = "f" }
    return fork and true, err
  end) },
  { "tombstone", with(function(s) return s:tombstone { "d" } end) },
  { "vacuum", with(function(s) return s:vacuum() end) },
  { "head", with(function(s) return s:head() end) },
  { "list", function(s) return s.sessions:list {} end },
  { "delete", function(s) return s.sessions:delete "s" end },
}
