--- The view of a log: what a model should see of it. Pure functions over what was read.
-- First compaction: ranges of messages give way to the summaries that cover them. Then calls:
-- providers refuse a history in which a tool call has no answer, as an interrupted run leaves it,
-- so such calls are taken out.

local view = {}

--- A summary's mark.
---@class moonbase.view.Mark
---@field seq integer   the summary's own seq
---@field from integer  the range that it covers,
---@field to integer    both ends included

-- Wider before narrower, and of two with the same range the newer.
local function wider_first(a, b)
  if a.from ~= b.from then return a.from < b.from end
  if a.to ~= b.to then return a.to > b.to end
  return a.seq > b.seq
end

-- Marks that no other one contains, in the order of their ranges. In that order each begins no
-- earlier than those before, so only the farthest end so far matters.
local function outermost(marks)
  table.sort(marks, wider_first)
  local kept, reach = {}, 0
  for _, mark in ipairs(marks) do
    if mark.to > reach then
      kept[#kept + 1] = mark
      reach = mark.to
    end
  end
  return kept
end

--- What to read of a log in which summaries stand: parts in the order of the view, each either a
--- summary (`seq`) or a range of the log (behind `low`, up to `high`) in which other summaries are
--- to be passed over.
---@param marks moonbase.view.Mark[]  all of the log; sorted in place
---@param count integer               messages in the log
---@return table[] parts
function view.plan(marks, count)
  local parts, done = {}, 0
  for _, mark in ipairs(outermost(marks)) do
    -- An overlap with the mark before leaves no gap.
    if mark.from - 1 > done then parts[#parts + 1] = { low = done, high = mark.from - 1 } end
    parts[#parts + 1] = { seq = mark.seq }
    if mark.to > done then done = mark.to end
  end
  if done < count then parts[#parts + 1] = { low = done, high = count } end
  return parts
end

local function is_internal(given)
  return given.visibility == "internal"
end

-- Which calls have an answer that the model may see, and which were retracted: an internal
-- message of a tool takes back the call it names.
local function survey(messages)
  local answered, retracted = {}, {}
  for i = 1, #messages do
    local given = messages[i]
    local call = given.role == "tool" and given.tool_call_id
    if call then
      if is_internal(given) then retracted[call] = true else answered[call] = true end
    end
  end
  return answered, retracted
end

-- Takes calls without an answer out of an assistant's message.
local function strip_calls(given, answered, retracted)
  local kept = {}
  for _, call in ipairs(given.tool_calls) do
    if answered[call.id] and not retracted[call.id] then kept[#kept + 1] = call end
  end
  given.tool_calls = #kept > 0 and kept or nil
end

local function is_dropped(given, retracted)
  return given.role == "tool"
    and (is_internal(given) or (given.tool_call_id ~= nil and retracted[given.tool_call_id]))
end

--- Takes out unanswered and retracted tool calls and what answered the latter. The messages
--- themselves are changed.
---@param messages moonbase.Message[]
---@return moonbase.Message[]
function view.strip(messages)
  local answered, retracted = survey(messages)
  local kept = {}
  for i = 1, #messages do
    local given = messages[i]
    if not is_dropped(given, retracted) then
      kept[#kept + 1] = given
      if given.role == "assistant" and type(given.tool_calls) == "table" then
        strip_calls(given, answered, retracted)
      end
    end
  end
  return kept
end

return view
