--- Memory: texts to be found again, by their words, by what they mean, by whom they mention.

local check = require "moonbase.check"
local memory_record = require "moonbase.memory_record"
local memory_rows = require "moonbase.memory_rows"

---@class moonbase.MemoryPart
---@field ctx moonbase.Context
local Memory = {}
Memory.__index = Memory

---@param ctx moonbase.Context
---@return moonbase.MemoryPart
function Memory.new(ctx)
  return setmetatable({ ctx = ctx }, Memory)
end

--- Remembers a text; one of the same id is replaced whole.
---@param memory table  text, id, namespace, type, tags, metadata, source, at, ttl, importance,
---  vector, entities
---@return moonbase.Memory|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`; `io` when the embedder fails
function Memory:remember(memory)
  local draft, err = memory_record.draft(self.ctx, "", check.type("memory", memory, "table"))
  if not draft then return nil, err end
  local ok, rows
  ok, err = memory_record.embed(self.ctx, { draft })
  if not ok then return nil, err end
  rows, err = self.ctx:write(memory_rows.put, self.ctx, { draft })
  if not rows then return nil, err end
  return memory_record.of(rows[1])
end

--- The record of an id.
---@param id string
---@return moonbase.Memory|nil  nil alone when there is none, or one that has expired
---@return moonbase.Error|nil err  `invalid`, `corrupt`
function Memory:recall(id)
  local ok, err = check.id("id", id)
  if not ok then return nil, err end
  local scope, row
  scope, err = self.ctx:scope()
  if not scope then return nil, err end
  row, err = memory_rows.live(self.ctx, scope, id)
  if not row then return nil, err end
  return memory_record.of(row)
end

return Memory
