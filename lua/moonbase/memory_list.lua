--- Lists of memory: the newest texts first, of all or of those with some labels.

local Listing = require "moonbase.listing"
local check = require "moonbase.check"
local memory_labels = require "moonbase.memory_labels"
local memory_record = require "moonbase.memory_record"
local memory_rows = require "moonbase.memory_rows"

local memory_list = {}

-- The first label is walked in order of time, the others are looked up for each text on the way.
local ALSO = [[EXISTS (SELECT 1 FROM memory_labels o WHERE o.scope = l.scope AND o.label = $%s
    AND o.at = l.at AND o.serial = l.serial)]]

local LIST = Listing.new {
  name = "memory:list",
  columns = memory_rows.COLUMNS,
  source = "FROM memory_labels l CROSS JOIN memories m ON m.key = (l.scope << 32) + l.serial",
  order = { { "l.at", "DESC" }, { "l.serial", "DESC" } },
  keys = { "at", "serial" },
  filters = {
    { "scope", "l.scope = $scope" }, { "label1", "l.label = $label1" },
    { "label2", ALSO:format("label2") }, { "label3", ALSO:format("label3") },
    { "label4", ALSO:format("label4") }, { "above", "m.namespace <> $above" },
    { "since", "l.at >= $since", range = true }, { "before", "l.at < $before", range = true },
    { "now", "(m.expires_at IS NULL OR m.expires_at > $now)" },
  },
  moment = "now",
}

local QUERY = { namespace = "string", type = "string", tag = "string", source = "string",
  since = "number", before = "number", limit = "number", cursor = "string", offset = "number",
  total = "boolean" }

local RULES = { { "namespace", check.id }, { "type", check.id }, { "tag", check.id },
  { "source", check.id }, { "since", check.time }, { "before", check.time } }

--- The page that a query asks for.
---@param ctx moonbase.Context
---@param query? table
---@return moonbase.Page|nil
---@return moonbase.Error|nil err  `invalid`
function memory_list.page(ctx, query)
  query = check.options("query", query, QUERY)
  local wanted, err = check.fields(query, RULES)
  if not wanted then return nil, err end
  local values = { since = wanted.since, before = wanted.before, now = ctx:now() }
  values.scope, err = ctx:scope()
  if not values.scope then return nil, err end
  local labels
  labels, values.above = memory_labels.wanted(wanted)
  for i, label in ipairs(labels) do values["label" .. i] = label end
  local page
  page, err = LIST:page(ctx.engine, query, values)
  if not page then return nil, err end
  page.items = memory_record.all(page.items)
  return page
end

return memory_list
