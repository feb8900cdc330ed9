-- Compare-and-swap of a flow run.
local steps = require "spec.native.steps"

return steps.scenario {
  { "create", function(s)
    return s.flows:create { id = "f", mob = "m", flow = "g", state = { n = 0 }, params = { p = 1 } }
  end },
  { "swap the state", function(s)
    return s.flows:cas_state { run = "f", expected = { n = 0 }, next = { n = 1 } }
  end },
  { "swap the status", function(s)
    return s.flows:cas_status { run = "f", expected = "pending", next = "running" }
  end },
  { "add a frame", function(s)
    return s.flows:cas_frame { run = "f", frame = "root", next = { nodes = { "a", "b" } } }
  end },
  { "add a step", function(s)
    return s.flows:append_step("f", { step = "a", agent = "x", status = "done", at = 5 })
  end },
  { "put its output", function(s) return s.flows:put_output("f", "a", { answer = 42 }) end },
  { "get", function(s) return s.flows:get "f" end },
  { "delete", function(s) return s.flows:delete "f" end },
}
