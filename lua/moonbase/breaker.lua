--- A circuit breaker for each path: after some failed opens in a row, opening fails at once for a
-- while, and then is tried once. It belongs to the Lua state.

local errors = require "moonbase.errors"

local breaker = {}

--- So many failures in a row open it, for so many ms.
breaker.THRESHOLD = 3
breaker.PAUSE = 30000

-- Those of paths that failed less often are forgotten when there are more than so many.
local MOST = 1000

-- What says nothing of the path's health.
local HARMLESS = { busy = true, not_found = true, future_schema = true }

local breakers, count = {}, 0

local function forget(path)
  if breakers[path] then breakers[path], count = nil, count - 1 end
end

local function forget_closed()
  for path, state in pairs(breakers) do
    if state.failures < breaker.THRESHOLD then forget(path) end
  end
end

local function find(path)
  if not breakers[path] then
    if count >= MOST then forget_closed() end
    breakers[path], count = { failures = 0 }, count + 1
  end
  return breakers[path]
end

-- A clock that was set back does not keep it open.
local function is_over(since, now)
  return now - since >= breaker.PAUSE or now < since
end

-- A trial whose coroutine was dropped in the middle does not keep it open for ever.
local function is_tried(state, now)
  return state.trial ~= nil and not is_over(state.trial, now)
end

--- Whether an open may be tried. Of several that could be tried after the pause, one is.
---@param path string
---@param now integer  by the clock of the attempt
---@return true|nil
---@return moonbase.Error|nil err  `breaker_open`
function breaker.admit(path, now)
  local state = breakers[path]
  if not state or state.failures < breaker.THRESHOLD then return true end
  if is_over(state.failed_at, now) and not is_tried(state, now) then
    state.trial = now
    return true
  end
  return errors.fail("breaker_open", ("opening '%s' failed %d times in a row; the last time: %s")
    :format(path, state.failures, tostring(state.last)), { path = path })
end

--- Notes how an open ended that was admitted.
---@param path string
---@param now integer
---@param err? moonbase.Error  why it failed
---@return string|nil change  "opened" or "closed", when that made the breaker do so
function breaker.note(path, now, err)
  local state = breakers[path]
  if err and HARMLESS[err.code] then
    if state then state.trial = nil end
    return nil
  end
  local was_open = state ~= nil and state.failures >= breaker.THRESHOLD
  if not err then
    forget(path)
    return was_open and "closed" or nil
  end
  state = find(path)
  state.failures, state.failed_at, state.last, state.trial = state.failures + 1, now, err, nil
  return not was_open and state.failures >= breaker.THRESHOLD and "opened" or nil
end

--- Forgets the failures of a path: it was repaired.
---@param path string
function breaker.reset(path)
  forget(path)
end

return breaker
