--- Messages: the rules that one must keep to enter a log, and the text that search reads.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"

local next, type = next, type

local message = {}

--- A message. Any other fields are kept.
---@class moonbase.Message
---@field id? string
---@field role "system"|"user"|"assistant"|"tool"
---@field content? string|table[]  text, or an array of blocks
---@field tool_calls? table[]      of the assistant: `{ id, name, arguments }`
---@field tool_call_id? string     of a tool's answer: the call that it answers
---@field visibility? "all"|"external"|"internal"  internal: for the model only
---@field metadata? table          run_id, step_index, compaction = { from_seq, to_seq }, ...

local ROLES = check.set "system user assistant tool"
local PLAIN_ROLES = check.set "system user assistant"
local VISIBILITIES = check.set "all external internal"

-- JSON's null in a document says that the field is absent.
local null = core.null

local function present(value)
  if value == null then return nil end
  return value
end

local refuse = errors.invalid

local function check_blocks(blocks, path)
  if blocks[1] == nil and next(blocks) ~= nil then
    return refuse(path, "must be a string or an array of blocks")
  end
  for i = 1, #blocks do
    if type(blocks[i]) ~= "table" then return refuse(path .. "[" .. i .. "]", "must be a block") end
  end
  return true
end

local function check_content(given, path)
  local content = present(given.content)
  if type(content) == "string" then return true end
  if type(content) == "table" then return check_blocks(content, path .. ".content") end
  if content == nil and present(given.tool_calls) then return true end
  return refuse(path .. ".content", "must be a string or an array of blocks")
end

local function is_name(value)
  return type(value) == "string" and value:find("%S") ~= nil
end

-- OpenAI's form of a call keeps its name one level down.
local function call_name(call)
  if call.name == nil and type(call["function"]) == "table" then return call["function"].name end
  return call.name
end

local function check_call(call, path, seen)
  if type(call) ~= "table" then return refuse(path, "must be a table") end
  if not is_name(call.id) then return refuse(path .. ".id", "is missing or blank") end
  if not is_name(call_name(call)) then return refuse(path .. ".name", "is missing or blank") end
  if seen[call.id] then return refuse(path .. ".id", "occurs twice: '" .. call.id .. "'") end
  seen[call.id] = true
  return true
end

local function check_calls(given, path)
  local calls = present(given.tool_calls)
  if calls == nil then return true end
  path = path .. ".tool_calls"
  if type(calls) ~= "table" then return refuse(path, "must be an array") end
  if next(calls) == nil then return true end
  if given.role ~= "assistant" then return refuse(path, "is for the assistant only") end
  if calls[1] == nil then return refuse(path, "must be an array") end
  local seen = {}
  for i = 1, #calls do
    local ok, err = check_call(calls[i], path .. "[" .. i .. "]", seen)
    if not ok then return nil, err end
  end
  return true
end

local function check_answer(given, path)
  local id = present(given.tool_call_id)
  if given.role == "tool" then
    if is_name(id) then return true end
    return refuse(path .. ".tool_call_id", "is missing or blank")
  end
  if id == nil then return true end
  return refuse(path .. ".tool_call_id", "is for a tool's answer only")
end

local function is_count(value, least)
  return type(value) == "number" and value >= least and value <= 2 ^ 53 and value % 1 == 0
end

local function check_mark(mark, path)
  if type(mark) ~= "table" then return refuse(path, "must be a table") end
  if not is_count(mark.from_seq, 1) then
    return refuse(path .. ".from_seq", "must be a whole number, 1 or more")
  end
  if not is_count(mark.to_seq, mark.from_seq) then
    return refuse(path .. ".to_seq", "must be a whole number, from_seq or more")
  end
  return true
end

local function check_metadata(metadata, path)
  if type(metadata) ~= "table" then return refuse(path, "must be a table") end
  local run, step = present(metadata.run_id), present(metadata.step_index)
  local mark = present(metadata.compaction)
  if run ~= nil then
    local ok, err = check.document_id(path .. ".run_id", run)
    if not ok then return nil, err end
  end
  if step ~= nil and not is_count(step, 0) then
    return refuse(path .. ".step_index", "must be a whole number, 0 or more")
  end
  if mark ~= nil then return check_mark(mark, path .. ".compaction") end
  return true
end

local function check_visibility(given, path)
  local visibility = present(given.visibility)
  if visibility == nil or VISIBILITIES[visibility] then return true end
  return refuse(path .. ".visibility", "must be 'all', 'external' or 'internal'")
end

local CHECKS = { check_content, check_answer, check_calls, check_visibility }

--- Whether a message is plain text, with nothing more to look at; most are.
---@param given any
---@return boolean
function message.is_plain(given)
  return type(given) == "table" and type(given.content) == "string" and PLAIN_ROLES[given.role]
    and given.metadata == nil and given.tool_calls == nil and given.tool_call_id == nil
    and given.visibility == nil
end

--- The rules for a message by itself; which seq it gets and what the log holds come later.
---@param given any    the message
---@param path string  its name, for errors
---@return true|nil
---@return moonbase.Error|nil  `invalid`
function message.check(given, path)
  if type(given) ~= "table" then return refuse(path, "must be a message") end
  if not ROLES[given.role] then
    return refuse(path .. ".role", "must be 'system', 'user', 'assistant' or 'tool'")
  end
  for i = 1, #CHECKS do
    local ok, err = CHECKS[i](given, path)
    if not ok then return nil, err end
  end
  local metadata = present(given.metadata)
  if metadata ~= nil then return check_metadata(metadata, path .. ".metadata") end
  return true
end

--- The message's metadata, nil when there is none.
---@param given moonbase.Message
---@return table|nil
function message.metadata(given)
  local metadata = given.metadata
  if type(metadata) == "table" then return metadata end
  return nil
end

--- The run and the step that a message says it comes from.
---@param given moonbase.Message
---@return string|nil run
---@return integer|nil step
function message.origin(given)
  local metadata = message.metadata(given)
  if not metadata then return nil end
  local step = present(metadata.step_index)
  return present(metadata.run_id), step and check.to_integer(step)
end

--- The range of seqs that a message sums up, when it is a compaction's summary.
---@param given moonbase.Message
---@return integer|nil from
---@return integer|nil to
function message.fold(given)
  local metadata = message.metadata(given)
  local mark = metadata and present(metadata.compaction)
  if not mark then return nil end
  return mark.from_seq, mark.to_seq
end

--- A copy without the id, which is stored beside the message.
---@param given moonbase.Message
---@return moonbase.Message
function message.without_id(given)
  local copy = { id = nil, role = nil, content = nil } -- room for what every message has
  for key, value in next, given do copy[key] = value end
  copy.id = nil
  return copy
end

-- Blocks nest: a tool's result holds blocks again.
local function collect_text(blocks, texts)
  for i = 1, #blocks do
    local block = blocks[i]
    if type(block) == "table" then
      if block.type == "text" and type(block.text) == "string" then texts[#texts + 1] = block.text
      elseif type(block.content) == "string" then texts[#texts + 1] = block.content
      elseif type(block.content) == "table" then collect_text(block.content, texts) end
    end
  end
  return texts
end

--- The text of a message: what a person would read in it.
---@param given moonbase.Message
---@return string
function message.text(given)
  local content = given.content
  if type(content) == "string" then return content end
  if type(content) ~= "table" then return "" end
  return table.concat(collect_text(content, {}), "\n")
end

return message
