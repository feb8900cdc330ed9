--- Stores for specs, whose clocks stand still.

local files = require "spec.support.files"
local moonbase = require "moonbase"

local stores = {}

local opened = setmetatable({}, { __mode = "k" })

--- A store on a file or in memory, its clock at 1000 until `clock.now` is set, and that clock. Not
--- durable unless `options` say so: what fails is not the power.
---@param path? string
---@param options? table  for moonbase.open
---@param clock? { now: integer }  that of another store, for one that goes by the same
---@return moonbase.Store
---@return { now: integer } clock
function stores.open(path, options, clock)
  clock = clock or { now = 1000 }
  local all = { clock = function() return clock.now end, durability = "off" }
  for name, value in pairs(options or {}) do all[name] = value end
  local store = assert(moonbase.open(path or ":memory:", all))
  opened[store] = true
  return store, clock
end

--- The path of a new file that has an empty store in it, closed.
---@return string path
function stores.file()
  local path = files.database()
  assert(assert(moonbase.open(path)):close())
  return path
end

--- For after_each: closes what `stores.open` opened, and removes what `files` made.
function stores.cleanup()
  for store in pairs(opened) do store:close() end
  opened = setmetatable({}, { __mode = "k" })
  files.cleanup()
end

--- How many rows a table holds.
---@param store moonbase.Store
---@param name string
---@return integer
function stores.rows(store, name)
  return assert(store.context.engine:value("SELECT count(*) FROM " .. name))
end

return stores
