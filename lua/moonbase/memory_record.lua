--- Records of memory: what callers give, checked and completed; and rows as callers see them.

local check = require "moonbase.check"
local core = require "moonbase.core"
local document = require "moonbase.document"
local embed = require "moonbase.embed"
local entities = require "moonbase.entities"
local errors = require "moonbase.errors"
local expiry = require "moonbase.expiry"
local memory_vectors = require "moonbase.memory_vectors"

local null = core.null

local memory_record = {}

---@class moonbase.Memory
---@field id string
---@field text string
---@field namespace string
---@field at integer             when what it tells was so
---@field created_at integer
---@field updated_at integer
---@field type? string
---@field tags? string[]
---@field metadata? table
---@field source? string
---@field importance? number
---@field ttl? integer
---@field expires_at? integer
---@field vector? number[]       only one that the caller gave
---@field entities? string[]     as given, else those found in the text
---@field version? string|number of an ingested source
---@field position? integer      among the pieces of its source, from 1
---@field owner? string
---@field author? string

--- What `memory:remember` takes, with the types that raise otherwise.
memory_record.FIELDS = { text = "string", id = "string", namespace = "string", type = "string",
  tags = "table", metadata = "table", source = "string", at = "number", ttl = "number",
  importance = "number", vector = "any", entities = "table" }

local function check_text(name, value)
  local ok, err = check.text(name, value)
  if not ok then return nil, err end
  if not value:find("%S") then return errors.invalid(name, "is blank") end
  return value
end

local function check_importance(name, value)
  if value >= 0 and value < math.huge then return value end
  return errors.invalid(name, "must be a number from 0 up")
end

local function check_names(name, list)
  local names = {}
  for i = 1, check.array(name, list) do
    local ok, err = check.document_id(name .. "[" .. i .. "]", list[i])
    if not ok then return nil, err end
    names[i] = list[i]
  end
  return core.array(names)
end

local RULES = { { "text", check_text }, { "id", check.id }, { "namespace", check.id },
  { "type", check.id }, { "tags", check_names }, { "metadata", function(name, value)
    return document.stored(value, name)
  end }, { "source", check.id }, { "at", check.time }, { "ttl", check.duration },
  { "importance", check_importance }, { "entities", check_names } }

local function vector_of(ctx, name, value)
  if type(value) ~= "string" then check.type(name, value, "table") end
  return core.vector(value, memory_vectors.embedder(ctx).dim, name)
end

--- The fields that are there, in their normal form; null stays.
---@param ctx moonbase.Context
---@param prefix string  of their paths
---@param fields table   with no unknown ones
---@return table|nil values
---@return moonbase.Error|nil err  `invalid`, `serialization`
function memory_record.values(ctx, prefix, fields)
  local values = {}
  for _, rule in ipairs(RULES) do
    local field, value, err = rule[1], fields[rule[1]], nil
    if value ~= nil and value ~= null then value, err = rule[2](prefix .. field, value) end
    if err then return nil, err end
    values[field] = value
  end
  if fields.vector == nil or fields.vector == null then
    values.vector = fields.vector
    return values
  end
  local err
  values.vector, err = vector_of(ctx, prefix .. "vector", fields.vector)
  if not values.vector then return nil, err end
  return values
end

--- The names that a text is found by: those given, else those found in it.
---@param text string
---@param given? string[]
---@return string[]|nil mentions  nil for none
function memory_record.mentions(text, given)
  local list, seen = {}, {}
  for _, name in ipairs(given or entities.extract(text)) do
    local normal = given and entities.normalise(name) or name
    if normal ~= "" and not seen[normal] then list[#list + 1] = normal end
    seen[normal] = true
  end
  return list[1] and list or nil
end

--- The names that a text is found by, and who says it, who is mentioned by it too.
---@param author? string
---@param mentions? string[]
---@return string[]|nil mentions  nil for none
function memory_record.mentions_with(author, mentions)
  local normal = author and entities.normalise(author) or ""
  if normal == "" then return mentions end
  local list = { normal }
  for _, name in ipairs(mentions or {}) do
    if name ~= normal then list[#list + 1] = name end
  end
  return list
end

--- What a caller wants to be remembered, as it will be written; its vector may be missing still.
---@param ctx moonbase.Context
---@param name string    its path, for errors; "" for the argument itself
---@param fields table
---@return moonbase.MemoryDraft|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`
function memory_record.draft(ctx, name, fields)
  check.options(name == "" and "memory" or name, fields, memory_record.FIELDS)
  local prefix = name == "" and "" or name .. "."
  if fields.text == nil then return errors.invalid(prefix .. "text", "is missing") end
  local draft, err = memory_record.values(ctx, prefix, fields)
  if not draft then return nil, err end
  local now = ctx:now()
  draft.id, err = check.id_or_new(prefix .. "id", draft.id, ctx)
  if not draft.id then return nil, err end
  draft.namespace, draft.at = draft.namespace or "default", draft.at or now
  draft.expires_at = draft.ttl and expiry.at(now, draft.ttl)
  draft.vector_given = draft.vector ~= nil
  draft.mentions = memory_record.mentions(draft.text, draft.entities)
  return draft
end

--- What searches see of a text: who said it belongs to what they look for.
---@param record { text: string, author: string? }
---@return string
function memory_record.searchable(record)
  if not record.author then return record.text end
  return record.author .. ": " .. record.text
end

--- Makes the vectors that are missing. Outside any transaction of ours, for it may take long.
---@param ctx moonbase.Context
---@param drafts moonbase.MemoryDraft[]
---@return true|nil
---@return moonbase.Error|nil err  what the embedder gave; see moonbase.embed
function memory_record.embed(ctx, drafts)
  local without, texts = {}, {}
  for _, draft in ipairs(drafts) do
    if not draft.vector then
      without[#without + 1], texts[#texts + 1] = draft, memory_record.searchable(draft)
    end
  end
  if #texts == 0 then return true end
  local vectors, err = embed.run(memory_vectors.embedder(ctx), texts)
  if not vectors then return nil, err end
  for i, draft in ipairs(without) do draft.vector = vectors[i] end
  return true
end

--- A row as callers see it.
---@param row moonbase.MemoryRow
---@return moonbase.Memory
function memory_record.of(row)
  return {
    id = row.id, text = row.text, namespace = row.namespace, type = row.type, tags = row.tags,
    metadata = row.metadata, source = row.source, at = row.at, importance = row.importance,
    ttl = row.ttl, expires_at = row.expires_at, created_at = row.created_at,
    updated_at = row.updated_at, entities = row.entities or row.mentions,
    vector = row.vector_given and row.vector and core.vector_numbers(row.vector) or nil,
    version = row.version, position = row.position, owner = row.owner, author = row.author,
  }
end

--- Rows as callers see them.
---@param rows moonbase.MemoryRow[]
---@return moonbase.Memory[]
function memory_record.all(rows)
  local records = {}
  for i, row in ipairs(rows) do records[i] = memory_record.of(row) end
  return records
end

return memory_record
