-- Several processes at once on a file that is new, damaged or being repaired.

local child = require "spec.support.child"
local damage = require "spec.support.damage"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"

describe("several processes", function()
  after_each(function()
    collectgarbage()
    files.cleanup()
  end)

  -- Children that open the file together, write a key of their own and tell what they saw.
  local function open_together(path, count)
    local children = child.together(count, function(c, n)
      c:ready()
      local told = {}
      local store, err = moonbase.open(path, {
        busy_timeout = 20000, on_event = function(kind) told[#told + 1] = kind end,
      })
      if not store then error(tostring(err)) end
      assert(store.kv:set("children", "child " .. n, n))
      c:tell(table.concat(told, " "))
      c:hear()
      assert(store:close())
    end)
    local told = {}
    for n, one in ipairs(children) do told[n] = one:hear() end
    for n, one in ipairs(children) do
      assert(told[n] and not told[n]:find ":", told[n])
      one:tell "end"
    end
    child.finish_all(children)
    return told
  end

  local function quarantined(path)
    local count = 0
    for _, name in ipairs(files.names(path:match "^(.*)/")) do
      if name:find("corrupt-", 1, true) then count = count + 1 end
    end
    return count
  end

  local function check_children(path, count)
    local store = assert(moonbase.open(path))
    assert(store:check())
    for n = 1, count do assert.are.equal(n, (store.kv:get("children", "child " .. n))) end
    assert.are.equal(#require("moonbase.schema").migrations,
      store.context.engine:value "SELECT count(*) FROM migrations")
    store:close()
  end

  it("make one file when it is new", function()
    local path = files.database()
    assert.are.same({ "", "", "", "", "", "" }, open_together(path, 6))
    check_children(path, 6)
    assert.are.same({ "test.db" }, files.names(path:match "^(.*)/"))
  end)

  it("repair a damaged one once, and no write of theirs is lost", function()
    for round = 1, 3 do
      local path, bytes = damage.file(6)
      if round == 1 then
        files.write(path, ("garbage "):rep(2000))
      else
        damage.page(path, bytes, 1)
      end
      local told = open_together(path, 5)
      table.sort(told)
      assert.are.same({ "", "", "", "", "quarantined recovered" }, told)
      assert.are.equal(1, quarantined(path))
      check_children(path, 5)
    end
  end)

  it("leave nothing behind when the one that repairs is killed", function()
    local path, bytes = damage.file(30)
    damage.page(path, bytes, 1)
    for pause = 1, 12 do
      local one = child.start(function(c)
        c:tell "go"
        assert(moonbase.open(path))
        c:hear()
      end)
      one:hear()
      require("moonbase.core").sleep(pause * 3)
      one:kill()
    end
    local store = assert(moonbase.open(path))
    assert.are.equal(30, store.threads:count "thread 1")
    damage.check(store)
    store:close()
    assert.are.equal(1, quarantined(path))
    for _, name in ipairs(files.names(path:match "^(.*)/")) do
      assert.is_nil(name:find "salvaged" or name:find "recovering", name)
    end
  end)

  it("do not repair what another has open", function()
    local path, bytes = damage.file(6)
    local store = assert(moonbase.open(path))
    local root = damage.root(store, "kv")
    store:close()
    damage.page(path, bytes, root)
    local one = child.start(function(c)
      local held = assert(moonbase.open(path))
      c:tell "open"
      c:hear()
      assert(held:close())
    end)
    one:hear()
    local recovery = require "moonbase.recovery"
    local err = outcome.refused("busy", recovery.recover(path, 50, 0))
    assert.is_true(err.retryable)
    assert.are.equal(0, quarantined(path))
    one:tell "close"
    one:finish()
    assert(moonbase.recover(path).quarantined)
  end)

  it("find everything as it was when the disk is full in the middle of a repair", function()
    local process = require "process"
    local path, bytes = damage.file(30)
    damage.page(path, bytes, 1)
    local spoilt = files.read(path)
    child.run(function()
      process.rlimit("fsize", 200 * 1024)
      local store, err = moonbase.open(path)
      assert(store == nil and (err.code == "full" or err.code == "io"), tostring(err))
      local result
      result, err = moonbase.recover(path)
      assert(result == nil and (err.code == "full" or err.code == "io"), tostring(err))
    end)
    assert.are.same({ "test.db" }, files.names(path:match "^(.*)/"))
    assert.are.equal(spoilt, files.read(path))
    local store = assert(moonbase.open(path))
    assert.are.equal(30, store.threads:count "thread 1")
    store:close()
  end)

  it("get `busy`, and nothing else, while one of them holds the lock for too long", function()
    local path = damage.file(6)
    local one = child.start(function(c)
      local store = assert(moonbase.open(path))
      local tx = assert(store:begin())
      c:tell "locked"
      c:hear()
      assert(tx:commit())
      assert(store:close())
    end)
    one:hear()
    local store = assert(moonbase.open(path, { busy_timeout = 30 }))
    for _ = 1, 4 do
      local err = outcome.refused("busy", store.kv:set("ns", "key", 1))
      assert.is_true(err.retryable)
    end
    assert.are.equal(6, store.threads:count "thread 1") -- readers do not wait
    one:tell "go on"
    assert.is_true(one:finish())
    assert(store.kv:set("ns", "key", 1))
    store:close()
  end)

  it("only get `corrupt` where nothing may be written", function()
    local process = require "process"
    local path = files.database()
    local folder = path:match "^(.*)/"
    files.write(path, ("garbage "):rep(1000))
    for _, rights in ipairs { { "444", "555" }, { "666", "555" }, { "444", "777" } } do
      os.execute(("chmod %s '%s'; chmod %s '%s'"):format(rights[1], path, rights[2], folder))
      child.run(function()
        if process.getuid() == 0 then process.become(65534) end
        local store, err = moonbase.open(path)
        assert(store == nil and err.code == "corrupt", tostring(err))
      end)
      assert.are.same({ "test.db" }, files.names(folder))
    end
    os.execute("chmod 755 '" .. folder .. "'")
  end)

  it("that come from a fork cannot use what their parent holds", function()
    local core = require "moonbase.core"
    local path = damage.file(6)
    local held = assert(core.salvage(path, 0))
    child.run(function()
      outcome.raises("forked", held.header, held)
      held:close()
      outcome.refused("busy", core.salvage(path, 0))
    end)
    assert.is_true(held:header().sound)
    held:close()
    assert(moonbase.open(path)):close()
  end)
end)
