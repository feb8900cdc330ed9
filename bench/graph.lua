-- The store's graph: walks through random graphs of 100,000 and 1,000,000 edges, ten for each node,
-- beside a bare C program over the same tables that walks as one does it by the book, and beside
-- one recursive query for each; and edges written. What each does stands in bench/graph/.

local Programs = require "bench.support.programs"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"

local SMALL, BIG = 100000, tonumber(os.getenv("EDGES")) or 1000000
local ROUNDS = tonumber(os.getenv("ROUNDS")) or 9

local side = Programs.new "graph"

local function seed(program)
  for _, size in ipairs { SMALL, BIG } do program:measure("graph_seed", 1, size) end
end

local function row(title, work, count, ...)
  return { title = title, work = work, count = count, arguments = { ... } }
end

local function query(title, work, count, ...)
  local made = row(title, work, count, ...)
  made.programs = { bare = true }
  return made
end

local function walks(size, count)
  local label = size == SMALL and "100,000 edges: " or "1,000,000 edges: "
  return {
    row(label .. "neighbors", "graph_neighbors", count * 4, size),
    row("  reach, depth 3", "graph_reach", count, size, 3),
    query("    one recursive query", "graph_reach_query", count, size, 3),
    row("  reach everything", "graph_reach", 1, size, 1000),
    row("  shortest path", "graph_path", count, size),
    query("    its length, one recursive query", "graph_path_query", 1, size),
    row("  cheapest path", "graph_cheapest", count, size),
    row("  rank, the best ten", "graph_rank", 1, size),
  }
end

local small, big = walks(SMALL, 10), walks(BIG, 5)

local writes = {
  row("relate 1, durable", "graph_relate", 20, BIG),
  row("relate 1,000 in a transaction", "graph_relate_many", 1, BIG, 1000),
}

local function against(of, other)
  return function(program)
    return rounds.ratio(of.results[program.key], (other or of).results.bare)
  end
end

local function claim(title, at_most, of, other)
  return { title = title, at_most = at_most, show = report.ratio, measure = against(of, other) }
end

local CLAIMS = {
  claim("reach, depth 3 of 1,000,000, of bare C", 2, big[2]),
  claim("the same, of the recursive query", 1.5, big[2], big[3]),
  claim("reach everything, of bare C", 2, big[4]),
  claim("shortest path in 1,000,000, of bare C", 0.1, big[5]),
  claim("cheapest path in 1,000,000, of bare C", 0.5, big[7]),
  claim("rank in 1,000,000, of bare C", 1.2, big[8]),
  claim("relate one durably, of bare C", 1.3, writes[1]),
}

local function main()
  print "graph: random graphs, ten edges for each node, durable (WAL, synchronous=FULL), side by side"
  side:clear()
  side:seed(seed)
  local programs = side:start_all()
  local shown = {}
  for _, part in ipairs { small, big, writes } do
    rounds.run(programs, part, ROUNDS)
    for _, measured in ipairs(part) do shown[#shown + 1] = measured end
  end
  report.table("", programs, shown)
  report.claims({ programs[2], programs[3] }, CLAIMS)
  side:finish(programs)
end

main()
