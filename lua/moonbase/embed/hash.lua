--- An embedder that needs no model and no network: it hashes the parts of a text into a vector.
-- Words count by their stems and with less weight by their runs of three characters, so that texts
-- of related words meet. The same text gives the same vector on every machine.

local check = require "moonbase.check"
local errors = require "moonbase.errors"

local byte, floor, sqrt = string.byte, math.floor, math.sqrt

local hash = {}

local DEFAULT_DIM = 256
local MAX_DIM = 65536
local MODULUS = 4294967291 -- a prime below 2^32: products with the base stay exact in a double
local BASE = 1048583
local WORD_WEIGHT, RUN_WEIGHT = 1, 0.35

local function hash_of(text, seed)
  local value = seed
  for i = 1, #text do value = (value * BASE + byte(text, i) + 1) % MODULUS end
  return value
end

local ENDINGS = { "ingly$", "edly$", "ings?$", "ies$", "ed$", "es$", "s$", "ly$", "e$", "y$" }

local function stem(word)
  for i = 1, #ENDINGS do
    local cut = word:gsub(ENDINGS[i], "")
    if cut ~= word and #cut >= 3 then return (cut:gsub("([bdgmnprt])%1$", "%1")) end
  end
  return word
end

local function add(features, name, weight)
  features[name] = (features[name] or 0) + weight
end

local function features_of(text)
  local features = {}
  for word in text:lower():gmatch("[0-9a-z\128-\255]+") do
    add(features, "w" .. stem(word), WORD_WEIGHT)
    local framed = "^" .. word .. "$"
    for i = 1, #framed - 2 do add(features, "c" .. framed:sub(i, i + 2), RUN_WEIGHT / #framed) end
  end
  return features
end

local function normalise(vector)
  local sum = 0
  for i = 1, #vector do sum = sum + vector[i] * vector[i] end
  if sum == 0 then return vector end
  local length = sqrt(sum)
  for i = 1, #vector do vector[i] = vector[i] / length end
  return vector
end

local function embed_text(text, dim)
  local vector = {}
  for i = 1, dim do vector[i] = 0 end
  for name, weight in pairs(features_of(text)) do
    local value = hash_of(name, 7)
    local slot = floor(value / 2) % dim + 1
    local sign = value % 2 == 0 and 1 or -1
    vector[slot] = vector[slot] + sign * sqrt(weight)
  end
  return normalise(vector)
end

local OPTIONS = { dim = "number" }

--- Makes the embedder.
---@param options? { dim: integer? }  dim: how many numbers a vector has (256)
---@return moonbase.Embedder|nil
---@return moonbase.Error|nil err  `invalid`
function hash.new(options)
  options = check.options("hash", options, OPTIONS)
  local dim, err = check.positive("dim", options.dim or DEFAULT_DIM)
  if not dim then return nil, err end
  if dim > MAX_DIM then return errors.invalid("dim", "must be at most " .. MAX_DIM) end
  return {
    name = "moonbase-hash-1", dim = dim,
    embed = function(texts)
      local vectors = {}
      for i = 1, check.array("texts", texts) do
        vectors[i] = embed_text(check.type("texts[" .. i .. "]", texts[i], "string"), dim)
      end
      return vectors
    end,
  }
end

return hash
