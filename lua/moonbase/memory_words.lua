--- The words of memory: the index of texts that searches by words read. Functions that change
-- something run inside a write.

local memory_record = require "moonbase.memory_record"
local text_index = require "moonbase.text_index"

local memory_words = {}

--- Where the words of a scope are.
---@param scope integer
---@return moonbase.TextSet
function memory_words.set(scope)
  return { key = scope }
end

--- Takes the words of a text out.
---@param ctx moonbase.Context
---@param scope integer
---@param row moonbase.MemoryRow  as it was put
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function memory_words.remove(ctx, scope, row)
  local text = memory_record.searchable(row)
  return text_index.remove(ctx.engine, memory_words.set(scope), row.serial, text)
end

--- Texts that are about to be put: many at once cost a fraction of one after the other.
---@class moonbase.MemoryWordBatch
---@field ctx moonbase.Context
---@field scope integer
---@field texts table<integer, string>  by serial
local Batch = {}
Batch.__index = Batch

---@param ctx moonbase.Context
---@param scope integer
---@return moonbase.MemoryWordBatch
function memory_words.batch(ctx, scope)
  return setmetatable({ ctx = ctx, scope = scope, texts = {} }, Batch)
end

--- Adds a text.
---@param row moonbase.MemoryRow
function Batch:add(row)
  self.texts[row.serial] = memory_record.searchable(row)
end

--- Takes a text out, be it written or only added.
---@param row moonbase.MemoryRow
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function Batch:remove(row)
  if not self.texts[row.serial] then return memory_words.remove(self.ctx, self.scope, row) end
  self.texts[row.serial] = nil
  return true
end

--- Writes what was added.
---@return true|nil
---@return moonbase.Error|nil err  `full`
function Batch:write()
  local serials, texts = {}, {}
  for serial in pairs(self.texts) do serials[#serials + 1] = serial end
  if #serials == 0 then return true end
  table.sort(serials)
  for i, serial in ipairs(serials) do texts[i] = self.texts[serial] end
  return text_index.put_many(self.ctx.engine, memory_words.set(self.scope), serials, texts)
end

return memory_words
