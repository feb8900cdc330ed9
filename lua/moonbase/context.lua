--- What every part of a store is built from: the engine, the scope whose rows it
--- may see, the clock, the source of ids, and whether it may write.

local blob_touches = require "moonbase.blob_touches"
local core = require "moonbase.core"
local errors = require "moonbase.errors"

---@class moonbase.Context
---@field engine moonbase.Engine
---@field scope_name string
---@field clock fun(): integer      ms since the epoch
---@field make_id fun(ms: integer): string
---@field readonly boolean
---@field compress string              the option of that name
---@field gc_every? integer            commits between two collections of garbage
---@field on_event? fun(kind: string, info: table)
---@field embedder? moonbase.Embedder  the one that the handle was opened with
local Context = {}
Context.__index = Context

--- The scope that no row has: what reads use before the scope's first write.
local NO_SCOPE = 0

local FIELDS = { "engine", "scope_name", "clock", "make_id", "readonly", "compress", "gc_every",
  "on_event", "embedder" }

---@param fields table  engine, scope_name, and the others where they are not the default
---@return moonbase.Context
function Context.new(fields)
  return setmetatable({
    engine = fields.engine,
    scope_name = fields.scope_name,
    clock = fields.clock or core.now,
    make_id = fields.make_id or core.uuid7,
    readonly = fields.readonly or false,
    compress = fields.compress or "balanced",
    gc_every = fields.gc_every,
    on_event = fields.on_event,
    embedder = fields.embedder,
    scope_id = fields.scope_name == "default" and 1 or nil,
  }, Context)
end

--- A copy with some fields replaced.
---@param changes table
---@return moonbase.Context
function Context:with(changes)
  local fields = {}
  for _, name in ipairs(FIELDS) do
    fields[name] = changes[name] == nil and self[name] or changes[name]
  end
  return Context.new(fields)
end

--- The time.
---@return integer ms since the epoch
function Context:now()
  return self.clock()
end

--- Tells the user's `on_event` what happened beside the call. What that raises is lost: the call
--- has done its work and says so.
---@param kind string
---@param info table
function Context:tell(kind, info)
  if self.on_event then pcall(self.on_event, kind, info) end
end

--- A new id.
---@return string
function Context:new_id()
  return self.make_id(self.clock())
end

-- A scope that an open transaction may still undo is not remembered.
local function find_scope(self)
  local id, err = self.engine:value("SELECT id FROM scopes WHERE name = $name", self.scope_name)
  if id and not self.engine:in_transaction() then self.scope_id = id end
  return id, err
end

--- The number of the scope, for reading.
---@return integer?, moonbase.Error?
function Context:scope()
  if self.scope_id then return self.scope_id end
  local id, err = find_scope(self)
  if err then return nil, err end
  return id or NO_SCOPE
end

--- The number of the scope, for writing; made on the first write. Inside `write`.
---@return integer?, moonbase.Error?
function Context:write_scope()
  if self.scope_id then return self.scope_id end
  local id, err = find_scope(self)
  if id or err then return id, err end
  return self.engine:value("INSERT INTO scopes (name) VALUES ($name) RETURNING id", self.scope_name)
end

local function settle(engine, first, second, ...)
  if first == nil and second ~= nil then return nil, second, ... end
  local ok, err = blob_touches.add_named(engine)
  if not ok then return nil, err end
  return first, second, ...
end

local function run(engine, fn, ...)
  return settle(engine, fn(...))
end

--- Whether the store can be used, for calls that have nothing to do in it. Raises where it is
--- closed, or the transaction has ended.
---@return true|nil
---@return moonbase.Error|nil err  `forked`, `timeout`
function Context:may_use()
  local _, err = self.engine:in_transaction()
  if err then return nil, err end
  return true
end

--- Whether the handle may write; for calls that have much to do before they do.
---@return true|nil
---@return moonbase.Error|nil err  `readonly`
function Context:may_write()
  local ok, err = self:may_use()
  if not ok then return nil, err end
  if not self.readonly then return true end
  return errors.fail("readonly", "this handle was opened for reading only")
end

--- Runs fn(...) as one atomic write; see Engine:atomic.
---@param fn function
function Context:write(fn, ...)
  if self.readonly then return self:may_write() end
  if not self.scope_id then
    local _, err = self:scope() -- outside the transaction it can be remembered
    if err then return nil, err end
  end
  return self.engine:atomic(run, self.engine, fn, ...)
end

return Context
