local child = require "spec.support.child"
local files = require "spec.support.files"
local full_store = require "spec.support.full_store"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local process = require "process"
local stores = require "spec.support.stores"

local lines_of = full_store.lines

describe("a backup", function()
  local folder, path, target, store

  before_each(function()
    folder = files.folder()
    path, target = folder .. "/test.db", folder .. "/copy.db"
    store = stores.open(path)
  end)

  after_each(stores.cleanup)

  local function only_the_store()
    for _, name in ipairs(files.names(folder)) do assert.matches("^test%.db", name) end
  end

  it("has every row of every part and scope", function()
    full_store.fill(store)
    assert.is_true(store:backup(target))
    for _, name in ipairs(files.names(folder)) do assert.is_nil(name:find ".part") end
    local copy = stores.open(target)
    assert.are.same(lines_of(store), lines_of(copy))
    assert.is_true(copy:check())
    assert.is_true(copy.kv:set("ns", "key", 1) ~= nil)
  end)

  it("tells how far it is, in pages, and that all are done", function()
    for i = 1, 300 do assert(store.kv:set("ns", "k" .. i, ("x"):rep(8000))) end
    local seen = {}
    assert.is_true(store:backup(target, {
      progress = function(done, total) seen[#seen + 1] = { done, total } end,
    }))
    assert.is_true(#seen > 1)
    local before = 0
    for _, step in ipairs(seen) do
      assert.is_true(step[1] > before and step[1] <= step[2])
      before = step[1]
    end
    assert.are.equal(seen[#seen][1], seen[#seen][2])
  end)

  it("is of the moment at which it began, whatever is written meanwhile", function()
    for i = 1, 300 do assert(store.kv:set("ns", "k" .. i, ("x"):rep(8000))) end
    local lines, written = lines_of(store), 0
    assert.is_true(store:backup(target, { progress = function()
      written = written + 1
      assert(store.kv:set("late", "k" .. written, ("y"):rep(8000)))
      assert(store.kv:delete("ns", "k" .. written))
    end }))
    assert.is_true(written > 1)
    assert.are.same(lines, lines_of(stores.open(target)))
  end)

  it("ends, and is sound, while other processes write all the time", function()
    for i = 1, 200 do assert(store.kv:set("ns", "k" .. i, ("x"):rep(8000))) end
    store:close()
    local writers = {}
    for w = 1, 2 do
      writers[w] = child.start(function(c)
        local own = assert(moonbase.open(path, { durability = "off" }))
        local n = 0
        repeat
          n = n + 1
          assert(own:transaction(function(tx)
            assert(tx.kv:set("pair", "a" .. w, n))
            return tx.kv:set("pair", "b" .. w, n)
          end))
          if n == 1 then c:tell "begun" end
        until own.kv:get("stop", "now")
        own:close()
      end)
      assert.are.equal("begun", writers[w]:hear())
    end
    store = stores.open(path)
    for i = 1, 3 do assert.is_true(store:backup(target .. i)) end
    assert(store.kv:set("stop", "now", true))
    for _, writer in ipairs(writers) do assert(writer:finish()) end
    for i = 1, 3 do
      local copy = stores.open(target .. i)
      assert.is_true(copy:check())
      assert.is_nil((copy.kv:get("stop", "now")))
      for w = 1, 2 do
        assert.are.same((copy.kv:get("pair", "a" .. w)), (copy.kv:get("pair", "b" .. w)))
      end
    end
  end)

  it("may be of a store in memory", function()
    local memory = full_store.fill(stores.open())
    assert.is_true(memory:backup(target))
    assert.are.same(lines_of(memory), lines_of(stores.open(target)))
  end)

  it("needs no right to write the store, and may be of one with another journal", function()
    full_store.fill(store)
    store:close()
    local reader = stores.open(path, { readonly = true })
    assert.is_true(reader:backup(target))
    reader:close()
    local other = stores.open(folder .. "/test.db-truncate", { journal = "truncate" })
    assert(other.kv:set("ns", "key", 1))
    assert.is_true(other:backup(target .. 2))
    assert.are.equal(1, (stores.open(target .. 2).kv:get("ns", "key")))
  end)

  it("never takes the place of a file", function()
    files.write(target, "mine")
    for _, at in ipairs { target, path, folder } do
      outcome.refused("exists", store:backup(at))
    end
    assert.are.equal("mine", files.read(target))
    assert.is_true(store:check())
  end)

  it("is not made beside the log of a file that is gone, which would be taken for its own", function()
    for _, suffix in ipairs { "-wal", "-journal" } do
      files.write(target .. suffix, "stale")
      assert.are.equal("exists", select(2, store:backup(target)).code)
      os.remove(target .. suffix)
    end
    only_the_store()
  end)

  it("takes a name for a name, and finds it through links", function()
    for _, name in ipairs { "file:x?mode=memory", "a b'c\"d%20", "-x" } do
      assert.is_true(store:backup(folder .. "/" .. name))
      assert.is_true(#files.read(folder .. "/" .. name) > 0)
    end
  end)

  it("takes the name that is free when it is complete, else none", function()
    local ok, err = store:backup(target, { progress = function() files.write(target, "first") end })
    assert.is_nil(ok)
    assert.are.equal("exists", err.code)
    assert.are.equal("first", files.read(target))
    os.remove(target)
    only_the_store()
  end)

  it("leaves nothing when it fails, or when progress raises", function()
    assert.has_error(function()
      store:backup(target, { progress = function() error("boom", 0) end })
    end, "boom")
    only_the_store()
    outcome.refused("not_found", store:backup(folder .. "/none/copy.db"))
    assert.is_true(store:check())
  end)

  it("on a full disk says so, leaves nothing, and can be done again", function()
    for i = 1, 300 do assert(store.kv:set("ns", "k" .. i, ("x"):rep(8000))) end
    store:close()
    child.run(function()
      local own = assert(moonbase.open(path))
      process.rlimit("fsize", 500000)
      local ok, err = own:backup(target)
      assert(ok == nil and (err.code == "full" or err.code == "io"), err and err.code)
    end)
    only_the_store()
    assert.is_true(stores.open(path):backup(target))
  end)

  it("like all that looks after a file, is refused in a forked process", function()
    full_store.fill(store)
    child.run(function()
      for _, call in ipairs {
        function() return store:backup(target) end,
        function() return store:check() end,
        function() return store:stats() end,
        function() return store:export(function() end) end,
      } do
        local ok, err = call()
        assert(ok == nil and err.code == "forked", err and err.code)
      end
    end)
    only_the_store()
    assert.is_true(store:check())
  end)

  it("as is what has nothing to do", function()
    child.run(function()
      for _, call in ipairs {
        function() return store:scope "other" end,
        function() return store.threads:append("t", {}) end,
        function() return store.threads:enqueue("t", {}) end,
        function() return store.threads:search "..." end,
        function() return store.threads:list { limit = 0 } end,
        function() return store.events:consumer "name" end,
        function() return store:transaction(function() error "was run" end) end,
        function() return store:begin() end,
      } do
        local ok, err = call()
        assert(ok == nil and err.code == "forked", err and err.code)
      end
    end)
    assert.is_true(store:check())
  end)

  it("is misuse inside a transaction, and of wrong types", function()
    assert(store:transaction(function()
      outcome.raises("invalid", store.backup, store, target)
      return true
    end))
    for _, bad in ipairs { 1, {}, true } do
      assert.has_error(function() store:backup(bad) end)
    end
    assert.has_error(function() store:backup(target, { progres = print }) end)
    assert.has_error(function() store:backup(target, { progress = 5 }) end)
    for _, bad in ipairs { "", "a\0b", ":memory:" } do
      outcome.refused("invalid", store:backup(bad))
    end
    store:close()
    assert.are.equal("closed", select(2, pcall(store.backup, store, target)).code)
    only_the_store()
  end)
end)
