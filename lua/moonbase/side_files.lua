--- What lies beside a database file and keeps it from being opened: a log or an index of it that a
-- crash, a copy or another program left. What may hold commits is brought into the file, else set
-- aside, never removed; and nothing is touched that another process could be using.

local core = require "moonbase.core"
local Engine = require "moonbase.engine.sqlite"
local quarantine = require "moonbase.quarantine"
local recovery = require "moonbase.recovery"

local side_files = {}

-- SQLite's results when it is not the file itself that cannot be used: it cannot be opened, or not
-- truncated; shared memory cannot be opened, sized or mapped; a page mapped into memory is gone.
local RESULTS = { [1546] = true, [4618] = true, [4874] = true, [5386] = true, [8714] = true }
local CANTOPEN = 14

local SUFFIXES = { "-wal", "-journal", "-shm" }

-- Whether something beside the file is no file.
local function has_misfit(path)
  for _, suffix in ipairs(SUFFIXES) do
    local found = core.file_look(path .. suffix)
    if found and not found.plain then return true end
  end
  return false
end

--- Whether something beside the file may be why it could not be opened.
---@param path string
---@param err moonbase.Error
---@return boolean
function side_files.may_explain(path, err)
  local result = err.sqlite
  if not result then return false end
  return RESULTS[result] or result % 256 == CANTOPEN or has_misfit(path)
end

-- Without shared memory: a process that has the file for itself needs none.
local CHECKPOINT = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA wal_checkpoint(TRUNCATE)"

-- Brings what the log holds into the file. True when nothing is left in it.
local function checkpoint(path, timeout)
  local engine = Engine.open(path, { create = false, busy_timeout = timeout })
  if not engine then return false end
  engine:exec(CHECKPOINT)
  engine:close()
  local log = core.file_look(path .. "-wal")
  return not log or (log.plain and log.size == 0)
end

local function set_aside(path, suffix, now, moved)
  local name = quarantine.name(path .. suffix, "quarantine", now)
  if core.file_rename(path .. suffix, name) then moved[#moved + 1] = name end
end

local function clear(_, path, now, logged)
  local moved = {}
  local log, journal, index = core.file_look(path .. "-wal"), core.file_look(path .. "-journal"),
    core.file_look(path .. "-shm")
  if log and not (logged and log.plain) then set_aside(path, "-wal", now, moved) end
  if journal and not journal.plain then set_aside(path, "-journal", now, moved) end
  if index and not index.plain then
    set_aside(path, "-shm", now, moved)
  elseif index then
    os.remove(path .. "-shm")
  end
  return (log or journal or index) and moved or false
end

local function set_foreign_aside(old, path, now)
  local moved = {}
  if not old:header().foreign then return moved end
  for _, suffix in ipairs { "-wal", "-journal" } do
    if core.file_look(path .. suffix) then set_aside(path, suffix, now, moved) end
  end
  return moved
end

--- Sets a log aside that belongs to another file, as far as that can be seen: its pages are of
--- another size, or the first one of another program. SQLite would write it into this one.
---@param path string  canonical
---@param now integer
---@return string[] moved
function side_files.refuse_foreign(path, now)
  local log = core.file_look(path .. "-wal") or core.file_look(path .. "-journal")
  if not log or not log.plain or log.size == 0 or not core.file_look(path) then return {} end
  return recovery.hold(path, 0, set_foreign_aside, now) or {} -- others have it open: it is theirs
end

--- Makes way for opening a file.
---@param path string      canonical
---@param timeout integer  ms to wait for others to close it
---@param now integer
---@return string[]|false moved  names of what was set aside; false when nothing was done
function side_files.clear(path, timeout, now)
  if not core.file_look(path) then return false end
  local logged = not core.file_look(path .. "-wal") or checkpoint(path, timeout)
  return recovery.hold(path, timeout, clear, now, logged) or false
end

return side_files
