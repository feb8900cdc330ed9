-- The text index against a plain model of BM25: random texts in several languages are put, one by
-- one and many at once, and taken out; changes are undone; and every search gives what the model
-- gives, in the same order.

local core = require "moonbase.core"
local files = require "spec.support.files"
local stores = require "spec.support.stores"
local text_index = require "moonbase.text_index"
local vectors = require "spec.support.vectors"

local K1, B, ONE = 0.9, 0.3, 262144
-- Of the words below: they tell nothing and count little.
local STOP, FAINT = { the = true, dont = true }, 1 / 32

-- Words of several scripts, some frequent, some rare; many of them meet only when folded.
local PIECES = { "the", "The", "cat", "cats", "running", "run", "Straße", "STRASSE", "naïve", "naive",
  "Ёлка", "елка", "Σίσυφος", "σισυφοσ", "don't", "Ann's", "l'amour", "東京都", "京都", "都", "日本語",
  "こんにちは", "한국어", "สวัสดี", "foo_bar", "42", "3.14", "x", "🙂", "—", "مرحبا", "שלום", "हिन्दी" }
for i = 1, 400 do PIECES[#PIECES + 1] = ("word%d"):format(i) end

local Model = {}
Model.__index = Model

function Model:put(serial, text)
  local counts, words = {}, core.words(text, true)
  if #words == 0 then return end
  for _, word in ipairs(words) do counts[word] = (counts[word] or 0) + 1 end
  self.docs[serial] = { text = text, counts = counts, length = #words }
end

function Model:totals()
  local docs, words = 0, 0
  for _, doc in pairs(self.docs) do docs, words = docs + 1, words + doc.length end
  return docs, words
end

function Model:add(scores, word, docs, words, factor)
  local found = 0
  for _, doc in pairs(self.docs) do found = found + (doc.counts[word] and 1 or 0) end
  local most = math.log(1 + (docs - found + 0.5) / (found + 0.5)) * (K1 + 1) * ONE * factor
  for serial, doc in pairs(self.docs) do
    local count = doc.counts[word]
    if count then
      local share = count / (count + K1 * (1 - B) + K1 * B * docs / words * doc.length)
      scores[serial] = (scores[serial] or 0) + math.floor(most * share + 0.5)
    end
  end
end

function Model:search(query, k, among)
  local docs, words = self:totals()
  local scores, seen, hits, others = {}, {}, {}, false
  for _, word in ipairs(core.words(query)) do others = others or not STOP[word] end
  for _, word in ipairs(core.words(query)) do
    local factor = STOP[word] and others and FAINT or 1
    if not seen[word] then self:add(scores, word, docs, words, factor) end
    seen[word] = true
  end
  local wanted = {}
  for _, serial in ipairs(among or {}) do wanted[serial] = true end
  for serial, score in pairs(scores) do
    if not among or wanted[serial] then hits[#hits + 1] = { serial = serial, score = score / ONE } end
  end
  table.sort(hits, function(a, b)
    if math.abs(a.score - b.score) > 1e-5 then return a.score > b.score end
    return a.serial < b.serial
  end)
  for i = #hits, k + 1, -1 do hits[i] = nil end
  return hits
end

local Run = {}
Run.__index = Run

function Run:text(length)
  local parts = {}
  for i = 1, self.random:pick(length or 40) do
    local rank = math.floor(math.exp(self.random:number() * math.log(#PIECES)))
    parts[i] = PIECES[rank]
  end
  return table.concat(parts, " ")
end

function Run:serial()
  local serial
  repeat serial = self.random:pick(self.span) until not self.used[serial]
  self.used[serial] = true
  return serial
end

function Run:put(count)
  local serials, texts = {}, {}
  for i = 1, count do serials[i], texts[i] = self:serial(), self:text() end
  assert(self.engine:atomic(text_index.put_many, self.engine, self.set, serials, texts))
  for i = 1, count do self.model:put(serials[i], texts[i]) end
end

function Run:some(count)
  local all, some = {}, {}
  for serial in pairs(self.model.docs) do all[#all + 1] = serial end
  table.sort(all)
  for _ = 1, math.min(count, #all) do
    some[#some + 1] = table.remove(all, self.random:pick(#all))
  end
  table.sort(some)
  return some
end

function Run:remove(count)
  local engine, set, serials, texts = self.engine, self.set, self:some(count), {}
  for i, serial in ipairs(serials) do texts[i] = self.model.docs[serial].text end
  assert(engine:atomic(function()
    if count % 2 == 0 then return text_index.remove_many(engine, set, serials, texts) end
    for i, serial in ipairs(serials) do
      assert(text_index.remove(engine, set, serial, texts[i]))
    end
    return true
  end))
  for _, serial in ipairs(serials) do self.model.docs[serial] = nil end
end

function Run:undone()
  local engine, set = self.engine, self.set
  local ok = pcall(engine.atomic, engine, function()
    for _, serial in ipairs(self:some(3)) do
      assert(text_index.remove(engine, set, serial, self.model.docs[serial].text))
    end
    for _ = 1, 70 do assert(text_index.put(engine, set, self:serial(), self:text())) end
    error "undone"
  end)
  assert.is_false(ok)
end

local function order(found, expected)
  for i, hit in ipairs(expected) do
    -- Scores a hair apart may come in either order.
    if found[i] ~= hit.serial then
      local near = i > 1 and math.abs(expected[i - 1].score - hit.score) < 2e-5
        or expected[i + 1] and math.abs(expected[i + 1].score - hit.score) < 2e-5
        or i == #expected
      assert.is_truthy(near, ("hit %d is %s, not %s"):format(i, tostring(found[i]), hit.serial))
    end
  end
end

function Run:check_search(k, among)
  local query = self:text(8)
  local serials, scores = assert(text_index.search(self.engine, self.set, query, k, among))
  local expected = self.model:search(query, k, among)
  assert.are.equal(#expected, #serials)
  for i, hit in ipairs(expected) do
    assert.is_true(math.abs(hit.score - scores[i]) < 1e-4,
      ("%s: hit %d scores %f, not %f"):format(query, i, scores[i], hit.score))
  end
  order(serials, expected)
end

-- A merge of segments goes on over several commits.
function Run:merging()
  return self.engine:value "SELECT 1 FROM text_segments WHERE low > 0 LIMIT 1"
end

function Run:compare()
  assert(text_index.check(self.engine, self.set))
  for _, k in ipairs { 1, 5, 100 } do self:check_search(k) end
  self:check_search(10, self:some(5))
  self:check_search(10, self:some(300))
  self:check_search(3, { 1, 2, 3 })
end

describe("the text index answers as the model does", function()
  local store

  after_each(stores.cleanup)

  local function count_rows()
    local engine = store.context.engine
    return engine:value [[
      SELECT (SELECT count(*) FROM text_pages) + (SELECT count(*) FROM text_lists)
        + (SELECT count(*) FROM text_tail) + (SELECT count(*) FROM text_segments)
        + (SELECT count(*) FROM text_sets)]]
  end

  for seed, span in pairs { [1] = 4000, [2] = 4294967295, [1001] = 4294967295, [1617] = 20000 } do
    it(("with serials up to %d, %d"):format(span, seed), function()
      store = stores.open(files.database())
      local run = setmetatable({
        engine = store.context.engine, set = { key = seed }, random = vectors.random(seed),
        model = setmetatable({ docs = {} }, Model), used = {}, span = span,
      }, Run)
      local merging = 0
      for step = 1, 60 do
        if step % 10 == 0 then run:undone() end
        if step % 6 == 0 then run:put(100) else run:put(run.random:pick(20)) end
        if step % 4 == 0 then run:remove(run.random:pick(30)) end
        if step % 12 == 0 then run:compare() end
        if run:merging() then merging = merging + 1 end
      end
      assert.is_true(merging > 0)
      run:remove(100000)
      run:compare()
      assert.are.equal(0, count_rows())
    end)
  end
end)
