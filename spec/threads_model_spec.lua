-- Thousands of random operations on threads and their forks, beside a model of plain Lua lists.

local conversation = require "spec.support.conversation"
local new_random = require "spec.support.random"

local WORDS = { "apple", "bridge", "cloud", "dragon", "ember", "forest", "garden", "harbour" }

local Model = {}
Model.__index = Model

local function new_model(seed)
  local store = conversation.store()
  return setmetatable({ store = store, threads = store.threads, logs = {}, queues = {},
    names = {},
    random = new_random(seed), serial = 0 }, Model)
end

function Model:pick() return self.names[self.random(#self.names)] end

function Model:add(name, log)
  if not self.logs[name] then self.names[#self.names + 1] = name end
  self.logs[name] = log
  self.queues[name] = self.queues[name] or {}
end

function Model:remove(name)
  for i, other in ipairs(self.names) do
    if other == name then table.remove(self.names, i) break end
  end
  self.logs[name], self.queues[name] = nil, nil
end

-- A message of two words; some have an id, a run, are internal or a summary of what came before.
function Model:message(seq)
  self.serial = self.serial + 1
  local random = self.random
  local message = { role = "user", id = "id" .. self.serial,
    content = WORDS[random(#WORDS)] .. " w" .. self.serial }
  if random(4) == 1 then message.visibility = "internal" end
  if random(3) == 1 then message.metadata = { run_id = "run" .. random(3) } end
  if seq > 4 and random(12) == 1 then
    local from = random(seq - 2)
    message.metadata = { compaction = { from_seq = from,
      to_seq = from + random(seq - 1 - from) } }
  end
  return message
end

function Model:messages(count, seq)
  local list = {}
  for i = 1, count do list[i] = self:message(seq + i) end
  return list
end

local function joined(log, messages)
  local all = {}
  for i, message in ipairs(log) do all[i] = message end
  for _, message in ipairs(messages) do all[#all + 1] = message end
  return all
end

local OPERATIONS = {}

function OPERATIONS:create()
  if #self.names > 25 then return end
  self.serial = self.serial + 1
  local name = "t" .. self.serial
  assert(self.threads:create { id = name, resource = "res" .. self.random(3) })
  self:add(name, {})
end

function OPERATIONS:append()
  local name = self:pick()
  local log = self.logs[name]
  local messages = self:messages(self.random(6), #log)
  assert(self.threads:append(name, messages, { expected = #log }))
  self:add(name, joined(log, messages))
end

function OPERATIONS:append_taken()
  local name = self:pick()
  local log = self.logs[name]
  if #log == 0 then return end
  local taken = log[self.random(#log)]
  local records, err = self.threads:append(name, { self:message(0), taken })
  assert.is_nil(records)
  assert.are.equal("invalid", err.code)
  records = assert(self.threads:append(name, { taken }, { idempotent = true }))
  assert.are.same(taken, records[1].message)
end

function OPERATIONS:fork()
  if #self.names > 25 then return end
  local name = self:pick()
  local log = self.logs[name]
  self.serial = self.serial + 1
  local at = self.random(#log + 1) - 1
  local fork = assert(self.threads:fork(name, { id = "f" .. self.serial, at = at }))
  self:add(fork.id, { (table.unpack or unpack)(log, 1, at) }) -- luacheck: ignore
end

function OPERATIONS:delete()
  if #self.names < 6 then return end
  local name = self:pick()
  assert(self.threads:delete(name))
  self:remove(name)
end

function OPERATIONS:clear()
  local name = self:pick()
  assert(self.threads:clear(name))
  self:add(name, {})
end

function OPERATIONS:replace()
  local name = self:pick()
  local messages = self:messages(self.random(8) - 1, 0)
  assert(self.threads:replace(name, messages))
  self:add(name, messages)
end

function OPERATIONS:enqueue()
  local name = self:pick()
  local messages = self:messages(self.random(3), 0)
  assert(self.threads:enqueue(name, messages))
  self.queues[name] = joined(self.queues[name], messages)
end

function OPERATIONS:freeze()
  local name = self:pick()
  assert(self.threads:freeze(name, { boundary = "new_run", expected = #self.logs[name] }))
  self:add(name, joined(self.logs[name], self.queues[name]))
  self.queues[name] = {}
end

-- What is read, each against the same answer from the plain list.
local CHECKS = {}

local function contents(list)
  local texts = {}
  for i, item in ipairs(list) do texts[i] = (item.message or item).content end
  return table.concat(texts, "|")
end

local function is_chosen(message, query)
  local internal = message.visibility == "internal"
  if query.visibility == "internal" and not internal then return false end
  if query.visibility == "external" and internal then return false end
  return not query.run or (message.metadata or {}).run_id == query.run
end

local function selected(log, query)
  local found = {}
  for seq, message in ipairs(log) do
    if seq > query.after and seq < query.before and is_chosen(message, query) then
      table.insert(found, query.order == "desc" and 1 or #found + 1, message)
    end
  end
  return found
end

function CHECKS:pages(name, log)
  local random = self.random
  local query = { after = random(#log + 2) - 1, before = random(#log + 3), limit = random(5),
    order = random(2) == 1 and "desc" or "asc", total = true }
  if random(2) == 1 then query.visibility = ({ "internal", "external" })[random(2)] end
  if random(2) == 1 then query.run = "run" .. random(3) end
  local expected, pages = selected(log, query), {}
  repeat
    local page = assert(self.threads:messages(name, query))
    assert.are.equal(#expected, page.total)
    pages = joined(pages, page.items)
    query.cursor = page.next_cursor
  until not query.cursor
  assert.are.equal(contents(expected), contents(pages))
end

function CHECKS:single(name, log)
  assert.are.equal(#log, self.threads:count(name))
  if #log == 0 then return end
  local seq = self.random(#log)
  local record = assert(self.threads:message(name, log[seq].id))
  assert.are.same(log[seq], record.message)
  assert.are.same({ seq, name }, { record.seq, record.thread })
  local to = seq + self.random(9)
  local records = assert(self.threads:range(name, seq, to))
  assert.are.equal(contents { (table.unpack or unpack)(log, seq, math.min(to, #log)) },
    contents(records)) -- luacheck: ignore
end

-- The fold as the reference describes it: one walk over the whole log.
local function folded(log)
  local marks = {}
  for seq, message in ipairs(log) do
    local mark = (message.metadata or {}).compaction
    if mark then marks[#marks + 1] = { from = mark.from_seq, to = mark.to_seq, seq = seq } end
  end
  table.sort(marks, function(a, b)
    if a.from ~= b.from then return a.from < b.from end
    if a.to ~= b.to then return a.to > b.to end
    return a.seq > b.seq
  end)
  local kept, view, covered, summaries = {}, {}, {}, {}
  for _, mark in ipairs(marks) do
    local inside = false
    for _, other in ipairs(kept) do
      inside = inside or (other.from <= mark.from and mark.to <= other.to)
    end
    if not inside then kept[#kept + 1] = mark end
    summaries[mark.seq] = true
  end
  for _, mark in ipairs(kept) do
    for seq = mark.from, mark.to do covered[seq] = true end
  end
  for seq, message in ipairs(log) do
    while kept[1] and kept[1].from <= seq do view[#view + 1] = log[table.remove(kept,
      1).seq] end
    if not covered[seq] and not summaries[seq] then view[#view + 1] = message end
  end
  return view
end

function CHECKS:view(name, log)
  local messages, count = self.threads:view(name)
  assert.are.equal(#log, count)
  assert.are.equal(contents(folded(log)), contents(messages))
end

function CHECKS:search(name, log)
  local word, expected = WORDS[self.random(#WORDS)], 0
  for _, message in ipairs(log) do
    if message.content:find(word, 1, true) then expected = expected + 1 end
  end
  local hits = assert(self.threads:search(word, { thread = name, limit = 200 }))
  assert.are.equal(math.min(expected, 200), #hits)
  for _, hit in ipairs(hits) do
    assert.are.equal(log[hit.seq].content, hit.record.message.content)
    assert.are.equal(name, hit.thread)
  end
end

function CHECKS:search_everywhere()
  local word, expected, count = WORDS[self.random(#WORDS)], {}, 0
  for _, log in pairs(self.logs) do
    for _, message in ipairs(log) do
      if message.content:find(word, 1, true) and not expected[message.content] then
        expected[message.content] = true
        count = count + 1
      end
    end
  end
  local hits = assert(self.threads:search(word, { limit = 200 }))
  assert.are.equal(math.min(count, 200), #hits)
  for _, hit in ipairs(hits) do
    assert.are.equal(self.logs[hit.thread][hit.seq].content, hit.record.message.content)
  end
end

local WEIGHTS = { create = 2, append = 14, append_taken = 2, fork = 5, delete = 3, clear = 1,
  replace = 1, enqueue = 2, freeze = 2 }

local function bag()
  local names = {}
  for _, name in ipairs { "create", "append", "append_taken", "fork", "delete", "clear",
    "replace",
    "enqueue", "freeze" } do
    for _ = 1, WEIGHTS[name] do names[#names + 1] = name end
  end
  return names
end

local CHECK_NAMES = { "pages", "single", "view", "search", "search_everywhere" }

local function play(model, steps)
  local operations = bag()
  OPERATIONS.create(model)
  for _ = 1, steps do
    OPERATIONS[operations[model.random(#operations)]](model)
    local name = model:pick()
    CHECKS[CHECK_NAMES[model.random(#CHECK_NAMES)]](model, name, model.logs[name])
  end
end

local function check_all(model)
  for _, name in ipairs(model.names) do
    for _, check in ipairs(CHECK_NAMES) do CHECKS[check](model, name, model.logs[name]) end
    local queue = assert(model.threads:pending(name))
    assert.are.equal(contents(model.queues[name]), contents(queue))
  end
end

-- Every row that is kept is reachable from a thread: no more, no less.
local function check_no_leak(model)
  local reachable, count = {}, 0
  for _, name in ipairs(model.names) do
    for _, message in ipairs(model.logs[name]) do
      if not reachable[message] then count = count + 1 end
      reachable[message] = true
    end
  end
  assert.are.equal(count, conversation.rows(model.store, "messages"))
end

local TABLES = { "threads", "messages", "segments", "pending", "message_backlog",
  "message_text_docsize" }

describe("threads and their forks behave as lists do, and leave nothing behind,", function()
  for seed = 1, 4 do
    it("whatever is done to them: " .. seed, function()
      local model = new_model(seed * 7919)
      for _ = 1, 4 do
        play(model, 250)
        check_no_leak(model)
      end
      check_all(model)
      while #model.names > 0 do
        local name = model:pick()
        assert(model.threads:delete(name))
        model:remove(name)
        check_no_leak(model)
      end
      for _, name in ipairs(TABLES) do
        assert.are.equal(0, conversation.rows(model.store, name), name)
      end
      assert.are.same({}, model.threads:search(table.concat(WORDS, " ")))
    end)
  end
end)
