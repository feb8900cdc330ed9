--- What every part of a store is built from: the engine, the scope whose rows it
--- may see, the clock, the source of ids, and whether it may write.

local core = require "moonbase.core"
local errors = require "moonbase.errors"

---@class moonbase.Context
---@field engine moonbase.Engine
---@field scope_name string
---@field clock fun(): integer      ms since the epoch
---@field make_id fun(ms: integer): string
---@field readonly boolean
---@field compress string              the option of that name
local Context = {}
Context.__index = Context

--- The scope that no row has: what reads use before the scope's first write.
local NO_SCOPE = 0

---@param fields table  engine, scope_name, clock?, make_id?, readonly, compress
---@return moonbase.Context
function Context.new(fields)
  return setmetatable({
    engine = fields.engine,
    scope_name = fields.scope_name,
    clock = fields.clock or core.now,
    make_id = fields.make_id or core.uuid7,
    readonly = fields.readonly or false,
    compress = fields.compress or "balanced",
    scope_id = fields.scope_name == "default" and 1 or nil,
  }, Context)
end

--- A copy with some fields replaced.
---@param changes table
---@return moonbase.Context
function Context:with(changes)
  local fields = {}
  for _, name in ipairs { "engine", "scope_name", "clock", "make_id", "readonly", "compress" } do
    fields[name] = changes[name] == nil and self[name] or changes[name]
  end
  return Context.new(fields)
end

--- The time.
---@return integer ms since the epoch
function Context:now()
  return self.clock()
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

--- Runs fn(...) as one atomic write; see Engine:atomic.
---@param fn function
function Context:write(fn, ...)
  if self.readonly then
    return errors.fail("readonly", "this handle was opened for reading only")
  end
  if not self.scope_id then
    local _, err = self:scope() -- outside the transaction it can be remembered
    if err then return nil, err end
  end
  return self.engine:atomic(fn, ...)
end

return Context
