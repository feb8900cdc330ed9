--- Documents: Lua tables that stand for JSON.

local core = require "moonbase.core"

local document = {}

local function same_keys(a, b)
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

--- Whether two decoded documents are the same JSON: the order of keys does not matter, and 1 is
--- 1.0. Both must come from JSON, where an empty array bears the mark of one.
---@param a any
---@param b any
---@return boolean
function document.equal(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  if next(a) == nil and next(b) == nil then return getmetatable(a) == getmetatable(b) end
  for key, value in next, a do
    if not document.equal(value, b[key]) then return false end
  end
  return same_keys(a, b)
end

--- The document as a reader would get it back.
---@param value any
---@param name string  for the error's path
---@return any
---@return moonbase.Error|nil err  `serialization`
function document.stored(value, name)
  local text, err = core.encode(value, name)
  if not text then return nil, err end
  return core.decode(text)
end

--- A document with a patch's keys put in; null takes one out.
---@param old table|nil
---@param patch table|nil  nil leaves the document, null leaves none
---@return table|nil
function document.merged(old, patch)
  if patch == nil then return old end
  if patch == core.null then return nil end
  local merged = {}
  for key, value in next, old or {} do merged[key] = value end
  for key, value in next, patch do
    if value == core.null then merged[key] = nil else merged[key] = value end
  end
  return merged
end

--- SQL for the text of a document that a change was made to. Where numbers are all doubles, a
--- document that was read has integers beyond 2^53 as strings of their digits: those that the
--- change left alone stay integers.
---@param parameter string  the document as it shall be
---@param stored string     SQL for the document as it is
---@return string
function document.changed(parameter, stored)
  if math.type then return parameter end
  return ("keep_integers(%s, %s)"):format(parameter, stored)
end

return document
