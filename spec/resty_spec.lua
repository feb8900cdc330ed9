-- Long operations where nginx has no threads: they run in place. (In nginx: openresty_spec.lua.)

local files = require "spec.support.files"
local moonbase = require "moonbase"
local resty = require "moonbase.resty"

describe("moonbase.resty in plain Lua", function()
  local store, path, long

  before_each(function()
    path = files.database()
    store = assert(moonbase.open(path))
    long = resty.new { path = path, open = { busy_timeout = 10 } }
  end)

  after_each(function()
    store:close()
    files.cleanup()
  end)

  it("calls functions of the store and of its parts, and gives what they give", function()
    assert(long:call("kv.set", "ns", "k", { 1, 2 }))
    assert.are.same({ 1, 2 }, store.kv:get("ns", "k"))
    assert.are.same({ 1, 2 }, long:call("kv.get", "ns", "k"))
    assert.are.equal(0, assert(long:call("gc")).deleted)
    assert.is_nil((long:call("threads.get", "missing")))
    assert(long:call("kv.set", "ns", "k", { moonbase.null }))
    assert.are.same({ moonbase.null }, store.kv:get("ns", "k"))
  end)

  it("gives errors as objects, and raises what is misuse", function()
    local result, err = long:call("threads.update", "missing", { title = "x" })
    assert.is_nil(result)
    assert.are.equal("not_found", err.code)
    assert.matches("not_found", tostring(err))
    local lock = assert(store:begin())
    result, err = resty.new { path = path, open = { shared = false, busy_timeout = 0 } }
      :call("kv.set", "ns", "k", 1)
    lock:rollback()
    assert.is_nil(result)
    assert.is_true(err.retryable)
    result, err = resty.new { path = path .. "/none" }:call("gc")
    assert.is_nil(result)
    assert.is_string(err.code)
    for _, bad in ipairs {
      function() long:call("threads.get", 1) end, function() long:call("nonsense") end,
      function() long:call("kv.nonsense") end, function() long:call("nonsense.get") end,
      function() long:call("close") end, function() long:call("begin") end,
      function() long:call("handle") end, function() long:call("../kv.get") end,
      function() long:call(1) end, function() long:call("kv.set", "ns", "k", { print }) end,
      function() resty.new {} end, function() resty.new { path = 1 } end,
      function() resty.new { path = path, other = 1 } end,
      function() resty.new { path = path, open = { clock = os.time } } end,
    } do
      local ok, raised = pcall(bad)
      assert.is_false(ok)
      assert.are.equal("invalid", raised.code)
    end
  end)
end)
