-- Whatever is given to sessions: what breaks a rule is a typed error, what is misuse raises, and
-- neither changes anything.

local faults = require "spec.support.faults"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local support = require "spec.support.sessions"

local refused = outcome.refused
local user = support.user

local BAD_IDS = { "", " ", "\194\160", "a\0b", "\255", ("x"):rep(513) }
local BAD_COUNTS = { -1, 0.5, 0 / 0, 1 / 0 }

describe("sessions", function()
  local store, sessions, session, before

  before_each(function()
    store = support.store()
    sessions = store.sessions
    session = support.branched(store, "s")
    before = faults.contents(store)
  end)

  after_each(function() assert.are.equal(before, faults.contents(store)) end)

  local function raises(fn, ...)
    assert.is_string(outcome.raises("invalid", fn, ...).field)
  end

  it("refuse what is no id", function()
    for _, id in ipairs(BAD_IDS) do
      for _, try in ipairs {
        function() return sessions:create { id = id } end,
        function() return sessions:create { parent = id } end,
        function() return sessions:open(id) end,
        function() return sessions:delete(id) end,
        function() return sessions:list { parent = id } end,
        function() return session:append { { id = id, kind = "event" } } end,
        function() return session:append { { kind = id } } end,
        function() return session:append { { kind = "event", parent = id } } end,
        function() return session:commit { leaf = id } end,
        function() return session:commit { stamp = { turn = id } } end,
        function() return session:commit { stamp = { turn = "t", hash = id } } end,
        function() return session:node(id) end,
        function() return session:path(id) end,
        function() return session:checkout(id) end,
        function() return session:fork { at = id } end,
        function() return session:fork { id = id } end,
        function() return session:tombstone { id } end,
        function() return session:checkpoint(id) end,
        function()
          return session:commit { usage = { source = id, model = "m", input_tokens = 1,
            output_tokens = 1 } }
        end,
      } do
        assert.is_string(refused("invalid", try()).field)
      end
    end
  end)

  it("refuse impossible numbers", function()
    for _, count in ipairs(BAD_COUNTS) do
      for _, try in ipairs {
        function() return session:append({ user "x" }, { expected = count }) end,
        function() return session:commit { expected = count } end,
        function() return session:append { { kind = "event", at = count } } end,
        function() return session:prune { older_than = count } end,
        function() return sessions:list { limit = count } end,
        function() return session:graph():ancestors("left", { limit = count }) end,
        function() return session:graph():descendants("left", { depth = count }) end,
        function()
          return session:commit { usage = { source = "s", model = "m", input_tokens = count,
            output_tokens = 1 } }
        end,
      } do
        assert.is_string(refused("invalid", try()).field)
      end
    end
  end)

  it("refuse documents that break a rule, and name what is wrong", function()
    for field, nodes in pairs {
      ["nodes[1].kind"] = { { id = "x" } },
      ["nodes[2].kind"] = { user "x", { kind = 7 } },
      ["nodes[1].id"] = { { kind = "event", id = 7 } },
      ["nodes[1].parent"] = { { kind = "event", parent = false } },
      ["nodes[1].at"] = { { kind = "event", at = "now" } },
    } do
      assert.are.equal(field, refused("invalid", session:append(nodes)).field)
      assert.are.equal(field, refused("invalid", session:commit { nodes = nodes }).field)
    end
    for field, plan in pairs {
      replace = { nodes = {}, replace = {} },
      ["replace[1].parent"] = { replace = { user("x", "root") } },
      release_lease = { release_lease = true },
      ["lease.name"] = { lease = {} },
      ["lease.token"] = { lease = { name = "s", token = 7 } },
      ["stamp.turn"] = { stamp = {} },
      ["usage.model"] = { usage = { source = "s", input_tokens = 1, output_tokens = 1 } },
      ["usage[2].input_tokens"] = { usage = {
        { source = "s", model = "m", input_tokens = 1, output_tokens = 1 },
        { source = "s", model = "m", output_tokens = 1 } } },
      ["jobs[1].queue"] = { jobs = { { payload = 1 } } },
      ["settle[1].id"] = { settle = { {} } },
    } do
      assert.are.equal(field, refused("invalid", session:commit(plan)).field)
    end
  end)

  it("refuse what has no JSON form", function()
    for field, body in pairs { [".x"] = { x = 0 / 0 }, [".x[1]"] = { x = { print } },
      [".x.y"] = { x = { y = "\255" } } } do
      body.kind = "event"
      local err = refused("serialization", session:append { user "ok", body })
      assert.are.equal("nodes[2]" .. field, err.field)
      err = refused("serialization", session:commit { nodes = { body }, stamp = { turn = "t" } })
      assert.are.equal("nodes[1]" .. field, err.field)
      err = refused("serialization", session:commit { checkpoint = { tools = body } })
      assert.are.equal("checkpoint.tools" .. field, err.field)
    end
  end)

  it("raise for a wrong type, or something unknown", function()
    raises(sessions.create, sessions, { title = "x" })
    raises(sessions.create, sessions, { name = 7 })
    raises(sessions.list, sessions, { name = "x" })
    raises(sessions.list, sessions, { limit = "2" })
    raises(sessions.open, sessions)
    raises(session.append, session, "x")
    raises(session.append, session, { kind = "event" })
    raises(session.append, session, { "x" })
    raises(session.append, session, { user "x" }, { revision = 1 })
    raises(session.commit, session)
    raises(session.commit, session, { checkpoint = { other = 1 } })
    raises(session.commit, session, { usage = { source = "s", tokens = 1 } })
    raises(session.commit, session, { settle = { 7 } })
    raises(session.commit, session, { node = {} })
    raises(session.commit, session, { stamp = { turn = {} } })
    raises(session.path, session, 7)
    raises(session.fork, session, { from = "x" })
    raises(session.tombstone, session, "left")
    raises(session.update, session, { id = "t" })
    raises(session.update, session, { name = 7 })
    raises(session.prune, session, {})
    local graph = session:graph()
    for _, call in ipairs { "path", "depth", "ancestors", "descendants", "children", "lca",
      "is_ancestor" } do
      for _, argument in ipairs { 7, false, {} } do
        outcome.raises("invalid", graph[call], graph, argument)
      end
    end
    for _, options in ipairs { { deep = 1 }, { limit = "2" }, { 1 }, 7 } do
      assert.has_error(function() graph:descendants("left", options) end)
    end
    assert.has_error(function() graph:ancestors("left", { depth = 1 }) end)
    assert.has_error(function() graph.path("left", "left") end)
  end)

  it("say that a node is not there", function()
    local graph = session:graph()
    for _, call in ipairs { "path", "depth", "ancestors", "descendants", "children" } do
      refused("not_found", graph[call](graph, "nobody"))
    end
    for _, pair in ipairs { { "nobody", "left" }, { "left", "nobody" }, { "\255", "left" } } do
      refused("not_found", graph:lca(pair[1], pair[2]))
      refused("not_found", graph:is_ancestor(pair[1], pair[2]))
    end
    refused("not_found", session:path("nobody"))
    refused("not_found", session:checkout("nobody"))
    refused("not_found", session:fork { at = "nobody" })
    refused("not_found", session:tombstone { "left-leaf", "nobody" })
    refused("not_found", session:commit { leaf = "nobody", nodes = { user "x" } })
    refused("not_found", session:commit { replace = { user "x", user("y", "root") } })
    assert.is_nil((session:node("nobody")))
    assert.is_nil((session:checkpoint("nobody")))
    assert.is_nil((session:checkpoint()))
  end)

  it("refuse cursors of other lists", function()
    assert(sessions:create { id = "t" })
    before = faults.contents(store)
    local cursor = sessions:list({ limit = 1 }).next_cursor
    refused("invalid", sessions:list { limit = 1, cursor = cursor, cwd = "/" })
    refused("invalid", sessions:list { cursor = "x" })
    refused("invalid", store.threads:list { cursor = cursor })
  end)

  it("take text for text: quotes, operators and columns are only that", function()
    local name = "x'; DROP TABLE sessions; --"
    local odd = assert(sessions:create { id = name, cwd = "\" OR 1=1", name = "%s" })
    assert(odd:append { { id = "a' OR '1", kind = "$blob", user = 1, body = "b", key = 2 } })
    assert.are.same({ id = "a' OR '1", kind = "$blob", user = 1, body = "b", key = 2, at = 1000 },
      odd:node("a' OR '1"))
    assert.are.equal(1, #sessions:list { cwd = "\" OR 1=1" }.items)
    assert(sessions:delete(name))
  end)

  it("take every option of a time", function()
    assert.are.equal(0, session:prune { older_than = 0 })
    assert.are.same({}, moonbase.array(sessions:list { limit = 0 }.items))
    assert.are.same({}, session:graph():descendants("root", { limit = 0 }))
    assert.are.same({}, session:graph():descendants("root", { depth = 0 }))
    assert.are.same({}, session:graph():ancestors("left", { limit = 0 }))
    assert.are.same({ "left", "right-leaf" }, session:graph():descendants("root", { depth = 1 }))
  end)
end)
