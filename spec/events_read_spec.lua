local files = require "spec.support.files"
local lists = require "spec.support.lists"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises, refused = outcome.raises, outcome.refused

-- The fields of the events, one after the other.
local function list(events, field) return lists.field(events, field or "cursor") end

describe("reading events:", function()
  local store, events, path

  -- Cursor n is of stream s<n % 3> and of type t<n % 2>.
  local function fill(count)
    local made = {}
    for n = 1, count do made[n] = { stream = "s" .. n % 3, type = "t" .. n % 2, data = n } end
    return assert(events:append_batch(made))
  end

  before_each(function()
    path = files.database()
    store = stores.open(path)
    events = store.events
  end)

  after_each(stores.cleanup)

  it("poll gives what lies strictly behind a cursor, ascending, up to the limit", function()
    fill(250)
    assert.are.equal(100, #events:poll())
    assert.are.equal(250, #events:poll { limit = 1000 })
    assert.are.same({ 6, 7, 8 }, list(events:poll { after = 5, limit = 3 }))
    assert.are.same({ 250 }, list(events:poll { after = 249 }))
    assert.are.same({}, events:poll { after = 250 })
    assert.are.same({}, events:poll { after = 2 ^ 53 })
    assert.are.same({}, events:poll { limit = 0 })
  end)

  it("poll selects by stream, by type and by both", function()
    fill(12)
    assert.are.same({ 1, 4, 7, 10 }, list(events:poll { stream = "s1" }))
    assert.are.same({ 4, 7 }, list(events:poll { stream = "s1", after = 1, limit = 2 }))
    assert.are.same({ 2, 4, 6, 8, 10, 12 }, list(events:poll { type = "t0" }))
    assert.are.same({ 6, 8 }, list(events:poll { type = "t0", after = 4, limit = 2 }))
    assert.are.same({ 4, 10 }, list(events:poll { type = "t0", stream = "s1" }))
    assert.are.same({ 10 }, list(events:poll { type = "t0", stream = "s1", after = 4 }))
    assert.are.same({}, events:poll { stream = "none" })
    assert.are.same({}, events:poll { type = "none" })
  end)

  it("poll gives at most 10000", function()
    fill(10001)
    assert.are.equal(10000, #events:poll { limit = 2 ^ 53 })
  end)

  it("refuse impossible cursors and limits, and names that are no ids", function()
    for _, bad in ipairs { -1, 0.5, 0 / 0, math.huge } do
      assert.are.equal("after", refused("invalid", events:poll { after = bad }).field)
      assert.are.equal("limit", refused("invalid", events:poll { limit = bad }).field)
      assert.are.equal("after", refused("invalid", events:replay { after = bad }).field)
    end
    assert.are.equal("stream", refused("invalid", events:poll { stream = "" }).field)
    assert.are.equal("type", refused("invalid", events:poll { type = "\255" }).field)
    assert.are.equal("stream", refused("invalid", events:latest(" ")).field)
    raises("invalid", events.poll, events, { stream = 1 })
    raises("invalid", events.poll, events, { after = "1" })
    raises("invalid", events.poll, events, { cursor = "1" })
    raises("invalid", events.replay, events, { limit = 3 })
    raises("invalid", events.latest, events, 1)
  end)

  it("replay gives every event in order, also after a reopen, and from a cursor", function()
    local written = fill(450)
    local function replayed(query)
      local found = {}
      for event in assert(events:replay(query)) do found[#found + 1] = event end
      return found
    end
    assert.are.same(written, replayed())
    assert.are.same({ 449, 450 }, list(replayed { after = 448 }))
    assert.are.equal(150, #replayed { stream = "s0" })
    assert.are.equal(225, #replayed { type = "t1" })
    assert.are.same({}, replayed { stream = "none" })
    store:close()
    store = stores.open(path)
    events = store.events
    assert.are.same(written, replayed())
  end)

  it("replay holds nothing between its steps, and sees what is appended meanwhile", function()
    fill(300)
    local step = assert(events:replay())
    assert.are.equal(1, step().cursor)
    assert.are.equal(100, events:prune { before = 101 })
    assert(events:append { stream = "late", type = "t" })
    local last, count = nil, 1
    for event in step do last, count = event, count + 1 end
    assert.are.equal(301, last.cursor)
    assert.are.equal(301, count) -- the first 200 were read before the prune
    assert.is_nil(step())
    events:replay()() -- abandoned
    assert(store:transaction(function() return events:clear() end))
  end)

  it("latest gives the last cursor given out, of the scope and of a stream", function()
    assert.are.equal(0, events:latest())
    assert.are.equal(0, events:latest("s1"))
    fill(5)
    assert.are.equal(5, events:latest())
    assert.are.equal(4, events:latest("s1"))
    assert.are.equal(5, events:latest("s2"))
    assert.are.equal(0, events:latest("none"))
  end)

  it("one damaged event hides neither those before it nor those behind it", function()
    fill(10)
    assert(store.context.engine:run("UPDATE events SET data = '{' WHERE data IN ('4', '8')"))
    assert.are.same({ 1, 2, 3 }, list(events:poll()))
    local err = refused("serialization", events:poll { after = 3 })
    assert.are.equal(4, err.cursor)
    assert.are.same({ 5, 6, 7 }, list(events:poll { after = 4 }))
    assert.are.equal(4, refused("serialization", events:poll { stream = "s1", after = 1 }).cursor)
    assert.are.same({ 7, 10 }, list(events:poll { stream = "s1", after = 4 }))
    local found = {}
    local ok, raised = pcall(function()
      for event in events:replay() do found[#found + 1] = event end
    end)
    assert.is_false(ok)
    assert.are.equal(4, raised.cursor)
    assert.are.same({ 1, 2, 3 }, list(found))
  end)

  it("a thousand events, cleared, pruned and reopened, never reuse a cursor", function()
    for round = 0, 1 do
      for n = 1, 10 do
        local made = {}
        for i = 1, 100 do made[i] = { stream = "s", type = "t", data = i } end
        assert.are.equal(round * 1000 + n * 100, assert(events:append_batch(made))[100].cursor)
      end
      assert.are.equal(500, events:prune { before = round * 1000 + 501 })
      store:close()
      store = stores.open(path)
      events = store.events
      assert.are.same({ round * 1000 + 501 }, list(events:poll { limit = 1 }))
      assert.are.equal(500, events:clear())
      assert.are.same({}, events:poll())
      assert.are.equal((round + 1) * 1000, events:latest())
    end
  end)
end)
