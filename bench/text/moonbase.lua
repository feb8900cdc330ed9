-- The work of the text table, through moonbase's text index: moonbase.lua FILE FOLDER.

local moonbase = require "moonbase"
local text_index = require "moonbase.text_index"
local worker = require "bench.support.worker"

local store = assert(moonbase.open(arg[1]))
local engine, set = store.context.engine, { key = 1 }
local works = {}

local function lines(name)
  local list = {}
  for line in io.lines(arg[2] .. "/" .. name) do list[#list + 1] = line end
  return list
end

local texts, questions, next_text = lines "texts", lines "questions", 0

local function search(question, k)
  return assert((text_index.search(engine, set, question, k or 10)))
end

local function put(count)
  local serials, list = {}, {}
  for i = 1, count do
    next_text = next_text + 1
    serials[i], list[i] = next_text, texts[next_text]
  end
  return engine:atomic(text_index.put_many, engine, set, serials, list)
end

-- What is made beforehand: text_seed 1 SIZE.
function works.text_seed(_, size)
  return worker.time(1, function()
    while next_text < size do assert(put(math.min(1000, size - next_text))) end
  end)
end

function works.text_search(count, first)
  return worker.time(count, function(i) search(questions[(first + i) % #questions + 1]) end)
end

-- Which of the questions give the text that they are about.
function works.text_recall(count)
  local found, serials = {}, lines "answers"
  for i = 1, count do
    found[i] = 0
    for _, serial in ipairs(search(questions[i])) do
      if serial == tonumber(serials[i]) then found[i] = 1 end
    end
  end
  return found
end

function works.text_put(count, length)
  return worker.time(count, function() assert(put(length)) end)
end

-- The last ones are taken out; they can be written again.
function works.text_remove(count, length)
  return worker.time(count, function()
    local serials, list = {}, {}
    for i = 1, length do
      serials[i], list[i] = next_text, texts[next_text]
      next_text = next_text - 1
    end
    assert(engine:atomic(text_index.remove_many, engine, set, serials, list))
  end)
end

-- Bytes of the file, as if they were times.
function works.text_size()
  assert(engine:exec "PRAGMA wal_checkpoint(TRUNCATE)")
  return { engine:value "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'text%' AND aggregate = TRUE" }
end

worker.serve("moonbase " .. moonbase._VERSION .. ", " .. (jit and jit.version or _VERSION), works)
