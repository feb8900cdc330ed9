--- Key-value: JSON values by namespace and key, with revisions, compare-and-swap and expiry.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local kv_pages = require "moonbase.kv_pages"
local kv_rows = require "moonbase.kv_rows"

--- How many expired values one `sweep` removes at most: it holds the write lock.
local SWEEP = 1000

---@class moonbase.KvItem
---@field ns string
---@field key string
---@field value any
---@field revision integer

---@class moonbase.Kv
---@field ctx moonbase.Context
local Kv = {}
Kv.__index = Kv

---@param ctx moonbase.Context
---@return moonbase.Kv
function Kv.new(ctx)
  return setmetatable({ ctx = ctx }, Kv)
end

-- The namespace and the key, as an entry still without a value.
local function place_of(ns, key)
  local ok, err = check.id("ns", ns)
  if ok then ok, err = check.id("key", key) end
  if not ok then return nil, err end
  return { ns = ns, key = key }
end

local RULES = { { "ttl", check.duration }, { "expected", check.integer } }

-- Adds the options to a place.
local function add_options(place, options, types)
  local values, err = check.fields(check.options("options", options, types), RULES)
  if not values then return nil, err end
  place.ttl, place.expected = values.ttl, values.expected
  return place
end

--- Writes a value; any JSON value, `moonbase.null` for null.
---@param ns string
---@param key string
---@param value any  nil raises
---@param options? { ttl: integer?, expected: integer? }  ttl: ms until it is gone; expected: the
---  revision it must have now, 0 for none
---@return integer|nil revision    1 for the first, greater than every earlier one of the key
---@return moonbase.Error|nil err  `conflict` with `expected` and `actual`; `serialization`
function Kv:set(ns, key, value, options)
  local entry, err = place_of(ns, key)
  if not entry then return nil, err end
  if value == nil then errors.misuse("value", "nil is no value; moonbase.null stores null") end
  entry, err = add_options(entry, options, { ttl = "number", expected = "number" })
  if not entry then return nil, err end
  entry.value = value
  return self.ctx:write(kv_rows.put, self.ctx, entry)
end

--- Reads a value.
---@param ns string
---@param key string
---@return any value               nil when the key is absent or expired
---@return integer|moonbase.Error|nil revision
function Kv:get(ns, key)
  local place, err = place_of(ns, key)
  if not place then return nil, err end
  local row
  row, err = kv_rows.find(self.ctx, ns, key)
  if not row then return nil, err end
  return row.value, row.revision
end

--- Removes a value.
---@param ns string
---@param key string
---@param options? { expected: integer? }  the revision it must have now
---@return boolean|nil removed     false when there was none
---@return moonbase.Error|nil err  `conflict` with `expected` and `actual`, `invalid`
function Kv:delete(ns, key, options)
  local place, err = place_of(ns, key)
  if not place then return nil, err end
  place, err = add_options(place, options, { expected = "number" })
  if not place then return nil, err end
  return self.ctx:write(kv_rows.remove, self.ctx, place)
end

local LIST = { prefix = "string", limit = "number", cursor = "string", offset = "number",
  total = "boolean" }

--- The values of exactly one namespace, by key in byte order.
---@param ns string
---@param query? table  prefix: of keys, any text; limit, cursor, offset, total
---@return moonbase.Page|nil page  of { ns, key, value, revision }
---@return moonbase.Error|nil err  `invalid`
function Kv:list(ns, query)
  local ok, err = check.id("ns", ns)
  if not ok then return nil, err end
  query = check.options("query", query, LIST)
  if query.prefix then ok, err = check.text("prefix", query.prefix) end
  if not ok then return nil, err end
  return kv_pages.list(self.ctx, ns, query)
end

local SEARCH = { filter = "table", limit = "number", cursor = "string", total = "boolean" }

--- The values of a namespace and of all below it ("user/ann" and "user/ann/prefs", not
--- "user/anna"), by namespace and key in byte order.
---@param ns string
---@param query? table  filter: over the value's fields, see docs/kv.md; limit, cursor, total
---@return moonbase.Page|nil page  of { ns, key, value, revision }
---@return moonbase.Error|nil err  `invalid`
function Kv:search(ns, query)
  local ok, err = check.id("ns", ns)
  if not ok then return nil, err end
  return kv_pages.search(self.ctx, ns, check.options("query", query, SEARCH))
end

--- Removes values that have expired, at most 1000 of them. Writes do the same for a few each, and
--- no call shows an expired one, so this only matters for space after the writing has stopped.
---@return integer|nil count       call again while it is not 0
---@return moonbase.Error|nil err
function Kv:sweep()
  return self.ctx:write(kv_rows.sweep, self.ctx, SWEEP)
end

return Kv
