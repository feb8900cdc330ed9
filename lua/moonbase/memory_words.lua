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

--- Texts that are about to be put or taken out: many at once cost a fraction of one after the
--- other.
---@class moonbase.MemoryWordBatch
---@field ctx moonbase.Context
---@field scope integer
---@field texts table<integer, string>  by serial, those to put
---@field gone table<integer, string>   by serial, those to take out
local Batch = {}
Batch.__index = Batch

---@param ctx moonbase.Context
---@param scope integer
---@return moonbase.MemoryWordBatch
function memory_words.batch(ctx, scope)
  return setmetatable({ ctx = ctx, scope = scope, texts = {}, gone = {} }, Batch)
end

--- Adds a text.
---@param row moonbase.MemoryRow
function Batch:add(row)
  self.texts[row.serial] = memory_record.searchable(row)
end

--- Takes a text out, be it written or only added.
---@param row moonbase.MemoryRow
function Batch:remove(row)
  if self.texts[row.serial] then
    self.texts[row.serial] = nil
  else
    self.gone[row.serial] = memory_record.searchable(row)
  end
end

-- The serials in order, and their texts.
local function in_order(by_serial)
  local serials, texts = {}, {}
  for serial in pairs(by_serial) do serials[#serials + 1] = serial end
  table.sort(serials)
  for i, serial in ipairs(serials) do texts[i] = by_serial[serial] end
  return serials, texts
end

--- Takes out and puts.
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`, `full`
function Batch:write()
  local engine, set = self.ctx.engine, memory_words.set(self.scope)
  local serials, texts = in_order(self.gone)
  local ok, err = true, nil
  if #serials > 0 then ok, err = text_index.remove_many(engine, set, serials, texts) end
  serials, texts = in_order(self.texts)
  if ok and #serials > 0 then ok, err = text_index.put_many(engine, set, serials, texts) end
  self.texts, self.gone = {}, {}
  if not ok then return nil, err end
  return true
end

return memory_words
