--- The earlier texts of records in memory. Functions that change something run inside a write.

local expiry = require "moonbase.expiry"

local memory_history = {}

--- How many earlier texts of one record are kept.
local KEPT = 100

local ADD = [[
  INSERT INTO memory_history (scope, id, at, updated_at, replaced_at, text)
  VALUES ($scope, $id, $at, $updated_at, $replaced_at, $text)]]

local DELETE_OLDEST = [[
  DELETE FROM memory_history WHERE key IN (SELECT key FROM memory_history
    WHERE scope = $scope AND id = $id ORDER BY key DESC LIMIT -1 OFFSET $kept)]]

local ALL = [[
  SELECT text, at, updated_at, replaced_at FROM memory_history
  WHERE scope = $scope AND id = $id ORDER BY key]]

local DELETE = "DELETE FROM memory_history WHERE scope = $scope AND id = $id"

--- Keeps the text of a row that another one replaces. The earlier texts of one that has expired go
--- with it.
---@param ctx moonbase.Context
---@param scope integer
---@param old moonbase.MemoryRow
---@param now integer
---@return integer|nil
---@return moonbase.Error|nil err
function memory_history.keep(ctx, scope, old, now)
  if expiry.reached(old.expires_at, now) then return memory_history.forget(ctx, scope, old.id) end
  local ok, err = ctx.engine:run(ADD, scope, old.id, old.at, old.updated_at, now, old.text)
  if not ok then return nil, err end
  return ctx.engine:run(DELETE_OLDEST, scope, old.id, KEPT)
end

--- Forgets the earlier texts of a record.
---@param ctx moonbase.Context
---@param scope integer
---@param id string
---@return integer|nil
---@return moonbase.Error|nil err
function memory_history.forget(ctx, scope, id)
  return ctx.engine:run(DELETE, scope, id)
end

--- The earlier texts of a record, the oldest first.
---@param ctx moonbase.Context
---@param scope integer
---@param id string
---@return table[]|nil  of { text, at, updated_at, replaced_at }
---@return moonbase.Error|nil err
function memory_history.all(ctx, scope, id)
  return ctx.engine:rows(ALL, scope, id)
end

return memory_history
