-- Searches of memory: whatever fails in the middle of one, the caller is told, and the same search
-- done again finds what it should.
local steps = require "spec.native.steps"

require "moonbase.memory" -- undisturbed
require "moonbase.embed.hash"

local function search(query)
  return function(s)
    query.explain = true
    local hits, err = s.memory:search(query)
    if not hits then return nil, err end
    local found = {}
    for i, hit in ipairs(hits) do
      found[i] = ("%s %.6f %d"):format(hit.id, hit.score, hit.why.rank_keyword or 0)
    end
    return found
  end
end

local function remember(list)
  return function(s)
    return s:transaction(function(tx)
      for i, text in ipairs(list) do
        assert(tx.memory:remember { id = list.name .. i, text = text, namespace = list.name,
          ttl = i == 3 and 1500 or nil, importance = i, entities = { "Ann", list.name } })
      end
      return #list
    end)
  end
end

return steps.scenario {
  { "remember", remember { name = "a", "Ann: do you like green tea?", "Bob: no, coffee", "tea is out" } },
  { "remember more", remember { name = "b", "Carl drinks tea", "Dora drinks wine", "no tea for me" } },
  { "by words", search { text = "green tea", mode = "keyword" } },
  { "by vectors", search { text = "green tea", mode = "vector", k = 3 } },
  { "by both", search { text = "who likes green tea" } },
  { "within", search { text = "tea", namespace = "b", filter = { importance = { lt = 3 } } } },
  { "with all that counts", search { text = "Ann tea", half_life = 1000, expand = 2, mmr = 0.5 } },
  { "embedding", function() -- the numbers of a vector
    local vector = require("moonbase.embed.hash").new({ dim = 8 }).embed { "green tea" }[1]
    return ("%.6f %.6f"):format(vector[1], vector[8])
  end },
}
