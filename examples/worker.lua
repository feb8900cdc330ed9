--- A queue of chores with a worker: retries, a job that follows another, a graceful end.
--
--     lua5.4 examples/worker.lua            in memory
--     lua5.4 examples/worker.lua chores.db  in a file; start it several times at once
--
-- The chores: fetch three pages, one of which fails at first and one for ever, then index each.

local moonbase = require "moonbase"
local worker = require "moonbase.worker"

local store = assert(moonbase.open(arg and arg[1] or ":memory:"))
local jobs = store.jobs

local function say(...)
  print(string.format(...))
end

-- What the network would do.
local function fetch(url, attempt)
  if url:find("gone", 1, true) then return nil, "404" end
  if url:find("slow", 1, true) and attempt < 2 then error("timed out", 0) end
  return "<h1>" .. url .. "</h1>"
end

local function fetch_page(job, task)
  local body, problem = fetch(job.payload.url, job.attempt)
  if problem == "404" then
    task:fail("not found") -- it will not be there tomorrow either
    return
  end
  task:enqueue { queue = "index", payload = { url = job.payload.url, body = body } }
  return { bytes = #body }
end

-- A long one, which lets the loop have its turn and ends early when it is told to.
local function index_page(job, task)
  for step = 1, 3 do
    if task:stopping() then return task:defer(0) end
    say("  indexing %s, step %d", job.payload.url, step)
    coroutine.yield()
  end
end

local function report(job, err)
  say("  attempt %d of %s: %s", job.attempt, job.payload.url, tostring(err))
end

local fetcher = assert(worker.new(store, "fetch", fetch_page, { limit = 2, on_error = report }))
local indexer = assert(worker.new(store, "index", index_page, { on_error = report }))

for _, name in ipairs { "home", "slow", "gone" } do
  local url = "https://example.org/" .. name
  local _, fresh = assert(jobs:enqueue("fetch", { url = url }, { key = url }))
  say("%s: %s", url, fresh and "enqueued" or "in the queue already")
end

-- Both in one loop. The failed attempt would come back in a minute; this example does not wait.
repeat
  local work = assert(fetcher:tick()) + assert(indexer:tick())
until work == 0

say("\n%-8s %6s %6s %6s %6s", "queue", "ready", "done", "failed", "dead")
for _, queue in ipairs { "fetch", "index" } do
  local counts = assert(jobs:stats(queue))
  say("%-8s %6d %6d %6d %6d", queue, counts.ready, counts.done, counts.failed, counts.dead)
end
for _, job in ipairs(assert(jobs:list { queue = "fetch", status = "ready" }).items) do
  say("%s comes back %g s after its failure", job.payload.url,
    (job.available_at - job.updated_at) / 1000)
end
store:close()
