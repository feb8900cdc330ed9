--- Copying a store into another file while it is in use.
-- The copy is of one moment, that at which it began; others go on writing.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local file_view = require "moonbase.file_view"
local new_file = require "moonbase.new_file"

local backup = {}

--- Pages between two calls of `progress`.
local PAGES = 256

local function copy_pages(copy, progress)
  repeat
    local left, total = copy:step(PAGES)
    if not left then return nil, total end
    if progress then progress(total - left, total) end
  until left == 0
  return true
end

local function finish(copy, returned, ok, err)
  copy:finish()
  if not returned then error(ok, 0) end
  return ok, err
end

local function copy_into(engine, temporary, progress)
  local copy, err = core.copy(engine.connection, temporary)
  if not copy then return nil, err end
  return finish(copy, pcall(copy_pages, copy, progress))
end

-- What changes in memory meanwhile changes in the copy too, so no view is needed there.
local function make(temporary, engine, progress)
  if engine.path == ":memory:" then return copy_into(engine, temporary, progress) end
  return file_view.run(engine, copy_into, temporary, progress)
end

--- Copies the store of an engine into a new file.
---@param engine moonbase.Engine
---@param path string
---@param options? { progress: fun(done: integer, total: integer) }  told of pages
---@return true|nil
---@return moonbase.Error|nil err  `exists`, `not_found` for a missing folder, `full`, `io`
function backup.run(engine, path, options)
  options = check.options("options", options, { progress = "function" })
  if engine:in_transaction() then
    errors.raise("invalid", "backup cannot run inside a transaction")
  end
  return new_file.make(path, make, engine, options.progress)
end

return backup
