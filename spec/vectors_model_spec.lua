-- Long sequences of random changes, checked against a plain table: codes, numbers, ids and what is
-- kept in memory always agree, in every order of writes, deletions, undone transactions and
-- searches.

local files = require "spec.support.files"
local stores = require "spec.support.stores"
local vector_set = require "moonbase.vector_set"
local vectors = require "spec.support.vectors"

-- So wide that a block holds few: the sequences go through several.
local DIM, STEPS, IDS = 1500, 400, 220

describe("vectors against a model", function()
  local store, path
  local tail = vector_set.tail

  before_each(function()
    path = files.database()
    store = stores.open(path)
  end)

  after_each(function()
    stores.cleanup()
    vector_set.tail = tail
  end)

  local function sparse(random)
    local values = {}
    for i = 1, DIM do values[i] = 0 end
    for _ = 1, 8 do values[random:pick(DIM)] = random:normal() end
    for i = 1, 4 do values[i] = random:normal() end
    return vectors.rounded(values)
  end

  local Run = {}
  Run.__index = Run

  function Run:id() return "v" .. self.random:pick(IDS) end

  function Run:upsert()
    local id, vector = self:id(), sparse(self.random)
    local metadata = self.random:pick(2) == 1 and { even = self.random:pick(2) == 1 } or nil
    assert(self.c:upsert(id, vector, { metadata = metadata }))
    self.model[id] = { vector = vector, metadata = metadata }
  end

  function Run:upsert_many()
    local items = {}
    for i = 1, self.random:pick(30) do
      items[i] = { id = self:id(), vector = sparse(self.random) }
      self.model[items[i].id] = { vector = items[i].vector }
    end
    assert(self.c:upsert_many(items))
  end

  function Run:delete()
    local id = self:id()
    assert.are.equal(self.model[id] ~= nil, self.c:delete(id))
    self.model[id] = nil
  end

  function Run:undone()
    local before = {}
    for id, item in pairs(self.model) do before[id] = item end
    store:transaction(function()
      for _ = 1, self.random:pick(5) do self:change() end
      self:compare()
      return nil, "undone"
    end)
    self.model = before
  end

  function Run:change()
    local n = self.random:pick(20)
    if n <= 8 then self:delete() elseif n <= 17 then self:upsert() else self:upsert_many() end
  end

  local function expected(model, metric, query, filter)
    local list = {}
    for id, item in pairs(model) do
      if not filter or item.metadata and item.metadata.even then
        list[#list + 1] = { id = id, distance = vectors.distance(metric, query, item.vector) }
      end
    end
    table.sort(list, function(a, b) return a.distance < b.distance end)
    return list
  end

  function Run:check_search(options)
    local query = sparse(self.random)
    local hits = assert(self.c:search(query, options))
    local best = expected(self.model, self.c.metric, query, options.filter)
    assert.are.equal(math.min(options.k, #best), #hits)
    for i, hit in ipairs(hits) do
      assert.is_true(math.abs(hit.distance - best[i].distance) < 1e-6)
      local own = vectors.distance(self.c.metric, query, self.model[hit.id].vector)
      assert.is_true(math.abs(hit.distance - own) < 1e-6)
    end
  end

  function Run:compare()
    local count = 0
    for _ in pairs(self.model) do count = count + 1 end
    assert.are.equal(count, self.c:count())
    self:check_search { k = 5 }
    self:check_search { k = 5, exact = true }
    self:check_search { k = 3, filter = { even = true } }
    local id = self:id()
    local item = self.c:get(id)
    assert.are.same(self.model[id] and self.model[id].vector, item and item.vector)
  end

  -- Nothing of what is gone is left.
  local function check_rows(run)
    local engine, count = store.context.engine, run.c:count()
    assert.are.equal(count, engine:value "SELECT count(*) FROM vector_floats")
    assert.are.equal(count, engine:value "SELECT count(*) FROM vector_items")
    assert.are.equal(count, engine:value "SELECT sum(records) FROM vector_cards")
    assert.are.equal(engine:value "SELECT count(*) FROM vector_cards",
      engine:value "SELECT count(*) FROM vector_blocks")
  end

  -- The first with more blocks in the tail than there are, the others with all in cells.
  for seed, metric in ipairs { "cosine", "l2", "dot", "cosine", "l2", "dot" } do
    local in_cells = seed > 3
    it("by " .. metric .. (in_cells and ", in cells" or ""), function()
      vector_set.tail = in_cells and 0 or tail
      local run = setmetatable({ random = vectors.random(seed), model = {} }, Run)
      run.c = assert(store.vectors:create("c", { dim = DIM, metric = metric }))
      assert(store.vectors:cache(seed % 3 == 2 and 100000 or 1e8))
      for step = 1, STEPS do
        if step % 40 == 0 then run:undone() else run:change() end
        if step % 20 == 0 then run:compare() end
        if step == STEPS / 2 then
          store:close()
          store = stores.open(path)
          run.c = assert(store.vectors:open("c"))
        end
      end
      check_rows(run)
      assert.are.equal("ok", store.context.engine:value "PRAGMA integrity_check")
    end)
  end
end)
