--- The pieces that memory has of a source, and what must change for it to have others.

local expiry = require "moonbase.expiry"
local memory_forget = require "moonbase.memory_forget"
local memory_rows = require "moonbase.memory_rows"
local memory_select = require "moonbase.memory_select"
local memory_words = require "moonbase.memory_words"

local memory_sources = {}

--- What is to be done for a source.
---@class moonbase.SourcePlan
---@field fresh moonbase.SourcePiece[]  to be written
---@field kept integer                  how many are there already
---@field moved table[]                 of those: { serial, position }, where it is another
---@field gone string[]                 ids that the source does not have any more
---@field shelved string[]              ids that a newer version takes the place of
---@field old boolean                   a newer version is there: no search finds what is written

local STORED = [[
  SELECT key & 4294967295 AS serial, id, version, piece, position, expires_at,
    vector_set IS NULL AS "shelved(boolean)"
  FROM memories
  WHERE key >> 32 = $scope AND source = $source AND position IS NOT NULL
  ORDER BY version, position]]

local MOVE = "UPDATE memories SET position = $position WHERE key = ($scope << 32) + $serial"

-- Numbers have an order; of other versions the one that came last is the newest.
local function is_older(version, other)
  return type(version) == "number" and type(other) == "number" and version < other
end

-- Compares what is there of the same version with what is given.
local function compare(plan, pieces, stored, now)
  local wanted, there = {}, {}
  for _, piece in ipairs(pieces) do wanted[piece.id] = not piece.refused end
  for _, row in ipairs(stored) do
    if not wanted[row.id] then plan.gone[#plan.gone + 1] = row.id end
    if not expiry.reached(row.expires_at, now) then there[row.id] = row end
  end
  for _, piece in ipairs(pieces) do
    local row = there[piece.id]
    local same = row and row.piece == piece.fingerprint
    if wanted[piece.id] and not same then
      plan.fresh[#plan.fresh + 1] = piece
    elseif wanted[piece.id] then
      plan.kept = plan.kept + 1
      if row.position ~= piece.position then
        plan.moved[#plan.moved + 1] = { row.serial, piece.position }
      end
    end
  end
end

-- Which texts of other versions searches must not find any more, or whether one of them is newer.
-- Where a version stands is settled when it first comes.
local function rank(plan, version, stored, others)
  if #stored > 0 then
    plan.old = stored[1].shelved
    return
  end
  for _, row in ipairs(others) do
    if is_older(version, row.version) then plan.old = true end
  end
  if plan.old then return end
  for _, row in ipairs(others) do plan.shelved[#plan.shelved + 1] = row.id end
end

--- What must change for memory to have exactly the pieces given, of their version.
---@param ctx moonbase.Context
---@param scope integer
---@param ingestion moonbase.Ingestion
---@return moonbase.SourcePlan|nil
---@return moonbase.Error|nil err
function memory_sources.plan(ctx, scope, ingestion)
  local rows, err = ctx.engine:rows(STORED, scope, ingestion.source)
  if not rows then return nil, err end
  local plan = { fresh = {}, kept = 0, moved = {}, gone = {}, shelved = {}, old = false }
  local stored, others = {}, {}
  for _, row in ipairs(rows) do
    if row.version == ingestion.version then
      stored[#stored + 1] = row
    elseif not row.shelved then
      others[#others + 1] = row
    end
  end
  compare(plan, ingestion.pieces, stored, ctx:now())
  rank(plan, ingestion.version, stored, others)
  return plan
end

-- Calls fn with the row of each id; the words of all go together.
local function each_row(ctx, scope, ids, fn)
  local words = memory_words.batch(ctx, scope)
  for _, id in ipairs(ids) do
    local row, err = memory_rows.find(ctx, scope, id)
    if err then return nil, err end
    local ok
    ok, err = fn(ctx, scope, row, words)
    if not ok then return nil, err end
  end
  return words:write()
end

local function put(ctx, plan)
  local drafts = {}
  for i, piece in ipairs(plan.fresh) do
    local draft = piece.draft
    draft.shelved = plan.old
    if plan.old then draft.vector = nil end
    drafts[i] = draft
  end
  if #drafts == 0 then return true end
  return memory_rows.put(ctx, drafts)
end

local function move(ctx, scope, moved)
  for _, one in ipairs(moved) do
    local ok, err = ctx.engine:run(MOVE, one[2], scope, one[1])
    if not ok then return nil, err end
  end
  return true
end

--- Does what a plan says. Inside the write that it was made in.
---@param ctx moonbase.Context
---@param scope integer
---@param plan moonbase.SourcePlan  whose fresh pieces have their drafts
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`, `full`
function memory_sources.apply(ctx, scope, plan)
  local ok, err = each_row(ctx, scope, plan.gone, memory_forget.one)
  if ok then ok, err = each_row(ctx, scope, plan.shelved, memory_forget.shelve) end
  if ok then ok, err = put(ctx, plan) end
  if ok then ok, err = move(ctx, scope, plan.moved) end
  if not ok then return nil, err end
  return true
end

--- Forgets everything that is from a source. Inside a write.
---@param ctx moonbase.Context
---@param source string
---@return integer|nil count  without those that had expired
---@return moonbase.Error|nil err  `corrupt`
function memory_sources.forget(ctx, source)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local serials
  serials, err = memory_select.matching(ctx, scope,
    { filter = { source = source }, expired = true })
  if not serials then return nil, err end
  local count, live = memory_forget.all(ctx, scope, serials)
  if not count then return nil, live end
  return live
end

return memory_sources
