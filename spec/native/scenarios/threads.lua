-- Conversations: every call that writes, and the reads.
local steps = require "spec.native.steps"

local function user(text)
  return { role = "user", content = text }
end

return steps.scenario {
  { "create", function(s) return s.threads:create { id = "a", title = "first", custom = { x = 1 } } end },
  { "append", function(s) return s.threads:append("a", { user "one", user "two", user "three" }) end },
  { "append to a new one", function(s) return s.threads:append("b", { user(("long "):rep(500)) }) end },
  { "append again", function(s) return s.threads:append("a", { user "four" }, { expected = 3 }) end },
  { "set state", function(s) return s.threads:set_state("a", { step = 3 }) end },
  { "fork", function(s) return s.threads:fork("a", { at = 2, id = "c" }) end },
  { "append to the fork", function(s) return s.threads:append("c", { user "other three" }) end },
  { "read", function(s) return s.threads:messages("c", {}) end },
  { "update", function(s) return s.threads:update("a", { title = "second", custom = { y = 2 } }) end },
  { "replace", function(s) return s.threads:replace("b", { user "new" }) end },
  { "list", function(s) return s.threads:list { limit = 10 } end },
  { "delete the origin", function(s) return s.threads:delete("a") end },
  { "read the fork", function(s) return s.threads:view("c") end },
  { "clear", function(s) return s.threads:clear("b") end },
  { "count", function(s) return s.threads:count("c") end },
}
