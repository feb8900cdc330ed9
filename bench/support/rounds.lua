--- Measuring side by side. The machine's speed drifts, so everything that is compared takes turns
-- in rounds of a few operations, and a ratio is taken inside each round, where both sides met the
-- same machine; what is told is the median of those.

local unpack = table.unpack or unpack -- luacheck: ignore

local rounds = {}

--- One line of a table.
---@class bench.Row
---@field title string
---@field work string       what the programs are asked to do
---@field arguments any[]   with what; a function is called with the number of the round
---@field count integer     how many operations in a round
---@field counts? table<string, integer>    the same for single programs
---@field programs? table<string, boolean>  those that can do it; default all
---@field of? bench.Row     takes its times from this row's operations
---@field pick? fun(times: number[]): number[]  which of them
---@field results? table<string, bench.Result>  by program, once measured

--- What one program took.
---@class bench.Result
---@field times number[]    microseconds of every operation
---@field medians number[]  median of each round

---@param values number[]
---@return number|nil
function rounds.median(values)
  local sorted = {}
  for i, value in ipairs(values) do sorted[i] = value end
  table.sort(sorted)
  local middle = (#sorted + 1) / 2
  if #sorted == 0 then return nil end
  return (sorted[math.floor(middle)] + sorted[math.ceil(middle)]) / 2
end

local function ask(row, program, round)
  local words = {}
  for i, value in ipairs(row.arguments) do
    words[i] = type(value) == "function" and value(round) or value
  end
  local count = row.counts and row.counts[program.key] or row.count
  row.latest[program.key] = program:measure(row.work, count, unpack(words))
  return row.latest[program.key]
end

local function keep(row, program, times)
  if not times then return end
  local result = row.results[program.key] or { times = {}, medians = {} }
  row.results[program.key] = result
  if row.pick then times = row.pick(times) end
  for _, time in ipairs(times) do result.times[#result.times + 1] = time end
  result.medians[#result.medians + 1] = rounds.median(times)
end

local function measure(row, program, round)
  if row.programs and not row.programs[program.key] then return end
  if row.of then keep(row, program, row.of.latest[program.key])
  else keep(row, program, ask(row, program, round)) end
end

--- Measures rows together, so that they can be compared with one another too.
---@param programs table[]
---@param rows bench.Row[]
---@param count integer  of rounds
function rounds.run(programs, rows, count)
  for _, row in ipairs(rows) do row.results, row.latest = {}, {} end
  for round = 1, count do
    for _, row in ipairs(rows) do
      -- Nobody always comes first.
      for i = 1, #programs do measure(row, programs[(i + round) % #programs + 1], round) end
    end
  end
end

--- The median over all rounds of how many times `a` takes what `b` takes.
---@param a bench.Result|nil
---@param b bench.Result|nil
---@return number|nil
function rounds.ratio(a, b)
  if not a or not b then return nil end
  local ratios = {}
  for i, time in ipairs(a.medians) do ratios[i] = time / b.medians[i] end
  return rounds.median(ratios)
end

return rounds
