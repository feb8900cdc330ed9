-- No call on memory reads a table from end to end, or sorts rows after reading them; and whichever
-- statement fails, nothing is changed.

local embedders = require "spec.support.embedders"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

describe("memory", function()
  local store, memory, path, clock

  local function open(name)
    return stores.open(path, { embed = embedders.letters { name = name } })
  end

  before_each(function()
    path = files.database()
    local before = open("before")
    for i = 1, 3 do assert(before.memory:remember { id = "old" .. i, text = "old text " .. i }) end
    before:close()
    store, clock = open()
    memory = store.memory
    for i = 1, 20 do
      assert(memory:remember { id = "m" .. i, text = "text of Ann " .. i, namespace = "a/b",
        type = i % 2 == 0 and "even" or "odd", tags = { "x", "t" .. i }, metadata = { n = i },
        source = "s" .. i % 3, entities = { "Ann", "Bob " .. i } })
    end
    assert(memory:update("m7", { text = "another text" }))
    assert(memory:remember { id = "gone1", text = "gone", ttl = 5 })
    assert(memory:remember { id = "gone2", text = "gone", ttl = 5 })
    clock.now = 1005
  end)

  after_each(stores.cleanup)

  local CALLS = {
    remember = function() return memory:remember { id = "new", text = "new Ann",
      namespace = "a/b/c", type = "t", tags = { "x" }, metadata = { a = 1 }, source = "s",
      ttl = 100, entities = { "Ann", "Carl" } } end,
    ["remember with the same id"] = function()
      return memory:remember { id = "m7", text = "newest text" }
    end,
    ["remember what has expired"] = function()
      return memory:remember { id = "gone1", text = "back" }
    end,
    ["remember what another embedder had"] = function()
      return memory:remember { id = "old1", text = "new text" }
    end,
    recall = function() return memory:recall "m1" end,
    ["update of a field"] = function() return memory:update("m1", { type = "t", at = 5 }) end,
    ["update of the text"] = function() return memory:update("m1", { text = "changed" }) end,
    forget = function() return memory:forget "m7" end,
    ["forget by label"] = function() return memory:forget { type = "odd", source = "s1" } end,
    ["forget by filter"] = function()
      return memory:forget { ["metadata.n"] = { gt = 17 }, text = { contains = "text" } }
    end,
    history = function() return memory:history "m7" end,
    sweep = function() return memory:sweep() end,
    stats = function() return memory:stats() end,
    reembed = function() return memory:reembed { limit = 3 } end,
    ["list by all that there is"] = function()
      local query = { namespace = "a/", type = "odd", tag = "x", source = "s1", since = 5,
        before = 5000, limit = 1 }
      query.cursor = assert(memory:list(query)).next_cursor
      query.total = true
      assert(memory:list(query))
      return memory:list { limit = 2 }
    end,
    ["search by words"] = function() return memory:search { text = "text Ann", mode = "keyword" } end,
    ["search by vectors"] = function() return memory:search { text = "text", mode = "vector" } end,
    ["search with all that there is"] = function()
      return memory:search { text = "text Ann", namespace = "a", since = 5, before = 5000, expand = 2,
        half_life = 10, mmr = 0.5, filter = { type = "odd", ["metadata.n"] = { gt = 3 } } }
    end,
    checkpoint = function()
      return store.checkpoints:commit { thread = "t", run = { id = "r", agent = "a" },
        memories = { { id = "c1", text = "one" }, { id = "m1", text = "two" } } }
    end,
  }

  describe("by an index:", function()
    for name, fn in pairs(CALLS) do
      it(name, function()
        assert.are.same({}, plans.slow(store, function() assert(fn() ~= nil) end))
      end)
    end
  end)

  describe("when any one statement fails, nothing is changed:", function()
    for name, fn in pairs(CALLS) do
      if name ~= "list by all that there is" then
        it(name, function()
          local failed = faults.changes_nothing(store, fn)
          assert.is_true(failed > 0)
        end)
      end
    end
  end)
end)
