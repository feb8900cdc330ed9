--- A flow that three worker processes drive together; two of them are killed on the way.
--
--     lua5.4 examples/flow.lua                    in a temporary file
--     lua5.4 examples/flow.lua --file flow.db     keeps the database there
--
-- The flow writes a report: an outline, three searches side by side, a merge, then drafts and
-- reviews until the critic is content, and the print. Each step is claimed by whichever worker is
-- free. One worker is killed in the middle of a search, one in the middle of a review; the last one
-- finishes alone. Afterwards the ledger shows each step completed once.

local core = require "moonbase.core"
local flow_driver = require "moonbase.flow_driver"
local moonbase = require "moonbase"

local LEASE = 400 -- ms; how long a dead worker keeps others from its step
local PATIENCE = 60000 -- ms

local REPORT = {
  nodes = {
    { id = "outline", agent = "planner" },
    { id = "search:web", agent = "searcher", after = { "outline" } },
    { id = "search:papers", agent = "searcher", after = { "outline" } },
    { id = "search:code", agent = "searcher", after = { "outline" } },
    { id = "merge", agent = "writer", after = { "search:web", "search:papers", "search:code" } },
    { id = "polish", after = { "merge" }, repeat_until = "review", max = 5, nodes = {
      { id = "draft", agent = "writer" },
      { id = "review", agent = "critic", after = { "draft" } },
    } },
    { id = "print", agent = "writer", after = { "polish" } },
  },
}

local function say(...)
  print(string.format(...))
end

-- ---- the workers ----

-- What the agents do. Each says who did it, and takes long enough to be killed in between.
local function handlers_of(owner)
  local function gives(fn)
    return function(step)
      core.sleep(120)
      local output = fn(step)
      output.by = owner
      return output
    end
  end
  return {
    planner = gives(function(step)
      return { chapters = { step.params.topic .. ": how", step.params.topic .. ": why" } }
    end),
    searcher = gives(function(step)
      local chapters = #step:output("outline").chapters
      return { found = (step.id:match(":(.*)")) .. " for " .. chapters .. " chapters" }
    end),
    writer = gives(function(step)
      if step.id == "merge" then
        return { sources = { step:output("search:web").found, step:output("search:papers").found,
          step:output("search:code").found } }
      end
      local last = step:previous("draft")
      return { version = last and last.version + 1 or 1 }
    end),
    critic = gives(function(step)
      return { done = step:output("draft").version >= 3 }
    end),
  }
end

local function is_running(store, run)
  return assert(store.flows:peek { run = run }).status == "running"
end

-- Calls fn again and again while the run is running, but not for ever. Gives what fn gives.
local function meanwhile(store, run, fn)
  local deadline = core.monotonic() + PATIENCE
  while is_running(store, run) and core.monotonic() < deadline do
    local result = fn()
    if result then return result end
  end
  return nil
end

local function work(path, run, owner)
  local store = assert(moonbase.open(path))
  local driver = assert(flow_driver.new(store, { handlers = handlers_of(owner) }))
  local worker = assert(driver:worker { owner = owner, lease = LEASE })
  meanwhile(store, run, function()
    if assert(worker:tick()) == 0 then core.sleep(20) end
  end)
  store:close()
end

-- ---- the show ----

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- Starts a worker process; gives its id.
local function start_worker(path, run, owner)
  local command = ("%s %s --work %s --run %s --owner %s >&2 & echo $!"):format(quoted(arg[-1]),
    quoted(arg[0]), quoted(path), run, owner)
  local pipe = assert(io.popen(command))
  local pid = pipe:read("*l")
  pipe:close()
  return pid
end

local function signal(name, pid)
  os.execute(("kill -%s %s"):format(name, pid))
end

-- The job that a worker has in hand, if its step suits.
local function in_hand(store, owner, suits)
  for _, job in ipairs(assert(store.jobs:list { queue = "flows", status = "running" }).items) do
    if job.owner == owner and job.payload.step:find(suits) then return job end
  end
  return nil
end

-- Kills a worker if it is in the middle of a step that suits. It is held fast for a second look:
-- the step may have come to its end since the first one.
local function try_to_kill(store, owner, pid, suits)
  if not in_hand(store, owner, suits) then return nil end
  signal("STOP", pid)
  local job = in_hand(store, owner, suits)
  signal(job and "KILL" or "CONT", pid)
  if job then
    say("    \27[31m** kill -9 %s: %s in the middle of %s **\27[0m", pid, owner, job.payload.step)
  end
  return job
end

-- Waits until one of the workers is in the middle of a step that suits, and kills it.
local function kill_one(store, run, workers, suits)
  local job = meanwhile(store, run, function()
    for owner, pid in pairs(workers) do
      local found = try_to_kill(store, owner, pid, suits)
      if found then
        workers[owner] = nil
        return found
      end
    end
    core.sleep(5)
  end)
  return assert(job, "nobody was there to be killed").id
end

local function drive(store, path, run)
  local workers = {}
  for i = 1, 3 do workers["worker-" .. i] = start_worker(path, run, "worker-" .. i) end
  local killed = { kill_one(store, run, workers, "^search"),
    kill_one(store, run, workers, "^review$") }
  say("    %s goes on alone", next(workers))
  meanwhile(store, run, function() core.sleep(20) end)
  return killed
end

local function bar(from, to, scale)
  local left = math.floor(from * scale + 0.5)
  return (" "):rep(left) .. ("#"):rep(math.max(1, math.floor((to - from) * scale + 0.5)))
end

-- What each step began and ended at.
local function spans(flow)
  local list, by_step = {}, {}
  for _, entry in ipairs(flow.steps) do
    local span = by_step[entry.step]
    if not span then
      span = { step = entry.step, agent = entry.agent, from = entry.at, completed = 0 }
      by_step[entry.step], list[#list + 1] = span, span
    end
    if entry.status == "completed" then
      span.to, span.by, span.completed = entry.at, entry.output.by, span.completed + 1
    end
  end
  return list, by_step
end

local function show(flow)
  local list = spans(flow)
  local began = flow.created_at
  local scale = 36 / math.max(1, (flow.completed_at or list[#list].from) - began)
  say("\n    %-22s %-9s %-9s %10s", "step", "agent", "worker", "ms")
  for _, span in ipairs(list) do
    say("    %-22s %-9s %-9s %4d..%-5s %s", span.step, span.agent, span.by or "-",
      span.from - began, span.to and span.to - began or "",
      bar(span.from - began, (span.to or span.from) - began, scale))
  end
end

local EXPECTED = { "outline", "search:web", "search:papers", "search:code", "merge",
  "polish::0::draft", "polish::0::review", "polish::1::draft", "polish::1::review",
  "polish::2::draft", "polish::2::review", "print" }

-- Each promise and whether it was kept.
local function promises(store, flow, killed)
  local list, by_step = spans(flow)
  local once = #list == #EXPECTED
  for _, step in ipairs(EXPECTED) do
    once = once and by_step[step] ~= nil and by_step[step].completed == 1
  end
  local again = 0
  for _, id in ipairs(killed) do
    if assert(store.jobs:get(id)).attempt > 1 then again = again + 1 end
  end
  local jobs, versions = assert(store.jobs:stats("flows")), flow.loop_outputs["root::polish"] or {}
  return {
    { "the flow is completed", flow.status == "completed" },
    { "each of its 12 steps is completed once", once and jobs.done == #EXPECTED },
    { "both interrupted steps were done again", again == 2 },
    { "the loop ended with the third draft", #versions == 3 and versions[3].draft.version == 3 },
    { "nothing is left in the queue", jobs.ready + jobs.running + jobs.dead + jobs.failed == 0 },
  }
end

local function judge(kept)
  local good = true
  print()
  for _, promise in ipairs(kept) do
    say("    %s %s", promise[2] and "ok" or "NO", promise[1])
    good = good and promise[2]
  end
  return good
end

local function parse(arguments)
  local options = {}
  for i = 1, #arguments, 2 do
    local name = arguments[i]:match("^%-%-(%l+)$")
    assert(name and arguments[i + 1], "usage: flow.lua [--file PATH]")
    options[name] = arguments[i + 1]
  end
  return options
end

local function main(options)
  if options.work then
    work(options.work, options.run, options.owner)
    return true
  end
  local folder = not options.file and assert(io.popen("mktemp -d")):read("*l")
  local path = options.file or folder .. "/flow.db"
  local store = assert(moonbase.open(path))
  assert(store.specs:put("report", REPORT))
  local driver = assert(flow_driver.new(store, {}))
  local run = assert(driver:start { mob = "newsroom", flow = "report",
    params = { topic = "moons" } })
  say("    a flow of %d nodes, three workers, one file", #REPORT.nodes)
  local killed = drive(store, path, run)
  local flow = assert(store.flows:get(run))
  show(flow)
  local good = judge(promises(store, flow, killed))
  store:close()
  if folder then os.execute("rm -rf " .. quoted(folder)) end
  return good
end

os.exit(main(parse(arg)) and 0 or 1, true)
