-- The index of words follows the log.
local steps = require "spec.native.steps"

local function user(text)
  return { role = "user", content = text }
end

-- Which messages are found, in any order: FTS5 of SQLite 3.40 takes a row whose positions it has no
-- memory for as one without any, tells nobody, and ranks it last.
local function search(store, text, options)
  local hits, err = store.threads:search(text, options or {})
  if not hits then return nil, err end
  local found = {}
  for i, hit in ipairs(hits) do found[i] = hit.thread .. ":" .. hit.seq .. ":" .. hit.snippet end
  table.sort(found)
  return found
end

return steps.scenario {
  { "append", function(s) return s.threads:append("a", { user "red apples", user "green pears" }) end },
  { "search", function(s) return search(s, "apples pears") end },
  { "append more", function(s) return s.threads:append("b", { user "red pears" }) end },
  { "search in one", function(s) return search(s, "red", { thread = "b" }) end },
  { "replace", function(s) return s.threads:replace("a", { user "blue plums" }) end },
  { "search again", function(s) return search(s, "red blue") end },
  { "delete", function(s) return s.threads:delete("b") end },
  { "search at last", function(s) return search(s, "red blue") end },
}
