--- What an endpoint of embeddings answers, read.

local core = require "moonbase.core"
local errors = require "moonbase.errors"

local http_answer = {}

local LONGEST_NUMBER = 64 -- bytes, with the white space around it
local MORE = 65536        -- bytes of an answer beside its numbers

--- How long an answer may be.
---@param count integer  vectors
---@param dim integer
---@return integer bytes
function http_answer.limit(count, dim)
  return MORE + count * (dim * LONGEST_NUMBER + 1024)
end

local function wrong(why)
  return errors.fail("invalid", "the embedding endpoint gave " .. why, { field = "vector" })
end

-- Where an item belongs: its index counts from 0; without one it stands where it belongs.
local function place_of(item, position)
  if item.index == nil then return position end
  return type(item.index) == "number" and item.index + 1 or nil
end

--- The vectors of an answer, in the order of the texts that were sent.
---@param body string
---@param count integer  how many there must be
---@param dim integer
---@return string[]|nil vectors  little-endian float32
---@return moonbase.Error|nil err  `invalid`
function http_answer.vectors(body, count, dim)
  local answer = core.decode(body)
  local data = type(answer) == "table" and answer.data
  if type(data) ~= "table" then return wrong("no list of vectors") end
  if #data ~= count then return wrong(("%d vectors for %d texts"):format(#data, count)) end
  local vectors = {}
  for i, item in ipairs(data) do
    if type(item) ~= "table" or type(item.embedding) ~= "table" then
      return wrong("an item without a vector")
    end
    local place = place_of(item, i)
    if not place or place < 1 or place > count or place % 1 ~= 0 or vectors[place] then
      return wrong("a wrong index")
    end
    local vector, err = core.vector(item.embedding, dim, "vector")
    if not vector then return wrong("a wrong vector: " .. err.message) end
    vectors[place] = vector
  end
  return vectors
end

--- What an answer that is none says about itself, on one line, if anything.
---@param body string
---@return string|nil
function http_answer.complaint(body)
  local answer = core.decode(body)
  local complaint = type(answer) == "table" and answer.error
  if type(complaint) == "table" then complaint = complaint.message end
  if type(complaint) ~= "string" then return nil end
  return (complaint:gsub("[%c\128-\255]+", " "):sub(1, 200))
end

return http_answer
