--- Making a file that nobody sees before it is complete: it is made under another name, so that
-- whatever ends the making, there is nothing at its path.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"

local new_file = {}

-- Refuses a path that something has, before any work is done for it. A log without its file, were
-- it left there, would be taken for the new file's.
local function check_free(path)
  for _, suffix in ipairs { "", "-wal", "-journal" } do
    if core.file_look(path .. suffix) then
      return errors.fail("exists", "'" .. path .. suffix .. "' exists already")
    end
  end
  return true
end

local function check_path(path)
  local ok, err = check.path(path)
  if not ok then return nil, err end
  if path == ":memory:" then return errors.invalid("path", "must be that of a file") end
  return core.canonical_path(path)
end

local function discard(temporary)
  for _, suffix in ipairs { "", "-journal", "-wal", "-shm" } do os.remove(temporary .. suffix) end
end

-- Gives the file its name, unless something has taken that meanwhile. Where a file cannot have two
-- names (some network file systems), somebody may take it between the look and the renaming.
local function publish(temporary, path)
  local ok, err = core.file_link(temporary, path)
  if ok then
    os.remove(temporary)
  elseif err.code ~= "exists" and not core.file_look(path) then
    ok, err = core.file_rename(temporary, path)
  end
  if not ok then return nil, err end
  return core.file_sync(path:match("^(.*/)[^/]*$") or ".")
end

local function settle(temporary, path, returned, ok, err)
  if returned and ok then ok, err = publish(temporary, path) end
  if not returned or not ok then discard(temporary) end
  if not returned then error(ok, 0) end
  return ok, err
end

--- Makes the file at a path.
---@param path string
---@param make function  make(temporary, ...) makes a file of that name, complete and closed; gives
---  nil and an error when it cannot
---@return true|nil
---@return moonbase.Error|nil err  `exists`, `invalid`, or what make gave
function new_file.make(path, make, ...)
  local target, ok, err
  target, err = check_path(path)
  if target then ok, err = check_free(target) end
  if not ok then return nil, err end
  local temporary = target .. "." .. core.uuid7() .. ".part"
  return settle(temporary, target, pcall(make, temporary, ...))
end

return new_file
