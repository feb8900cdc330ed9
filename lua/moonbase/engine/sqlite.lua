--- The seam to the database engine: SQLite.
-- Parts speak SQL to an engine object through the few calls below and know
-- nothing else of it. An engine for another database would answer the same calls.
--
-- Parameters are positional and written `$name`, `$name(json)` (any Lua value,
-- stored as JSON) or `$name(blob)`; columns are named `AS "name"`, `"name(json)"`,
-- `"name(boolean)"`, or `"table.field"` for a field inside an earlier column.

local core = require "moonbase.core"
local errors = require "moonbase.errors"
local pause = require "moonbase.pause"

---@class moonbase.Engine
---@field connection userdata  moonbase.core's connection
---@field path string          the file, or ":memory:"
---@field readonly boolean     the file cannot be written through this connection
---@field busy_timeout number  ms to wait for a lock
---@field shared table         what all handles of the connection have in common
local Engine = {}
Engine.__index = Engine

-- "moon" in the file header tells our files from other SQLite databases.
local APPLICATION_ID = 0x6d6f6f6e
Engine.APPLICATION_ID = APPLICATION_ID

local SYNCHRONOUS = { full = "FULL", normal = "NORMAL", off = "OFF" }
-- The value of auto_vacuum for which pages are given back when asked for.
local INCREMENTAL = 2

local FREE_PAGES = "PRAGMA freelist_count"
local GIVE_BACK = "PRAGMA incremental_vacuum(2000)" -- pages in one transaction

local JOURNAL = { wal = "WAL", truncate = "TRUNCATE" }

--- Opens a file; nothing is written to it yet.
---@param path string
---@param options table  readonly, create, busy_timeout
---@return moonbase.Engine?, moonbase.Error?
function Engine.open(path, options)
  local class = pause.on_event_loop() and require "moonbase.engine.patient" or Engine
  local connection, err = class.connect(path, options)
  if not connection then return nil, err end
  return setmetatable({
    connection = connection, path = path, readonly = options.readonly or false,
    busy_timeout = options.busy_timeout, shared = {},
  }, class)
end

--- Makes the connection.
---@param path string
---@param options table
---@return userdata? connection, moonbase.Error?
function Engine.connect(path, options)
  return core.open(path, options)
end

--- A second object on the same connection, for another handle.
---@return moonbase.Engine
function Engine:share()
  return setmetatable({
    connection = self.connection:share(), path = self.path, readonly = self.readonly,
    busy_timeout = self.busy_timeout, shared = self.shared,
  }, getmetatable(self))
end

--- Whether the file does not bear its name any more: it was replaced, renamed or removed.
---@return boolean|nil moved
---@return moonbase.Error|nil err  `forked`
function Engine:moved()
  return self.connection:moved()
end

--- Gives up this object's share of the connection. Idempotent.
---@return true|nil, moonbase.Error?
function Engine:close()
  return self.connection:close()
end

--- The version of the schema in the file, 0 for an empty one. Another program's
--- database is `invalid`.
---@return integer?, moonbase.Error?
function Engine:schema_version()
  local found, err = self:row [[
    SELECT user_version AS "version", application_id AS "application",
               (SELECT count(*) FROM sqlite_schema) AS "objects"
    FROM pragma_user_version, pragma_application_id]]
  if not found then return nil, err end
  if found.application ~= APPLICATION_ID and (found.version ~= 0 or found.objects > 0) then
    return errors.invalid("path", "names a database that is not moonbase's: " .. self.path)
  end
  return found.version
end

-- Runs fn(...) until it finds nobody in the way, or the time is over: for what fails at once,
-- however long the connection would wait for a lock.
local function patiently(timeout, fn, ...)
  local deadline = core.monotonic() + timeout
  while true do
    local ok, err = fn(...)
    if ok or err.code ~= "busy" or core.monotonic() >= deadline then return ok, err end
    if not pause.for_lock(2) then return nil, err end
  end
end

--- Sets how the file is written. The journal mode is part of the file, so this
--- comes after the version is known to be ours.
---@param options table  durability, journal, busy_timeout
---@param fresh? boolean  the file has no schema yet
---@return true|nil, moonbase.Error?
function Engine:configure(options, fresh)
  -- Deleted rows are overwritten, which made appends and deletions 2 to 3 % slower.
  local script = "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32768;"
    .. "PRAGMA cell_size_check=ON; PRAGMA secure_delete=ON;"
    .. "PRAGMA synchronous=" .. SYNCHRONOUS[options.durability] .. ";"
  -- Space can then be given back bit by bit, for which appends were not measurably slower. Said
  -- again later it would be a write, and wait for writers, at every open.
  if fresh then script = script .. "PRAGMA auto_vacuum=INCREMENTAL;" end
  if not self.readonly and self.path ~= ":memory:" then
    script = script .. "PRAGMA journal_mode=" .. JOURNAL[options.journal] .. ";"
  end
  -- Another process that opens the file too may be changing the journal mode.
  return patiently(options.busy_timeout, self.connection.exec, self.connection, script)
end

-- Moves pages from the end of the file into free ones, a few at a time: others may write in
-- between, and free more.
local function give_pages_back(engine)
  local free, err = engine:value(FREE_PAGES)
  while free and free > 0 do
    local before = free
    local ok
    ok, err = engine:exec(GIVE_BACK)
    if not ok then return nil, err end
    free, err = engine:value(FREE_PAGES)
    if free and free >= before then break end
  end
  if not free then return nil, err end
  return true
end

local CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"

-- The version is written again, unchanged: by that others learn that what they have of the file in
-- memory is out of date.
local function wipe(connection)
  local version, err = connection:value "PRAGMA user_version"
  if not version then return nil, err end
  local ok
  ok, err = connection:wipe()
  if not ok then return nil, err end
  return connection:exec(("PRAGMA user_version=%d"):format(version))
end

-- Empties the log and wipes out of the file what it still has of deleted rows. Others who read or
-- write are in the way.
local function wipe_file(self)
  local ok, err = self.connection:exec(CHECKPOINT)
  if not ok then return nil, err end
  return self:atomic(wipe, self.connection)
end

--- Gives free space in the file back to the file system, and leaves nothing in it of what was
--- deleted. Outside any transaction.
---@return true|nil
---@return moonbase.Error|nil err  `busy` when others read or write all the time; `io`, `full`
function Engine:vacuum()
  local mode, err = self:value "PRAGMA auto_vacuum"
  if not mode then return nil, err end
  local ok
  if mode == INCREMENTAL then
    ok, err = give_pages_back(self)
  else -- a file from before, which is so made one of ours
    ok, err = self:exec "PRAGMA auto_vacuum=INCREMENTAL; VACUUM"
  end
  if ok and self.path ~= ":memory:" then
    ok, err = patiently(self.busy_timeout, wipe_file, self)
  end
  if not ok then return nil, err end
  return self:exec(CHECKPOINT)
end

--- Marks the file as ours, at a version of the schema. Inside a transaction.
---@param version integer
---@return true|nil, moonbase.Error?
function Engine:set_schema_version(version)
  return self.connection:exec(string.format(
    "PRAGMA application_id=%d; PRAGMA user_version=%d;", APPLICATION_ID, version))
end

--- Runs a statement; gives the number of rows changed.
---@return integer?, moonbase.Error?
function Engine:run(sql, ...)
  return self.connection:run(sql, ...)
end

--- The first row as a table, nil when there is none.
---@return table?, moonbase.Error?
function Engine:row(sql, ...)
  return self.connection:row(sql, ...)
end

--- All rows as an array of tables.
---@return table[]?, moonbase.Error?
function Engine:rows(sql, ...)
  return self.connection:rows(sql, ...)
end

--- The first column of the first row, nil when there is none.
---@return any, moonbase.Error?
function Engine:value(sql, ...)
  return self.connection:value(sql, ...)
end

--- The first column of all rows as an array.
---@return any[]?, moonbase.Error?
function Engine:values(sql, ...)
  return self.connection:values(sql, ...)
end

--- Runs a script of several statements without parameters.
---@return true|nil, moonbase.Error?
function Engine:exec(script)
  return self.connection:exec(script)
end

-- Ends the level that fn ran in. A raise goes on as it was.
local function settle(connection, level, ok, first, second, ...)
  if not ok then
    connection:leave(level, false)
    error(first, 0)
  end
  if first == nil and second ~= nil then
    connection:leave(level, false)
    return nil, second, ...
  end
  local kept, err = connection:leave(level, true)
  if not kept then return nil, err end
  return first, second, ...
end

--- Runs fn(...) as one write: a transaction of its own, or a savepoint inside the
--- one that the calling coroutine has open. Rolled back when fn raises or returns
--- nil and an error. Gives fn's results. `busy` when the lock cannot be had.
---@param fn function
function Engine:atomic(fn, ...)
  local level, err = self:enter()
  if not level then return nil, err end
  return settle(self.connection, level, pcall(fn, ...))
end

--- Opens a level, for `atomic`.
---@return any level, moonbase.Error?
function Engine:enter()
  return self.connection:enter()
end

local function end_read(connection, view, ok, first, ...)
  connection:read_end(view)
  if not ok then error(first, 0) end
  return first, ...
end

--- Runs fn(...), whose reads all see the same state. fn must not write or yield.
---@param fn function
function Engine:snapshot(fn, ...)
  local view, err = self:look()
  if not view then return nil, err end
  return end_read(self.connection, view, pcall(fn, ...))
end

--- Opens a view, for `snapshot`.
---@return any view, moonbase.Error?
function Engine:look()
  return self.connection:read_begin()
end

--- Takes the write lock and gives a transaction userdata.
---@param timeout? integer  ms to wait for another process; default: busy_timeout
---@param managed? boolean  ended by `finish` only
---@return userdata?, moonbase.Error?
function Engine:begin(timeout, managed)
  return self.connection:begin(timeout, managed)
end

--- Rolls back a transaction that the connection has open, by whomever it is called. Its owner is
--- told at his next call.
---@param transaction userdata
---@return true|nil, moonbase.Error?
function Engine:timeout(transaction) -- luacheck: no self
  return core.timeout(transaction)
end

--- Ends a managed transaction.
---@param transaction userdata
---@param keep boolean  commit or roll back
---@return true|nil, moonbase.Error?
function Engine.finish(transaction, keep)
  return core.finish(transaction, keep)
end

--- The ranges of a chain of `count` rows that ends in segment `tip`, newest first; see
--- moonbase.chain.
---@param tip integer
---@param count integer
---@return moonbase.chain.Range[]?, moonbase.Error?
function Engine:chain_path(tip, count)
  return core.chain_path(self.connection, tip, count)
end

--- The segment that holds a position, from 1, of the chain that ends in segment `tip`.
---@param tip integer
---@param position integer
---@return integer?, moonbase.Error?
function Engine:chain_holder(tip, position)
  return core.chain_holder(self.connection, tip, position)
end

--- The graph of a session; see docs/graph.md. One that is kept for longer than the transaction says
--- which session it is of by more than its key: a rollback leaves the key to another one.
---@param key integer    of the session
---@param id? string
---@param scope? string  its name
---@return moonbase.SessionGraph
function Engine:session_graph(key, id, scope)
  return core.session_graph(self.connection, key, self.transaction, id, scope)
end

--- One walk through the graph of the store; see src/binding/property_graph.h for the arguments.
---@param call string  "neighbors", "walk", "path" or "rank"
---@param ... any
---@return table|nil found
---@return any
function Engine:graph(call, ...)
  local connection = self.connection
  return connection["graph_" .. call](connection, ...)
end

--- Writes vectors, in the place of those that have the same serial. Inside a transaction.
---@param set moonbase.VectorSet  as it was before
---@param stamp string  of the change
---@param tail integer  blocks of vectors outside of cells that there should be at most
---@param serials integer[]
---@param vectors string[]  little-endian float32
---@return integer|nil added  how many are new
---@return moonbase.Error?
function Engine:vectors_put(set, stamp, tail, serials, vectors)
  return self.connection:vectors_put(set.key, set.dim, set.metric, set.stamp, set.count, stamp,
    tail, serials, vectors)
end

--- Removes vectors. Inside a transaction.
---@param set moonbase.VectorSet  as it was before
---@param stamp string  of the change
---@param tail integer  as with vectors_put
---@param serials integer[]
---@return integer|nil added  minus their number
---@return moonbase.Error?
function Engine:vectors_remove(set, stamp, tail, serials)
  return self.connection:vectors_remove(set.key, set.dim, set.metric, set.stamp, set.count, stamp,
    tail, serials)
end

--- The nearest k vectors.
---@param set moonbase.VectorSet
---@param vector string  little-endian float32
---@param exact boolean  without looking at codes first
---@param among? integer[]  these serials only, ascending
---@return integer[]|nil serials
---@return number[]|moonbase.Error distances
function Engine:vectors_search(set, vector, k, exact, among)
  return self.connection:vectors_search(set.key, set.dim, set.metric, set.stamp, set.count, vector,
    k, exact, among, set.partial)
end

--- Limits the memory that codes of vectors are kept in; see Vectors:cache.
---@param bytes? integer
---@return integer|nil held, moonbase.Error?
function Engine:vectors_cache(bytes)
  return self.connection:vectors_cache(bytes)
end

--- Records the writes of transactions to a table; see moonbase.write_set.
---@param rule table  table, part, scope, shift, fields
---@return true|nil, moonbase.Error?
function Engine:watch(rule)
  return self.connection:watch(rule)
end

--- Records what the transaction that was just begun is going to write.
---@return boolean|nil recorded, moonbase.Error?  false: this SQLite cannot tell
function Engine:record()
  return self.connection:record()
end

--- What was recorded, as a JSON array of objects.
---@return string|nil json
---@return boolean|moonbase.Error cut  there was more
function Engine:written()
  return self.connection:written()
end

--- Adds texts to a set of the text index: serials and texts are arrays of the same length. Inside a
--- transaction.
---@param set integer
---@return true|nil, moonbase.Error?
function Engine:text_put(set, serials, texts)
  return self.connection:text_put(set, serials, texts)
end

--- Takes texts out, given as they were put. Inside a transaction.
---@return true|nil, moonbase.Error?
function Engine:text_remove(set, serials, texts)
  return self.connection:text_remove(set, serials, texts)
end

--- Takes all texts out. Inside a transaction.
---@return true|nil, moonbase.Error?
function Engine:text_drop(set)
  return self.connection:text_drop(set)
end

--- Reads all of a set, and tells whether it agrees with itself.
---@return true|nil, moonbase.Error? err  `corrupt`
function Engine:text_check(set)
  return self.connection:text_check(set)
end

--- The best k texts for a query.
---@param among? integer[]  these serials only, ascending
---@return integer[]|nil serials
---@return number[]|moonbase.Error scores
function Engine:text_search(set, query, k, among)
  return self.connection:text_search(set, query, k, among)
end

--- Whether the calling coroutine has a transaction open on this connection.
---@return boolean
function Engine:in_transaction()
  return self.connection:in_transaction()
end

--- How many prepared statements the connection keeps.
---@return integer
function Engine:statements()
  return self.connection:statements()
end

return Engine
