--- Pages: one keyset pager for every list of the API.
-- A cursor names the row at the edge of a page by the values that the list is ordered by, so the
-- next page is an index search however deep it lies, and rows that come or go between two pages
-- neither repeat nor hide others. It carries a digest of the call and its filters and is refused
-- by any other.

local core = require "moonbase.core"
local base64url = require "moonbase.base64url"
local check = require "moonbase.check"
local errors = require "moonbase.errors"

local page = {}

local DEFAULT_LIMIT = 50
local MAX_LIMIT = 200
local MAX_CURSOR_BYTES = 8192

---@class moonbase.Page
---@field items table[]
---@field has_more boolean       rows follow behind the last item
---@field next_cursor? string    for the page behind this one
---@field prev_cursor? string    for the page before this one
---@field total? integer         rows that match, when asked for or free

--- What one call asks for.
---@class moonbase.page.Request
---@field limit integer
---@field offset integer   rows to skip; only without a cursor
---@field back boolean     the page before `edge` instead of the one behind it
---@field edge? any[]      order values of a row; nil: the beginning (back: the end)
---@field inner boolean    a cursor was given: not the first page
---@field name string      the call
---@field filters table    what cursors are bound to
---@field digest? string   of name and filters, once needed

local function digest(request)
  if request.digest then return request.digest end
  local names, parts = {}, { request.name }
  for name in pairs(request.filters) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    parts[#parts + 1] = name
    parts[#parts + 1] = request.filters[name]
  end
  local text = core.encode(core.array(parts), "filters")
  request.digest = core.sha256(text):sub(1, 16)
  return request.digest
end

local function make_cursor(request, back, edge)
  local fields = { digest(request), back and 1 or 0 }
  for i = 1, #(edge or {}) do fields[i + 2] = edge[i] end
  return base64url.encode((core.encode(fields, "cursor")))
end

local function bad_cursor()
  return errors.fail("invalid", "cursor must be one that this call gave", { field = "cursor" })
end

local function parse_cursor(text)
  if #text > MAX_CURSOR_BYTES then return nil end
  local json = base64url.decode(text)
  local fields = json and core.decode(json)
  if type(fields) ~= "table" or type(fields[1]) ~= "string" then return nil end
  if fields[2] ~= 0 and fields[2] ~= 1 then return nil end
  return fields
end

local function is_key(value)
  return type(value) == "string" or type(value) == "number"
end

-- Fills in where the request's cursor stands.
local function place(request, cursor, width)
  check.type("cursor", cursor, "string")
  local fields = parse_cursor(cursor)
  if not fields or (#fields ~= 2 and #fields ~= width + 2) then return bad_cursor() end
  for i = 3, #fields do
    if not is_key(fields[i]) then return bad_cursor() end
  end
  if fields[1] ~= digest(request) then
    return errors.fail("invalid", "cursor does not match the call's filters", { field = "cursor" })
  end
  request.inner, request.back = true, fields[2] == 1
  if #fields > 2 then
    request.edge = {}
    for i = 3, #fields do request.edge[i - 2] = fields[i] end
  end
  return request
end

local RULES = { { "limit", check.integer }, { "offset", check.integer } }

--- Reads `limit`, `cursor` and `offset` of a query.
---@param query table    already checked for unknown options
---@param name string    the call, such as "threads:list"
---@param filters table  what selects and orders the rows: name to string, number or boolean
---@param width integer  how many values the order has
---@return moonbase.page.Request|nil
---@return moonbase.Error|nil  `invalid`
function page.request(query, name, filters, width)
  local values, err = check.fields(query, RULES)
  if not values then return nil, err end
  local limit = values.limit or DEFAULT_LIMIT
  local request = {
    limit = limit < MAX_LIMIT and limit or MAX_LIMIT, offset = values.offset or 0,
    back = false, inner = false, name = name, filters = filters,
  }
  if query.cursor == nil then return request end
  if request.offset > 0 then return errors.invalid("offset", "cannot be given with a cursor") end
  return place(request, query.cursor, width)
end

--- A page without items.
---@param total? integer
---@return moonbase.Page
function page.empty(total)
  return { items = {}, has_more = false, total = total }
end

local function reverse(rows)
  local first, last = 1, #rows
  while first < last do
    rows[first], rows[last] = rows[last], rows[first]
    first, last = first + 1, last - 1
  end
end

local function edge_of(row, keys)
  local edge = {}
  for i, key in ipairs(keys) do edge[i] = row[key] end
  return edge
end

-- Nothing lies on that side of the edge: the way back leads over all the rest.
local function barren(request, source)
  local result = page.empty()
  if not request.inner then return result end
  if not request.back then
    result.prev_cursor = make_cursor(request, true)
    return result
  end
  local rows, err = source:fetch(nil, false, 1, 0)
  if not rows then return nil, err end
  result.has_more = #rows > 0
  if result.has_more then result.next_cursor = make_cursor(request, false) end
  return result
end

-- Whether rows precede and follow the items.
local function surroundings(request, source, last, extra)
  if not request.back then return request.inner or request.offset > 0, extra end
  local rows, err = source:fetch(last, false, 1, 0)
  if not rows then return nil, err end
  return extra, #rows > 0
end

-- What is not read is refused all the same where the store is closed.
local function nothing(source)
  local _, err = source.engine:in_transaction()
  if err then return nil, err end
  return page.empty()
end

--- The `fetch` of a source that is ordered by several columns, each step of which one index
--- serves: first what agrees with the edge in all but the last of them, then in all but two...
---@param source table  `step(self, number, edge, back, count, offset)` gives up to `count` rows
---  behind the edge that differ from it first in the column of that number; 0: all rows
---@param edge? any[]
---@param back boolean
---@param count integer
---@param offset integer
---@return table[]|nil
---@return moonbase.Error|nil
function page.fetch_by_steps(source, edge, back, count, offset)
  if not edge then return source:step(0, nil, back, count, offset) end
  local found = {}
  for step = #edge, 1, -1 do
    local rows, err = source:step(step, edge, back, count - #found, 0)
    if not rows then return nil, err end
    for i = 1, #rows do found[#found + 1] = rows[i] end
    if #found >= count then break end
  end
  return found
end

--- Fetches the page that a request asks for.
---@param request moonbase.page.Request
---@param source table  `fetch(self, edge, back, count, offset)` gives up to `count` rows behind
---  the edge (back: before it, nearest first); `keys` are the fields with the order's values;
---  `engine`
---@return moonbase.Page|nil
---@return moonbase.Error|nil
function page.fetch(request, source)
  local limit = request.limit
  if limit == 0 then return nothing(source) end
  local rows, err = source:fetch(request.edge, request.back, limit + 1, request.offset)
  if not rows then return nil, err end
  local extra = #rows > limit
  rows[limit + 1] = nil
  if #rows == 0 then return barren(request, source) end
  if request.back then reverse(rows) end
  local last = edge_of(rows[#rows], source.keys)
  local before, behind = surroundings(request, source, last, extra)
  if before == nil then return nil, behind end
  return {
    items = rows,
    has_more = behind,
    next_cursor = behind and make_cursor(request, false, last) or nil,
    prev_cursor = before and make_cursor(request, true, edge_of(rows[1], source.keys)) or nil,
  }
end

return page
