-- What the codes propose is what the exact numbers find, also where the codes of many vectors lie
-- close together, and where a search looks into some of many cells.

local files = require "spec.support.files"
local stores = require "spec.support.stores"
local vector_set = require "moonbase.vector_set"
local vectors = require "spec.support.vectors"

local COUNT, DIM, QUERIES = 4000, 48, 20

local data = {}

function data.random(random)
  return function() return random:vector(DIM) end
end

local function clusters(random, count, spread)
  local centres = {}
  for i = 1, count do centres[i] = random:vector(DIM) end
  return function() return random:near(centres[random:pick(count)], spread) end
end

data["in clusters"] = function(random) return clusters(random, 40, 0.1) end

-- Neighbours differ by less than a step of the codes.
data["in clusters as tight as a grain"] = function(random) return clusters(random, 20, 0.002) end

data["weights of words"] = function(random)
  return function() return random:weights(DIM, 12) end
end

data["far from the origin"] = function(random)
  local centre = {}
  for i = 1, DIM do centre[i] = 50 end
  return function() return random:near(centre, 1) end
end

data["with one number above all others"] = function(random)
  return function()
    local values = random:vector(DIM)
    values[1] = 100
    return values
  end
end

data["of very different lengths"] = function(random)
  return function() return random:vector(DIM, 10 ^ random:pick(6)) end
end

data["many of them equal"] = function(random)
  local few = {}
  for i = 1, 30 do few[i] = random:vector(DIM) end
  return function() return few[random:pick(30)] end
end

describe("a search finds what an exact one finds:", function()
  local store

  before_each(function()
    store = stores.open(files.database())
  end)

  after_each(stores.cleanup)

  local function recall_of(c, make, bytes)
    local total = 0
    for _ = 1, QUERIES do
      local query = bytes(make())
      local exact = assert(c:search(query, { exact = true }))
      total = total + vectors.recall(assert(c:search(query)), exact)
    end
    return total / QUERIES
  end

  local function check(maker, metrics, dim, bytes)
    local make, items = maker(vectors.random(7)), {}
    for i = 1, COUNT do items[i] = { id = "v" .. i, vector = bytes(make()) } end
    for _, metric in ipairs(metrics) do
      local c = assert(store.vectors:create(metric, { dim = dim, metric = metric }))
      for first = 1, COUNT, 1000 do
        local some = {}
        for i = first, first + 999 do some[#some + 1] = items[i] end
        assert(c:upsert_many(some))
      end
      local recall = recall_of(c, make, bytes)
      assert.is_true(recall >= 0.99, metric .. ": " .. recall)
    end
  end

  for title, maker in pairs(data) do
    it("vectors " .. title, function()
      check(maker, { "cosine", "l2", "dot" }, DIM, vectors.bytes)
    end)
  end

  for _, title in ipairs { "in clusters as tight as a grain", "of very different lengths",
    "many of them equal" } do
    it("filtered vectors " .. title, function()
      local make, items = data[title](vectors.random(8)), {}
      for i = 1, COUNT do
        items[i] = { id = "v" .. i, vector = vectors.bytes(make()), metadata = { n = i % 32 } }
      end
      for _, metric in ipairs { "cosine", "l2", "dot" } do
        local c = assert(store.vectors:create(metric, { dim = DIM, metric = metric }))
        assert(c:upsert_many(items))
        for _, share in ipairs { 1, 4, 24 } do
          local query, filter = vectors.bytes(make()), { n = { lt = share } }
          local exact = assert(c:search(query, { exact = true, filter = filter }))
          local found = assert(c:search(query, { filter = filter }))
          for _, hit in ipairs(found) do assert.is_true(hit.metadata.n < share) end
          assert.is_true(vectors.recall(found, exact) >= 0.99)
        end
      end
    end)
  end

  describe("in cells,", function()
    local tail = vector_set.tail

    before_each(function() vector_set.tail = 1 end)

    after_each(function() vector_set.tail = tail end)

    -- So wide that there are more cells than a search begins with.
    local WIDE = 1500
    local zeros = ("\0"):rep(4 * (WIDE - DIM))

    -- By cosine all lie alike, unless their lengths tell them apart.
    local METRICS = {
      ["of very different lengths"] = { "l2", "dot" }, ["far from the origin"] = { "l2", "dot" },
      ["weights of words"] = { "cosine", "l2", "dot" },
    }

    for title, maker in pairs(data) do
      it("vectors " .. title, function()
        local metrics = METRICS[title] or { "cosine" }
        check(maker, metrics, WIDE, function(values)
          return vectors.bytes(values) .. zeros
        end)
        local cells = assert(store.context.engine:value
          "SELECT count(*) FROM vector_cards WHERE centre IS NOT NULL")
        assert.is_true(cells >= 30 * #metrics, cells)
      end)
    end
  end)
end)
