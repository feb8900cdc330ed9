-- The work of the checkpoints table, through moonbase: moonbase.lua FILE FOLDER.

local moonbase = require "moonbase"
local worker = require "bench.support.worker"

local store = assert(moonbase.open(arg[1]))
local plain = worker.documents(arg[2] .. "/plain.jsonl")

local works, used = {}, 0

local function document()
  used = used + 1
  return plain[used % #plain + 1]
end

local function message(role)
  return { role = role, content = document().content }
end

local function plan(thread, expected, step)
  return {
    thread = thread, expected = expected,
    messages = { message "assistant", message "user", message "user" },
    run = { id = thread, agent = "bench", status = "running", steps = step },
    state = { step = step },
    events = { { stream = "run", type = "step", data = document() },
      { stream = "run", type = "step", data = document() } },
    jobs = { { queue = "tools", payload = document() } },
  }
end

-- step_commit COUNT THREAD: 3 messages, the run, the state, 2 events and a job in each.
function works.step_commit(count, thread)
  local before, plans = assert(store.threads:count(thread)), {}
  for i = 1, count do plans[i] = plan(thread, before + (i - 1) * 3, i) end
  return worker.time(count, function(i) assert(store.checkpoints:commit(plans[i])) end)
end

-- step_seed 1 THREAD LENGTH: a thread of that many messages, which has had a step.
function works.step_seed(_, thread, length)
  for at = 1, length, 1000 do
    local messages = {}
    for i = 1, math.min(1000, length - at + 1) do messages[i] = message "user" end
    assert(store.threads:append(thread, messages))
  end
  return works.step_commit(1, thread)
end

local function resident()
  local status = io.open("/proc/self/status")
  local size = tonumber(status:read("*a"):match("VmRSS:%s*(%d+)"))
  status:close()
  return size
end

-- resident COUNT: commits so many steps without waiting for the disk, on a thread that starts
-- anew now and then, and gives the process's memory, in KiB, at ten points on the way.
function works.resident(count)
  local sizes, step = {}, 0
  assert(store.context.engine:exec "PRAGMA synchronous=OFF")
  for i = 1, count do
    step = step + 1
    assert(store.checkpoints:commit(plan("resident", (step - 1) * 3, step)))
    if step == 1000 then
      step = 0
      assert(store.threads:clear "resident")
    end
    if i % math.floor(count / 10) == 0 then sizes[#sizes + 1] = resident() end
  end
  return sizes
end

worker.serve("moonbase " .. moonbase._VERSION .. ", " .. (jit and jit.version or _VERSION), works)
