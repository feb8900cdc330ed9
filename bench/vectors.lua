-- Vectors: the ten nearest of 10,000 and 100,000 vectors of 384 numbers, beside a bare C program
-- that multiplies all float32 numbers in memory as fast as the memory gives them; and writing them,
-- beside one that writes ids and numbers alone. What each of them does stands in bench/vectors/.

local Programs = require "bench.support.programs"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"

local SMALL, BIG = 10000, tonumber(os.getenv("VECTORS")) or 100000
local ROUNDS = tonumber(os.getenv("ROUNDS")) or 15

local side = Programs.new "vectors"

local function seed(program)
  for _, size in ipairs { SMALL, BIG } do program:measure("vector_seed", 1, size) end
end

local OURS = { lua54 = true, luajit = true }

local function row(title, work, count, ...)
  return { title = title, work = work, count = count, arguments = { ... } }
end

local function ours(title, work, count, ...)
  local made = row(title, work, count, ...)
  made.programs = OURS
  return made
end

local searches = {
  row("search 10,000", "vector_search", 10, SMALL),
  row("search 100,000", "vector_search", 10, BIG),
  ours("  after a change", "vector_changed", 3, BIG),
  ours("  nothing kept in memory", "vector_cold", 2, BIG),
  ours("  exact = true", "vector_exact", 1, BIG),
  ours("  a filter that all match, 10,000", "vector_filter", 1, SMALL),
}

local puts = {
  { title = "fdatasync of 4 KB, for comparison", work = "sync", count = 10,
    programs = { bare = true }, arguments = {} },
  row("write 1 to 100,000", "vector_put", 10, BIG, 1),
  row("write 1,000 in one call", "vector_put", 1, BIG, 1000),
}

local function against_bare(of)
  return function(program) return rounds.ratio(of.results[program.key], of.results.bare) end
end

local function recall(program)
  local total = 0
  for _, share in ipairs(program:measure("vector_recall", 20, BIG)) do total = total + share end
  return total / 20
end

local function share(value)
  return ("%.4f"):format(value)
end

local CLAIMS = {
  { title = "search 100,000, of all float32 numbers at memory speed", at_most = 0.3,
    show = report.ratio, measure = against_bare(searches[2]) },
  { title = "of the ten nearest found", at_least = 0.995, show = share, measure = recall },
  { title = "write one durably, of ids and numbers alone", at_most = 1.6, show = report.ratio,
    measure = against_bare(puts[2]) },
}

local function main()
  print "vectors: 384 numbers, top 10 by cosine, durable (WAL, synchronous=FULL), side by side"
  side:clear()
  side:seed(seed)
  local programs = side:start_all()
  rounds.run(programs, searches, ROUNDS)
  rounds.run(programs, puts, ROUNDS)
  local shown = {}
  for _, rows in ipairs { searches, puts } do
    for _, measured in ipairs(rows) do shown[#shown + 1] = measured end
  end
  report.table("", programs, shown)
  report.claims({ programs[2], programs[3] }, CLAIMS)
  side:finish(programs)
end

main()
