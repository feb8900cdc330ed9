--- What must be kept: the blobs that documents, artifacts and checkpoints name, and those that
-- blobs which are documents themselves name in turn.
-- Whatever cannot be read ends the search with `corrupt`: it might name anything.

local blob_rows = require "moonbase.blob_rows"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local gc_sources = require "moonbase.gc_sources"

--- How many rows are read at a time.
local PAGE = 200

local LOOK = "SELECT names FROM blobs WHERE scope = $scope AND hash = $hash"

---@class moonbase.gc.Marks
---@field kept table<string, boolean>  hashes of blobs that are stored; true: a root
---@field roots integer                how many of them are
local Marks = {}
Marks.__index = Marks

---@param ctx moonbase.Context
---@param scope integer
---@return moonbase.gc.Marks
function Marks.new(ctx, scope)
  return setmetatable({ ctx = ctx, scope = scope, kept = {}, roots = 0 }, Marks)
end

-- Adds the hashes that a document names to a list.
local function add_names(value, list)
  if type(value) ~= "table" then return end
  local hash = value["$blob"]
  if type(hash) == "string" then list[#list + 1] = hash end
  for _, field in next, value do add_names(field, list) end
end

-- Adds the hashes that a text names; false when it is no document.
local function add_names_of_text(text, list)
  local value, err = core.decode(text)
  if err and err.code ~= "serialization" then return nil, err end
  if err then return false end
  add_names(value, list)
  return true
end

-- Adds what a blob that is a document names.
local function add_names_of_blob(self, hash, list)
  local bytes, err = blob_rows.get(self.ctx, hash)
  if not bytes then return nil, err end
  local ok
  ok, err = add_names_of_text(bytes, list)
  if ok ~= false then return ok, err end
  return blob_rows.damaged(hash, "it is a document that cannot be read")
end

-- Marks one; what it names is added to the list. False for one that is not stored.
local function mark(self, hash, root, list)
  local seen = self.kept[hash]
  if seen == nil then
    local names, err = self.ctx.engine:value(LOOK, self.scope, hash)
    if err then return nil, err end
    if not names then return false end
    if names == 1 then names, err = add_names_of_blob(self, hash, list) end
    if not names then return nil, err end
  end
  if root and not seen then self.roots = self.roots + 1 end
  self.kept[hash] = seen or root
  return true
end

--- Marks a blob and all that can be reached from it. Inside a snapshot or a write.
---@param hash string
---@param root boolean  it is named by what is no blob
---@return boolean|nil stored      false: there is no such blob
---@return moonbase.Error|nil err  `corrupt`
function Marks:add(hash, root)
  local list = {}
  local stored, err = mark(self, hash, root, list)
  while #list > 0 do
    local ok
    ok, err = mark(self, table.remove(list), false, list)
    if ok == nil then return nil, err end
  end
  return stored, err
end

local function names_of_row(source, row)
  if source.kind == "hash" then return { row.value } end
  local list = {}
  local ok, err = add_names_of_text(row.value, list)
  if ok then return list end
  if ok == nil then return nil, err end
  return errors.fail("corrupt", ("a document in '%s' cannot be read (key %s)"):format(
    source.table, tostring(row.key)))
end

-- A document may name what was never stored; a column that holds a hash may not.
local function add_row(self, source, row)
  local list, err = names_of_row(source, row)
  if not list then return nil, err end
  for _, hash in ipairs(list) do
    local stored, failure = self:add(hash, true)
    if stored == nil then return nil, failure end
    if not stored and source.kind == "hash" then
      return blob_rows.damaged(hash, "'" .. source.table .. "' names it, and it is not there")
    end
  end
  return true
end

-- One page of a source: the key to go on from, nil at the end.
local function add_page(self, source, after)
  local rows, err = self.ctx.engine:rows(source.page, self.scope, after, PAGE)
  if not rows then return nil, err end
  for i = 1, #rows do
    local ok, failure = add_row(self, source, rows[i])
    if not ok then return nil, failure end
  end
  return #rows == PAGE and rows[PAGE].key or nil
end

local function add_source(self, source, pause)
  local engine = self.ctx.engine
  local after, err = engine:snapshot(add_page, self, source, source.first)
  while after do
    if pause then pause() end
    after, err = engine:snapshot(add_page, self, source, after)
  end
  if err then return nil, err end
  return true
end

--- Marks all that is named. Each page is read from one state of the file, so that a checkpoint and
--- its blobs agree.
---@param pause? fun()  called between pages, where nothing is held
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function Marks:add_all(pause)
  for _, source in ipairs(gc_sources.list) do
    local ok, err = add_source(self, source, pause)
    if not ok then return nil, err end
  end
  return true
end

return Marks
