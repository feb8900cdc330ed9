local files = require "spec.support.files"
local lists = require "spec.support.lists"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises, refused = outcome.raises, outcome.refused

-- The fields of the events, one after the other.
local function list(events, field) return lists.field(events, field or "cursor") end

describe("events:append", function()
  local store, events, path, clock

  local function reopen()
    store:close()
    store = stores.open(path, nil, clock)
    events = store.events
  end

  before_each(function()
    path = files.database()
    store, clock = stores.open(path)
    events = store.events
  end)

  after_each(stores.cleanup)

  it("gives cursors 1, 2, 3 and the event as it is stored", function()
    local first = assert(events:append { stream = "run-1", type = "started", data = { step = 1 } })
    assert.are.same(
      { cursor = 1, stream = "run-1", type = "started", data = { step = 1 }, at = 1000 }, first)
    clock.now = 2000
    assert.are.equal(2, assert(events:append { stream = "run-2", type = "started" }).cursor)
    local third = assert(events:append { stream = "run-1", type = "ended", at = 17, key = "once" })
    assert.are.same({ cursor = 3, stream = "run-1", type = "ended", at = 17, key = "once" }, third)
    assert.are.same({ first, { cursor = 2, stream = "run-2", type = "started", at = 2000 }, third },
      events:poll())
  end)

  it("keeps any JSON value, and tells an absent one from null", function()
    local values = { false, true, 0, -1, 1.5, "", "text\0with NUL", "\240\159\140\153",
      moonbase.null, moonbase.array {}, {}, { 1, { 2 } },
      { a = moonbase.null, b = moonbase.array {} }, 2 ^ 53, -0.0 }
    if not jit then values[#values + 1] = tonumber("9223372036854775807") end
    for i = 1, #values do
      assert(events:append { stream = "s", type = "t", data = values[i] })
    end
    local absent = assert(events:append { stream = "s", type = "t" })
    assert.is_nil(absent.data)
    reopen()
    local found = assert(events:poll())
    for i = 1, #values do
      assert.are.same(values[i], found[i].data)
      assert.are.equal(getmetatable(values[i]), getmetatable(found[i].data))
    end
    assert.are.equal(-math.huge, 1 / found[15].data)
    assert.is_nil(rawget(found[#values + 1], "data"))
  end)

  it("refuses data that JSON cannot hold, and uses up no cursor", function()
    local cycle = {}
    cycle.again = cycle
    for field, data in pairs {
      ["data"] = print, ["data.x"] = { x = 0 / 0 }, ["data.x[2]"] = { x = { 1, math.huge } },
      ["data.outer[1].x"] = { outer = { { x = "\255" } } },
      ["data[1]"] = { coroutine.create(print) },
    } do
      local err = refused("serialization", events:append { stream = "s", type = "t", data = data })
      assert.are.equal(field, err.field)
    end
    refused("serialization", events:append { stream = "s", type = "t", data = cycle })
    refused("serialization", events:append { stream = "s", type = "t", data = { 1, nil, 3 } })
    assert.are.equal(0, events:latest())
    assert.are.equal(1, assert(events:append { stream = "s", type = "t" }).cursor)
  end)

  it("refuses names that are no ids, and times that are none", function()
    for _, bad in ipairs { "", " ", "\t\n", "a\0b", "\255", ("x"):rep(513), "\226\128\131" } do
      for _, field in ipairs { "stream", "type", "key" } do
        local event = { stream = "s", type = "t", key = "k" }
        event[field] = bad
        assert.are.equal(field, refused("invalid", events:append(event)).field)
      end
    end
    for _, bad in ipairs { -1, 1.5, 0 / 0, math.huge, 2 ^ 60 } do
      local err = refused("invalid", events:append { stream = "s", type = "t", at = bad })
      assert.are.equal("at", err.field)
    end
    assert.are.equal("stream", refused("invalid", events:append { type = "t" }).field)
    assert.are.equal("type", refused("invalid", events:append { stream = "s" }).field)
    assert.are.equal(0, events:latest())
    assert.are.same({}, events:poll())
  end)

  it("raises for what is not an event", function()
    raises("invalid", events.append, events)
    raises("invalid", events.append, events, "s")
    assert.matches("event.cursor", raises("invalid", events.append, events,
      { stream = "s", type = "t", cursor = 1 }).message, 1, true)
    for field, value in pairs { stream = 1, type = {}, key = 1, at = "now" } do
      local event = { stream = "s", type = "t" }
      event[field] = value
      local err = raises("invalid", events.append, events, event)
      assert.matches("event." .. field, err.message, 1, true)
    end
    assert.are.equal(0, events:latest())
  end)

  it("takes hostile names as data", function()
    for i, name in ipairs {
      "'; DROP TABLE events; --", "%", "_", "a\"b", "$scope", "\240\159\140\153",
    } do
      assert(events:append { stream = name, type = name, key = name })
      assert.are.same({ i }, list(events:poll { stream = name, type = name }))
    end
    assert.are.equal(6, events:latest())
  end)

  it("gives the first event back for the same key in the stream, and writes nothing", function()
    local event = { stream = "s", type = "t", data = { a = 1, b = { x = 1, y = {} } }, key = "k" }
    local first = assert(events:append(event))
    clock.now = 2000
    reopen()
    for _, data in ipairs { event.data, { b = { y = {}, x = 1.0 }, a = 1.0 } } do
      local again = { stream = "s", type = "t", data = data, key = "k", at = 5 }
      assert.are.same(first, events:append(again))
    end
    assert.are.equal(1, events:latest())
    assert.are.same({ first }, events:poll())
  end)

  it("refuses another event under the key of the first", function()
    local array, null = moonbase.array {}, moonbase.null
    assert(events:append { stream = "s", type = "t", data = { list = array }, key = "k" })
    assert(events:append { stream = "s", type = "t", key = "empty" })
    for _, event in ipairs {
      { type = "u", data = { list = array } }, { type = "t" }, { type = "t", data = { list = {} } },
      { type = "t", data = { list = array, more = false } }, { type = "t", data = null },
      { type = "t", data = { list = { 1 } } }, { type = "t", data = "text" },
      { type = "t", data = null, key = "empty" }, { type = "t", data = {}, key = "empty" },
    } do
      event.stream, event.key = "s", event.key or "k"
      local err = refused("conflict", events:append(event))
      assert.is_false(err.retryable)
      assert.are.equal(event.key, err.key)
      assert.are.equal(event.key == "k" and 1 or 2, err.cursor)
    end
    refused("serialization", events:append { stream = "s", type = "t", data = print, key = "k" })
    assert.are.equal(2, events:latest())
  end)

  it("keeps keys to their stream", function()
    assert.are.equal(1, assert(events:append { stream = "a", type = "t", key = "k" }).cursor)
    assert.are.equal(2, assert(events:append { stream = "b", type = "u", key = "k" }).cursor)
    assert.are.equal(3, assert(events:append { stream = "b", type = "u" }).cursor)
  end)

  it("keeps scopes apart: each has its own cursors, streams, keys and consumers", function()
    local other = assert(store:scope("other")).events
    assert.are.same({}, other:poll())
    assert.are.equal(0, other:latest())
    assert(events:append { stream = "s", type = "t", key = "k" })
    assert(events:append { stream = "s", type = "t" })
    assert.are.equal(1, assert(other:append { stream = "s", type = "u", key = "k" }).cursor)
    assert.are.same({ "u" }, list(other:poll { stream = "s" }, "type"))
    assert.are.same({ "t", "t" }, list(events:poll { stream = "s" }, "type"))
    assert.are.same({}, events:poll { type = "u" })
    assert.are.same({}, events:poll { after = 2 })
    assert.are.same({}, other:poll { after = 1 })
    assert.are.equal(1, other:latest("s"))
    assert(events:consumer("c"):ack(2))
    assert.are.equal(0, other:consumer("c"):position())
    assert.are.equal(1, other:clear())
    assert.are.equal(2, events:prune { before = 100 })
    assert.are.equal(3, assert(events:append { stream = "s", type = "t" }).cursor)
    assert.are.equal(2, assert(other:append { stream = "s", type = "t" }).cursor)
  end)

  it("goes with the transaction it is part of", function()
    store:transaction(function(tx)
      assert.are.equal(1, assert(tx.events:append { stream = "s", type = "t", key = "k" }).cursor)
      assert.are.equal(2, assert(events:append { stream = "s", type = "t" }).cursor)
      refused("conflict", tx.events:append { stream = "s", type = "u", key = "k" })
      assert.are.same({ 1, 2 }, list(tx.events:poll()))
      return nil, "undo"
    end)
    assert.are.equal(0, events:latest())
    assert.are.equal(0, events:latest("s"))
    assert.are.equal(1, assert(events:append { stream = "s", type = "u", key = "k" }).cursor)
  end)

  it("is refused on a handle that only reads", function()
    assert(events:append { stream = "s", type = "t" })
    local reader = stores.open(path, { readonly = true })
    refused("readonly", reader.events:append { stream = "s", type = "t" })
    refused("readonly", reader.events:append_batch { { stream = "s", type = "t" } })
    refused("readonly", reader.events:prune { before = 10 })
    refused("readonly", reader.events:prune { older_than = 0, stream = "none" })
    refused("readonly", reader.events:clear())
    refused("readonly", reader.events:consumer("c"):ack(1))
    assert.are.same({ 1 }, list(reader.events:poll()))
    reader:close()
  end)

  it("raises `closed` once the store is closed, like every call", function()
    local consumer = assert(events:consumer("c"))
    store:close()
    for _, call in ipairs {
      function() events:append { stream = "s", type = "t" } end,
      function() events:append_batch {} end, function() events:poll { limit = 0 } end,
      function() events:replay() end, function() events:latest() end, function() events:clear() end,
      function() events:prune { before = 1 } end, function() events:wait { timeout = 0 } end,
      function() events:consumer("c") end, function() consumer:next() end,
      function() consumer:ack(0) end, function() consumer:position() end,
    } do
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.are.equal("closed", err.code)
    end
  end)
end)

describe("events:append_batch", function()
  local store, events

  before_each(function()
    store = stores.open(files.database())
    events = store.events
  end)

  after_each(stores.cleanup)

  local function batch(...)
    local made = {}
    for i, stream in ipairs { ... } do made[i] = { stream = stream, type = "t", data = i } end
    return made
  end

  it("gives cursors that follow each other, in the order of the list", function()
    assert(events:append { stream = "a", type = "t" })
    local written = assert(events:append_batch(batch("a", "b", "a", "c")))
    assert.are.same({ 2, 3, 4, 5 }, list(written))
    assert.are.same(written, events:poll { after = 1 })
    assert.are.equal(4, events:latest("a"))
    assert.are.equal(3, events:latest("b"))
  end)

  it("gives nothing for nothing, and writes nothing", function()
    assert.are.same({}, events:append_batch {})
    assert.are.same({}, events:append_batch({}, { expected = 7 }))
    assert.are.equal(0, events:latest())
  end)

  it("writes nothing and uses up no cursor when one event fails, and names it", function()
    for field, bad in pairs {
      ["list[3].data.x"] = { stream = "a", type = "t", data = { x = print } },
      ["list[3].stream"] = { stream = "", type = "t" }, ["list[3].type"] = { stream = "a" },
      ["list[3].key"] = { stream = "a", type = "t", key = "\0" },
      ["list[3].at"] = { stream = "a", type = "t", at = -1 },
    } do
      local events_of_list = batch("a", "b")
      events_of_list[3] = bad
      local result, err = events:append_batch(events_of_list)
      assert.is_nil(result)
      assert.are.equal(field, err.field)
    end
    raises("invalid", events.append_batch, events, { { stream = "a", type = "t" }, "text" })
    raises("invalid", events.append_batch, events, { stream = "a", type = "t" })
    raises("invalid", events.append_batch, events, "text")
    raises("invalid", events.append_batch, events, {}, { expect = 1 })
    raises("invalid", events.append_batch, events, {}, { expected = "1" })
    assert.are.same({}, events:poll())
    assert.are.same({ 1 }, list(events:append_batch(batch("a"))))
  end)

  it("holds to the last cursor that was expected of the stream", function()
    assert(events:append_batch(batch("a", "b", "a"), {}))
    local err = refused("conflict", events:append_batch(batch("a", "a"), { expected = 1 }))
    assert.are.same({ 1, 3 }, { err.expected, err.actual })
    refused("conflict", events:append_batch(batch("new"), { expected = 3 }))
    assert.are.equal(3, events:latest())
    assert.are.same({ 4, 5 }, list(events:append_batch(batch("a", "a"), { expected = 3 })))
    assert.are.same({ 6 }, list(events:append_batch(batch("new"), { expected = 0 })))
    for _, bad in ipairs { -1, 0.5, 0 / 0 } do
      err = refused("invalid", events:append_batch(batch("a"), { expected = bad }))
      assert.are.equal("expected", err.field)
    end
    err = refused("invalid", events:append_batch(batch("a", "b"), { expected = 5 }))
    assert.are.equal("list[2].stream", err.field)
    assert.are.equal(6, events:latest())
  end)

  it("names the event of a batch whose data cannot be compared with those of its key", function()
    assert(events:append { stream = "s", type = "t", key = "k", data = 1 })
    local function keyed(key, data) return { stream = "s", type = "t", key = key, data = data } end
    local nan = { x = 0 / 0 }
    for field, list_of in pairs {
      ["list[2].data.x"] = { keyed(nil, 1), keyed("k", nan) },
      ["list[1].data.x"] = { keyed("z", nan), keyed("z", 1) },
    } do
      assert.are.equal(field, refused("serialization", events:append_batch(list_of)).field)
    end
    local err = refused("serialization", events:append(keyed("k", nan)))
    assert.are.equal("data.x", err.field)
  end)

  it("still knows the last cursor of a stream that was pruned or cleared", function()
    assert(events:append_batch(batch("a", "a", "b")))
    assert.are.equal(3, events:prune { before = 100 })
    local err = refused("conflict", events:append_batch(batch("a"), { expected = 0 }))
    assert.are.equal(2, err.actual)
    assert.are.same({ 4 }, list(events:append_batch(batch("a"), { expected = 2 })))
    assert.are.equal(1, events:clear("a"))
    assert.are.same({ 5 }, list(events:append_batch(batch("a"), { expected = 4 })))
  end)

  it("gives events back whose keys it knows, from the log or from the list itself", function()
    local first = assert(events:append { stream = "a", type = "t", data = { n = 1 }, key = "one" })
    local written = assert(events:append_batch {
      { stream = "a", type = "t", data = { n = 2 }, key = "two" },
      { stream = "a", type = "t", data = { n = 1 }, key = "one" },
      { stream = "b", type = "t", data = { n = 1 }, key = "one" },
      { stream = "a", type = "t", data = { n = 2.0 }, key = "two" },
      { stream = "a", type = "t" },
    })
    assert.are.same({ 2, 1, 3, 2, 4 }, list(written))
    assert.are.same(first, written[2])
    assert.are.equal(4, events:latest())
  end)

  it("writes nothing when a key belongs to another event, from the log or from the list", function()
    assert(events:append { stream = "a", type = "t", data = 1, key = "one" })
    for _, second in ipairs {
      { stream = "a", type = "t", data = 2, key = "one" },
      { stream = "a", type = "u", key = "new" },
      { stream = "a", type = "t", data = moonbase.null, key = "new" },
    } do
      refused("conflict", events:append_batch {
        { stream = "b", type = "t", key = "one" }, { stream = "a", type = "t", key = "new" },
        second,
      })
    end
    assert.are.equal(1, events:latest())
    assert.are.equal(0, events:latest("b"))
  end)

  it("may be sent again after a lost answer, whatever was expected the first time", function()
    local list_of_events = {
      { stream = "a", type = "t", key = "one" }, { stream = "a", type = "t", key = "two" },
    }
    local written = assert(events:append_batch(list_of_events, { expected = 0 }))
    assert.are.same(written, events:append_batch(list_of_events, { expected = 0 }))
    list_of_events[3] = { stream = "a", type = "t", key = "three" }
    refused("conflict", events:append_batch(list_of_events, { expected = 0 }))
    assert.are.same({ 1, 2, 3 }, list(events:append_batch(list_of_events, { expected = 2 })))
  end)
end)
