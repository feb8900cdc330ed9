-- Nothing is left in the file, or beside it, of what was forgotten.

local child = require "spec.support.child"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local support = require "spec.support.memory"

-- Every part of record i has its number between letters that nothing else has.
local function record_of(i)
  local function mark(what) return ("q%s%dz"):format(what, i) end
  local words = {}
  for j = 1, i % 60 + 1 do words[j] = mark("w") .. j end
  return { id = mark "i", text = table.concat(words, " "), namespace = "n/" .. mark "n",
    type = mark "t", tags = { mark "g", "all" }, source = mark "s", entities = { mark "e" },
    metadata = { [mark "k"] = i % 7 == 0 and (mark "m"):rep(900) or mark "m" } }
end

-- The numbers of records of which there is something in the file or beside it.
local function numbers_in(path)
  local found = {}
  for _, suffix in ipairs { "", "-wal", "-journal" } do
    local bytes = files.read(path .. suffix) or ""
    for i in bytes:gmatch("q[a-z](%d+)z") do found[tonumber(i)] = true end
  end
  return found
end

describe("forgetting", function()
  local path

  before_each(function() path = files.database() end)

  after_each(files.cleanup)

  local function open(options)
    options = options or {}
    options.durability = "off"
    return assert(moonbase.open(path, options))
  end

  local function fill(store, count)
    for i = 1, count do assert(store.memory:remember(record_of(i))) end
    for i = 1, count, 3 do -- earlier texts; some rows grow
      assert(store.memory:update(record_of(i).id, { text = ("qu%dz "):format(i):rep(i % 50 + 1) }))
    end
  end

  local function check_left(expected)
    local found = numbers_in(path)
    for i in pairs(found) do assert.is_true(expected(i), "something is left of " .. i) end
  end

  for _, journal in ipairs { "wal", "truncate" } do
    it(("leaves nothing once the file is vacuumed (%s)"):format(journal), function()
      local store = open { journal = journal }
      fill(store, 900)
      for i = 1, 900 do
        if i % 2 == 1 then assert.is_true(store.memory:forget(record_of(i).id)) end
      end
      assert(store:vacuum())
      check_left(function(i) return i % 2 == 0 end)
      assert(store:check())
      support.check(store)
      assert.are.equal(450, store.memory:forget { tags = { contains = "all" } })
      assert(store:vacuum())
      check_left(function() return false end)
      assert(store.memory:remember(record_of(1)))
      store:close()
      store = open { journal = journal }
      assert.are.equal(record_of(1).text, store.memory:recall("qi1z").text)
      assert(store:check())
      store:close()
    end)
  end

  it("of a few records leaves nothing once the file is closed", function()
    local store = open()
    fill(store, 12)
    for i = 1, 12 do assert.is_true(store.memory:forget(record_of(i).id)) end
    store:close()
    check_left(function() return false end)
  end)

  it("covers what has expired and what was replaced", function()
    local store = open { clock = function() return 1000 end }
    for i = 1, 50 do
      local record = record_of(i)
      record.ttl = 0
      assert(store.memory:remember(record))
    end
    assert.are.equal(50, store.memory:sweep())
    assert(store.memory:remember { id = "x", text = "qa1z" })
    for i = 1, 101 do assert(store.memory:remember { id = "x", text = "text " .. i }) end
    assert(store:vacuum())
    check_left(function() return false end) -- the history is full, the first text is out of it
    store:close()
  end)

  it("does not come back from the memory of another process", function()
    local store = open()
    fill(store, 600)
    local other = child.start(function(self)
      local mine = open()
      for i = 1, 600 do assert(mine.memory:recall(record_of(i).id)) end
      assert(mine.memory:remember { id = "o1", text = "other text" })
      self:tell("read")
      self:hear()
      for i = 2, 100 do
        assert(mine.memory:remember { id = "o" .. i, text = "other text " .. i, tags = { "all" },
          namespace = "n", type = "o" .. i * 7 % 100, source = "o" .. i * 13 % 100 })
      end
      mine:close()
    end)
    assert.are.equal("read", other:hear())
    for i = 1, 600 do
      if i % 3 ~= 0 then assert.is_true(store.memory:forget(record_of(i).id)) end
    end
    assert(store:vacuum())
    other:tell("go on")
    assert.is_true(other:finish())
    store:close()
    check_left(function(i) return i % 3 == 0 end)
    store = open()
    support.check(store)
    store:close()
  end)

  it("waits for who reads, and says so when he does not end", function()
    local store = open { busy_timeout = 30 }
    fill(store, 3)
    local reader = child.start(function(self)
      local mine = open()
      assert(mine.context.engine:snapshot(function()
        assert(mine.context.engine:value "SELECT count(*) FROM memories" == 3)
        self:tell("reading")
        self:hear()
        return true
      end))
      mine:close()
    end)
    assert.are.equal("reading", reader:hear())
    assert.is_true(store.memory:forget(record_of(1).id))
    outcome.refused("busy", store:vacuum())
    reader:tell("go on")
    assert.is_true(reader:finish())
    assert(store:vacuum())
    check_left(function(i) return i ~= 1 end)
    store:close()
  end)
end)
