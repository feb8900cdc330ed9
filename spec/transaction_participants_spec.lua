-- Outside participants in a transaction: two phases, misbehaviour, and what is left to recover.

local errors = require "moonbase.errors"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local raises = require("spec.support.outcome").raises
local stores = require "spec.support.stores"

describe("a transaction with participants", function()
  local store, path, clock, calls, told

  before_each(function()
    path, calls, told = files.database(), {}, {}
    store, clock = stores.open(path, {
      on_event = function(kind, info) told[#told + 1] = { kind = kind, info = info } end,
    })
  end)

  after_each(stores.cleanup)

  -- One that notes its calls; `overrides` are done after that.
  local function participant(name, overrides)
    local made = {}
    for _, phase in ipairs { "prepare", "commit", "rollback" } do
      made[phase] = function(id)
        calls[#calls + 1] = phase .. " " .. name
        if overrides and overrides[phase] then return overrides[phase](id) end
      end
    end
    return made
  end

  local function begin(...)
    local tx = assert(store:begin())
    assert(tx.kv:set("ns", "written", tx.id))
    for _, entry in ipairs { ... } do
      assert.is_true(tx:enlist(entry[1], participant(entry[1], entry[2])))
    end
    return tx
  end

  local function written() return store.kv:get("ns", "written") end
  local function noted() return table.concat(calls, ", ") end
  local function log() return assert(store.transactions:log()) end

  it("prepares all in the order of enlisting, commits, and then tells them", function()
    local ids, seen = {}, nil
    local tx = begin({ "a", { prepare = function(id) ids[1] = id end } },
      { "b", { commit = function(id)
        ids[2] = id
        coroutine.wrap(function() seen = written() end)() -- another reader
      end } })
    assert.is_true(tx:commit())
    assert.are.equal("prepare a, prepare b, commit a, commit b", noted())
    assert.are.same({ tx.id, tx.id }, ids)
    assert.are.equal(tx.id, seen)
    assert.are.same({ { name = "a", done = true }, { name = "b", done = true } },
      log()[1].participants)
    assert.are.equal(0, store.transactions:recover { a = error, b = error })
  end)

  it("shows its status on the way", function()
    local seen = {}
    local tx
    local function look() seen[#seen + 1] = tx:status() end
    tx = begin { "a", { prepare = look, commit = look } }
    look()
    tx:commit()
    look()
    tx = begin { "a", { rollback = look } }
    tx:rollback()
    look()
    assert.are.same({ "active", "preparing", "committing", "committed", "rolling_back",
      "rolled_back" }, seen)
  end)

  for what, refuse in pairs {
    ["returns nil and an error"] = function() return nil, "no room" end,
    ["raises"] = function() error("no room", 0) end,
  } do
    it("is rolled back when one that prepares " .. what, function()
      local tx = begin({ "a" }, { "b" }, { "c", { prepare = refuse } }, { "d" })
      local ok, err = tx:commit()
      assert.is_nil(ok)
      assert.are.equal("denied", err.code)
      assert.are.equal("c", err.participant)
      assert.are.equal("no room", err.cause)
      assert.matches("no room", tostring(err))
      assert.are.equal("prepare a, prepare b, prepare c, rollback b, rollback a", noted())
      assert.are.equal("rolled_back", tx:status())
      assert.is_nil(written())
      assert.are.same({}, log())
      raises("closed", tx.commit, tx)
    end)
  end

  it("gives the error object of one that cannot prepare as it is", function()
    local why = errors.new("full")
    local _, err = begin({ "a", { prepare = function() return nil, why end } }):commit()
    assert.are.equal(why, err)
    _, err = begin({ "a", { prepare = function() error(why, 0) end } }):commit()
    assert.are.equal(why, err)
  end)

  it("tells all of a rollback, prepared or not", function()
    begin({ "a" }, { "b" }):rollback()
    assert.are.equal("rollback b, rollback a", noted())
  end)

  it("runs by a function just the same", function()
    local result, err = store:transaction(function(tx)
      assert(tx:enlist("a", participant "a"))
      return "result"
    end)
    assert.are.same({ "result", nil }, { result, err })
    result, err = store:transaction(function(tx)
      assert(tx:enlist("b", participant("b", { prepare = function() return nil, "no" end })))
      return "result"
    end)
    assert.is_nil(result)
    assert.are.equal("denied", err.code)
    assert.are.same({ nil, "why" }, { store:transaction(function(tx)
      assert(tx:enlist("c", participant "c"))
      return nil, "why"
    end) })
    assert.has_error(function()
      store:transaction(function(tx)
        assert(tx:enlist("d", participant "d"))
        error "raised"
      end)
    end)
    assert.are.equal("prepare a, commit a, prepare b, rollback c, rollback d", noted())
  end)

  it("takes those of a savepoint back with it", function()
    local tx = begin { "a" }
    local point = assert(tx:savepoint())
    assert(point:enlist("b", participant "b"))
    assert.are.equal("exists", select(2, tx:enlist("b", participant "b")).code)
    assert(point:rollback())
    point = assert(tx:savepoint())
    assert(point:enlist("c", participant "c"))
    assert(point:commit())
    assert(tx:enlist("b", participant "b"))
    assert(tx:commit())
    assert.are.equal("rollback b, prepare a, prepare c, prepare b, commit a, commit c, commit b", noted())
  end)

  it("takes those of a nested function back with it", function()
    assert(store:transaction(function()
      store:transaction(function(inner)
        assert(inner:enlist("a", participant "a"))
        return nil, "undone"
      end)
      return store:transaction(function(inner) return inner:enlist("b", participant "b") end)
    end))
    assert.are.equal("rollback a, prepare b, commit b", noted())
  end)

  it("stays committed when one fails afterwards, which recover tells again until it succeeds", function()
    local failing = true
    local function fail()
      if failing == "raise" then error "still down" end
      if failing then return nil, "down" end
    end
    local tx = begin({ "a" }, { "b", { commit = fail } }, { "c" })
    assert.is_true(tx:commit())
    assert.are.equal("committed", tx:status())
    assert.are.equal(tx.id, written())
    assert.are.same({ { name = "a", done = true }, { name = "b", done = false },
      { name = "c", done = true } }, log()[1].participants)
    assert.are.same({ { kind = "participant_failed", info = { id = tx.id, participant = "b",
      phase = "commit", error = "down" } } }, told)
    assert.are.equal(0, store.transactions:recover { b = fail })
    failing = "raise"
    assert.are.equal(0, store.transactions:recover { b = fail, unknown = fail })
    assert.are.equal(3, #told)
    failing = false
    assert.are.equal(0, store.transactions:recover { a = fail })
    assert.are.equal(1, store.transactions:recover { b = fail })
    assert.are.equal(0, store.transactions:recover { b = fail })
    assert.is_true(log()[1].participants[2].done)
  end)

  it("leaves what is not done to another process, oldest first, in its scope", function()
    local other = assert(store:scope("other"))
    local ids = {}
    for i = 1, 3 do
      local tx = begin { "a", { commit = error } }
      ids[i] = tx.id
      tx:commit()
    end
    store:close()
    store = stores.open(path)
    local seen = {}
    assert.are.equal(0, assert(store:scope("other")).transactions:recover { a = error })
    assert.are.equal(3, store.transactions:recover { a = function(id) seen[#seen + 1] = id end })
    assert.are.same(ids, seen)
    assert(other)
  end)

  it("recovers more than a page of them, and goes on behind those that fail", function()
    for i = 1, 120 do
      begin({ "a", { commit = error } }):commit()
      if i % 60 == 0 then begin({ "b", { commit = error } }):commit() end
    end
    local n = 0
    local function every_other() -- all of `a` come before those of `b`
      n = n + 1
      if n % 2 == 0 and n <= 120 then error "down" end
    end
    assert.are.equal(62, store.transactions:recover { b = every_other, a = every_other })
    assert.are.equal(122, n)
  end)

  it("is not pruned from the log before all are done", function()
    begin({ "a", { commit = error } }):commit()
    begin({ "a" }):commit()
    clock.now = clock.now + 10
    assert.are.equal(1, store.transactions:prune { older_than = 5 })
    assert.are.equal(1, store.transactions:recover { a = function() end })
    assert.are.equal(1, store.transactions:prune { older_than = 5 })
    assert.are.same({}, log())
  end)

  describe("whose callback", function()
    it("writes while it prepares commits that too", function()
      local tx
      tx = begin { "a", { prepare = function(id)
        assert(store.kv:set("ns", "joined", id))
        assert(tx.kv:set("ns", "mine", id))
      end } }
      assert(tx:commit())
      assert.are.equal(tx.id, store.kv:get("ns", "joined"))
      assert.are.equal(tx.id, store.kv:get("ns", "mine"))
      assert.are.equal(3, #log()[1].write_set)
      begin({ "a", { prepare = function(id)
        assert(store.kv:set("ns", "joined", "undone"))
        return nil, id
      end } }):commit()
      assert.are.equal(tx.id, store.kv:get("ns", "joined"))
    end)

    it("writes when it is told of the end does so by itself", function()
      begin({ "a", { commit = function() assert(store.kv:set("ns", "told", 1)) end,
        rollback = function() assert(store.kv:set("ns", "undone", 2)) end } }):commit()
      assert.are.equal(1, store.kv:get("ns", "told"))
      begin({ "a", { rollback = function()
        assert.is_true(store:transaction(function(tx) return tx.kv:set("ns", "undone", 2) ~= nil end))
      end } }):rollback()
      assert.are.equal(2, store.kv:get("ns", "undone"))
    end)

    it("ends or extends the transaction while it prepares fails", function()
      for _, misuse in ipairs {
        function(tx) return tx:commit() end, function(tx) return tx:rollback() end,
        function(tx) return tx:savepoint() end, function(tx) return tx:enlist("z", participant "z") end,
        function() return store:begin() end,
      } do
        local tx
        tx = begin { "a", { prepare = function() return misuse(tx) end } }
        local ok, err = tx:commit()
        assert.is_nil(ok)
        assert.are.equal("invalid", err.code)
        assert.are.equal("rolled_back", tx:status())
        assert.is_nil(written())
      end
    end)

    it("uses the transaction when it has ended fails alone", function()
      local tx
      tx = begin({ "a", { commit = function() return tx:commit() end } }, { "b" })
      assert.is_true(tx:commit())
      assert.are.equal("closed", told[1].info.error.code)
      tx = begin({ "a", { rollback = function() return tx.kv:get("ns", "k") end } }, { "b" })
      assert.is_true(tx:rollback())
      assert.are.equal("closed", told[2].info.error.code)
      assert.are.equal("prepare a, prepare b, commit a, commit b, rollback b, rollback a", noted())
    end)

    it("yields lets others run, who see nothing of it and cannot write meanwhile", function()
      local worker = coroutine.wrap(function()
        local tx = begin { "a", { prepare = function() coroutine.yield "preparing" end,
          commit = function() coroutine.yield "committing" end } }
        return tx:commit()
      end)
      assert.are.equal("preparing", worker())
      assert.is_nil(written())
      assert.are.equal("busy", select(2, store.kv:set("ns", "k", 1)).code)
      assert.are.equal("preparing", store.transactions:active()[1].status)
      assert.are.equal("committing", worker())
      assert.is_string(written())
      assert(store.kv:set("ns", "k", 1))
      assert.is_false(log()[1].participants[1].done)
      assert.is_true(worker())
      assert.is_true(log()[1].participants[1].done)
    end)

    it("never comes back is rolled back with the coroutine, and told", function()
      local worker = coroutine.wrap(function()
        begin({ "a" }, { "b", { prepare = function() coroutine.yield() end } }):commit()
      end)
      worker()
      worker = nil -- luacheck: ignore
      for _ = 1, 3 do collectgarbage() end
      assert.is_nil(written())
      assert(store.kv:set("ns", "k", 1))
      assert.are.equal("transaction_abandoned", told[1].kind)
      assert.are.equal("prepare a, prepare b, rollback a", noted())
    end)

    it("raises nil, or returns false, is judged by the rule", function()
      local ok, err = begin({ "a", { prepare = function() error() end } }):commit()
      assert.is_nil(ok)
      assert.are.equal("denied", err.code)
      assert.is_true(begin({ "a", { prepare = function() return false, "no failure" end,
        commit = function() return nil end } }):commit())
      assert.is_true(log()[1].participants[1].done)
    end)
  end)

  it("refuses an id that the log knows already, before anyone prepares", function()
    store:close()
    store = stores.open(path, { new_id = function() return "always" end })
    assert.is_true(begin({ "a" }):commit())
    local ok, err = begin({ "a" }):commit()
    assert.is_nil(ok)
    assert.are.equal("exists", err.code)
    assert.are.equal("prepare a, commit a", noted())
  end)

  it("changes nothing, and takes nobody, where a statement of the commit fails", function()
    local function commit()
      calls = {}
      local tx = begin { "a" }
      return tx:commit()
    end
    local n = 0
    while true do
      n = n + 1
      local tx = begin { "a" }
      calls = {}
      local ok, err, reached = faults.run(store, n, function() return tx:commit() end)
      if not reached then break end
      if ok then -- the commit itself was through: it is left to recover
        assert.is_false(log()[1].participants[1].done)
        assert.are.equal(1, store.transactions:recover { a = function() end })
        assert.are.equal("prepare a, commit a", noted())
        assert.are.equal(1, #log())
        break
      end
      assert.are.equal("io", err.code)
      assert.is_nil(written())
      assert.are.same({}, log())
      assert.is_true(noted() == "" or noted() == "prepare a, rollback a", noted())
    end
    assert.is_true(n > 3)
    assert.is_true(commit())
  end)

  it("is told again when recover failed after it was told", function()
    begin({ "a", { commit = error } }, { "b", { commit = error } }):commit()
    local times, done = 0, {}
    local count = faults.each_statement(store, function()
      local result, err = store.transactions:recover {
        a = function() times = times + 1 end, b = function() times = times + 1 end,
      }
      if err then done[#done + 1] = err.done end
      return result, err
    end, function() end)
    assert.is_true(count >= 3)
    assert.is_true(times > 2)
    assert.are.equal(1, math.max((table.unpack or unpack)(done))) -- luacheck: ignore
    for _, one in ipairs(log()[1].participants) do assert.is_true(one.done) end
  end)

  it("refuses what is no participant", function()
    local tx = begin()
    local whole = participant "x"
    for _, bad in ipairs {
      function() tx:enlist(1, whole) end, function() tx:enlist("a") end,
      function() tx:enlist("a", {}) end,
      function() tx:enlist("a", { prepare = print, commit = print }) end,
      function() tx:enlist("a", { prepare = print, commit = print, rollback = 1 }) end,
      function() tx:enlist("a", { prepare = print, commit = print, rollback = print, x = print }) end,
      function() store.transactions:recover() end, function() store.transactions:recover { print } end,
      function() store.transactions:recover { a = 1 } end,
      function() store.transactions:recover { a = print } end, -- inside a transaction
    } do
      raises("invalid", bad)
    end
    for _, name in ipairs { "", " ", "a\0b", "\255", ("x"):rep(513) } do
      local ok, err = tx:enlist(name, whole)
      assert.is_nil(ok)
      assert.are.equal("invalid", err.code)
    end
    assert.is_true(tx:commit())
    raises("closed", tx.enlist, tx, "a", whole)
    assert.are.equal("", noted())
  end)

  it("cannot be made of the transaction of a single call", function()
    assert(store.context:write(function()
      return store:transaction(function(tx)
        assert(tx.kv:set("ns", "written", 1))
        raises("invalid", tx.enlist, tx, "a", participant "a")
        return true
      end)
    end))
    assert.are.equal(1, written())
    assert.are.same({}, log())
  end)
end)
