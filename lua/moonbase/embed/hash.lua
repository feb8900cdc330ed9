--- An embedder that needs no model and no network: it hashes the words of a text and the runs of
-- characters in them, so that texts of the same or related words meet. The same text gives the same
-- vector on every machine and in both Lua versions.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"

local hash = {}

local DEFAULT_DIM = 256
local MAX_DIM = 65536
-- Beside the words themselves: what such vectors tell, these mostly have told already.
local WEIGHT = 0.1

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
    name = "moonbase-hash-1", dim = dim, weight = WEIGHT,
    embed = function(texts)
      local vectors = {}
      for i = 1, check.array("texts", texts) do
        vectors[i] = core.embed_hash(check.type("texts[" .. i .. "]", texts[i], "string"), dim)
      end
      return vectors
    end,
  }
end

return hash
