--- moonbase: the whole state of an AI agent in one file.

local core = require "moonbase.core"
local backup = require "moonbase.backup"
local check = require "moonbase.check"
local connections = require "moonbase.connections"
local Context = require "moonbase.context"
local embed = require "moonbase.embed"
local errors = require "moonbase.errors"
local export = require "moonbase.export"
local gc = require "moonbase.gc"
local import = require "moonbase.import"
local integrity = require "moonbase.integrity"
local open_transactions = require "moonbase.open_transactions"
local opening = require "moonbase.opening"
local recovery = require "moonbase.recovery"
local stats = require "moonbase.stats"
local transaction = require "moonbase.transaction"

local moonbase = {
  _VERSION = core.versions().moonbase,
  null = core.null,
}

-- OpenResty's cjson has marks of its own for arrays; Debian's has none.
local has_cjson, cjson = pcall(require, "cjson")
if has_cjson then
  for _, name in ipairs { "array_mt", "empty_array_mt" } do
    if type(cjson[name]) == "table" then core.array_metatable(cjson[name]) end
  end
end

--- A store: one open handle on a database file, seen through one scope.
---@class moonbase.Store
---@field threads moonbase.Threads
---@field runs moonbase.Runs
---@field checkpoints moonbase.Checkpoints
---@field events moonbase.Events
---@field leases moonbase.Leases
---@field jobs moonbase.Jobs
---@field kv moonbase.Kv
---@field flows moonbase.Flows
---@field sessions moonbase.Sessions
---@field blobs moonbase.Blobs
---@field artifacts moonbase.Artifacts
---@field specs moonbase.Specs
---@field profiles moonbase.Profiles
---@field vectors moonbase.Vectors
---@field memory moonbase.MemoryPart
---@field transactions moonbase.Transactions
---@field graph moonbase.Graph
---@field context moonbase.Context
local Store = {}

local PARTS = {
  threads = "moonbase.threads",
  runs = "moonbase.runs",
  checkpoints = "moonbase.checkpoints",
  events = "moonbase.events",
  leases = "moonbase.leases",
  jobs = "moonbase.jobs",
  kv = "moonbase.kv",
  flows = "moonbase.flows",
  blobs = "moonbase.blobs",
  artifacts = "moonbase.artifacts",
  sessions = "moonbase.sessions",
  specs = "moonbase.specs",
  profiles = "moonbase.profiles",
  vectors = "moonbase.vectors",
  graph = "moonbase.graph",
  transactions = "moonbase.transactions",
  memory = "moonbase.memory",
}

local function store_index(self, key)
  local method = Store[key]
  if method then return method end
  local part = PARTS[key]
  if not part then return nil end
  local made = require(part).new(self.context)
  rawset(self, key, made)
  return made
end

local function store_tostring(self)
  local handle = self.handle
  return string.format("moonbase.store (%s, %s)", handle.path, handle.closed and "closed" or "open")
end

local store_metatable = {
  __index = store_index,
  __tostring = store_tostring,
  __close = function(self) self:close() end,
  __name = "moonbase.store",
}

local function new_store(handle, context)
  return setmetatable({ handle = handle, context = context }, store_metatable)
end

--- The same store seen through another engine object (a transaction's).
function Store:view(engine)
  return new_store(self.handle, self.context:with { engine = engine })
end

--- A view of the store in which only one scope's (tenant's) rows exist.
--- It shares the connection, the open transaction and the life of this handle.
---@param name string
---@return moonbase.Store?, moonbase.Error?
function Store:scope(name)
  local ok, err = check.id("scope", name)
  if ok then ok, err = self.context:may_use() end
  if not ok then return nil, err end
  return new_store(self.handle, self.context:with { scope_name = name })
end

local TRANSACTION_RULES = { { "timeout", check.duration }, { "label", check.text } }

-- The options of a transaction in their normal form.
local function transaction_options(store, name, options)
  options = check.options(name, options, { timeout = "number", label = "string" })
  local values, err = check.fields(options, TRANSACTION_RULES)
  if not values then return nil, err end
  local ok
  ok, err = store.context:may_write()
  return ok and values, err
end

--- Runs fn(tx): commits when it returns, rolls back when it raises (and raises the
--- same value again) or returns nil and an error. Nested calls are savepoints.
---@param options? table  timeout: ms to wait for the write lock, default busy_timeout; label: text,
---  for the log
---@param fn fun(tx: moonbase.Tx): ...
---@return any ...  what fn returned; nil and the error when it cannot be begun or committed
---@overload fun(self, fn: fun(tx: moonbase.Tx): ...): ...
function Store:transaction(options, fn)
  if fn == nil then options, fn = nil, options end
  check.type("fn", fn, "function")
  local values, err = transaction_options(self, "transaction", options)
  if not values then return nil, err end
  return transaction.run(self, values, fn)
end

--- Takes the write lock and gives a transaction: commit(), rollback(), savepoint(), enlist(),
--- write_set(), status(), id, and every part of the store.
---@param options? table  timeout: ms to wait for the write lock, default busy_timeout; label: text,
---  for the log
---@return moonbase.Tx? tx, moonbase.Error?
function Store:begin(options)
  local values, err = transaction_options(self, "begin", options)
  if not values then return nil, err end
  return transaction.begin(self, values)
end

--- Removes the blobs of this scope that nothing names: no document, no artifact, no session's
--- checkpoint. In one transaction.
---@param options? table  dry_run: only tell what would be; max_ms: in several transactions of about
---  that long, others may write in between; all_scopes: of every scope of the file
---@return moonbase.gc.Report|nil  { roots, retained, deleted, bytes_freed }
---@return moonbase.Error|nil err  `corrupt` when what might name blobs cannot be read
function Store:gc(options)
  return gc.run(self.context, options)
end

--- Gives the space of what was deleted back to the file system, and leaves nothing of it in the
--- file or the log beside it. Others may write in between; for the last part nobody may read.
--- Outside any transaction.
---@return true|nil
---@return moonbase.Error|nil err  `busy`, `readonly`, `full`
function Store:vacuum()
  local context = self.context
  if context.engine:in_transaction() then
    errors.raise("invalid", "vacuum cannot run inside a transaction")
  end
  local ok, err = context:may_write()
  if not ok then return nil, err end
  return context.engine:vacuum()
end

--- Copies the store, as it is now, into a new file; others may write meanwhile. Not inside a
--- transaction.
---@param path string
---@param options? { progress: fun(done: integer, total: integer) }  told of pages
---@return true|nil
---@return moonbase.Error|nil err  `exists`, `not_found` for a missing folder, `full`, `io`
function Store:backup(path, options)
  return backup.run(self.context.engine, path, options)
end

--- Whether the store agrees with itself, from the pages of the file to what one part says of
--- another. Reads all of it.
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`, with `problems`: an array of lines, all that was found
function Store:check()
  return integrity.run(self.context.engine)
end

--- How large the store is, and what takes the room.
---@return moonbase.Stats|nil      { path, bytes, wal_bytes, page_size, parts, statements }
---@return moonbase.Error|nil err
function Store:stats()
  return stats.read(self.context.engine)
end

--- Writes every row of every part and scope, as they are now, as lines of JSON; see docs/care.md.
---@param writer fun(line: string): any, any  takes a line without its end; stops the export where
---  it gives nil and a reason
---@return true|nil
---@return moonbase.Error|nil err  `io`, `corrupt`
function Store:export(writer)
  check.type("writer", writer, "function")
  return export.run(self.context.engine, writer)
end

--- Closes the handle; the file when it is the last one. A transaction that was begun on it and is
--- still open is rolled back. Idempotent.
---@return true|nil, moonbase.Error?
function Store:close()
  local handle = self.handle
  if handle.closed then return true end
  handle.closed = true
  if handle.key then connections.remove(handle.key, handle.engine) end
  open_transactions.close(handle.engine)
  return handle.engine:close()
end

local OPTIONS = {
  durability = "string", journal = "string", busy_timeout = "number", readonly = "boolean",
  create = "boolean", shared = "boolean", scope = "string", clock = "function",
  new_id = "function", embed = "table", compress = "string", gc = "table", on_event = "function",
}

local CHOICES = {
  durability = { full = true, normal = true, off = true },
  journal = { wal = true, truncate = true },
  compress = { latency = true, balanced = true, compact = true },
}

local DEFAULTS = {
  durability = "full", journal = "wal", compress = "balanced", busy_timeout = 5000,
  readonly = false, create = true, shared = true, scope = "default",
}

local function complete(options)
  check.options("open", options, OPTIONS)
  local full = {}
  for name, value in pairs(DEFAULTS) do full[name] = value end
  for name, value in pairs(options) do full[name] = value end
  for name, choices in pairs(CHOICES) do check.choice(name, full[name], choices) end
  check.options("gc", full.gc, { every_commits = "number" })
  return full
end

-- What a user's function raises is lost: opening goes on.
local function teller(on_event)
  return function(kind, info)
    if on_event then pcall(on_event, kind, info) end
  end
end

--- Opens a store, making the file if it is missing.
---@param path string  a file, or ":memory:" for a private store without one
---@param options? table  durability, journal, busy_timeout, readonly, create, shared, scope, clock,
---  new_id, embed, compress, gc, on_event; see docs/opening.md
---@return moonbase.Store?, moonbase.Error?  not_found, denied, readonly, io, corrupt, invalid,
---  future_schema, busy, breaker_open
function moonbase.open(path, options)
  check.type("path", path, "string")
  options = complete(options or {})
  local ok, err = check.path(path)
  if ok then ok, err = check.id("scope", options.scope) end
  if ok then ok, err = check.duration("busy_timeout", options.busy_timeout) end
  if ok and options.gc and options.gc.every_commits then
    ok, err = check.positive("gc.every_commits", options.gc.every_commits)
  end
  if ok and options.embed then ok, err = embed.check("embed", options.embed) end
  if not ok then return nil, err end
  local clock = check.clock(options.clock)
  local engine, failure, key = opening.acquire(path, options, clock(), teller(options.on_event))
  if not engine then return nil, failure end
  local context = Context.new {
    engine = engine, scope_name = options.scope, clock = clock,
    make_id = options.new_id, readonly = options.readonly, compress = options.compress,
    gc_every = options.gc and options.gc.every_commits, on_event = options.on_event,
    embedder = options.embed,
  }
  return new_store({ engine = engine, key = key, path = engine.path }, context)
end

--- Repairs a file that nobody has open: what can be read is in a new one then, and the damaged one
--- beside it under another name. A sound file is left as it is.
---@param path string
---@return moonbase.Recovery|nil  { quarantined = its name, or false for a sound file,
---  tables = { name = { saved, lost } } }
---@return moonbase.Error|nil err  `not_found`, `busy` while it is open, `full`, `io`
function moonbase.recover(path)
  check.type("path", path, "string")
  local ok, err = check.path(path)
  local key
  if ok then key, err = core.canonical_path(path) end
  if not key then return nil, err end
  return recovery.recover(key, DEFAULTS.busy_timeout, core.now())
end

--- Makes a store from the lines that store:export wrote.
---@param reader fun(): string|nil  gives a line at a time, then nil
---@param path string               of a file that does not exist yet
---@return true|nil
---@return moonbase.Error|nil err  `exists`; `invalid` for something else than an export;
---  `future_schema`; `corrupt` (`line`) for one that is damaged or cut off. Then there is no file.
function moonbase.import(reader, path)
  check.type("reader", reader, "function")
  check.type("path", path, "string")
  return import.run(reader, path, core.now())
end

--- Marks a table as a JSON array, so that it stays one when empty.
---@param t table
---@return table t
moonbase.array = core.array

--- Embedders for the option `embed`: `embed.hash{dim?}`, `embed.http{url, model, dim, ...}`.
moonbase.embed = embed

--- What an error object is made from; `errors.new(code, message)`.
moonbase.errors = errors

return moonbase
