local files = require "spec.support.files"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local support = require "spec.support.sessions"

local user, assistant, ids, all = support.user, support.assistant, support.ids, support.all

describe("a session", function()
  local store, clock, sessions

  before_each(function()
    store, clock = support.store()
    sessions = store.sessions
  end)

  it("is created once, with an id of its own where none is given", function()
    local session = assert(sessions:create { id = "s", name = "first", model = "m", cwd = "/home",
      parent = "p", caused_by = { kind = "turn", id = "t" } })
    assert.are.equal("s", session.id)
    assert.are.same({ id = "s", name = "first", model = "m", cwd = "/home", parent = "p",
      caused_by = { kind = "turn", id = "t" }, revision = 0, node_count = 0,
      user_message_count = 0, created_at = 1000, updated_at = 1000 }, session:head())
    outcome.refused("exists", sessions:create { id = "s" })
    local one, other = assert(sessions:create()), assert(sessions:create {})
    assert.are_not.equal(one.id, other.id)
    assert.matches("^moonbase.session %(s%)$", tostring(session))
  end)

  it("takes any JSON value for what caused it", function()
    for i, value in ipairs { "text", 7, false, moonbase.null, moonbase.array {}, { a = {} } } do
      local session = assert(sessions:create { id = "s" .. i, caused_by = value })
      assert.are.same(value, session:head().caused_by)
    end
    outcome.refused("serialization", sessions:create { id = "s9", caused_by = { f = print } })
    assert.is_nil(sessions:open("s9"))
  end)

  it("is opened by its id, nil when there is none", function()
    assert(sessions:create { id = "s" }):append { user "a" }
    assert.are.equal(1, assert(sessions:open("s")):head().node_count)
    assert.are.same({}, { sessions:open("t") })
  end)

  it("keeps nodes as they are, and fills in id, parent and time", function()
    local session = assert(sessions:create { id = "s" })
    local given = { kind = "event", name = "x", body = { list = moonbase.array {}, map = {},
      none = moonbase.null, n = 2 ^ 53, f = 0.5, text = "a\0b" }, caused_by = { turn = "t" },
      frame = "f", at = 5 }
    local first = assert(session:append { given, { kind = "plugin" } })
    assert.is_nil(given.id)
    assert.are.same({ 5, 1000, first[1].id }, { first[1].at, first[2].at, first[2].parent })
    given.id = first[1].id
    assert.are.same(given, session:node(given.id))
    assert.are.same({ id = first[2].id, kind = "plugin", at = 1000, parent = given.id },
      session:node(first[2].id))
    assert.are.same(first, session:path())
  end)

  it("has several branches, and several roots", function()
    local session = support.branched(store, "s")
    assert.are.equal("root left left-leaf right-leaf", all(session))
    assert.are.equal("root left left-leaf", ids(session:path()))
    assert.are.equal("root right-leaf", ids(session:path("right-leaf")))
    assert.are.equal("left-leaf right-leaf", ids(session:leaves()))
    assert.are.equal("right-leaf", ids(session:orphans()))
    assert(session:append { { id = "other", kind = "event", parent = moonbase.null },
      { id = "below", kind = "event" } })
    assert.are.equal("other below", ids(session:path()))
    assert.is_nil(session:node("other").parent)
    assert.are.equal("root other", ids(session:graph():roots()))
    assert.are.equal("root left left-leaf right-leaf", ids(session:orphans()))
  end)

  it("goes on from any node after a checkout", function()
    local session = support.branched(store, "s")
    local revision = session:head().revision
    assert.is_true(session:checkout("left"))
    assert.are.same({ "left", revision }, { session:head().leaf, session:head().revision })
    assert(session:append { user "second" })
    assert.are.equal("root left second", ids(session:path()))
    assert(session:checkout("left-leaf"))
    assert(session:append { user "third" })
    assert.are.equal("root left left-leaf third", ids(session:path()))
    assert.are.equal("right-leaf second third", ids(session:leaves()))
    outcome.refused("not_found", session:checkout("nowhere"))
    assert.are.equal("third", session:head().leaf)
  end)

  it("grows only at the expected revision", function()
    local session = assert(sessions:create { id = "s" })
    assert(session:append({ user "a" }, { expected = 0 }))
    local nodes, err = session:append({ user "b" }, { expected = 0 })
    assert.is_nil(nodes)
    assert.are.same({ "conflict", 0, 1 }, { err.code, err.expected, err.actual })
    assert.are.equal("a", all(session))
    assert.are.same({}, session:append({}, { expected = 1 }))
    assert.are.equal(1, session:head().revision)
  end)

  it("refuses a node whose id is taken, and all that came with it", function()
    local session = assert(sessions:create { id = "s" })
    assert(session:append { user "a" })
    for _, list in ipairs { { user "b", user "a" }, { user "b", user "c", user "b" } } do
      local nodes, err = session:append(list)
      assert.is_nil(nodes)
      assert.are.equal("exists", err.code)
      assert.are.equal("nodes[" .. #list .. "].id", err.field)
    end
    assert.are.same({ "a", 1, 1 }, { all(session), session:head().revision,
      support.rows(store, "segments") })
    assert(assert(sessions:create { id = "t" }):append { user "a" })
  end)

  it("refuses an unknown parent", function()
    local session = assert(sessions:create { id = "s" })
    local nodes, err = session:append { user "a", user("b", "z") }
    assert.is_nil(nodes)
    assert.are.same({ "not_found", "nodes[2].parent" }, { err.code, err.field })
    assert.are.equal(0, session:head().node_count)
    assert(session:append { user "a", user("b", "a"), user("c", "a") })
    assert.are.equal("b c", ids(session:graph():children("a")))
  end)

  it("is deleted with all that it holds, and its id may be used again", function()
    local session = support.branched(store, "s")
    assert(session:commit { usage = { source = "a", model = "m", input_tokens = 1,
      output_tokens = 1 }, stamp = { turn = "t" }, checkpoint = { turn = {} } })
    assert.is_true((sessions:delete("s")))
    for _, name in ipairs { "sessions", "session_details", "session_nodes", "session_checkpoints",
      "session_usage", "session_turns", "segments" } do
      assert.are.equal(0, support.rows(store, name), name)
    end
    assert.is_nil(sessions:open("s"))
    outcome.refused("not_found", sessions:delete("s"))
    local again = assert(sessions:create { id = "s" })
    assert(again:append { user "root" })
    for _, call in ipairs { "head", "nodes", "path", "leaves", "orphans", "checkpoint", "usage",
      "vacuum", "fork" } do
      local result, failure = session[call](session)
      assert.is_nil(result, call)
      assert.are.equal("not_found", failure.code, call)
    end
    assert.are.equal("not_found", select(2, session:append { user "x" }).code)
    assert.are.equal("not_found", select(2, session:graph():depth("root")).code)
    assert.are.equal("root", all(again))
  end)

  it("changes its names", function()
    local session = assert(sessions:create { id = "s", name = "old", model = "m" })
    clock.now = 2000
    assert.is_true(session:update { name = "new", cwd = "/tmp", model = moonbase.null })
    local head = session:head()
    assert.are.same({ "new", "/tmp", 2000 }, { head.name, head.cwd, head.updated_at })
    assert.is_nil(head.model)
  end)

  it("counts tokens by source and model", function()
    local session = assert(sessions:create { id = "s" })
    assert.are.same({ 0, 0, {} }, { session:usage().entries, session:usage().total_tokens,
      session:usage().by_source })
    for _ = 1, 3 do
      assert(session:commit { usage = { { source = "turn", model = "a", input_tokens = 10,
        output_tokens = 5, cache_read_tokens = 2, cache_write_tokens = 1, reasoning_tokens = 4 },
        { source = "title", model = "a", input_tokens = 1, output_tokens = 1 },
        { source = "empty", model = "b", input_tokens = 0, output_tokens = 0 } } })
    end
    assert(session:commit { usage = { source = "turn", model = "b", input_tokens = 1,
      output_tokens = 0 } })
    local report = assert(session:usage())
    assert.are.same({ 3, 34, 18, 6, 3, 12, 61 }, { report.entries, report.input_tokens,
      report.output_tokens, report.cache_read_tokens, report.cache_write_tokens,
      report.reasoning_tokens, report.total_tokens })
    assert.are.same({ 55, 6 }, { report.by_source.turn.total_tokens,
      report.by_source.title.total_tokens })
    assert.are.same({ 60, 1 }, { report.by_model.a.total_tokens, report.by_model.b.total_tokens })
  end)

  it("is listed with what it begins with, the latest first", function()
    for i = 1, 5 do
      clock.now = 1000 + i
      local session = assert(sessions:create { id = "s" .. i, name = "n" .. i,
        cwd = i % 2 == 0 and "/even" or nil, parent = i > 3 and "s1" or nil })
      assert(session:append { assistant "x", user "a", user "b" })
    end
    clock.now = 2000
    assert(sessions:open("s2")):append { user "c" }
    local page = assert(sessions:list { limit = 3, total = true })
    assert.are.equal("s2 s5 s4", ids(page.items))
    assert.are.same({ true, 5 }, { page.has_more, page.total })
    assert.are.equal("s3 s1", ids(sessions:list { limit = 3, cursor = page.next_cursor }.items))
    assert.are.same({ id = "s2", name = "n2", cwd = "/even", revision = 2, node_count = 4,
      first_user_message = "text of a", user_message_count = 3, created_at = 1002,
      updated_at = 2000 }, page.items[1])
    assert.are.equal("s2 s4", ids(sessions:list { cwd = "/even" }.items))
    assert.are.equal("s5 s4", ids(sessions:list { parent = "s1" }.items))
    assert.are.equal("s4", ids(sessions:list { parent = "s1", cwd = "/even" }.items))
  end)

  it("is listed by its id among others of the same time, on every page", function()
    for _, id in ipairs { "c", "e", "a", "d", "b" } do assert(sessions:create { id = id }) end
    local page = assert(sessions:list { limit = 2 })
    assert.are.equal("a b", ids(page.items))
    page = assert(sessions:list { limit = 2, cursor = page.next_cursor })
    assert.are.equal("c d", ids(page.items))
    assert.are.equal("a b", ids(sessions:list({ limit = 2, cursor = page.prev_cursor }).items))
    assert.are.equal("e", ids(sessions:list({ limit = 2, cursor = page.next_cursor }).items))
  end)

  it("shows of the first message its text alone, and no more than its beginning", function()
    local session = assert(sessions:create { id = "s" })
    assert(session:append { { kind = "message", role = "user", content = {
      { type = "text", text = "look" }, { type = "image", data = "..." },
      { type = "tool_result", content = "no" }, { type = "text", text = "here" } } } })
    assert.are.equal("look\n\n[Attachment]\n\nhere", session:head().first_user_message)
    local long = assert(sessions:create { id = "l" })
    assert(long:append { { kind = "message", role = "user", content = ("ä"):rep(5000) } })
    assert.are.equal(("ä"):rep(2048), long:head().first_user_message)
    local odd = assert(sessions:create { id = "o" })
    assert(odd:append { { kind = "message", role = "user" }, { kind = "event", role = "user" } })
    assert.are.same({ "", 1 }, { odd:head().first_user_message, odd:head().user_message_count })
  end)

  it("belongs to its scope", function()
    local other = assert(store:scope("tenant"))
    support.branched(store, "s")
    assert.is_nil(other.sessions:open("s"))
    local own = assert(other.sessions:create { id = "s" })
    assert(own:append { user "root" })
    assert.are.same({ 1, 1 }, { #other.sessions:list().items, #sessions:list().items })
    assert(other.sessions:delete("s"))
    assert.are.equal(4, assert(sessions:open("s")):head().node_count)
    assert.are.equal("not_found", select(2, other.sessions:delete("s")).code)
  end)

  it("that a rollback took back is not another one that has its key", function()
    for _, place in ipairs { { "tenant", "other" }, { "stranger", "s" } } do
      store = support.store()
      local tenant, home = assert(store:scope("tenant")), assert(store:scope(place[1]))
      local undone, graph
      assert.is_nil((store:transaction(function()
        undone = assert(tenant.sessions:create { id = "s" })
        assert(undone:append { user "own" })
        graph = undone:graph()
        assert.are.same({ "own" }, graph:roots())
        return nil, "undo"
      end)))
      local other = assert(home.sessions:create { id = place[2] })
      assert.are.equal(undone.key, other.key)
      assert(other:append { user "secret" })
      for _, call in ipairs { "head", "nodes", "path", "leaves", "orphans", "usage", "checkpoint",
        "fork", "vacuum" } do
        assert.are.equal("not_found", select(2, undone[call](undone)).code, call)
      end
      for _, call in ipairs { "node", "path", "checkout" } do
        assert.are.equal("not_found", select(2, undone[call](undone, "secret")).code, call)
      end
      assert.are.equal("not_found", select(2, undone:append { user "x" }).code)
      assert.are.equal("not_found", select(2, undone:update { name = "x" }).code)
      assert.are.equal("not_found", select(2, graph:roots()).code)
      assert.are.equal("not_found", select(2, graph:depth("secret")).code)
      assert.are.same({ "secret" }, other:graph():roots())
      store:close()
    end
  end)

  it("can be changed by nobody who may only read", function()
    local path = files.database()
    local writer = assert(moonbase.open(path))
    support.branched(writer, "s")
    local reader = assert(moonbase.open(path, { readonly = true }))
    local session = assert(reader.sessions:open("s"))
    assert.are.equal("root left left-leaf", ids(session:path()))
    assert.are.equal("root left left-leaf right-leaf", all(session))
    assert.are.equal(1, session:graph():depth("left"))
    for call, argument in pairs { append = { user "x" }, commit = {}, checkout = "root", fork = {},
      tombstone = { "right-leaf" }, update = { name = "n" } } do
      local result, err = session[call](session, argument)
      assert.is_nil(result, call)
      assert.are.equal("readonly", err.code, call)
    end
    reader:close()
    writer:close()
    files.cleanup()
  end)

  -- What an agent resumes from: frames and what caused a node, the parts of the checkpoint with
  -- blobs that they name, tokens, stamps, forks, and nodes that were taken away.
  it("is there again, all of it, when the file is opened again", function()
    local path = files.database()
    local writer = support.store(path)
    local session = support.branched(writer, "s")
    local image = assert(writer.blobs:put("\0\1\255 bytes of an interpreter"))
    local turn = {
      nodes = { { id = "f", kind = "frame", frame = { id = "f2", reason = "a reason of ours" },
        caused_by = { kind = "tool_call", id = "t1" } } },
      checkpoint = { turn = { frame = "f2" }, tools = { generation = 3 },
        plugins = { revision = 5 }, execution = { image = { ["$blob"] = image }, text = "\0" } },
      usage = { source = "turn", model = "m", input_tokens = 1, output_tokens = 2 },
      stamp = { turn = "1" },
    }
    local done = assert(session:commit(turn))
    assert(session:fork { id = "fork", at = "left" })
    assert(session:tombstone { "right-leaf" })
    writer:close()
    local reader = support.store(path)
    local again = assert(reader.sessions:open("s"))
    assert.are.equal("root left left-leaf f", ids(again:path()))
    assert.are.equal("root left left-leaf f", all(again))
    assert.are.same(turn.nodes[1].frame, again:node("f").frame)
    assert.are.same(turn.nodes[1].caused_by, again:node("f").caused_by)
    assert.are.same(turn.checkpoint, again:checkpoint())
    assert.are.equal("\0\1\255 bytes of an interpreter",
      (reader.blobs:get(again:checkpoint().execution.image["$blob"])))
    assert.are.equal(3, again:usage().total_tokens)
    assert.are.same(done, again:commit(turn))
    assert.are.equal(done.revision, again:head().revision)
    assert.are.equal("root left", ids(assert(reader.sessions:open("fork")):path()))
    assert.are.equal(1, again:vacuum())
    reader:close()
    files.cleanup()
  end)

  it("is undone with the transaction that it was made in", function()
    support.branched(store, "s")
    local made
    local ok, err = store:transaction(function(tx)
      local session = assert(tx.sessions:open("s"))
      assert(session:append { user "new" })
      assert(session:checkout("left"))
      made = assert(session:fork { id = "f" })
      assert(made:append { user "in-fork" })
      assert(tx.sessions:create { id = "t" })
      assert.are.equal("root left in-fork", ids(made:path()))
      return nil, "undo"
    end)
    assert.are.same({ nil, "undo" }, { ok, err })
    assert.are.equal("root left left-leaf right-leaf", all(sessions:open("s")))
    assert.are.equal(1, #sessions:list().items)
    assert.has_error(function() made:head() end)
    assert.has_error(function() made:graph():roots() end)
    assert(sessions:create { id = "u" })
  end)
end)

describe("a session that is being changed", function()
  it("is seen by other coroutines as it was committed", function()
    local path = files.database()
    local store = assert(moonbase.open(path, { durability = "off" }))
    local session = support.branched(store, "s")
    local graph = session:graph()
    local function seen()
      return { ids(session:path()), ids(graph:leaves()), graph:depth("left-leaf"), all(session),
        session:head().node_count }
    end
    local function elsewhere()
      local ok, result = coroutine.resume(coroutine.create(seen))
      assert(ok, result)
      return result
    end
    local before = seen()
    local tx = assert(store:begin())
    assert(session:append { user "new" })
    assert(session:commit { nodes = { user("other", "left") } })
    assert.are.same(before, elsewhere())
    assert.are.equal("root left other", ids(session:path()))
    local ok, err = coroutine.resume(coroutine.create(function()
      return session:append { user "never" }
    end))
    assert.are.same({ true, nil }, { ok, err })
    assert(tx:commit())
    assert.are.same(seen(), elsewhere())
    store:close()
    files.cleanup()
  end)
end)

describe("nodes in the order in which they were added", function()
  it("come in pages, while others write", function()
    local path = files.database()
    local store = assert(moonbase.open(path, { durability = "off" }))
    local session = assert(store.sessions:create { id = "s" })
    local list = {}
    for i = 1, 500 do list[i] = { id = "n" .. i, kind = "event" } end
    assert(session:append(list))
    local seen = 0
    for node in assert(session:nodes()) do
      seen = seen + 1
      assert.are.equal("n" .. seen, node.id)
      if seen == 100 then assert(session:append { { id = "n501", kind = "event" } }) end
      if seen == 300 then
        local other = assert(moonbase.open(path, { shared = false, busy_timeout = 0 }))
        assert(assert(other.sessions:open("s")):append { { id = "n502", kind = "event" } })
        other:close()
      end
    end
    assert.are.equal(502, seen)
    store:close()
    files.cleanup()
  end)

  it("end for good, and can be given up", function()
    local store = support.store()
    local session = support.branched(store, "s")
    local iterator = assert(session:nodes())
    for _ = 1, 4 do assert.is_table(iterator()) end
    assert.is_nil(iterator())
    assert.is_nil(iterator())
    session:nodes()()
    assert(store.sessions:delete("s"))
  end)

  it("raise what goes wrong on the way", function()
    local store = support.store()
    local session = assert(store.sessions:create { id = "s" })
    local list = {}
    for i = 1, 250 do list[i] = { kind = "event" } end
    assert(session:append(list))
    local iterator = assert(session:nodes())
    assert(store.sessions:delete("s"))
    for _ = 1, 200 do iterator() end
    outcome.raises("not_found", iterator)
  end)
end)
