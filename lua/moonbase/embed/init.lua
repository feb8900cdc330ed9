--- Embedders: what makes vectors of texts. Here their answers are checked, whoever made them, so
-- that nothing but whole, finite vectors of the right length reaches a store.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"

---@class moonbase.Embedder
---@field name string   which model: vectors of different names are never compared
---@field dim integer   how many numbers a vector has
---@field weight? number  what its vectors count in a hybrid search; 1
---@field embed fun(texts: string[]): moonbase.Vector[]|nil, any  one vector for each text, in
---  order; may raise, or return nil and an error

local embed = {}

local MAX_DIM = 65536
local AT_A_TIME = 256 -- texts given to an embedder in one call, so that none has to hold them all
local NO_MEMORY = "not enough memory$" -- where it was found to be so may stand before it

local FIELDS = { name = "string", dim = "number", embed = "function" }

--- An embedder given as an option: its fields are there and have the right types.
---@param name string  the argument's name
---@param embedder any
---@return moonbase.Embedder|nil
---@return moonbase.Error|nil err  `invalid`
function embed.check(name, embedder)
  check.type(name, embedder, "table")
  for field, kind in pairs(FIELDS) do check.type(name .. "." .. field, embedder[field], kind) end
  local ok, err = check.id(name .. ".name", embedder.name)
  if ok then ok, err = check.positive(name .. ".dim", embedder.dim) end
  if not ok then return nil, err end
  if ok > MAX_DIM then return errors.invalid(name .. ".dim", "must be at most " .. MAX_DIM) end
  return embedder
end

-- Whatever an embedder says went wrong may go right the next time, unless its error knows better.
local function failure(embedder, reason)
  if type(reason) == "string" and reason:find(NO_MEMORY) then error(reason, 0) end
  if type(reason) == "table" and getmetatable(reason) == getmetatable(core.error("io")) then
    return nil, reason
  end
  return errors.fail("io", ("embedder '%s' failed: %s"):format(embedder.name, tostring(reason)),
    { retryable = true })
end

local function wrong_shape(embedder, why)
  return errors.fail("invalid", ("embedder '%s' %s"):format(embedder.name, why),
    { field = "vector" })
end

local function ask(embedder, texts)
  local returned, vectors, reason = pcall(embedder.embed, texts)
  if not returned then return failure(embedder, vectors) end
  if vectors == nil then return failure(embedder, reason or "it gave nothing") end
  if type(vectors) ~= "table" then return wrong_shape(embedder, "gave no array of vectors") end
  if #vectors ~= #texts then
    return wrong_shape(embedder, ("gave %d vectors for %d texts"):format(#vectors, #texts))
  end
  return vectors
end

local function add_packed(packed, embedder, vectors)
  for i = 1, #vectors do
    local kind = type(vectors[i])
    if kind ~= "table" and kind ~= "string" then
      return wrong_shape(embedder, "gave a vector that is neither an array nor bytes")
    end
    local bytes, err = core.vector(vectors[i], embedder.dim, "vector")
    if not bytes then
      return wrong_shape(embedder, ("gave a wrong vector: %s"):format(err.message))
    end
    packed[#packed + 1] = bytes
  end
  return true
end

--- The vectors of texts, one for each, as little-endian float32. It may take long (it may wait for
--- a network), so it is never called inside a transaction that moonbase begins.
---@param embedder moonbase.Embedder
---@param texts string[]
---@return string[]|nil vectors
---@return moonbase.Error|nil err  `io` (retryable) when the embedder fails; `invalid` when it gives
---  vectors of a wrong number, length or kind, NaN or infinity; the embedder's own error
function embed.run(embedder, texts)
  local packed = {}
  for first = 1, #texts, AT_A_TIME do
    local some = {}
    for i = first, math.min(first + AT_A_TIME - 1, #texts) do some[#some + 1] = texts[i] end
    local vectors, err = ask(embedder, some)
    if not vectors then return nil, err end
    local ok
    ok, err = add_packed(packed, embedder, vectors)
    if not ok then return nil, err end
  end
  return packed
end

--- The embedder that needs no model and no network; see moonbase.embed.hash.
---@param options? { dim: integer? }
---@return moonbase.Embedder|nil
---@return moonbase.Error|nil err  `invalid`
function embed.hash(options)
  return require("moonbase.embed.hash").new(options)
end

--- An embedder behind HTTP; see moonbase.embed.http.
---@param options table
---@return moonbase.Embedder|nil
---@return moonbase.Error|nil err  `invalid`
function embed.http(options)
  return require("moonbase.embed.http").new(options)
end

return embed
