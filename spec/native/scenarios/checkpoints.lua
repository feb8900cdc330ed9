-- Everything that a step of an agent produces, in one commit.
local steps = require "spec.native.steps"

local function commit(s, n)
  return s.checkpoints:commit {
    thread = "t", expected = n - 1,
    messages = { { role = "assistant", content = "message " .. n } },
    run = { id = "r", thread = "t", agent = "a", status = n < 3 and "running" or "done", steps = n },
    state = { n = n, list = { 1, 2, 3 } },
    events = { { stream = "s", type = "step", data = { n = n } } },
    kv = { { ns = "n", key = "k", value = n } },
    jobs = { { queue = "q", payload = { n = n } } },
  }
end

return steps.scenario {
  { "first", function(s) return commit(s, 1) end },
  { "second", function(s) return commit(s, 2) end },
  { "load", function(s) return s.checkpoints:load "t" end },
  { "last", function(s) return commit(s, 3) end },
  { "run", function(s) return s.runs:get "r" end },
  { "runs", function(s) return s.runs:list { thread = "t" } end },
}
