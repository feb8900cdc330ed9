-- Searches of memory against a plain model: texts are remembered, replaced, updated, forgotten and
-- expire, inside transactions that are kept or undone, too; and whatever is asked for, a search by
-- words gives exactly the texts that hold one of them, one by vectors exactly the nearest, one by
-- both as many as there are up to k, and all of them only what meets the conditions.

local core = require "moonbase.core"
local files = require "spec.support.files"
local hash = require "moonbase.embed.hash"
local moonbase = require "moonbase"
local support = require "spec.support.memory"
local vectors = require "spec.support.vectors"

local STEPS = tonumber(os.getenv("MEMORY_STEPS")) or 120

local WORDS = {}
for i = 1, 60 do WORDS[i] = ("word%d"):format(i) end
for _, word in ipairs { "東京", "naïve", "O'Neil", "42", "🙂" } do WORDS[#WORDS + 1] = word end

local NAMESPACES = { "user", "user/1", "user/1/x", "user/10", "team" }
local TYPES = { "fact", "event" }

local Run = {}
Run.__index = Run

function Run:pick(list)
  return list[self.random:pick(#list)]
end

function Run:text()
  local parts = {}
  for i = 1, self.random:pick(8) do
    parts[i] = WORDS[math.floor(math.exp(self.random:number() * math.log(#WORDS)))]
  end
  return table.concat(parts, " ")
end

function Run:remember(memory)
  local id = "m" .. self.random:pick(60)
  local record = { id = id, text = self:text(), namespace = self:pick(NAMESPACES),
    type = self.random:pick(3) > 1 and self:pick(TYPES) or nil, at = self.random:pick(1000),
    ttl = self.random:pick(4) == 1 and self.random:pick(40) or nil,
    metadata = { n = self.random:pick(10) } }
  local made = assert(memory:remember(record))
  record.expires_at = made.expires_at
  self.model[id] = record
end

function Run:update(memory)
  local id = "m" .. self.random:pick(60)
  local old = self.model[id]
  if not old or (old.expires_at and old.expires_at <= self.now) then return end
  local text, kind = self:text(), self:pick(TYPES)
  assert(memory:update(id, { text = text, type = kind }))
  local record = {}
  for name, value in pairs(old) do record[name] = value end
  record.text, record.type = text, kind
  self.model[id] = record
end

function Run:forget(memory)
  local id = "m" .. self.random:pick(60)
  assert(memory:forget(id) ~= nil)
  self.model[id] = nil
end

local CHANGES = { Run.remember, Run.remember, Run.remember, Run.update, Run.forget }

-- Several changes that become one, or none.
function Run:transact()
  local before = {}
  for id, record in pairs(self.model) do before[id] = record end
  local undone = self.random:pick(2) == 1
  self.store:transaction(function(tx)
    for _ = 1, self.random:pick(5) do self:pick(CHANGES)(self, tx.memory) end
    self:ask(tx.memory)
    if undone then return nil, "undone" end
  end)
  if undone then self.model = before end
end

local function in_namespace(record, namespace)
  return record.namespace == namespace
    or record.namespace:sub(1, #namespace + 1) == namespace .. "/"
end

local CONDITIONS = {
  function(run)
    local namespace = run:pick(NAMESPACES)
    return { namespace = namespace }, function(r) return in_namespace(r, namespace) end
  end,
  function(run)
    local from, to = run.random:pick(1000), run.random:pick(1000)
    return { since = from, before = to }, function(r) return r.at >= from and r.at < to end
  end,
  function(run)
    local kind = run:pick(TYPES)
    return { filter = { type = kind } }, function(r) return r.type == kind end
  end,
  function(run)
    local n = run.random:pick(10)
    return { filter = { ["metadata.n"] = { lte = n }, type = { ne = "fact" } } },
      function(r) return r.metadata.n <= n and r.type ~= "fact" end
  end,
  function() return {}, function() return true end end,
}

function Run:matching(meets)
  local list = {}
  for _, record in pairs(self.model) do
    local live = not record.expires_at or record.expires_at > self.now
    if live and meets(record) then list[#list + 1] = record end
  end
  return list
end

local function words_of(text)
  local set = {}
  for _, word in ipairs(core.words(text, true)) do set[word] = true end
  return set
end

local function holds(record, words)
  for _, word in ipairs(core.words(record.text, true)) do
    if words[word] then return true end
  end
  return false
end

local function cosines(embedder, list, text)
  local texts, found = { text }, {}
  for i, record in ipairs(list) do texts[i + 1] = record.text end
  local made = embedder.embed(texts)
  for i, record in ipairs(list) do
    local sum = 0
    for j = 1, embedder.dim do sum = sum + made[1][j] * made[i + 1][j] end
    found[record.id] = sum
  end
  return found
end

function Run:check_words(memory, text, query, list)
  query.mode = "keyword"
  local hits, words, expected = assert(memory:search(query)), words_of(text), {}
  for _, record in ipairs(list) do
    if holds(record, words) then expected[record.id] = true end
  end
  local count = 0
  for _ in pairs(expected) do count = count + 1 end
  assert.are.equal(math.min(count, query.k), #hits)
  for i, hit in ipairs(hits) do
    assert.is_true(expected[hit.id], hit.id)
    assert.is_true(i == 1 or hits[i - 1].score >= hit.score)
    assert.are.equal(self.model[hit.id].text, hit.record.text)
  end
end

function Run:check_vectors(memory, text, query, list)
  query.mode = "vector"
  local hits, near = assert(memory:search(query)), cosines(self.embedder, list, text)
  local sorted = {}
  for _, record in ipairs(list) do sorted[#sorted + 1] = near[record.id] end
  table.sort(sorted, function(a, b) return a > b end)
  assert.are.equal(math.min(#list, query.k), #hits)
  for i, hit in ipairs(hits) do
    assert.is_true(math.abs(sorted[i] - near[hit.id]) < 1e-5)
    assert.is_true(math.abs(hit.score - near[hit.id]) < 1e-5)
  end
end

local function check_both(memory, query, list)
  query.mode = "hybrid"
  local hits, allowed, seen = assert(memory:search(query)), {}, {}
  for _, record in ipairs(list) do allowed[record.id] = true end
  assert.are.equal(math.min(#list, query.k), #hits)
  for i, hit in ipairs(hits) do
    assert.is_true(allowed[hit.id], hit.id)
    assert.is_nil(seen[hit.id])
    seen[hit.id] = true
    assert.is_true(i == 1 or query.mmr ~= nil or hits[i - 1].score >= hit.score)
  end
end

-- Extras change the order and never what is among the hits.
function Run:extras(query)
  query.half_life = self.random:pick(3) == 1 and 100 or nil
  query.mmr = self.random:pick(4) == 1 and 0.5 or nil
  query.expand = self.random:pick(4) == 1 and 1 or nil
end

function Run:ask(memory)
  local query, meets = self:pick(CONDITIONS)(self)
  local text = self:text()
  if words_of(text) == nil or next(words_of(text)) == nil then return end
  query.text, query.k = text, self.random:pick(30)
  local list = self:matching(meets)
  self:check_words(memory, text, query, list)
  self:check_vectors(memory, text, query, list)
  self:extras(query)
  check_both(memory, query, list)
end

function Run:step()
  self.now = self.now + self.random:pick(3)
  local choice = self.random:pick(8)
  if choice == 1 then return self:transact() end
  if choice == 2 then assert(self.store.memory:sweep()) end
  self:pick(CHANGES)(self, self.store.memory)
  self:ask(self.store.memory)
end

describe("memory:search", function()
  after_each(files.cleanup)

  it("answers as a plain model does", function()
    for seed = 1, 3 do
      local run = setmetatable({ model = {}, now = 1000, random = vectors.random(seed),
        embedder = assert(hash.new {}) }, Run)
      run.store = assert(moonbase.open(files.database(), { durability = "off",
        clock = function() return run.now end }))
      for _ = 1, STEPS do run:step() end
      support.check(run.store)
      run.store:close()
    end
  end)
end)
