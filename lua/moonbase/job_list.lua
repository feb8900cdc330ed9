--- Lists of jobs, by page: queue by queue, in each by priority, then age.
-- That order never changes for a job, so a walk over the pages meets each job once while workers
-- run them. One index has the jobs of each state in it, and a list of several states merges as many
-- walks along the index.

local job_record = require "moonbase.job_record"
local page = require "moonbase.page"

local unpack = table.unpack or unpack -- luacheck: ignore

local job_list = {}

--- The states behind each status.
local STATES = {
  ready = { "ready", "blocked", "delayed" },
  running = { "running" }, done = { "done" }, failed = { "failed" }, dead = { "dead" },
  cancelled = { "cancelled" },
}

local ALL = { "ready", "blocked", "delayed", "running", "done", "failed", "dead", "cancelled" }

--- The statuses that a list can be of.
job_list.statuses = STATES

local SELECT = "SELECT " .. job_record.columns .. [[, queue AS line, key AS seq
  FROM jobs WHERE scope = $scope AND state = ']]

-- A column of the order, and its name among the columns of the rows.
local QUEUE, PRIORITY, AGE =
  { "jobs.queue", "line" }, { "jobs.priority", "priority" }, { "jobs.key", "seq" }

local IN_QUEUE = { filter = " AND jobs.queue = $queue", order = { PRIORITY, AGE } }
local EVERYWHERE = { filter = "", order = { QUEUE, PRIORITY, AGE } }

for _, shape in ipairs { IN_QUEUE, EVERYWHERE } do
  shape.statements, shape.keys = {}, {}
  for i, column in ipairs(shape.order) do shape.keys[i] = column[2] end
end

local function order_by(shape, back)
  local terms = {}
  for i, name in ipairs(shape.keys) do terms[i] = name .. (back and " DESC" or " ASC") end
  return " ORDER BY " .. table.concat(terms, ", ") .. " LIMIT $count OFFSET $offset"
end

-- The rows behind an edge that equal it in the first columns and lie beyond it in the next one:
-- one range of the index for each state.
local function beyond(shape, step, back)
  local texts = {}
  for i = 1, step do
    local comparison = i < step and " = " or back and " < " or " > "
    texts[i] = " AND " .. shape.order[i][1] .. comparison .. "$edge" .. i
  end
  return table.concat(texts)
end

local function compose(shape, states, step, back)
  local arms = {}
  for i, state in ipairs(states) do
    arms[i] = SELECT .. state .. "'" .. shape.filter .. beyond(shape, step, back)
  end
  return table.concat(arms, " UNION ALL ") .. order_by(shape, back)
end

local function statement(shape, states, step, back)
  local id = table.concat(states, "+") .. step .. (back and "-" or "+")
  local sql = shape.statements[id] or compose(shape, states, step, back)
  shape.statements[id] = sql
  return sql
end

-- One call's view of the jobs: what page.fetch reads from.
local Source = {}
Source.__index = Source

function Source:step(step, edge, back, count, offset)
  local arguments = { self.scope }
  if self.shape == IN_QUEUE then arguments[2] = self.queue end
  for i = 1, step do arguments[#arguments + 1] = edge[i] end
  arguments[#arguments + 1] = count
  arguments[#arguments + 1] = offset
  return self.engine:rows(statement(self.shape, self.states, step, back), unpack(arguments))
end

function Source:fetch(edge, back, count, offset)
  if self.shape == IN_QUEUE and not self.queue then return {} end
  return page.fetch_by_steps(self, edge, back, count, offset)
end

local QUEUE_KEY = "SELECT key FROM job_queues WHERE scope = $scope AND name = $name"

local function source(ctx, scope, query)
  local made = setmetatable({
    engine = ctx.engine, scope = scope, states = query.status and STATES[query.status] or ALL,
    shape = query.queue and IN_QUEUE or EVERYWHERE,
  }, Source)
  made.keys = made.shape.keys
  if not query.queue then return made end
  local err
  made.queue, err = ctx.engine:value(QUEUE_KEY, scope, query.queue)
  if err then return nil, err end
  return made
end

local function total(ctx, query)
  local counts, err = job_record.counts(ctx, query.queue)
  if not counts then return nil, err end
  if query.status then return counts[query.status] end
  local sum = 0
  for _, count in pairs(counts) do sum = sum + count end
  return sum
end

local function strip(jobs)
  for _, job in ipairs(jobs) do job.line, job.seq = nil, nil end
end

--- The page that a query asks for.
---@param ctx moonbase.Context
---@param query table  queue, status, limit, cursor, offset, total: checked
---@return moonbase.Page|nil
---@return moonbase.Error|nil  `invalid`
function job_list.page(ctx, query)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local filters = { scope = scope, queue = query.queue, status = query.status }
  local width = query.queue and #IN_QUEUE.order or #EVERYWHERE.order
  local request, from, result
  request, err = page.request(query, "jobs:list", filters, width)
  if request then from, err = source(ctx, scope, query) end
  if from then result, err = page.fetch(request, from) end
  if not result then return nil, err end
  strip(result.items)
  if query.total then result.total, err = total(ctx, query) end
  if err then return nil, err end
  return result
end

return job_list
