--- What runs in a thread of nginx for moonbase.resty: one call of a store that this Lua state,
-- which is the thread's own, keeps open.

local check = require "moonbase.check"
local core = require "moonbase.core"

local job = { null = core.null }

local stores = {} -- by path and options

local function store_of(path, options)
  local key = path .. "\0" .. (core.encode(options, "options") or "")
  if stores[key] then return stores[key] end
  local store, err = require("moonbase").open(path, options)
  stores[key] = store
  return store, err
end

-- What they give, or do, belongs to the thread.
local NOT_HERE = check.set("begin close scope transaction view")

-- The function of that name and what it is a method of.
local function find(store, name)
  local part, method = name:match("^(%l+)%.([%l_]+)$")
  local object = store
  if part then object = store[part] else method = name:match("^[%l_]+$") end
  local fn = object and method and not NOT_HERE[method] and object[method]
  if type(fn) == "function" then return fn, object end
  return nil, "bad argument 'name': '" .. name .. "' cannot be called in a thread"
end

-- As a thread can give it back: without a metatable.
local function plain(err)
  if type(err) ~= "table" then return err end
  local fields = {}
  for key, value in pairs(err) do
    if type(value) ~= "function" and type(value) ~= "userdata" then fields[key] = value end
  end
  return fields
end

local function answer(ok, ...)
  local first, second = ...
  if not ok then return { raised = plain(first) } end
  if first == nil and type(second) == "table" then return { err = plain(second) } end
  return { n = select("#", ...), ... }
end

local unpack = table.unpack or unpack -- luacheck: ignore

--- Calls a function of the store.
---@param path string
---@param options table    of moonbase.open
---@param name string      "gc", "memory.search"
---@param arguments table  with their number as `n`
---@return table  results with their number as `n`, or `err`, or `raised`
function job.call(path, options, name, arguments)
  local store, err = store_of(path, options)
  if not store then return { err = plain(err) } end
  local fn, object = find(store, name)
  if not fn then return { raised = { code = "invalid", message = object } } end
  return answer(pcall(fn, object, unpack(arguments, 1, arguments.n)))
end

return job
