--- Tables of figures.

local rounds = require "bench.support.rounds"

local report = {}

--- Microseconds as a person reads them.
---@param us number
---@return string
function report.time(us)
  if us < 10 then return ("%.2f us"):format(us) end
  if us < 1000 then return ("%.0f us"):format(us) end
  if us < 10000 then return ("%.2f ms"):format(us / 1000) end
  return ("%.0f ms"):format(us / 1000)
end

--- A ratio as a person reads it.
---@param value number
---@return string
function report.ratio(value)
  return (value < 9.95 and "%.2f x" or "%.0f x"):format(value)
end

-- Columns as wide as their widest cell; all but the first stand to the right.
local function print_cells(lines)
  local widths = {}
  for _, line in ipairs(lines) do
    for i, cell in ipairs(line) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  for _, line in ipairs(lines) do
    local cells = {}
    for i, cell in ipairs(line) do
      cells[i] = ("%" .. (i == 1 and "-" or "") .. widths[i] .. "s"):format(cell)
    end
    print("  " .. table.concat(cells, "   "))
  end
end

local function cell(row, program, base)
  local result = row.results[program.key]
  if not result then return "-" end
  local text = report.time(rounds.median(result.times))
  local ratio = program ~= base and rounds.ratio(result, row.results[base.key])
  if not ratio then return text end
  return ("%s %8s"):format(text, report.ratio(ratio))
end

--- Prints what each program took, and how many times the first program's time that is.
---@param title string
---@param programs table[]
---@param rows bench.Row[]
function report.table(title, programs, rows)
  local head = { title }
  for i, program in ipairs(programs) do head[i + 1] = program.title end
  local lines = { head }
  for _, row in ipairs(rows) do
    local line = { row.title }
    for i, program in ipairs(programs) do line[i + 1] = cell(row, program, programs[1]) end
    lines[#lines + 1] = line
  end
  print_cells(lines)
  print()
end

--- A promise and whether it is kept.
---@class bench.Claim
---@field title string
---@field at_most? number   the measured figure must not be above
---@field at_least? number  or not below
---@field measure fun(program: table): number|nil
---@field show fun(value: number): string

local function verdict(claim, program)
  local value = claim.measure(program)
  if not value then return "-" end
  local kept = not (claim.at_most and value > claim.at_most)
    and not (claim.at_least and value < claim.at_least)
  return claim.show(value) .. (kept and "  ok" or "  NO")
end

--- Prints claims with what was measured for each of the programs.
---@param programs table[]
---@param claims bench.Claim[]
function report.claims(programs, claims)
  local head = { "target", "" }
  for i, program in ipairs(programs) do head[i + 2] = program.title end
  local lines = { head }
  for _, claim in ipairs(claims) do
    local bound = claim.at_most and "<= " .. claim.show(claim.at_most)
      or ">= " .. claim.show(claim.at_least)
    local line = { claim.title, bound }
    for i, program in ipairs(programs) do line[i + 2] = verdict(claim, program) end
    lines[#lines + 1] = line
  end
  print_cells(lines)
  print()
end

return report
