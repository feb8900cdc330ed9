-- Opening a path that fails again and again is not tried for a while.

local breaker = require "moonbase.breaker"
local files = require "spec.support.files"
local moonbase = require "moonbase"

describe("the circuit breaker", function()
  local path, now, events

  before_each(function()
    path, now, events = files.database(), 1000000, {}
  end)

  after_each(function()
    collectgarbage()
    files.cleanup()
  end)

  local function open(options)
    local full = {
      clock = function() return now end,
      on_event = function(kind, info) events[#events + 1] = { kind = kind, info = info } end,
    }
    for name, value in pairs(options or {}) do full[name] = value end
    return moonbase.open(path, full)
  end

  local function fails(code, options)
    local store, err = open(options)
    assert.is_nil(store)
    assert.are.equal(code, err.code, tostring(err))
    return err
  end

  local function make_directory() os.execute("mkdir '" .. path .. "'") end
  local function remove_directory() os.execute("rmdir '" .. path .. "'") end

  local function trip()
    make_directory()
    for _ = 1, 3 do fails "io" end
  end

  it("opens at the third failure, names the path, and touches nothing then", function()
    trip()
    remove_directory()
    local err = fails "breaker_open"
    assert.is_true(err.retryable)
    assert.matches(path, err.message, 1, true)
    assert.is_nil(files.read(path))
    assert.are.equal(1, #events)
    assert.are.equal("breaker_opened", events[1].kind)
    assert.are.equal(path, events[1].info.path)
  end)

  it("lets one open be tried 30 s after the last failure, by the clock of the attempt", function()
    trip()
    now = now + 29999
    fails "breaker_open"
    now = now + 1
    fails "io"
    fails "breaker_open" -- for another 30 s
    now = now + 30000
    remove_directory()
    assert(open()):close()
    assert.are.equal("breaker_closed", events[#events].kind)
    assert(open()):close()
    assert.are.equal(2, #events) -- told once
  end)

  it("lets one of several try, and another when that one never ends", function()
    trip()
    now = now + 30000
    assert.is_true(breaker.admit(path, now))
    fails "breaker_open"
    now = now + 29999
    fails "breaker_open"
    now = now + 1
    remove_directory()
    assert(open()):close()
  end)

  it("lets another try after one that says nothing of the path", function()
    trip()
    remove_directory()
    now = now + 30000
    fails("not_found", { create = false })
    assert(open()):close()
  end)

  it("counts failures in a row, of that path", function()
    make_directory()
    for _ = 1, 2 do fails "io" end
    remove_directory()
    assert(open()):close()
    os.remove(path)
    make_directory()
    for _ = 1, 2 do fails "io" end
    assert(moonbase.open(files.database())):close()
    fails "io"
    fails "breaker_open"
  end)

  it("does not count a missing file, a newer schema, or a lock that another has", function()
    for _ = 1, 5 do fails("not_found", { create = false }) end
    local store = assert(open())
    local engine = store.context.engine
    local version = engine:value "PRAGMA user_version"
    assert(engine:exec "PRAGMA user_version=9999")
    for _ = 1, 5 do fails("future_schema", { shared = false }) end
    assert(engine:exec("PRAGMA user_version=" .. version - 1))
    assert(store:transaction(function()
      assert(store.kv:set("a", "b", 1))
      for _ = 1, 5 do fails("busy", { shared = false, busy_timeout = 0 }) end
      return true
    end))
    assert(engine:exec("PRAGMA user_version=" .. version))
    assert(open { shared = false }):close()
    store:close()
  end)

  it("is closed by a repair", function()
    local file = io.open(path, "wb")
    file:write(("garbage "):rep(1000))
    file:close()
    for _ = 1, 3 do fails("corrupt", { readonly = true }) end
    fails "breaker_open"
    assert(moonbase.recover(path))
    assert(open()):close()
  end)

  it("tells that it is closed when the trial repairs the file", function()
    files.write(path, ("garbage "):rep(1000))
    for _ = 1, 3 do fails("corrupt", { readonly = true }) end
    now = now + 30000
    assert(open()):close()
    local kinds = {}
    for i, event in ipairs(events) do kinds[i] = event.kind end
    assert.are.equal("breaker_opened quarantined recovered breaker_closed", table.concat(kinds, " "))
  end)

  it("is not misled by a clock that was set back", function()
    trip()
    remove_directory()
    now = 5
    assert(open()):close()
  end)

  it("survives a function of the user's that raises", function()
    make_directory()
    for _ = 1, 3 do fails("io", { on_event = function() error("no") end }) end
    fails "breaker_open"
  end)

  it("knows names that lead nowhere too", function()
    local file = path
    files.write(file, "")
    path = file .. "/x.db"
    local first = select(2, open())
    if first.code == "not_found" then return end
    for _ = 1, 2 do fails(first.code) end
    fails "breaker_open"
  end)
end)
