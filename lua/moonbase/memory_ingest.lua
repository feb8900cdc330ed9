--- Ingesting: a chat, a thread of e-mails or a document becomes pieces that memory finds. Only what
-- has changed since the last time is written, and only that is embedded, before the write begins.

local memory_admission = require "moonbase.memory_admission"
local memory_pieces = require "moonbase.memory_pieces"
local memory_record = require "moonbase.memory_record"
local memory_sources = require "moonbase.memory_sources"

local memory_ingest = {}

local function read_plan(ctx, ingestion)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return memory_sources.plan(ctx, scope, ingestion)
end

-- What a rule is told about a piece.
local function candidate(ingestion, piece)
  return { text = piece.text, kind = ingestion.kind, source = ingestion.source,
    title = ingestion.title, owner = ingestion.owner, namespace = ingestion.namespace,
    tags = ingestion.tags or {}, author = piece.author, heading = piece.heading,
    at = piece.at or ingestion.at, position = piece.position }
end

local function ask(ingestion, pieces)
  local rule = ingestion.on_admit
  if not rule then return end
  if rule == true then rule = memory_admission.admit end
  for _, piece in ipairs(pieces) do
    if piece.refused == nil then
      local described = candidate(ingestion, piece)
      piece.refused = not rule(described, memory_admission.score(described))
    end
  end
end

local function draft_of(ctx, ingestion, piece)
  local draft, err = memory_record.draft(ctx, "", {
    id = piece.id, text = piece.text, namespace = ingestion.namespace, tags = ingestion.tags,
    source = ingestion.source, at = piece.at or ingestion.at, ttl = ingestion.ttl,
    metadata = { kind = ingestion.kind, title = ingestion.title, heading = piece.heading },
  })
  if not draft then return nil, err end
  draft.piece, draft.position = piece.fingerprint, piece.position
  draft.version, draft.owner, draft.author = ingestion.version, ingestion.owner, piece.author
  draft.mentions = memory_record.mentions_with(piece.author, draft.mentions)
  return draft
end

-- Gives pieces that are to be written their drafts, with vectors where searches will find them, as
-- far as they lack them.
local function prepare(ctx, ingestion, plan)
  ask(ingestion, plan.fresh)
  local drafts = {}
  for _, piece in ipairs(plan.fresh) do
    if not piece.refused then
      local err
      if not piece.draft then piece.draft, err = draft_of(ctx, ingestion, piece) end
      if err then return nil, err end
      drafts[#drafts + 1] = piece.draft
    end
  end
  if plan.old then return true end
  return memory_record.embed(ctx, drafts)
end

local function report(ingestion, plan)
  local ids, refused = {}, 0
  for _, piece in ipairs(ingestion.pieces) do
    if piece.refused then refused = refused + 1 else ids[#ids + 1] = piece.id end
  end
  return { source = ingestion.source, written = #plan.fresh, skipped = plan.kept, ids = ids,
    refused = ingestion.on_admit and refused or nil }
end

-- False when somebody has removed a piece that seemed to be there, or a version that seemed newer:
-- a vector is missing.
local function write(ctx, ingestion)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local plan, ok
  plan, err = memory_sources.plan(ctx, scope, ingestion)
  if not plan then return nil, err end
  for _, piece in ipairs(plan.fresh) do
    if not piece.draft or not (piece.draft.vector or plan.old) then return false end
  end
  ok, err = memory_sources.apply(ctx, scope, plan)
  if not ok then return nil, err end
  return report(ingestion, plan)
end

--- Ingests a source; see Memory:ingest.
---@param ctx moonbase.Context
---@param fields table
---@return table|nil report
---@return moonbase.Error|nil err
function memory_ingest.run(ctx, fields)
  local ingestion, err = memory_pieces.of(fields)
  if not ingestion then return nil, err end
  local ok
  ok, err = ctx:may_write()
  if not ok then return nil, err end
  while true do
    local plan, done
    plan, err = ctx.engine:snapshot(read_plan, ctx, ingestion)
    if not plan then return nil, err end
    ok, err = prepare(ctx, ingestion, plan)
    if not ok then return nil, err end
    done, err = ctx:write(write, ctx, ingestion)
    if done ~= false then return done, err end
  end
end

return memory_ingest
