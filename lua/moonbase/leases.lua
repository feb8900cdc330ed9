--- Leases: one holder at a time of a name, until a time, with a number that tells old holders from
--- new ones.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local expiry = require "moonbase.expiry"
local lease_record = require "moonbase.lease_record"

local DEFAULT_TTL = 30000

--- What a holder has in hand. Whoever has the token may renew and release.
---@class moonbase.Lease
---@field name string
---@field owner string
---@field token string
---@field fencing integer     greater than that of every earlier holder in the scope
---@field expires_at integer  ms since 1970; at that instant it has ended

--- What others may know of a lease: all but the token.
---@class moonbase.LeaseHolder
---@field name string
---@field owner string
---@field fencing integer
---@field expires_at integer

---@class moonbase.Leases
---@field ctx moonbase.Context
local Leases = {}
Leases.__index = Leases

---@param ctx moonbase.Context
---@return moonbase.Leases
function Leases.new(ctx)
  return setmetatable({ ctx = ctx }, Leases)
end

local function holder_of(row)
  return { name = row.name, owner = row.owner, fencing = row.fencing, expires_at = row.expires_at }
end

local function acquire(ctx, name, owner, ttl)
  local now = ctx:now()
  local row, err = lease_record.live(ctx, name, now)
  if err then return nil, err end
  if not row then return lease_record.grant(ctx, name, owner, ttl, now) end
  if row.owner ~= owner then return false, holder_of(row) end
  -- Another part of the same owner may count on the present end.
  return lease_record.extend(ctx, row, ttl, math.max(row.expires_at, expiry.at(now, ttl)))
end

--- Takes the lease when it is free; its own holder extends it and keeps token and fencing.
---@param name string
---@param owner string
---@param options? { ttl: integer }  ms, default 30000
---@return moonbase.Lease|false|nil lease  false: another owner has it
---@return moonbase.LeaseHolder|moonbase.Error|nil holder  `invalid`
function Leases:acquire(name, owner, options)
  local ok, err = check.id("name", name)
  if ok then ok, err = check.id("owner", owner) end
  if not ok then return nil, err end
  options = check.options("options", options, { ttl = "number" })
  local ttl
  ttl, err = check.duration("ttl", options.ttl or DEFAULT_TTL)
  if not ttl then return nil, err end
  return self.ctx:write(acquire, self.ctx, name, owner, ttl)
end

-- A lease without a token is what others see of it: nothing is held by it.
local function check_lease(lease)
  check.type("lease", lease, "table")
  local ok, err = check.document_id("lease.name", lease.name)
  if not ok then return nil, err end
  if lease.token == nil or type(lease.token) == "string" then return lease end
  return errors.invalid("lease.token", "must be a string")
end

local function renew(ctx, lease, ttl)
  local now = ctx:now()
  local row, err = lease_record.held(ctx, lease, now)
  if not row then return nil, err end
  ttl = ttl or row.ttl
  return lease_record.extend(ctx, row, ttl, expiry.at(now, ttl))
end

--- Lets a lease that is still held end `ttl` from now.
---@param lease moonbase.Lease
---@param ttl? integer  ms, default: that of the last acquire or renew
---@return moonbase.Lease|nil lease
---@return moonbase.Error|nil err  `lease_lost`, `invalid`
function Leases:renew(lease, ttl)
  local ok, err = check_lease(lease)
  if ok and ttl ~= nil then ok, err = check.duration("ttl", ttl) end
  if not ok then return nil, err end
  return self.ctx:write(renew, self.ctx, lease, ttl)
end

local function release(ctx, lease)
  local row, err = lease_record.held(ctx, lease, ctx:now())
  if not row then return nil, err end
  local ok
  ok, err = lease_record.free(ctx, row)
  if not ok then return nil, err end
  return true
end

--- Gives a lease up before its time.
---@param lease moonbase.Lease
---@return true|nil
---@return moonbase.Error|nil err  `lease_lost`, `invalid`
function Leases:release(lease)
  local ok, err = check_lease(lease)
  if not ok then return nil, err end
  return self.ctx:write(release, self.ctx, lease)
end

--- Who holds the lease; nil when nobody does.
---@param name string
---@return moonbase.LeaseHolder|nil
---@return moonbase.Error|nil err  `invalid`
function Leases:get(name)
  local ok, err = check.id("name", name)
  if not ok then return nil, err end
  local row
  row, err = lease_record.live(self.ctx, name, self.ctx:now())
  if not row then return nil, err end
  return holder_of(row)
end

return Leases
