--- Care of memory: what has expired goes, vectors of another embedder are made anew, and what there
-- is is counted.

local embed = require "moonbase.embed"
local memory_forget = require "moonbase.memory_forget"
local memory_record = require "moonbase.memory_record"
local memory_rows = require "moonbase.memory_rows"
local memory_vectors = require "moonbase.memory_vectors"

local memory_care = {}

--- How many expired texts go in one transaction: it holds the write lock.
local SWEEP = 1000
--- How many vectors are made before they are written.
local BATCH = 100

-- Does some of the work after the other, each a transaction of its own, until there is none left
-- or it fails. A call that fails has changed nothing, so one that has done something gives that;
-- the next one meets the failure at once.
---@param some fun(limit: integer): integer|nil, any  at most so much; how much, and whether there
---  may be more
---@param size integer         of a piece
---@param limit integer|nil
---@return integer|nil done
---@return moonbase.Error|nil err
local function in_pieces(some, size, limit)
  local done = 0
  while not limit or done < limit do
    local wanted = limit and limit - done < size and limit - done or size
    local count, more = some(wanted)
    if not count and done == 0 then return nil, more end
    done = done + (count or 0)
    if not count or not more then break end
  end
  return done
end

local function sweep_some(ctx, limit)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local serials
  serials, err = memory_rows.expired(ctx, scope, limit)
  if not serials then return nil, err end
  local count
  count, err = memory_forget.all(ctx, scope, serials)
  if not count then return nil, err end
  return count, #serials == limit
end

--- Removes texts that have expired; see Memory:sweep.
---@param ctx moonbase.Context
---@return integer|nil count
---@return moonbase.Error|nil err
function memory_care.sweep(ctx)
  return in_pieces(function(limit) return ctx:write(sweep_some, ctx, limit) end, SWEEP)
end

local COUNT = "SELECT count FROM memory_spaces WHERE scope = $scope"

local COUNT_EXPIRED = [[
  SELECT count(*) FROM memories WHERE key >> 32 = $scope AND expires_at <= $now]]

-- How many texts have a vector of the handle's embedder, and how many one of another.
local function count_vectors(ctx, scope)
  local sets, err = memory_vectors.all(ctx, scope)
  if not sets then return nil, err end
  local embedder, embedded, others = memory_vectors.embedder(ctx), 0, 0
  for _, set in ipairs(sets) do
    if memory_vectors.is_of(set, embedder) then embedded = set.count
    else others = others + set.count end
  end
  return embedded, others
end

--- How much there is. Inside a snapshot.
---@param ctx moonbase.Context
---@return table|nil stats
---@return moonbase.Error|nil err
function memory_care.stats(ctx)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local engine, embedder = ctx.engine, memory_vectors.embedder(ctx)
  local count, expired, embedded, others
  count, err = engine:value(COUNT, scope)
  if err then return nil, err end
  expired, err = engine:value(COUNT_EXPIRED, scope, ctx:now())
  if not expired then return nil, err end
  embedded, others = count_vectors(ctx, scope)
  if not embedded then return nil, others end
  return { count = (count or 0) - expired, expired = expired,
    embedder = { name = embedder.name, dim = embedder.dim },
    embedded = embedded, to_embed = others }
end

-- Some of the texts whose vectors another embedder made.
local function to_embed(ctx, limit)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local sets
  sets, err = memory_vectors.all(ctx, scope)
  if not sets then return nil, err end
  local embedder = memory_vectors.embedder(ctx)
  for _, set in ipairs(sets) do
    if set.count > 0 and not memory_vectors.is_of(set, embedder) then
      local serials
      serials, err = memory_vectors.serials(ctx, set, limit)
      if not serials then return nil, err end
      return memory_rows.texts(ctx, scope, serials)
    end
  end
  return {}
end

local function write(ctx, rows, vectors)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local count
  count, err = memory_rows.replace_vectors(ctx, scope, rows, vectors)
  if not count then return nil, err end
  return count, true
end

-- Makes some vectors. A text that changed meanwhile has got a new number and is left alone.
local function reembed_some(ctx, limit)
  local rows, err = ctx.engine:snapshot(to_embed, ctx, limit)
  if not rows then return nil, err end
  if #rows == 0 then return 0 end
  local texts = {}
  for i, row in ipairs(rows) do texts[i] = memory_record.searchable(row) end
  local vectors, failure = embed.run(memory_vectors.embedder(ctx), texts)
  if not vectors then return nil, failure end
  return ctx:write(write, ctx, rows, vectors)
end

--- Gives texts whose vectors another embedder made those of the handle's; see Memory:reembed.
---@param ctx moonbase.Context
---@param limit integer|nil
---@return integer|nil count
---@return moonbase.Error|nil err
function memory_care.reembed(ctx, limit)
  return in_pieces(function(wanted) return reembed_some(ctx, wanted) end, BATCH, limit)
end

return memory_care
