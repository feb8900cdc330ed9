-- A job's life: queued, claimed, settled, with what it enqueues in turn.
local steps = require "spec.native.steps"

-- A job that was queued already comes with `false`, which is no error.
local function enqueue(s, payload, options)
  local job, err = s.jobs:enqueue("q", payload, options)
  if not job then return nil, err end
  return job
end

local function claim(s, t)
  local jobs, err = s.jobs:claim("q", { owner = "w", lease = 100000 })
  if not jobs then return nil, err end
  t.job = jobs[1]
  return t.job and t.job.id
end

return steps.scenario {
  { "enqueue", function(s) return enqueue(s, { n = 1 }, { key = "one" }) end },
  { "enqueue another", function(s) return enqueue(s, { n = 2 }, { group = "g" }) end },
  { "claim", claim },
  { "heartbeat", function(s, t)
    local ok, err = s.jobs:heartbeat(t.job, 200000)
    return ok and true, err
  end },
  { "acknowledge", function(s, t)
    local ok, err = s.jobs:ack(t.job, { result = { done = true },
      enqueue = { { queue = "q", payload = { n = 3 } } } })
    return ok and true, err
  end },
  { "claim the second", claim },
  { "give back", function(s, t)
    local ok, err = s.jobs:nack(t.job, { error = "not now" })
    return ok and true, err
  end },
  { "list", function(s) return s.jobs:list { queue = "q" } end },
  { "stats", function(s) return s.jobs:stats "q" end },
  { "purge", function(s) return s.jobs:purge { older_than = 0 } end },
}
