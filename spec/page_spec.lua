local base64url = require "moonbase.base64url"
local conversation = require "spec.support.conversation"
local core = require "moonbase.core"

-- Threads named t01, t02...; every third has the time of the one before it.
local function fill(store, clock, count)
  for i = 1, count do
    if i % 3 ~= 0 then clock.now = clock.now + 1 end
    assert(store.threads:create { id = ("t%02d"):format(i), resource = i % 2 == 0
      and "even" or nil })
  end
end

local function ids(page) return conversation.fields(page.items, "id") end

local function all_ids(store, query)
  query.limit = nil
  return ids(assert(store.threads:list(query)))
end

-- Follows the cursors of a list from one end to the other.
local function walk(store, query, cursor_field)
  local pages = {}
  for _ = 1, 100 do
    local page = assert(store.threads:list(query))
    pages[#pages + 1] = ids(page)
    query.cursor = page[cursor_field]
    if not query.cursor then return pages, page end
  end
  error("no end")
end

describe("a page", function()
  local store, clock

  before_each(function()
    store, clock = conversation.store()
    fill(store, clock, 20)
  end)

  it("leads to the next until each row was seen once, in order", function()
    for limit = 1, 7 do
      local pages = walk(store, { limit = limit }, "next_cursor")
      assert.are.equal(all_ids(store, {}), table.concat(pages, " "))
      assert.are.equal(math.ceil(20 / limit), #pages)
    end
  end)

  it("leads back to the first over the same pages", function()
    local forward, last = walk(store, { limit = 3 }, "next_cursor")
    local back = walk(store, { limit = 3, cursor = last.prev_cursor }, "prev_cursor")
    for i, text in ipairs(back) do assert.are.equal(forward[#forward - i], text) end
    assert.are.equal(#forward - 1, #back)
  end)

  it("that was reached from behind leads forward again", function()
    local first = assert(store.threads:list { limit = 4 })
    local second = assert(store.threads:list { limit = 4, cursor = first.next_cursor })
    local again = assert(store.threads:list { limit = 4, cursor = second.prev_cursor })
    assert.are.same(first.items, again.items)
    assert.is_true(again.has_more)
    assert.is_nil(again.prev_cursor)
    local forth = assert(store.threads:list { limit = 4, cursor = again.next_cursor })
    assert.are.same(second.items, forth.items)
  end)

  it("tells whether more follows, and has no cursor where nothing lies", function()
    local page = assert(store.threads:list { limit = 20 })
    assert.is_false(page.has_more)
    assert.is_nil(page.next_cursor)
    assert.is_nil(page.prev_cursor)
    assert.is_true(assert(store.threads:list { limit = 19 }).has_more)
  end)

  it("counts all rows that match when asked", function()
    assert.are.equal(20, assert(store.threads:list { limit = 2, total = true }).total)
    assert.are.equal(10, assert(store.threads:list { limit = 2, total = true,
      resource = "even" }).total)
    assert.is_nil(assert(store.threads:list { limit = 2 }).total)
  end)

  it("skips rows with offset, and leads back over them", function()
    local page = assert(store.threads:list { limit = 3, offset = 4 })
    local whole = assert(store.threads:list {})
    assert.are.equal(whole.items[5].id, page.items[1].id)
    local before = assert(store.threads:list { limit = 3, cursor = page.prev_cursor })
    assert.are.equal(whole.items[2].id, before.items[1].id)
    assert.are.equal(0, #assert(store.threads:list { offset = 20 }).items)
  end)

  it("neither repeats nor skips a row when others come and go", function()
    local first = assert(store.threads:list { limit = 5 })
    clock.now = clock.now + 10
    assert(store.threads:create { id = "new" }) -- before what was read
    assert(store.threads:delete(first.items[5].id)) -- the row at the edge itself
    local rest = walk(store, { limit = 5, cursor = first.next_cursor }, "next_cursor")
    local seen = ids(first) .. " " .. table.concat(rest, " ")
    for i = 1, 20 do
      assert.are.equal(1, select(2, seen:gsub(("t%02d"):format(i), "")))
    end
    assert.is_nil(seen:find("new"))
  end)

  it("beyond deleted rows is empty, and leads back", function()
    local first = assert(store.threads:list { limit = 10 })
    for _, thread in ipairs(assert(store.threads:list { offset = 10 }).items) do
      assert(store.threads:delete(thread.id))
    end
    local second = assert(store.threads:list { limit = 10, cursor = first.next_cursor })
    assert.are.same({ {}, false }, { second.items, second.has_more })
    local back = assert(store.threads:list { limit = 10, cursor = second.prev_cursor })
    assert.are.same(first.items, back.items)
    assert.is_false(back.has_more)
  end)

  it("before deleted rows is empty, and leads forward", function()
    local first = assert(store.threads:list { limit = 5 })
    local second = assert(store.threads:list { limit = 5, cursor = first.next_cursor })
    for _, thread in ipairs(first.items) do assert(store.threads:delete(thread.id)) end
    local before = assert(store.threads:list { limit = 5, cursor = second.prev_cursor })
    assert.are.same({ {}, true }, { before.items, before.has_more })
    local again = assert(store.threads:list { limit = 5, cursor = before.next_cursor })
    assert.are.same(second.items, again.items)
  end)
end)

describe("a limit", function()
  local store

  before_each(function()
    store = conversation.store()
    assert(store.threads:append("t", conversation.many(250)))
  end)

  it("is 50 by default and 200 at most", function()
    assert.are.equal(50, #assert(store.threads:messages("t")).items)
    assert.are.equal(200, #assert(store.threads:messages("t", { limit = 1000 })).items)
    assert.are.equal(200, #assert(store.threads:messages("t", { limit = 201 })).items)
  end)

  it("of 0 gives an empty page that promises nothing", function()
    local page = assert(store.threads:messages("t", { limit = 0 }))
    assert.are.same({ items = {}, has_more = false, total = 250 }, page)
  end)

  it("that is negative, fractional or NaN is invalid", function()
    for _, limit in ipairs { -1, 1.5, 0 / 0, math.huge } do
      local page, err = store.threads:messages("t", { limit = limit })
      assert.is_nil(page)
      assert.are.same({ "invalid", "limit" }, { err.code, err.field })
      page, err = store.threads:list { offset = limit }
      assert.is_nil(page)
      assert.are.same({ "invalid", "offset" }, { err.code, err.field })
    end
  end)
end)

describe("a cursor", function()
  local store, clock, cursor

  before_each(function()
    store, clock = conversation.store()
    fill(store, clock, 6)
    assert(store.threads:append("t01", conversation.many(6)))
    cursor = assert(store.threads:list { limit = 2 }).next_cursor
  end)

  local function refused(page, err)
    assert.is_nil(page)
    assert.are.same({ "invalid", "cursor" }, { err.code, err.field })
  end

  it("is text that a URL takes as it is", function()
    assert.matches("^[A-Za-z0-9_-]+$", cursor)
  end)

  it("is refused with other filters than its own", function()
    refused(store.threads:list { limit = 2, cursor = cursor, resource = "even" })
    refused(store.threads:list { limit = 2, cursor = cursor, root = true })
    local filtered = assert(store.threads:list { limit = 1, resource = "even" }).next_cursor
    refused(store.threads:list { limit = 1, cursor = filtered })
    refused(store.threads:list { limit = 1, cursor = filtered, resource = "odd" })
  end)

  it("is not bound to the limit", function()
    assert.are.equal(4, #assert(store.threads:list { limit = 50, cursor = cursor }).items)
  end)

  it("is refused by another call, thread, order or scope", function()
    refused(store.threads:messages("t01", { cursor = cursor }))
    refused(store.runs:list { cursor = cursor })
    refused(store:scope("other").threads:list { cursor = cursor })
    local of_messages = assert(store.threads:messages("t01", { limit = 2 })).next_cursor
    refused(store.threads:messages("t02", { cursor = of_messages }))
    refused(store.threads:messages("t01", { cursor = of_messages, order = "desc" }))
    refused(store.threads:messages("t01", { cursor = of_messages, after = 1 }))
  end)

  it("is refused when garbled", function()
    local digest = core.decode(base64url.decode(cursor))[1]
    for _, forged in ipairs { { digest }, { digest, 0, 1 }, { digest, 0, 1, 2, 3 },
      { digest, 2 },
      { digest, 0, true, {} }, { digest, 0, core.null, "x" }, { 1, 0 }, { digest = 1 } } do
      refused(store.threads:list { cursor = base64url.encode(core.encode(forged)) })
    end
    for _, text in ipairs { "", "x", "!", "3", cursor:sub(2), cursor .. "A", "AAAA",
      ("A"):rep(1e5),
      "a b", cursor .. "=", "\0", base64url.encode("[") } do
      refused(store.threads:list { cursor = text })
    end
  end)

  it("holds values that are data", function()
    local digest = core.decode(base64url.decode(cursor))[1]
    local forged = base64url.encode(core.encode { digest, 0, "x' OR 1 --",
      "'; DROP TABLE threads" })
    assert(store.threads:list { cursor = forged })
    assert.are.equal(6, #assert(store.threads:list {}).items)
  end)

  it("of the wrong type raises", function()
    assert.has_error(function() store.threads:list { cursor = 5 } end)
  end)

  it("cannot be given with an offset", function()
    local page, err = store.threads:list { cursor = cursor, offset = 1 }
    assert.is_nil(page)
    assert.are.equal("offset", err.field)
  end)
end)

describe("base64url", function()
  it("gives back any bytes", function()
    local bytes = ""
    for i = 0, 255 do
      assert.are.equal(bytes, base64url.decode(base64url.encode(bytes)))
      bytes = bytes .. string.char(i)
    end
    assert.are.equal("-_8", base64url.encode("\251\255"))
  end)
end)
