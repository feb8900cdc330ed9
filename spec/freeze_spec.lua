local conversation = require "spec.support.conversation"

local fields, many, texts, user = conversation.fields, conversation.many, conversation.texts,
  conversation.user

describe("a freeze", function()
  local store, clock, threads

  before_each(function()
    store, clock = conversation.store()
    threads = store.threads
    assert(threads:append("t", { user("first") }))
  end)

  local function state()
    return { texts(threads:messages("t").items), fields(threads:pending("t"), "id"),
      (select(2, threads:pending("t"))), threads:get("t"), store.runs:list().items }
  end

  -- The call fails with these fields of its error and changes nothing.
  local function refuses(expected, options)
    local before = state()
    local records, err = threads:freeze("t", options)
    assert.is_nil(records)
    for name, value in pairs(expected) do assert.are.same(value, err[name]) end
    assert.are.same(before, state())
  end

  it("moves what is due to the end of the log", function()
    assert(threads:enqueue("t", many(2)))
    clock.now = 2000
    local records = assert(threads:freeze("t", { boundary = "new_run" }))
    assert.are.same({ "2 3", "m1 m2", "t" },
      { fields(records, "seq"), texts(records), records[1].thread })
    assert.are.same({ "first m1 m2", "" }, { state()[1], state()[2] })
    assert.are.same({ 3, 2000 }, { threads:count("t"), threads:get("t").updated_at })
  end)

  it("leaves what is not due", function()
    assert(threads:enqueue("t", { user("later", "later") }))
    assert(threads:enqueue("t", { user("now", "now") }, { boundary = "next_step" }))
    assert.are.equal("now", texts(assert(threads:freeze("t", { boundary = "next_step" }))))
    assert.are.same({ "first now", "later" }, { state()[1], state()[2] })
    assert.are.equal(1, threads:pending("t")[1].position)
    assert.are.same({}, threads:freeze("t", { boundary = "interrupt" }))
    assert.are.equal("later", texts(assert(threads:freeze("t", { boundary = "new_run" }))))
  end)

  it("gives messages the run and step of their metadata", function()
    assert(threads:enqueue("t", { { id = "m", role = "user", content = "x",
      visibility = "internal",
      metadata = { run_id = "r", step_index = 2 } } }))
    local record = assert(threads:freeze("t", { boundary = "new_run" }))[1]
    assert.are.same({ "r", 2 }, { record.run, record.step })
    assert.are.same({ record }, threads:messages("t", { run = "r",
      visibility = "internal" }).items)
  end)

  it("of a missing thread has nothing to move", function()
    assert.are.same({}, threads:freeze("none", { boundary = "new_run", expected = 0,
      expected_ids = {} }))
    assert.is_nil(threads:get("none"))
    local _, err = threads:freeze("none", { boundary = "new_run", expected = 1 })
    assert.are.same({ "conflict", 1, 0 }, { err.code, err.expected, err.actual })
    _, err = threads:freeze("none", { boundary = "new_run", expected_ids = { "m" } })
    assert.are.same({ "conflict", { "m" }, {} }, { err.code, err.expected, err.actual })
  end)

  it("needs a boundary", function()
    refuses({ code = "invalid", field = "boundary" }, {})
  end)

  it("moves nothing when the log has another length", function()
    assert(threads:enqueue("t", many(2)))
    refuses({ code = "conflict", expected = 0, actual = 1 }, { boundary = "new_run",
      expected = 0 })
    assert(threads:freeze("t", { boundary = "new_run", expected = 1 }))
  end)

  it("moves nothing when other messages are due than expected", function()
    assert(threads:enqueue("t", many(2)))
    for _, ids in ipairs { {}, { "m1" }, { "m2", "m1" }, { "m1", "m2", "m3" } } do
      refuses({ code = "conflict", expected = ids, actual = { "m1", "m2" } },
        { boundary = "new_run", expected_ids = ids })
    end
    refuses({ code = "conflict", expected = { "m1" }, actual = {} },
      { boundary = "interrupt", expected_ids = { "m1" } })
    assert(threads:freeze("t", { boundary = "new_run", expected_ids = { "m1", "m2" } }))
  end)

  it("moves nothing when an id was committed meanwhile, or a mark is not yet legal", function()
    assert(threads:enqueue("t", { user("m1", "m1") }))
    assert(threads:append("t", { user("overtaken", "m1") }))
    refuses({ code = "invalid" }, { boundary = "new_run" })
    assert(threads:retract("t", "m1"))
    assert(threads:enqueue("t", { { role = "user", content = "x",
      metadata = { compaction = { from_seq = 1, to_seq = 9 } } } }))
    refuses({ code = "invalid", field = "pending[1].metadata.compaction.to_seq" },
      { boundary = "new_run" })
  end)

  describe("with a run", function()
    before_each(function() assert(threads:enqueue("t", many(2))) end)

    it("writes the run and shows it on the thread, with the messages", function()
      local records = assert(threads:freeze("t", { boundary = "new_run",
        run = { id = "r", agent = "a", status = "running", extra = { 1 } } }))
      assert.are.equal(2, #records)
      local run = store.runs:get("r")
      assert.are.same({ "t", "running", { 1 } }, { run.thread, run.status, run.extra })
      assert.are.same({ "r", "r", "r" },
        { threads:get("t").active_run, threads:get("t").open_run, threads:get("t").latest_run })
    end)

    it("goes on with a run that is there", function()
      assert(store.runs:create { id = "r", thread = "t", agent = "a" })
      clock.now = 2000
      assert(threads:freeze("t", { boundary = "new_run",
        run = { id = "r", agent = "a", status = "running" } }))
      local run = store.runs:get("r")
      assert.are.same({ "running", 1000, 2000 }, { run.status, run.created_at, run.updated_at })
    end)

    it("selects for that run", function()
      assert(threads:enqueue("t", { user("mine", "mine") }, { boundary = "next_step",
        target_run = "r" }))
      assert(threads:enqueue("t", { user("else", "else") }, { boundary = "next_step",
        target_run = "s" }))
      local records = assert(threads:freeze("t", { boundary = "next_step",
        run = { id = "r", agent = "a", status = "running" }, expected_ids = { "mine" } }))
      assert.are.equal("mine", texts(records))
      assert.are.equal("m1 m2 else", fields(threads:pending("t"), "id"))
    end)

    it("may move nothing and still write the run, and the thread when it is missing", function()
      assert.are.same({}, threads:freeze("new", { boundary = "new_run", expected_ids = {},
        run = { id = "r", agent = "a" } }))
      assert.are.same({ "r", 0 }, { threads:get("new").open_run, threads:count("new") })
    end)

    it("writes neither when one of them is refused", function()
      local run = { id = "r", agent = "a", status = "running" }
      refuses({ code = "conflict" }, { boundary = "new_run", run = run, expected = 5 })
      refuses({ code = "conflict" }, { boundary = "new_run", run = run, expected_ids = {} })
      refuses({ code = "invalid", field = "finished_at" }, { boundary = "new_run",
        run = { id = "r", agent = "a", status = "running", finished_at = 5 } })
      refuses({ code = "invalid", field = "agent" }, { boundary = "new_run",
        run = { id = "r" } })
      refuses({ code = "invalid", field = "run.thread" }, { boundary = "new_run",
        run = { id = "r", agent = "a", thread = "other" } })
      refuses({ code = "serialization", field = "state.x" }, { boundary = "new_run",
        run = { id = "r", agent = "a", state = { x = 0 / 0 } } })
      refuses({ code = "invalid", message = "parent thread not found: nowhere" },
        { boundary = "new_run",
        run = { id = "r", agent = "a", request = { parent_thread_id = "nowhere" } } })
      assert.is_nil(store.runs:get("r"))
    end)
  end)

  it("refuses a message whose id was appended meanwhile, until that is withdrawn", function()
    assert(threads:enqueue("t", { user("new", "new"), user("other", "other") }))
    assert(threads:append("t", { user("new", "new") }))
    local place = #threads:pending("t") - 1
    refuses({ code = "invalid", field = "pending[" .. place .. "].id" },
      { boundary = "new_run" })
    assert(threads:retract("t", "new"))
    assert.are.equal("other", texts(assert(threads:freeze("t", { boundary = "new_run" }))):match "%S+$")
  end)

  it("and an enqueue before it are one with a transaction around them", function()
    local ok = store:transaction(function(tx)
      assert(tx.threads:enqueue("t", many(2)))
      assert(tx.threads:freeze("t", { boundary = "new_run", run = { id = "r", agent = "a" } }))
      return nil, "no"
    end)
    assert.is_nil(ok)
    assert.are.same({ 1, {} }, { threads:count("t"), (threads:pending("t")) })
    assert.is_nil(store.runs:get("r"))
  end)
end)
