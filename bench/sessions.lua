-- Sessions: moonbase beside a bare C program on the same tables. Paths of 1,000 nodes inside a
-- session of 100,000 are read in several ways; what each of them does stands in bench/sessions/.

local Programs = require "bench.support.programs"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"
local sample = require "bench.support.sample"

local ROUNDS = tonumber(os.getenv("ROUNDS")) or 30

local side = Programs.new "sessions"

local function seed(program) program:measure("session_seed", 1) end

local function row(title, work, count, ...)
  return { title = title, work = work, count = count, arguments = { ... } }
end

local BARE = { bare = true }
local LUA = { lua54 = true, luajit = true }

local function only(programs, measured)
  measured.programs = programs
  return measured
end

-- The tip of a branch: another one in every round.
local function tip(round)
  return ("node-%05d-0999-of-the-big-one"):format(round * 37 % 100)
end

local scan = only(BARE, row("1,000 rows in a row, in C", "session_path", 10, "scan", tip))
local raw = only(BARE, row("path of 1,000: segments, in C", "session_path", 10, "segments", tip))
local recursion = only(BARE, row("  recursive query, in C", "session_path", 10, "recursion", tip))
local hops = only(BARE, row("  one look-up a node, in C", "session_path", 10, "hops", tip))
local ids = only(LUA, row("  as ids, g:path", "session_path", 10, "ids", tip))
local tables = only(LUA, row("  as tables, s:path", "session_path", 10, "tables", tip))
local decoded = only(LUA, row("  as tables, recursive query", "session_recursion", 10, tip))

local paths = { scan, raw, recursion, hops, ids, tables, decoded }

local sync = only(BARE, row("fdatasync of 4 KB, for comparison", "sync", 20))
local ten = row("append 1 node, session of 10", "session_append", 20, "ten", 1)
local big = row("  session of 50,000", "session_append", 20, "deep", 1)
local hundred = row("append 100 in one call", "session_append", 10, "thousand", 100)
local small_turn = only(LUA, row("commit a turn, session of 10", "session_commit", 20, "ten"))
local big_turn = only(LUA, row("  session of 50,000", "session_commit", 20, "deep"))

local writes = { sync, ten, big, hundred, small_turn, big_turn }

local questions = {}
for _, what in ipairs { "depth", "lca", "is_ancestor" } do
  questions[#questions + 1] = only(LUA,
    row(what .. ", depth 50", "session_question", 100, "shallow", what))
  questions[#questions + 1] = only(LUA,
    row("  depth 50,000", "session_question", 100, "deep", what))
end
local small_fork = only(LUA, row("fork, depth 50", "session_fork", 10, "shallow"))
local big_fork = only(LUA, row("  depth 50,000", "session_fork", 10, "deep"))
questions[#questions + 1] = small_fork
questions[#questions + 1] = big_fork

-- How many times row `a` takes what row `b` takes; `by` names the program that did b.
local function against(a, b, by)
  return function(program)
    return rounds.ratio(a.results[program.key], b.results[by or program.key])
  end
end

local function claim(title, bound, measure, kind)
  return { title = title, [kind or "at_most"] = bound, show = report.ratio, measure = measure }
end

local function first(measure)
  return function() return measure { key = "bare" } end
end

local CLAIMS = {
  claim("recursive query, of the segments, in C", 6, first(against(recursion, raw)), "at_least"),
  claim("segments, of a scan of the rows, in C", 2, first(against(raw, scan))),
  claim("g:path in Lua, of the scan in C", 2, against(ids, scan, "bare")),
  claim("recursive query as tables, of s:path", 2, against(decoded, tables), "at_least"),
  claim("one durable append, of bare C", 1.25, against(ten, ten, "bare")),
  claim("100 in one call, of bare C", 1.6, against(hundred, hundred, "bare")),
  claim("append at 50,000, of one at 10", 1.1, against(big, ten)),
  claim("a turn at 50,000, of one at 10", 1.1, against(big_turn, small_turn)),
  claim("lca at depth 50,000, of depth 50", 3, against(questions[4], questions[3])),
  claim("depth at 50,000, of 50", 1.5, against(questions[2], questions[1])),
  claim("fork at depth 50,000, of depth 50", 1.2, against(big_fork, small_fork)),
}

local function main()
  print "sessions: durable (WAL, synchronous=FULL), side by side in one run"
  side:clear()
  sample.write(side.folder .. "/plain.jsonl", 10000, function() return sample.plain(400) end)
  side:seed(seed)
  local programs = side:start_all()
  for _, rows in ipairs { paths, writes, questions } do
    rounds.run(programs, rows, ROUNDS)
    report.table("", programs, rows)
  end
  report.claims({ programs[2], programs[3] }, CLAIMS)
  side:finish(programs)
end

main()
