--- The row of a lease: what the leases part and the parts that act under a lease share.
-- All calls that change or require one run inside a write, so that what is done under the lease
-- and the look at it are one transaction.

local core = require "moonbase.core"
local errors = require "moonbase.errors"
local expiry = require "moonbase.expiry"
local sequence = require "moonbase.sequence"

local lease_record = {}

--- How many ended leases each new one removes.
local SWEEP = 8

---@class moonbase.LeaseRow
---@field name string
---@field owner string
---@field token string
---@field fencing integer
---@field ttl integer
---@field expires_at integer

local FIND = [[
  SELECT name, owner, token, fencing, ttl, expires_at FROM leases
  WHERE scope = $scope AND name = $name AND expires_at > $now]]

local GRANT = [[
  INSERT INTO leases (scope, name, owner, token, fencing, ttl, expires_at)
  VALUES ($scope, $name, $owner, $token, $fencing, $ttl, $expires_at)
  ON CONFLICT (scope, name) DO UPDATE SET owner = excluded.owner, token = excluded.token,
    fencing = excluded.fencing, ttl = excluded.ttl, expires_at = excluded.expires_at
  RETURNING name, owner, token, fencing, expires_at]]

local EXTEND = [[
  UPDATE leases SET ttl = $ttl, expires_at = $expires_at WHERE scope = $scope AND name = $name
  RETURNING name, owner, token, fencing, expires_at]]

-- Most find nothing to sweep; this look costs a fraction of a DELETE that does nothing.
local ANY_ENDED = [[
  SELECT 1 FROM leases WHERE scope = $scope AND expires_at <= $now LIMIT 1]]

local SWEEP_ENDED = [[
  DELETE FROM leases WHERE scope = $scope AND name IN (
    SELECT name FROM leases WHERE scope = $scope AND expires_at <= $now
    ORDER BY expires_at LIMIT $limit)]]

--- The live lease of that name, nil when there is none.
---@param ctx moonbase.Context
---@param name string
---@param now integer
---@return moonbase.LeaseRow|nil
---@return moonbase.Error|nil
function lease_record.live(ctx, name, now)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(FIND, scope, name, now)
end

-- A token is never told to anyone but the holder. What else a lease says must agree too, so that
-- one put together from parts of two is refused.
local function holds(row, lease)
  return row.token == lease.token
    and (lease.owner == nil or lease.owner == row.owner)
    and (lease.fencing == nil or lease.fencing == row.fencing)
end

--- The live lease that `lease` stands for; `lease_lost` when it ended or is another's by now.
---@param ctx moonbase.Context
---@param lease table  name and token, as acquire gave them
---@param now integer
---@return moonbase.LeaseRow|nil
---@return moonbase.Error|nil
function lease_record.held(ctx, lease, now)
  local row, err = lease_record.live(ctx, lease.name, now)
  if err then return nil, err end
  if row and holds(row, lease) then return row end
  return errors.fail("lease_lost", "lease '" .. lease.name .. "' is no longer held",
    { name = lease.name })
end

local function sweep(ctx, scope, now)
  local found, err = ctx.engine:value(ANY_ENDED, scope, now)
  if err then return nil, err end
  if not found then return 0 end
  return ctx.engine:run(SWEEP_ENDED, scope, now, SWEEP)
end

--- Gives the lease to a new holder.
---@param ctx moonbase.Context
---@param name string
---@param owner string
---@param ttl integer
---@param now integer
---@return table|nil lease
---@return moonbase.Error|nil
function lease_record.grant(ctx, name, owner, ttl, now)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local ok, fencing
  ok, err = sweep(ctx, scope, now)
  if not ok then return nil, err end
  fencing, err = sequence.advance(ctx.engine, scope, "leases", 1)
  if not fencing then return nil, err end
  -- Not an id of the caller's making: those may be guessed, or repeat in another process.
  local token = core.uuid7(core.now())
  return ctx.engine:row(GRANT, scope, name, owner, token, fencing, ttl, expiry.at(now, ttl))
end

--- Lets a live lease end at another time.
---@param ctx moonbase.Context
---@param row moonbase.LeaseRow
---@param ttl integer         what the next renewal takes
---@param expires_at integer
---@return table|nil lease
---@return moonbase.Error|nil
function lease_record.extend(ctx, row, ttl, expires_at)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(EXTEND, ttl, expires_at, scope, row.name)
end

--- Frees a live lease.
---@param ctx moonbase.Context
---@param row moonbase.LeaseRow
---@return integer|nil
---@return moonbase.Error|nil
function lease_record.free(ctx, row)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:run("DELETE FROM leases WHERE scope = $scope AND name = $name", scope, row.name)
end

return lease_record
