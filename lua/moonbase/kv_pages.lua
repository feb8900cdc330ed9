--- Pages of key-value rows: of one namespace, or of one and all below it; in order of namespace
-- and key.
-- What lies behind or before a row is read as a few spans, each one range of the index: the rest
-- of the row's own namespace, then the namespaces that follow. (A single range would not do: names
-- such as "a-b" lie between "a" and "a/b".)

local errors = require "moonbase.errors"
local filter = require "moonbase.filter"
local namespace = require "moonbase.namespace"
local page = require "moonbase.page"
local prefix = require "moonbase.prefix"

local unpack = table.unpack or unpack -- luacheck: ignore

local kv_pages = {}

-- A filtered page reads this many rows at a time until it is full.
local BATCH = 128

local ROWS = [[SELECT ns, key, value AS "value(json)", revision FROM kv]]
local COUNT = "SELECT count(*) FROM kv"
local UNEXPIRED = " AND (expires_at IS NULL OR expires_at > $now)"

--- A range of the index.
---@class moonbase.kv.Span
---@field ns? string      keys of this namespace; nil: a range of namespaces
---@field low? string     of keys or of namespaces
---@field above? boolean  behind `low`, without it
---@field high? string    before it

-- The condition of each kind of span; there are eight.
local conditions = {}

local function condition(span)
  local kind = (span.ns and 1 or 0) + (span.low and 2 or 0) + (span.above and 4 or 0)
    + (span.high and 8 or 0)
  local text = conditions[kind]
  if text then return text end
  local column = span.ns and "key" or "ns"
  text = " WHERE scope = $scope" .. (span.ns and " AND ns = $ns" or "")
  if span.low then text = text .. " AND " .. column .. (span.above and " > $low" or " >= $low") end
  if span.high then text = text .. " AND " .. column .. " < $high" end
  conditions[kind] = text .. UNEXPIRED
  return conditions[kind]
end

local ORDER = {
  [false] = " ORDER BY ns, key LIMIT $count OFFSET $offset",
  [true] = " ORDER BY ns DESC, key DESC LIMIT $count OFFSET $offset",
}

local SPAN = { "ns", "low", "high" }

local function arguments(scope, span, now)
  local list = { scope }
  for _, field in ipairs(SPAN) do
    if span[field] then list[#list + 1] = span[field] end
  end
  list[#list + 1] = now
  return list
end

--- What a page is read from.
---@class moonbase.kv.Source
---@field keys string[]  fields of an item that order it
local Source = {}
Source.__index = Source

local function read_span(source, span, back, count, offset)
  local list = arguments(source.scope, span, source.now)
  list[#list + 1] = count
  list[#list + 1] = offset
  return source.engine:rows(ROWS .. condition(span) .. ORDER[back], unpack(list))
end

-- Up to `count` rows behind the edge, nearest first.
local function read(source, edge, back, count, offset)
  local found = {}
  for _, span in ipairs(source:spans(edge, back)) do
    local rows, err = read_span(source, span, back, count - #found, offset)
    if not rows then return nil, err end
    for i = 1, #rows do found[#found + 1] = rows[i] end
    if #found >= count then break end
  end
  return found
end

local function edge_of(source, row)
  local edge = {}
  for i, key in ipairs(source.keys) do edge[i] = row[key] end
  return edge
end

-- Calls fn with each row that passes the filter, until it gives true; a batch in memory at a time.
local function scan(source, edge, back, fn)
  local matches = source.predicate
  repeat
    local rows, err = read(source, edge, back, BATCH, 0)
    if not rows then return nil, err end
    for i = 1, #rows do
      if matches(rows[i].value) and fn(rows[i]) then return true end
    end
    edge = #rows > 0 and edge_of(source, rows[#rows])
  until #rows < BATCH
  return true
end

function Source:fetch(edge, back, count, offset)
  if not self.predicate then return read(self, edge, back, count, offset) end
  local found = {}
  local ok, err = scan(self, edge, back, function(row)
    found[#found + 1] = row
    return #found >= count
  end)
  if not ok then return nil, err end
  return found
end

local function count_filtered(source)
  local total = 0
  local ok, err = scan(source, nil, false, function() total = total + 1 end)
  if not ok then return nil, err end
  return total
end

local function count_rows(source)
  if source.predicate then return count_filtered(source) end
  local total = 0
  for _, span in ipairs(source:spans(nil, false)) do
    local count, err = source.engine:value(COUNT .. condition(span),
      unpack(arguments(source.scope, span, source.now)))
    if not count then return nil, err end
    total = total + count
  end
  return total
end

local function new_source(ctx, fields)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  fields.scope, fields.engine, fields.now = scope, ctx.engine, ctx:now()
  return setmetatable(fields, Source)
end

-- The page of a source, and the total where it is asked for.
local function fetch(source, request, query)
  local result, err = page.fetch(request, source)
  if not result or not query.total then return result, err end
  result.total, err = count_rows(source)
  if err then return nil, err end
  return result
end

local function all_texts(edge)
  for i = 1, #edge do
    if type(edge[i]) ~= "string" then return false end
  end
  return true
end

-- A cursor can be forged; what it names must still lie where the call may look.
local function check_edge(edge, allowed)
  if not edge or (all_texts(edge) and allowed(edge)) then return true end
  return errors.fail("invalid", "cursor must be one that this call gave", { field = "cursor" })
end

-- The keys of one namespace that begin with the prefix.
local function key_spans(source, edge, back)
  local low, high = source.prefix, source.prefix and prefix.after(source.prefix)
  if not edge then return { { ns = source.ns, low = low, high = high } } end
  if back then return { { ns = source.ns, low = low, high = edge[1] } } end
  return { { ns = source.ns, low = edge[1], above = true, high = high } }
end

--- The page of one namespace that a query asks for.
---@param ctx moonbase.Context
---@param ns string
---@param query table  prefix?, limit?, cursor?, offset?, total?
---@return moonbase.Page|nil
---@return moonbase.Error|nil err  `invalid`
function kv_pages.list(ctx, ns, query)
  local request, err = page.request(query, "kv:list", { ns = ns, prefix = query.prefix }, 1)
  if not request then return nil, err end
  local text = query.prefix or ""
  local ok, source
  ok, err = check_edge(request.edge, function(edge) return edge[1]:sub(1, #text) == text end)
  if not ok then return nil, err end
  source, err = new_source(ctx, { ns = ns, prefix = query.prefix, keys = { "key" },
    spans = key_spans })
  if not source then return nil, err end
  return fetch(source, request, query)
end

-- All that a namespace covers.
local function all_spans(source, back)
  local from, to = namespace.below(source.ns)
  local below = { low = from, high = to }
  if source.ns == from then return { below } end
  local own = { ns = source.ns }
  return back and { below, own } or { own, below }
end

local function spans_behind(source, edge)
  local from, to = namespace.below(source.ns)
  local rest = { ns = edge[1], low = edge[2], above = true }
  local above = source.ns == from or edge[1] ~= source.ns
  return { rest, { low = above and edge[1] or from, above = above, high = to } }
end

local function spans_before(source, edge)
  local from = namespace.below(source.ns)
  local rest = { ns = edge[1], high = edge[2] }
  if source.ns == from then return { rest, { low = from, high = edge[1] } } end
  if edge[1] == source.ns then return { rest } end
  return { rest, { low = from, high = edge[1] }, { ns = source.ns } }
end

local function tree_spans(source, edge, back)
  if not edge then return all_spans(source, back) end
  return back and spans_before(source, edge) or spans_behind(source, edge)
end

local function search_source(ctx, ns, query)
  local predicate, err
  if query.filter ~= nil then
    predicate, err = filter.compile(query.filter)
    if not predicate then return nil, err end
  end
  return new_source(ctx, { ns = ns, predicate = predicate, keys = { "ns", "key" },
    spans = tree_spans })
end

--- The page of a namespace and all below it that a query asks for.
---@param ctx moonbase.Context
---@param ns string
---@param query table  filter?, limit?, cursor?, total?
---@return moonbase.Page|nil
---@return moonbase.Error|nil err  `invalid`
function kv_pages.search(ctx, ns, query)
  local source, err = search_source(ctx, ns, query)
  if not source then return nil, err end
  local text = query.filter and filter.text(query.filter)
  local request, ok
  request, err = page.request(query, "kv:search", { ns = ns, filter = text }, 2)
  if not request then return nil, err end
  ok, err = check_edge(request.edge, function(edge) return namespace.covers(ns, edge[1]) end)
  if not ok then return nil, err end
  return fetch(source, request, query)
end

return kv_pages
