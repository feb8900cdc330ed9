--- LoCoMo's conversations, where the file is: turns, and questions with the turns that answer them.
-- The data may be used for measuring only and are no part of this project.

local core = require "moonbase.core"

local conversations = {}

local PLACES = { os.getenv("LOCOMO") or "", "../shared/data/locomo-dev.json" }

local MONTHS = {}
for i, name in ipairs { "january", "february", "march", "april", "may", "june", "july", "august",
  "september", "october", "november", "december" } do MONTHS[name] = i end

-- "1:56 pm on 8 May, 2023" in ms.
local function time_of(text)
  local hour, minute, half, day, month, year =
    text:match("^(%d+):(%d+) (%a+) on (%d+) (%a+), (%d+)")
  return os.time { year = year, month = MONTHS[month:lower()], day = day,
    hour = hour % 12 + (half == "pm" and 12 or 0), min = minute } * 1000
end

local function turns_of(conversation)
  local turns, places = {}, {}
  for session = 1, 100 do
    local at = conversation["session_" .. session .. "_date_time"]
    for i, turn in ipairs(conversation["session_" .. session] or {}) do
      turns[#turns + 1] = { id = turn.dia_id, speaker = turn.speaker, session = session,
        text = turn.text .. (turn.blip_caption and " " .. turn.blip_caption or ""),
        at = time_of(at) + i * 1000 }
      places[turn.dia_id] = true
    end
  end
  return turns, places
end

-- Questions whose answers stand in turns that there are.
local function questions_of(list, places)
  local questions = {}
  for _, question in ipairs(list) do
    local evidence, count = {}, 0
    for _, id in ipairs(question.evidence or {}) do
      if places[id] and not evidence[id] then evidence[id], count = true, count + 1 end
    end
    if count > 0 then
      questions[#questions + 1] = { text = question.question, category = question.category,
        evidence = evidence, count = count }
    end
  end
  return questions
end

--- The conversations; nil where the file is not.
---@return { turns: table[], questions: table[] }[]|nil
function conversations.load()
  for _, path in ipairs(PLACES) do
    local file = io.open(path, "rb")
    if file then
      local list = assert(core.decode(file:read("*a")))
      file:close()
      for i, item in ipairs(list) do
        local turns, places = turns_of(item.conversation)
        list[i] = { turns = turns, questions = questions_of(item.qa, places) }
      end
      return list
    end
  end
end

-- What a list of turns' ids is worth as an answer.
local function judge(ids, question)
  local five, ten, first = 0, 0, 0
  for i, id in ipairs(ids) do
    if i > 10 then break end
    if question.evidence[id] then
      five, ten = five + (i <= 5 and 1 or 0), ten + 1
      if first == 0 then first = 1 / i end
    end
  end
  return five / question.count, ten / question.count, first
end

local function add(sums, key, five, ten, first)
  local sum = sums[key] or { count = 0, five = 0, ten = 0, first = 0 }
  sums[key] = sum
  sum.count, sum.five = sum.count + 1, sum.five + five
  sum.ten, sum.first = sum.ten + ten, sum.first + first
end

--- Measures what answers questions: recall at 5 and 10 and the mean of 1 / rank of the first right
--- turn, of all questions ("all"), of each category (1 to 5) and each conversation ("c1", ...).
---@param list { turns: table[], questions: table[] }[]
---@param prepare fun(conversation: table): fun(text: string): string[]  the ids that answer a text
---@return table<string|integer, { count: integer, five: number, ten: number, first: number }>
function conversations.measure(list, prepare)
  local sums = {}
  for i, conversation in ipairs(list) do
    local answer = prepare(conversation)
    for _, question in ipairs(conversation.questions) do
      local five, ten, first = judge(answer(question.text), question)
      for _, key in ipairs { "all", question.category, "c" .. i } do
        add(sums, key, five, ten, first)
      end
    end
  end
  for _, sum in pairs(sums) do
    sum.five, sum.ten, sum.first = sum.five / sum.count, sum.ten / sum.count, sum.first / sum.count
  end
  return sums
end

return conversations
