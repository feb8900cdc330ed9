local conversation = require "spec.support.conversation"
local files = require "spec.support.files"
local flow = require "spec.support.flow"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises, refuses = outcome.raises_about, outcome.refuses

local null = moonbase.null

describe("a flow run", function()
  local store, clock, flows, path

  before_each(function()
    path = files.database()
    store, clock = stores.open(path)
    flows = store.flows
  end)

  after_each(stores.cleanup)

  local function rows()
    local total = 0
    for _, name in ipairs { "flows", "flow_documents", "flow_steps", "flow_failures",
      "flow_iterations", "flow_outputs" } do
      total = total + stores.rows(store, name)
    end
    return total
  end

  describe("begins", function()
    it("pending, with all that it will hold", function()
      local expected = {
        id = "r", mob = "team", flow = "report", status = "pending", state = { phase = "new" },
        params = { topic = "x" }, created_at = 1000, steps = {}, failures = {}, frames = {},
        loops = {}, iterations = {}, outputs = {}, output_order = {}, loop_outputs = {},
      }
      local run = assert(flows:create { id = "r", mob = "team", flow = "report",
        params = { topic = "x" }, state = { phase = "new" } })
      assert.are.same(expected, run)
      assert.are.same(expected, flows:get("r"))
    end)

    it("with an id of its own where none is given", function()
      local a = assert(flows:create { mob = "m", flow = "f", state = {} })
      local b = assert(flows:create { mob = "m", flow = "f", state = {} })
      assert.are_not.equal(a.id, b.id)
      assert.are.equal(a.id, flows:get(a.id).id)
    end)

    it("once: another of its id is refused and changes nothing", function()
      flow.create(store, "r")
      local before, count = flows:get("r"), rows()
      refuses("exists", nil, flows.create, flows,
        { id = "r", mob = "other", flow = "other", state = { other = true } })
      assert.are.same(before, flows:get("r"))
      assert.are.equal(count, rows())
    end)

    it("with any JSON as params and state", function()
      for _, value in ipairs { false, true, null, 0, -1.5, "", "text", moonbase.array {}, {},
        { deep = { { null, false } } } } do
        local run = assert(flows:create { mob = "m", flow = "f", params = value, state = value })
        assert.are.same(value, run.params)
        assert.are.same(value, run.state)
        assert.are.same(value, flows:get(run.id).state)
      end
    end)

    it("only with what it needs", function()
      local good = { mob = "m", flow = "f", state = {} }
      for field, bad in pairs { mob = " ", flow = ("x"):rep(513), id = "a\0b" } do
        local fields = { mob = good.mob, flow = good.flow, state = good.state }
        fields[field] = bad
        refuses("invalid", field, flows.create, flows, fields)
      end
      for _, field in ipairs { "mob", "flow", "state" } do
        local fields = { mob = good.mob, flow = good.flow, state = good.state }
        fields[field] = nil
        refuses("invalid", field, flows.create, flows, fields)
      end
      raises("fields", flows.create, flows)
      raises("fields.status", flows.create, flows, { mob = "m", flow = "f", state = {},
        status = "running" })
      raises("fields.mob", flows.create, flows, { mob = 1, flow = "f", state = {} })
      assert.are.equal(0, rows())
    end)

    it("not with a document that JSON cannot hold", function()
      refuses("serialization", "state.a[1].f", flows.create, flows,
        { mob = "m", flow = "f", state = { a = { { f = print } } } })
      refuses("serialization", "params", flows.create, flows,
        { mob = "m", flow = "f", state = {}, params = 0 / 0 })
      assert.are.equal(0, rows())
    end)
  end)

  describe("is read", function()
    it("whole, and nil where there is none", function()
      local run = flow.create(store, "r")
      assert.are.same(flow.STATE, run.state)
      assert.are.same({ f = flow.FRAME }, run.frames)
      assert.are.same({ l = flow.LOOP }, run.loops)
      assert.are.same({ { loop_instance = "l", iteration = 7, frame = "x" } }, run.iterations)
      assert.are.same({ { step = "s", agent = "ann", status = "dispatched", at = 1000 } },
        run.steps)
      assert.are.same({ { step = "s", reason = "no luck", at = 1000 } }, run.failures)
      assert.are.same({}, { flows:get("other") })
      refuses("invalid", "id", flows.get, flows, "\255")
      raises("id", flows.get, flows, nil)
    end)

    it("the same after a reopen, and through another handle", function()
      local before = flow.create(store, "r")
      local other = stores.open(path, { shared = false })
      assert.are.same(before, other.flows:get("r"))
      other:close()
      store:close()
      store = stores.open(path)
      assert.are.same(before, store.flows:get("r"))
    end)

    it("in part, as much as a compare-and-swap needs", function()
      flow.create(store, "r")
      assert.are.same({ id = "r", mob = "mob", flow = "flow", status = "running",
        created_at = 1000, params = { 1 }, state = flow.STATE }, flows:peek { run = "r" })
      local peeked = flows:peek { run = "r", frame = "f", loop_instance = "l" }
      assert.are.same({ flow.FRAME, flow.LOOP }, { peeked.frame, peeked.loop })
      peeked = flows:peek { run = "r", frame = "l", loop_instance = "f" }
      assert.are.same({}, { peeked.frame, peeked.loop })
      assert.are.same({}, { flows:peek { run = "other" } })
      refuses("invalid", "run", flows.peek, flows, {})
      refuses("invalid", "frame", flows.peek, flows, { run = "r", frame = "" })
      raises("fields.step", flows.peek, flows, { run = "r", step = "s" })
    end)

    if not jit then
      it("with numbers of the type they were given in", function()
        local kind = rawget(math, "type")
        local document = { 1, 1.0, -0.0, 2 ^ 53, 9007199254740993, { 3.0 } }
        flows:create { id = "r", mob = "m", flow = "f", state = document, params = document }
        flows:cas_frame { run = "r", frame = "f", next = document }
        flows:upsert_loop("r", "l", document)
        flows:cas_complete_step { run = "r", frame = "f", expected_frame = document,
          next_frame = document, step = "s", output = document }
        local run = flows:get("r")
        for _, back in ipairs { run.state, run.params, run.frames.f, run.loops.l,
          run.outputs.s } do
          for i = 1, 5 do
            assert.are.equal(kind(document[i]), kind(back[i]))
            assert.are.equal(tostring(document[i]), tostring(back[i]))
          end
          assert.are.equal("float", kind(back[6][1]))
        end
      end)
    end
  end)

  describe("is deleted", function()
    it("with all that it holds and nothing else", function()
      flow.create(store, "other")
      local others, count = flows:get("other"), rows()
      flow.create(store, "r")
      assert(flow.call(store, "cas_complete_step", "r"))
      assert.is_true(flows:delete("r"))
      assert.are.equal(count, rows())
      assert.is_nil(flows:get("r"))
      assert.are.same(others, flows:get("other"))
    end)

    it("once", function()
      refuses("not_found", nil, flows.delete, flows, "r")
      flow.create(store, "r")
      assert.is_true(flows:delete("r"))
      refuses("not_found", nil, flows.delete, flows, "r")
      refuses("invalid", "id", flows.delete, flows, " ")
    end)

    it("and its id begins anew", function()
      flow.create(store, "r")
      flows:delete("r")
      local run = flows:create { id = "r", mob = "m", flow = "f", state = 0 }
      assert.are.same({ {}, {}, {} }, { run.frames, run.steps, run.iterations })
    end)
  end)

  it("belongs to its scope", function()
    local other = assert(store:scope("other"))
    local run = flow.create(store, "r")
    assert.is_nil(other.flows:get("r"))
    assert.are.same({}, other.flows:list().items)
    refuses("not_found", nil, flow.call, other, "cas_state", "r")
    refuses("not_found", nil, other.flows.delete, other.flows, "r")
    assert(other.flows:create { id = "r", mob = "m", flow = "f", state = "mine" })
    assert(other.flows:delete("r"))
    assert.are.same(run, flows:get("r"))
  end)

  it("is only read through a handle that may not write", function()
    local run = flow.create(store, "r")
    local reader = stores.open(path, { readonly = true })
    assert.are.same(run, reader.flows:get("r"))
    refuses("readonly", nil, flow.call, reader, "cas_state", "r")
    refuses("readonly", nil, reader.flows.delete, reader.flows, "r")
    reader:close()
    raises("closed", reader.flows.get, reader.flows, "r")
  end)

  it("takes names as data, whatever they say", function()
    local names = { "'; DROP TABLE flows; --", "%", "a::b:c", "\"", "$.x", "a\nb", "null" }
    for i, name in ipairs(names) do
      assert(flows:create { id = name, mob = name, flow = name, state = { [name] = i } })
      assert(flows:cas_frame { run = name, frame = name, next = { [name] = name } })
      assert(flows:cas_complete_step { run = name, frame = name,
        expected_frame = { [name] = name }, next_frame = i, step = name, output = name,
        loop = name, iteration = 1 })
    end
    for i, name in ipairs(names) do
      local items = flows:list { mob = name, flow = name }.items
      assert.are.equal(1, #items)
      assert.are.same({ [name] = i }, items[1].state)
      assert.are.same({ [name] = { {}, { [name] = name } } }, items[1].loop_outputs)
    end
  end)

  describe("is listed", function()
    local function ids(query)
      return conversation.fields(assert(flows:list(query)).items, "id")
    end

    -- b3 a1 c2: in the order in which they began, two of them at the same time.
    before_each(function()
      for i, name in ipairs { "b3", "a1", "c2" } do
        clock.now = 1000 + math.floor(i / 2)
        assert(flows:create { id = name, mob = "m" .. i % 2, flow = "f" .. i, state = i })
      end
      assert(flows:cas_status { run = "a1", expected = "pending", next = "running" })
    end)

    it("oldest first", function()
      assert.are.equal("b3 a1 c2", ids())
      clock.now = 500
      assert(flows:create { id = "early", mob = "m", flow = "f", state = 0 })
      assert.are.equal("early b3 a1 c2", ids())
    end)

    it("whole", function()
      local run = flow.create(store, "r")
      assert.are.same({ run }, flows:list { mob = "mob" }.items)
    end)

    it("by mob, flow and status, alone and together", function()
      assert.are.equal("b3 c2", ids { mob = "m1" })
      assert.are.equal("c2", ids { flow = "f3" })
      assert.are.equal("b3 c2", ids { status = "pending" })
      assert.are.equal("a1", ids { status = "running", mob = "m0" })
      assert.are.equal("", ids { status = "running", mob = "m1" })
      assert.are.equal("c2", ids { mob = "m1", flow = "f3", status = "pending" })
      assert.are.equal("", ids { mob = "M1" })
    end)

    it("in pages that neither repeat nor skip", function()
      local page = flows:list { limit = 2, total = true }
      assert.are.same({ 2, true, 3 }, { #page.items, page.has_more, page.total })
      assert(flows:delete("a1"))
      clock.now = 2000
      assert(flows:create { id = "new", mob = "m", flow = "f", state = 0 })
      page = flows:list { limit = 2, cursor = page.next_cursor }
      assert.are.equal("c2 new", conversation.fields(page.items, "id"))
      assert.is_false(page.has_more)
      page = flows:list { limit = 2, cursor = page.prev_cursor }
      assert.are.equal("b3", conversation.fields(page.items, "id"))
      assert.are.same({ items = {}, has_more = false }, flows:list { limit = 0 })
    end)

    it("does not skip one that begins when the last one is gone", function()
      clock.now = 1001
      local page = flows:list { limit = 2 }
      assert(flows:delete("c2"))
      assert(flows:delete("a1"))
      assert(flows:create { id = "new", mob = "m", flow = "f", state = 0 })
      page = flows:list { cursor = page.next_cursor }
      assert.are.equal("new", conversation.fields(page.items, "id"))
    end)

    it("only for legal queries", function()
      local cursor = flows:list { limit = 1 }.next_cursor
      refuses("invalid", "cursor", flows.list, flows, { cursor = cursor, mob = "m1" })
      refuses("invalid", "cursor", flows.list, flows, { cursor = "x" })
      refuses("invalid", "limit", flows.list, flows, { limit = -1 })
      refuses("invalid", "limit", flows.list, flows, { limit = 1.5 })
      refuses("invalid", "mob", flows.list, flows, { mob = "" })
      raises("status", flows.list, flows, { status = "done" })
      raises("query.agent", flows.list, flows, { agent = "x" })
    end)
  end)
end)
