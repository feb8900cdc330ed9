--- Opening a file: the connection that all handles on it share, what keeps it from being opened,
-- and what can be done about that.

local breaker = require "moonbase.breaker"
local connections = require "moonbase.connections"
local core = require "moonbase.core"
local Engine = require "moonbase.engine.sqlite"
local errors = require "moonbase.errors"
local pause = require "moonbase.pause"
local quarantine = require "moonbase.quarantine"
local recovery = require "moonbase.recovery"
local schema = require "moonbase.schema"
local side_files = require "moonbase.side_files"

local opening = {}

--- One call of `moonbase.open`.
---@class moonbase.Attempt
---@field path string     canonical
---@field options table   complete
---@field now integer     by the clock of the caller
---@field tell fun(kind: string, info: table)
---@field cleared? boolean  what lies beside the file was seen to
---@field repaired? boolean

-- A file that does not exist yet is not made before everything else is in order.
local function prepare(engine, options, now)
  local version, err = schema.inspect(engine)
  if not version then return nil, err end
  local ok
  ok, err = engine:configure(options, version == 0)
  if not ok then return nil, err end
  return schema.migrate(engine, version, now)
end

-- However it fails, the connection is closed: half made it could hold locks.
local function connect(path, options, now)
  local engine, err = Engine.open(path, options)
  if not engine then return nil, err end
  local returned, ok, failure = pcall(prepare, engine, options, now)
  if returned and ok then return engine end
  engine:close()
  if not returned then error(ok, 0) end
  return nil, failure
end

local function report(attempt, result)
  attempt.repaired = true
  local info = { path = attempt.path, quarantined = result.quarantined, tables = result.tables }
  attempt.tell("quarantined", { path = attempt.path, quarantined = result.quarantined })
  attempt.tell("recovered", info)
  return true
end

-- A log without its file: what was committed to it is saved.
local function from_log(attempt)
  local file = core.file_look(attempt.path)
  if (file and file.size > 0) or not (file or attempt.options.create) then return true end
  if not core.file_look(attempt.path .. "-wal") and not core.file_look(attempt.path .. "-journal")
  then
    return true
  end
  local result, err = recovery.from_log(attempt.path, attempt.now)
  if result then return report(attempt, result) end
  return result == false or err.code == "busy" or nil, err
end

local function refuse_foreign(attempt)
  local moved = side_files.refuse_foreign(attempt.path, attempt.now)
  if #moved > 0 then attempt.tell("side_files_cleared", { path = attempt.path, moved = moved }) end
end

-- What has to be seen to before the file is opened.
local function tidy(attempt)
  local unfinished = quarantine.unfinished(attempt.path)
  if unfinished and attempt.options.readonly then
    return errors.fail("busy", "'" .. attempt.path .. "' is being repaired; who opens it for"
      .. " writing finishes that")
  end
  if attempt.options.readonly then return true end
  if unfinished then
    local plan, err = recovery.finish(attempt.path, attempt.options.busy_timeout)
    if plan == nil then return nil, err end
    if plan and plan.quarantined then report(attempt, plan) end
  end
  refuse_foreign(attempt)
  return from_log(attempt)
end

-- What keeps us from repairing, but says nothing of the file itself.
local HINDRANCES = { busy = true, denied = true, readonly = true }

local function repair(attempt, identity, failure)
  local result, err = recovery.repair(attempt.path, identity, attempt.options.busy_timeout,
    attempt.now)
  if result then return report(attempt, result) end
  if result == false then return true end
  if not HINDRANCES[err.code] then return nil, err end
  return errors.fail("corrupt", failure.message .. "; not repaired: " .. err.message,
    { sqlite = failure.sqlite })
end

local function clear(attempt, failure)
  attempt.cleared = true
  local moved = side_files.clear(attempt.path, attempt.options.busy_timeout, attempt.now)
  if not moved then return nil, failure end
  attempt.tell("side_files_cleared", { path = attempt.path, moved = moved })
  return true
end

-- Does something about a failure. True when opening can be tried again.
local function help(attempt, identity, failure)
  if attempt.options.readonly or not identity then return nil, failure end
  if failure.code == "corrupt" and not attempt.repaired then
    return repair(attempt, identity, failure)
  end
  if not attempt.cleared and side_files.may_explain(attempt.path, failure) then
    return clear(attempt, failure)
  end
  return nil, failure
end

-- One try. False when there is a reason to try again.
local function try(attempt)
  local ok, err = tidy(attempt)
  if not ok then return nil, err end
  local identity = recovery.identity(attempt.path)
  local engine
  engine, err = connect(attempt.path, attempt.options, attempt.now)
  if engine and not engine:moved() then return engine end
  if engine then
    engine:close()
  else
    ok, err = help(attempt, identity, err)
    if not ok then return nil, err end
  end
  return false
end

-- What makes a try worth repeating happens once each, unless others repair the file again and
-- again.
local MOST_TRIES = 10

local STEP = 5 -- ms between two tries of what is locked

-- Where SQLite must not wait for a lock, this does.
local function may_wait(err, deadline)
  return err and err.code == "busy" and core.monotonic() < deadline and pause.for_lock(STEP)
end

local function keep_trying(attempt)
  local deadline, tries = core.monotonic() + attempt.options.busy_timeout, 0
  while tries < MOST_TRIES do
    local engine, err = try(attempt)
    if engine or engine == nil and not may_wait(err, deadline) then return engine, err end
    if engine == false then tries = tries + 1 end
  end
  return errors.fail("busy", "'" .. attempt.path .. "' is being repaired by others")
end

local function note(attempt, err)
  local change = breaker.note(attempt.path, attempt.now, err)
  if change == "opened" then
    attempt.tell("breaker_opened", { path = attempt.path, error = err, retry_at = attempt.now
      + breaker.PAUSE })
  elseif change == "closed" then
    attempt.tell("breaker_closed", { path = attempt.path })
  end
end

local function settle(attempt, returned, engine, err)
  if not returned then
    note(attempt, errors.new("internal", tostring(engine)))
    error(engine, 0)
  end
  note(attempt, not engine and err or nil)
  return engine, err
end

local function guarded(attempt)
  local ok, err = breaker.admit(attempt.path, attempt.now)
  if not ok then return nil, err end
  return settle(attempt, pcall(keep_trying, attempt))
end

-- A name that cannot be followed.
local function refuse(attempt, err)
  local ok, refused = breaker.admit(attempt.path, attempt.now)
  if not ok then return nil, refused end
  note(attempt, err)
  return nil, err
end

--- An engine on a file: on the connection that is open for it already, or on a new one.
---@param path string
---@param options table  complete
---@param now integer    by the clock of the caller
---@param tell fun(kind: string, info: table)
---@return moonbase.Engine|nil
---@return moonbase.Error|nil err
---@return string|nil key  canonical path, when the connection is shared
function opening.acquire(path, options, now, tell)
  if path == ":memory:" then return connect(path, options, now) end
  local key, err = core.canonical_path(path)
  local attempt = { path = key or path, options = options, now = now, tell = tell }
  if not key then return refuse(attempt, err) end
  local engine = options.shared and connections.find(key, not options.readonly)
  if engine then return engine, nil, key end
  engine, err = guarded(attempt)
  if not engine then return nil, err end
  if not options.shared then return engine end
  connections.add(key, engine)
  return engine, nil, key
end

return opening
