--- Puts a new file in the place of a damaged one, which goes aside with all that lay beside it.
-- Several names change, and a crash may come between any two of them. So what is to be done is
-- written down before, in a file that everybody looks for who opens a store: whoever finds it
-- finishes the work. All of it is done by the one process that holds the damaged file.

local core = require "moonbase.core"

local quarantine = {}

local SUFFIXES = { "-wal", "-journal", "-shm" }

--- Where the new file is made, beside the one that it is for.
---@param path string
---@return string
function quarantine.new_path(path)
  return path .. "-salvaged"
end

local function note_path(path)
  return path .. "-recovering"
end

local function folder_of(path)
  local folder = path:match "^(.*)/[^/]*$"
  return folder == "" and "/" or folder or "."
end

local function stamp_of(now)
  local ok, stamp = pcall(os.date, "!%Y%m%dT%H%M%SZ", math.floor(now / 1000))
  return ok and stamp or "unknown"
end

--- A name of its own for what goes aside.
---@param path string
---@param kind string  what the name says of it
---@param now integer
---@return string
function quarantine.name(path, kind, now)
  local base = ("%s.%s-%s"):format(path, kind, stamp_of(now))
  local name, n = base, 1
  local function taken()
    if core.file_look(name) then return true end
    for _, suffix in ipairs(SUFFIXES) do
      if core.file_look(name .. suffix) then return true end
    end
  end
  while taken() do
    n = n + 1
    name = base .. "-" .. n
  end
  return name
end

--- What was written down and not finished: `{ quarantined, tables }`. Nil when there is nothing.
---@param path string
---@return table|nil
function quarantine.unfinished(path)
  local file = io.open(note_path(path), "rb")
  if not file then return nil end
  local plan = core.decode(file:read "*a" or "")
  file:close()
  -- One that is not whole was never begun.
  return type(plan) == "table" and type(plan.quarantined) == "string" and plan or {}
end

local function write_note(path, plan)
  local text, err = core.encode(plan, "plan")
  if not text then return nil, err end
  local file, why = io.open(note_path(path), "wb")
  if not file then return nil, core.error("io", why) end
  local written, failure = file:write(text)
  local closed = file:close()
  if not written or not closed then return nil, core.error("io", failure or "cannot write") end
  local ok
  ok, err = core.file_sync(note_path(path))
  if not ok then return nil, err end
  return core.file_sync(folder_of(path))
end

local function move_if_there(from, to)
  if not core.file_look(from) then return true end
  return core.file_rename(from, to)
end

-- Where names cannot be added, there is for a moment no file of that name; the note says why.
local function set_aside(path, name)
  if core.file_look(name) or not core.file_look(path) then return true end
  local ok = core.file_link(path, name)
  if ok then return true end
  return core.file_rename(path, name)
end

local function exchange(path, plan)
  local new = quarantine.new_path(path)
  if not core.file_look(new) then return true end
  for _, suffix in ipairs(SUFFIXES) do
    local ok, err = move_if_there(path .. suffix, plan.quarantined .. suffix)
    if not ok then return nil, err end
  end
  local ok, err = set_aside(path, plan.quarantined)
  if ok then ok, err = core.file_rename(new, path) end
  if not ok then return nil, err end
  return core.file_sync(folder_of(path))
end

--- Finishes what was written down. The damaged file is held.
---@param path string
---@param plan table
---@return table|nil plan
---@return moonbase.Error|nil err
function quarantine.finish(path, plan)
  if not plan.quarantined then
    os.remove(quarantine.new_path(path))
  else
    local ok, err = exchange(path, plan)
    if not ok then return nil, err end
  end
  os.remove(note_path(path))
  local ok, err = core.file_sync(folder_of(path))
  if not ok then return nil, err end
  return plan
end

--- Puts the new file in the place of the damaged one, which is held.
---@param path string
---@param tables table  what was saved and lost
---@param now integer
---@return table|nil plan  { quarantined, tables }
---@return moonbase.Error|nil err
function quarantine.replace(path, tables, now)
  local plan = { quarantined = quarantine.name(path, "corrupt", now), tables = tables }
  local ok, err = core.file_resemble(quarantine.new_path(path), path)
  if ok then ok, err = write_note(path, plan) end
  if not ok then
    os.remove(note_path(path))
    os.remove(quarantine.new_path(path))
    return nil, err
  end
  return quarantine.finish(path, plan)
end

return quarantine
