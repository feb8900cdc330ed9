-- Threads: moonbase beside a bare C program on the same tables, and beside two other bindings with
-- lua-cjson. What each of them does stands in bench/threads/.

local engines = require "bench.support.engines"
local Program = require "bench.support.program"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"
local sample = require "bench.support.sample"

local BIG, FORK_AT = 100000, 50000
local PAGES, EDGE = BIG / 50, 200 -- pages in all, and those taken for the newest and the oldest
local ROUNDS = tonumber(os.getenv("ROUNDS")) or 40

local folder = engines.build .. "/bench/threads"

local PROGRAMS = {
  { key = "bare", title = "bare C", command = engines.build .. "/bench/bare" },
  { key = "lua54", title = "moonbase, Lua 5.4",
    command = engines.command("lua54", "bench/threads/moonbase.lua") },
  { key = "luajit", title = "moonbase, LuaJIT", engine = "luajit",
    command = engines.command("luajit", "bench/threads/moonbase.lua") },
  { key = "luasql", title = "LuaSQL + cjson",
    command = engines.command("lua54", "bench/threads/luasql.lua") },
  { key = "dbi", title = "LuaDBI + cjson",
    command = engines.command("lua54", "bench/threads/dbi.lua") },
}

local function shell(command)
  local status = os.execute(command)
  assert(status == true or status == 0, command)
end

local function start(key)
  for _, entry in ipairs(PROGRAMS) do
    if entry.key == key then
      local words = (" %s/%s.db %s"):format(folder, key, folder)
      return Program.start(key, entry.title, entry.command .. words, folder)
    end
  end
end

local function write_documents()
  shell("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'")
  sample.write(folder .. "/plain.jsonl", 1000, function() return sample.plain(300) end)
  sample.write(folder .. "/seed.jsonl", 10000, function() return sample.plain(300) end)
  sample.write(folder .. "/text.jsonl", 1000, function() return sample.plain(1024) end)
  sample.write(folder .. "/rich.jsonl", 1000, sample.rich)
end

-- Every program gets a file of its own with the same content; those that share a schema get
-- copies, so that rows and indexes lie in it in the same way.
local function seed(maker, copies)
  local program = assert(start(maker))
  program:measure("seed", ROUNDS, "ten", 10, "seed.jsonl")
  for _, name in ipairs { "thousand", "hundreds" } do
    program:measure("seed", 1, name, 1000, "seed.jsonl")
  end
  for _, name in ipairs { "text", "rich" } do
    program:measure("seed", 1, name, 1000, name .. ".jsonl")
  end
  program:measure("seed", 1, "big", BIG, "seed.jsonl")
  program:stop()
  for _, key in ipairs(copies) do
    shell(("cp %s/%s.db %s/%s.db"):format(folder, maker, folder, key))
  end
end

local function start_all()
  local programs = {}
  write_documents()
  seed("lua54", { "bare", "luajit" })
  seed("luasql", { "dbi" })
  for _, entry in ipairs(PROGRAMS) do
    if not entry.engine or engines.available(entry.engine) then
      programs[#programs + 1] = assert(start(entry.key))
      print(("  %-18s %s"):format(entry.title, programs[#programs].version))
    end
  end
  print()
  return programs
end

local OURS = { lua54 = true, luajit = true }
local ON_OUR_TABLES = { bare = true, lua54 = true, luajit = true }
local COPYING = { bare = 5, lua54 = 5, luajit = 5, luasql = 1, dbi = 1 }

local function newest(times) return { table.unpack(times, 1, EDGE) } end
local function oldest(times) return { table.unpack(times, #times - EDGE + 1) } end

-- The text index is brought up to date with some of the calls.
local function average(times)
  local sum = 0
  for _, time in ipairs(times) do sum = sum + time end
  return { sum / #times }
end

local append = {
  { title = "fdatasync of 4 KB, for comparison", work = "sync", count = 20,
    programs = { bare = true }, arguments = {} },
  { title = "append 1 of 300 B, thread of 10", work = "append", count = 20,
    arguments = { function(round) return "ten-" .. round end, 1 } },
  { title = "  thread of 1,000", work = "append", count = 20, arguments = { "thousand-1", 1 } },
  { title = "  thread of 100,000", work = "append", count = 20, arguments = { "big-1", 1 } },
}
local hundred = {
  { title = "append 100 in one call", work = "append", count = 8,
    arguments = { "hundreds-1", 100 } },
}
hundred[2] = { title = "  average, text index included", of = hundred[1], pick = average }
local load = {
  { title = "load 1,000 of 1 KB, plain text", work = "load", count = 8, arguments = { "text-1" } },
  { title = "  tool calls and metadata", work = "load", count = 8, arguments = { "rich-1" } },
}
local walk = { title = "all pages", work = "pages", count = PAGES, arguments = { "big-1" } }
local pages = {
  { title = "page of 50, newest of 100,000", of = walk, pick = newest },
  { title = "  oldest of 100,000", of = walk, pick = oldest },
}
local forks = {
  { title = "fork at 10 (others copy rows)", work = "fork", counts = COPYING,
    arguments = { "big-1", 10 } },
  { title = "  at 50,000", work = "fork", counts = COPYING, arguments = { "big-1", FORK_AT } },
}
local searches = {
  { title = "search 100,000, a rare word", work = "search", count = 5, programs = ON_OUR_TABLES,
    arguments = { sample.word(6000) } },
  { title = "  three words, one frequent", work = "search", count = 3, programs = ON_OUR_TABLES,
    arguments = { sample.word(100), sample.word(300), sample.word(500) } },
}
local openings = {
  { title = "open, read a count, close", work = "open", count = 5, programs = ON_OUR_TABLES,
    arguments = { "big-1" } },
}

-- Last, because so many compiled functions are a burden to a Lua state.
local tables = {
  { title = "just the tables of 1,000, plain text", work = "tables", count = 8, programs = OURS,
    arguments = { "text-1" } },
  { title = "  tool calls and metadata", work = "tables", count = 8, programs = OURS,
    arguments = { "rich-1" } },
}

local function ours(programs)
  local list = {}
  for _, program in ipairs(programs) do
    if OURS[program.key] then list[#list + 1] = program end
  end
  return list
end

-- How many times another program's time moonbase takes, and the other way round.
local function against(row, other)
  return function(program) return rounds.ratio(row.results[program.key], row.results[other]) end
end

local function faster_than(row, other)
  return function(program) return rounds.ratio(row.results[other], row.results[program.key]) end
end

local function grown(long, short)
  return function(program)
    return rounds.ratio(long.results[program.key], short.results[program.key])
  end
end

local function beyond(row, other)
  return function(program)
    return rounds.median(row.results[program.key].times) - rounds.median(row.results[other].times)
  end
end

local function time_of(row)
  return function(program) return rounds.median(row.results[program.key].times) end
end

local ratio, time = report.ratio, report.time

local CLAIMS = {
  { title = "one durable append, of bare C", at_most = 1.25, show = ratio,
    measure = against(append[3], "bare") },
  { title = "100 in one call, of bare C", at_most = 1.6, show = ratio,
    measure = against(hundred[1], "bare") },
  { title = "append at 100,000, of one at 10", at_most = 1.1, show = ratio,
    measure = grown(append[4], append[2]) },
  { title = "load 1,000, plain text", at_most = 1500, show = time, measure = time_of(load[1]) },
  { title = "  faster than LuaSQL", at_least = 4, show = ratio,
    measure = faster_than(load[1], "luasql") },
  { title = "  faster than LuaDBI", at_least = 4, show = ratio,
    measure = faster_than(load[1], "dbi") },
  { title = "load 1,000, tool calls", at_most = 1500, show = time, measure = time_of(load[2]) },
  { title = "  faster than LuaSQL", at_least = 4, show = ratio,
    measure = faster_than(load[2], "luasql") },
  { title = "  faster than LuaDBI", at_least = 4, show = ratio,
    measure = faster_than(load[2], "dbi") },
  { title = "oldest page, of the newest", at_most = 1.1, show = ratio,
    measure = grown(pages[2], pages[1]) },
  { title = "fork at 50,000, of one at 10", at_most = 1.1, show = ratio,
    measure = grown(forks[2], forks[1]) },
  { title = "open, beyond bare C", at_most = 2000, show = time,
    measure = beyond(openings[1], "bare") },
}

local function main()
  print "threads: durable (WAL, synchronous=FULL), side by side in one run"
  local programs = start_all()
  local shown = {}
  local function measure(rows, count)
    rounds.run(programs, rows, count)
    for _, row in ipairs(rows) do if row ~= walk then shown[#shown + 1] = row end end
  end
  measure(append, ROUNDS)
  measure(hundred, ROUNDS / 2)
  measure(load, ROUNDS / 2)
  measure({ walk, pages[1], pages[2] }, math.max(2, ROUNDS / 10))
  measure(searches, ROUNDS / 4)
  measure(forks, ROUNDS / 4)
  measure(openings, ROUNDS / 4)
  measure(tables, ROUNDS / 8)
  report.table("", programs, shown)
  report.claims(ours(programs), CLAIMS)
  for _, program in ipairs(programs) do program:stop() end
  shell("rm -rf '" .. folder .. "'")
end

main()
