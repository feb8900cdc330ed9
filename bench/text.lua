-- Texts: the ten best of 100,000 texts for a question, beside FTS5's own ranking of the same words;
-- and writing them, beside FTS5 too. What each of them does stands in bench/text/.

local Programs = require "bench.support.programs"
local report = require "bench.support.report"
local rounds = require "bench.support.rounds"
local texts = require "bench.text.texts"

local SIZE = tonumber(os.getenv("TEXTS")) or 100000
local ROUNDS = tonumber(os.getenv("ROUNDS")) or 15
local QUESTIONS, RECALLED = 500, 100

local side = Programs.new("text", "FTS5, from C")

local function write(name, list)
  local file = assert(io.open(side.folder .. "/" .. name, "w"))
  file:write(table.concat(list, "\n"), "\n")
  file:close()
end

-- The texts, those that will be written later too, and the questions.
local function prepare()
  side:clear()
  local list, asked = texts.make(SIZE, QUESTIONS)
  local questions, answers = {}, {}
  for i, item in ipairs(asked) do questions[i], answers[i] = item.question, item.text end
  for _, text in ipairs(texts.make(ROUNDS * 2000, 1)) do list[#list + 1] = text end
  write("texts", list)
  write("questions", questions)
  write("answers", answers)
  side.shell(("touch %s/bare.db"):format(side.folder))
end

local seed = { title = ("write all %d, 1,000 in a commit"):format(SIZE), work = "text_seed",
  count = 1, arguments = { SIZE } }

-- Every round asks other questions.
local asked = { title = ("ten best of %d"):format(SIZE), work = "text_search", count = 20,
  arguments = { function(round) return round * 20 end } }

local writes = {
  { title = "fdatasync of 4 KB, for comparison", work = "sync", count = 10,
    programs = { bare = true }, arguments = {} },
  { title = "write 1 durably", work = "text_put", count = 50, arguments = { 1 } },
  { title = "write 10 in one commit", work = "text_put", count = 10, arguments = { 10 } },
  { title = "write 1,000 in one commit", work = "text_put", count = 1, arguments = { 1000 } },
  { title = "take 1 out durably", work = "text_remove", count = 10, arguments = { 1 } },
  { title = "take 1,000 out in one commit", work = "text_remove", count = 1,
    arguments = { 1000 } },
}

local function against_bare(of)
  return function(program) return rounds.ratio(of.results[program.key], of.results.bare) end
end

local function mean(of)
  return function(program)
    local total = { 0, 0 }
    for i, key in ipairs { program.key, "bare" } do
      for _, time in ipairs(of.results[key].times) do total[i] = total[i] + time end
    end
    return total[1] / total[2]
  end
end

local function found(program)
  local total = 0
  for _, one in ipairs(program:measure("text_recall", RECALLED)) do total = total + one end
  return total / RECALLED
end

local function share(value) return ("%.2f"):format(value) end

local function middle(program)
  return rounds.median(asked.results[program.key].times)
end

local function claims(bare)
  local theirs, bytes = found(bare), bare:measure("text_size", 1)[1]
  return {
    { title = "ten best for a question, median", at_most = 1000, show = report.time,
      measure = middle },
    { title = "  of FTS5's ORDER BY rank", at_most = 0.1, show = report.ratio,
      measure = against_bare(asked) },
    { title = "texts asked about among the ten; FTS5 " .. share(theirs), at_least = theirs,
      show = share, measure = found },
    { title = "write 1 durably, of FTS5, on average", at_most = 1, show = report.ratio,
      measure = mean(writes[2]) },
    { title = "write 10 in one commit, on average", at_most = 1.25, show = report.ratio,
      measure = mean(writes[3]) },
    { title = "write 1,000 in one commit", at_most = 1, show = report.ratio,
      measure = mean(writes[4]) },
    { title = "bytes of the index, of FTS5's", at_most = 1.25, show = report.ratio,
      measure = function(program) return program:measure("text_size", 1)[1] / bytes end },
  }
end

local function main()
  print(("text: %d texts of 440 bytes, durable (WAL, synchronous=FULL), side by side"):format(SIZE))
  prepare()
  local programs = side:start_all()
  rounds.run(programs, { seed }, 1)
  rounds.run(programs, { asked }, ROUNDS)
  local shown = claims(programs[1])
  rounds.run(programs, writes, ROUNDS)
  local rows = { seed, asked }
  for _, row in ipairs(writes) do rows[#rows + 1] = row end
  report.table("", programs, rows)
  report.claims({ programs[2], programs[3] }, shown)
  side:finish(programs)
end

main()
