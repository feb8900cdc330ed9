--- An agent that does its work in spite of being killed.
--
--     lua5.4 examples/agent.lua                      the whole show, with a scripted planner
--     lua5.4 examples/agent.lua --url http://127.0.0.1:8080/v1 --model NAME [--key KEY]
--                                                    the same with a language model
--     --question TEXT    something else to find out    --file PATH    keep the database there

package.path = "./examples/?.lua;" .. package.path

local core = require "moonbase.core"
local moonbase = require "moonbase"
local worker = require "agent.worker"

local THREAD = "research"
local QUESTION = "What does the store promise when a process is killed in the middle of a commit?"
local OTHER_QUESTION = "Which coroutine may use a transaction?"

local function parse(arguments)
  local options, i = {}, 1
  while arguments[i] do
    local name = arguments[i]:match("^%-%-(%l+)$")
    assert(name and arguments[i + 1],
      "usage: agent.lua [--question|--file|--url|--model|--key VALUE]")
    options[name], i = arguments[i + 1], i + 2
  end
  return options
end

local function planner_for(options)
  if not options.url then return require "agent.planner" end
  return require("agent.openai").new { url = options.url, model = options.model, key = options.key }
end

local function pause(ms)
  return function() core.sleep(ms) end
end

-- The worker process: tells what it does, slowly enough to be watched and hit.
local function work(options)
  local store = assert(moonbase.open(options.work))
  local function tell(kind, text)
    io.write(kind, "\t", (text:gsub("\n", "\\n")), "\n")
    io.flush()
    core.sleep(30)
  end
  local stat = assert(io.open("/proc/self/stat"))
  tell("pid", stat:read("*n") .. "")
  stat:close()
  worker.run(store, options.thread, {
    planner = planner_for(options), tell = tell, wait = pause(20),
  })
  store:close()
end

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function command(options, file, thread)
  local words = { "exec", quoted(arg[-1]), quoted(arg[0]), "--work", quoted(file),
    "--thread", thread }
  for _, name in ipairs { "url", "model", "key" } do
    if options[name] then words[#words + 1] = "--" .. name .. " " .. quoted(options[name]) end
  end
  return table.concat(words, " ")
end

local function say(...)
  print(string.format(...))
end

local function headline(text)
  say("\n\27[1m%s\27[0m", text)
end

local MARK = { think = "..", say = "  ", tool = "->", done = "<-", answer = "==" }

local function show(kind, text)
  text = text:gsub("\\n", "\n       ")
  if #text > 300 then text = text:sub(1, 297) .. "..." end
  say("    %s %s", MARK[kind], text)
end

-- Runs a worker process; kills it when the hit-th line of a kind appears.
local function run_worker(options, file, thread, kill)
  local pipe = assert(io.popen(command(options, file, thread)))
  local pid, seen, killed = nil, 0, false
  for line in pipe:lines() do
    local kind, text = line:match("^(%l+)\t(.*)$")
    if kind == "pid" then
      pid = text
    elseif not killed then
      show(kind, text)
      if kill and kind == kill.kind then seen = seen + 1 end
      if kill and seen == kill.hit then
        os.execute("kill -9 " .. pid)
        killed = true
        say("    \27[31m** kill -9 %s: %s **\27[0m", pid, kill.where)
      end
    end
  end
  pipe:close()
  return killed
end

-- What was said, without the ids that differ from run to run.
local function transcript(store, thread)
  local lines = {}
  for record in store.threads:each(thread) do
    local message = record.message
    lines[#lines + 1] = table.concat({ record.seq, message.role, message.tool_call_id or "",
      message.content }, "\t")
  end
  return table.concat(lines, "\n"), #lines
end

local KILLS = {
  { kind = "tool", hit = 2, where = "in the middle of a tool, its job is leased" },
  { kind = "think", hit = 1, where = "before what the planner said was committed" },
  { kind = "done", hit = 2, where = "just after a tool's answer was committed" },
}

local function be_killed(options, store, file)
  headline("1. An agent works, and is killed three times")
  say("    question: %s", options.question)
  worker.ask(store, THREAD, options.question)
  for round = 1, #KILLS + 1 do
    if not run_worker(options, file, THREAD, KILLS[round]) then break end
    local at = assert(store.checkpoints:load(THREAD))
    say("    a new process takes over: %d messages, step %d", at.version, at.run.steps)
  end
end

-- The same question in a file of its own, undisturbed.
local function compare(options, store)
  headline("2. Nothing lost, nothing twice")
  local control = assert(moonbase.open(":memory:"))
  worker.ask(control, THREAD, options.question)
  local quiet = { planner = planner_for(options), tell = function() end, wait = pause(20) }
  worker.run(control, THREAD, quiet)
  local got, count = transcript(store, THREAD)
  local same = options.url or got == transcript(control, THREAD)
  local jobs = assert(store.jobs:stats(THREAD))
  say("    %d messages; %s", count, options.url and "a model does not repeat itself: not compared"
    or same and "word for word those of a run that nobody killed" or "NOT those of a quiet run")
  say("    %d tool jobs done, %d left over; %d events, the last with cursor %d", jobs.done,
    jobs.ready + jobs.running + jobs.dead, #assert(store.events:poll { stream = THREAD }),
    assert(store.events:latest(THREAD)))
  control:close()
  assert(same and jobs.ready + jobs.running + jobs.dead == 0, "the demo failed")
end

local function take_another_way(options, store, file)
  headline("3. Another way from an earlier point")
  local fork = assert(store.threads:fork(THREAD, { at = 4, id = "fork" }))
  say("    forked after %d of %d messages; no message was copied", fork.count,
    assert(store.threads:count(THREAD)))
  say("    question: %s", OTHER_QUESTION)
  worker.ask(store, fork.id, OTHER_QUESTION)
  run_worker(options, file, fork.id)
  say("    the origin still has %d messages, the fork %d", assert(store.threads:count(THREAD)),
    assert(store.threads:count(fork.id)))
end

local function look_back(store)
  headline("4. Searching what was said: 'committed transaction'")
  for _, hit in ipairs(assert(store.threads:search("committed transaction", { limit = 3 }))) do
    say("    %-8s %3d  %.2f  %s", hit.thread, hit.seq, hit.score, hit.snippet)
  end
end

local function median(times, fn)
  local spent = {}
  for i = 1, times do
    local start = core.monotonic()
    assert(fn(i))
    spent[i] = core.monotonic() - start
  end
  table.sort(spent)
  return spent[math.ceil(times / 2)]
end

local function file_size(path)
  local file = io.open(path, "rb")
  local size = file and file:seek("end") or 0
  if file then file:close() end
  return size / 1024
end

-- What is measured is written into a scope of its own, out of the way of what was said.
local function measure(store, file)
  headline("5. Sizes, and what a call takes (median, every commit durable)")
  local threads = assert(store.threads:list { total = true })
  say("    %d threads in %.0f KiB, and %.0f KiB of write-ahead log", threads.total, file_size(file),
    file_size(file .. "-wal"))
  local text, own = ("x"):rep(300), assert(store:scope("measured"))
  for _, row in ipairs {
    { "append a message", function()
      return own.threads:append("t", { { role = "user", content = text } })
    end },
    { "commit a step", function(i)
      return own.checkpoints:commit {
        thread = "c", expected = i - 1, messages = { { role = "user", content = text } },
        run = { id = "r", agent = "a", status = "running", steps = i },
        events = { { stream = "c", type = "step" } }, jobs = { { queue = "q", payload = i } },
      }
    end },
    { "load a checkpoint", function() return store.checkpoints:load(THREAD) end },
    { "claim a job", function() return own.jobs:claim("q", { owner = "demo" }) end },
    { "a page of 50 messages", function()
      return own.threads:messages("t", { order = "desc" })
    end },
    { "fork a conversation", function() return own.threads:fork("t") end },
    { "search", function() return store.threads:search("committed transaction") end },
  } do
    say("    %-24s %6.3f ms", row[1], median(100, row[2]))
  end
end

local function main(options)
  if options.work then return work(options) end
  options.question = options.question or QUESTION
  local folder = not options.file and assert(io.popen("mktemp -d")):read("*l")
  local file = options.file or folder .. "/agent.db"
  local store = assert(moonbase.open(file))
  assert(store.threads:count(THREAD) == 0, "the file holds a conversation already: give another")
  be_killed(options, store, file)
  compare(options, store)
  take_another_way(options, store, file)
  look_back(store)
  measure(store, file)
  store:close()
  if folder then os.execute("rm -rf " .. quoted(folder)) end
end

main(parse(arg))
