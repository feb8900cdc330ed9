-- Several processes on the threads of one file.

local child = require "spec.support.child"
local conversation = require "spec.support.conversation"
local moonbase = require "moonbase"
local stores = require "spec.support.stores"

local user = conversation.user

describe("processes that share a file", function()
  local path

  before_each(function() path = stores.file() end)

  after_each(stores.cleanup)

  -- Runs fn(store, number) in so many processes at once.
  local function together(count, fn)
    local children = child.together(count, function(self, number)
      local store = assert(moonbase.open(path, { busy_timeout = 60000 }))
      self:ready()
      self:tell(fn(store, number) and "won" or "lost")
      store:close()
    end)
    local won = 0
    for _, one in ipairs(children) do
      if one:hear() == "won" then won = won + 1 end
    end
    child.finish_all(children)
    return won
  end

  it("lose no message and give each a seq of its own", function()
    assert.are.equal(4, together(4, function(store, number)
      for i = 1, 40 do
        local records = assert(store.threads:append("t", { user(number .. "-" .. i), user("x") }))
        if records[2].seq ~= records[1].seq + 1 then return false end
      end
      return true
    end))
    local store, next_of = assert(moonbase.open(path)), { 1, 1, 1, 1 }
    local seq = 0
    for record in store.threads:each("t") do
      seq = seq + 1
      assert.are.equal(seq, record.seq)
      local number, i = record.message.content:match("^(%d)%-(%d+)$")
      if number then
        assert.are.equal(next_of[tonumber(number)], tonumber(i)) -- each writer's in its order
        next_of[tonumber(number)] = tonumber(i) + 1
      end
    end
    assert.are.same({ 320, 320 }, { seq, store.threads:count("t") })
    store:close()
  end)

  it("win once with the same expected count", function()
    for round = 0, 4 do
      assert.are.equal(1, together(3, function(store, number)
        local records, err = store.threads:append("t", { user("by " .. number) },
          { expected = round })
        return records or (err.code ~= "conflict" and error(err))
      end))
    end
  end)

  it("create a thread once", function()
    assert.are.equal(1, together(3, function(store)
      return store.threads:create { id = "t" }
    end))
  end)

  it("cannot close a cycle between them", function()
    local store = assert(moonbase.open(path))
    for round = 1, 5 do
      local a, b = "a" .. round, "b" .. round
      assert(store.threads:create { id = a })
      assert(store.threads:create { id = b })
      assert.are.equal(1, together(2, function(own, number)
        return own.threads:save(number == 1 and { id = a, parent = b } or { id = b, parent = a })
      end))
    end
    store:close()
  end)

  it("consume a queued message once", function()
    local store = assert(moonbase.open(path))
    assert(store.threads:enqueue("t", conversation.many(20)))
    local taken = together(3, function(own)
      return #assert(own.threads:freeze("t", { boundary = "new_run" })) > 0
    end)
    assert.are.same({ 1, 20 }, { taken, store.threads:count("t") })
    store:close()
  end)

  it("write a retried message once", function()
    assert.are.equal(3, together(3, function(store)
      return #assert(store.threads:append("t", conversation.many(5), { idempotent = true })) == 5
    end))
    local store = assert(moonbase.open(path))
    assert.are.equal(5, store.threads:count("t"))
    store:close()
  end)

  it("fork, delete and search while others write, and leave the file whole", function()
    assert.are.equal(3, together(3, function(store, number)
      for i = 1, 25 do
        assert(store.threads:append("shared", { user("apple " .. number .. " " .. i) }))
        local fork = assert(store.threads:fork("shared", { id = number .. "-" .. i }))
        assert(store.threads:append(fork.id, { user("pear") }))
        assert(store.threads:search("apple pear"))
        if i > 1 then assert(store.threads:delete(number .. "-" .. i - 1)) end
      end
      return true
    end))
    local store = assert(moonbase.open(path))
    assert.are.equal(75, #assert(store.threads:search("apple", { thread = "shared", limit = 200 })))
    for number = 1, 3 do
      local fork = number .. "-25"
      assert.are.equal(store.threads:count(fork), #store.threads:view(fork))
      assert(store.threads:delete(fork))
    end
    assert(store.threads:delete("shared"))
    assert.are.equal(0, conversation.rows(store, "messages"))
    assert.are.equal("ok", store.context.engine:value("PRAGMA integrity_check"))
    store:close()
  end)

  it("lose nothing that was acknowledged when one is killed", function()
    local acknowledged = child.kill_at(200, function(self)
      local store = assert(moonbase.open(path))
      for i = 1, 100000 do
        assert(store.threads:append("t", { user("a" .. i), user("b" .. i) }))
        self:tell(i)
      end
    end)
    local store = assert(moonbase.open(path))
    local count = store.threads:count("t")
    assert.is_true(count >= 2 * acknowledged)
    assert.are.equal(0, count % 2)
    local records = 0
    for _ in store.threads:each("t") do records = records + 1 end
    assert.are.equal(count, records)
    assert.are.equal(1, #store.threads:search("a200"))
    store:close()
  end)
end)
