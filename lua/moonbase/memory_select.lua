--- Which texts in memory meet conditions: by their labels where these tell, else by a look at what
-- is known about each of those.

local filter = require "moonbase.filter"
local memory_labels = require "moonbase.memory_labels"

local unpack = table.unpack or unpack -- luacheck: ignore

local memory_select = {}

-- Rows looked at in one statement.
local BATCH = 1000

--- What the texts must be like; all that is given holds.
---@class moonbase.MemoryConditions
---@field namespace? string        and those below it
---@field since? integer           of `at`, inclusive
---@field before? integer          exclusive
---@field filter? moonbase.Filter
---@field predicate? moonbase.Predicate  the filter, compiled
---@field used? table<string, boolean>   its fields
---@field expired? boolean         those too that have expired

-- Columns of the fields that a filter may name. The first are part of every look.
local LIGHT = [[
  m.id, m.namespace, m.type, m.source, m.at, m.importance, m.ttl, m.expires_at, m.created_at,
  m.updated_at, m.version, m.position, m.owner, m.author]]

local HEAVY = {
  { "text", "m.text" }, { "tags", 'm.tags AS "tags(json)"' },
  { "metadata", 'm.metadata AS "metadata(json)"' },
  { "entities", 'coalesce(m.entities, m.mentions) AS "entities(json)"' },
}

local FIELDS = { text = true, tags = true, metadata = true, entities = true }
for name in LIGHT:gmatch("m%.([a-z_]+)") do FIELDS[name] = true end

--- Compiles a filter over records.
---@param source moonbase.Filter
---@return moonbase.Predicate|nil
---@return table<string, boolean>|moonbase.Error used  its fields, or `invalid`
function memory_select.compile(source)
  local used = {}
  local predicate, err = filter.compile(source, function(key)
    local name = key:match("^[^.]*")
    if not FIELDS[name] then return nil end
    used[name] = true
    return key
  end)
  if not predicate then return nil, err end
  return predicate, used
end

-- The value that a filter wants a field to have.
local function wanted_value(condition, operator)
  if type(condition) == "table" then condition = condition[operator] end
  return type(condition) == "string" and condition or nil
end

-- What labels can tell of the conditions, and whether that is all of the filter.
local function labels_of(conditions)
  local source = conditions.filter or {}
  local tag = type(source.tags) == "table" and wanted_value(source.tags, "contains") or nil
  local query = { type = wanted_value(source.type, "eq"), tag = tag,
    source = wanted_value(source.source, "eq"), namespace = conditions.namespace }
  local rest = false
  for name, condition in next, source do
    local key = name == "tags" and "tag" or name
    local plain = type(condition) ~= "table" or next(condition, (next(condition))) == nil
    if name == "namespace" or not plain or not query[key] then rest = true end
  end
  return query, rest
end

local ALSO = [[
 AND EXISTS (SELECT 1 FROM memory_labels o WHERE o.scope = l.scope AND o.label = $label%d
   AND o.at = l.at AND o.serial = l.serial)]]

local JOIN = " CROSS JOIN memories m ON m.key = (l.scope << 32) + l.serial"

local statements = {}

local function columns_of(used)
  local columns = { LIGHT }
  for _, field in ipairs(HEAVY) do
    if used[field[1]] then columns[#columns + 1] = field[2] end
  end
  return table.concat(columns, ", ")
end

-- The statement that walks the first label behind a place in time; there are few of them.
local function statement(count, above, used)
  local key = count .. (above and "/" or "") .. (used and columns_of(used) or "")
  if statements[key] then return statements[key] end
  local sql = "SELECT l.serial" .. (used and ", " .. columns_of(used) or "")
    .. (used and "" or ", l.at") .. " FROM memory_labels l"
    .. ((used or above) and JOIN or "")
    .. " WHERE l.scope = $scope AND l.label = $label1 AND (l.at, l.serial) > ($at, $serial)"
    .. " AND l.at < $before"
  for i = 2, count do sql = sql .. ALSO:format(i) end
  if above then sql = sql .. " AND m.namespace <> $above" end
  statements[key] = sql .. " ORDER BY l.at, l.serial LIMIT " .. BATCH
  return statements[key]
end

local FIRST, LAST = -1, 2 ^ 62

-- Calls fn with rows, BATCH at a time: serial, at, and the fields that are used.
local function walk(ctx, scope, labels, above, conditions, fn)
  local at, serial = (conditions.since or FIRST) - 1, LAST
  local sql = statement(#labels, above, conditions.predicate and conditions.used)
  while true do
    local list = { scope, labels[1], at, serial, conditions.before or LAST }
    for i = 2, #labels do list[#list + 1] = labels[i] end
    if above then list[#list + 1] = above end
    local rows, err = ctx.engine:rows(sql, unpack(list))
    if not rows then return nil, err end
    for i = 1, #rows do fn(rows[i]) end
    if #rows < BATCH then return true end
    at, serial = rows[#rows].at, rows[#rows].serial
  end
end

local EXPIRED = [[
  SELECT key & 4294967295 FROM memories WHERE key >> 32 = $scope AND expires_at <= $now]]

-- The numbers of texts that have expired and are still there, as a set.
local function expired(ctx, scope)
  local serials, err = ctx.engine:values(EXPIRED, scope, ctx:now())
  if not serials then return nil, err end
  local gone = {}
  for i = 1, #serials do gone[serials[i]] = true end
  return gone
end

-- They mostly are in order already: what is said later mostly is written later.
local function ascending(serials)
  for i = 2, #serials do
    if serials[i] < serials[i - 1] then
      table.sort(serials)
      break
    end
  end
  return serials
end

--- The numbers of the texts that meet conditions, ascending.
---@param ctx moonbase.Context
---@param scope integer
---@param conditions moonbase.MemoryConditions
---@return integer[]|nil serials    nil alone: all do, for there is no condition
---@return moonbase.Error|nil err
function memory_select.matching(ctx, scope, conditions)
  local query, rest = labels_of(conditions)
  local labels, above = memory_labels.wanted(query)
  local asked = { since = conditions.since, before = conditions.before,
    predicate = rest and conditions.predicate or nil, used = conditions.used }
  if labels[1] == "" and not (asked.since or asked.before or asked.predicate) then return nil end
  local gone, err = {}, nil
  if not conditions.expired then gone, err = expired(ctx, scope) end
  if not gone then return nil, err end
  local serials, matches = {}, asked.predicate
  local ok
  ok, err = walk(ctx, scope, labels, above, asked, function(row)
    if gone[row.serial] or (matches and not matches(row)) then return end
    serials[#serials + 1] = row.serial
  end)
  if not ok then return nil, err end
  return ascending(serials)
end

return memory_select
