--- Changing a record of memory in part.

local check = require "moonbase.check"
local core = require "moonbase.core"
local document = require "moonbase.document"
local errors = require "moonbase.errors"
local expiry = require "moonbase.expiry"
local memory_record = require "moonbase.memory_record"
local memory_rows = require "moonbase.memory_rows"

local null = core.null

local memory_update = {}

local PATCH = {}
for name in pairs(memory_record.FIELDS) do
  if name ~= "id" then PATCH[name] = "any" end
end

-- A patched field may be null; otherwise it is what `remember` takes.
local function check_patch(ctx, patch)
  check.options("patch", check.type("patch", patch, "table"), PATCH)
  for name, value in next, patch do
    if value ~= null then check.type("patch." .. name, value, memory_record.FIELDS[name]) end
  end
  if patch.text == null then return errors.invalid("text", "cannot be cleared") end
  return memory_record.values(ctx, "", patch)
end

-- The fields that a patch replaces whole, where it names them.
local PLAIN = { "text", "namespace", "type", "tags", "source", "at", "importance", "entities" }

-- What of a row stays unless its fields are patched.
local KEPT = { "id", "ttl", "expires_at", "vector_given", "version", "piece", "position", "owner",
  "author", "mentions" }

-- The draft of a row with a patch's values put in.
local function patched(row, values, now)
  local draft = { metadata = document.merged(row.metadata, values.metadata) }
  for _, name in ipairs(KEPT) do draft[name] = row[name] end
  for _, name in ipairs(PLAIN) do
    local value = values[name]
    if value == nil then value = row[name] end
    if value ~= null then draft[name] = value end
  end
  draft.namespace, draft.at = draft.namespace or "default", draft.at or now
  if values.ttl == null then
    draft.ttl, draft.expires_at = nil, nil
  elseif values.ttl then
    draft.ttl, draft.expires_at = values.ttl, expiry.at(now, values.ttl)
  end
  return draft
end

-- Whether the vector must be made anew, from the text as it will be.
local function needs_vector(row, draft, values)
  if draft.shelved or (values.vector and values.vector ~= null) then return false end
  return draft.text ~= row.text or values.vector == null
end

-- What the row will be. Its vector is missing where it stays as it is, and where it is to be made.
local function draft_of(row, values, now)
  local draft = patched(row, values, now)
  draft.shelved = row.vector_set == nil
  if values.text or values.entities then
    draft.mentions = memory_record.mentions_with(draft.author,
      memory_record.mentions(draft.text, draft.entities))
  end
  if values.vector ~= nil or draft.text ~= row.text then
    draft.vector_given = not draft.shelved and values.vector ~= nil and values.vector ~= null
    draft.vector = draft.vector_given and values.vector or nil
  end
  return draft
end

-- Writes the change, unless it needs a vector of another text than `made` has one of: gives false
-- then, and what to make one of.
local function write(ctx, id, values, made)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local row
  row, err = memory_rows.live(ctx, scope, id)
  if err then return nil, err end
  if not row then return errors.fail("not_found", ("there is no memory '%s'"):format(id)) end
  local draft = draft_of(row, values, ctx:now())
  if needs_vector(row, draft, values) then
    if memory_record.searchable(made) ~= memory_record.searchable(draft) then
      return false, { text = draft.text, author = draft.author }
    end
    draft.vector = made.vector
  end
  local rows
  rows, err = memory_rows.put(ctx, { draft })
  if not rows then return nil, err end
  return memory_record.of(rows[1])
end

--- Changes fields of a record; see Memory:update.
---@param ctx moonbase.Context
---@param id string
---@param patch table
---@return moonbase.Memory|nil
---@return moonbase.Error|nil err  `not_found`, `invalid`, `serialization`
function memory_update.run(ctx, id, patch)
  local values, err = check_patch(ctx, patch)
  if not values then return nil, err end
  local made = {}
  while true do -- once more for every text that another process puts there meanwhile
    local record, wanted = ctx:write(write, ctx, id, values, made)
    if record ~= false then return record, wanted end
    made = wanted
    local ok
    ok, err = memory_record.embed(ctx, { made })
    if not ok then return nil, err end
  end
end

return memory_update
