-- Random calls on memory, beside a plain table that does the same.

local files = require "spec.support.files"
local moonbase = require "moonbase"
local new_random = require "spec.support.random"
local stores = require "spec.support.stores"
local support = require "spec.support.memory"

local null = moonbase.null
local STEPS = 400

local WORDS = { "tea", "coffee", "river", "Paris", "Rome", "Ann", "Bob", "chess", "\228\186\172",
  "\233\131\189", "caf\195\169", "x-ray" }

describe("memory and a plain table agree", function()
  local store, memory, clock, random, model, order

  after_each(stores.cleanup)

  local function below(count) return random(count) - 1 end

  local function one_of(list)
    return list[below(#list) + 1]
  end

  local function text()
    local words = {}
    for i = 1, below(6) + 1 do words[i] = one_of(WORDS) end
    return table.concat(words, " ")
  end

  local FIELDS = {
    namespace = function() return one_of { "a", "a/b", "a/b/c", "ab", "default" } end,
    type = function() return one_of { "fact", "guess" } end,
    tags = function() return one_of { { "x" }, { "x", "y" }, { "z" } } end,
    metadata = function() return { n = below(5), [one_of { "p", "q" }] = text() } end,
    source = function() return one_of { "s1", "s2" } end,
    at = function() return below(50) end,
    ttl = function() return below(40) end,
    importance = function() return below(10) / 10 end,
    entities = function() return one_of { { "Ann" }, { "Bob", "Ann" } } end,
  }

  local NAMED = {} -- in the same order in every run
  for name in pairs(FIELDS) do NAMED[#NAMED + 1] = name end
  table.sort(NAMED)

  local function fields()
    local record = {}
    for _, name in ipairs(NAMED) do
      if below(3) == 0 then record[name] = FIELDS[name]() end
    end
    return record
  end

  local function live(id)
    local record = model[id]
    return record and not (record.expires_at and record.expires_at <= clock.now) and record or nil
  end

  local function put(id, given, created_at)
    local record = { id = id, namespace = "default", at = clock.now, created_at = created_at,
      updated_at = clock.now }
    for name, value in pairs(given) do record[name] = value end
    record.expires_at = record.ttl and clock.now + record.ttl
    record.entities = record.entities or require("moonbase.memory_record").mentions(record.text)
    order = order + 1
    record.order = order
    model[id] = record
  end

  local steps = {}

  function steps.remember()
    local id, given = "m" .. below(25), fields()
    given.id, given.text = id, text()
    local old = live(id)
    assert(memory:remember(given))
    local same = old and old.text == given.text
    local before = old and old.order
    put(id, given, old and old.created_at or clock.now)
    model[id].given = given.entities ~= nil
    if same then model[id].order = before end
  end

  function steps.update()
    local id, patch = "m" .. below(25), fields()
    if below(2) == 0 then patch.text = text() end
    for _, name in ipairs(NAMED) do
      if below(8) == 0 then patch[name] = null end
    end
    local old = live(id)
    local record, err = memory:update(id, patch)
    assert.are.equal(old ~= nil, record ~= nil)
    if not old then
      assert.are.equal("not_found", err.code)
      return
    end
    local new = { text = patch.text or old.text }
    for name in pairs(FIELDS) do
      local value = patch[name]
      if value == nil then value = old[name] end
      if value ~= null then new[name] = value end
    end
    if patch.metadata and patch.metadata ~= null then
      new.metadata = {}
      for key, value in pairs(old.metadata or {}) do new.metadata[key] = value end
      for key, value in pairs(patch.metadata) do new.metadata[key] = value end
    end
    if patch.entities == nil and not old.given then new.entities = nil end
    local expires_at, before = old.expires_at, old.order
    put(id, new, old.created_at)
    if patch.ttl == nil then model[id].expires_at = expires_at end
    if new.text == old.text then model[id].order = before end
    model[id].given = patch.entities ~= nil and patch.entities ~= null
      or patch.entities == nil and old.given
  end

  function steps.forget()
    local id = "m" .. below(25)
    assert.are.equal(live(id) ~= nil, memory:forget(id))
    model[id] = nil
  end

  function steps.forget_some()
    if below(6) > 0 then return end
    local kind, count = one_of { "fact", "guess" }, 0
    for id, record in pairs(model) do
      if record.type == kind and record.source == "s1" then
        if live(id) then count = count + 1 end
        model[id] = nil
      end
    end
    assert.are.equal(count, memory:forget { type = kind, source = "s1" })
  end

  function steps.sweep()
    local count = 0
    for id in pairs(model) do
      if not live(id) then
        count = count + 1
        model[id] = nil
      end
    end
    assert.are.equal(count, memory:sweep())
  end

  function steps.time()
    clock.now = clock.now + below(20)
  end

  -- What is undone leaves nothing; the model is not told of it.
  function steps.undone()
    local kept, kept_order = model, order
    store:transaction(function(tx)
      memory, model = tx.memory, {}
      for id, record in pairs(kept) do model[id] = record end
      for _ = 1, 4 do steps[one_of { "remember", "update", "forget" }]() end
      return nil, "undone"
    end)
    memory, model, order = store.memory, kept, kept_order
  end

  local function covers(namespace, name)
    return name == namespace or name:sub(1, #namespace + 1) == namespace .. "/"
  end

  local function has(list, wanted)
    for _, item in ipairs(list or {}) do
      if item == wanted then return true end
    end
    return false
  end

  local function matches(record, query)
    return (not query.tag or has(record.tags, query.tag))
      and (not query.type or record.type == query.type)
      and (not query.namespace or covers(query.namespace, record.namespace))
  end

  local function check_list()
    local query, expected = { limit = 200 }, {}
    if below(2) == 0 then query.type = FIELDS.type() end
    if below(2) == 0 then query.tag = one_of { "x", "y", "z" } end
    if below(2) == 0 then query.namespace = FIELDS.namespace() end
    for id, record in pairs(model) do
      if live(id) and matches(record, query) then expected[#expected + 1] = record end
    end
    table.sort(expected, function(a, b)
      if a.at ~= b.at then return a.at > b.at end
      return a.order > b.order
    end)
    local items = assert(memory:list(query)).items
    assert.are.equal(#expected, #items)
    for i, record in ipairs(expected) do assert.are.equal(record.id, items[i].id) end
  end

  local function check_records()
    for i = 0, 24 do
      local record, expected = memory:recall("m" .. i), live("m" .. i)
      assert.are.equal(expected ~= nil, record ~= nil)
      for _, name in ipairs { "text", "namespace", "type", "tags", "metadata", "source", "at",
        "importance", "ttl", "expires_at", "created_at", "entities" } do
        if record then assert.are.same(expected[name], record[name], name) end
      end
    end
  end

  local NAMES = { "remember", "remember", "update", "update", "forget", "forget_some", "sweep",
    "time", "undone" }

  for first = 1, 4 do
    it("seed " .. first, function()
      random, model, order = new_random(first * 7919), {}, 0
      store, clock = stores.open(files.database())
      memory = store.memory
      for step = 1, STEPS do
        steps[one_of(NAMES)]()
        check_list()
        if step % 40 == 0 then
          check_records()
          support.check(store)
        end
      end
      assert(store:check())
    end)
  end
end)
