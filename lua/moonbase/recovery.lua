--- Repairs damaged files: whoever holds the file makes a new one of what can be read, and the
-- damaged one goes aside. Holding it is SQLite's own exclusive lock, so one process at a time does
-- so, nobody has the file open meanwhile, and of a process that dies in between nothing stays but
-- what the next one finishes.

local breaker = require "moonbase.breaker"
local connections = require "moonbase.connections"
local core = require "moonbase.core"
local Engine = require "moonbase.engine.sqlite"
local errors = require "moonbase.errors"
local gc_sources = require "moonbase.gc_sources"
local integrity = require "moonbase.integrity"
local pause = require "moonbase.pause"
local quarantine = require "moonbase.quarantine"
local salvage = require "moonbase.salvage"
local schema = require "moonbase.schema"

local recovery = {}

--- What `moonbase.recover` gives.
---@class moonbase.Recovery
---@field quarantined string|false  what the damaged file is called now; false: it was sound
---@field tables table<string, { saved: integer, lost: integer }>

--- The identity of a file; nil when it is missing.
---@param path string
---@return string|nil
function recovery.identity(path)
  local file = core.file_look(path)
  return file and file.id
end

local STEP = 5 -- ms

-- Waits for a file that others have open, as long as waiting makes sense. False when it does not
-- any more.
local function take(path, timeout, makes_sense)
  local deadline = core.monotonic() + timeout
  while true do
    local old, err = core.salvage(path, 0)
    if old or err.code ~= "busy" then return old, err end
    if not makes_sense() then return false end
    if core.monotonic() >= deadline or not pause.for_lock(STEP) then return nil, err end
  end
end

-- Runs fn(old, path, ...) with the file held, if there is still something to do then. False when
-- there is not.
local function held(path, timeout, makes_sense, fn, ...)
  local old, err = take(path, timeout, makes_sense)
  if not old then return old, err end
  if not makes_sense() then
    old:close()
    return false
  end
  local returned, result, failure = pcall(fn, old, path, ...)
  old:close()
  if not returned then error(result, 0) end
  return result, failure
end

local function always() return true end

-- Runs fn(old, path, ...) with the file held; nil and `busy` when that cannot be had.
function recovery.hold(path, timeout, fn, ...)
  return held(path, timeout, always, fn, ...)
end

local function finish(_, _, path)
  local plan = quarantine.unfinished(path)
  if not plan then return false end -- another process did
  return quarantine.finish(path, plan)
end

-- Under which of its names whoever repairs a file holds it.
local function damaged_name(path)
  local plan = quarantine.unfinished(path)
  local name = plan and plan.quarantined
  return name and core.file_look(name) and name or path
end

--- Finishes what another process left unfinished.
---@param path string
---@param timeout integer
---@return table|false|nil plan
---@return moonbase.Error|nil err
function recovery.finish(path, timeout)
  local function is_unfinished() return quarantine.unfinished(path) ~= nil end
  return held(damaged_name(path), timeout, is_unfinished, finish, path)
end

local function is_foreign(old)
  local header = old:header()
  return header.sound and header.program ~= Engine.APPLICATION_ID
end

local function repair(old, path, now)
  if is_foreign(old) then
    return errors.fail("corrupt", "'" .. path .. "' is damaged, and not moonbase's to repair")
  end
  local tables, err = salvage.make(old, quarantine.new_path(path), now)
  if not tables then return nil, err end
  return quarantine.replace(path, tables, now)
end

--- Repairs a damaged file.
---@param path string      canonical
---@param identity string  of the file that was found damaged
---@param timeout integer  ms to wait for others to close it
---@param now integer
---@return moonbase.Recovery|false|nil  false: it is another file by now
---@return moonbase.Error|nil err  `busy`, `full`, `io`, `future_schema`, `corrupt` for a file of
---  another program
function recovery.repair(path, identity, timeout, now)
  local function is_same() return recovery.identity(path) == identity end
  return held(path, timeout, is_same, repair, now)
end

local function salvage_logged(old, path, now)
  if old:header().pages == 0 then return false end
  return repair(old, path, now)
end

--- Saves what a log holds whose file is missing or empty. One that has the file open is just making
--- it: `busy`.
---@param path string
---@param now integer
---@return moonbase.Recovery|false|nil  false: there is nothing in it
---@return moonbase.Error|nil err
function recovery.from_log(path, now)
  local function is_empty()
    local file = core.file_look(path)
    return not file or file.size == 0
  end
  return held(path, 0, is_empty, salvage_logged, now)
end

-- The index of messages is SQLite's own, and says that it is damaged when it is asked.
local ASK_INDEX = "SELECT rowid FROM message_text WHERE message_text MATCH 'a OR b' LIMIT 1"

-- Whether every document can be read: that it is JSON for SQL does not make its text UTF-8.
local DOCUMENTS = [[
  SELECT rowid AS "row", %s AS "value(json)" FROM %s WHERE rowid > $after ORDER BY rowid LIMIT 200]]

local function read_documents(engine, source)
  local sql, after = DOCUMENTS:format(source.column, source.table), -1
  while after do
    local rows, err = engine:rows(sql, after)
    if not rows then return nil, err end
    after = rows[1] and rows[#rows].row
  end
  return true
end

local function read_all_documents(engine)
  for _, source in ipairs(gc_sources.list) do
    if source.kind == "document" then
      local ok, err = read_documents(engine, source)
      if not ok then return nil, err end
    end
  end
  return true
end

local function inspect(engine)
  local ok, err = engine:exec "PRAGMA cell_size_check=ON"
  if ok then ok, err = schema.inspect(engine) end
  if ok then ok, err = integrity.run(engine) end
  if ok then ok, err = read_all_documents(engine) end
  if not ok then return nil, err end
  ok, err = engine:rows(ASK_INDEX)
  return ok ~= nil or nil, err
end

-- What damage makes of checks that count on what the schema says: an error of SQL, or of Lua.
local function as_damage(err)
  if type(err) == "table" then
    local of_sql = err.code == "internal" and err.sqlite and err.sqlite % 256 == 1
    local damaged = of_sql or err.code == "serialization"
    return damaged and core.error("corrupt", err.message) or err
  end
  if tostring(err):find "not enough memory$" then error(err, 0) end
  return core.error("corrupt", tostring(err))
end

-- Whether all of a file can be read and agrees with itself.
local function examine(path, timeout)
  local engine, err = Engine.open(path, { create = false, busy_timeout = timeout })
  if not engine then return nil, err end
  local returned, ok, failure = pcall(inspect, engine)
  engine:close()
  if returned and ok then return true end
  return nil, as_damage(returned and failure or ok)
end

local function refuse_open(path)
  if not connections.is_open(path) then return true end
  return errors.fail("busy", "'" .. path .. "' is open here; close it first")
end

local SOUND = { quarantined = false, tables = {} }

local function recover_once(path, timeout, now)
  local identity = recovery.identity(path)
  if quarantine.unfinished(path) then
    local plan, err = recovery.finish(path, timeout)
    if plan == nil then return nil, err end
    if plan and plan.quarantined then return plan end
  end
  if not identity then
    return errors.fail("not_found", "cannot repair '" .. path .. "': no such file")
  end
  local sound, err = examine(path, timeout)
  if sound then return SOUND end
  if err.code ~= "corrupt" then return nil, err end
  return recovery.repair(path, identity, timeout, now)
end

--- Repairs a file that nobody has open, when it is damaged.
---@param path string      canonical
---@param timeout integer
---@param now integer
---@return moonbase.Recovery|nil
---@return moonbase.Error|nil err
function recovery.recover(path, timeout, now)
  local ok, err = refuse_open(path)
  if not ok then return nil, err end
  for _ = 1, 3 do
    local result, failure = recover_once(path, timeout, now)
    if result then breaker.reset(path) end
    if result ~= false then return result, failure end
  end
  return errors.fail("busy", "'" .. path .. "' is being repaired by others")
end

return recovery
