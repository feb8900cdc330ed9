--- A worker: claims the jobs of one queue and runs a function on each.
-- It has no thread of its own. Each `tick` is a step: claim what there is room for, start or go on
-- with each job, renew its lease when half of it is over, settle it when its function has ended.
-- The function runs in a coroutine, so one that yields goes on with the next tick, and a program
-- with a loop of its own (a game, an editor, an event loop) calls `tick` from there. `run` is that
-- loop for a program that has none.

local check = require "moonbase.check"
local pause = require "moonbase.pause"
local Task = require "moonbase.worker_task"

local DEFAULT_LEASE = 30000
local SLICE = 200 -- ms; how soon a sleeping worker sees that it is to stop

local BREATH = 10 -- ms between two ticks of a handler that yields

--- How long `run` waits after a claim that failed, in ms.
local PAUSES = { busy = 100, io = 1000, full = 30000 }
local OTHER_PAUSE = 500

---@class moonbase.Worker
---@field store moonbase.Store
---@field queue string
---@field handler fun(job: moonbase.Job, task: moonbase.worker.Task): any, any
---@field owner string
---@field lease integer     ms
---@field limit integer     jobs in hand at once
---@field on_error fun(job: moonbase.Job, err: any)
---@field tasks moonbase.worker.Task[]  the jobs in hand
---@field stopped boolean
local Worker = {}
Worker.__index = Worker

local worker = {}

local OPTIONS = { owner = "string", lease = "number", limit = "number", on_error = "function" }
local RULES = { { "owner", check.id }, { "lease", check.positive }, { "limit", check.positive } }

--- A worker for one queue.
---
--- The handler gets the job and a task (`task:heartbeat()`, `task:enqueue{...}`, `task:defer(ms)`,
--- `task:fail(error)`, `task:stopping()`). What it returns is the job's result. When it raises, or
--- returns nil and an error, the attempt failed.
---@param store moonbase.Store
---@param queue string
---@param handler fun(job: moonbase.Job, task: moonbase.worker.Task): any, any
---@param options? { owner?: string, lease?: integer, limit?: integer, on_error?: fun(job, err) }
---  owner: default a new id; lease: ms, default 30000; limit: jobs in hand at once, default 1;
---  on_error: told of failed attempts and lost claims
---@return moonbase.Worker|nil
---@return moonbase.Error|nil err  `invalid`
function worker.new(store, queue, handler, options)
  check.type("store", store, "table")
  check.type("handler", handler, "function")
  options = check.options("options", options, OPTIONS)
  local ok, err = check.id("queue", queue)
  local values = ok
  if ok then values, err = check.fields(options, RULES) end
  if not values then return nil, err end
  return setmetatable({
    store = store, queue = queue, handler = handler, tasks = {}, stopped = false,
    owner = values.owner or store.context:new_id(), lease = values.lease or DEFAULT_LEASE,
    limit = values.limit or 1, on_error = options.on_error or function() end,
  }, Worker)
end

-- Goes on with the jobs in hand; those that are over leave it.
local function advance(self)
  local kept = {}
  for _, task in ipairs(self.tasks) do
    task:step()
    if not task.over then kept[#kept + 1] = task end
  end
  self.tasks = kept
end

-- Claims as many jobs as there is room for.
local function claim(self)
  local room = self.limit - #self.tasks
  if self.stopped or room == 0 then return true end
  local jobs, err = self.store.jobs:claim(self.queue,
    { owner = self.owner, lease = self.lease, limit = room })
  if not jobs then return nil, err end
  for _, job in ipairs(jobs) do self.tasks[#self.tasks + 1] = Task.new(self, job) end
  return true
end

--- One step for each job in hand, after claiming what there is room for.
---@return integer|nil count       how many jobs it worked on; 0: there was nothing to do
---@return moonbase.Error|nil err  why nothing could be claimed, and no job was in hand
function Worker:tick()
  local ok, err = claim(self)
  local count = #self.tasks
  if not ok and count == 0 then return nil, err end
  advance(self)
  return count
end

--- Ticks until the queue has nothing that is due.
---@return integer|nil count       ticks that found work
---@return moonbase.Error|nil err  why nothing could be claimed
function Worker:drain()
  local ticks = 0
  while true do
    local count, err = self:tick()
    if not count then return nil, err end
    if count == 0 then return ticks end
    ticks = ticks + 1
  end
end

local function wait(self, ms, sleep)
  while ms > 0 and not self.stopped do
    sleep(math.min(ms, SLICE))
    ms = ms - SLICE
  end
end

--- Works until `stop` was called and no job is in hand.
---@param options? { idle?: integer, sleep?: fun(ms: integer) }
---  idle: ms to wait when there is nothing to do, default 250; sleep: default `ngx.sleep` in
---  OpenResty, elsewhere one that blocks the program
function Worker:run(options)
  options = check.options("options", options, { idle = "number", sleep = "function" })
  local sleep = options.sleep or pause.sleep
  while not self.stopped or #self.tasks > 0 do
    local count, err = self:tick()
    if not count then wait(self, PAUSES[err.code] or OTHER_PAUSE, sleep)
    elseif count == 0 then wait(self, options.idle or 250, sleep)
    elseif #self.tasks > 0 then sleep(BREATH) end
  end
end

--- Claims no more. The jobs in hand go on with each tick.
function Worker:stop()
  self.stopped = true
end

--- Stops and gives the jobs in hand back at once, as if they had not been claimed.
function Worker:release()
  self.stopped = true
  for _, task in ipairs(self.tasks) do task:give_back() end
  self.tasks = {}
end

return worker
