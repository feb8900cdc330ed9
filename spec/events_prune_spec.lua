local child = require "spec.support.child"
local files = require "spec.support.files"
local lists = require "spec.support.lists"
local moonbase = require "moonbase"
local stores = require "spec.support.stores"

local cursors = lists.cursors

describe("pruning events:", function()
  local store, events, path, clock

  before_each(function()
    path = files.database()
    store, clock = stores.open(path)
    events = store.events
  end)

  after_each(stores.cleanup)

  -- One event for each time, in streams a and b by turns.
  local function at(...)
    for i, time in ipairs { ... } do
      assert(events:append { stream = i % 2 == 1 and "a" or "b", type = "t", at = time })
    end
  end

  local function fill(count, stream)
    local made = {}
    for n = 1, count do made[n] = { stream = stream or "s", type = "t" } end
    assert(events:append_batch(made))
  end

  it("removes cursors strictly below `before`, and counts them", function()
    at(1, 2, 3, 4, 5)
    assert.are.equal(2, events:prune { before = 3 })
    assert.are.same({ 3, 4, 5 }, cursors(events:poll()))
    assert.are.equal(0, events:prune { before = 3 })
    assert.are.equal(0, events:prune { before = 0 })
    assert.are.equal(3, events:prune { before = 2 ^ 53 })
    assert.are.same({}, events:poll())
  end)

  it("removes what is strictly older, and keeps what is just as old", function()
    at(400, 500, 500, 501, 1000)
    assert.are.equal(1, events:prune { older_than = 500 })
    assert.are.same({ 2, 3, 4, 5 }, cursors(events:poll()))
    assert.are.equal(0, events:prune { older_than = 5000 })
    clock.now = 1001
    assert.are.equal(4, events:prune { older_than = 0 })
  end)

  it("goes by the time of each event, in whatever order the times come", function()
    at(500, 100, 900, 50, 800, 100, 901, 2000, 300, 400)
    assert.are.equal(3, events:prune { older_than = 700 }) -- before 300
    assert.are.same({ 1, 3, 5, 7, 8, 9, 10 }, cursors(events:poll()))
    assert.are.equal(1, events:prune { older_than = 150, stream = "b" }) -- before 850
    assert.are.same({ 1, 3, 5, 7, 8, 9 }, cursors(events:poll()))
    assert.are.equal(3, events:prune { older_than = 150, stream = "a" })
    assert.are.same({ 3, 7, 8 }, cursors(events:poll()))
    clock.now = 10000
    at(950, 2000, 1)
    assert.are.equal(4, events:prune { older_than = 8000 }) -- before 2000
    assert.are.same({ 8, 12 }, cursors(events:poll()))
  end)

  it("agrees with a plain look at every event, for random times and cuts", function()
    local seed = 7
    local function random(most)
      seed = (seed * 16807) % 2147483647
      return seed % most
    end
    clock.now = 10000
    local model = {}
    for _ = 1, 60 do
      for _ = 1, random(12) do
        local stream, time = "s" .. random(3), random(5) > 0 and 5000 + #model or random(10000)
        assert(events:append { stream = stream, type = "t", at = time })
        model[#model + 1] = { stream = stream, at = time }
      end
      local stream, cut, count = random(2) == 0 and "s" .. random(3) or nil, random(6000), 0
      for _, event in ipairs(model) do
        if event.at < cut and not event.gone and (not stream or event.stream == stream) then
          event.gone, count = true, count + 1
        end
      end
      assert.are.equal(count, events:prune { older_than = clock.now - cut, stream = stream })
    end
    local left = {}
    for i, event in ipairs(model) do if not event.gone then left[#left + 1] = i end end
    assert.are.same(left, cursors(events:poll { limit = 1000 }))
  end)

  it("touches one stream when told so", function()
    at(1, 2, 3, 4, 5)
    assert.are.equal(1, events:prune { before = 3, stream = "a" })
    assert.are.equal(0, events:prune { before = 100, stream = "none" })
    assert.are.same({ 2, 3, 4, 5 }, cursors(events:poll()))
    assert.are.equal(2, events:clear("b"))
    assert.are.equal(0, events:clear("none"))
    assert.are.same({ 3, 5 }, cursors(events:poll()))
    assert.are.equal(2, events:clear())
    assert.are.equal(0, events:clear())
  end)

  it("never lets a cursor come back, and latest stays", function()
    at(1, 2, 3)
    assert.are.equal(3, events:clear())
    assert.are.equal(3, events:latest())
    assert.are.equal(3, events:latest("a"))
    assert.are.equal(2, events:latest("b"))
    store:close()
    store = stores.open(path)
    assert.are.equal(3, store.events:latest())
    assert.are.equal(2, store.events:latest("b"))
    assert.are.equal(4, assert(store.events:append { stream = "b", type = "t" }).cursor)
    assert.are.equal(4, store.events:latest("b"))
    events = store.events
  end)

  it("remembers the last cursor of a stream whose newest event went before older ones", function()
    at(500, 500, 100, 100)
    assert.are.equal(2, events:prune { older_than = 700 })
    assert.are.same({ 1, 2 }, cursors(events:poll()))
    assert.are.equal(3, events:latest("a"))
    assert.are.equal(4, events:latest("b"))
    local _, err = events:append_batch({ { stream = "a", type = "t" } }, { expected = 1 })
    assert.are.equal("conflict", err.code)
  end)

  it("frees the keys", function()
    assert(events:append { stream = "s", type = "t", key = "k" })
    assert.are.equal(1, events:prune { before = 2 })
    assert.are.equal(2, assert(events:append { stream = "s", type = "other", key = "k" }).cursor)
    assert.are.equal(1, events:clear("s"))
    assert.are.equal(3, assert(events:append { stream = "s", type = "t", key = "k" }).cursor)
  end)

  it("refuses what does not say what to remove", function()
    at(1, 2)
    for _, bad in ipairs {
      {}, { stream = "a" }, { before = 1, older_than = 1 }, { before = -1 }, { before = 1.5 },
      { before = 0 / 0 }, { older_than = -1 }, { older_than = math.huge },
      { before = 2, stream = "" },
    } do
      local result, err = events:prune(bad)
      assert.is_nil(result)
      assert.are.equal("invalid", err.code)
      assert.are.equal("string", type(err.field))
    end
    assert.are.equal("invalid", select(2, events:prune()).code)
    assert.are.equal("invalid", select(2, events:clear("")).code)
    for _, bad in ipairs {
      { before = "1" }, { older_than = {} }, { before = 1, stream = 1 }, { after = 1 }, 5,
    } do
      assert.is_false(pcall(events.prune, events, bad))
    end
    assert.is_false(pcall(events.clear, events, {}))
    assert.are.same({ 1, 2 }, cursors(events:poll()))
  end)

  it("removes any number, a bounded one in each transaction", function()
    fill(4500)
    local transactions, atomic = 0, store.context.engine.atomic
    store.context.engine.atomic = function(...)
      transactions = transactions + 1
      return atomic(...)
    end
    assert.are.equal(4400, events:prune { before = 4401 })
    assert.are.equal(3, transactions)
    assert.are.equal(100, #events:poll { limit = 1000 })
  end)

  it("is whole or nothing inside a transaction", function()
    fill(2500)
    store:transaction(function(tx)
      assert.are.equal(2500, tx.events:clear())
      assert.are.same({}, events:poll())
      return nil, "undo"
    end)
    assert.are.equal(2500, #events:poll { limit = 10000 })
    assert.are.equal(0, store:transaction(function(tx)
      return tx.events:prune { older_than = 0, stream = "none" }
    end))
    assert.are.equal(2500, store:transaction(function(tx) return tx.events:clear("s") end))
    assert.are.equal(2500, events:latest("s"))
  end)

  it("says how much is gone when it is stopped halfway", function()
    fill(4500)
    local writes, write = 0, store.context.write
    store.context.write = function(...)
      writes = writes + 1
      if writes == 3 then return nil, moonbase.errors.new("busy") end
      return write(...)
    end
    local count, err = events:clear()
    assert.is_nil(count)
    assert.are.equal("busy", err.code)
    assert.are.equal(4000, err.removed)
    assert.are.equal(500, events:clear())
  end)

  it("leaves alone what is appended while it runs", function()
    fill(3000)
    local write = store.context.write
    store.context.write = function(...)
      store.context.write = write
      assert(events:append { stream = "late", type = "t", at = 0 })
      return write(...)
    end
    assert.are.equal(3000, events:clear())
    assert.are.same({ 3001 }, cursors(events:poll()))
  end)

  it("loses nothing else when the process is killed in the middle", function()
    fill(6000, "old")
    fill(10, "new")
    local one = child.start(function(c)
      local own = stores.open(path)
      c:tell("ready")
      own.events:prune { before = 6001 }
    end)
    one:hear()
    one:kill()
    local left = cursors(events:poll { limit = 10000 })
    for i = 2, #left do assert.are.equal(left[i - 1] + 1, left[i]) end -- the oldest went first
    assert.are.equal(6010, left[#left])
    assert.are.equal(10, #events:poll { stream = "new" })
    assert.are.equal(6000, events:latest("old"))
    assert.are.equal(#left - 10, events:clear("old"))
  end)
end)
