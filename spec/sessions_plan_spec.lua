local files = require "spec.support.files"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"
local support = require "spec.support.sessions"

local user, assistant = support.user, support.assistant

local SOURCES = { "src/storage/chain.c", "src/storage/tree.c", "src/storage/tree_lists.c",
  "src/binding/graph_nodes.c" }

describe("sessions are found by an index:", function()
  local store, sessions, session, fork, other

  local function use()
    sessions = store.sessions
    session, fork = assert(sessions:open("s")), assert(sessions:open("f"))
    other = assert(sessions:open("o"))
  end

  before_each(function()
    store = stores.open(files.database())
    for i = 1, 30 do
      local one = assert(store.sessions:create { parent = "p" .. i % 3, cwd = "/" .. i % 4 })
      local list = {}
      for n = 1, 10 do list[n] = user("n" .. n, n > 3 and n % 3 == 0 and "n2" or nil) end
      assert(one:append(list))
      for n = 1, 5 do assert(one:commit { nodes = { user("c" .. n) }, checkpoint = { turn = n } }) end
      if i % 3 == 0 then assert(one:fork { at = "n3" }):append { user "own" } end
    end
    support.branched(store, "s")
    session = assert(store.sessions:open("s"))
    assert(session:commit { nodes = { user "tip" }, checkpoint = { turn = {} } })
    fork = assert(session:fork { at = "left", id = "f" })
    assert(fork:append { user "own", user("beside", "root") })
    other = support.branched(store, "o")
    use()
  end)

  after_each(stores.cleanup)

  local CALLS = {
    create = function() assert(sessions:create { id = "new" }) end,
    list = function()
      for _, query in ipairs { {}, { parent = "p1" }, { cwd = "/1" } } do
        query.limit = 3
        query.cursor = assert(sessions:list(query)).next_cursor
        query.cursor = assert(sessions:list(query)).prev_cursor
        assert(sessions:list(query))
      end
    end,
    head = function() assert(session:head()) end,
    append = function()
      assert(session:append { user "a", user("b", "root"), assistant("c", "left") })
    end,
    commit = function()
      assert(session:commit { nodes = { user "d" }, stamp = { turn = "t" },
        checkpoint = { turn = { n = 2 } }, usage = { source = "s", model = "m", input_tokens = 1,
        output_tokens = 1 }, leaf = "left" })
      assert(session:commit { nodes = { user "d" }, stamp = { turn = "t" },
        checkpoint = { turn = { n = 2 } }, usage = { source = "s", model = "m", input_tokens = 1,
        output_tokens = 1 }, leaf = "left" })
    end,
    replace = function() assert(other:commit { replace = { user "root" } }) end,
    ["fork, tombstone, vacuum"] = function()
      local made = assert(session:fork { at = "left" })
      assert(made:append { user "own" })
      assert(made:tombstone { "own", "left" })
      assert(made:vacuum())
      assert(session:tombstone { "right-leaf" })
      assert(session:vacuum())
    end,
    delete = function()
      assert(fork:fork { id = "g" })
      assert(sessions:delete("f"))
      assert(sessions:delete("o"))
      assert(sessions:delete("g"))
    end,
    nodes = function()
      assert(session:nodes())
      assert(fork:nodes())
    end,
    others = function()
      assert(session:checkout("left"))
      assert(session:checkpoint())
      assert(session:usage())
      assert(session:update { name = "n" })
      assert(session:prune { older_than = 1 })
    end,
  }

  local function check()
    for _, name in ipairs { "create", "list", "head", "append", "commit", "replace", "nodes",
      "others", "fork, tombstone, vacuum", "delete" } do
      assert.are.same({}, plans.slow(store, CALLS[name]), name)
    end
    local engine, count = store.context.engine, 0
    for name, sql in pairs(plans.core_statements(SOURCES)) do
      count = count + 1
      for _, step in ipairs(assert(engine:rows("EXPLAIN QUERY PLAN " .. sql:gsub("%$%w+", "1")))) do
        assert.is_nil(step.detail:find("^SCAN"), name .. ": " .. step.detail)
        assert.is_nil(step.detail:find("TEMP B-TREE", 1, true), name .. ": " .. step.detail)
      end
    end
    assert.is_true(count >= 12)
  end

  it("in a new file", check)

  it("whatever SQLite has learnt about the rows", function()
    assert(store.context.engine:exec("ANALYZE"))
    local path = store.context.engine.path
    store:close()
    store = stores.open(path)
    use()
    check()
  end)
end)
