--- The rows of the key-value part: read, written and removed one at a time. What kv itself and
-- the parts that write values in the same commit share.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local expiry = require "moonbase.expiry"
local sequence = require "moonbase.sequence"

local kv_rows = {}

--- How many expired rows each write removes. A write leaves at most one, so they die out.
local SWEEP = 4

-- Where revisions of keys that are gone are remembered, as their greatest.
local FLOOR = "kv"

---@class moonbase.KvEntry
---@field ns string
---@field key string
---@field value any           any JSON value
---@field ttl? integer        ms
---@field expected? integer   the revision it must have, 0 for none
---@field path? string        of the table it came as, for errors

local GET = [[
  SELECT value AS "value(json)", revision FROM kv
  WHERE scope = $scope AND ns = $ns AND key = $key
    AND (expires_at IS NULL OR expires_at > $now)]]

local REVISION = [[
  SELECT revision FROM kv
  WHERE scope = $scope AND ns = $ns AND key = $key
    AND (expires_at IS NULL OR expires_at > $now)]]

local PUT = [[
  INSERT INTO kv (scope, ns, key, value, expires_at, revision)
  VALUES ($scope, $ns, $key, $value(json), $expires_at, $floor + 1)
  ON CONFLICT (scope, ns, key) DO UPDATE SET revision = kv.revision + 1,
    value = excluded.value, expires_at = excluded.expires_at
  RETURNING revision]]

local DELETE = [[
  DELETE FROM kv WHERE scope = $scope AND ns = $ns AND key = $key RETURNING revision, expires_at]]

-- Most writes find nothing to sweep; this look costs a fraction of a DELETE that does nothing.
local ANY_EXPIRED = [[
  SELECT 1 FROM kv WHERE scope = $scope AND expires_at <= $now LIMIT 1]]

local SWEEP_EXPIRED = [[
  DELETE FROM kv WHERE id IN (
    SELECT id FROM kv WHERE scope = $scope AND expires_at <= $now
    ORDER BY expires_at LIMIT $limit)
  RETURNING revision]]

local RULES = { { "ns", check.document_id }, { "key", check.document_id },
  { "ttl", check.duration }, { "expected", check.integer } }

local FIELDS = { ns = "any", key = "any", value = "any", ttl = "number", expected = "number" }

local REQUIRED = { "ns", "key", "value" }

--- An entry that comes as a table: `{ ns, key, value, ttl?, expected? }`.
---@param name string  its path, for errors
---@param fields table
---@return moonbase.KvEntry|nil
---@return moonbase.Error|nil err  `invalid`
function kv_rows.entry(name, fields)
  check.options(name, fields, FIELDS)
  for _, field in ipairs(REQUIRED) do
    if fields[field] == nil then return errors.invalid(name .. "." .. field, "is missing") end
  end
  local entry = { value = fields.value, path = name }
  for _, rule in ipairs(RULES) do
    local field = rule[1]
    if fields[field] ~= nil then
      local value, err = rule[2](name .. "." .. field, fields[field])
      if err then return nil, err end
      entry[field] = value
    end
  end
  return entry
end

--- The value and its revision; nil when the key is absent or expired.
---@param ctx moonbase.Context
---@param ns string
---@param key string
---@return { value: any, revision: integer }|nil
---@return moonbase.Error|nil
function kv_rows.find(ctx, ns, key)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(GET, scope, ns, key, ctx:now())
end

-- Compare-and-swap: the live revision must be the expected one.
local function compare(ctx, scope, place, now)
  if place.expected == nil then return true end
  local actual, err = ctx.engine:value(REVISION, scope, place.ns, place.key, now)
  if err then return nil, err end
  actual = actual or 0
  if actual == place.expected then return true end
  return errors.fail("conflict", string.format("'%s' in '%s' has revision %d, not %d",
    place.key, place.ns, actual, place.expected),
    { expected = place.expected, actual = actual })
end

-- New keys start above the revisions of those that are gone.
local function remember(ctx, scope, revision)
  return sequence.raise(ctx.engine, scope, FLOOR, revision)
end

local function remove_expired(ctx, scope, now, limit)
  local revisions, err = ctx.engine:values(SWEEP_EXPIRED, scope, now, limit)
  if not revisions then return nil, err end
  local greatest = 0
  for i = 1, #revisions do greatest = math.max(greatest, revisions[i]) end
  local ok
  ok, err = remember(ctx, scope, greatest)
  if not ok then return nil, err end
  return #revisions
end

local function sweep(ctx, scope, now, limit)
  local found, err = ctx.engine:value(ANY_EXPIRED, scope, now)
  if err then return nil, err end
  if not found then return 0 end
  return remove_expired(ctx, scope, now, limit)
end

local function write(ctx, scope, entry, now)
  local floor, err = sequence.last(ctx.engine, scope, FLOOR)
  if not floor then return nil, err end
  local expires_at = entry.ttl and expiry.at(now, entry.ttl)
  local revision
  revision, err = ctx.engine:value(PUT, scope, entry.ns, entry.key, entry.value, expires_at, floor)
  if err and err.field and entry.path then err.field = entry.path .. "." .. err.field end
  return revision, err
end

--- Writes a value. Inside a write.
---@param ctx moonbase.Context
---@param entry moonbase.KvEntry
---@return integer|nil revision
---@return moonbase.Error|nil err  `conflict`, `serialization`
function kv_rows.put(ctx, entry)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local now = ctx:now()
  local ok, revision, swept
  ok, err = compare(ctx, scope, entry, now)
  if not ok then return nil, err end
  revision, err = write(ctx, scope, entry, now)
  if not revision then return nil, err end
  swept, err = sweep(ctx, scope, now, SWEEP)
  if not swept then return nil, err end
  return revision
end

--- Removes a value. Inside a write.
---@param ctx moonbase.Context
---@param place { ns: string, key: string, expected: integer? }
---@return boolean|nil removed  false when there was none, or an expired one
---@return moonbase.Error|nil err  `conflict`
function kv_rows.remove(ctx, place)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local now = ctx:now()
  local ok, row
  ok, err = compare(ctx, scope, place, now)
  if not ok then return nil, err end
  row, err = ctx.engine:row(DELETE, scope, place.ns, place.key)
  if err then return nil, err end
  if not row then return false end
  ok, err = remember(ctx, scope, row.revision)
  if not ok then return nil, err end
  return not expiry.reached(row.expires_at, now)
end

--- Removes expired values, the oldest first. Inside a write.
---@param ctx moonbase.Context
---@param limit integer
---@return integer|nil count
---@return moonbase.Error|nil
function kv_rows.sweep(ctx, limit)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return sweep(ctx, scope, ctx:now(), limit)
end

return kv_rows
