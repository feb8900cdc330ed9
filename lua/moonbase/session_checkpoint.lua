--- Checkpoints of a session: four documents, each a blob. One that did not change is the same blob
--- again and costs nothing.

local blob_rows = require "moonbase.blob_rows"
local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local session_manifest = require "moonbase.session_manifest"

local session_checkpoint = {}

local PARTS = { turn = "any", tools = "any", plugins = "any", execution = "any" }

--- Checks the parts of a checkpoint and gives them as text: equal documents as equal texts,
--- wherever that loses nothing.
---@param given table|nil
---@return table<string, string>|nil
---@return moonbase.Error|nil err  `serialization`
function session_checkpoint.prepare(given)
  check.options("checkpoint", given, PARTS)
  local texts = {}
  for part, value in next, given or {} do
    local canonical, exact = core.canonical(value, "checkpoint." .. part)
    if not canonical then return nil, exact end
    texts[part] = exact or canonical
  end
  return texts
end

--- Says that a checkpoint that a session refers to is not there.
---@param ref string
---@return nil
---@return moonbase.Error
function session_checkpoint.lost(ref)
  return errors.fail("corrupt", "checkpoint " .. ref .. " is missing", { hash = ref })
end

-- The parts that stay as they are.
local function unchanged(ctx, ref)
  if not ref then return {} end
  local hashes, err = session_manifest.load(ctx, ref)
  if hashes or err then return hashes, err end
  return session_checkpoint.lost(ref)
end

--- Stores a checkpoint that takes the place of another. Inside a write.
---@param ctx moonbase.Context
---@param before string|nil  what the other is referred to by
---@param texts table<string, string>
---@return string|nil ref
---@return moonbase.Error|nil err  `corrupt`
function session_checkpoint.store(ctx, before, texts)
  if next(texts) == nil then return before end
  local hashes, err = unchanged(ctx, before)
  if not hashes then return nil, err end
  for part, text in next, texts do
    hashes[part], err = blob_rows.put(ctx, text, session_manifest.PART_KIND, true)
    if not hashes[part] then return nil, err end
  end
  return blob_rows.put(ctx, session_manifest.encode(hashes), session_manifest.KIND, true)
end

local function has_parts(ctx, hashes)
  for _, hash in next, hashes do
    local found, err = blob_rows.has(ctx, hash)
    if not found then return found, err end
  end
  return true
end

--- Whether a checkpoint is stored with all of its parts. Where no session names it any more,
--- garbage that is collected in steps takes one after the other.
---@param ctx moonbase.Context
---@param ref string
---@return boolean|nil
---@return moonbase.Error|nil err  `corrupt`
function session_checkpoint.is_whole(ctx, ref)
  local hashes, err = session_manifest.load(ctx, ref)
  if err then return nil, err end
  if not hashes then return false end
  return has_parts(ctx, hashes)
end

local function missing(ref, part)
  return errors.fail("corrupt", "checkpoint " .. ref .. ": its part '" .. part .. "' is missing",
    { hash = ref })
end

local function load_part(ctx, ref, part, hash)
  local bytes, err = blob_rows.get(ctx, hash)
  if err then return nil, err end
  if not bytes then return missing(ref, part) end
  local value, failure = core.decode(bytes)
  if failure == nil then return value end
  if failure.code ~= "serialization" then return nil, failure end
  return errors.fail("corrupt", "checkpoint " .. ref .. ": its part '" .. part
    .. "' cannot be read", { hash = ref })
end

--- The parts of a checkpoint.
---@param ctx moonbase.Context
---@param ref string
---@return { turn: any, tools: any, plugins: any, execution: any }|nil  nil alone for an unknown one
---@return moonbase.Error|nil err  `corrupt`
function session_checkpoint.load(ctx, ref)
  local hashes, err = session_manifest.load(ctx, ref)
  if not hashes then return nil, err end
  local parts = {}
  for part, hash in next, hashes do
    parts[part], err = load_part(ctx, ref, part, hash)
    if err then return nil, err end
  end
  return parts
end

return session_checkpoint
