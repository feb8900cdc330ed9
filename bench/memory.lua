-- Memory: what it finds, and how fast.
--
-- What it finds is measured on LoCoMo's conversations where their file is (LOCOMO names it): every
-- turn is one memory, recall@k of a question the share of the turns that answer it among the first
-- k. How fast is measured over TEXTS made-up texts (100,000), beside bare FTS5 over the same.

local conversations = require "bench.memory.conversations"
local Fts5 = require "bench.memory.fts5"
local speed = require "bench.memory.speed"
local moonbase = require "moonbase"

local function said(turn)
  return turn.speaker .. ": " .. turn.text
end

local function with_fts5(conversation)
  local index, texts = Fts5.open(":memory:"), {}
  for i, turn in ipairs(conversation.turns) do texts[i] = said(turn) end
  index:put(texts)
  return function(text)
    local ids = index:search(text, 10)
    for i, rowid in ipairs(ids) do ids[i] = conversation.turns[rowid].id end
    return ids
  end
end

-- The turns of a conversation are remembered once and searched in many ways.
local stores = {}

local function store_of(conversation)
  if stores[conversation] then return stores[conversation] end
  local store = assert(moonbase.open(":memory:"))
  assert(store:transaction(function(tx)
    for _, turn in ipairs(conversation.turns) do
      assert(tx.memory:remember { id = turn.id, text = said(turn), at = turn.at })
    end
    return true
  end))
  stores[conversation] = store
  return store
end

local function with_memory(options)
  return function(conversation)
    local memory = store_of(conversation).memory
    return function(text)
      local query = { text = text, k = 10 }
      for name, value in pairs(options) do query[name] = value end
      local ids = {}
      for i, hit in ipairs(assert(memory:search(query))) do ids[i] = hit.id end
      return ids
    end
  end
end

local function print_sums(title, sums)
  local cells = { ("  %-28s %5.1f %5.1f  %.3f "):format(title, 100 * sums.all.five,
    100 * sums.all.ten, sums.all.first) }
  for category = 1, 5 do
    local sum = sums[category]
    cells[#cells + 1] = sum and ("  %4.1f %4.1f"):format(100 * sum.five, 100 * sum.ten) or "    -    -"
  end
  print(table.concat(cells))
end

local WAYS = {
  { "FTS5 (porter, stop words)", with_fts5 },
  { 'mode = "keyword"', with_memory { mode = "keyword" } },
  { 'mode = "vector" (hash)', with_memory { mode = "vector" } },
  { 'mode = "hybrid"', with_memory {} },
}

local SWEPT = { 0, 0.05, 0.1, 0.2, 0.3, 0.5, 1 }

-- The weight that is best for all conversations but one, judged by that one.
local function print_sweep(list)
  local found, total = {}, 0
  for i, weight in ipairs(SWEPT) do
    found[i] = conversations.measure(list, with_memory { weights = { vector = weight } })
    print_sums(("hybrid, vector = %g"):format(weight), found[i])
  end
  for left = 1, #list do
    local best, most
    for i in ipairs(SWEPT) do
      local sum = 0
      for other = 1, #list do
        if other ~= left then sum = sum + found[i]["c" .. other].five end
      end
      if not most or sum > most then best, most = i, sum end
    end
    total = total + found[best]["c" .. left].five
    print(("  all but conversation %d choose %g; it has recall@5 %.1f"):format(left, SWEPT[best],
      100 * found[best]["c" .. left].five))
  end
  print(("  mean of the conversations left out: %.1f"):format(100 * total / #list))
end

local function recall()
  local list = conversations.load()
  if not list then return print "  recall: no LoCoMo here (LOCOMO=file)\n" end
  print("  recall@5, recall@10, mean reciprocal rank; recall@5 and @10 of questions that are")
  print("  multi-hop, temporal, open-domain, single-hop, adversarial")
  for _, way in ipairs(WAYS) do print_sums(way[1], conversations.measure(list, way[2])) end
  print()
  if os.getenv("SWEEP") then print_sweep(list) end
end

print "memory: hash embedder, 256 numbers"
recall()
speed.run(tonumber(os.getenv("TEXTS")) or 100000)
