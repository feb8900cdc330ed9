--- Reading the committed log of a thread: pages, ranges, single messages, the view.
-- Every call takes the thread's row and runs inside one snapshot with the look at that row, so
-- that a log replaced meanwhile is seen before or after, never torn.

local chain = require "moonbase.chain"
local message_view = require "moonbase.view"

local message_reader = {}

--- A message as the log holds it.
---@class moonbase.MessageRecord
---@field seq integer         1, 2, 3... without gaps
---@field id string
---@field thread string
---@field run? string         the run that produced it, from metadata.run_id
---@field step? integer       from metadata.step_index
---@field created_at integer  ms since 1970: when it was committed
---@field message moonbase.Message

--- Which messages to read.
---@class moonbase.MessageFilter
---@field run? string
---@field visibility? "any"|"external"|"internal"

local RECORDS = [[
  SELECT key & 4294967295 AS seq, id, $thread AS thread, run, step, created_at,
    body AS "message(json)", id AS "message.id"
  FROM messages WHERE ]]

local MESSAGES = [[
  SELECT body AS "message(json)", id AS "message.id" FROM messages WHERE ]]

local IN_RANGE = "key > ($segment << 32) + $low AND key <= ($segment << 32) + $high"

local BY_ID = RECORDS .. "key >> 32 = $segment AND id = $id AND key <= ($segment << 32) + $high"

local HOLDS = [[
  SELECT key FROM messages
  WHERE key >> 32 = $segment AND id = $id AND key <= ($segment << 32) + $high]]

local AT = RECORDS .. "key = ($segment << 32) + $seq"

local RAW = MESSAGES .. IN_RANGE .. " AND fold_to IS NULL ORDER BY key"

local SUMMARY = MESSAGES .. "key = ($segment << 32) + $seq"

local MARKS = [[
  SELECT key & 4294967295 AS seq, fold_from AS "from", fold_to AS "to" FROM messages
  WHERE key >> 32 = $segment AND fold_to IS NOT NULL AND ]] .. IN_RANGE

-- The equality on the segment leads to the index that holds just such messages.
local RUN = " AND key >> 32 = $segment AND run = $run"
local VISIBILITY = { external = " AND internal = 0", internal = " AND internal = 1" }
local INTERNAL_OF_SEGMENT = " AND key >> 32 = $segment AND internal = 1"

-- Statements by filter, put together from the texts above.
local function condition(filter)
  if filter.run then return RUN .. (VISIBILITY[filter.visibility] or "") end
  if filter.visibility == "internal" then return INTERNAL_OF_SEGMENT end
  return VISIBILITY[filter.visibility] or ""
end

local function read_statement(filter, descending)
  return RECORDS .. IN_RANGE .. condition(filter) .. " ORDER BY key"
    .. (descending and " DESC" or "") .. " LIMIT $count"
end

--- The ranges of a thread's chain, newest first.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow
---@return moonbase.chain.Range[]|nil
---@return moonbase.Error|nil
function message_reader.path(ctx, row)
  return chain.path(ctx.engine, row.segment, row.inherited, row.count)
end

-- The parts of the ranges behind `low` and up to `high`, in reading order.
local function window(ranges, low, high, descending)
  local parts, count = {}, #ranges
  for i = 1, count do
    local range = ranges[descending and i or count + 1 - i]
    local from = range.low > low and range.low or low
    local to = range.high < high and range.high or high
    if from < to then parts[#parts + 1] = { segment = range.segment, low = from, high = to } end
  end
  return parts
end

local function read_part(ctx, sql, thread, part, filter, count)
  if filter.run then
    return ctx.engine:rows(sql, thread, part.segment, part.low, part.high, filter.run, count)
  end
  return ctx.engine:rows(sql, thread, part.segment, part.low, part.high, count)
end

local NO_FILTER = {}

--- Up to `count` records behind seq `low` and up to `high`.
---@param ctx moonbase.Context
---@param thread string  the id that the records bear
---@param row moonbase.ThreadRow
---@param low integer
---@param high integer
---@param count integer
---@param descending? boolean
---@param filter? moonbase.MessageFilter
---@return moonbase.MessageRecord[]|nil
---@return moonbase.Error|nil
function message_reader.read(ctx, thread, row, low, high, count, descending, filter)
  local ranges, err = message_reader.path(ctx, row)
  if not ranges then return nil, err end
  filter = filter or NO_FILTER
  local sql, found = read_statement(filter, descending), nil
  for _, part in ipairs(window(ranges, low, high, descending)) do
    local rows
    rows, err = read_part(ctx, sql, thread, part, filter, count - (found and #found or 0))
    if not rows then return nil, err end
    if not found then found = rows
    else for i = 1, #rows do found[#found + 1] = rows[i] end end
    if #found >= count then break end
  end
  return found or {}
end

--- How many messages a filter lets through.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow
---@param low integer
---@param high integer
---@param filter moonbase.MessageFilter
---@return integer|nil
---@return moonbase.Error|nil
function message_reader.count(ctx, row, low, high, filter)
  local ranges, err = message_reader.path(ctx, row)
  if not ranges then return nil, err end
  local sql = "SELECT count(*) FROM messages WHERE " .. IN_RANGE .. condition(filter)
  local total = 0
  for _, part in ipairs(window(ranges, low, high)) do
    local count
    if filter.run then
      count, err = ctx.engine:value(sql, part.segment, part.low, part.high, filter.run)
    else
      count, err = ctx.engine:value(sql, part.segment, part.low, part.high)
    end
    if not count then return nil, err end
    total = total + count
  end
  return total
end

--- The record of a message id, nil when the log does not hold it.
---@param ctx moonbase.Context
---@param thread string
---@param row moonbase.ThreadRow
---@param id string
---@return moonbase.MessageRecord|nil
---@return moonbase.Error|nil
function message_reader.by_id(ctx, thread, row, id)
  local ranges, err = message_reader.path(ctx, row)
  if not ranges then return nil, err end
  for _, range in ipairs(ranges) do
    local record
    record, err = ctx.engine:row(BY_ID, thread, range.segment, id, range.high)
    if record or err then return record, err end
  end
  return nil
end

--- Whether a log holds a message id.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow
---@param id string
---@param shared_only? boolean  look only in the part that lies before the tip
---@return boolean|nil
---@return moonbase.Error|nil
function message_reader.holds(ctx, row, id, shared_only)
  if shared_only and row.inherited == 0 then return false end
  local ranges, err = message_reader.path(ctx, row)
  if not ranges then return nil, err end
  for i = shared_only and 2 or 1, #ranges do
    local found
    found, err = ctx.engine:value(HOLDS, ranges[i].segment, id, ranges[i].high)
    if err then return nil, err end
    if found then return true end
  end
  return false
end

--- The record at a place of a segment.
---@param ctx moonbase.Context
---@param thread string
---@param segment integer
---@param seq integer
---@return moonbase.MessageRecord|nil
---@return moonbase.Error|nil
function message_reader.at(ctx, thread, segment, seq)
  return ctx.engine:row(AT, thread, segment, seq)
end

local function read_marks(ctx, ranges)
  local marks = {}
  for _, range in ipairs(ranges) do
    local rows, err = ctx.engine:rows(MARKS, range.segment, range.low, range.high)
    if not rows then return nil, err end
    for i = 1, #rows do marks[#marks + 1] = rows[i] end
  end
  return marks
end

local function segment_at(ranges, seq)
  for _, range in ipairs(ranges) do
    if seq > range.low then return range.segment end
  end
end

local function collect(rows, messages)
  for i = 1, #rows do messages[#messages + 1] = rows[i].message end
end

-- Appends the messages of one part of a plan.
local function read_planned(ctx, ranges, part, messages)
  local rows, err
  if part.seq then
    rows, err = ctx.engine:rows(SUMMARY, segment_at(ranges, part.seq), part.seq)
    if not rows then return nil, err end
    collect(rows, messages)
    return true
  end
  for _, piece in ipairs(window(ranges, part.low, part.high)) do
    rows, err = ctx.engine:rows(RAW, piece.segment, piece.low, piece.high)
    if not rows then return nil, err end
    collect(rows, messages)
  end
  return true
end

--- The messages as a model should see them: folded and stripped.
---@param ctx moonbase.Context
---@param row moonbase.ThreadRow
---@return moonbase.Message[]|nil
---@return moonbase.Error|nil
function message_reader.view(ctx, row)
  local ranges, marks, err
  ranges, err = message_reader.path(ctx, row)
  if not ranges then return nil, err end
  marks, err = read_marks(ctx, ranges)
  if not marks then return nil, err end
  local messages = {}
  for _, part in ipairs(message_view.plan(marks, row.count)) do
    local ok
    ok, err = read_planned(ctx, ranges, part, messages)
    if not ok then return nil, err end
  end
  return message_view.strip(messages)
end

return message_reader
