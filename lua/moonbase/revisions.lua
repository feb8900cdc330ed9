--- Documents with revisions: each write gives the next one, all are kept, and none is ever given
--- twice, not even after a deletion, so that whoever holds an old one is told.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local Listing = require "moonbase.listing"

---@class moonbase.Revisions
---@field ctx moonbase.Context
---@field kind moonbase.revisions.Kind
local Revisions = {}
Revisions.__index = Revisions

--- What is a constant of each part that keeps documents so.
---@class moonbase.revisions.Kind
---@field noun string      "spec"
---@field argument string  what a document is called in errors
---@field sql table<string, string>
---@field list moonbase.Listing
---@field history moonbase.Listing

local SQL = {
  find = "SELECT revision, live FROM %s WHERE scope = $scope AND id = $id",
  key = "SELECT key FROM %s WHERE scope = $scope AND id = $id",
  get = [[
    SELECT h.body AS "body(json)", h.revision FROM %s d
    JOIN %s_history h ON h.document = d.key AND h.revision = d.revision
    WHERE d.scope = $scope AND d.id = $id AND d.live = 1]],
  get_revision = [[
    SELECT h.body AS "body(json)", h.revision FROM %s d
    JOIN %s_history h ON h.document = d.key
    WHERE d.scope = $scope AND d.id = $id AND h.revision = $revision]],
  advance = [[
    INSERT INTO %s (scope, id, revision, updated_at, live) VALUES ($scope, $id, 1, $now, 1)
    ON CONFLICT (scope, id) DO UPDATE SET revision = revision + 1, updated_at = excluded.updated_at,
      live = 1
    RETURNING key, revision]],
  record = [[
    INSERT INTO %s_history (document, revision, updated_at, body)
    VALUES ($document, $revision, $now, $body)]],
  delete = "UPDATE %s SET live = 0 WHERE scope = $scope AND id = $id",
  prune = [[
    DELETE FROM %s_history WHERE key IN (SELECT key FROM %s_history
      WHERE document = (SELECT key FROM %s WHERE scope = $scope AND id = $id)
        AND revision <= (SELECT revision FROM %s WHERE scope = $scope AND id = $id) - $keep
      ORDER BY revision LIMIT 10000)]],
}

local function new_list(part)
  return Listing.new {
    name = part .. ":list",
    columns = "id, revision, updated_at",
    source = "FROM " .. part,
    order = { { "id", "ASC" } },
    filters = { { "scope", "scope = $scope" }, { "live", "live = 1" } },
  }
end

local function new_history(part)
  return Listing.new {
    name = part .. ":history",
    columns = [[revision, updated_at, body AS "definition(json)"]],
    source = "FROM " .. part .. "_history",
    order = { { "revision", "DESC" } },
    filters = { { "document", "document = $document" } },
  }
end

--- The constants of a part, from the name of its table.
---@param part string      "specs"
---@param noun string      "spec"
---@param argument string  "definition"
---@return moonbase.revisions.Kind
function Revisions.kind(part, noun, argument)
  local kind = { noun = noun, argument = argument, sql = {}, list = new_list(part),
    history = new_history(part) }
  for name, text in pairs(SQL) do kind.sql[name] = text:gsub("%%s", part) end
  return kind
end

--- Makes a class a part: its objects have these methods and its own.
---@param class table
---@param kind moonbase.revisions.Kind
function Revisions.extend(class, kind)
  class.__index = class
  setmetatable(class, Revisions)
  function class.new(ctx)
    return setmetatable({ ctx = ctx, kind = kind }, class)
  end
end

-- What is there: its revision, 0 if nothing.
local function current(self, scope, id)
  local row, err = self.ctx.engine:row(self.kind.sql.find, scope, id)
  if err then return nil, err end
  return row and row.live == 1 and row.revision or 0
end

local function conflict(self, id, expected, actual)
  return errors.new("conflict", ("%s '%s' has revision %d, not %d"):format(self.kind.noun, id,
    actual, expected), { expected = expected, actual = actual })
end

-- Whether the rules allow a write.
local function allow(self, scope, id, rules)
  if not next(rules) then return true end
  local actual, err = current(self, scope, id)
  if not actual then return nil, err end
  local name = self.kind.noun .. " '" .. id .. "'"
  if rules.absent and actual > 0 then
    return errors.fail("exists", name .. " exists already", { id = id, actual = actual })
  elseif rules.present and actual == 0 then
    return errors.fail("not_found", name .. " not found", { id = id })
  elseif rules.expected and rules.expected ~= actual then
    return nil, conflict(self, id, rules.expected, actual)
  end
  return true
end

local function write(self, id, body, rules)
  local ctx, sql = self.ctx, self.kind.sql
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local ok, row
  ok, err = allow(self, scope, id, rules)
  if not ok then return nil, err end
  local now = ctx:now()
  row, err = ctx.engine:row(sql.advance, scope, id, now)
  if not row then return nil, err end
  ok, err = ctx.engine:run(sql.record, row.key, row.revision, now, body)
  if not ok then return nil, err end
  return row.revision
end

local RULES = { { "expected", check.integer } }

--- The expected revision among the options, as rules for `store`.
---@param options any
---@return { expected?: integer }|nil
---@return moonbase.Error|nil err  `invalid`
function Revisions.rules(options)
  return check.fields(check.options("options", options, { expected = "number" }), RULES)
end

--- Writes a document under rules of what must be there. For the parts.
---@param id string
---@param document any
---@param rules { expected?: integer, absent?: boolean, present?: boolean }
---@return integer|nil revision
---@return moonbase.Error|nil err
function Revisions:store(id, document, rules)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  local argument = self.kind.argument
  check.type(argument, document, "table")
  local body
  body, err = core.encode(document, argument)
  if not body then return nil, err end
  return self.ctx:write(write, self, id, body, rules)
end

--- Writes a document: the first, or the next revision.
---@param id string
---@param document table
---@param options? { expected?: integer }  the revision it must have now, 0 for none
---@return integer|nil revision
---@return moonbase.Error|nil err  `conflict` with `expected` and `actual`, `invalid`,
---  `serialization`
function Revisions:put(id, document, options)
  local rules, err = Revisions.rules(options)
  if not rules then return nil, err end
  return self:store(id, document, rules)
end

--- Reads a document: as it is now, or an earlier revision of it, which stays after a deletion.
---@param id string
---@param revision? integer
---@return table|nil document       nil when there is none
---@return integer|moonbase.Error|nil revision
function Revisions:get(id, revision)
  local ok, err = check.id("id", id)
  if ok and revision ~= nil then ok, err = check.positive("revision", revision) end
  if not ok then return nil, err end
  local scope, row
  scope, err = self.ctx:scope()
  if not scope then return nil, err end
  local engine, sql = self.ctx.engine, self.kind.sql
  if revision then row, err = engine:row(sql.get_revision, scope, id, ok)
  else row, err = engine:row(sql.get, scope, id) end
  if not row then return nil, err end
  return row.body, row.revision
end

local PAGE = { limit = "number", cursor = "string", offset = "number", total = "boolean" }

--- The documents that are there, by id in byte order.
---@param query? table  limit, cursor, offset, total
---@return moonbase.Page|nil page  of { id, revision, updated_at }
---@return moonbase.Error|nil err  `invalid`
function Revisions:list(query)
  query = check.options("query", query, PAGE)
  local scope, err = self.ctx:scope()
  if not scope then return nil, err end
  return self.kind.list:page(self.ctx.engine, query, { scope = scope, live = true })
end

local function history(self, scope, id, query)
  local key, err = self.ctx.engine:value(self.kind.sql.key, scope, id)
  if err then return nil, err end
  return self.kind.history:page(self.ctx.engine, query, { document = key or 0 })
end

--- All revisions of a document, newest first; those of one that was deleted too.
---@param id string
---@param query? table  limit, cursor, offset, total
---@return moonbase.Page|nil page  of { id, revision, updated_at, definition }
---@return moonbase.Error|nil err  `invalid`
function Revisions:history(id, query)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  query = check.options("query", query, PAGE)
  local scope, page
  scope, err = self.ctx:scope()
  if not scope then return nil, err end
  page, err = self.ctx.engine:snapshot(history, self, scope, id, query)
  if not page then return nil, err end
  for _, item in ipairs(page.items) do item.id = id end
  return page
end

local function delete(self, id, expected)
  local scope, err = self.ctx:scope()
  if not scope then return nil, err end
  local actual, ok
  actual, err = current(self, scope, id)
  if not actual then return nil, err end
  if actual == 0 then return false end
  if expected and expected ~= actual then return false, conflict(self, id, expected, actual) end
  ok, err = self.ctx.engine:run(self.kind.sql.delete, scope, id)
  if not ok then return nil, err end
  return true
end

--- Deletes a document; its history stays.
---@param id string
---@param options? { expected?: integer }  the revision it must have now
---@return boolean|nil deleted     false: there is none, or another revision of it
---@return moonbase.Error|nil err  beside false: `conflict`; `invalid`
function Revisions:delete(id, options)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  local rules
  rules, err = Revisions.rules(options)
  if not rules then return nil, err end
  return self.ctx:write(delete, self, id, rules.expected)
end

local function prune(self, id, keep)
  local scope, err = self.ctx:scope()
  if not scope then return nil, err end
  return self.ctx.engine:run(self.kind.sql.prune, scope, id, keep)
end

--- Forgets old revisions of a document, up to 10,000 of them; those of one that was deleted too.
---@param id string
---@param options { keep: integer }  how many of the newest stay, 1 or more
---@return integer|nil count
---@return moonbase.Error|nil err  `invalid`
function Revisions:prune(id, options)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  check.options("options", check.type("options", options, "table"), { keep = "number" })
  local keep
  keep, err = check.positive("keep", options.keep)
  if not keep then return nil, err end
  return self.ctx:write(prune, self, id, keep)
end

return Revisions
