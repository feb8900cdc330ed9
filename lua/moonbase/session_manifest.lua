--- The manifest of a checkpoint: a blob that names the blobs of the checkpoint's parts. A
--- checkpoint is referred to by the hash of its manifest, so equal ones are one.

local blob_rows = require "moonbase.blob_rows"
local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"

local session_manifest = {}

--- What blobs:stat calls the blobs of a checkpoint.
session_manifest.KIND, session_manifest.PART_KIND = "checkpoint", "checkpoint_part"

--- The hashes of a checkpoint's parts.
---@class moonbase.Manifest
---@field turn? string
---@field tools? string
---@field plugins? string
---@field execution? string

local IS_PART = check.set "turn tools plugins execution"

local function damaged(ref, why)
  return errors.fail("corrupt", "checkpoint " .. ref .. ": " .. why, { hash = ref })
end

local function is_reference(value)
  if type(value) ~= "table" then return false end
  local hash = value["$blob"]
  return type(hash) == "string" and #hash == 64 and not hash:find("[^0-9a-f]")
end

--- Reads a manifest.
---@param bytes string
---@param ref string  its hash, for the error
---@return moonbase.Manifest|nil
---@return moonbase.Error|nil err  `corrupt`
function session_manifest.decode(bytes, ref)
  local document, err = core.decode(bytes)
  if err and err.code ~= "serialization" then return nil, err end
  if type(document) ~= "table" then return damaged(ref, "its manifest cannot be read") end
  local hashes = {}
  for part, value in next, document do
    if not IS_PART[part] or not is_reference(value) then
      return damaged(ref, "its manifest names no such part")
    end
    hashes[part] = value["$blob"]
  end
  return hashes
end

--- Writes a manifest: equal ones as equal bytes.
---@param hashes moonbase.Manifest
---@return string
function session_manifest.encode(hashes)
  local document = {}
  for part, hash in next, hashes do document[part] = { ["$blob"] = hash } end
  return (core.canonical(document))
end

--- Reads the manifest that a checkpoint is referred to by.
---@param ctx moonbase.Context
---@param ref string
---@return moonbase.Manifest|nil  nil alone when there is none
---@return moonbase.Error|nil err  `corrupt`
function session_manifest.load(ctx, ref)
  local bytes, err = blob_rows.get(ctx, ref)
  if not bytes then return nil, err end
  return session_manifest.decode(bytes, ref)
end

return session_manifest
