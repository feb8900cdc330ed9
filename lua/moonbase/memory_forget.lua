--- Taking texts out of memory: out of what searches read, or altogether. Inside a write.

local expiry = require "moonbase.expiry"
local memory_history = require "moonbase.memory_history"
local memory_labels = require "moonbase.memory_labels"
local memory_rows = require "moonbase.memory_rows"
local memory_vectors = require "moonbase.memory_vectors"
local memory_words = require "moonbase.memory_words"

local memory_forget = {}

--- How many texts that are forgotten together are in memory at once.
local AT_A_TIME = 2000

local SHRINK = "UPDATE memory_spaces SET count = count - 1 WHERE scope = $scope"

local DELETE = "DELETE FROM memories WHERE key = ($scope << 32) + $serial"

local SHELVE = [[
  UPDATE memories SET vector_set = NULL, vector_given = 0
  WHERE key = ($scope << 32) + $serial]]

-- Takes a text out of everything that searches read; out of the words with others, where it is one
-- of many.
local function remove_from_searches(ctx, scope, row, words)
  if not row.vector_set then return true end
  local ok, err = true, nil
  if words then words:remove(row) else ok, err = memory_words.remove(ctx, scope, row) end
  if not ok then return nil, err end
  return memory_vectors.remove(ctx, row)
end

--- Keeps a text, but where no search finds it: a newer version of its source answers.
---@param ctx moonbase.Context
---@param scope integer
---@param row moonbase.MemoryRow
---@param words? moonbase.MemoryWordBatch  written by the caller, when there are more
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function memory_forget.shelve(ctx, scope, row, words)
  local ok, err = remove_from_searches(ctx, scope, row, words)
  if ok then ok, err = memory_labels.remove_mentions(ctx.engine, scope, row) end
  if ok then ok, err = ctx.engine:run(SHELVE, scope, row.serial) end
  if not ok then return nil, err end
  row.vector_set = nil
  return true
end

--- Removes a text, its earlier texts and everything made of it.
---@param ctx moonbase.Context
---@param scope integer
---@param row moonbase.MemoryRow  as it is now
---@param words? moonbase.MemoryWordBatch  written by the caller, when there are more
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function memory_forget.one(ctx, scope, row, words)
  local engine = ctx.engine
  local ok, err = remove_from_searches(ctx, scope, row, words)
  if ok then ok, err = memory_labels.remove(engine, scope, row) end
  if ok then ok, err = memory_history.forget(ctx, scope, row.id) end
  if ok then ok, err = engine:run(DELETE, scope, row.serial) end
  if ok then ok, err = engine:run(SHRINK, scope) end
  if not ok then return nil, err end
  return true
end

-- Forgets the texts of serials first to last.
local function forget_some(ctx, scope, serials, first, last)
  local count, live, now = 0, 0, ctx:now()
  local words = memory_words.batch(ctx, scope)
  for i = first, last do
    local row, err = memory_rows.by_serial(ctx, scope, serials[i])
    if err then return nil, err end
    if row then
      local ok, failure = memory_forget.one(ctx, scope, row, words)
      if not ok then return nil, failure end
      count = count + 1
      if not expiry.reached(row.expires_at, now) then live = live + 1 end
    end
  end
  local ok, err = words:write()
  if not ok then return nil, err end
  return count, live
end

--- Forgets texts by their numbers; those that are gone do not count.
---@param ctx moonbase.Context
---@param scope integer
---@param serials integer[]
---@return integer|nil count
---@return integer|moonbase.Error live  how many of them had not expired
function memory_forget.all(ctx, scope, serials)
  local count, live = 0, 0
  for first = 1, #serials, AT_A_TIME do
    local last = math.min(first + AT_A_TIME - 1, #serials)
    local gone, lived = forget_some(ctx, scope, serials, first, last)
    if not gone then return nil, lived end
    count, live = count + gone, live + lived
  end
  return count, live
end

return memory_forget
