--- Searches of a memory whose texts are days apart: the memory that was opened last.

local stores = require "spec.support.stores"

local searches = {}

local DAY = 24 * 3600 * 1000

local memory, clock

--- A store on a file, its memory and its clock, at day 100 unless one of before is given.
---@param path string
---@param options? table  for moonbase.open
---@param of_before? { now: integer }
---@return moonbase.Store
---@return moonbase.Memory
---@return { now: integer } clock
function searches.open(path, options, of_before)
  local store
  store, clock = stores.open(path, options, of_before or { now = 100 * DAY })
  memory = store.memory
  return store, memory, clock
end

--- Remembers a text that has nothing to do with the others: a day passes.
function searches.remember(id, text, fields)
  local record = { id = id, text = text }
  for name, value in pairs(fields or {}) do record[name] = value end
  record.at = record.at or clock.now
  clock.now = clock.now + DAY
  return assert(memory:remember(record))
end

function searches.search(query)
  return assert(memory:search(query))
end

--- The ids of what is found, the best first.
function searches.ids(query)
  local list = {}
  for i, hit in ipairs(searches.search(query)) do list[i] = hit.id end
  return list
end

--- The same, sorted.
function searches.set(query)
  local list = searches.ids(query)
  table.sort(list)
  return list
end

--- A query by words.
function searches.keyword(text, query)
  query = query or {}
  query.text, query.mode = text, "keyword"
  return query
end

return searches
