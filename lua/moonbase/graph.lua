--- The store's own graph: edges between names, each with a relation, a weight and the time in which
--- it is valid. Its methods join those of sessions' graphs: both are the same userdata.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local graph_edge = require "moonbase.graph_edge"
local graph_pages = require "moonbase.graph_pages"
local graph_rows = require "moonbase.graph_rows"
local GraphQuery = require "moonbase.graph_query"

---@class moonbase.Graph
local Graph = core.graph_methods()

local context = core.graph_context

local part = {}

---@param ctx moonbase.Context
---@return moonbase.Graph
function part.new(ctx)
  return core.property_graph(ctx)
end

--- Writes an edge; one with the same `from`, `rel`, `to` and `valid_from` is replaced whole.
---@param edge table  from, rel, to; weight: 0 or more, default 1; data: a document; valid_from,
---  valid_to: ms since 1970; source
---@return moonbase.Edge|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`
function Graph:relate(edge)
  local ctx = context(self)
  local whole, err = graph_edge.whole(edge)
  if not whole then return nil, err end
  return ctx:write(graph_rows.relate, ctx, whole)
end

--- Removes the edges from one node to another of one relation, at whatever time they are valid.
---@param edge { from: string, rel: string, to: string }
---@return integer|nil count
---@return moonbase.Error|nil err  `invalid`
function Graph:unrelate(edge)
  local ctx = context(self)
  local ends, err = graph_edge.ends(edge)
  if not ends then return nil, err end
  return ctx:write(graph_rows.unrelate, ctx, ends)
end

local EDGES = { from = "string", rel = "string", to = "string", at = "number", limit = "number",
  cursor = "string", offset = "number", total = "boolean" }
local EDGE_RULES = { { "from", check.id }, { "rel", check.id }, { "to", check.id },
  { "at", graph_edge.time } }

--- Edges, in the order in which their names first came into the graph: of `from`, then `rel`, then
--- `to` (of `to` first where only that is given), the earlier valid first.
---@param query? table  from, rel, to, at: only those valid then; limit, cursor, offset, total
---@return moonbase.Page|nil page  of edges
---@return moonbase.Error|nil err  `invalid`
function Graph:edges(query)
  local ctx = context(self)
  query = check.options("query", query, EDGES)
  local values, err = check.fields(query, EDGE_RULES)
  if not values then return nil, err end
  return graph_pages.edges(ctx, query, values)
end

local DIRECTIONS = check.set "out in both"

local OPTION_RULES = { { "rel", check.id }, { "at", graph_edge.time }, { "limit", check.integer },
  { "depth", check.integer }, { "max_depth", check.integer } }

-- The options of a call, checked.
local function options_of(options, types)
  options = check.options("options", options, types)
  local values, err = check.fields(options, OPTION_RULES)
  if not values then return nil, err end
  values.dir = check.choice("options.dir", options.dir or "out", DIRECTIONS)
  return values
end

-- Runs one of the core's calls, in the scope and with the time and the limit that all have.
local function ask(ctx, call, values, ...)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:graph(call, scope, values.at, values.limit, ...)
end

local function read(ctx, call, values, ...)
  return ctx.engine:snapshot(ask, ctx, call, values, ...)
end

local NEIGHBORS = { rel = "string", dir = "string", at = "number", limit = "number" }

--- What a node's edges lead to, one item for each edge: the heaviest first, then by name.
---@param node string
---@param options? { rel: string?, dir: "out"|"in"|"both"?, at: integer?, limit: integer? }
---@return { node: string, rel: string, weight: number }[]|nil
---@return moonbase.Error|nil err  `invalid`, `corrupt`
function Graph:neighbors(node, options)
  local ctx = context(self)
  local ok, values, err
  ok, err = check.id("node", node)
  if not ok then return nil, err end
  values, err = options_of(options, NEIGHBORS)
  if not values then return nil, err end
  return read(ctx, "neighbors", values, node, values.dir, values.rel)
end

local REACH = { depth = "number", rel = "string", dir = "string", at = "number", limit = "number" }

--- The nodes that are at most `depth` edges away, without the node itself: the nearest first, then
--- by name.
---@param node string
---@param options { depth: integer, rel: string?, dir: "out"|"in"|"both"?, at: integer?,
---  limit: integer? }
---@return { node: string, distance: integer }[]|nil
---@return moonbase.Error|nil err  `invalid`, `corrupt`
function Graph:reach(node, options)
  local ctx = context(self)
  local ok, values, err
  ok, err = check.id("node", node)
  if not ok then return nil, err end
  values, err = options_of(options, REACH)
  if not values then return nil, err end
  if not values.depth then return errors.invalid("depth", "is missing") end
  local step = { direction = values.dir, rel = values.rel, min = 1, max = values.depth }
  return read(ctx, "walk", values, { node }, { step })
end

local PATH = { max_depth = "number", weighted = "boolean", rel = "string", dir = "string",
  at = "number" }

--- The shortest way between two nodes; of several equally short ones always the same.
---@param a string
---@param b string
---@param options? { max_depth: integer?, weighted: boolean?, rel: string?, dir: "out"|"in"|"both"?,
---  at: integer? }  max_depth: edges at most; weighted: the least sum of weights counts, not the
---  fewest edges
---@return string[]|nil nodes  both ends included; nil alone when there is no way
---@return number|moonbase.Error|nil cost  edges, or the sum of their weights
function Graph:shortest_path(a, b, options)
  local ctx = context(self)
  local ok, values, err
  ok, err = check.id("a", a)
  if ok then ok, err = check.id("b", b) end
  if not ok then return nil, err end
  values, err = options_of(options, PATH)
  if not values then return nil, err end
  return read(ctx, "path", values, a, b, values.dir, values.rel, values.max_depth,
    options and options.weighted or false)
end

local RANK = { limit = "number", alpha = "number", at = "number" }

--- Below it a walk would go on too long to be computed.
local LEAST_ALPHA = 0.001

local function seeds_of(seeds)
  local names = {}
  for i = 1, check.array("seeds", seeds) do
    local ok, err = check.id("seeds[" .. i .. "]", seeds[i])
    if not ok then return nil, err end
    names[i] = seeds[i]
  end
  return names
end

--- How near nodes are to some others, in all ways at once: personalised PageRank. A walk begins at
--- one of the seeds and follows edges, likelier heavy ones; a score is the share of time that it
--- spends at a node. The highest first, then by name; the scores of all nodes sum to 1. Seeds that
--- the graph does not have do not count.
---@param seeds string[]
---@param options? { limit: integer?, alpha: number?, at: integer? }  alpha: how likely the walk
---  begins again instead of following an edge, 0.001 to 1, default 0.15
---@return { node: string, score: number }[]|nil
---@return moonbase.Error|nil err  `invalid`, `corrupt`
function Graph:rank(seeds, options)
  local ctx = context(self)
  local names, values, err
  names, err = seeds_of(seeds)
  if not names then return nil, err end
  values, err = options_of(options, RANK)
  if not values then return nil, err end
  local alpha = options and options.alpha or 0.15
  if not (alpha >= LEAST_ALPHA and alpha <= 1) then
    return errors.invalid("alpha", "must be from " .. LEAST_ALPHA .. " to 1")
  end
  return read(ctx, "rank", values, names, alpha)
end

--- A question in several steps; see moonbase.GraphQuery.
---@return moonbase.GraphQuery
function Graph:query()
  local ctx = context(self)
  return GraphQuery.new(function(values, names, steps)
    return read(ctx, "walk", values, names, steps)
  end)
end

return part
