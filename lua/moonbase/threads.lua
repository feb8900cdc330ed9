--- Threads: conversations. A thread has a log of committed messages, a queue of messages that the
--- model has not read yet, and a state document.

local core = require "moonbase.core"
local check = require "moonbase.check"
local errors = require "moonbase.errors"
local hierarchy = require "moonbase.hierarchy"
local Listing = require "moonbase.listing"
local message_index = require "moonbase.message_index"
local message_log = require "moonbase.message_log"
local message_pages = require "moonbase.message_pages"
local message_reader = require "moonbase.message_reader"
local message_search = require "moonbase.message_search"
local page = require "moonbase.page"
local thread_queue = require "moonbase.thread_queue"
local thread_record = require "moonbase.thread_record"
local thread_rows = require "moonbase.thread_rows"
local words = require "moonbase.words"

---@class moonbase.Threads
local Threads = {}
Threads.__index = Threads

local null = core.null

---@param ctx moonbase.Context
---@return moonbase.Threads
function Threads.new(ctx)
  return setmetatable({ ctx = ctx }, Threads)
end

local CREATE = { id = "string", resource = "string", parent = "string", title = "string",
  custom = "table" }

--- Creates a thread.
---@param fields? table  id, resource, parent, title, custom; all optional
---@return moonbase.Thread|nil
---@return moonbase.Error|nil  `exists`, `invalid` (`field`), `serialization`
function Threads:create(fields)
  local values, err = thread_record.normalize(check.options("thread", fields, CREATE))
  if not values then return nil, err end
  values.id, err = check.id_or_new("id", values.id, self.ctx)
  if err then return nil, err end
  return self.ctx:write(thread_record.create, self.ctx, values)
end

--- A thread, nil when there is none.
---@param id string
---@return moonbase.Thread|nil
---@return moonbase.Error|nil
function Threads:get(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return thread_record.get(self.ctx, id)
end

local THREAD = { id = "string", resource = "string", parent = "string", title = "string",
  custom = "table", created_at = "number", updated_at = "number", active_run = "string",
  open_run = "string", latest_run = "string", count = "number" }

--- Creates a thread or overwrites its resource, parent, title, custom and created_at; a field left
--- out is cleared (created_at: kept). What only the store can know (updated_at, count, the runs)
--- may stand in the table and is not taken from it.
---@param thread moonbase.Thread
---@param options? table  validate (default true): whether the parent and its ancestors must exist
---@return moonbase.Thread|nil
---@return moonbase.Error|nil  `invalid` (`field`), `serialization`
function Threads:save(thread, options)
  check.type("thread", thread, "table")
  local values, err = thread_record.normalize(check.options("thread", thread, THREAD))
  options = check.options("options", options, { validate = "boolean" })
  if not values then return nil, err end
  values.id, err = check.id_or_new("id", values.id, self.ctx)
  if err then return nil, err end
  return self.ctx:write(thread_record.save, self.ctx, values, options.validate ~= false)
end

local PATCH = { title = "string", resource = "string", parent = "string", custom = "table" }

-- A patch without its nulls.
local function given_fields(patch)
  local given = {}
  check.type("patch", patch, "table")
  for key, value in next, patch do
    if PATCH[key] == nil or value ~= null then given[key] = value end
  end
  return check.options("patch", given, PATCH)
end

--- Changes fields of a thread. `custom` is merged key by key; `moonbase.null` clears a field, or a
--- key of `custom`.
---@param id string
---@param patch table  title, resource, parent, custom
---@return moonbase.Thread|nil
---@return moonbase.Error|nil  `not_found`, `invalid` (`field`), `serialization`
function Threads:update(id, patch)
  local given = given_fields(patch)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  local values
  values, err = thread_record.normalize(given)
  if not values then return nil, err end
  return self.ctx:write(thread_record.update, self.ctx, id, patch, values)
end

--- Deletes a thread, its messages, state and queue. Its runs stay, and so do forks of it.
---@param id string
---@param options? table  children: "detach" (default) makes them roots, "reject" refuses to
---  delete a thread that has any, "cascade" deletes all below it too
---@return true|nil
---@return moonbase.Error|nil  `not_found`, `invalid`
function Threads:delete(id, options)
  options = check.options("options", options, { children = "string" })
  local strategy = check.choice("options.children", options.children or "detach",
    hierarchy.strategies)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx:write(thread_record.delete, self.ctx, id, strategy)
end

local LIST_QUERY = { resource = "string", parent = "string", root = "boolean", limit = "number",
  cursor = "string", offset = "number", total = "boolean" }

local LIST_FILTERS = { { "resource", check.trimmed }, { "parent", check.trimmed } }

local LIST = Listing.new {
  name = "threads:list",
  columns = thread_record.columns,
  source = "FROM threads",
  order = { { "updated_at", "DESC" }, { "id", "ASC" } },
  filters = {
    { "scope", "scope = $scope" }, { "resource", "resource = $resource" },
    { "parent", "parent = $parent" }, { "root", "parent IS NULL" },
  },
  split = { "parent IS NULL", "parent IS NOT NULL", unless = { "resource", "parent", "root" } },
}

--- Threads, the one with the latest activity first, then by id.
---@param query? table  resource; parent; root = true: only threads without a parent; limit,
---  cursor, offset, total
---@return moonbase.Page|nil
---@return moonbase.Error|nil  `invalid`
function Threads:list(query)
  query = check.options("query", query, LIST_QUERY)
  local filters, err = check.fields(query, LIST_FILTERS)
  if not filters then return nil, err end
  filters.root = query.root or nil
  filters.scope, err = self.ctx:scope()
  if err then return nil, err end
  return LIST:page(self.ctx.engine, query, filters)
end

local CHILDREN = "SELECT " .. thread_record.columns .. [[

  FROM threads WHERE scope = $scope AND parent = $parent ORDER BY id]]

--- The threads right below a thread, by id.
---@param id string
---@return moonbase.Thread[]|nil
---@return moonbase.Error|nil
function Threads:children(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  local scope
  scope, err = self.ctx:scope()
  if not scope then return nil, err end
  return self.ctx.engine:rows(CHILDREN, scope, id)
end

local APPEND = { expected = "number", idempotent = "boolean" }
local NO_OPTIONS = {}

-- The result of what has nothing to do, provided that the store is open.
local function nothing(ctx)
  local ok, err = ctx:may_use()
  return ok and {} or nil, err
end

-- Checks what the calls that write the log take.
local function prepare(ctx, id, messages, options)
  local ok, err = check.id("id", id)
  if ok and options.expected ~= nil then ok, err = check.integer("expected", options.expected) end
  if not ok then return nil, err end
  return message_log.prepare(ctx, id, messages, "messages")
end

--- Appends messages to a thread's log, making the thread if it is missing. All or none.
---@param id string
---@param messages moonbase.Message[]  an id left out is made
---@param options? table  expected: the count the log must have; idempotent: messages already
---  committed with the same content are not written again, and their records are given
---@return moonbase.MessageRecord[]|nil  one for each message
---@return moonbase.Error|nil  `conflict` (`expected`, `actual`), `invalid` (`field`),
---  `serialization` (`field`)
function Threads:append(id, messages, options)
  options = options and check.options("options", options, APPEND) or NO_OPTIONS
  local ctx = self.ctx
  local batch, err = prepare(ctx, id, messages, options)
  if not batch then return nil, err end
  if #batch.records == 0 then return nothing(ctx) end
  return ctx:write(message_log.append, ctx, id, batch, options.expected, options.idempotent)
end

--- A page of a thread's log.
---@param id string
---@param query? table  after, before: exclusive seqs; order "asc" (default) or "desc"; run;
---  visibility "any" (default), "external" or "internal"; limit, cursor, offset, total
---@return moonbase.Page|nil  of moonbase.MessageRecord
---@return moonbase.Error|nil  `invalid`
function Threads:messages(id, query)
  return message_pages.page(self.ctx, id, query)
end

--- Iterates over a thread's log. It reads page by page and holds nothing between two steps.
---@param id string
---@param query? table  as for `messages`, without cursor; limit is the size of the pages it reads
---@return (fun(): moonbase.MessageRecord|nil)|nil iterator  raises what goes wrong on the way
---@return moonbase.Error|nil  `invalid`
function Threads:each(id, query)
  return message_pages.each(self.ctx, id, query)
end

-- Reads a thread's log; a missing thread reads as `absent`.
local function with_row(ctx, id, absent, fn, ...)
  local row, err = thread_rows.find(ctx, id)
  if err then return nil, err end
  if not row then return absent end
  return fn(ctx, row, ...)
end

local function read_message(ctx, row, id, message_id)
  return message_reader.by_id(ctx, id, row, message_id)
end

--- The record of a message, nil when the log does not hold it.
---@param id string
---@param message_id string
---@return moonbase.MessageRecord|nil
---@return moonbase.Error|nil
function Threads:message(id, message_id)
  local ok, err = check.id("id", id)
  if ok then ok, err = check.id("message_id", message_id) end
  if not ok then return nil, err end
  return self.ctx.engine:snapshot(with_row, self.ctx, id, nil, read_message, id, message_id)
end

local function read_range(ctx, row, id, from, to)
  return message_reader.read(ctx, id, row, from - 1, to, to - from + 1)
end

--- The records from one seq to another, both included; fewer where the log ends before.
---@param id string
---@param from integer  1 or more
---@param to integer    from or more
---@return moonbase.MessageRecord[]|nil
---@return moonbase.Error|nil  `invalid`
function Threads:range(id, from, to)
  local ok, err = check.id("id", id)
  if ok then ok, err = check.positive("from", from) end
  if ok then ok, err = check.integer("to", to, ok) end
  if not ok then return nil, err end
  return self.ctx.engine:snapshot(with_row, self.ctx, id, {}, read_range, id, from, to)
end

--- How many messages are committed; 0 for a missing thread.
---@param id string
---@return integer|nil
---@return moonbase.Error|nil
function Threads:count(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  local row
  row, err = thread_rows.find(self.ctx, id)
  if err then return nil, err end
  return row and row.count or 0
end

local function read_view(ctx, id)
  local row, err = thread_rows.find(ctx, id)
  if err then return nil, err end
  if not row then return {}, 0 end
  local messages
  messages, err = message_reader.view(ctx, row)
  if not messages then return nil, err end
  return messages, row.count
end

--- The messages as a model should see them: ranges that a compaction summed up give way to the
--- summary, tool calls without an answer and retracted ones are taken out.
---@param id string
---@return moonbase.Message[]|nil
---@return integer|moonbase.Error count  of the raw log, for `expected`
function Threads:view(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx.engine:snapshot(read_view, self.ctx, id)
end

local function replace(ctx, id, batch, expected)
  local row, ok, err
  row, err = thread_rows.ensure(ctx, id)
  if not row then return nil, err end
  err = message_log.conflict(expected, row)
  if err then return nil, err end
  ok, err = message_log.clear(ctx, row)
  if not ok then return nil, err end
  if #batch.records == 0 then return {} end
  return message_log.extend(ctx, row, batch)
end

--- Rewrites a thread's log, making the thread if it is missing. Seqs start again at 1.
---@param id string
---@param messages moonbase.Message[]
---@param options? table  expected: the count that the log must have
---@return moonbase.MessageRecord[]|nil
---@return moonbase.Error|nil  `conflict` (`expected`, `actual`), `invalid`, `serialization`
function Threads:replace(id, messages, options)
  options = check.options("options", options, { expected = "number" })
  local batch, err = prepare(self.ctx, id, messages, options)
  if not batch then return nil, err end
  return self.ctx:write(replace, self.ctx, id, batch, options.expected)
end

local function clear(ctx, id)
  local row, err = thread_rows.find(ctx, id)
  if err then return nil, err end
  if not row then return errors.fail("not_found", "thread '" .. id .. "' not found") end
  return message_log.clear(ctx, row)
end

--- Empties a thread's log. The thread, its state and its queue stay.
---@param id string
---@return true|nil
---@return moonbase.Error|nil  `not_found`
function Threads:clear(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx:write(clear, self.ctx, id)
end

local function read_state(ctx, row)
  return ctx.engine:value(
    'SELECT document AS "document(json)" FROM thread_states WHERE thread = $thread', row.key)
end

--- A thread's state document, nil when none was set.
---@param id string
---@return table|nil
---@return moonbase.Error|nil
function Threads:state(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx.engine:snapshot(with_row, self.ctx, id, nil, read_state)
end

--- Sets a thread's state document, making the thread if it is missing.
---@param id string
---@param state table
---@return true|nil
---@return moonbase.Error|nil  `serialization` (`field`)
function Threads:set_state(id, state)
  check.type("state", state, "table")
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  return self.ctx:write(thread_record.set_state, self.ctx, id, state)
end

--- Makes a thread that begins with another's messages. No message is copied; what is written to
--- either later is not seen by the other, and deleting the origin leaves the fork whole.
---@param id string
---@param options? table  at: how many messages (default all); id; title (default the origin's)
---@return moonbase.Thread|nil
---@return moonbase.Error|nil  `not_found`, `exists`, `invalid` (`field`)
function Threads:fork(id, options)
  options = check.options("options", options, { at = "number", id = "string", title = "string" })
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  local values
  values, err = check.fields(options, { { "at", check.integer }, { "title", check.text } })
  if not values then return nil, err end
  local fork
  fork, err = check.id_or_new("options.id", options.id, self.ctx)
  if not fork then return nil, err end
  return self.ctx:write(thread_record.fork, self.ctx, id, fork, values.at, values.title)
end

local SEARCH = { thread = "string", resource = "string", limit = "number" }

--- The messages whose text holds any of the words of `text`, best first.
---@param text string     plain text: nothing in it is an operator
---@param query? table  thread: a thread's id, inherited messages included; resource; limit
---@return moonbase.ThreadHit[]|nil
---@return moonbase.Error|nil  `invalid`
function Threads:search(text, query)
  query = check.options("query", query, SEARCH)
  check.type("text", text, "string")
  local request, values, err
  local ok
  ok, err = check.text("text", text)
  if ok then request, err = page.request(query, "threads:search", {}, 0) end
  if request then
    values, err = check.fields(query, { { "thread", check.id }, { "resource", check.trimmed } })
  end
  if not values then return nil, err end
  local list = words.split(text)
  if #list == 0 or request.limit == 0 then return nothing(self.ctx) end
  message_index.catch_up(self.ctx)
  return self.ctx.engine:snapshot(message_search.find, self.ctx, list, values, request.limit)
end

for name, method in pairs(thread_queue) do Threads[name] = method end

return Threads
