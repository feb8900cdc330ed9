--- One job in the hands of a worker, from the claim to its settling.

local check = require "moonbase.check"
local core = require "moonbase.core"

local MAX_ERROR_BYTES = 4096

local close_coroutine = coroutine.close -- luacheck: ignore 143

---@class moonbase.worker.Task
---@field worker moonbase.Worker
---@field job moonbase.Job
---@field thread thread           runs the handler
---@field renew_at integer        when the lease is to be renewed
---@field followers table[]       jobs to enqueue when this one is done
---@field decision? table         what the handler chose: defer or fail
---@field outcome? table          what is left to do: settle so
---@field over boolean            settled, or lost
local Task = {}
Task.__index = Task

---@param worker moonbase.Worker
---@param job moonbase.Job
---@return moonbase.worker.Task
function Task.new(worker, job)
  local task = setmetatable({ worker = worker, job = job, followers = {}, over = false,
    thread = coroutine.create(worker.handler) }, Task)
  task.renew_at = worker.store.context:now() + worker.lease / 2
  return task
end

-- Ends the handler where it is; LuaJIT leaves that to the collector.
local function abandon(self)
  self.over = true
  if close_coroutine and coroutine.status(self.thread) == "suspended" then
    close_coroutine(self.thread)
  end
end

-- The job is someone else's by now.
local function lose(self, err)
  abandon(self)
  self.worker.on_error(self.job, err)
end

--- Renews the lease now, for a handler that works long without yielding.
---@return true|nil
---@return moonbase.Error|nil err  `lease_lost`: the work is not wanted any more
function Task:heartbeat()
  local worker = self.worker
  local expires_at, err = worker.store.jobs:heartbeat(self.job, worker.lease)
  if not expires_at then return nil, err end
  self.renew_at = expires_at - worker.lease / 2
  return true
end

--- A job to be enqueued when this one is done, in the same transaction.
---@param item table  queue, payload, key, group, priority, delay, max_attempts
function Task:enqueue(item)
  self.followers[#self.followers + 1] = check.type("item", item, "table")
end

--- Not now: the job is to come back after `delay` ms, and the attempt not to count.
---@param delay integer
function Task:defer(delay)
  self.decision = { call = "defer", check.type("delay", delay, "number") }
end

--- The handler settled the job itself, for instance in a transaction with other things: the worker
--- is to leave it alone.
function Task:settled()
  self.over = true
end

--- Whether the worker is to stop: a long job may defer itself.
---@return boolean
function Task:stopping()
  return self.worker.stopped
end

-- What can be stored of an error: a document as it is, anything else as text.
local function storable(err)
  local metatable = getmetatable(err)
  local named = type(metatable) == "table" and metatable.__tostring
  if type(err) == "table" and not named and core.encode(err, "error") then return err end
  local ok, text = pcall(tostring, err)
  text = (ok and text or "unknown error"):sub(1, MAX_ERROR_BYTES)
  if core.encode(text, "error") then return text end
  return (text:gsub("[\128-\255]", "?"))
end

--- No attempt will ever succeed: the job is to be failed.
---@param err any
function Task:fail(err)
  self.decision = { call = "nack", { error = storable(err), class = "permanent" } }
end

local function failed(self, err)
  self.worker.on_error(self.job, err)
  return { call = "nack", { error = storable(err) } }
end

local function outcome(self, ok, result, err)
  if not ok then return failed(self, result) end
  if self.decision then return self.decision end
  if result == nil and err ~= nil then return failed(self, err) end
  return { call = "ack", { result = result, enqueue = self.followers } }
end

-- The handler until its end or its next yield.
local function resume(self)
  if coroutine.status(self.thread) ~= "suspended" then return end -- it called `tick` itself
  local ok, result, err = coroutine.resume(self.thread, self.job, self)
  if coroutine.status(self.thread) == "dead" then self.outcome = outcome(self, ok, result, err) end
end

-- What cannot be stored, now or ever, is a failed attempt.
local HOPELESS = { serialization = true, invalid = true }

-- Makes the call that the outcome asks for. A job to enqueue that is misuse raises; that is the
-- handler's failure as well.
local function call(self)
  local jobs, made = self.worker.store.jobs, self.outcome
  local called, ok, err = pcall(jobs[made.call], jobs, self.job, made[1])
  if called then return ok, err end
  if type(ok) ~= "table" or ok.code ~= "invalid" then error(ok, 0) end
  return nil, ok
end

-- What failed for other reasons is tried again with the next tick, as long as the lease lasts.
local function settle(self)
  local ok, err = call(self)
  if ok then
    self.over = true
  elseif HOPELESS[err.code] then
    self.outcome = failed(self, err)
  elseif err.code == "lease_lost" then
    lose(self, err)
  end
end

--- A step: renew the lease if it is time, go on with the handler, settle the job.
function Task:step()
  if self.worker.store.context:now() >= self.renew_at then
    local _, err = self:heartbeat()
    if err and err.code == "lease_lost" then return lose(self, err) end
  end
  if not self.outcome then resume(self) end
  if self.outcome and not self.over then settle(self) end
end

--- Gives the job back as if it had not been claimed.
function Task:give_back()
  local _, err = self.worker.store.jobs:defer(self.job, 0)
  if err then return lose(self, err) end
  abandon(self)
end

return Task
