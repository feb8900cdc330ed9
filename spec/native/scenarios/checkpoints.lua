-- A step's commits, with events, jobs, values and leases.
local steps = require "spec.native.steps"

local function user(text)
  return { role = "user", content = text }
end

local claimed

return steps.scenario {
  { "ask", function(s)
    return s.checkpoints:commit { thread = "t", expected = 0, messages = { user "one" },
      run = { id = "r", agent = "a", status = "running" },
      events = { { stream = "t", type = "asked" } }, jobs = { { queue = "q", payload = 1 } } }
  end },
  { "claim", function(s)
    local jobs, err = s.jobs:claim("q", { owner = "w" })
    claimed = jobs and jobs[1] or claimed
    return jobs, err
  end },
  { "answer", function(s)
    return s.checkpoints:commit { thread = "t", expected = 1, messages = { user "two" },
      run = { id = "r", agent = "a", status = "done" }, state = { done = true },
      events = { { stream = "t", type = "done", key = "k" } },
      jobs = { { ack = claimed, result = "fine" } },
      kv = { { ns = "n", key = "k", value = { 1, 2 } } } }
  end },
  { "load", function(s) return s.checkpoints:load("t") end },
  { "acquire", function(s) return s.leases:acquire("l", "ann") end },
  { "set", function(s) return s.kv:set("n", "k", 3) end },
  { "delete", function(s) return s.kv:delete("n", "k") end },
  { "prune", function(s) return s.events:prune { before = 2 } end },
  { "end a run", function(s)
    return s.runs:create { id = "old", thread = "gone", agent = "a", status = "done" }
  end },
  { "prune runs", function(s) return s.runs:prune { older_than = 0 } end },
  { "poll", function(s) return s.events:poll { stream = "t" } end },
}
