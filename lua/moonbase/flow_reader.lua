--- Reading flow runs: whole ones, put together from their rows; pages of them; single documents.

local core = require "moonbase.core"
local flow_rows = require "moonbase.flow_rows"
local Listing = require "moonbase.listing"

local flow_reader = {}

--- A run of a flow by a mob, a group of agents. Documents are what the callers make of them.
---@class moonbase.Flow
---@field id string
---@field mob string
---@field flow string
---@field status "pending"|"running"|"completed"|"failed"|"canceled"
---@field state any
---@field params any
---@field created_at integer     ms since 1970
---@field completed_at? integer  ms since 1970, once the status is one of the last three
---@field steps moonbase.FlowStep[]
---@field failures moonbase.FlowFailure[]
---@field frames table<string, any>
---@field loops table<string, any>
---@field iterations moonbase.FlowIteration[]
---@field outputs table<string, any>  by step
---@field output_order string[]       their steps in the order in which they first came
---@field loop_outputs table<string, table<string, any>[]>  by loop, then iteration from 0

local COLUMNS = "key, id, mob, flow, status, created_at, completed_at"

local FIND = "SELECT " .. COLUMNS .. " FROM flows WHERE scope = $scope AND id = $id"

local function rows_of(columns, name)
  return "SELECT " .. columns .. " FROM " .. name .. " WHERE " .. flow_rows.OF_RUN
    .. " ORDER BY key"
end

local DOCUMENTS = rows_of([[kind, id, coalesce(exact, body) AS "body(json)"]], "flow_documents")
local OUTPUTS = rows_of([[loop, iteration, step, output AS "output(json)"]], "flow_outputs")

-- What the run holds as it is read.
local ARRAYS = {
  steps = rows_of([[step, agent, status, output AS "output(json)", at]], "flow_steps"),
  failures = rows_of("step, reason, at", "flow_failures"),
  iterations = rows_of("loop_instance, iteration, frame", "flow_iterations"),
}

local function add_documents(engine, flow, key)
  local rows, err = engine:rows(DOCUMENTS, key)
  if not rows then return nil, err end
  local by_kind = { frame = {}, loop = {} }
  flow.frames, flow.loops = by_kind.frame, by_kind.loop
  for i = 1, #rows do
    local row = rows[i]
    local target = by_kind[row.kind]
    if target then target[row.id] = row.body else flow[row.kind] = row.body end
  end
  return true
end

-- The outputs of an iteration. Those before it that gave none are there too.
local function iteration_of(flow, row)
  local list = flow.loop_outputs[row.loop] or {}
  flow.loop_outputs[row.loop] = list
  for i = #list + 1, row.iteration + 1 do list[i] = {} end
  return list[row.iteration + 1]
end

local function add_outputs(engine, flow, key)
  local rows, err = engine:rows(OUTPUTS, key)
  if not rows then return nil, err end
  flow.outputs, flow.output_order, flow.loop_outputs = {}, core.array {}, {}
  for i = 1, #rows do
    local row = rows[i]
    if row.loop == "" then
      flow.outputs[row.step] = row.output
      flow.output_order[#flow.output_order + 1] = row.step
    else
      iteration_of(flow, row)[row.step] = row.output
    end
  end
  return true
end

-- Makes a whole run of its row in `flows`.
local function complete(engine, flow)
  local key = flow.key
  flow.key = nil
  local ok, err = add_documents(engine, flow, key)
  if ok then ok, err = add_outputs(engine, flow, key) end
  if not ok then return nil, err end
  for field, sql in pairs(ARRAYS) do
    local rows
    rows, err = engine:rows(sql, key)
    if not rows then return nil, err end
    flow[field] = core.array(rows)
  end
  return flow
end

local function get(engine, scope, id)
  local row, err = engine:row(FIND, scope, id)
  if not row then return nil, err end
  return complete(engine, row)
end

--- A whole run, nil when there is none.
---@param ctx moonbase.Context
---@param id string
---@return moonbase.Flow|nil
---@return moonbase.Error|nil
function flow_reader.get(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:snapshot(get, ctx.engine, scope, id)
end

local LIST = Listing.new {
  name = "flows:list",
  columns = COLUMNS,
  source = "FROM flows",
  order = { { "created_at", "ASC" }, { "key", "ASC" } },
  filters = {
    { "scope", "scope = $scope" }, { "mob", "mob = $mob" }, { "flow", "flow = $flow" },
    { "status", "status = $status" },
  },
}

local function list(engine, query, filters)
  local page, err = LIST:page(engine, query, filters)
  if not page then return nil, err end
  for _, item in ipairs(page.items) do
    local ok
    ok, err = complete(engine, item)
    if not ok then return nil, err end
  end
  return page
end

--- A page of whole runs, oldest first.
---@param ctx moonbase.Context
---@param query table    limit, cursor, offset, total
---@param filters table  mob, flow, status; the scope is added
---@return moonbase.Page|nil
---@return moonbase.Error|nil err  `invalid`
function flow_reader.list(ctx, query, filters)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  filters.scope = scope
  return ctx.engine:snapshot(list, ctx.engine, query, filters)
end

-- One document of the run `f`. The plus takes the column's type off: an index on an expression,
-- which has none, does not serve a comparison with it.
local function document(kind, id, name)
  return ([[
    (SELECT coalesce(exact, body) FROM flow_documents
     WHERE key >> 32 = +f.key AND kind = '%s' AND id = %s) AS "%s(json)"]]):format(kind, id, name)
end

local PEEK = "SELECT id, mob, flow, status, created_at, completed_at, "
  .. document("params", "''", "params") .. ", " .. document("state", "''", "state") .. ", "
  .. document("frame", "$frame", "frame") .. ", " .. document("loop", "$loop", "loop")
  .. " FROM flows f WHERE scope = $scope AND id = $id"

--- What a compare-and-swap has to know: a run without its ledgers, one frame and one loop.
---@param ctx moonbase.Context
---@param id string
---@param frame string|nil
---@param loop string|nil
---@return table|nil
---@return moonbase.Error|nil
function flow_reader.peek(ctx, id, frame, loop)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(PEEK, frame, loop, scope, id)
end

local OUTPUT = [[
  SELECT output AS "output(json)" FROM flow_outputs
  WHERE key >> 32 = (SELECT +key FROM flows WHERE scope = $scope AND id = $id)
    AND loop = $loop AND iteration = $iteration AND step = $step]]

--- What one step gave, nil when it gave nothing yet.
---@param ctx moonbase.Context
---@param id string
---@param step string
---@param place { loop: string, iteration: integer }
---@return any
---@return moonbase.Error|nil
function flow_reader.output(ctx, id, step, place)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:value(OUTPUT, scope, id, place.loop, place.iteration, step)
end

return flow_reader
