--- The pieces of large blobs. Each bears the hash of the blob from its beginning to the end of the
--- piece, so a reader knows that what it gives out is right before it has seen the whole, and in
--- one pass; the last one's is the hash of the blob.

local core = require "moonbase.core"
local blob_pack = require "moonbase.blob_pack"

local blob_pieces = {}

--- The size of every piece but the last.
blob_pieces.SIZE = blob_pack.LARGEST

local PUT = [[
  INSERT INTO blob_pieces (key, size, packed, digest, content)
  VALUES (($blob << 24) | $number, $size, $packed, $digest, $content(blob))]]

local GET = [[
  SELECT size, packed, digest, content FROM blob_pieces WHERE key = ($blob << 24) | $number]]

local DELETE = [[
  DELETE FROM blob_pieces WHERE key BETWEEN ($blob << 24) AND ($blob << 24) | 16777215]]

--- Writes one. Inside a write.
---@param ctx moonbase.Context
---@param blob integer    key of the blob
---@param number integer  from 1
---@param bytes string
---@param digest string   of all bytes up to its end
---@return integer|nil stored  bytes that it takes
---@return moonbase.Error|nil err
function blob_pieces.put(ctx, blob, number, bytes, digest)
  local content, packed = blob_pack.pack(ctx.compress, bytes, blob_pieces.SIZE)
  if not content then return nil, packed end
  local ok, err = ctx.engine:run(PUT, blob, number, #bytes, packed, digest, content)
  if not ok then return nil, err end
  return #content
end

--- Reads one, not verified yet.
---@param ctx moonbase.Context
---@param blob integer
---@param number integer
---@return { bytes: string, digest: string }|nil  nil alone when it is not there
---@return moonbase.Error|nil err  `corrupt`
function blob_pieces.get(ctx, blob, number)
  local row, err = ctx.engine:row(GET, blob, number)
  if not row then return nil, err end
  local bytes
  bytes, err = blob_pack.unpack(row)
  if not bytes then return nil, err end
  return { bytes = bytes, digest = row.digest }
end

--- Removes all pieces of a blob. Inside a write.
---@param ctx moonbase.Context
---@param blob integer
---@return integer|nil count
---@return moonbase.Error|nil err
function blob_pieces.remove(ctx, blob)
  return ctx.engine:run(DELETE, blob)
end

--- The digest of each piece of a blob, in order. The last one is the blob's hash.
---@param bytes string
---@return string[]
function blob_pieces.digests(bytes)
  local size = blob_pieces.SIZE
  if #bytes <= size then return { core.sha256(bytes) } end
  local digests, stream = {}, core.sha256_stream()
  for first = 1, #bytes, size do
    stream:update(bytes, first, first + size - 1)
    digests[#digests + 1] = stream:digest()
  end
  return digests
end

return blob_pieces
