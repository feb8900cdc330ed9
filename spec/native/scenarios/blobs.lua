-- Bytes under their hash, and named versions of them.
local steps = require "spec.native.steps"

local LONG = ("a long text "):rep(2000)

return steps.scenario {
  { "put", function(s) return s.blobs:put("short") end },
  { "put a long one", function(s) return s.blobs:put(LONG) end },
  { "put again", function(s) return s.blobs:put("short") end },
  { "name", function(s) return s.artifacts:put("n", "a", LONG) end },
  { "name the next", function(s) return s.artifacts:put("n", "a", "short") end },
  { "get", function(s) return s.artifacts:get("n", "a", { version = 1 }) end },
  { "history", function(s) return s.artifacts:history("n", "a") end },
  { "list", function(s) return s.artifacts:list("n", {}) end },
  { "prune", function(s) return s.artifacts:prune("n", "a", { keep = 1 }) end },
  { "delete", function(s) return s.artifacts:delete("n", "a") end },
}
