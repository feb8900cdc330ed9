--- The engine on an event loop, OpenResty's: a lock is never waited for inside SQLite, which would
-- hold up every request of the worker. What is `busy` is tried again after a pause in which others
-- run: those of another process, and the coroutine of this one that has a transaction open. Where
-- nothing can pause it is `busy` at once.

local core = require "moonbase.core"
local Engine = require "moonbase.engine.sqlite"
local pause = require "moonbase.pause"

---@class moonbase.PatientEngine: moonbase.Engine
local Patient = setmetatable({}, { __index = Engine })
Patient.__index = Patient

local LONGEST = 10 -- ms between two attempts
local COLLECT = 50 -- ms after which a transaction may be one that nobody ends any more

--- Makes the connection.
---@param path string
---@param options table
---@return userdata? connection, moonbase.Error?
function Patient.connect(path, options)
  return core.open(path, setmetatable({ busy_timeout = 0 }, { __index = options }))
end

local function is_busy(result, err)
  return result == nil and err ~= nil and err.code == "busy"
end

-- Two that wait in step would collide for ever.
local function jittered(ms)
  return ms * (0.5 + math.random() / 2)
end

-- A request that was cut off inside a transaction keeps the lock until it is collected.
local function collect(err)
  if err.sqlite == nil then collectgarbage() end
end

-- Tries again what was busy.
local function wait(self, timeout, err, call, ...)
  local now = core.monotonic()
  local deadline, collect_at, step = now + timeout, now + COLLECT, 1
  while now < deadline and pause.for_lock(math.min(jittered(step), deadline - now)) do
    local result
    result, err = call(self, ...)
    if not is_busy(result, err) then return result, err end
    now, step = core.monotonic(), math.min(2 * step, LONGEST)
    if now >= collect_at then
      collect(err)
      collect_at = math.huge
    end
  end
  return nil, err
end

-- A request that was cut off, by ngx.exit or an error, may have left a transaction; and nginx gives
-- its coroutine, to which that belongs, to another request. Whether the caller has one of his own.
local function in_own(self)
  local connection, shared = self.connection, self.shared
  if not connection:in_transaction() then return false end
  if shared.request == pause.request() then return true end
  collectgarbage() -- which rolls it back, and tells of it
  if shared.request ~= nil and connection:in_transaction() then connection:disown() end
  return false
end

-- The same of one that was ended from outside: the request that was to be told is over.
local function is_not_meant(self, result, err)
  local requests = self.shared.lost
  if result ~= nil or err == nil or err.code ~= "timeout" or not requests then return false end
  return not requests[pause.request() or self]
end

local function attempt(self, call, ...)
  local result, err = call(self, ...)
  if not is_not_meant(self, result, err) then return result, err end
  collectgarbage()
  return call(self, ...)
end

-- Inside one's own transaction nobody is waited for: he may be waiting for its end.
local function patiently(self, timeout, call, ...)
  local own = in_own(self)
  local result, err = attempt(self, call, ...)
  if own or not is_busy(result, err) then return result, err end
  return wait(self, timeout, err, call, ...)
end

for _, name in ipairs { "run", "row", "rows", "value", "values", "exec", "look" } do
  local call = Engine[name]
  Patient[name] = function(self, ...)
    return patiently(self, self.busy_timeout, call, ...)
  end
end

-- Notes whose a transaction is.
local function note(self, opened, err)
  if opened then self.shared.request = pause.request() end
  return opened, err
end

--- Opens a level, for `atomic`.
---@return any level, moonbase.Error?
function Patient:enter()
  return note(self, patiently(self, self.busy_timeout, Engine.enter))
end

local function begin(self, managed)
  return self.connection:begin(0, managed)
end

--- Takes the write lock and gives a transaction userdata.
---@param timeout? integer  ms to wait; default: busy_timeout
---@param managed? boolean  ended by `finish` only
---@return userdata?, moonbase.Error?
function Patient:begin(timeout, managed)
  return note(self, patiently(self, timeout or self.busy_timeout, begin, managed))
end

--- Whether the caller has a transaction open, and not only the coroutine of a request that is over.
---@return boolean|nil, moonbase.Error?
function Patient:in_transaction()
  local open, err = Engine.in_transaction(self)
  if not open then return open, err end
  return in_own(self)
end

--- Rolls back a transaction that the connection has open, by whomever it is called.
---@param transaction userdata
---@return true|nil, moonbase.Error?
function Patient:timeout(transaction)
  local ok, err = core.timeout(transaction)
  if not ok then return nil, err end
  self.shared.lost = self.shared.lost or setmetatable({}, { __mode = "k" })
  if self.shared.request then self.shared.lost[self.shared.request] = true end
  return true
end

return Patient
