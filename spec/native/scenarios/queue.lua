-- Pending input: queued, changed, taken into the log.
local steps = require "spec.native.steps"

local function user(id, text)
  return { id = id, role = "user", content = text or id }
end

return steps.scenario {
  prepare = function(s) assert(s.threads:append("a", { user "m0" })) end,
  { "enqueue", function(s) return s.threads:enqueue("a", { user "m1", user "m2" }) end },
  { "enqueue more", function(s) return s.threads:enqueue("a", { user "m3" }) end },
  { "pending", function(s) return s.threads:pending("a") end },
  { "revise", function(s)
    local list = assert(s.threads:pending("a"))
    return s.threads:revise("a", list[2].id, user("m2", "changed"))
  end },
  { "reorder", function(s)
    local list = assert(s.threads:pending("a"))
    return s.threads:reorder("a", { list[3].id, list[1].id, list[2].id })
  end },
  { "retract", function(s)
    local list = assert(s.threads:pending("a"))
    return s.threads:retract("a", list[1].id)
  end },
  { "freeze", function(s) return s.threads:freeze("a", { boundary = "new_run" }) end },
  { "messages", function(s) return s.threads:messages("a", {}) end },
}
