--- Readers: a blob of any size in parts. No more than two pieces are in memory.
-- Each piece is looked up by itself, so a reader that is left holds nothing, and is verified with
-- all before it by the hash that it bears, so no byte is given out unverified. That the whole is
-- the blob that was asked for is known with its last piece.

local core = require "moonbase.core"
local blob_pack = require "moonbase.blob_pack"
local blob_pieces = require "moonbase.blob_pieces"
local blob_rows = require "moonbase.blob_rows"
local check = require "moonbase.check"
local errors = require "moonbase.errors"

local FIND = [[
  SELECT size, packed, pieces, content FROM blobs WHERE scope = $scope AND hash = $hash]]

local PIECE = [[
  SELECT p.size, p.packed, p.digest, p.content FROM blobs b
  JOIN blob_pieces p ON p.key = (b.key << 24) | $number
  WHERE b.scope = $scope AND b.hash = $hash]]

---@class moonbase.BlobReader
---@field hash string
---@field size integer           bytes of the blob
---@field private ctx moonbase.Context
---@field private scope integer
---@field private pieces integer
---@field private row? table     of a blob that lies in it, until it was read
---@field private number integer  pieces read so far
---@field private piece string    the last one
---@field private at integer      the first of its bytes that was not given out yet
---@field private stream userdata hash of what was read
local Reader = {}
Reader.__index = Reader

local function damaged(self, why)
  return blob_rows.damaged(self.hash, why)
end

-- A blob that lies in its row is one piece, whose digest is the hash.
local function open(ctx, scope, hash)
  local row, err = ctx.engine:row(FIND, scope, hash)
  if not row then return nil, err end
  local self = setmetatable({ ctx = ctx, scope = scope, hash = hash, size = row.size,
    pieces = math.max(row.pieces, 1), number = 0, piece = "", at = 1,
    stream = core.sha256_stream() }, Reader)
  if row.pieces == 0 then
    row.digest = hash
    self.row = row
  end
  return self
end

--- A reader at the beginning of a blob.
---@param ctx moonbase.Context
---@param hash string
---@return moonbase.BlobReader|nil  nil alone for an unknown hash
---@return moonbase.Error|nil
function Reader.open(ctx, hash)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return open(ctx, scope, hash)
end

local function missing(self)
  local there, err = blob_rows.has(self.ctx, self.hash)
  if err then return nil, err end
  if there then return damaged(self, "piece " .. self.number + 1 .. " is missing") end
  return errors.fail("not_found", "blob " .. self.hash .. " was deleted while it was read",
    { hash = self.hash })
end

local function fetch(self)
  if self.row then return self.row end
  local row, err = self.ctx.engine:row(PIECE, self.number + 1, self.scope, self.hash)
  if err then return nil, err end
  if not row then return missing(self) end
  return row
end

-- The next piece, verified; nil alone at the end.
local function next_piece(self)
  if self.number == self.pieces then return nil end
  local row, bytes, err
  row, err = fetch(self)
  if not row then return nil, err end
  bytes, err = blob_pack.unpack(row)
  if not bytes then return blob_rows.blame(self.hash, err) end
  local digest = self.stream:update(bytes):digest()
  local last = self.number + 1 == self.pieces
  if digest ~= row.digest or (last and digest ~= self.hash) then
    return damaged(self, "its bytes have changed")
  end
  self.number, self.row = self.number + 1, nil
  return bytes
end

-- A reader that met damage goes no further.
local function advance(self)
  if self.failure then return nil, self.failure end
  local bytes, err = next_piece(self)
  if err and err.code == "corrupt" then self.failure = err end
  return bytes, err
end

-- What is left of the piece, or the next one; at most `count` bytes.
local function read_part(self, count)
  if self.at > #self.piece then
    local bytes, err = advance(self)
    if not bytes then return nil, err end
    self.piece, self.at = bytes, 1
  end
  local first, last = self.at, math.min(self.at + count - 1, #self.piece)
  self.at = last + 1
  if first == 1 and last == #self.piece then return self.piece end
  return self.piece:sub(first, last)
end

local function read_some(self, count)
  local parts, length = {}, 0
  while length < count do
    local bytes, err = read_part(self, count - length)
    if err then return nil, err end
    if not bytes or bytes == "" then break end -- "": the empty blob
    parts[#parts + 1] = bytes
    length = length + #bytes
  end
  if length == 0 then return nil end
  return table.concat(parts)
end

--- The next bytes: as many as asked for, fewer only at the end; without a number a whole piece, up
--- to 256 KiB.
---@param count? integer  1 or more
---@return string|nil bytes        nil alone behind the end
---@return moonbase.Error|nil err  `corrupt`, or `not_found` when the blob was deleted meanwhile
function Reader:read(count)
  if count == nil then
    local bytes, err = read_part(self, blob_pieces.SIZE)
    if bytes == "" then return nil end
    return bytes, err
  end
  local ok, err = check.positive("count", count)
  if not ok then return nil, err end
  return read_some(self, ok)
end

local function step(self)
  local bytes, err = self:read()
  if err then error(err, 0) end
  return bytes
end

--- The rest, piece by piece: `for bytes in reader:each() do`. Raises what `read` would give.
---@return fun(reader: moonbase.BlobReader): string|nil
---@return moonbase.BlobReader
function Reader:each()
  return step, self
end

return Reader
