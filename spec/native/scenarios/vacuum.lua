-- Giving space back, and wiping what deleted rows left.
local steps = require "spec.native.steps"

local function messages(first)
  local list = {}
  for i = first, first + 40 do
    list[#list + 1] = { role = "user", content = ("text %d "):format(i):rep(i % 60) }
  end
  return list
end

return steps.scenario {
  { "fill", function(s) return #assert(s.threads:append("a", messages(1))) end },
  { "fill more", function(s) return #assert(s.threads:append("b", messages(100))) end },
  { "delete", function(s) return s.threads:delete("a") end },
  { "vacuum", function(s) return s:vacuum() end },
  { "vacuum again", function(s) return s:vacuum() end },
  { "read", function(s) return s.threads:count("b") end },
}
