-- What a crash, a copy or another program left beside a file.

local child = require "spec.support.child"
local core = require "moonbase.core"
local files = require "spec.support.files"
local moonbase = require "moonbase"

describe("beside a file,", function()
  local path, told

  before_each(function() path, told = files.database(), {} end)

  after_each(function()
    collectgarbage()
    files.cleanup()
  end)

  local function open(options)
    options = options or {}
    options.on_event = function(kind, info) told[kind] = info end
    return moonbase.open(path, options)
  end

  -- A file whose process died: what it committed is in the log alone.
  local function crashed(options)
    child.run(function()
      local store = assert(moonbase.open(path, options))
      assert(store.kv:set("ns", "key", "committed"))
    end)
    assert.is_not_nil(files.read(path .. "-wal") or files.read(path .. "-journal"))
  end

  local function names()
    return table.concat(files.names(path:match "^(.*)/"), " ")
  end

  it("the log and the index of a process that died are taken up, commits and all", function()
    crashed()
    local store = assert(open())
    assert.are.equal("committed", (store.kv:get("ns", "key")))
    store:close()
    assert.are.equal("test.db", names())
    assert.are.same({}, told)
  end)

  it("a log that cannot be one is set aside, not removed", function()
    assert(open()):close()
    os.execute("mkdir '" .. path .. "-wal'; echo x > '" .. path .. "-wal/keep'")
    local store = assert(open())
    assert(store.kv:set("ns", "key", 1))
    store:close()
    assert.matches("%-wal%.quarantine%-", told.side_files_cleared.moved[1])
    assert.are.equal("x\n", files.read(told.side_files_cleared.moved[1] .. "/keep"))
  end)

  it("a journal that cannot be one is set aside", function()
    assert(open { journal = "truncate" }):close()
    os.execute("rm -f '" .. path .. "-journal'; mkdir '" .. path .. "-journal'")
    local store = assert(open { journal = "truncate" })
    assert(store.kv:set("ns", "key", 1))
    store:close()
    assert.matches("%-journal%.quarantine%-", told.side_files_cleared.moved[1])
  end)

  it("nothing is touched that another process could be using", function()
    crashed()
    local other = child.start(function(c)
      local store = assert(moonbase.open(path))
      c:tell "open"
      c:hear()
      assert(store.kv:get("ns", "key") == "committed")
      assert(store:close())
    end)
    other:hear()
    assert.is_false(require("moonbase.side_files").clear(path, 0, 0))
    assert.is_not_nil(files.read(path .. "-wal"))
    other:tell "go on"
    assert.is_true(other:finish())
  end)

  it("a log without frames, or of garbage, is nothing", function()
    for _, bytes in ipairs { "", "garbage", ("\0"):rep(5000) } do
      assert(open()):close()
      files.write(path .. "-wal", bytes)
      local store = assert(open())
      assert(store.kv:set("ns", "key", 1))
      store:close()
    end
    assert.are.same({}, told)
  end)

  it("a log of another program's file is set aside, not written into ours", function()
    local foreign = files.database()
    local other = assert(core.open(foreign, {}))
    assert(other:exec "PRAGMA page_size=1024; PRAGMA journal_mode=WAL; CREATE TABLE t (x)")
    for i = 1, 50 do assert(other:run("INSERT INTO t VALUES ($x)", i)) end
    local log = files.read(foreign .. "-wal")
    other:close()
    local store = assert(open())
    assert(store.kv:set("ns", "key", "ours"))
    store:close()
    files.write(path .. "-wal", log)
    store = assert(open())
    assert.are.equal("ours", (store.kv:get("ns", "key")))
    store:close()
    assert.are.equal(log, files.read(told.side_files_cleared.moved[1]))
  end)

  it("an empty file is a new one", function()
    files.write(path, "")
    local store = assert(open())
    assert(store.kv:set("ns", "key", 1))
    store:close()
    assert.are.same({}, told)
  end)
end)

describe("a file that was replaced under an open handle", function()
  after_each(function()
    collectgarbage()
    files.cleanup()
  end)

  it("is not used any more, where no lock keeps it in its place", function()
    local path, other = files.database(), files.database()
    local store = assert(moonbase.open(path, { journal = "truncate" }))
    assert(store.kv:set("ns", "key", "old"))
    local new = assert(moonbase.open(other, { journal = "truncate" }))
    assert(new.kv:set("ns", "key", "new"))
    new:close()
    os.rename(other, path)
    local value, err = store.kv:get("ns", "key")
    assert.is_nil(value)
    assert.are.equal("io", err.code)
    value, err = store.kv:set("ns", "key", "lost")
    assert.is_nil(value)
    assert.are.equal("io", err.code)
    local again = assert(moonbase.open(path, { journal = "truncate" }))
    assert.are.equal("new", (again.kv:get("ns", "key")))
    assert.is_true(store:close())
    again:close()
  end)
end)
