--- Lists of rows of a table, paged by keyset.
-- A listing is declared once: where the rows come from, how they are ordered and which filters
-- there are. Its statements are put together from these fixed texts alone; values are parameters.

local page = require "moonbase.page"

local unpack = table.unpack or unpack -- luacheck: ignore

local Listing = {}
Listing.__index = Listing

---@class moonbase.listing.Filter
---@field [1] string  name
---@field [2] string  condition, with at most one parameter
---@field range? boolean  it begins with the order's first column, of which it limits the range

---@class moonbase.Listing
---@field name string    the call, such as "threads:list"
---@field select string  "SELECT columns FROM table"
---@field source string  "FROM table", to count
---@field order table[]  column and "ASC" or "DESC"; the last column is unique within the filters
---@field filters moonbase.listing.Filter[]
---@field keys string[]  the fields of an item that the order's columns become
---@field item? fun(row: table): table  makes an item of a row
---@field moment? string  the filter whose value is the time of the call: a cursor outlives it
---@field split? table  two conditions, one of which holds for each row: no index has all rows in
---  the list's order, but one for each condition has. `unless` names filters that need no split

---@param definition table  name, columns, source, order, filters, keys?, item?, moment?, split?
---@return moonbase.Listing
function Listing.new(definition)
  local listing = setmetatable({}, Listing)
  for name, value in pairs(definition) do listing[name] = value end
  listing.select = "SELECT " .. definition.columns .. " " .. definition.source
  listing.statements = {}
  if not listing.keys then
    listing.keys = {}
    for i, term in ipairs(definition.order) do listing.keys[i] = term[1] end
  end
  return listing
end

-- The filters that a call uses, as conditions and their values; `values` maps a filter's name to
-- its value, or to true where the condition has no parameter. A step that fixes the first column is
-- one search of the index, which the engine (3.40) would give up for walking the limits of a range.
local function conditions(listing, values, step)
  local texts, arguments = {}, {}
  for _, filter in ipairs(listing.filters) do
    local value = values[filter[1]]
    if value ~= nil then
      texts[#texts + 1] = (filter.range and step > 1 and "+" or "") .. filter[2]
      if filter[2]:find("$", 1, true) then arguments[#arguments + 1] = value end
    end
  end
  return texts, arguments
end

local function order_by(listing, back)
  local terms = {}
  for i, term in ipairs(listing.order) do
    local descending = (term[2] == "DESC") ~= back
    terms[i] = term[1] .. (descending and " DESC" or " ASC")
  end
  return " ORDER BY " .. table.concat(terms, ", ")
end

-- Rows behind an edge are those equal in the first columns and beyond it in the next one. Each
-- such step is one index range, so that neither depth nor many equal values cost anything.
local function beyond(listing, texts, step, back)
  for i = 1, step do
    local column, direction = listing.order[i][1], listing.order[i][2]
    local comparison = " = "
    if i == step then comparison = ((direction == "DESC") ~= back) and " < " or " > " end
    texts[#texts + 1] = column .. comparison .. "$edge" .. i
  end
end

local function where(texts, condition)
  local text = table.concat(texts, " AND ")
  if condition then text = text .. (#texts > 0 and " AND " or "") .. condition end
  return text ~= "" and " WHERE " .. text or ""
end

-- The engine merges the two orders as it reads them.
local function merged(listing, texts)
  return listing.select .. where(texts, listing.split[1]) .. " UNION ALL "
    .. listing.select .. where(texts, listing.split[2])
end

local function is_split(listing, values)
  if not listing.split then return false end
  for _, name in ipairs(listing.split.unless) do
    if values[name] ~= nil then return false end
  end
  return true
end

local function statement(listing, values, texts, step, back)
  local id = table.concat(texts, "&") .. "#" .. step .. (back and "-" or "+")
  local sql = listing.statements[id]
  if not sql then
    beyond(listing, texts, step, back)
    sql = is_split(listing, values) and merged(listing, texts) or listing.select .. where(texts)
    sql = sql .. order_by(listing, back) .. " LIMIT $count OFFSET $offset"
    listing.statements[id] = sql
  end
  return sql
end

-- One call's view of a listing: what page.fetch reads from.
local Source = {}
Source.__index = Source

local function to_items(rows, item)
  for i = 1, #rows do rows[i] = item(rows[i]) end
  return rows
end

-- The items of one step.
function Source:step(step, edge, back, count, offset)
  local listing = self.listing
  local texts, arguments = conditions(listing, self.values, step)
  for i = 1, step do arguments[#arguments + 1] = edge[i] end
  arguments[#arguments + 1] = count
  arguments[#arguments + 1] = offset
  local rows, err = self.engine:rows(statement(listing, self.values, texts, step, back),
    unpack(arguments))
  if not rows then return nil, err end
  return listing.item and to_items(rows, listing.item) or rows
end

Source.fetch = page.fetch_by_steps

local function count_rows(listing, engine, values)
  local texts, arguments = conditions(listing, values, 0)
  return engine:value("SELECT count(*) " .. listing.source .. where(texts), unpack(arguments))
end

-- What a cursor is bound to.
local function binding(listing, values)
  if not listing.moment then return values end
  local bound = {}
  for name, value in pairs(values) do bound[name] = value end
  bound[listing.moment] = nil
  return bound
end

--- The page that a query asks for.
---@param engine moonbase.Engine
---@param query table   limit, cursor, offset, total
---@param values table  filter to value; true where its condition has no parameter
---@return moonbase.Page|nil
---@return moonbase.Error|nil  `invalid`
function Listing:page(engine, query, values)
  local request, err = page.request(query, self.name, binding(self, values), #self.order)
  if not request then return nil, err end
  local source = setmetatable({ listing = self, engine = engine, values = values,
    keys = self.keys }, Source)
  local result
  result, err = page.fetch(request, source)
  if not result or not query.total then return result, err end
  result.total, err = count_rows(self, engine, values)
  if err then return nil, err end
  return result
end

return Listing
