--- The rows of blobs: bytes that are stored once per scope, under the SHA-256 of what they are.
-- What blobs itself and the parts that keep bytes of their own share.

local core = require "moonbase.core"
local blob_pack = require "moonbase.blob_pack"
local blob_pieces = require "moonbase.blob_pieces"
local blob_touches = require "moonbase.blob_touches"
local errors = require "moonbase.errors"

local blob_rows = {}

local FIND = [[
  SELECT key, size, packed, pieces, names, created_at, kind, content FROM blobs
  WHERE scope = $scope AND hash = $hash]]

local STAT = [[
  SELECT hash, size, stored, kind, created_at FROM blobs WHERE scope = $scope AND hash = $hash]]

local HAS = "SELECT 1 FROM blobs WHERE scope = $scope AND hash = $hash"

local INSERT = [[
  INSERT INTO blobs (scope, hash, kind, created_at, names, size, stored, packed, pieces, content)
  VALUES ($scope, $hash, $kind, $created_at, $names, $size, $stored, $packed, $pieces,
    $content(blob))
  RETURNING key]]

local SET_STORED = "UPDATE blobs SET stored = $stored WHERE key = $key"

local SET_NAMES = "UPDATE blobs SET names = $names WHERE key = $key"

local DELETE = "DELETE FROM blobs WHERE key = $key"

---@class moonbase.BlobStat
---@field hash string
---@field size integer        bytes as given
---@field stored integer      bytes that they take, compressed where that pays
---@field kind? string        as given by who stored it first
---@field created_at integer

--- The error for a blob that cannot be read as it was.
---@param hash string
---@param why string
---@return nil, moonbase.Error
function blob_rows.damaged(hash, why)
  return errors.fail("corrupt", "blob " .. hash .. ": " .. why, { hash = hash })
end

--- What went wrong with a blob's bytes, by the blob's name.
---@param hash string
---@param err moonbase.Error
---@return nil, moonbase.Error
function blob_rows.blame(hash, err)
  if err.code ~= "corrupt" then return nil, err end
  return blob_rows.damaged(hash, err.message)
end

local function read_pieces(ctx, blob)
  local parts = {}
  for number = 1, blob.pieces do
    local piece, err = blob_pieces.get(ctx, blob.key, number)
    if err then return nil, err end
    if not piece then return errors.fail("corrupt", "piece " .. number .. " is missing") end
    parts[number] = piece.bytes
  end
  return table.concat(parts)
end

-- The bytes that a row and its pieces hold, right or wrong.
local function content_of(ctx, blob)
  if blob.pieces == 0 then return blob_pack.unpack(blob) end
  return read_pieces(ctx, blob)
end

local function verified(hash, bytes, err)
  if not bytes then return blob_rows.blame(hash, err) end
  if core.sha256(bytes) ~= hash then return blob_rows.damaged(hash, "its bytes have changed") end
  return bytes
end

local function read_large(ctx, scope, hash)
  local blob, err = ctx.engine:row(FIND, scope, hash)
  if not blob then return nil, err end
  return verified(hash, content_of(ctx, blob))
end

--- The bytes of a blob, verified.
---@param ctx moonbase.Context
---@param hash string
---@return string|nil bytes        nil alone for an unknown hash
---@return moonbase.Error|nil err  `corrupt` with `hash`
function blob_rows.get(ctx, hash)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local blob
  blob, err = ctx.engine:row(FIND, scope, hash)
  if not blob then return nil, err end
  if blob.pieces == 0 then return verified(hash, blob_pack.unpack(blob)) end
  return ctx.engine:snapshot(read_large, ctx, scope, hash)
end

--- Whether a blob is stored.
---@param ctx moonbase.Context
---@param hash string
---@return boolean|nil
---@return moonbase.Error|nil
function blob_rows.has(ctx, hash)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local found
  found, err = ctx.engine:value(HAS, scope, hash)
  if err then return nil, err end
  return found ~= nil
end

--- What is known of a blob beside its bytes.
---@param ctx moonbase.Context
---@param hash string
---@return moonbase.BlobStat|nil  nil alone for an unknown hash
---@return moonbase.Error|nil
function blob_rows.stat(ctx, hash)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(STAT, scope, hash)
end

local function insert_pieces(ctx, row, bytes, digests)
  local size, stored = blob_pieces.SIZE, 0
  local key, err = ctx.engine:value(INSERT, row.scope, row.hash, row.kind, row.created_at,
    row.names, #bytes, 0, 0, #digests, nil)
  if not key then return nil, err end
  for number = 1, #digests do
    local taken
    taken, err = blob_pieces.put(ctx, key, number,
      bytes:sub((number - 1) * size + 1, number * size), digests[number])
    if not taken then return nil, err end
    stored = stored + taken
  end
  return ctx.engine:run(SET_STORED, stored, key)
end

local function insert(ctx, row, bytes, digests)
  if #digests > 1 then return insert_pieces(ctx, row, bytes, digests) end
  local content, packed = blob_pack.pack(ctx.compress, bytes)
  if not content then return nil, packed end
  return ctx.engine:value(INSERT, row.scope, row.hash, row.kind, row.created_at, row.names,
    #bytes, #content, packed, 0, content)
end

--- Removes a blob by its row's key. Inside a write.
---@param ctx moonbase.Context
---@param blob { key: integer, pieces: integer }
---@return integer|nil
---@return moonbase.Error|nil
function blob_rows.remove(ctx, blob)
  if blob.pieces > 0 then
    local ok, err = blob_pieces.remove(ctx, blob.key)
    if not ok then return nil, err end
  end
  return ctx.engine:run(DELETE, blob.key)
end

-- A damaged blob is mended by whoever has its bytes in hand.
local function mend(ctx, row, bytes, digests, blob)
  local ok, err = blob_rows.remove(ctx, blob)
  if not ok then return nil, err end
  row.kind, row.created_at = blob.kind, blob.created_at
  return insert(ctx, row, bytes, digests)
end

-- Makes sure that what is stored already can be read.
local function confirm(ctx, row, bytes, digests, blob)
  row.names = math.max(row.names, blob.names)
  local held, err = content_of(ctx, blob)
  if err and err.code ~= "corrupt" then return nil, err end
  if held ~= bytes then return mend(ctx, row, bytes, digests, blob) end
  if row.names == blob.names then return true end
  return ctx.engine:run(SET_NAMES, row.names, blob.key)
end

local function names_blobs(bytes)
  return bytes:find('"$blob"', 1, true) ~= nil
end

--- Stores bytes, unless they are there already. Inside a write.
---@param ctx moonbase.Context
---@param bytes string
---@param kind? string        what they are, for `stat`
---@param document? boolean   they are JSON text, and blobs that it names must be kept with it
---@return string|nil hash
---@return moonbase.Error|nil err
function blob_rows.put(ctx, bytes, kind, document)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local digests = blob_pieces.digests(bytes)
  local row = { scope = scope, hash = digests[#digests], kind = kind, created_at = ctx:now(),
    names = document and names_blobs(bytes) and 1 or 0 }
  local blob, ok
  blob, err = ctx.engine:row(FIND, scope, row.hash)
  if err then return nil, err end
  ok, err = (blob and confirm or insert)(ctx, row, bytes, digests, blob)
  if not ok then return nil, err end
  ok, err = blob_touches.add(ctx.engine, row.hash)
  if not ok then return nil, err end
  return row.hash
end

return blob_rows
