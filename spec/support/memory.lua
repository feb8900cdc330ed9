--- What must hold among the tables of memory.

local memory_labels = require "moonbase.memory_labels"
local memory_record = require "moonbase.memory_record"
local text_index = require "moonbase.text_index"

local memory = {}

local function sorted(list)
  table.sort(list)
  return table.concat(list, " ")
end

-- What the rows say should be in a table, beside what is in it.
local function compare(store, what, expected, sql)
  local actual = sorted(assert(store.context.engine:values(sql)))
  local wanted = sorted(expected)
  if actual ~= wanted then
    error(("%s differ:\nwanted %s\nfound  %s"):format(what, wanted, actual), 3)
  end
end

local ROWS = [[
  SELECT key >> 32 AS scope, key & 4294967295 AS serial, id, namespace, type, source, at, author,
    vector_set, tags AS "tags(json)", mentions AS "mentions(json)", text FROM memories]]

local function check_words(store, row)
  local engine, text = store.context.engine, memory_record.searchable(row)
  local words = text_index.words(text)
  local found = assert(text_index.search(engine, { key = row.scope }, text, 1, { row.serial }))
  if (found[1] == row.serial) ~= (row.vector_set ~= nil and #words > 0) then
    error("the words of '" .. row.id .. "' are not as they should be", 3)
  end
end

--- Raises where labels, names, words, vectors or counts are not those of the rows.
---@param store moonbase.Store
function memory.check(store)
  local labels, mentions, vectors, scopes = {}, {}, {}, {}
  for _, row in ipairs(assert(store.context.engine:rows(ROWS))) do
    local scope, serial = tostring(row.scope), tostring(row.serial)
    for _, label in ipairs(memory_labels.of(row)) do
      labels[#labels + 1] = table.concat({ scope, label, tostring(row.at), serial }, "|")
    end
    for _, name in ipairs(row.vector_set and row.mentions or {}) do
      mentions[#mentions + 1] = table.concat({ scope, name, serial }, "|")
    end
    if row.vector_set then
      vectors[#vectors + 1] = ("%d|%d"):format(row.vector_set, row.serial)
    end
    scopes[row.scope] = (scopes[row.scope] or 0) + 1
    check_words(store, row)
  end
  compare(store, "labels", labels,
    "SELECT scope || '|' || label || '|' || at || '|' || serial FROM memory_labels")
  compare(store, "mentions", mentions,
    "SELECT scope || '|' || name || '|' || serial FROM memory_mentions")
  compare(store, "vectors", vectors, [[
    SELECT (key >> 32) || '|' || (key & 4294967295) FROM vector_floats
    WHERE key >> 32 > 1073741824]])
  compare(store, "counts of vectors", {}, [[
    SELECT s.key FROM memory_vectors s
    WHERE s.count <> (SELECT count(*) FROM memories m WHERE m.vector_set = s.key)
      OR s.count <> (SELECT coalesce(sum(c.records), 0) FROM vector_cards c
        WHERE c.key >> 32 = s.key)]])
  local counts = {}
  for scope, count in pairs(scopes) do counts[#counts + 1] = ("%d|%d"):format(scope, count) end
  compare(store, "counts", counts, "SELECT scope || '|' || count FROM memory_spaces WHERE count > 0")
end

return memory
