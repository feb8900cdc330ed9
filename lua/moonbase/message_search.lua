--- Searching messages: which thread a hit belongs to, and what is shown of it.
-- A message that several forks share is one row and one hit. It is told of the thread that was
-- asked for, else of one that holds it.

local errors = require "moonbase.errors"
local message = require "moonbase.message"
local message_index = require "moonbase.message_index"
local message_reader = require "moonbase.message_reader"
local thread_rows = require "moonbase.thread_rows"
local words = require "moonbase.words"

local message_search = {}

--- A message found by its text.
---@class moonbase.ThreadHit
---@field thread string
---@field seq integer
---@field score number    higher is better
---@field snippet string  one line around the first word found
---@field record moonbase.MessageRecord

-- Which threads of a resource hold which segments how far.
local RESOURCE_RANGES = [[
  WITH RECURSIVE path (thread, segment, low, high, parent) AS (
    SELECT t.id, s.id, s.fork, t.count, s.parent
    FROM threads t JOIN segments s ON s.id = t.segment
    WHERE t.scope = $scope AND t.resource = $resource
    UNION ALL
    SELECT path.thread, s.id, s.fork, path.low, s.parent
    FROM path JOIN segments s ON s.id = path.parent
  )
  SELECT thread, segment, low, high FROM path]]

local OWNER = [[
  SELECT t.id FROM segments s JOIN threads t ON t.key = s.owner WHERE s.id = $segment]]

local RESOURCE_OF = "SELECT resource FROM threads WHERE key = $key"

-- A row shows the word; where the index found another form of it, the text begins.
local function to_hit(record, score, list)
  return { thread = record.thread, seq = record.seq, score = score,
    snippet = words.snippet(message.text(record.message), list), record = record }
end

local function show(ctx, thread, hit, list)
  local record, err = message_reader.at(ctx, thread, hit.segment, hit.seq)
  if err then return nil, err end
  if not record then
    return errors.fail("corrupt", "the text index names a message that is not there")
  end
  return to_hit(record, hit.score, list)
end

local function in_thread(ctx, list, query, limit)
  local row, err = thread_rows.find(ctx, query.thread)
  if not row then return err == nil and {} or nil, err end
  if query.resource then
    local resource
    resource, err = ctx.engine:value(RESOURCE_OF, row.key)
    if err then return nil, err end
    if resource ~= query.resource then return {} end
  end
  local ranges, hits
  ranges, err = message_reader.path(ctx, row)
  if not ranges then return nil, err end
  hits, err = message_index.search(ctx, list, limit, ranges)
  if not hits then return nil, err end
  for i, hit in ipairs(hits) do
    hits[i], err = show(ctx, query.thread, hit, list)
    if not hits[i] then return nil, err end
  end
  return hits
end

local function ranges_by_segment(ctx, resource)
  local scope, rows, err
  scope, err = ctx:scope()
  if not scope then return nil, err end
  rows, err = ctx.engine:rows(RESOURCE_RANGES, scope, resource)
  if not rows then return nil, err end
  local by_segment = {}
  for _, range in ipairs(rows) do
    local list = by_segment[range.segment] or {}
    by_segment[range.segment] = list
    list[#list + 1] = range
  end
  return by_segment
end

local function holder_among(ranges, seq)
  for _, range in ipairs(ranges or {}) do
    if seq > range.low and seq <= range.high then return range.thread end
  end
end

-- Up to `limit` of the hits that one of the ranges holds, each with the thread of that range.
local function select_held(by_segment, hits, limit)
  local found = {}
  for _, hit in ipairs(hits) do
    hit.thread = holder_among(by_segment[hit.segment], hit.seq)
    if hit.thread and #found < limit then found[#found + 1] = hit end
  end
  return found
end

-- The index knows nothing of resources: ask it for more until enough hits belong to one.
local function in_resource(ctx, list, query, limit)
  local by_segment, err = ranges_by_segment(ctx, query.resource)
  if not by_segment then return nil, err end
  local wanted = limit * 4
  local found
  repeat
    local hits, failure = message_index.search(ctx, list, wanted)
    if not hits then return nil, failure end
    found = select_held(by_segment, hits, limit)
    local exhausted = #hits < wanted
    wanted = wanted * 8
  until exhausted or #found == limit
  for i, hit in ipairs(found) do
    found[i], err = show(ctx, hit.thread, hit, list)
    if not found[i] then return nil, err end
  end
  return found
end

-- The thread that owns the segment of a hit; hits often lie close together.
local function owner_of(ctx, segment, owners)
  if owners[segment] then return owners[segment] end
  local thread, err = ctx.engine:value(OWNER, segment)
  if err then return nil, err end
  if not thread then
    return errors.fail("corrupt", "the text index names a segment that is not there")
  end
  owners[segment] = thread
  return thread
end

local function everywhere(ctx, list, _, limit)
  local hits, err = message_index.search(ctx, list, limit)
  if not hits then return nil, err end
  local owners = {}
  for i, hit in ipairs(hits) do
    local thread
    thread, err = owner_of(ctx, hit.segment, owners)
    if not thread then return nil, err end
    hits[i], err = show(ctx, thread, hit, list)
    if not hits[i] then return nil, err end
  end
  return hits
end

--- The messages whose text holds any of the words, best first. Inside a snapshot.
---@param ctx moonbase.Context
---@param list string[]  words, at least one
---@param query table    thread, resource
---@param limit integer  1 or more
---@return moonbase.ThreadHit[]|nil
---@return moonbase.Error|nil
function message_search.find(ctx, list, query, limit)
  local search = query.thread and in_thread or query.resource and in_resource or everywhere
  return search(ctx, list, query, limit)
end

return message_search
