--- Writers: a blob that comes in parts, of any size. No more than two pieces are in memory.
-- Each full piece is written at once, by a transaction of its own, to a row that has no hash yet,
-- so nobody sees it. A writer that is never finished leaves that row; collecting garbage removes it
-- once nothing was added for a day.

local core = require "moonbase.core"
local blob_pieces = require "moonbase.blob_pieces"
local blob_rows = require "moonbase.blob_rows"
local blob_touches = require "moonbase.blob_touches"
local check = require "moonbase.check"
local errors = require "moonbase.errors"

local SIZE = blob_pieces.SIZE

local BEGIN = [[
  INSERT INTO blobs (scope, created_at, size, stored, packed, kind, upload)
  VALUES ($scope, $now, 0, 0, 0, $kind, $upload) RETURNING key]]

local GROW = [[
  UPDATE blobs SET created_at = $now, pieces = $number, size = size + $size,
    stored = stored + $stored
  WHERE key = $key]]

local EXISTING = [[
  SELECT key, pieces, names, created_at, kind FROM blobs
  WHERE scope = $scope AND hash = $hash]]

local FINISH = [[
  UPDATE blobs SET hash = $hash, kind = $kind, created_at = $created_at, names = $names,
    upload = NULL
  WHERE key = $key]]

local FIND = "SELECT key, pieces FROM blobs WHERE key = $key AND upload = $upload"

---@class moonbase.BlobWriter
---@field private ctx moonbase.Context
---@field private kind? string
---@field private parts string[]  what is not written yet
---@field private length integer  of those
---@field private stream userdata hash of what is written
---@field private number integer  pieces that are written
---@field private key? integer    of the row, once there is one
---@field private upload string   what tells it from a later one with the same key
---@field private state string    "open", "finished" or "aborted"
---@field private failure? moonbase.Error
local Writer = {}
Writer.__index = Writer

---@param ctx moonbase.Context
---@param kind? string
---@return moonbase.BlobWriter
function Writer.new(ctx, kind)
  return setmetatable({ ctx = ctx, kind = kind, parts = {}, length = 0, number = 0,
    stream = core.sha256_stream(), upload = core.uuid7(), state = "open" }, Writer)
end

local function begin(self)
  local scope, err = self.ctx:write_scope()
  if not scope then return nil, err end
  return self.ctx.engine:value(BEGIN, scope, self.ctx:now(), self.kind, self.upload)
end

-- The row's key; a row that went with a transaction may have left its key to another one.
local function own(self)
  if not self.key then return begin(self) end
  local row, err = self.ctx.engine:row(FIND, self.key, self.upload)
  if err then return nil, err end
  if row then return self.key end
  return errors.fail("not_found",
    "what was written of the blob is gone: rolled back, or left for more than a day")
end

local function write_piece(self, bytes, number, digest)
  local ctx = self.ctx
  local key, err = own(self)
  if not key then return nil, err end
  local stored, ok
  stored, err = blob_pieces.put(ctx, key, number, bytes, digest)
  if not stored then return nil, err end
  ok, err = ctx.engine:run(GROW, ctx:now(), number, #bytes, stored, key)
  if not ok then return nil, err end
  return key
end

local function flush(self, bytes)
  self.stream:update(bytes)
  local key, err = self.ctx:write(write_piece, self, bytes, self.number + 1, self.stream:digest())
  if not key then return nil, err end
  self.key, self.number = key, self.number + 1
  return true
end

-- Writes what fills a piece and more, so that the last one is never empty.
local function flush_full(self)
  while self.length > SIZE do
    local bytes = table.concat(self.parts)
    local ok, err = flush(self, bytes:sub(1, SIZE))
    if not ok then return nil, err end
    self.parts, self.length = { bytes:sub(SIZE + 1) }, self.length - SIZE
  end
  return true
end

local function take(self, bytes)
  for first = 1, #bytes, SIZE do -- a long string is never copied whole
    local part = #bytes > SIZE and bytes:sub(first, first + SIZE - 1) or bytes
    self.parts[#self.parts + 1] = part
    self.length = self.length + #part
    local ok, err = flush_full(self)
    if not ok then return nil, err end
  end
  return true
end

local function check_open(self)
  if self.state ~= "open" then errors.raise("closed", "the blob's writer was " .. self.state) end
end

-- After a failure nobody knows which of the bytes were taken.
local function settle(self, result, err)
  if err then self.failure = err end
  return result, err
end

--- Adds bytes.
---@param bytes string
---@return true|nil
---@return moonbase.Error|nil err  the writer is of no more use; `abort` it
function Writer:write(bytes)
  check_open(self)
  check.type("bytes", bytes, "string")
  if self.failure then return nil, self.failure end
  return settle(self, take(self, bytes))
end

-- The blob takes the place of one with the same hash, which might be damaged.
local function replace(self, scope, hash)
  local blob, err = self.ctx.engine:row(EXISTING, scope, hash)
  if err then return nil, err end
  if not blob then return { created_at = self.ctx:now(), names = 0, kind = self.kind } end
  local ok
  ok, err = blob_rows.remove(self.ctx, blob)
  if not ok then return nil, err end
  return blob
end

local function finish_large(self, rest, hash)
  local ctx = self.ctx
  local key, err = write_piece(self, rest, self.number + 1, hash)
  if not key then return nil, err end
  local scope, before, ok
  scope, err = ctx:write_scope()
  if not scope then return nil, err end
  before, err = replace(self, scope, hash)
  if not before then return nil, err end
  ok, err = ctx.engine:run(FINISH, hash, before.kind, before.created_at, before.names, key)
  if not ok then return nil, err end
  ok, err = blob_touches.add(ctx.engine, hash)
  if not ok then return nil, err end
  return hash
end

local function finish(self)
  local rest = table.concat(self.parts)
  if not self.key then return self.ctx:write(blob_rows.put, self.ctx, rest, self.kind) end
  self.stream:update(rest)
  return self.ctx:write(finish_large, self, rest, self.stream:digest())
end

--- Makes the bytes a blob.
---@return string|nil hash
---@return moonbase.Error|nil err
function Writer:finish()
  check_open(self)
  if self.failure then return nil, self.failure end
  local hash, err = settle(self, finish(self))
  if not hash then return nil, err end
  self.state, self.parts = "finished", nil
  return hash
end

local function discard(self)
  local blob, err = self.ctx.engine:row(FIND, self.key, self.upload)
  if err then return nil, err end
  if not blob then return true end
  local ok
  ok, err = blob_rows.remove(self.ctx, blob)
  if not ok then return nil, err end
  return true
end

--- Gives up, and removes what was written. After `finish`, or a second time, it does nothing.
---@return true|nil
---@return moonbase.Error|nil err
function Writer:abort()
  if self.state ~= "open" then return true end
  if self.key then
    local ok, err = self.ctx:write(discard, self)
    if not ok then return nil, err end
  end
  self.state, self.parts = "aborted", nil
  return true
end

return Writer
