local conversation = require "spec.support.conversation"
local moonbase = require "moonbase"

local fields = conversation.fields

describe("a run", function()
  local store, clock, runs, threads

  before_each(function()
    store, clock = conversation.store()
    runs, threads = store.runs, store.threads
  end)

  local function create(changes)
    local run = { id = "r", thread = "t", agent = "a" }
    for key, value in pairs(changes or {}) do run[key] = value end
    return runs:create(run)
  end

  local function refused(field, result, err)
    assert.is_nil(result)
    assert.are.same({ "invalid", field }, { err.code, err.field })
  end

  it("is created with defaults, an id and the store's times", function()
    local run = assert(runs:create { thread = "t", agent = "a" })
    assert.matches("^%x+%-%x+%-7", run.id)
    assert.are.same({ id = run.id, thread = "t", agent = "a", status = "created",
      created_at = 1000,
      updated_at = 1000, steps = 0, input_tokens = 0, output_tokens = 0 }, run)
    assert.are.same(run, runs:get(run.id))
  end)

  it("comes back with every field", function()
    local given = {
      id = "r", thread = "t", agent = "a", parent = "p", status = "done", started_at = 5,
      finished_at = 9, steps = 3, input_tokens = 100, output_tokens = 20,
      outcome = { termination_reason = { type = "natural_end" }, final_output = "done" },
      state = { revision = 2, extensions = { list = moonbase.array {} } }, resolution_id = "x",
      input = { thread_id = "t", range = { from_seq = 1, to_seq = 2 } },
      output = { thread_id = "t", range = { from_seq = 3, to_seq = 4 }, message_ids = { "a",
        "b" } },
      activation = { intent = { thread_id = "t" }, input = { thread_id = "t" } },
        null = moonbase.null,
    }
    local run = assert(runs:create(given))
    given.created_at, given.updated_at = 1000, 1000
    assert.are.same(given, run)
    assert.are.same(given, runs:get("r"))
  end)

  it("that exists is not created again, and one that is missing is nil", function()
    assert(create { steps = 1 })
    local run, err = create { steps = 2 }
    assert.is_nil(run)
    assert.are.equal("exists", err.code)
    assert.are.equal(1, runs:get("r").steps)
    assert.is_nil(runs:get("none"))
    assert.is_nil(runs:latest("none"))
  end)

  it("has times that only the store sets", function()
    local run = assert(create { created_at = 5, updated_at = 6 })
    assert.are.same({ 1000, 1000 }, { run.created_at, run.updated_at })
    clock.now = 2000
    run = assert(runs:update("r", { created_at = 5, updated_at = 6 }))
    assert.are.same({ 1000, 2000 }, { run.created_at, run.updated_at })
  end)

  it("may belong to a thread that is not there, and does not make it", function()
    assert(create())
    assert.is_nil(threads:get("t"))
  end)

  describe("updated", function()
    before_each(function() assert(create { steps = 1, extra = { a = 1 }, note = "x" }) end)

    it("changes what the patch names; null takes a field out", function()
      clock.now = 2000
      local run = assert(runs:update("r", { steps = 2, note = moonbase.null, more = true }))
      assert.are.same({ id = "r", thread = "t", agent = "a", status = "created",
        created_at = 1000,
        updated_at = 2000, steps = 2, input_tokens = 0, output_tokens = 0, extra = { a = 1 },
        more = true }, run)
      assert.are.same(run, runs:get("r"))
    end)

    it("that is missing is not found", function()
      assert.are.equal("not_found", select(2, runs:update("none", {})).code)
    end)

    it("keeps its id and its thread", function()
      refused("id", runs:update("r", { id = "other" }))
      refused("thread", runs:update("r", { thread = "other" }))
      refused("thread", runs:update("r", { thread = moonbase.null }))
      assert(runs:update("r", { id = "r", thread = "t", agent = "b" }))
      assert.are.equal("b", runs:get("r").agent)
    end)

    it("stays what it was when the patch is bad", function()
      local before = runs:get("r")
      refused("status", runs:update("r", { status = "waiting" }))
      refused("steps", runs:update("r", { steps = -1 }))
      assert.are.equal("serialization", select(2, runs:update("r", { extra = { 1, nil,
        3 } })).code)
      assert.are.same(before, runs:get("r"))
    end)
  end)

  describe("refuses", function()
    it("blank ids and ids that are none", function()
      for _, field in ipairs { "id", "thread", "agent", "parent" } do
        for _, value in ipairs { "", " ", "\255", ("x"):rep(513), 5 } do
          refused(field, create { [field] = value })
        end
      end
      refused("thread", runs:create { agent = "a" })
      refused("agent", runs:create { thread = "t" })
      assert.are.equal("invalid", select(2, runs:get(" ")).code)
      assert.are.equal("invalid", select(2, runs:latest("")).code)
    end)

    it("numbers that are no counts or times", function()
      for _, field in ipairs { "steps", "input_tokens", "output_tokens", "started_at",
        "finished_at" } do
        for _, value in ipairs { -1, 0.5, 0 / 0, "1" } do
          refused(field, create { [field] = value, status = "done" })
        end
      end
    end)

    it("what its status must not have, and the lack of what it must", function()
      local outcome, waiting = { final_output = "x" }, { reason = "user_input" }
      for _, status in ipairs { "created", "running" } do
        refused("waiting", create { status = status, waiting = waiting })
        refused("outcome", create { status = status, outcome = outcome })
        refused("finished_at", create { status = status, finished_at = 5 })
      end
      refused("waiting", create { status = "waiting" })
      refused("outcome", create { status = "waiting", waiting = waiting, outcome = outcome })
      refused("finished_at", create { status = "waiting", waiting = waiting, finished_at = 5 })
      refused("waiting", create { status = "done", waiting = waiting })
      refused("status", create { status = "asleep" })
      refused("status", create { status = 5 })
      refused("waiting", create { status = "waiting", waiting = "text" })
      refused("outcome", create { status = "done", outcome = "text" })
      refused("state", create { state = "text" })
    end)

    it("two different stories of its end", function()
      local outcome = { termination_reason = { type = "stopped", value = { code = "x" } },
        final_output = "y" }
      refused("termination_reason", create { status = "done", outcome = outcome,
        termination_reason = { type = "cancelled" } })
      refused("final_output", create { status = "done", outcome = outcome, final_output = "z" })
      refused("error_payload", create { status = "done", outcome = outcome,
        error_payload = { 1 } })
      assert(create { status = "done", outcome = outcome, final_output = "y",
        termination_reason = { value = { code = "x" }, type = "stopped" } })
    end)

    it("messages of another thread, and ranges that are none", function()
      refused("input.thread_id", create { input = { thread_id = "other" } })
      refused("output.thread_id", create { output = { thread_id = "other" } })
      refused("activation.input.thread_id",
        create { activation = { input = { thread_id = "other" } } })
      refused("activation.intent.thread_id",
        create { activation = { intent = { thread_id = "other" } } })
      refused("input.range", create { input = { range = { from_seq = 0, to_seq = 2 } } })
      refused("output.range", create { output = { range = { from_seq = 3, to_seq = 2 } } })
      refused("output.range", create { output = { range = { from_seq = 1, to_seq = 2 },
        message_ids = { "a" } } })
    end)

    it("what is no table", function()
      assert.has_error(function() runs:create("r") end)
      assert.has_error(function() runs:update("r") end)
      assert.has_error(function() runs:update("r", "done") end)
    end)
  end)

  describe("goes", function()
    local EXAMPLES = {
      created = {}, running = {}, waiting = { waiting = { reason = "user_input" } }, done = {},
    }
    local LEGAL = {
      created = { running = true, done = true }, running = { waiting = true, done = true },
      waiting = { running = true, done = true }, done = {},
    }

    it("only from one status to a legal other, or to itself", function()
      for from, example in pairs(EXAMPLES) do
        for to, patch in pairs(EXAMPLES) do
          local id = from .. "-" .. to
          assert(create { id = id, status = from, waiting = example.waiting })
          local run, err = runs:update(id, { status = to, waiting = patch.waiting })
          if from == to or LEGAL[from][to] then
            assert.are.equal(to, assert(run).status)
          else
            refused("status", run, err)
            assert.are.equal(from, runs:get(id).status)
          end
        end
      end
    end)

    it("on from waiting without what it waited for", function()
      assert(create { status = "waiting", waiting = { reason = "user_input",
        tickets = { 1 } } })
      assert.are.same({ reason = "user_input", tickets = { 1 } }, runs:get("r").waiting)
      assert.is_nil(assert(runs:update("r", { status = "running" })).waiting)
      assert.is_nil(runs:get("r").waiting)
      refused("waiting", runs:update("r", { waiting = { reason = "again" } }))
    end)

    it("to its end with the time of it", function()
      assert(create { status = "running" })
      clock.now = 2000
      assert.are.equal(2000, assert(runs:update("r", { status = "done" })).finished_at)
      clock.now = 3000
      assert.are.equal(2000, assert(runs:update("r", { note = "later" })).finished_at)
      assert.are.equal(7, assert(create { id = "s", status = "done",
        finished_at = 7 }).finished_at)
    end)
  end)

  describe("the latest of a thread", function()
    it("has the greatest updated_at", function()
      assert(create { id = "a" })
      clock.now = 2000
      assert(create { id = "b" })
      assert.are.equal("b", runs:latest("t").id)
      clock.now = 3000
      assert(runs:update("a", { steps = 1 }))
      assert.are.equal("a", runs:latest("t").id)
      assert(create { id = "c", thread = "other" })
      assert.are.equal("a", runs:latest("t").id)
    end)

    it("of several written at one time is the last one written", function()
      for _, id in ipairs { "a", "b", "c" } do assert(create { id = id }) end
      assert.are.equal("c", runs:latest("t").id)
      assert(runs:update("a", { steps = 1 }))
      assert.are.equal("a", runs:latest("t").id)
      assert(runs:update("b", { steps = 1 }))
      assert(threads:freeze("t", { boundary = "new_run", run = { id = "c", agent = "a" } }))
      assert.are.equal("c", runs:latest("t").id)
    end)
  end)

  describe("list", function()
    before_each(function()
      for i, id in ipairs { "e", "d", "c", "b", "a" } do
        clock.now = 1000 + math.floor(i / 2)
        assert(create { id = id, thread = i > 3 and "u" or "t", agent = i % 2 == 0
          and "x" or "y",
          status = i > 2 and "running" or "created" })
      end
    end)

    local function list(query) return fields(assert(runs:list(query)).items, "id") end

    it("is oldest first, then by id", function()
      assert.are.equal("e c d a b", list())
      assert(runs:update("e", { steps = 1 }))
      assert.are.equal("e c d a b", list())
    end)

    it("filters by thread, status and agent, alone and together", function()
      assert.are.equal("e c d", list { thread = "t" })
      assert.are.equal("c a b", list { status = "running" })
      assert.are.equal("d b", list { agent = "x" })
      assert.are.equal("c", list { thread = "t", status = "running" })
      assert.are.equal("b", list { thread = "u", status = "running", agent = "x" })
      assert.are.equal("", list { thread = "none" })
      assert.has_error(function() runs:list { status = "asleep" } end)
      assert.has_error(function() runs:list { state = "running" } end)
    end)

    it("is paged, counted and skipped", function()
      local page = assert(runs:list { limit = 2, offset = 2, total = true })
      assert.are.same({ "d a", true, 5 }, { fields(page.items, "id"), page.has_more,
        page.total })
      local last = assert(runs:list { limit = 2, cursor = page.next_cursor })
      assert.are.same({ "b", false }, { fields(last.items, "id"), last.has_more })
      assert.are.equal("e c", list { limit = 2, cursor = page.prev_cursor })
      assert.are.same({}, assert(runs:list { limit = 0 }).items)
    end)
  end)

  it("of another scope is not seen", function()
    local other = store:scope("other").runs
    assert(create())
    assert.is_nil(other:get("r"))
    assert.is_nil(other:latest("t"))
    assert.are.same({}, other:list().items)
    assert.are.equal("not_found", select(2, other:update("r", { steps = 1 })).code)
    assert(other:create { id = "r", thread = "t", agent = "b" })
    assert.are.equal("a", runs:get("r").agent)
  end)
end)

describe("a thread shows its runs:", function()
  local store, clock, runs, threads

  before_each(function()
    store, clock = conversation.store()
    runs, threads = store.runs, store.threads
    assert(threads:create { id = "t" })
  end)

  local function shown()
    local thread = threads:get("t")
    return { thread.active_run or "-", thread.open_run or "-", thread.latest_run or "-" }
  end

  local function put(id, status, extra)
    local run = { id = id, thread = "t", agent = "a", status = status }
    for key, value in pairs(extra or {}) do run[key] = value end
    if runs:get(id) then return assert(runs:update(id, run)) end
    return assert(runs:create(run))
  end

  it("the active, the open and the latest one", function()
    assert.are.same({ "-", "-", "-" }, shown())
    put("r", "created")
    assert.are.same({ "-", "r", "r" }, shown())
    put("r", "running")
    assert.are.same({ "r", "r", "r" }, shown())
    put("r", "waiting", { waiting = { reason = "user_input" } })
    assert.are.same({ "-", "r", "r" }, shown())
    put("r", "running")
    put("r", "done")
    assert.are.same({ "-", "-", "r" }, shown())
  end)

  it("a run that ends takes back only what shows itself", function()
    put("r", "running")
    put("s", "running")
    put("r", "done")
    assert.are.same({ "s", "s", "r" }, shown())
    put("s", "done")
    assert.are.same({ "-", "-", "s" }, shown())
  end)

  it("a run older than the one shown changes nothing, unless it ends", function()
    put("old", "running")
    put("new", "running")
    assert(store.context.engine:exec "UPDATE threads SET active_run = 'old'")
    clock.now = 500 -- the clock went back
    put("old", "waiting", { waiting = { reason = "rate_limit" } })
    assert.are.same({ "old", "new", "new" }, shown())
    put("old", "done")
    assert.are.same({ "-", "new", "new" }, shown())
  end)

  it("takes the parent that a run's request names, once", function()
    for _, id in ipairs { "p", "q" } do assert(threads:create { id = id }) end
    put("r", "created", { request = { parent_thread_id = "  " } })
    assert.is_nil(threads:get("t").parent)
    put("r", "running", { request = { parent_thread_id = " p " } })
    assert.are.equal("p", threads:get("t").parent)
    put("r", "running", { request = { parent_thread_id = "q" } })
    assert.are.equal("p", threads:get("t").parent)
  end)

  it("refuses a parent that would break the tree, and the run with it", function()
    assert(threads:create { id = "kid", parent = "t" })
    for parent, message in pairs { none = "parent thread not found: none",
      t = "thread 't' cannot parent itself", kid = "thread hierarchy cycle detected at 't'" } do
      local run, err = runs:create { id = "r", thread = "t", agent = "a",
        request = { parent_thread_id = parent } }
      assert.is_nil(run)
      assert.are.same({ "invalid", message }, { err.code, err.message })
    end
    assert.is_nil(runs:get("r"))
    assert.are.same({ "-", "-", "-" }, shown())
  end)
end)
