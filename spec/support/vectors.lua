--- Vectors for specs: made up, the same in every run.

local core = require "moonbase.core"

local vectors = {}

-- Lehmer's generator: exact in doubles too.
local Random = {}
Random.__index = Random

--- A generator of numbers.
function vectors.random(seed)
  return setmetatable({ state = seed * 7919 % 2147483646 + 1 }, Random)
end

--- A number from 0 up to 1.
function Random:number()
  self.state = self.state * 16807 % 2147483647
  return (self.state - 1) / 2147483646
end

--- A whole number from 1 to limit.
function Random:pick(limit)
  return math.floor(self:number() * limit) + 1
end

--- Nearly normal.
function Random:normal()
  local total = -6
  for _ = 1, 12 do total = total + self:number() end
  return total
end

--- Numbers without a direction.
function Random:vector(dim, scale)
  local values = {}
  for i = 1, dim do values[i] = self:normal() * (scale or 1) end
  return values
end

--- Near a centre.
function Random:near(centre, spread)
  local values = {}
  for i = 1, #centre do values[i] = centre[i] + self:normal() * spread end
  return values
end

--- What weights of rare and frequent words look like: mostly zeros, some of them large.
function Random:weights(dim, words)
  local values = {}
  for i = 1, dim do values[i] = 0 end
  for _ = 1, words do
    local rank = math.floor(math.exp(self:number() * math.log(dim)))
    values[rank] = values[rank] + math.log(dim / rank + 1)
  end
  return values
end

--- The numbers as little-endian float32.
function vectors.bytes(values)
  return (assert(core.vector(values, #values, "vector")))
end

--- The numbers as float32 has them.
function vectors.rounded(values)
  return core.vector_numbers(vectors.bytes(values))
end

--- What of `exact` is in `hits`, from 0 to 1; both are what a search gives.
function vectors.recall(hits, exact)
  local ids, found = {}, 0
  for _, hit in ipairs(hits) do ids[hit.id] = true end
  for _, hit in ipairs(exact) do found = found + (ids[hit.id] and 1 or 0) end
  return found / #exact
end

local DISTANCES = {}

function DISTANCES.l2(a, b)
  local total = 0
  for i = 1, #a do total = total + (a[i] - b[i]) ^ 2 end
  return math.sqrt(total)
end

function DISTANCES.dot(a, b)
  local total = 0
  for i = 1, #a do total = total + a[i] * b[i] end
  return 0 - total
end

function DISTANCES.cosine(a, b)
  local lengths = DISTANCES.dot(a, a) * DISTANCES.dot(b, b)
  return lengths == 0 and 1 or 1 + DISTANCES.dot(a, b) / math.sqrt(lengths)
end

--- How far two vectors lie apart, as the API has it.
function vectors.distance(metric, a, b)
  return DISTANCES[metric](a, b)
end

return vectors
