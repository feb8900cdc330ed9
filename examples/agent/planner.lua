--- A scripted planner in the place of a language model: the same conversation always gets the
-- same answer, so that a run can be compared with another one word for word.

local planner = {}

local STOP = {}
for word in ([[a an and are be can do does for has have how in into is it its may not of on one or
  that the their them they this to use was what when where which who with]]):gmatch("%S+") do
  STOP[word] = true
end

local function keywords(question)
  local words = {}
  for word in question:lower():gmatch("%a+") do
    if not STOP[word] and #word > 2 then words[#words + 1] = word end
  end
  return words
end

-- The last question, and what was said and found since.
local function situation(messages)
  local now = { steps = 0, results = {} }
  for _, message in ipairs(messages) do
    if message.role == "user" then
      now = { question = message.content, steps = 0, results = {} }
    elseif message.role == "assistant" then
      now.steps = now.steps + 1
    elseif message.role == "tool" then
      now.results[#now.results + 1] = message.metadata.result
    end
  end
  return now
end

local function call(step, n, name, arguments)
  return { id = string.format("call-%d-%d", step, n), name = name, arguments = arguments }
end

local steps = {}

steps[1] = function()
  return "Let me see what there is to read.", {
    call(1, 1, "list_files", { folder = "docs" }),
    call(1, 2, "list_files", { folder = "spec" }),
  }
end

steps[2] = function(now)
  local words, calls = keywords(now.question), {}
  for i, folder in ipairs { "docs", "spec", "lua" } do
    calls[i] = call(2, i, "search_files", { folder = folder, words = words })
  end
  return "I am looking for: " .. table.concat(words, ", ") .. ".", calls
end

steps[3] = function(now)
  local calls = {}
  for _, result in ipairs(now.results) do
    local hit = result.hits and result.hits[1]
    if hit then
      calls[#calls + 1] = call(3, #calls + 1, "read_passage", { file = hit.file, line = hit.line })
    end
  end
  return "These are the best places. Reading them.", calls
end

local function answer(now)
  local lines = {}
  for _, result in ipairs(now.results) do
    if result.text then
      lines[#lines + 1] = string.format("%s:%d says: %s", result.file, result.line, result.text)
    end
  end
  if #lines == 0 then return "I found nothing about that." end
  return table.concat(lines, "\n")
end

-- Calls of different questions must not share an id.
local function distinguish(calls, messages)
  for _, each in ipairs(calls) do each.id = each.id .. "-" .. #messages end
  return calls
end

--- What the assistant says next: a message with tool calls, or the final answer without any.
---@param messages table[]  the view of the conversation
---@return table message
function planner.next(messages)
  local now = situation(messages)
  local step = steps[now.steps + 1]
  if not step then return { role = "assistant", content = answer(now) } end
  local content, calls = step(now)
  if #calls == 0 then return { role = "assistant", content = answer(now) } end
  return { role = "assistant", content = content, tool_calls = distinguish(calls, messages) }
end

return planner
