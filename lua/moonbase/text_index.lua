--- The text index: which texts of a set hold which words, and how well they match a query.
-- A set is named by a number that its user gives, a text by a serial within the set. The index
-- keeps no text, only numbers that stand for words; whoever takes a text out gives it again.

local core = require "moonbase.core"
local words = require "moonbase.words"

local text_index = {}

---@class moonbase.TextSet
---@field key integer  1 to 2^31 - 1

--- Adds a text. Inside a transaction; a serial is put once.
---@param engine moonbase.Engine
---@param set moonbase.TextSet
---@param serial integer  1 to 2^32 - 1
---@param text string  valid UTF-8
---@return true|nil
---@return moonbase.Error|nil
function text_index.put(engine, set, serial, text)
  return engine:text_put(set.key, { serial }, { text })
end

--- Adds many texts, which costs a fraction of adding one after the other.
---@param engine moonbase.Engine
---@param set moonbase.TextSet
---@param serials integer[]
---@param texts string[]
---@return true|nil
---@return moonbase.Error|nil
function text_index.put_many(engine, set, serials, texts)
  return engine:text_put(set.key, serials, texts)
end

--- Takes a text out: the same text that was put. Inside a transaction.
---@param engine moonbase.Engine
---@param set moonbase.TextSet
---@param serial integer
---@param text string
---@return true|nil
---@return moonbase.Error|nil
function text_index.remove(engine, set, serial, text)
  return engine:text_remove(set.key, { serial }, { text })
end

--- Takes many texts out, which costs a fraction of taking out one after the other.
---@param engine moonbase.Engine
---@param set moonbase.TextSet
---@param serials integer[]
---@param texts string[]
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function text_index.remove_many(engine, set, serials, texts)
  return engine:text_remove(set.key, serials, texts)
end

--- Takes all texts out. Inside a transaction.
---@param engine moonbase.Engine
---@param set moonbase.TextSet
---@return true|nil
---@return moonbase.Error|nil
function text_index.drop(engine, set)
  return engine:text_drop(set.key)
end

--- The texts that hold any of the words of a query, the best first (BM25), of equal ones the lower
--- serial first.
---@param engine moonbase.Engine
---@param set moonbase.TextSet
---@param query string
---@param k integer  at most so many
---@param among? integer[]  these serials only, ascending
---@return integer[]|nil serials
---@return number[]|moonbase.Error scores
---@return string[]? words     of the query, those that tell something
---@return number[]? rarities  of each of these: the fewer texts have it the greater
function text_index.search(engine, set, query, k, among)
  return engine:text_search(set.key, query, k, among)
end

--- The words of a text in order, as the index has them: without case and accents, English endings
--- cut; of scripts without spaces, every two neighbours.
---@param text string
---@return string[]
function text_index.words(text)
  return core.words(text)
end

--- A piece of a text around the words of a query, on one line.
---@param text string
---@param query string
---@return string|nil
---@return moonbase.Error|nil
function text_index.snippet(text, query)
  local at, err = core.text_match(text, query, words.PIECE)
  if not at then return nil, err end
  return words.piece(text, at)
end

--- Whether the index of a set agrees with itself. It reads all of it.
---@param engine moonbase.Engine
---@param set moonbase.TextSet
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function text_index.check(engine, set)
  return engine:text_check(set.key)
end

return text_index
