local conversation = require "spec.support.conversation"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"

local fields, many, user = conversation.fields, conversation.many, conversation.user

describe("a thread", function()
  local store, clock, threads

  before_each(function()
    store, clock = conversation.store()
    threads = store.threads
  end)

  it("comes back as it was created", function()
    assert(threads:create { id = "p" })
    local made = assert(threads:create {
      id = "t", resource = "user/ann", parent = "p", title = "A \0 title é",
      custom = { n = 1, list = moonbase.array {}, deep = { x = moonbase.null } },
    })
    assert.are.same({
      id = "t", resource = "user/ann", parent = "p", title = "A \0 title é", count = 0,
      custom = { n = 1, list = {}, deep = { x = moonbase.null } },
      created_at = 1000, updated_at = 1000,
    }, made)
    assert.are.same(made, threads:get("t"))
  end)

  it("gets an id when none is given", function()
    local one, two = assert(threads:create()), assert(threads:create {})
    assert.matches("^%x+%-%x+%-7%x+%-%x+%-%x+$", one.id)
    assert.is_true(one.id < two.id)
  end)

  it("gets it from new_id, whose ids must be good", function()
    local id = "own"
    store = conversation.store(nil, { new_id = function() return id end })
    assert.are.equal("own", assert(store.threads:create()).id)
    id = " "
    outcome.refused("invalid", store.threads:create())
  end)

  it("that exists is not created again", function()
    assert(threads:create { id = "t", title = "first" })
    outcome.refused("exists", threads:create { id = "t", title = "second" })
    assert.are.equal("first", threads:get("t").title)
  end)

  it("that is missing is nil, counts 0 and has no messages, state or queue", function()
    assert.is_nil(threads:get("t"))
    assert.are.equal(0, threads:count("t"))
    assert.are.same({ items = {}, has_more = false, total = 0 }, threads:messages("t"))
    assert.is_nil(threads:state("t"))
    assert.are.same({ {}, "0" }, { threads:pending("t") })
    assert.are.same({ {}, 0 }, { threads:view("t") })
    assert.are.same({}, threads:range("t", 1, 5))
    assert.is_nil(threads:message("t", "m"))
    assert.are.same({}, threads:children("t"))
    for _ in threads:each("t") do error("a message") end
    assert.is_nil(threads:get("t"))
  end)

  it("has its resource and parent trimmed; blank ones are absent", function()
    assert(threads:create { id = "p" })
    local thread = assert(threads:create { id = "t", resource = "  r\n", parent = " p " })
    assert.are.same({ "r", "p" }, { thread.resource, thread.parent })
    thread = assert(threads:save { id = "t", resource = " \t", parent = "" })
    assert.are.same({}, { thread.resource, thread.parent })
  end)

  describe("saved", function()
    it("is created, or overwritten whole", function()
      assert(threads:save { id = "t", title = "one", resource = "r", custom = { a = 1 } })
      clock.now = 2000
      local saved = assert(threads:save { id = "t", title = "two" })
      assert.are.same({ id = "t", title = "two", created_at = 1000, updated_at = 2000,
        count = 0 },
        saved)
    end)

    it("keeps its messages, runs and state, whatever the table says", function()
      assert(threads:append("t", many(3)))
      assert(threads:set_state("t", { step = 1 }))
      assert(store.runs:create { id = "r", thread = "t", agent = "a", status = "running" })
      local thread = assert(threads:get("t"))
      thread.count, thread.active_run, thread.latest_run = 99, "other", "other"
      thread.title = "renamed"
      local saved = assert(threads:save(thread))
      assert.are.same({ 3, "r", "r", "renamed" },
        { saved.count, saved.active_run, saved.latest_run, saved.title })
      assert.are.same({ step = 1 }, threads:state("t"))
    end)

    it("may bring its time of creation along", function()
      assert.are.equal(5, assert(threads:save { id = "t", created_at = 5 }).created_at)
      assert.are.equal(5, assert(threads:save { id = "t" }).created_at)
    end)
  end)

  describe("updated", function()
    before_each(function()
      assert(threads:create { id = "p" })
      assert(threads:create { id = "t", title = "old", resource = "r", parent = "p",
        custom = { a = 1, b = { c = 1 } } })
      clock.now = 2000
    end)

    it("changes what the patch names and nothing else", function()
      local thread = assert(threads:update("t", { title = "new" }))
      assert.are.same({ "new", "r", "p", 2000 },
        { thread.title, thread.resource, thread.parent, thread.updated_at })
      assert.are.same({ a = 1, b = { c = 1 } }, thread.custom)
    end)

    it("merges custom key by key, and null takes a key out", function()
      local thread = assert(threads:update("t",
        { custom = { a = moonbase.null, b = { d = 2 }, e = moonbase.array {} } }))
      assert.are.same({ b = { d = 2 }, e = {} }, thread.custom)
    end)

    it("is cleared by null, and by a blank resource or parent", function()
      local thread = assert(threads:update("t", { title = moonbase.null, custom = moonbase.null,
        resource = " ", parent = moonbase.null }))
      assert.are.same({ id = "t", created_at = 1000, updated_at = 2000, count = 0 }, thread)
    end)

    it("that is missing is not found", function()
      outcome.refused("not_found", threads:update("none", { title = "x" }))
    end)

    it("keeps what it had when the patch is bad", function()
      local before = threads:get("t")
      for _, patch in ipairs {
        { title = "\255" }, { custom = { x = 0 / 0 } }, { parent = "missing" },
          { parent = "t" },
        { resource = ("x"):rep(513) }, { custom = { [1] = "a", b = "c" } },
      } do
        local thread, err = threads:update("t", patch)
        assert.is_nil(thread)
        assert.is_true(err.code == "invalid" or err.code == "serialization")
      end
      assert.are.same(before, threads:get("t"))
    end)

    it("names the place of a value that JSON has no form for", function()
      local _, err = threads:update("t", { custom = { deep = { 1, print } } })
      assert.are.same({ "serialization", "custom.deep[2]" }, { err.code, err.field })
    end)
  end)

  describe("deleted", function()
    it("takes its messages, state and queue with it, but not its runs", function()
      assert(threads:append("t", many(5)))
      assert(threads:set_state("t", { x = 1 }))
      assert(threads:enqueue("t", { user("later") }))
      assert(store.runs:create { id = "r", thread = "t", agent = "a" })
      assert.is_true(threads:delete("t"))
      assert.is_nil(threads:get("t"))
      assert.are.equal("r", store.runs:latest("t").id)
      assert(threads:create { id = "t" }) -- and a new one of its name begins afresh
      assert.is_nil(threads:state("t"))
      assert.are.equal(0, threads:count("t"))
      assert.are.same({}, (threads:pending("t")))
      assert.is_nil(threads:get("t").latest_run)
    end)

    it("leaves no row behind", function()
      assert(threads:append("t", many(1200)))
      assert(threads:set_state("t", { x = 1 }))
      assert(threads:enqueue("t", { user("later") }))
      assert(threads:search("m1"))
      assert(threads:append("t", { user("not indexed yet") }))
      assert(threads:delete("t"))
      for _, name in ipairs { "threads", "messages", "segments", "pending", "thread_states",
        "message_backlog" } do
        assert.are.equal(0, conversation.rows(store, name))
      end
      assert.are.same({}, threads:search("m1 not indexed"))
    end)

    it("that is missing is not found", function()
      outcome.refused("not_found", threads:delete("t"))
    end)
  end)

  describe("list", function()
    before_each(function()
      assert(threads:create { id = "root1", resource = "ann" })
      clock.now = 1001
      assert(threads:create { id = "root2", resource = "bob" })
      clock.now = 1002
      assert(threads:create { id = "kid1", parent = "root1", resource = "ann" })
      assert(threads:create { id = "kid2", parent = "root1", resource = "bob" })
    end)

    local function list(query) return fields(assert(threads:list(query)).items, "id") end

    it("has the latest activity first, then goes by id", function()
      assert.are.equal("kid1 kid2 root2 root1", list())
      clock.now = 1003
      assert(threads:append("root1", { user("hi") }))
      assert.are.equal("root1 kid1 kid2 root2", list())
    end)

    it("takes each kind of activity into account", function()
      local function moves(fn)
        clock.now = clock.now + 1
        assert(fn())
        assert.matches("^root2", list())
        clock.now = clock.now + 1
        assert(threads:append("root1", { user("hi") }))
      end
      moves(function() return threads:update("root2", { title = "x" }) end)
      moves(function() return threads:enqueue("root2", { user("x") }) end)
      moves(function() return threads:freeze("root2", { boundary = "new_run" }) end)
      moves(function() return threads:replace("root2", { user("x") }) end)
      moves(function() return threads:clear("root2") end)
      moves(function() return store.runs:create { id = "r", thread = "root2", agent = "a" } end)
      moves(function() return store.runs:update("r", { status = "running" }) end)
    end)

    it("filters by resource, parent and root, trimmed, alone and together", function()
      assert.are.equal("kid1 root1", list { resource = "ann" })
      assert.are.equal("kid1 root1", list { resource = " ann " })
      assert.are.equal("kid1 kid2", list { parent = "root1" })
      assert.are.equal("kid2", list { parent = "root1", resource = "bob" })
      assert.are.equal("root2 root1", list { root = true })
      assert.are.equal("root2", list { root = true, resource = "bob" })
      assert.are.equal("", list { root = true, parent = "root1" })
      assert.are.equal("", list { resource = "an" })
      assert.are.equal("kid1 kid2 root2 root1",
        list { resource = " ", parent = "", root = false })
      assert.are.equal(1, assert(threads:list { parent = "root1", resource = "bob",
        total = true }).total)
    end)

    it("treats filters as data", function()
      assert.are.equal("", list { resource = "a%" })
      assert.are.equal("", list { resource = "' OR 1=1 --" })
    end)

    it("pages a filtered list too", function()
      local page = assert(threads:list { root = true, limit = 1 })
      assert.are.equal("root2", page.items[1].id)
      page = assert(threads:list { root = true, limit = 1, cursor = page.next_cursor })
      assert.are.equal("root1", page.items[1].id)
    end)
  end)

  describe("state", function()
    it("is one document that is set whole", function()
      assert.is_true(threads:set_state("t", { revision = 1, extensions = { a = {} } }))
      assert.are.same({ revision = 1, extensions = { a = {} } }, threads:state("t"))
      assert(threads:set_state("t", { other = true }))
      assert.are.same({ other = true }, threads:state("t"))
      assert.are.equal("t", threads:get("t").id)
    end)

    it("is kept when the new one has no JSON form", function()
      assert(threads:set_state("t", { a = 1 }))
      local ok, err = threads:set_state("t", { a = { b = { 1, nil, 3 } } })
      assert.is_nil(ok)
      assert.are.same({ "serialization", "state.a.b" }, { err.code, err.field })
      assert.are.same({ a = 1 }, threads:state("t"))
      assert.has_error(function() threads:set_state("t", "text") end)
      assert.has_error(function() threads:set_state("t") end)
    end)
  end)

  describe("of another scope", function()
    it("is not seen, changed or counted", function()
      local other = store:scope("other").threads
      assert(threads:append("t", { user("mine", "m1") }))
      assert(threads:set_state("t", { mine = true }))
      assert(other:append("t", { user("theirs", "m1"), user("too", "m2") }))
      assert.are.same({ 1, 2 }, { threads:count("t"), other:count("t") })
      assert.are.equal("mine", threads:message("t", "m1").message.content)
      assert.is_nil(other:state("t"))
      assert.are.equal(1, assert(other:list { total = true }).total)
      assert.are.same({}, threads:search("theirs"))
      assert.are.equal(1, #other:search("theirs"))
      assert(other:delete("t"))
      assert.are.equal(1, threads:count("t"))
      assert.are.same({ mine = true }, threads:state("t"))
    end)

    it("reads as empty before its first write", function()
      local other = store:scope("other").threads
      assert.is_nil(other:get("t"))
      assert.are.same({}, other:list().items)
      assert.are.same({}, other:search("x"))
      assert.are.equal(1, conversation.rows(store, "scopes"))
    end)
  end)

  it("refuses ids that are none, in every call", function()
    local bad = { "", "  ", "a\0b", "\255", ("x"):rep(513) }
    local calls = {
      function(id) return threads:create { id = id } end,
      function(id) return threads:create { parent = "x" .. id .. "\255" } end,
      function(id) return threads:save { id = id } end,
      function(id) return threads:get(id) end,
      function(id) return threads:update(id, { title = "x" }) end,
      function(id) return threads:delete(id) end,
      function(id) return threads:children(id) end,
      function(id) return threads:append(id, { user("x") }) end,
      function(id) return threads:messages(id) end,
      function(id) return threads:messages("t", { run = id }) end,
      function(id) return threads:each(id) end,
      function(id) return threads:message(id, "m") end,
      function(id) return threads:message("t", id) end,
      function(id) return threads:range(id, 1, 2) end,
      function(id) return threads:count(id) end,
      function(id) return threads:view(id) end,
      function(id) return threads:replace(id, { user("x") }) end,
      function(id) return threads:clear(id) end,
      function(id) return threads:state(id) end,
      function(id) return threads:set_state(id, {}) end,
      function(id) return threads:fork(id) end,
      function(id) return threads:fork("t", { id = id }) end,
      function(id) return threads:search("x", { thread = id }) end,
      function(id) return threads:enqueue(id, { user("x") }) end,
      function(id) return threads:enqueue("t", { user("x") }, { target_run = id }) end,
      function(id) return threads:pending(id) end,
      function(id) return threads:revise(id, "m", user("x")) end,
      function(id) return threads:revise("t", id, user("x")) end,
      function(id) return threads:retract(id, "m") end,
      function(id) return threads:reorder(id, {}) end,
      function(id) return threads:reorder("t", { id }) end,
      function(id) return threads:freeze(id, { boundary = "new_run" }) end,
    }
    for i, call in ipairs(calls) do
      for _, id in ipairs(bad) do
        local result, err = call(id)
        assert.is_nil(result, "call " .. i)
        assert.are.equal("invalid", err.code, "call " .. i)
        assert.is_string(err.field)
      end
    end
    assert.are.equal(0, conversation.rows(store, "threads"))
  end)

  it("raises for what is no use of a call", function()
    local function raises(name, fn)
      local ok, err = pcall(fn)
      assert.is_false(ok)
      assert.matches(name, err.message, 1, true)
    end
    raises("'id'", function() threads:get(5) end)
    raises("'id'", function() threads:get() end)
    raises("thread.titel", function() threads:create { titel = "x" } end)
    raises("thread.title", function() threads:create { title = 5 } end)
    raises("thread.custom", function() threads:create { custom = "x" } end)
    raises("'thread'", function() threads:save("t") end)
    raises("options.valid", function() threads:save({ id = "t" }, { valid = true }) end)
    raises("patch.id", function() threads:update("t", { id = "u" }) end)
    raises("options.children", function() threads:delete("t", { children = "kill" }) end)
    raises("query.order", function() threads:messages("t", { order = "up" }) end)
    raises("query.visibility", function() threads:messages("t", { visibility = "all" }) end)
    raises("query.offsets", function() threads:messages("t", { offsets = 1 }) end)
    raises("query.root", function() threads:list { root = "yes" } end)
    raises("'text'", function() threads:search() end)
    raises("options.boundary", function() threads:enqueue("t", {}, { boundary = "now" }) end)
    raises("options.granularity", function() threads:enqueue("t", {},
      { granularity = "two" }) end)
    raises("options.boundary", function() threads:freeze("t", { boundary = "now" }) end)
    raises("options.run", function() threads:freeze("t",
      { boundary = "new_run", run = "r" }) end)
  end)
end)
