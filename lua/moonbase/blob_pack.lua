--- How the bytes of a blob are stored: as they are, or compressed where that pays.

local core = require "moonbase.core"
local errors = require "moonbase.errors"

local blob_pack = {}

-- By the store's option `compress`: from how many bytes on it is tried.
local THRESHOLD = { latency = math.huge, balanced = 4096, compact = 1024 }

-- The fastest levels take most of what can be saved.
local LEVEL = { balanced = 1, compact = 3 }

-- What saves less than this part is not worth the work at each read.
local LEAST_SAVING = 1 / 8

--- How many bytes a row holds at most.
blob_pack.LARGEST = 256 * 1024

--- The bytes as they are to be stored.
---@param profile string  the option `compress`
---@param bytes string    a blob, or a piece of one
---@param size? integer   of the whole blob; default: of the bytes
---@return string|nil content
---@return integer|moonbase.Error packed  1: compressed
function blob_pack.pack(profile, bytes, size)
  if (size or #bytes) < THRESHOLD[profile] then return bytes, 0 end
  local packed, err = core.compress(bytes, LEVEL[profile], #bytes * (1 - LEAST_SAVING))
  if packed == nil then return nil, err end
  if not packed then return bytes, 0 end
  return packed, 1
end

--- The bytes that a row holds.
---@param row { content: string?, packed: integer, size: integer }
---@return string|nil bytes
---@return moonbase.Error|nil err  `corrupt`
function blob_pack.unpack(row)
  local bytes = row.content
  if bytes and row.packed == 1 then
    local err
    bytes, err = core.decompress(bytes, blob_pack.LARGEST)
    if not bytes then return nil, err end
  end
  if not bytes or #bytes ~= row.size then return errors.fail("corrupt", "bytes are missing") end
  return bytes
end

return blob_pack
