-- Two processes that append to one file at the same time, against one that does it alone.

local core = require "moonbase.core"
local engines = require "bench.support.engines"
local Program = require "bench.support.program"
local rounds = require "bench.support.rounds"
local sample = require "bench.support.sample"

local APPENDS = 1000 -- in each turn, by one process or by two together
local ROUNDS = tonumber(os.getenv("ROUNDS")) or 6

local folder = engines.build .. "/bench/processes"

local function shell(command)
  local status = os.execute(command)
  assert(status == true or status == 0, command)
end

local KINDS = {
  { title = "bare C", command = engines.build .. "/bench/bare" },
  { title = "moonbase, Lua 5.4", command = engines.command("lua54", "bench/threads/moonbase.lua") },
}

local function start_pair(kind)
  local words = (" %s/file.db %s"):format(folder, folder)
  kind.one = assert(Program.start("one", kind.title, kind.command .. words, folder))
  kind.two = assert(Program.start("two", kind.title, kind.command .. words, folder))
  kind.alone, kind.together = {}, {}
end

local function stop_pair(kind)
  kind.one:stop()
  kind.two:stop()
end

local function seed()
  shell("rm -rf '" .. folder .. "' && mkdir -p '" .. folder .. "'")
  sample.write(folder .. "/plain.jsonl", 1000, function() return sample.plain(300) end)
  local maker = KINDS[2]
  start_pair(maker)
  for _, thread in ipairs { "one", "two" } do
    maker.one:measure("seed", 1, thread, 10, "plain.jsonl")
  end
  stop_pair(maker)
end

-- Milliseconds that all of some programs take together.
local function time(requests)
  local start = core.monotonic()
  for _, request in ipairs(requests) do request[1]:ask("append", request[2], request[3], 1) end
  for _, request in ipairs(requests) do request[1]:answer() end
  return core.monotonic() - start
end

local function measure(kind)
  kind.alone[#kind.alone + 1] = time { { kind.one, APPENDS, "one-1" } }
  kind.together[#kind.together + 1] = time {
    { kind.one, APPENDS / 2, "one-1" }, { kind.two, APPENDS / 2, "two-1" },
  }
end

local function print_line(kind)
  local ratios = {}
  for i, alone in ipairs(kind.alone) do ratios[i] = alone / kind.together[i] end
  local function rate(times) return 1000 * APPENDS / rounds.median(times) end
  print(("  %-20s %8.0f /s alone %8.0f /s two together   %.2f x"):format(kind.title,
    rate(kind.alone), rate(kind.together), rounds.median(ratios)))
  return rounds.median(ratios)
end

local function main()
  print "processes: durable appends of 300 B to one file, by one process and by two at once"
  seed()
  for _, kind in ipairs(KINDS) do start_pair(kind) end
  for _ = 1, ROUNDS do
    for _, kind in ipairs(KINDS) do measure(kind) end
  end
  local ratio
  for _, kind in ipairs(KINDS) do ratio = print_line(kind) end
  print(("\n  target: two together >= 0.90 x one alone, no `busy`   %.2f x  %s"):format(ratio,
    ratio >= 0.9 and "ok" or "NO"))
  for _, kind in ipairs(KINDS) do stop_pair(kind) end
  shell("rm -rf '" .. folder .. "'")
end

main()
