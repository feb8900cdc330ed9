--- The agent: thinks, runs tools, and keeps each step in one commit.
-- A step is durable as a whole, so a process may die anywhere: what it had committed stays, what
-- it was about to commit never was, and whoever comes next goes on from there.

local tools = require "agent.tools"

local worker = {}

local LEASE = 1000 -- ms; how long a dead process keeps others from its tool

local LATE = { lease_lost = true, conflict = true }

local function run_of(at, status, more)
  local run = { id = at.run.id, agent = "researcher", status = status, steps = at.run.steps }
  for key, value in pairs(more or {}) do run[key] = value end
  return run
end

--- Puts a question: the user's message and the run that will answer it.
---@param store moonbase.Store
---@param thread string
---@param question string
function worker.ask(store, thread, question)
  return assert(store.checkpoints:commit {
    thread = thread, expected = assert(store.threads:count(thread)),
    messages = { { role = "user", content = question } },
    run = { agent = "researcher", status = "running" },
    events = { { stream = thread, type = "asked", data = { question = question } } },
  })
end

local function jobs_for(message, thread)
  local jobs = {}
  for i, call in ipairs(message.tool_calls or {}) do
    jobs[i] = { queue = thread, key = call.id, payload = call }
  end
  return jobs
end

-- The next message of the assistant, the jobs of its tool calls, and the run's progress.
local function think(store, thread, planner, at, tell)
  tell("think", "step " .. at.run.steps + 1)
  local message = planner.next(at.messages)
  local done = not message.tool_calls
  assert(store.checkpoints:commit {
    thread = thread, expected = at.version, messages = { message },
    run = run_of(at, done and "done" or "running", { steps = at.run.steps + 1 }),
    state = { step = at.run.steps + 1 },
    jobs = jobs_for(message, thread),
    events = { { stream = thread, type = done and "answered" or "planned" } },
  })
  tell(done and "answer" or "say", message.content)
end

-- A tool's answer, and the end of its job. A tool that takes long says now and then that it is at
-- work.
local function run_tool(store, thread, at, job, tell)
  local call = job.payload
  tell("tool", string.format("%s (attempt %d)", call.name, job.attempt))
  local text, result = tools[call.name](call.arguments, function()
    store.jobs:heartbeat(job, LEASE)
  end)
  local committed, err = store.checkpoints:commit {
    thread = thread, expected = at.version,
    messages = { { role = "tool", tool_call_id = call.id, content = text,
      metadata = { result = result } } },
    run = run_of(at, "running"),
    jobs = { { ack = job } },
    events = { { stream = thread, type = "tool_done", key = call.id,
      data = { tool = call.name } } },
  }
  if err and LATE[err.code] then return end -- it was too slow: the job is another's by now
  assert(committed, err)
  tell("done", text)
end

-- Does the next thing there is to do; false when the question is answered.
local function turn(store, thread, planner, tell, wait)
  local at = assert(store.checkpoints:load(thread))
  if at.run.status == "done" then return false end
  local job = assert(store.jobs:claim(thread, { owner = "worker", lease = LEASE }))[1]
  local open = store.jobs:stats(thread)
  if job then
    run_tool(store, thread, at, job, tell)
  elseif open.running > 0 then
    wait() -- a process that died has it; its lease runs out
  else
    think(store, thread, planner, at, tell)
  end
  return true
end

--- Works on a thread until its question is answered.
---@param store moonbase.Store
---@param thread string
---@param options table  planner; tell(kind, text); wait(): a short pause
function worker.run(store, thread, options)
  while turn(store, thread, options.planner, options.tell, options.wait) do end
end

return worker
