-- Flow runs and specs: every call that writes, and the reads.
require "moonbase.flows"
require "moonbase.specs"
local steps = require "spec.native.steps"

local STATE, NEXT = { phase = "new", list = { 1.5, 2 } }, { phase = "next", list = {} }
local STEP = { step = "s", agent = "a", status = "dispatched", output = { "x" } }
local ENTRY = { loop_instance = "l", iteration = 0, frame = "body" }

return steps.scenario {
  { "create", function(s)
    return s.flows:create { id = "r", mob = "m", flow = "f", params = { ("p"):rep(500) }, state = STATE }
  end },
  { "status", function(s) return s.flows:cas_status { run = "r", expected = "pending", next = "running" } end },
  { "new frame", function(s) return s.flows:cas_frame { run = "r", frame = "root", next = { n = 1.0 } } end },
  { "lost", function(s) return s.flows:cas_frame { run = "r", frame = "root", next = { n = 2 } } end },
  { "complete a step", function(s)
    return s.flows:cas_complete_step { run = "r", frame = "root", expected_frame = { n = 1 },
      next_frame = { n = 2 }, step = "s", output = { 1 }, loop = "l", iteration = 1 }
  end },
  { "start a loop", function(s)
    return s.flows:cas_start_loop { run = "r", loop_instance = "l", expected_state = STATE, next_state = NEXT,
      frame = "root", expected_frame = { n = 2 }, next_frame = { n = 3 }, initial_loop = { at = 0 } }
  end },
  { "start a body", function(s)
    return s.flows:cas_start_body_frame { run = "r", loop_instance = "l", expected_loop = { at = 0 },
      next_loop = { at = 1 }, frame = "body", initial_frame = {}, iteration_entry = ENTRY,
      expected_state = NEXT, next_state = STATE }
  end },
  { "ledger", function(s) return s.flows:append_step_if_absent("r", STEP) end },
  { "output", function(s) return s.flows:put_output("r", "s", ("o"):rep(3000)) end },
  { "failure", function(s) return s.flows:append_failure("r", { step = "s", reason = "x" }) end },
  { "loop", function(s) return s.flows:upsert_loop("r", "l", { at = 2 }, ENTRY) end },
  { "snapshot", function(s)
    return s.flows:cas_snapshot { run = "r", expected_status = "running", expected_state = STATE,
      next_status = "completed", next_state = NEXT }
  end },
  { "get", function(s) return s.flows:get("r") end },
  { "list", function(s) return s.flows:list { mob = "m", status = "completed" } end },
  { "peek", function(s) return s.flows:peek { run = "r", frame = "root", loop_instance = "l" } end },
  { "delete", function(s) return s.flows:delete("r") end },
  { "put a spec", function(s) return s.specs:put("a", { v = 1 }) end },
  { "put it again", function(s) return s.specs:put("a", { v = ("v"):rep(3000) }, { expected = 1 }) end },
  { "history", function(s) return s.specs:history("a") end },
  { "delete it", function(s) return s.specs:delete("a", { expected = 2 }) end },
}
