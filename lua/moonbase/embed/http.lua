--- An embedder behind HTTP: any endpoint that speaks OpenAI's embeddings.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local http_answer = require "moonbase.embed.http_answer"
local http_client = require "moonbase.embed.http_client"
local http_retry = require "moonbase.embed.http_retry"
local http_url = require "moonbase.embed.http_url"
local Lru = require "moonbase.embed.lru"

local http = {}

local TIMEOUT = 30000
local BATCH = 64
local MAX_DIM = 65536
local REMEMBERED = 1024 -- vectors, by the hash of their texts

local OPTIONS = { url = "string", model = "string", dim = "number", api_key = "string",
  timeout = "number", batch = "number" }

local function check_key(name, value)
  if value ~= "" and not value:find("[^!-~]") then return value end
  return errors.invalid(name, "must be printable characters without spaces")
end

local RULES = { { "url", http_url.parse }, { "model", check.id }, { "dim", check.positive },
  { "api_key", check_key }, { "timeout", check.positive }, { "batch", check.positive } }

local REQUIRED = { "url", "model", "dim" }

local function check_options(options)
  check.options("http", options, OPTIONS)
  for _, name in ipairs(REQUIRED) do
    if options[name] == nil then return errors.invalid(name, "is missing") end
  end
  local values, err = check.fields(options, RULES)
  if not values then return nil, err end
  if values.dim > MAX_DIM then return errors.invalid("dim", "must be at most " .. MAX_DIM) end
  return values
end

local function headers_of(settings)
  local headers = { ["content-type"] = "application/json", accept = "application/json",
    ["user-agent"] = "moonbase" }
  if settings.api_key then headers.authorization = "Bearer " .. settings.api_key end
  return headers
end

-- The vectors of one batch.
local function fetch(settings, texts)
  local body, err = core.encode({ model = settings.model, input = core.array(texts) }, "texts")
  if not body then return nil, err end
  local request = { endpoint = settings.url, headers = headers_of(settings), body = body,
    limit = http_answer.limit(#texts, settings.dim) }
  local answer
  answer, err = http_retry.run(settings, function(timeout)
    return http_client.post(request, timeout)
  end)
  if not answer then return nil, err end
  return http_answer.vectors(answer.body, #texts, settings.dim)
end

-- The different texts that are not remembered, each with its hash.
local function unknown(cache, texts, found)
  local list, keys, asked = {}, {}, {}
  for i = 1, #texts do
    local key = core.sha256(texts[i])
    keys[i] = key
    found[key] = found[key] or cache:get(key)
    if not found[key] and not asked[key] then
      list[#list + 1], asked[key] = { key = key, text = texts[i] }, true
    end
  end
  return list, keys
end

local function fetch_all(settings, cache, list, found)
  for first = 1, #list, settings.batch do
    local texts = {}
    for i = first, math.min(first + settings.batch - 1, #list) do
      texts[#texts + 1] = list[i].text
    end
    local vectors, err = fetch(settings, texts)
    if not vectors then return nil, err end
    for i, vector in ipairs(vectors) do
      local key = list[first + i - 1].key
      found[key] = vector
      cache:set(key, vector)
    end
  end
  return true
end

local function embed(settings, cache, texts)
  local found = {}
  local list, keys = unknown(cache, texts, found)
  local ok, err = fetch_all(settings, cache, list, found)
  if not ok then return nil, err end
  local vectors = {}
  for i, key in ipairs(keys) do vectors[i] = found[key] end
  return vectors
end

--- Makes the embedder. Texts are sent in batches; one that was embedded lately is not sent again.
---@param options table  url: of an API's base such as http://127.0.0.1:8080/v1, or the whole
---  address; model: its name; dim: how many numbers its vectors have; api_key; timeout: ms that
---  a batch may take with all its retries (30000); batch: texts in one request (64)
---@return moonbase.Embedder|nil
---@return moonbase.Error|nil err  `invalid`
function http.new(options)
  local settings, err = check_options(options)
  if not settings then return nil, err end
  settings.timeout, settings.batch = settings.timeout or TIMEOUT, settings.batch or BATCH
  local cache = Lru.new(REMEMBERED)
  return {
    name = settings.model, dim = settings.dim,
    embed = function(texts) return embed(settings, cache, texts) end,
  }
end

return http
