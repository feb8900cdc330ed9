--- Pages of a thread's log, and the iterator over it.

local check = require "moonbase.check"
local message_reader = require "moonbase.message_reader"
local page = require "moonbase.page"
local thread_rows = require "moonbase.thread_rows"

local message_pages = {}

local QUERY = { after = "number", before = "number", order = "string", run = "string",
  visibility = "string", limit = "number", cursor = "string", offset = "number",
  total = "boolean" }
local EACH_QUERY = { after = "number", before = "number", order = "string", run = "string",
  visibility = "string", limit = "number" }

local RULES = { { "after", check.integer }, { "before", check.integer }, { "run", check.id } }
local ORDERS = check.set "asc desc"
local VISIBILITIES = check.set "any external internal"

local MAX_BATCH = 200

-- What selects and orders the messages of a query, in its normal form.
local function selection(query)
  local order = check.choice("query.order", query.order or "asc", ORDERS)
  local visibility = check.choice("query.visibility", query.visibility or "any", VISIBILITIES)
  local values, err = check.fields(query, RULES)
  if not values then return nil, err end
  values.order = order
  values.visibility = visibility ~= "any" and visibility or nil
  return values
end

local function is_filtered(values)
  return values.run ~= nil or values.visibility ~= nil
end

-- The seqs that a query leaves of a log, behind `low` and up to `high`.
local function bounds(values, count)
  local low, high = values.after or 0, count
  if values.before and values.before - 1 < high then high = values.before - 1 end
  return low, high
end

-- What page.fetch reads from.
local Source = {}
Source.__index = Source
Source.keys = { "seq" }

-- An edge narrows the bounds; without a filter so does an offset, which then costs nothing.
function Source:narrow(edge, descending, offset)
  local low, high = bounds(self.values, self.row.count)
  if edge and not descending and edge > low then low = edge end
  if edge and descending and edge - 1 < high then high = edge - 1 end
  if is_filtered(self.values) then return low, high, offset end
  if descending then return low, high - offset, 0 end
  return low + offset, high, 0
end

function Source:fetch(edge, back, count, offset)
  local descending = (self.values.order == "desc") ~= back
  local low, high, skip = self:narrow(edge and edge[1], descending, offset)
  local rows, err = message_reader.read(self.ctx, self.thread, self.row, low, high, count + skip,
    descending, self.values)
  if not rows then return nil, err end
  if skip > 0 then
    local taken = #rows
    for i = 1, taken do rows[i] = rows[i + skip] end
  end
  return rows
end

-- Without a filter the total is known without counting.
local function total(ctx, row, query, values)
  local low, high = bounds(values, row.count)
  if not is_filtered(values) then return high > low and high - low or 0 end
  if query.total then return message_reader.count(ctx, row, low, high, values) end
end

local function read_page(ctx, thread, query, values, request)
  local row, count, err
  row, err = thread_rows.find(ctx, thread)
  if err then return nil, err end
  if not row then return page.empty(0) end
  local source = setmetatable({ ctx = ctx, engine = ctx.engine, thread = thread, row = row,
    values = values }, Source)
  local result
  result, err = page.fetch(request, source)
  if not result then return nil, err end
  count, err = total(ctx, row, query, values)
  if err then return nil, err end
  result.total = count
  return result
end

--- A page of a thread's log; see Threads:messages.
---@param ctx moonbase.Context
---@param thread string
---@param query table|nil
---@return moonbase.Page|nil
---@return moonbase.Error|nil
function message_pages.page(ctx, thread, query)
  query = check.options("query", query, QUERY)
  local ok, values, request, err
  ok, err = check.id("id", thread)
  if ok then values, err = selection(query) end
  if not values then return nil, err end
  local filters = { thread = thread, scope = ctx.scope_name }
  for name, value in pairs(values) do filters[name] = value end
  request, err = page.request(query, "threads:messages", filters, 1)
  if not request then return nil, err end
  return ctx.engine:snapshot(read_page, ctx, thread, query, values, request)
end

-- Reads on from one iterator's last record.
local function read_batch(ctx, thread, values, limit)
  local row, err = thread_rows.find(ctx, thread)
  if err then return nil, err end
  if not row then return {} end
  local low, high = bounds(values, row.count)
  return message_reader.read(ctx, thread, row, low, high, limit, values.order == "desc", values)
end

local function iterator(ctx, thread, values, limit, batch)
  local position, edge = 0, values.order == "desc" and "before" or "after"
  return function()
    if position == #batch and position == limit then
      values[edge] = batch[position].seq
      batch, position = assert(ctx.engine:snapshot(read_batch, ctx, thread, values, limit)), 0
    end
    if position == #batch then return nil end
    position = position + 1
    return batch[position]
  end
end

--- Iterates over a thread's log; see Threads:each.
---@param ctx moonbase.Context
---@param thread string
---@param query table|nil
---@return (fun(): moonbase.MessageRecord|nil)|nil
---@return moonbase.Error|nil
function message_pages.each(ctx, thread, query)
  query = check.options("query", query, EACH_QUERY)
  local ok, values, limit, batch, err
  ok, err = check.id("id", thread)
  if ok then values, err = selection(query) end
  if values then limit, err = check.positive("limit", query.limit or MAX_BATCH) end
  if not limit then return nil, err end
  limit = limit < MAX_BATCH and limit or MAX_BATCH
  batch, err = ctx.engine:snapshot(read_batch, ctx, thread, values, limit)
  if not batch then return nil, err end
  return iterator(ctx, thread, values, limit, batch)
end

return message_pages
