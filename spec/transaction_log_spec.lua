-- The log of explicit transactions, and what a transaction says it has written.

local child = require "spec.support.child"
local conversation = require "spec.support.conversation"
local files = require "spec.support.files"
local lists = require "spec.support.lists"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

local store, path, clock

before_each(function()
  path = files.database()
  store, clock = stores.open(path)
end)

after_each(stores.cleanup)

local user = conversation.user

-- A write set as text, in no particular order.
local function text_of(list)
  local lines = {}
  for i, entry in ipairs(list) do
    lines[i] = table.concat({ entry.part, entry.op, tostring(entry.id or entry.collection),
      entry.ns or entry.namespace, entry.scope and "in " .. entry.scope }, " ")
  end
  table.sort(lines)
  return table.concat(lines, "; ")
end

local function log(query) return assert(store.transactions:log(query)) end

local function ids(list) return lists.field(list, "id") end

-- Commits so many transactions, each a ms later; gives their ids.
local function commit(count, options)
  local made = {}
  for i = 1, count do
    clock.now = clock.now + 1
    local tx = assert(store:begin(options))
    assert(tx.kv:set("ns", "k" .. i, i))
    made[i] = tx.id
    assert(tx:commit())
  end
  return made
end

describe("the write set of a transaction", function()
  it("names what each part wrote, once, with what became of it all in all", function()
    assert(store.threads:append("old", { user "x" }))
    assert(store.kv:set("ns", "old", 1))
    assert(store.kv:set("ns", "gone", 1))
    local tx = assert(store:begin())
    assert.are.same({}, (tx:write_set()))
    for _ = 1, 3 do assert(tx.threads:append("old", { user "y" })) end
    assert(tx.threads:append("new", { user "z" }))
    assert(tx.kv:set("ns", "old", 2))
    assert(tx.kv:set("ns", "new", 1))
    assert(tx.kv:set("ns", "new", 2))
    assert(tx.kv:delete("ns", "gone"))
    assert(tx.kv:set("ns", "brief", 1))
    assert(tx.kv:delete("ns", "brief"))
    local list, cut = tx:write_set()
    assert.is_false(cut)
    assert.are.equal("kv delete gone ns; kv insert new ns; kv update old ns; threads insert new;"
      .. " threads update old", text_of(list))
    assert(tx:rollback())
  end)

  it("knows every part", function()
    local tx = assert(store:begin())
    assert(tx.threads:create { id = "t" })
    assert(tx.runs:create { id = "r", thread = "t", agent = "a" })
    assert(tx.checkpoints:commit { thread = "t", messages = { user "x" }, expected = 0,
      run = { id = "r", thread = "t", agent = "a", status = "running" } })
    assert(tx.events:append { stream = "s", type = "e" })
    assert(tx.jobs:enqueue("q", { x = 1 }))
    assert(tx.leases:acquire("lane", "me"))
    assert(tx.kv:set("ns", "k", 1))
    assert(tx.flows:create { id = "f", mob = "m", flow = "w", state = {} })
    assert(tx.specs:put("spec", {}))
    assert(tx.profiles:put("profile", {}))
    local hash = assert(tx.blobs:put("bytes"))
    assert(tx.artifacts:put("notes", "a.txt", "text"))
    local session = assert(tx.sessions:create { id = "session" })
    assert(session:append { { id = "n", kind = "event" } })
    local vectors = assert(tx.vectors:create("docs", { dim = 2 }))
    assert(vectors:upsert("v", { 1, 0 }))
    assert(tx.memory:remember { id = "m", text = "The harbour closes at nine." })
    assert(tx.graph:relate { from = "ann", rel = "knows", to = "bob" })
    local found = {}
    for _, entry in ipairs((assert(tx:write_set()))) do
      if entry.part == "graph" then assert.are.same({ "ann", "bob" }, { entry.from, entry.to }) end
      assert.are.equal("insert", entry.op)
      found[entry.part] = (found[entry.part] or 0) + 1
    end
    for part, count in pairs { threads = 1, runs = 1, events = 1, jobs = 1, leases = 1, kv = 1,
      flows = 1, specs = 1, profiles = 1, artifacts = 1, sessions = 1, memory = 1, graph = 1 } do
      assert.are.equal(count, found[part], part)
    end
    assert.is_true(found.vectors >= 2)
    assert.is_true(found.blobs >= 1 and #hash == 64)
    assert(tx:commit())
  end)

  it("has no more of what was undone, to any depth", function()
    local tx = assert(store:begin())
    assert(tx.kv:set("ns", "a", 1))
    local point = assert(tx:savepoint())
    assert(tx.kv:delete("ns", "a"))
    assert(tx.kv:set("ns", "b", 1))
    local inner = assert(point:savepoint())
    assert(tx.kv:set("ns", "a", 2))
    assert(tx.kv:set("ns", "c", 1))
    assert.are.equal("kv insert a ns; kv insert b ns; kv insert c ns", text_of((tx:write_set())))
    assert(inner:rollback())
    assert.are.equal("kv insert b ns", text_of((tx:write_set())))
    assert.are.equal("kv insert b ns", text_of((point:write_set())))
    assert(point:rollback())
    assert.are.equal("kv insert a ns", text_of((tx:write_set())))
    assert.is_nil((tx.threads:update("missing", { title = "x" }))) -- a call that fails undoes itself
    store:transaction(function(nested)
      assert(nested.kv:set("ns", "d", 1))
      return nil, "undone"
    end)
    assert(tx.kv:set("ns", "a", 3))
    assert(tx:commit())
    assert.are.equal("kv insert a ns", text_of(log()[1].write_set))
  end)

  it("begins anew with each transaction, and says nothing of single calls", function()
    local tx = assert(store:begin())
    assert(tx.kv:set("ns", "a", 1))
    tx:rollback()
    assert(store.kv:set("ns", "b", 1))
    tx = assert(store:begin())
    assert.are.same({}, (tx:write_set()))
    assert(store.kv:set("ns", "c", 1)) -- joins
    assert.are.equal("kv insert c ns", text_of((tx:write_set())))
    tx:commit()
    local ok, err = pcall(tx.write_set, tx)
    assert.is_false(ok)
    assert.are.equal("closed", err.code)
    assert.are.equal(1, #log())
  end)

  it("tells rows of other scopes by the scope's name", function()
    local other = assert(store:scope("other"))
    assert(other:transaction(function(tx)
      assert(tx.kv:set("ns", "mine", 1))
      assert(store.kv:set("ns", "theirs", 1))
      assert.are.equal("kv insert mine ns; kv insert theirs ns in default", text_of((tx:write_set())))
      return true
    end))
    assert.are.equal("kv insert mine ns; kv insert theirs ns in default",
      text_of(assert(other.transactions:log())[1].write_set))
    assert.are.same({}, log())
  end)

  it("takes any id, and is the same from other handles on the file", function()
    local odd = 'quote " back \\ line \n \1 é 漢'
    local tx = assert(store:begin())
    local second = stores.open(path)
    assert(second.kv:set(odd, odd, 1))
    assert(tx.threads:create { id = odd })
    assert(tx:commit())
    local list = log()[1].write_set
    assert.are.equal(odd, list[1].id)
    assert.are.equal(odd, list[1].ns)
    assert.are.equal(odd, list[2].id)
    second:close()
  end)

  it("holds 10,000 things, and says when there were more", function()
    local events = {}
    for i = 1, 9999 do events[i] = { stream = "s", type = "t" } end
    local tx = assert(store:begin())
    for first = 1, 9999, 1000 do
      local batch = {}
      for i = first, math.min(first + 999, 9999) do batch[#batch + 1] = events[i] end
      assert(tx.events:append_batch(batch))
    end
    assert(tx.kv:set("ns", "last", 1))
    local list, cut = tx:write_set()
    assert.are.same({ 10000, false }, { #list, cut })
    assert(tx.kv:set("ns", "beyond", 1))
    list, cut = tx:write_set()
    assert.are.same({ 10000, true }, { #list, cut })
    assert(tx:commit())
    assert.are.equal(10000, #log()[1].write_set)
    assert.is_true(log()[1].truncated)
  end)
end)

describe("store.transactions:log", function()
  it("has explicit transactions only, those that were committed, oldest first", function()
    local made = commit(2, { label = "import" })
    assert(store:begin()):rollback()
    store:transaction(function(tx)
      tx.kv:set("ns", "undone", 1)
      return nil, "no"
    end)
    assert(store.kv:set("ns", "single", 1))
    store:transaction({ label = "fn" }, function(tx)
      made[3] = tx.id
      store:transaction(function(inner) inner.kv:set("ns", "nested", 1) end)
    end)
    local list = log()
    assert.are.same(made, ids(list))
    assert.are.same({ id = made[1], label = "import", committed_at = 1001, participants = {},
      write_set = { { part = "kv", op = "insert", ns = "ns", id = "k1" } } }, list[1])
    assert.are.equal("fn", list[3].label)
    assert.are.equal("kv insert nested ns", text_of(list[3].write_set))
  end)

  it("is durable, and seen by other processes and readers", function()
    local made = commit(3)
    child.run(function()
      local other = stores.open(path, { readonly = true })
      assert.are.same(made, ids(assert(other.transactions:log())))
      other:close()
    end)
    store:close()
    store = stores.open(path)
    assert.are.same(made, ids(log()))
  end)

  it("is kept in the order of commits though the clock steps back", function()
    local first = commit(2)
    clock.now = 5
    local second = commit(2)
    assert.are.same({ first[1], first[2], second[1], second[2] }, ids(log()))
  end)

  it("goes on after an id, up to a limit", function()
    local made = commit(7)
    assert.are.same({ made[1], made[2] }, ids(log { limit = 2 }))
    assert.are.same({ made[3], made[4] }, ids(log { after = made[2], limit = 2 }))
    assert.are.same({ made[7] }, ids(log { after = made[6] }))
    assert.are.same({}, log { after = made[7] })
    assert.are.same({}, log { limit = 0 })
    assert.are.equal(7, #log { limit = 1000 })
    local list, err = store.transactions:log { after = "unknown" }
    assert.is_nil(list)
    assert.are.equal("not_found", err.code)
  end)

  it("gives 50 at a time, and 200 at most", function()
    commit(201)
    assert.are.equal(50, #log())
    assert.are.equal(200, #log { limit = 1e6 })
  end)

  it("shows a scope its own", function()
    local other = assert(store:scope("other"))
    local mine = commit(1)
    local theirs
    other:transaction(function(tx) theirs = tx.id end)
    assert.are.same(mine, ids(log()))
    assert.are.same({ theirs }, ids(assert(other.transactions:log())))
    assert.are.equal("not_found", select(2, other.transactions:log { after = mine[1] }).code)
    clock.now = clock.now + 10
    assert.are.equal(1, other.transactions:prune { older_than = 1 })
    assert.are.same(mine, ids(log()))
  end)

  it("is written where nothing else is, and by an id that comes twice", function()
    store:close()
    store = stores.open(path, { new_id = function() return "same" end })
    for _ = 1, 2 do assert.is_true(store:transaction(function() return true end)) end
    assert.are.same({ "same", "same" }, ids(log()))
    assert.are.same({}, log { after = "same" })
  end)

  it("refuses what it does not know", function()
    for _, query in ipairs { { after = 1 }, { limit = "1" }, { cursor = "x" }, 1 } do
      assert.is_false(pcall(store.transactions.log, store.transactions, query))
    end
    for _, query in ipairs { { after = "" }, { limit = -1 }, { limit = 1.5 }, { limit = 0 / 0 } } do
      local list, err = store.transactions:log(query)
      assert.is_nil(list)
      assert.are.equal("invalid", err.code)
    end
  end)
end)

describe("store.transactions:prune", function()
  it("removes what is older than that, and nothing else", function()
    local made = commit(5) -- at 1001 to 1005
    clock.now = 1010
    assert.are.equal(0, store.transactions:prune { older_than = 9 })
    assert.are.equal(2, store.transactions:prune { older_than = 7 })
    assert.are.same({ made[3], made[4], made[5] }, ids(log()))
    assert.are.equal("not_found", select(2, store.transactions:log { after = made[1] }).code)
    assert.are.equal(3, store.transactions:prune { older_than = 0 })
    local more = commit(1)
    assert.are.same(more, ids(log()))
  end)

  it("removes thousands in several transactions, or in the one that is open", function()
    local engine = store.context.engine
    local insert = [[INSERT INTO transactions (key, committed_at, open, cut, id, write_set)
      VALUES ((1 << 40) + $n, $n, 0, 0, $id, '[]')]]
    local function fill()
      assert(engine:atomic(function()
        for n = 1, 2500 do assert(engine:run(insert, n, "t" .. n)) end
        return true
      end))
    end
    fill()
    clock.now = 10000
    assert.are.equal(2500, store.transactions:prune { older_than = 0 })
    fill()
    local tx = assert(store:begin())
    assert.are.equal(2500, tx.transactions:prune { older_than = 0 })
    tx:rollback()
    assert.are.equal(200, #log { limit = 200 })
  end)

  it("is not needed for the log to stay within bounds: 100,000 of a scope, and what is not done",
    function()
      local engine = store.context.engine
      assert(engine:run [[
        INSERT INTO transactions (key, committed_at, open, cut, id, participants, write_set)
        SELECT (1 << 40) + value, value, value % 50000 = 7, 0, 't' || value, '["a"]', '[]'
        FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n
                                           WHERE value < 100040) SELECT value FROM n)]])
      clock.now = 200000
      commit(1)
      assert.are.same({}, plans.slow(store, function() commit(60) end))
      local count = engine:value "SELECT count(*) FROM transactions"
      assert.is_true(count >= 100000 and count <= 100017, count)
      local list = log { limit = 3 }
      assert.are.equal("t7", list[1].id) -- of this one a participant is not done
      assert.is_true(tonumber(list[2].id:sub(2)) > 80)
      commit(200)
      count = engine:value "SELECT count(*) FROM transactions"
      assert.is_true(count >= 100000 and count <= 100017, count)
    end)

  it("refuses what is no duration, and a handle that may only read", function()
    for _, options in ipairs { {}, { older_than = "1" }, { older_than = 1, x = 1 }, 1 } do
      assert.is_false(pcall(store.transactions.prune, store.transactions, options))
    end
    assert.is_false(pcall(store.transactions.prune, store.transactions))
    assert.are.equal("invalid", select(2, store.transactions:prune { older_than = -1 }).code)
    local reader = stores.open(path, { readonly = true })
    assert.are.equal("readonly", select(2, reader.transactions:prune { older_than = 1 }).code)
    assert.are.equal("readonly", select(2, reader:begin()).code)
    assert.are.equal("readonly", select(2, reader:transaction(function() end)).code)
    reader:close()
  end)
end)

describe("the statements of transactions", function()
  it("read what they give, and no more", function()
    local function whole()
      local tx = assert(store:begin { label = "x" })
      assert(tx.kv:set("ns", "k", 1))
      assert(tx:enlist("a", { prepare = function() end, commit = error, rollback = print }))
      assert(tx:commit())
      return tx.id
    end
    local id = whole()
    assert.are.same({}, plans.slow(store, function()
      whole()
      log { after = id, limit = 10 }
      store.transactions:recover { a = function() end }
      store.transactions:prune { older_than = 1 }
    end))
  end)
end)
