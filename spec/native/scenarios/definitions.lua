-- Specs and profiles: revisions that never begin again.
local steps = require "spec.native.steps"

return steps.scenario {
  { "put", function(s) return s.specs:put("a", { v = 1 }) end },
  { "put the second", function(s) return s.specs:put("a", { v = 2 }, { expected = 1 }) end },
  { "get", function(s) return s.specs:get "a" end },
  { "history", function(s) return s.specs:history "a" end },
  { "prune", function(s) return s.specs:prune("a", { keep = 1 }) end },
  { "delete", function(s) return s.specs:delete "a" end },
  { "put again", function(s) return s.specs:put("a", { v = 3 }) end },
  { "create", function(s) return s.profiles:create("p", { name = "p" }) end },
  { "update", function(s) return s.profiles:update("p", { name = "q" }, { expected = 1 }) end },
  { "list", function(s) return s.specs:list() end },
}
