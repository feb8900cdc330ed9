--- Sources that a memory takes in, and what it has of them: the memory that was opened last.

local stores = require "spec.support.stores"

local ingest = {}

local memory

--- A store on a file or in memory, its memory and its clock, at 1000.
---@param path? string
---@param options? table  for moonbase.open
---@return moonbase.Store
---@return moonbase.Memory
---@return { now: integer } clock
function ingest.open(path, options)
  local store, clock = stores.open(path, options)
  memory = store.memory
  return store, memory, clock
end

local function take(fields, changes)
  for name, value in pairs(changes or {}) do fields[name] = value end
  return assert(memory:ingest(fields))
end

--- Ingests a document "doc" whose sections are a piece each.
function ingest.document(text, changes)
  return take({ source = "doc", kind = "document", text = text, max_tokens = 4, overlap = 0 },
    changes)
end

--- Ingests a conversation "chat".
function ingest.chat(messages, changes)
  return take({ source = "chat", kind = "chat", messages = messages }, changes)
end

--- A text of so many sections.
function ingest.sections(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = "# Head " .. (select(i, ...)) end
  return table.concat(parts, "\n\n")
end

--- How many pieces were written, how many skipped, and how many there are.
function ingest.counts(report) return { report.written, report.skipped, #report.ids } end

--- The records that a source has.
function ingest.records(report)
  local list = {}
  for i, id in ipairs(report.ids) do list[i] = assert(memory:recall(id)) end
  return list
end

--- Their texts.
function ingest.texts(report)
  local list = ingest.records(report)
  for i, record in ipairs(list) do list[i] = record.text end
  return list
end

--- The texts that a search by words finds, sorted.
function ingest.found(text)
  local list = {}
  for i, hit in ipairs(assert(memory:search { text = text, mode = "keyword", k = 50 })) do
    list[i] = hit.record.text
  end
  table.sort(list)
  return list
end

return ingest
