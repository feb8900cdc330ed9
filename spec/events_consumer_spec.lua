local files = require "spec.support.files"
local lists = require "spec.support.lists"
local stores = require "spec.support.stores"

local cursors = lists.cursors

describe("an events consumer", function()
  local store, events, path

  before_each(function()
    path = files.database()
    store = stores.open(path)
    events = store.events
    for n = 1, 6 do
      assert(events:append { stream = n % 2 == 1 and "odd" or "even", type = "t" })
    end
  end)

  after_each(stores.cleanup)

  it("gives the same events until they are acknowledged", function()
    local consumer = assert(events:consumer("mailer"))
    assert.are.equal(0, consumer:position())
    assert.are.same({ 1, 2 }, cursors(consumer:next(2)))
    assert.are.same({ 1, 2 }, cursors(consumer:next(2)))
    assert.is_true(consumer:ack(2))
    assert.are.equal(2, consumer:position())
    assert.are.same({ 3, 4, 5, 6 }, cursors(consumer:next()))
    assert.is_true(consumer:ack(6))
    assert.are.same({}, consumer:next())
    assert.are.same({}, consumer:next(0))
  end)

  it("ignores an acknowledgement that goes back", function()
    local consumer = assert(events:consumer("mailer"))
    assert.is_true(consumer:ack(4))
    assert.is_true(consumer:ack(2))
    assert.is_true(consumer:ack(0))
    assert.are.equal(4, consumer:position())
  end)

  it("refuses to acknowledge what was never given out, which would hide events to come", function()
    local consumer = assert(events:consumer("mailer", { stream = "odd" }))
    assert.is_true(consumer:ack(6)) -- of another stream, but behind it nothing can be missed
    local result, err = consumer:ack(7)
    assert.is_nil(result)
    assert.are.same({ "invalid", "cursor" }, { err.code, err.field })
    for _, bad in ipairs { -1, 1.5, 0 / 0, math.huge } do
      assert.are.equal("invalid", select(2, consumer:ack(bad)).code)
      assert.are.equal("invalid", select(2, consumer:next(bad)).code)
    end
    assert.is_false(pcall(consumer.ack, consumer, "6"))
    assert.is_false(pcall(consumer.ack, consumer))
    assert.is_false(pcall(consumer.next, consumer, "6"))
    assert.are.equal(6, consumer:position())
  end)

  it("has a position for each name and stream, shared by all handles, kept by a reopen", function()
    assert(events:consumer("a"):ack(3))
    assert(events:consumer("a", { stream = "even" }):ack(2))
    assert(events:consumer("b"):ack(1))
    local other = stores.open(path, { shared = false })
    store:close()
    events = other.events
    assert.are.equal(3, events:consumer("a"):position())
    assert.are.same({ 4, 6 }, cursors(events:consumer("a", { stream = "even" }):next()))
    assert.are.same({ 1, 3, 5 }, cursors(events:consumer("a", { stream = "odd" }):next()))
    assert.are.equal(1, events:consumer("b"):position())
    assert.are.equal(0, events:consumer("c"):position())
    other:close()
  end)

  it("goes on behind a prune and a clear", function()
    local consumer = assert(events:consumer("mailer"))
    assert(consumer:ack(2))
    assert.are.equal(3, events:prune { before = 4 })
    assert.are.same({ 4, 5, 6 }, cursors(consumer:next()))
    assert.are.equal(3, events:clear())
    assert.are.same({}, consumer:next())
    assert(events:append { stream = "odd", type = "t" })
    assert.are.same({ 7 }, cursors(consumer:next()))
  end)

  it("moves with the transaction that did the work, or not at all", function()
    local consumer = assert(events:consumer("worker"))
    store:transaction(function(tx)
      assert(tx.events:consumer("worker"):ack(1))
      assert.are.equal(1, consumer:position())
      return nil, "the work failed"
    end)
    assert.are.equal(0, consumer:position())
  end)

  it("refuses names that are no ids", function()
    for _, bad in ipairs { "", " ", "\255", "a\0" } do
      assert.are.equal("name", select(2, events:consumer(bad)).field)
      assert.are.equal("stream", select(2, events:consumer("a", { stream = bad })).field)
    end
    assert.is_false(pcall(events.consumer, events))
    assert.is_false(pcall(events.consumer, events, "a", { group = 1 }))
  end)
end)
