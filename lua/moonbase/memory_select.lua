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

-- The statement that walks the first label behind a place in time; there are few of them. With
-- fields to look at it gives BATCH rows, else all numbers.
local function statement(count, above, used)
  local key = count .. (above and "/" or "") .. (used and columns_of(used) or "")
  if statements[key] then return statements[key] end
  local sql = "SELECT l.serial" .. (used and ", " .. columns_of(used) or "")
    .. " FROM memory_labels l" .. ((used or above) and JOIN or "")
    .. " WHERE l.scope = $scope AND l.label = $label1 AND (l.at, l.serial) > ($at, $serial)"
    .. " AND l.at < $before"
  for i = 2, count do sql = sql .. ALSO:format(i) end
  if above then sql = sql .. " AND m.namespace <> $above" end
  sql = sql .. " ORDER BY l.at, l.serial" .. (used and " LIMIT " .. BATCH or "")
  statements[key] = sql
  return sql
end

local FIRST, LAST = -1, 2 ^ 62

--- Which rows are walked.
---@class moonbase.MemoryWalk
---@field scope integer
---@field labels string[]
---@field above? string
---@field at integer       rows behind this place
---@field serial integer
---@field before integer

local function arguments(walk)
  local list = { walk.scope, walk.labels[1], walk.at, walk.serial, walk.before }
  for i = 2, #walk.labels do list[#list + 1] = walk.labels[i] end
  list[#list + 1] = walk.above
  return unpack(list)
end

-- The numbers of all rows of a walk.
local function all(ctx, walk)
  return ctx.engine:values(statement(#walk.labels, walk.above), arguments(walk))
end

-- The numbers of those that a look at some fields lets pass.
local function passing(ctx, walk, matches, used)
  local sql, found = statement(#walk.labels, walk.above, used), {}
  while true do
    local rows, err = ctx.engine:rows(sql, arguments(walk))
    if not rows then return nil, err end
    for i = 1, #rows do
      if matches(rows[i]) then found[#found + 1] = rows[i].serial end
    end
    if #rows < BATCH then return found end
    walk.at, walk.serial = rows[#rows].at, rows[#rows].serial
  end
end

local EXPIRED = [[
  SELECT key & 4294967295 FROM memories WHERE key >> 32 = $scope AND expires_at <= $now]]

-- Leaves out the texts that have expired and are still there.
local function without_expired(ctx, scope, serials)
  local expired, err = ctx.engine:values(EXPIRED, scope, ctx:now())
  if not expired then return nil, err end
  if #expired == 0 then return serials end
  local gone, left = {}, {}
  for i = 1, #expired do gone[expired[i]] = true end
  for i = 1, #serials do
    if not gone[serials[i]] then left[#left + 1] = serials[i] end
  end
  return left
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
  local since, before = conditions.since, conditions.before
  if labels[1] == "" and not (since or before or rest) then return nil end
  local walk = { scope = scope, labels = labels, above = above, at = (since or FIRST) - 1,
    serial = LAST, before = before or LAST }
  local serials, err
  if rest then serials, err = passing(ctx, walk, conditions.predicate, conditions.used)
  else serials, err = all(ctx, walk) end
  if serials and not conditions.expired then
    serials, err = without_expired(ctx, scope, serials)
  end
  if not serials then return nil, err end
  return ascending(serials)
end

return memory_select
