--- Tables of calls, each beside what it is measured against, in the same program.

local core = require "moonbase.core"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"

local beside = {}

--- How often each line takes its turn.
beside.ROUNDS = tonumber(os.getenv("ROUNDS")) or 15

local function time(fn, count)
  local started = core.monotonic()
  for _ = 1, count do fn() end
  return (core.monotonic() - started) * 1000 / count
end

-- Both take turns; the ratio is taken within each round, where both met the same machine.
local function measure(line)
  local ours, theirs, ratios = {}, {}, {}
  for round = 1, beside.ROUNDS do
    ours[round], theirs[round] = time(line[3], line[2]), time(line[4], line[2])
    ratios[round] = ours[round] / theirs[round]
  end
  return rounds.median(ours), rounds.median(theirs), rounds.median(ratios)
end

--- Measures and prints lines: what, how often in a round, ours, what it is measured against.
---@param lines table[]
---@param width integer  of the first column
function beside.print(lines, width)
  for _, line in ipairs(lines) do
    local ours, theirs, ratio = measure(line)
    print(("  %-" .. width .. "s %9s %9s %8s"):format(line[1], report.time(ours),
      report.time(theirs), report.ratio(ratio)))
  end
end

return beside
