-- The text index: texts one by one and many at once, merged segments, lists too long for a page,
-- removals from all of these, searches, the check.
local steps = require "spec.native.steps"
local text_index = require "moonbase.text_index"

local set = { key = 3 }

local function put(s, from, to)
  local engine, serials, texts = s.context.engine, {}, {}
  for serial = from, to do
    serials[#serials + 1], texts[#texts + 1] = serial, ("common every%d rare%d"):format(serial % 3, serial)
  end
  return engine:atomic(text_index.put_many, engine, set, serials, texts)
end

local function remove(s, serial)
  local engine = s.context.engine
  return engine:atomic(text_index.remove, engine, set, serial,
    ("common every%d rare%d"):format(serial % 3, serial))
end

local function search(s, query, among)
  local serials, scores = text_index.search(s.context.engine, set, query, 5, among)
  if not serials then return nil, scores end
  return { serials, scores }
end

return steps.scenario {
  { "put one", function(s) return put(s, 1, 1) end },
  { "put many", function(s) return put(s, 2, 500) end },
  { "put more", function(s) return put(s, 501, 900) end },
  { "search", function(s) return search(s, "common every1 rare7 rare1") end },
  { "put until segments merge", function(s) return put(s, 901, 1100) end },
  { "put more of them", function(s) return put(s, 1101, 1300) end },
  { "put still more", function(s) return put(s, 1301, 1400) end },
  { "search among", function(s) return search(s, "common rare7", { 5, 6, 7, 1300 }) end },
  { "remove the waiting one", function(s) return remove(s, 1) end },
  { "remove one", function(s) return remove(s, 7) end },
  { "remove many", function(s)
    local engine, serials, texts = s.context.engine, {}, {}
    for i = 1, 90 do
      serials[i], texts[i] = i + 400, ("common every%d rare%d"):format((i + 400) % 3, i + 400)
    end
    return engine:atomic(text_index.remove_many, engine, set, serials, texts)
  end },
  { "search without it", function(s) return search(s, "common rare7 every2") end },
  { "check", function(s) return text_index.check(s.context.engine, set) end },
  { "snippet", function() return text_index.snippet("a long text of some words", "words") end },
  { "drop", function(s)
    local engine = s.context.engine
    return engine:atomic(text_index.drop, engine, set)
  end },
}
