local child = require "spec.support.child"
local files = require "spec.support.files"
local lease_record = require "moonbase.lease_record"
local outcome = require "spec.support.outcome"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

local raises = outcome.raises_about

describe("leases", function()
  local store, leases, path, clock

  before_each(function()
    path = files.database()
    store, clock = stores.open(path)
    leases = store.leases
  end)

  after_each(stores.cleanup)

  local function rows() return stores.rows(store, "leases") end

  local function lost(fn, ...)
    local result, err = fn(leases, ...)
    assert.is_nil(result)
    assert.are.equal("lease_lost", err.code)
    assert.is_false(err.retryable)
  end

  local function copy(lease, changes)
    local made = {}
    for name, value in pairs(lease) do made[name] = value end
    for name, value in pairs(changes) do made[name] = value end
    return made
  end

  describe("acquire", function()
    it("gives the lease", function()
      local lease = assert(leases:acquire("lane", "ann"))
      assert.are.equal("lane", lease.name)
      assert.are.equal("ann", lease.owner)
      assert.are.equal(31000, lease.expires_at)
      assert.are.equal(1, lease.fencing)
      assert.are.equal("string", type(lease.token))
      assert.are.equal(1005, leases:acquire("short", "ann", { ttl = 5 }).expires_at)
    end)

    it("gives another owner false and the holder, without the token", function()
      local lease = leases:acquire("lane", "ann")
      local got, holder = leases:acquire("lane", "bob")
      assert.is_false(got)
      assert.are.same({ name = "lane", owner = "ann", fencing = lease.fencing,
        expires_at = lease.expires_at }, holder)
      assert(leases:renew(lease)) -- nothing happened to it
    end)

    it("by the same owner extends and keeps token and fencing", function()
      local first = leases:acquire("lane", "ann", { ttl = 100 })
      clock.now = 1050
      local second = assert(leases:acquire("lane", "ann", { ttl = 100 }))
      assert.are.equal(1150, second.expires_at)
      assert.are.equal(first.token, second.token)
      assert.are.equal(first.fencing, second.fencing)
      assert(leases:renew(first))
    end)

    it("by the same owner never shortens", function()
      leases:acquire("lane", "ann", { ttl = 100 })
      assert.are.equal(1100, leases:acquire("lane", "ann", { ttl = 5 }).expires_at)
    end)

    it("takes over at the very instant of the expiry, with a higher fencing", function()
      local old = leases:acquire("lane", "ann", { ttl = 100 })
      clock.now = 1099
      assert.is_false((leases:acquire("lane", "bob")))
      clock.now = 1100
      local new = assert(leases:acquire("lane", "bob"))
      assert.is_true(new.fencing > old.fencing)
      assert.are_not.equal(old.token, new.token)
    end)

    it("by an owner whose lease expired makes him a new holder", function()
      local old = leases:acquire("lane", "ann", { ttl = 100 })
      clock.now = 1100
      local new = leases:acquire("lane", "ann", { ttl = 100 })
      assert.is_true(new.fencing > old.fencing)
      lost(leases.renew, old)
      assert(leases:renew(new))
    end)

    it("with a ttl of 0 is over at once", function()
      local lease = assert(leases:acquire("lane", "ann", { ttl = 0 }))
      assert.are.equal(clock.now, lease.expires_at)
      lost(leases.renew, lease)
      assert(leases:acquire("lane", "bob"))
    end)

    it("bears the longest ttl there is", function()
      local lease = assert(leases:acquire("lane", "ann", { ttl = 2 ^ 53 }))
      clock.now = 2 ^ 52
      assert.are.equal("ann", leases:get("lane").owner)
      assert(leases:renew(lease))
    end)

    it("holds one name and no other", function()
      local one = leases:acquire("one", "ann")
      local two = leases:acquire("two", "bob")
      assert.is_true(two.fencing > one.fencing)
      lost(leases.release, copy(one, { name = "two" }))
      assert(leases:release(one))
      assert.are.equal("bob", leases:get("two").owner)
    end)
  end)

  describe("renew", function()
    it("gives the renewed lease, for as long as before or as told", function()
      local lease = leases:acquire("lane", "ann", { ttl = 100 })
      clock.now = 1099
      local renewed = assert(leases:renew(lease))
      assert.are.same(copy(lease, { expires_at = 1199 }), renewed)
      assert.are.equal(1099 + 5000, leases:renew(lease, 5000).expires_at)
      assert.are.equal(1099 + 5000, leases:renew(renewed).expires_at)
      assert.are.equal(1099 + 10, leases:renew(renewed, 10).expires_at) -- shorter when told so
    end)

    it("is lost at the very instant of the expiry", function()
      local lease = leases:acquire("lane", "ann", { ttl = 100 })
      clock.now = 1100
      lost(leases.renew, lease)
      lost(leases.release, lease)
      assert.is_nil(leases:get("lane"))
    end)

    it("is lost for an old holder, another's lease, or one that never was", function()
      local old = leases:acquire("lane", "ann", { ttl = 100 })
      clock.now = 1100
      local new = leases:acquire("lane", "bob", { ttl = 100 })
      local _, holder = leases:acquire("lane", "ann")
      for _, stale in ipairs {
        old, holder, copy(old, { fencing = new.fencing, owner = "bob" }),
        copy(new, { owner = "ann" }), copy(new, { fencing = old.fencing }),
        copy(new, { token = "" }), { name = "lane" }, { name = "none", token = new.token },
      } do
        lost(leases.renew, stale)
        lost(leases.release, stale)
      end
      assert.are.equal(1200, leases:get("lane").expires_at) -- unharmed by all of it
      assert(leases:renew { name = "lane", token = new.token })
    end)
  end)

  describe("release", function()
    it("frees the lease, once", function()
      local lease = leases:acquire("lane", "ann")
      assert.is_true(leases:release(lease))
      assert.is_nil(leases:get("lane"))
      lost(leases.release, lease)
      lost(leases.renew, lease)
    end)

    it("never makes a fencing number come back", function()
      local last = 0
      for i = 1, 10 do
        local lease = assert(leases:acquire("lane", "owner" .. i))
        assert.is_true(lease.fencing > last)
        last = lease.fencing
        leases:release(lease)
      end
      store:close()
      store = stores.open(path)
      assert.is_true(store.leases:acquire("lane", "ann").fencing > last)
    end)
  end)

  describe("get", function()
    it("tells who holds a lease, but not the token", function()
      assert.is_nil(leases:get("lane"))
      leases:acquire("lane", "ann", { ttl = 5 })
      assert.are.same({ name = "lane", owner = "ann", fencing = 1, expires_at = 1005 },
        leases:get("lane"))
      clock.now = 1005
      assert.is_nil(leases:get("lane"))
    end)
  end)

  describe("arguments", function()
    it("of a wrong type raise, naming the argument", function()
      raises("name", leases.acquire, leases, 1, "ann")
      raises("owner", leases.acquire, leases, "lane")
      raises("options", leases.acquire, leases, "lane", "ann", 30)
      raises("options.ttl", leases.acquire, leases, "lane", "ann", { ttl = "30" })
      raises("options.tll", leases.acquire, leases, "lane", "ann", { tll = 30 })
      raises("name", leases.get, leases)
      raises("lease", leases.renew, leases, "lane")
      raises("lease", leases.release, leases)
      raises("ttl", leases.renew, leases, { name = "a", token = "b" }, "5")
      assert.are.equal(0, rows())
    end)

    it("of a bad value are `invalid`, and change nothing", function()
      local lease = leases:acquire("lane", "ann")
      local function invalid(field, fn, ...)
        local result, err = fn(leases, ...)
        assert.is_nil(result)
        assert.are.same({ "invalid", field }, { err.code, err.field })
      end
      for _, bad in ipairs { "", " ", "a\0b", "\255", ("x"):rep(513) } do
        invalid("name", leases.acquire, bad, "ann")
        invalid("owner", leases.acquire, "lane", bad)
        invalid("name", leases.get, bad)
        invalid("lease.name", leases.renew, copy(lease, { name = bad }))
      end
      for _, bad in ipairs { -1, 0.5, 0 / 0, 1 / 0 } do
        invalid("ttl", leases.acquire, "lane", "ann", { ttl = bad })
        invalid("ttl", leases.renew, lease, bad)
      end
      invalid("lease.name", leases.release, {})
      invalid("lease.name", leases.release, copy(lease, { name = 1 }))
      invalid("lease.token", leases.release, copy(lease, { token = 1 }))
      assert.are.equal(lease.expires_at, leases:get("lane").expires_at)
      assert.are.equal(1, rows())
    end)

    it("may hold any characters", function()
      for _, name in ipairs { "'; DROP TABLE leases; --", "%", "\"", "\\", "\240\159\140\153" } do
        assert(leases:release(assert(leases:acquire(name, name))))
      end
    end)
  end)

  describe("a store", function()
    it("keeps scopes apart", function()
      local other = store:scope("other").leases
      local mine = leases:acquire("lane", "ann")
      local theirs = assert(other:acquire("lane", "bob"))
      assert.are.equal("ann", leases:get("lane").owner)
      assert.are.equal("bob", other:get("lane").owner)
      assert.is_nil((other:renew(mine)))
      lost(leases.release, theirs)
    end)

    it("keeps a lease over a reopening", function()
      local lease = leases:acquire("lane", "ann")
      store:close()
      store = stores.open(path, nil, clock)
      assert.is_false((store.leases:acquire("lane", "bob")))
      assert(store.leases:renew(lease))
    end)

    it("rolls a lease back with its transaction", function()
      store:transaction(function(tx)
        assert(tx.leases:acquire("lane", "ann"))
        return nil, "undo"
      end)
      assert.is_nil(leases:get("lane"))
      local lease = assert(leases:acquire("lane", "bob"))
      store:transaction(function(tx)
        assert(tx.leases:release(lease))
        return nil, "undo"
      end)
      assert(leases:renew(lease))
    end)

    it("open for reading tells who holds a lease, and takes none", function()
      local lease = leases:acquire("lane", "ann")
      local reader = stores.open(path, { readonly = true }, clock)
      assert.are.equal("ann", reader.leases:get("lane").owner)
      for _, call in ipairs {
        function() return reader.leases:acquire("lane", "bob") end,
        function() return reader.leases:renew(lease) end,
        function() return reader.leases:release(lease) end,
      } do
        local result, err = call()
        assert.is_nil(result)
        assert.are.equal("readonly", err.code)
      end
      reader:close()
    end)

    it("makes tokens that no id of the caller's decides", function()
      local same = stores.open(path, { shared = false, new_id = function() return "id" end })
      local one = same.leases:acquire("one", "ann")
      assert.are_not.equal(one.token, same.leases:acquire("two", "bob").token)
      same:close()
    end)

    it("keeps no row of leases that ended long ago", function()
      for i = 1, 40 do leases:acquire("lane" .. i, "ann", { ttl = 10 }) end
      clock.now = 1010
      for i = 1, 10 do leases:acquire("other" .. i, "ann") end
      assert.are.equal(10, rows())
    end)

    it("reads no more than it gives", function()
      for i = 1, 5 do leases:acquire("old" .. i, "ann", { ttl = 1 }) end
      clock.now = 2000
      assert.are.same({}, plans.slow(store, function()
        local lease = leases:acquire("lane", "ann")
        leases:acquire("lane", "ann")
        leases:acquire("lane", "bob")
        leases:get("lane")
        leases:renew(lease)
        leases:release(lease)
      end))
    end)
  end)

  describe("lease_record, for other parts", function()
    local function held(lease)
      local ctx = store.context
      return ctx:write(lease_record.held, ctx, lease, ctx:now())
    end

    it("gives the row of a lease that is held, and refuses any other", function()
      local lease = leases:acquire("session", "ann", { ttl = 100 })
      assert.are.equal(lease.fencing, held({ name = "session", token = lease.token }).fencing)
      for _, stale in ipairs {
        { name = "session", token = "x" }, { name = "x", token = lease.token },
      } do
        local row, err = held(stale)
        assert.is_nil(row)
        assert.are.same({ "lease_lost", stale.name }, { err.code, err.name })
      end
      clock.now = 1100
      assert.are.equal("lease_lost", select(2, held(lease)).code)
    end)

    it("frees it in the transaction of the caller", function()
      local lease, ctx = leases:acquire("session", "ann"), store.context
      ctx:write(function()
        local row = assert(lease_record.held(ctx, lease, ctx:now()))
        assert(lease_record.free(ctx, row))
        return nil, "undo"
      end)
      assert(leases:renew(lease))
    end)
  end)

  describe("several processes", function()
    it("have one holder at a time, each with a higher fencing", function()
      local PROCESSES, ROUNDS = 8, 6
      child.run_all(PROCESSES, function(_, i)
        local own = stores.open(path, { busy_timeout = 60000 })
        for _ = 1, ROUNDS do
          local lease
          repeat
            lease = own.leases:acquire("lane", "process" .. i, { ttl = 1e9 })
          until lease
          -- Two at once would lose an addition, or see a fencing that does not grow.
          local state = own.kv:get("race", "state") or { count = 0, fencing = 0 }
          assert(lease.fencing > state.fencing)
          state = { count = state.count + 1, fencing = lease.fencing }
          assert(own.kv:set("race", "state", state))
          assert(own.leases:release(lease))
        end
        own:close()
      end)
      assert.are.equal(PROCESSES * ROUNDS, store.kv:get("race", "state").count)
    end)

    it("that start at once have one winner", function()
      local children = child.together(8, function(self, i)
        local own = stores.open(path, { busy_timeout = 60000 })
        self:ready()
        local lease, holder = own.leases:acquire("first", "process" .. i, { ttl = 1e9 })
        self:tell(lease and lease.owner or holder.owner)
        self:tell(lease and "won" or "lost")
        own:close()
      end)
      local owners, won = {}, 0
      for i = 1, 8 do
        owners[children[i]:hear()] = true
        if children[i]:hear() == "won" then won = won + 1 end
        assert(children[i]:finish())
      end
      assert.are.equal(1, won)
      assert.is_nil(next(owners, next(owners))) -- all name the same holder
    end)

    it("leave a lease that its killed holder had to expire", function()
      local one = child.start(function(self)
        local own = stores.open(path, { clock = function() return 1000 end })
        own.leases:acquire("lane", "killed", { ttl = 100 })
        self:tell("held")
        self:hear()
      end)
      assert.are.equal("held", one:hear())
      one:kill()
      assert.is_false((leases:acquire("lane", "ann")))
      clock.now = 1100
      assert.are.equal(2, leases:acquire("lane", "ann").fencing)
    end)
  end)
end)
