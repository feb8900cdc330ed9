-- Events: moonbase beside a bare C program on the same tables, in a log of a thousand events and in
-- one of a million. What each of them does stands in bench/events/.

local engines = require "bench.support.engines"
local Program = require "bench.support.program"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"
local sample = require "bench.support.sample"

local LOGS = { small = 1000, big = tonumber(os.getenv("EVENTS")) or 1000000 }
local ROUNDS = tonumber(os.getenv("ROUNDS")) or 40

local folder = engines.build .. "/bench/events"

local PROGRAMS = {
  { key = "bare", title = "bare C", command = engines.build .. "/bench/bare" },
  { key = "lua54", title = "moonbase, Lua 5.4",
    command = engines.command("lua54", "bench/events/moonbase.lua") },
  { key = "luajit", title = "moonbase, LuaJIT", engine = "luajit",
    command = engines.command("luajit", "bench/events/moonbase.lua") },
}

local function shell(command)
  local status = os.execute(command)
  assert(status == true or status == 0, command)
end

local function start(entry, log)
  local words = (" %s/%s-%s.db %s"):format(folder, entry.key, log, folder)
  local program = assert(Program.start(entry.key .. "-" .. log, entry.title, entry.command .. words,
    folder))
  return program
end

-- Copies of one file: rows and indexes lie in all of them in the same way.
local function seed()
  shell("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'")
  sample.write(folder .. "/plain.jsonl", 10000, function() return sample.plain(300) end)
  for log, length in pairs(LOGS) do
    local program = start(PROGRAMS[2], log)
    program:measure("event_seed", 1, length)
    program:stop()
    for _, key in ipairs { "bare", "luajit" } do
      shell(("cp %s/lua54-%s.db %s/%s-%s.db"):format(folder, log, folder, key, log))
    end
  end
end

-- A program on both logs: the first word after the count says which.
local Both = {}
Both.__index = Both

function Both:measure(work, count, log, ...)
  return self[log]:measure(work, count, ...)
end

local function start_all()
  local programs = {}
  for _, entry in ipairs(PROGRAMS) do
    if not entry.engine or engines.available(entry.engine) then
      local both = setmetatable({ key = entry.key, title = entry.title }, Both)
      for log in pairs(LOGS) do both[log] = start(entry, log) end
      programs[#programs + 1] = both
      print(("  %-18s %s"):format(entry.title, both.big.version))
    end
  end
  print()
  return programs
end

local function row(title, work, count, ...)
  return { title = title, work = work, count = count, arguments = { ... } }
end

local append = {
  { title = "fdatasync of 4 KB, for comparison", work = "sync", count = 20,
    programs = { bare = true }, arguments = { "small" } },
  row("append 1 of 300 B, log of 1,000", "event_append", 20, "small"),
  row("  log of 1,000,000", "event_append", 20, "big"),
  row("  with a key", "event_keyed", 20, "big"),
  row("append 100 in one call", "event_batch", 10, "big", 100),
}
local polls = {}
for i, by in ipairs { "all", "stream", "type", "stream+type" } do
  local title = i == 1 and "poll 100" or "poll 100 by " .. by
  polls[i] = {
    row(title .. ", log of 1,000", "event_poll", 20, "small", by, "newest"),
    row("  the newest of 1,000,000", "event_poll", 20, "big", by, "newest"),
    row("  anywhere in 1,000,000", "event_poll", 20, "big", by, "anywhere"),
  }
end

local function against_bare(of)
  return function(program) return rounds.ratio(of.results[program.key], of.results.bare) end
end

local function grown(long, short)
  return function(program)
    return rounds.ratio(long.results[program.key], short.results[program.key])
  end
end

local function claim(title, at_most, measure)
  return { title = title, at_most = at_most, show = report.ratio, measure = measure }
end

local CLAIMS = {
  claim("one durable append, of bare C", 1.25, against_bare(append[3])),
  claim("one with a key, of bare C", 1.25, against_bare(append[4])),
  claim("100 in one call, of bare C", 1.6, against_bare(append[5])),
  claim("append at 1,000,000, of one at 1,000", 1.1, grown(append[3], append[2])),
  claim("poll the newest, of bare C", 4, against_bare(polls[1][2])),
  claim("the newest of 1,000,000, of 1,000", 1.2, grown(polls[1][2], polls[1][1])),
  claim("  by stream", 1.2, grown(polls[2][2], polls[2][1])),
  claim("  by type", 1.2, grown(polls[3][2], polls[3][1])),
  claim("  by both", 1.2, grown(polls[4][2], polls[4][1])),
}

local function main()
  print "events: durable (WAL, synchronous=FULL), side by side in one run"
  seed()
  local programs = start_all()
  local shown = {}
  local function measure(rows)
    rounds.run(programs, rows, ROUNDS)
    for _, measured in ipairs(rows) do shown[#shown + 1] = measured end
  end
  measure(append)
  for _, rows in ipairs(polls) do measure(rows) end
  report.table("", programs, shown)
  report.claims({ programs[2], programs[3] }, CLAIMS)
  for _, program in ipairs(programs) do
    for log in pairs(LOGS) do program[log]:stop() end
  end
  shell("rm -rf '" .. folder .. "'")
end

main()
