-- Checkpoints: a step of 3 messages, a run, a state, 2 events and a job, beside a bare C program
-- that writes the same rows; on a thread of ten messages and on one of 100,000. Then what becomes
-- of the process's memory over many commits (COMMITS, default 100,000).

local Programs = require "bench.support.programs"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"
local sample = require "bench.support.sample"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 30
local COMMITS = tonumber(os.getenv("COMMITS")) or 100000

local side = Programs.new "checkpoints"

local function seed(program)
  program:measure("step_seed", 1, "short", 10)
  program:measure("step_seed", 1, "long", 100000)
end

local function row(title, work, ...)
  return { title = title, work = work, count = 20, arguments = { ... } }
end

local sync = row("fdatasync of 4 KB, for comparison", "sync")
local short = row("commit a step, thread of 10", "step_commit", "short")
local long = row("  thread of 100,000", "step_commit", "long")
sync.programs = { bare = true }

local CLAIMS = {
  { title = "a durable step, of bare C", at_most = 1.5, show = report.ratio,
    measure = function(program)
      return rounds.ratio(short.results[program.key], short.results.bare)
    end },
  { title = "at 100,000 messages, of one at 10", at_most = 1.1, show = report.ratio,
    measure = function(program)
      return rounds.ratio(long.results[program.key], short.results[program.key])
    end },
}

local function show_memory(programs)
  print(("  memory of the process over %d commits, MiB"):format(COMMITS))
  for _, program in ipairs(programs) do
    local sizes = program:measure("resident", COMMITS)
    for i, size in ipairs(sizes) do sizes[i] = ("%.1f"):format(size / 1024) end
    print(("  %-18s %s"):format(program.title, table.concat(sizes, " ")))
  end
end

local function main()
  print "checkpoints: durable (WAL, synchronous=FULL), side by side in one run"
  side:clear()
  sample.write(side.folder .. "/plain.jsonl", 10000, function() return sample.plain(300) end)
  side:seed(seed)
  local programs = side:start_all()
  rounds.run(programs, { sync, short, long }, ROUNDS)
  report.table("", programs, { sync, short, long })
  report.claims({ programs[2], programs[3] }, CLAIMS)
  show_memory({ programs[2], programs[3] })
  side:finish(programs)
end

main()
