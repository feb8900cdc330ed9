-- An event log with its consumers.
local steps = require "spec.native.steps"

local function event(n)
  return { stream = "s", type = "t", data = { n = n }, key = "key " .. n }
end

return steps.scenario {
  { "append", function(s) return s.events:append(event(1)) end },
  { "append a batch", function(s) return s.events:append_batch { event(2), event(3), event(4) } end },
  { "append again", function(s) return s.events:append(event(1)) end },
  { "poll", function(s) return s.events:poll { stream = "s" } end },
  { "acknowledge", function(s)
    local consumer, err = s.events:consumer("c", { stream = "s" })
    if not consumer then return nil, err end
    return consumer:ack(2)
  end },
  { "next", function(s)
    local consumer, err = s.events:consumer("c", { stream = "s" })
    if not consumer then return nil, err end
    return consumer:next(10)
  end },
  { "prune", function(s) return s.events:prune { before = 3 } end },
  { "latest", function(s) return s.events:latest "s" end },
  { "clear", function(s) return s.events:clear "s" end },
}
