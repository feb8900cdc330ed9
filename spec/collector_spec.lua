-- The garbage collector may come at any moment, find things in any order, and run finalizers that
-- use the very connection that is being used.

local core = require "moonbase.core"
local database = require "spec.support.database"

local open, fresh, put, ids = database.open, database.fresh, database.put, database.ids

local LUA54 = math.maxinteger ~= nil

before_each(database.make)
after_each(function()
  collectgarbage "restart"
  if LUA54 then
    collectgarbage("generational", 20, 100) -- as the interpreter begins
  else
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
  end
  database.remove()
end)

local function incremental(pause, speed)
  if LUA54 then return collectgarbage("incremental", pause, speed) end
  collectgarbage("setpause", pause)
  collectgarbage("setstepmul", speed)
end

-- Ways to collect: hardly ever, all the time, in small steps, by generations.
local MODES = {
  ["all at once, again and again"] = function() incremental(1, 1000) end,
  ["in the smallest steps"] = function() incremental(1, 1) end,
  ["hardly ever"] = function() incremental(1000, 100) end,
  ["when told"] = function() collectgarbage "stop" end,
}
if LUA54 then
  MODES["by generations"] = function() collectgarbage("generational", 5, 20) end
end

-- The same numbers in every run.
local function random_source(seed)
  return function(n)
    seed = (seed * 16807) % 2147483647
    return seed % n + 1
  end
end

-- An object whose finalizer calls fn.
local function with_finalizer(fn)
  if newproxy then -- luacheck: ignore
    local proxy = newproxy(true) -- luacheck: ignore
    getmetatable(proxy).__gc = fn
    return proxy
  end
  return setmetatable({}, { __gc = fn })
end

local function collect_now()
  collectgarbage()
  collectgarbage()
end

describe("collecting", function()
  for name, mode in pairs(MODES) do
    it(name .. ", a store keeps what was committed and nothing else", function()
      fresh():close()
      mode()
      local random = random_source(7)
      local expected, things = {}, {}

      local function keep(thing) things[random(8)] = thing end

      local actions = {
        function() keep(assert(open())) end,
        function(c) keep(c:share()) end,
        function() things[random(8)] = nil end,
        function(c, id)
          if put(c, id) then expected[#expected + 1] = id end
        end,
        function(c, id) -- dropped in the middle
          local tx = c:begin()
          if tx then put(c, id) end
          tx = nil -- luacheck: ignore
          collect_now()
        end,
        function(c, id)
          local tx = c:begin()
          if not tx then return end
          local kept = put(c, id)
          if tx:commit() and kept then expected[#expected + 1] = id end
        end,
        function(c, id) -- a coroutine that never goes on
          coroutine.wrap(function()
            local level = c:enter()
            if level then put(c, id) end
            coroutine.yield()
            c:leave(level, true)
          end)()
          collect_now()
        end,
        function(c) ids(c) end,
        function(c) coroutine.wrap(function() ids(c) end)() end,
        function() collectgarbage("step", random(20)) end,
        function(c)
          for n = 1, random(30) do c:value(("SELECT %d"):format(n)) end
        end,
      }

      for id = 1, 250 do
        local c = assert(open { busy_timeout = 0 })
        actions[random(#actions)](c, id)
        if random(2) == 1 then c:close() end
      end
      for place in pairs(things) do things[place] = nil end
      collect_now()
      local c = open()
      table.sort(expected)
      assert.same(expected, ids(c))
      assert.equal("ok", c:value "PRAGMA integrity_check")
      c:close()
    end)
  end
end)

-- Runs work while garbage with that finalizer is made all the time.
local function amid_finalizers(finalizer, work, rounds)
  if LUA54 then
    collectgarbage("generational", 5, 100) -- finds the young ones soon, whatever else there is
  else
    incremental(1, 10000)
  end
  local busy, count = false, 0
  local function run()
    count = count + 1
    if busy then return end -- one inside the other proves nothing more
    busy = true
    local ok, failure = pcall(finalizer)
    busy = false
    if not ok then error(failure, 0) end
  end
  for round = 1, rounds or 25 do
    for _ = 1, 5 do with_finalizer(run) end
    work(round)
  end
  collect_now()
  assert.is_true(count > 100, "finalizers ran")
end

describe("a finalizer in the middle of a call", function()
  local failure

  -- A failure inside a finalizer is lost, so it is kept for later.
  local function noting(fn)
    return function()
      local ok, why = pcall(fn)
      failure = failure or not ok and tostring(why) or nil
    end
  end

  before_each(function() failure = nil end)
  after_each(function() assert.is_nil(failure) end)

  local DOCUMENT = { list = {}, text = ('a "b"\n'):rep(50) }
  for i = 1, 10 do DOCUMENT.list[i] = { n = i, escaped = "line\n" .. i, half = i / 2 } end

  local READ = [[SELECT id, value AS "value(json)" FROM items ORDER BY id]]

  local function filled()
    local c = fresh()
    for id = 1, 8 do
      assert(c:run("INSERT INTO items VALUES ($id, $value(json))", id, DOCUMENT))
    end
    return c
  end

  local function read_all(c)
    local rows = assert(c:rows(READ))
    assert.equal(8, #rows)
    for id, row in ipairs(rows) do
      assert.equal(id, row.id)
      assert.equal(10, row.value.list[10].n)
      assert.equal(DOCUMENT.text, row.value.text)
    end
  end

  it("may use the connection, or is told that it is in use", function()
    local c = filled()
    amid_finalizers(noting(function()
      local row, err = c:row(READ)
      assert.is_true(row and row.id == 1 or err.code == "busy")
      local value
      value, err = c:value "SELECT 7"
      assert.is_true(value == 7 or err.code == "busy")
      local level = c:enter()
      if level then assert(c:leave(level, false)) end
    end), function() read_all(c) end)
    c:close()
  end)

  it("may close a handle, of the same connection too", function()
    local c = filled()
    amid_finalizers(noting(function()
      local handle = c:share()
      local ok, err = handle:close()
      assert.is_true(ok or err.code == "busy")
    end), function() read_all(c) end)
    c:close()
  end)

  it("of a handle or a transaction disturbs nothing", function()
    local c = filled()
    for round = 1, 15 do
      incremental(1, 1000)
      c:share()
      local tx = assert(c:begin())
      assert.equal("active", tx:status())
      assert(c:run("UPDATE items SET value = NULL WHERE id = $id", round % 8 + 1))
      tx = nil -- luacheck: ignore
      local other = coroutine.create(function() read_all(c) end)
      assert(coroutine.resume(other))
    end
    collect_now()
    read_all(c)
    c:close()
  end)

  it("may encode and decode", function()
    local texts, documents = {}, {}
    for n = 1, 200 do -- with more keys and short values than are put by
      local document = { escaped = ("x\n"):rep(n % 30) }
      for i = 1, 30 do document["key" .. (n * 7 + i * 13) % 4000] = "v" .. (n + i * 11) % 4000 end
      documents[n], texts[n] = document, assert(core.encode(document))
    end
    local last = 0
    local function check_next()
      last = last % 200 + 1
      assert.same(documents[last], core.decode(texts[last]))
    end
    amid_finalizers(noting(check_next), function(round)
      local n = round * 17 % 200 + 1
      assert.same(documents[n], core.decode(texts[n]))
      assert.same(documents[n], core.decode(core.encode(documents[n])))
    end, 300)
  end)
end)
