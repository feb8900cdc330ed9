--- The rows of memory: a text with everything that it is found by, written and removed as one. What
-- memory itself, ingesting, searching and the parts that remember in their own commit share.
-- Functions that change something run inside a write.

local document = require "moonbase.document"
local errors = require "moonbase.errors"
local expiry = require "moonbase.expiry"
local memory_history = require "moonbase.memory_history"
local memory_labels = require "moonbase.memory_labels"
local memory_record = require "moonbase.memory_record"
local memory_vectors = require "moonbase.memory_vectors"
local memory_words = require "moonbase.memory_words"

local memory_rows = {}

local LAST_SERIAL = 4294967295

--- What is to be written; memory_record makes them.
---@class moonbase.MemoryDraft
---@field id string
---@field text string
---@field namespace string
---@field at integer
---@field type? string
---@field tags? string[]
---@field metadata? table
---@field source? string
---@field importance? number
---@field ttl? integer
---@field expires_at? integer
---@field vector? string       little-endian float32; nil: the one that its text has stays
---@field shelved? boolean     no search finds it; it has no vector then
---@field vector_given? boolean  by the caller, not made from the text
---@field entities? string[]   as given by the caller
---@field mentions? string[]   names in their normal form, each once
---@field version? string|number  of the source
---@field piece? string        what tells it from the other pieces of its source
---@field position? integer    among the pieces of its source
---@field owner? string
---@field author? string

--- A row as it is read: a draft's fields, and these.
---@class moonbase.MemoryRow : moonbase.MemoryDraft
---@field serial integer
---@field created_at integer
---@field updated_at integer
---@field vector_set? integer  nil: searches do not find it

local COLUMNS = [[
  m.key & 4294967295 AS serial, m.id, m.namespace, m.type, m.source, m.at, m.importance,
    m.ttl, m.expires_at, m.created_at, m.updated_at, m.vector_set,
    m.vector_given AS "vector_given(boolean)", m.version, m.piece, m.position, m.owner, m.author,
    m.tags AS "tags(json)", m.entities AS "entities(json)", m.mentions AS "mentions(json)",
    m.metadata AS "metadata(json)", m.text,
    CASE WHEN m.vector_given THEN (SELECT f.vector FROM vector_floats f
      WHERE f.key = (m.vector_set << 32) + (m.key & 4294967295)) END AS vector]]

local SELECT = "SELECT " .. COLUMNS .. " FROM memories m "

--- The columns of a row, for statements that have others' tables beside `memories m`.
memory_rows.COLUMNS = COLUMNS

local BY_ID = SELECT .. "WHERE m.key >> 32 = $scope AND m.id = $id"

local BY_SERIAL = SELECT .. "WHERE m.key = ($scope << 32) + $serial"

local STORED_METADATA = [[
  (SELECT m.metadata FROM memories m WHERE m.key >> 32 = $scope AND m.id = $id)]]

-- The unique index of ids lets it take the place of the text before it, under another number too.
local PUT = [[
  INSERT OR REPLACE INTO memories (key, id, namespace, type, source, at, importance, ttl,
    expires_at, created_at, updated_at, vector_set, vector_given, version, piece, position,
    owner, author, tags, entities, mentions, metadata, text)
  VALUES (($scope << 32) + $serial, $id, $namespace, $type, $source, $at, $importance, $ttl,
    $expires_at, $created_at, $updated_at, $vector_set, $vector_given, $version, $piece,
    $position, $owner, $author, $tags(json), $entities(json), $mentions(json),
    ]] .. document.changed("$metadata(json)", STORED_METADATA) .. [[,
    $text)]]

local NEXT_SERIAL = [[
  INSERT INTO memory_spaces (scope, serial, count) VALUES ($scope, 1, $grown)
  ON CONFLICT (scope) DO UPDATE SET serial = serial + 1, count = count + excluded.count
  RETURNING serial]]

local TEXT = [[
  SELECT key & 4294967295 AS serial, text, author, vector_set FROM memories
  WHERE key = ($scope << 32) + $serial]]

local PLACE = [[
  SELECT key & 4294967295 AS serial, vector_set FROM memories
  WHERE key = ($scope << 32) + $serial AND vector_set = $vector_set]]

local MOVE = [[
  UPDATE memories SET vector_set = $vector_set, vector_given = 0
  WHERE key = ($scope << 32) + $serial]]

local EXPIRED = [[
  SELECT key & 4294967295 FROM memories WHERE key >> 32 = $scope AND expires_at <= $now
  ORDER BY expires_at LIMIT $limit]]

--- The row of a number, expired or not; nil when there is none.
---@param ctx moonbase.Context
---@param scope integer
---@param serial integer
---@return moonbase.MemoryRow|nil
---@return moonbase.Error|nil err  `corrupt`
function memory_rows.by_serial(ctx, scope, serial)
  return ctx.engine:row(BY_SERIAL, scope, serial)
end

--- The row of an id, expired or not; nil when there is none.
---@param ctx moonbase.Context
---@param scope integer
---@param id string
---@return moonbase.MemoryRow|nil
---@return moonbase.Error|nil err  `corrupt`
function memory_rows.find(ctx, scope, id)
  return ctx.engine:row(BY_ID, scope, id)
end

--- The row of an id that has not expired; nil when there is none.
---@param ctx moonbase.Context
---@param scope integer
---@param id string
---@return moonbase.MemoryRow|nil
---@return moonbase.Error|nil err  `corrupt`
function memory_rows.live(ctx, scope, id)
  local row, err = ctx.engine:row(BY_ID, scope, id)
  if not row then return nil, err end
  if expiry.reached(row.expires_at, ctx:now()) then return nil end
  return row
end

--- The rows of texts, in the order of their numbers as given; those that are gone or expired are
--- left out.
---@param ctx moonbase.Context
---@param scope integer
---@param serials integer[]
---@return moonbase.MemoryRow[]|nil
---@return moonbase.Error|nil err  `corrupt`
function memory_rows.by_serials(ctx, scope, serials)
  local rows, now = {}, ctx:now()
  for i = 1, #serials do
    local row, err = memory_rows.by_serial(ctx, scope, serials[i])
    if err then return nil, err end
    if row and not expiry.reached(row.expires_at, now) then rows[#rows + 1] = row end
  end
  return rows
end

--- The texts of numbers, with the sets of their vectors; of those that are there.
---@param ctx moonbase.Context
---@param scope integer
---@param serials integer[]
---@return table[]|nil rows  of serial, text, author, vector_set
---@return moonbase.Error|nil err
function memory_rows.texts(ctx, scope, serials)
  local rows = {}
  for i = 1, #serials do
    local row, err = ctx.engine:row(TEXT, scope, serials[i])
    if err then return nil, err end
    rows[#rows + 1] = row
  end
  return rows
end

--- The numbers of texts that have expired and are still there, the first to expire first.
---@param ctx moonbase.Context
---@param scope integer
---@param limit integer
---@return integer[]|nil serials
---@return moonbase.Error|nil err
function memory_rows.expired(ctx, scope, limit)
  return ctx.engine:values(EXPIRED, scope, ctx:now(), limit)
end

local function next_serial(ctx, scope, grown)
  local serial, err = ctx.engine:value(NEXT_SERIAL, scope, grown)
  if not serial then return nil, err end
  if serial > LAST_SERIAL then
    return errors.fail("full", "memory has given out all its numbers")
  end
  return serial
end

-- Whether searches find a draft's words where those of the row before it are.
local function words_stay(draft, old)
  local same = memory_record.searchable(old) == memory_record.searchable(draft)
  return same and (old.vector_set == nil) == (draft.shelved or false)
end

-- Makes room for a draft: gives the number that it gets, which is the old one where its words stay.
local function make_room(batch, draft, old, now)
  local ctx, scope = batch.ctx, batch.scope
  if not old then return next_serial(ctx, scope, 1) end
  local ok, err = true, nil
  if old.text ~= draft.text or expiry.reached(old.expires_at, now) then
    ok, err = memory_history.keep(ctx, scope, old, now)
  end
  if not ok then return nil, err end
  if words_stay(draft, old) then return old.serial end
  if old.vector_set then batch.words:remove(old) end
  return next_serial(ctx, scope, 0)
end

-- The row that a draft becomes.
local function row_of(draft, old, now)
  local row = { created_at = now, updated_at = now, vector_given = draft.vector_given or false }
  for name, value in pairs(draft) do row[name] = value end
  row.vector_set = nil
  if old and not expiry.reached(old.expires_at, now) then row.created_at = old.created_at end
  return row
end

local function insert(ctx, scope, row)
  return ctx.engine:run(PUT, scope, row.serial, row.id, row.namespace, row.type, row.source, row.at,
    row.importance, row.ttl, row.expires_at, row.created_at, row.updated_at, row.vector_set,
    row.vector_given, row.version, row.piece, row.position, row.owner, row.author,
    row.tags, row.entities, row.mentions, row.metadata, row.text)
end

-- Gives a row the place of its vector.
local function place_vector(vectors, row, draft, old)
  local err
  if draft.shelved then return vectors:remove(old) end
  if draft.vector then
    row.vector_set, err = vectors:add(row.serial, draft.vector, old)
    return row.vector_set, err
  end
  row.vector_set, row.vector = old.vector_set, old.vector
  return true
end

-- Finds a row by its own labels and names instead of those of the row before it.
local function relabel(ctx, scope, row, old, shelved)
  if old and old.serial == row.serial and memory_labels.same(old, row) then return true end
  local ok, err = true, nil
  if old then ok, err = memory_labels.remove(ctx.engine, scope, old) end
  if not ok then return nil, err end
  return memory_labels.add(ctx.engine, scope, row, shelved)
end

local function put(batch, draft)
  local ctx, scope, now = batch.ctx, batch.scope, batch.ctx:now()
  local old, err = memory_rows.find(ctx, scope, draft.id)
  if err then return nil, err end
  local row = row_of(draft, old, now)
  row.serial, err = make_room(batch, draft, old, now)
  if not row.serial then return nil, err end
  local ok
  ok, err = place_vector(batch.vectors, row, draft, old)
  if ok then ok, err = insert(ctx, scope, row) end
  if ok then ok, err = relabel(ctx, scope, row, old, draft.shelved) end
  if not ok then return nil, err end
  if row.vector_set and not (old and old.serial == row.serial) then batch.words:add(row) end
  return row
end

--- Writes texts. One of an id that is there replaces it whole.
---@param ctx moonbase.Context
---@param drafts moonbase.MemoryDraft[]  with vectors; one without keeps the one that its text has
---@return moonbase.MemoryRow[]|nil rows  in the same order
---@return moonbase.Error|nil err  `serialization`, `full`, `corrupt`
function memory_rows.put(ctx, drafts)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local rows, batch = {}, { ctx = ctx, scope = scope, vectors = memory_vectors.batch(ctx, scope),
    words = memory_words.batch(ctx, scope) }
  for i, draft in ipairs(drafts) do
    rows[i], err = put(batch, draft)
    if not rows[i] then return nil, err end
  end
  local ok
  ok, err = batch.vectors:write()
  if ok then ok, err = batch.words:write() end
  if not ok then return nil, err end
  return rows
end

-- Gives a text that still has the vector it was read with another one, of the handle's embedder.
local function replace_vector(ctx, scope, batch, row, vector)
  local old, err = ctx.engine:row(PLACE, scope, row.serial, row.vector_set)
  if not old then return err == nil and 0 or nil, err end
  local set
  set, err = batch:add(row.serial, vector, old)
  if not set then return nil, err end
  return ctx.engine:run(MOVE, set, scope, row.serial)
end

--- Gives texts other vectors. Those that are gone or have other ones by now do not count.
---@param ctx moonbase.Context
---@param scope integer
---@param rows table[]        serial, vector_set, as read with the texts
---@param vectors string[]    one for each
---@return integer|nil count
---@return moonbase.Error|nil err  `corrupt`, `full`
function memory_rows.replace_vectors(ctx, scope, rows, vectors)
  local batch, count = memory_vectors.batch(ctx, scope), 0
  for i, row in ipairs(rows) do
    local done, err = replace_vector(ctx, scope, batch, row, vectors[i])
    if not done then return nil, err end
    count = count + done
  end
  local ok, err = batch:write()
  if not ok then return nil, err end
  return count
end

return memory_rows
