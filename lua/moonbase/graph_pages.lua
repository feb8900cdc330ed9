--- Pages of edges. Which index they are read by depends on what is asked for.

local Listing = require "moonbase.listing"
local errors = require "moonbase.errors"
local graph_edge = require "moonbase.graph_edge"

local graph_pages = {}

local COLUMNS = [[
  e.src AS "e.src", e.rel AS "e.rel", e.dst AS "e.dst", e.since AS "e.since",
  s.name AS "from", r.name AS "rel", d.name AS "to", e.weight, x.source, x.data AS "data(json)",
  CASE WHEN e.since > 0 THEN e.since - 1 WHEN e.since < 0 THEN e.since END AS valid_from,
  CASE WHEN e.until > 0 THEN e.until - 1 WHEN e.until < 0 THEN e.until END AS valid_to]]

local NAMES = [[
  LEFT JOIN graph_nodes s ON s.key = e.src
  LEFT JOIN graph_relations r ON r.key = e.rel
  LEFT JOIN graph_nodes d ON d.key = e.dst
  LEFT JOIN graph_details x ON x.key = e.detail]]

local FROM = { "from",
  "e.src = (SELECT key FROM graph_nodes WHERE scope = $scope AND name = $from)" }
local REL = { "rel",
  "e.rel = (SELECT key FROM graph_relations WHERE scope = $scope AND name = $rel)" }
local TO = { "to",
  "e.dst = (SELECT key FROM graph_nodes WHERE scope = $scope AND name = $to)" }
local AT = { "at", [[(e.since = 0 OR e.since <= $at + ($at >= 0))
  AND (e.until = 0 OR e.until > $at + ($at >= 0))]] }

local FILTERS = { from = FROM, rel = REL, to = TO }

local OUT = "graph_edges e"
local IN = "graph_edges e INDEXED BY graph_edges_in"
local OF_RELATION = "graph_edges e INDEXED BY graph_edges_rel"
-- Two nodes without a relation are looked up relation by relation.
local BETWEEN = [[graph_relations k INDEXED BY graph_relations_scope
  CROSS JOIN graph_edges e ON e.scope = k.scope AND e.rel = k.key]]
local RELATION_KEY = ', k.key AS "k.key"'

-- A list of edges of which the named filters are given, in the order that the index has then.
local function listing(source, given, order)
  local terms, filters = {}, { { "scope", "e.scope = $scope" } }
  for i, name in ipairs(given) do filters[i + 1] = FILTERS[name] end
  filters[#filters + 1] = AT
  for i, column in ipairs(order) do terms[i] = { column, "ASC" } end
  return Listing.new {
    name = "graph:edges", source = "FROM " .. source .. NAMES, filters = filters,
    columns = source == BETWEEN and COLUMNS .. RELATION_KEY or COLUMNS, order = terms,
  }
end

-- By which filters are given.
local LISTINGS = {
  [""] = listing(OUT, {}, { "e.src", "e.rel", "e.dst", "e.since" }),
  from = listing(OUT, { "from" }, { "e.rel", "e.dst", "e.since" }),
  fromrel = listing(OUT, { "from", "rel" }, { "e.dst", "e.since" }),
  fromrelto = listing(OUT, { "from", "rel", "to" }, { "e.since" }),
  fromto = listing(BETWEEN, { "from", "to" }, { "k.key", "e.since" }),
  rel = listing(OF_RELATION, { "rel" }, { "e.src", "e.dst", "e.since" }),
  relto = listing(IN, { "rel", "to" }, { "e.src", "e.since" }),
  to = listing(IN, { "to" }, { "e.rel", "e.src", "e.since" }),
}

local function choose(values)
  return LISTINGS[(values.from and "from" or "") .. (values.rel and "rel" or "")
    .. (values.to and "to" or "")]
end

local ORDER = { "e.src", "e.rel", "e.dst", "e.since", "k.key" }

-- The edges without what only cursors need.
local function strip(page)
  for _, edge in ipairs(page.items) do
    if not (edge.from and edge.rel and edge.to) then
      return errors.fail("corrupt", "an edge has lost the name of a node or of its relation")
    end
    edge.weight = graph_edge.number(edge.weight)
    for _, column in ipairs(ORDER) do edge[column] = nil end
  end
  return page
end

--- The page of edges that a query asks for.
---@param ctx moonbase.Context
---@param query table   limit, cursor, offset, total
---@param values table  from?, rel?, to?, at?: checked
---@return moonbase.Page|nil
---@return moonbase.Error|nil err  `invalid`, `corrupt`
function graph_pages.edges(ctx, query, values)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  values.scope = scope
  local page
  page, err = choose(values):page(ctx.engine, query, values)
  if not page then
    if err.code ~= "serialization" then return nil, err end
    return errors.fail("corrupt", "the data of an edge cannot be read: " .. err.message)
  end
  return strip(page)
end

return graph_pages
