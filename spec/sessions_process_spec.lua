-- Several processes on one file: one of two writers wins, and a reader never sees half of a commit.

local child = require "spec.support.child"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local support = require "spec.support.sessions"

local user, ids = support.user, support.ids

describe("sessions of several processes", function()
  local path

  before_each(function()
    path = files.database()
    local store = assert(moonbase.open(path, { durability = "off" }))
    assert(store.sessions:create { id = "s" })
    store:close()
  end)

  after_each(files.cleanup)

  local function open()
    return assert(moonbase.open(path, { durability = "off", shared = false,
      busy_timeout = 60000 }))
  end

  it("are committed to by exactly one of those who saw the same revision", function()
    local children = {}
    for n = 1, 4 do
      children[n] = child.start(function(c)
        local store = open()
        local session = assert(store.sessions:open("s"))
        local won = 0
        for revision = 0, 9 do
          c:hear()
          local result, err = session:commit { expected = revision,
            nodes = { user("n" .. n .. "." .. revision), user("m" .. n .. "." .. revision) } }
          if result then won = won + 1
          elseif err.code ~= "conflict" then error(tostring(err)) end
          c:tell(result and "won" or "lost")
        end
        store:close()
      end)
    end
    for _ = 1, 10 do
      local won = 0
      for n = 1, 4 do children[n]:tell("go") end
      for n = 1, 4 do won = won + (children[n]:hear() == "won" and 1 or 0) end
      assert.are.equal(1, won)
    end
    for n = 1, 4 do assert.is_true((children[n]:finish())) end
    local store = open()
    local session = assert(store.sessions:open("s"))
    local head = assert(session:head())
    assert.are.same({ 10, 20 }, { head.revision, head.node_count })
    local path_ids = assert(session:path())
    for i = 1, 20, 2 do
      assert.are.equal(path_ids[i].id:gsub("n", "m"), path_ids[i + 1].id .. "")
    end
    store:close()
  end)

  it("repeat a stamped turn once, whoever does it", function()
    local children = child.together(4, function(c)
      local store = open()
      local session = assert(store.sessions:open("s"))
      c:ready()
      local result = assert(session:commit { stamp = { turn = "t" },
        nodes = { { kind = "event", text = "same" } } })
      c:tell(result.node_ids[1])
      store:close()
    end)
    local first
    for _, one in ipairs(children) do
      local id = one:hear()
      first = first or id
      assert.are.equal(first, id)
    end
    child.finish_all(children)
  end)

  it("are read as of one moment while others write", function()
    local writer = child.start(function(c)
      local store = open()
      local session = assert(store.sessions:open("s"))
      for i = 1, 60 do
        assert(session:commit { replace = { user("r" .. i), user("a" .. i), user("b" .. i, "r" .. i),
          user("c" .. i) }, checkpoint = { turn = { n = i } } })
      end
      c:tell("done")
      store:close()
    end)
    local store = open()
    local session = assert(store.sessions:open("s"))
    local graph, last = session:graph(), 0
    while last < 60 do
      local nodes = assert(session:path())
      if #nodes > 0 then
        local n = nodes[1].id:match("^r(%d+)$")
        assert.are.equal(("r%s b%s c%s"):format(n, n, n), ids(nodes))
        last = tonumber(n)
      end
      local leaves = assert(graph:leaves())
      if #leaves > 0 then
        local n = leaves[1]:match("^a(%d+)$")
        assert.are.equal(("a%s c%s"):format(n, n), ids(leaves))
      end
      local head = assert(session:head())
      assert.are.equal(head.revision > 0 and "c" .. head.revision or nil, head.leaf)
      assert.are.equal(head.revision > 0 and 4 or 0, head.node_count)
      assert(session:checkpoint() or head.revision == 0)
    end
    assert.are.equal("done", writer:hear())
    assert.is_true((writer:finish()))
    store:close()
  end)

  it("lose nothing that was acknowledged when a writer dies", function()
    local acknowledged = child.kill_at(25, function(c)
      local store = assert(moonbase.open(path, { shared = false, busy_timeout = 60000 }))
      local session = assert(store.sessions:open("s"))
      for i = 1, 1000 do
        assert(session:commit { nodes = { user("n" .. i), user("m" .. i, i > 1 and "n1" or nil) },
          checkpoint = { turn = i } })
        c:tell(i)
      end
    end)
    local store = open()
    local session = assert(store.sessions:open("s"))
    local head = assert(session:head())
    assert.is_true(head.revision >= acknowledged)
    assert.are.equal(2 * head.revision, head.node_count)
    assert.are.equal(head.revision, session:checkpoint().turn)
    assert.is_true(require("spec.support.checks").run("session_check", store.context.engine))
    store:close()
  end)

  it("are forked by the handle's process alone", function()
    local store = open()
    local session = assert(store.sessions:open("s"))
    local graph = session:graph()
    child.run(function()
      for _, call in ipairs { "leaves", "roots", "orphans" } do
        local result, err = graph[call](graph)
        assert(result == nil and err.code == "forked", call)
      end
      local result, err = graph:path("x")
      assert(result == nil and err.code == "forked")
      result, err = session:path()
      assert(result == nil and err.code == "forked")
      result, err = session:append { user "x" }
      assert(result == nil and err.code == "forked")
    end)
    assert(session:append { user "x" })
    store:close()
    outcome.raises("closed", graph.leaves, graph)
  end)
end)
