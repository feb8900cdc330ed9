--- Blobs: bytes of any size, stored once under the hash of what they are.

local blob_rows = require "moonbase.blob_rows"
local BlobReader = require "moonbase.blob_reader"
local BlobWriter = require "moonbase.blob_writer"
local check = require "moonbase.check"

---@class moonbase.Blobs
---@field ctx moonbase.Context
local Blobs = {}
Blobs.__index = Blobs

---@param ctx moonbase.Context
---@return moonbase.Blobs
function Blobs.new(ctx)
  return setmetatable({ ctx = ctx }, Blobs)
end

local OPTIONS = { kind = "string" }

local function kind_of(options)
  local kind = check.options("options", options, OPTIONS).kind
  if kind == nil then return nil end
  return check.id("kind", kind)
end

--- Stores bytes. The same ones again change nothing.
---@param bytes string
---@param options? { kind?: string }  kind: what they are, as `stat` tells
---@return string|nil hash         SHA-256 of the bytes, in lower case hexadecimal
---@return moonbase.Error|nil err
function Blobs:put(bytes, options)
  check.type("bytes", bytes, "string")
  local kind, err = kind_of(options)
  if err then return nil, err end
  return self.ctx:write(blob_rows.put, self.ctx, bytes, kind)
end

-- Calls fn(ctx, hash) with an id: one that is no hash at all is just not known.
local function look(self, fn, hash)
  local ok, err = check.id("hash", hash)
  if not ok then return nil, err end
  return fn(self.ctx, hash)
end

--- Reads a blob. The bytes are checked against the hash each time.
---@param hash string
---@return string|nil bytes        nil alone for an unknown hash
---@return moonbase.Error|nil err  `corrupt` with `hash`
function Blobs:get(hash)
  return look(self, blob_rows.get, hash)
end

--- Whether a blob is stored.
---@param hash string
---@return boolean|nil
---@return moonbase.Error|nil
function Blobs:has(hash)
  return look(self, blob_rows.has, hash)
end

--- What is known of a blob beside its bytes.
---@param hash string
---@return moonbase.BlobStat|nil  { hash, size, stored, kind?, created_at }; nil for an unknown hash
---@return moonbase.Error|nil
function Blobs:stat(hash)
  return look(self, blob_rows.stat, hash)
end

--- Takes a blob in parts: `writer:write(bytes)`, then `writer:finish()` for the hash, or
--- `writer:abort()`.
---@param options? { kind?: string }
---@return moonbase.BlobWriter|nil
---@return moonbase.Error|nil err
function Blobs:writer(options)
  local kind, err = kind_of(options)
  if err then return nil, err end
  local ok
  ok, err = self.ctx:may_write()
  if not ok then return nil, err end
  return BlobWriter.new(self.ctx, kind)
end

--- Gives a blob in parts: `reader:read(count)`, or `for bytes in reader:each() do`.
---@param hash string
---@return moonbase.BlobReader|nil  with `size`; nil alone for an unknown hash
---@return moonbase.Error|nil err
function Blobs:reader(hash)
  return look(self, BlobReader.open, hash)
end

return Blobs
