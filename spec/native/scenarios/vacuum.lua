-- Giving space back, and wiping what deleted rows left.
local steps = require "spec.native.steps"

return steps.scenario {
  { "fill", function(s)
    return s:transaction(function()
      for i = 1, 60 do
        assert(s.kv:set("n", ("key %d"):format(i * 37 % 61), ("text %d "):format(i):rep(40)))
      end
      return true
    end)
  end },
  { "delete", function(s)
    return s:transaction(function()
      for i = 1, 60, 2 do assert(s.kv:delete("n", ("key %d"):format(i))) end
      return true
    end)
  end },
  { "vacuum", function(s) return s:vacuum() end },
  { "vacuum again", function(s) return s:vacuum() end },
  { "read", function(s) return #assert(s.kv:list("n")).items end },
}
