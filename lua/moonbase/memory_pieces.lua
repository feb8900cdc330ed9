--- What is given to be ingested, checked and split into pieces. A piece has an id made of what it
-- says and where it is from, so the same piece has the same id each time it is ingested.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local mail_quotes = require "moonbase.mail_quotes"
local split = require "moonbase.split"

local memory_pieces = {}

--- A piece of a source.
---@class moonbase.SourcePiece
---@field id string
---@field text string
---@field at? integer          of its message
---@field author? string
---@field heading? string
---@field position integer     among the pieces of its source, from 1
---@field fingerprint string   of what else is known about it
---@field refused? boolean     by the caller's rule
---@field draft? moonbase.MemoryDraft  once it is to be written

--- What is to be ingested.
---@class moonbase.Ingestion
---@field source string
---@field kind string
---@field namespace string
---@field pieces moonbase.SourcePiece[]
---@field tags? string[]
---@field title? string
---@field owner? string
---@field version? string|number
---@field at? integer
---@field ttl? integer
---@field on_admit? function

local FIELDS = { source = "string", kind = "string", text = "string", messages = "table",
  title = "string", owner = "string", namespace = "string", tags = "table", at = "number",
  version = "any", ttl = "number", max_tokens = "number", overlap = "number", on_admit = "any" }

local KINDS = check.set "chat email document"

local MESSAGE = { author = "any", text = "any", at = "any" }

local function check_tags(name, list)
  for i = 1, check.array(name, list) do
    local ok, err = check.document_id(name .. "[" .. i .. "]", list[i])
    if not ok then return nil, err end
  end
  return list
end

-- Beyond 2^53 a number of LuaJIT's is not the one that was given.
local function check_version(name, value)
  if type(value) == "number" then
    if value >= -2 ^ 53 and value <= 2 ^ 53 then return value end
    return errors.invalid(name, "must be a number of at most 2^53")
  end
  return check.id(name, value)
end

local RULES = { { "source", check.id }, { "title", check.text }, { "owner", check.id },
  { "namespace", check.id }, { "tags", check_tags }, { "at", check.time },
  { "ttl", check.duration }, { "version", check_version }, { "text", check.text } }

-- Of one kind, with a text or messages, as suits it.
local function check_shape(fields)
  local kind = fields.kind or (fields.messages and "chat" or "document")
  if not KINDS[kind] then
    return errors.invalid("kind", "must be 'chat', 'email' or 'document'")
  end
  if fields.source == nil then return errors.invalid("source", "is missing") end
  if fields.text and fields.messages then
    return errors.invalid("messages", "cannot stand beside a text")
  end
  if not fields.text and not fields.messages then
    return errors.invalid(kind == "document" and "text" or "messages", "is missing")
  end
  if fields.messages and kind == "document" then
    return errors.invalid("messages", "are not what a document has")
  end
  return kind
end

-- In a message a wrong type is bad data.
local function check_field(name, value, kind, rule)
  if type(value) ~= kind then return errors.invalid(name, "must be a " .. kind) end
  return rule(name, value)
end

local function check_message(name, message)
  check.options(name, check.type(name, message, "table"), MESSAGE)
  local ok, err = check_field(name .. ".text", message.text, "string", check.text)
  if ok and message.author ~= nil then
    ok, err = check_field(name .. ".author", message.author, "string", check.id)
  end
  if ok and message.at ~= nil then
    ok, err = check_field(name .. ".at", message.at, "number", check.time)
  end
  if not ok then return nil, err end
  return message
end

local function messages_of(fields)
  if fields.text then return { { text = fields.text } } end
  local list = {}
  for i = 1, check.array("messages", fields.messages) do
    local message, err = check_message("messages[" .. i .. "]", fields.messages[i])
    if not message then return nil, err end
    list[i] = message
  end
  return list
end

-- A hash of values, of which some may be missing.
local function hash_of(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if type(value) == "number" then value = ("n%.17g"):format(value) end
    parts[i] = value and #value .. ":" .. value or "-"
  end
  return core.sha256(table.concat(parts, ","))
end

local function add_pieces(ingestion, message, text, options, seen)
  local pieces = ingestion.pieces
  for _, part in ipairs(split.pieces(text, options)) do
    local key = hash_of(ingestion.kind, ingestion.source, ingestion.version, message.author,
      message.at, part.text)
    seen[key] = (seen[key] or 0) + 1
    pieces[#pieces + 1] = {
      id = hash_of(key, seen[key]):sub(1, 32), text = part.text, at = message.at,
      author = message.author, heading = part.heading, position = #pieces + 1,
      fingerprint = hash_of(ingestion.fingerprint, part.heading):sub(1, 16),
    }
  end
end

local function texts_of(kind, messages)
  local texts = {}
  for i, message in ipairs(messages) do texts[i] = message.text end
  return kind == "email" and mail_quotes.without(texts) or texts
end

local function check_rule(value)
  if value == nil or type(value) == "boolean" or type(value) == "function" then return end
  errors.misuse("on_admit", "function or true expected, got " .. type(value))
end

--- Checks what is to be ingested, and splits it.
---@param fields table  see Memory:ingest
---@return moonbase.Ingestion|nil
---@return moonbase.Error|nil err  `invalid`
function memory_pieces.of(fields)
  check.options("ingest", check.type("ingest", fields, "table"), FIELDS)
  check_rule(fields.on_admit)
  local kind, err = check_shape(fields)
  if not kind then return nil, err end
  local ingestion, options, messages
  ingestion, err = check.fields(fields, RULES)
  if ingestion then options, err = split.options(fields.max_tokens, fields.overlap) end
  if options then messages, err = messages_of(ingestion.text and ingestion or fields) end
  if not messages then return nil, err end
  ingestion.kind, ingestion.on_admit, ingestion.pieces = kind, fields.on_admit, {}
  ingestion.namespace, ingestion.text = ingestion.namespace or "default", nil
  ingestion.fingerprint = hash_of(ingestion.namespace, ingestion.title, ingestion.owner,
    ingestion.ttl, table.concat(ingestion.tags or {}, "\0"))
  local texts, seen = texts_of(kind, messages), {}
  for i, message in ipairs(messages) do
    add_pieces(ingestion, message, texts[i], options, seen)
  end
  return ingestion
end

return memory_pieces
