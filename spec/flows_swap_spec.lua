local flow = require "spec.support.flow"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises, refuses = outcome.raises_about, outcome.refuses

local null = moonbase.null

-- A value that differs from each document of the support module.
local OTHER = { other = true }

describe("compare-and-swap of a flow run", function()
  local store, clock, flows

  before_each(function()
    store, clock = stores.open()
    flows = store.flows
  end)

  after_each(stores.cleanup)

  local function same_as(before)
    assert.are.same(before, flows:get(before.id))
  end

  -- What the run must be after a call has won.
  local function after(name, before)
    local args, run = flow.CALLS[name], before
    run.state = args.next_state or (name == "cas_state" and args.next) or run.state
    if args.frame then
      run.frames[args.frame] = args.next_frame or args.initial_frame or args.next
    end
    if args.loop_instance then
      run.loops[args.loop_instance] = args.next_loop or args.initial_loop
    end
    if args.output then run.outputs[args.step], run.output_order[1] = args.output, args.step end
    run.iterations[2] = args.iteration_entry
    if name == "cas_status" or name == "cas_snapshot" then
      run.status, run.completed_at = args.next_status or args.next, 1000
    end
    return run
  end

  for name, args in pairs(flow.CALLS) do
    describe(name, function()
      it("writes all its parts when everything is as expected", function()
        local before = flow.create(store, "r")
        assert.is_true(flow.call(store, name, "r"))
        same_as(after(name, before))
      end)

      it("gives false and writes nothing when any one thing is not", function()
        local before, tried = flow.create(store, "r"), 0
        for argument in pairs(args) do
          if argument:find("expected", 1, true) then
            local other = argument:find("status") or name == "cas_status"
            for _, value in ipairs(other and { "pending", "failed" } or { OTHER, {}, null, 0 }) do
              assert.is_false(flow.call(store, name, "r", { [argument] = value }))
              same_as(before)
              tried = tried + 1
            end
          end
        end
        assert.is_true(tried > 0)
      end)

      it("gives false where a frame or a loop is not there", function()
        local before = flow.create(store, "r")
        for argument in pairs(args) do
          local begins = flow.BEGINNING[name] and flow.BEGINNING[name][1] == argument
          if (argument == "frame" or argument == "loop_instance") and not begins then
            assert.is_false(flow.call(store, name, "r", { [argument] = "nowhere" }))
            same_as(before)
          end
        end
      end)

      it("wins once", function()
        flow.create(store, "r")
        assert.is_true(flow.call(store, name, "r"))
        local before = flows:get("r")
        assert.is_false(flow.call(store, name, "r"))
        same_as(before)
      end)

      it("is not_found for a missing run", function()
        local before = flow.create(store, "r")
        refuses("not_found", nil, flow.call, store, name, "other")
        same_as(before)
      end)

      it("gives false on a run that has ended, when guarded", function()
        flow.create(store, "r")
        assert(flows:cas_status { run = "r", expected = "running", next = "canceled" })
        local before = flows:get("r")
        assert.is_false(flow.call(store, name, "r", { guard_terminal = true }))
        same_as(before)
        refuses("not_found", nil, flow.call, store, name, "other", { guard_terminal = true })
        if not name:find("status") and not name:find("snapshot") then
          assert.is_true(flow.call(store, name, "r", { guard_terminal = false }))
        end
      end)

      it("is undone with the transaction around it, and lost ones leave that alone", function()
        local before = flow.create(store, "r")
        local ok = store:transaction(function(tx)
          assert.is_true(flow.call(tx, name, "r"))
          assert.is_false(flow.call(tx, name, "r"))
          return nil, "no"
        end)
        assert.is_nil(ok)
        same_as(before)
        assert(store:transaction(function(tx)
          assert(tx.kv:set("ns", "k", 1))
          assert.is_true(flow.call(tx, name, "r"))
          assert.is_false(flow.call(tx, name, "r"))
          return true
        end))
        assert.are.equal(1, store.kv:get("ns", "k"))
        same_as(after(name, before))
      end)

      it("refuses what lacks an argument, or cannot be stored", function()
        local before = flow.create(store, "r")
        for argument, value in pairs(args) do
          local changed = flow.arguments(name, "r")
          changed[argument] = nil
          if name ~= "cas_frame" or argument ~= "expected" then
            refuses("invalid", argument, flows[name], flows, changed)
          end
          changed[argument] = { deep = { 0 / 0 } }
          if type(value) == "table" and argument ~= "iteration_entry" then
            refuses("serialization", argument .. ".deep[1]", flows[name], flows, changed)
          end
        end
        refuses("invalid", "run", flow.call, store, name, "")
        raises(name, flows[name], flows, "r")
        raises(name .. ".bogus", flow.call, store, name, "r", { bogus = 1 })
        raises(name .. ".run", flow.call, store, name, 7)
        raises(name .. ".guard_terminal", flow.call, store, name, "r", { guard_terminal = 1 })
        same_as(before)
      end)
    end)
  end

  for name, place in pairs(flow.BEGINNING) do
    it(name .. " refuses to begin what is there already", function()
      local before = flow.create(store, "r")
      assert.is_false(flow.call(store, name, "r", { [place[1]] = place[2] }))
      same_as(before)
    end)
  end

  describe("of the status", function()
    before_each(function()
      assert(flows:create { id = "r", mob = "m", flow = "f", state = 0 })
    end)

    local function cas(expected, next)
      return flows:cas_status { run = "r", expected = expected, next = next }
    end

    it("goes from what was expected to anything", function()
      assert.is_true(cas("pending", "running"))
      assert.is_false(cas("pending", "running"))
      assert.is_true(cas("running", "pending"))
      assert.is_true(cas("pending", "pending"))
      assert.are.equal("pending", flows:get("r").status)
    end)

    for _, last in ipairs { "completed", "failed", "canceled" } do
      it("never leaves " .. last .. ", nor sets it again", function()
        clock.now = 2000
        assert.is_true(cas("pending", last))
        clock.now = 3000
        for _, next in ipairs { "pending", "running", "completed", "failed", "canceled" } do
          assert.is_false(cas(last, next))
          assert.is_false(flows:cas_snapshot { run = "r", expected_status = last,
            expected_state = 0, next_status = next, next_state = 1 })
        end
        local run = flows:get("r")
        assert.are.same({ last, 2000, 0 }, { run.status, run.completed_at, run.state })
      end)
    end

    it("leaves completed_at away until the run has ended", function()
      assert(cas("pending", "running"))
      assert.is_nil(flows:get("r").completed_at)
      assert(flows:cas_snapshot { run = "r", expected_status = "running", expected_state = 0,
        next_status = "running", next_state = 1 })
      assert.is_nil(flows:get("r").completed_at)
    end)

    it("knows its words", function()
      refuses("invalid", "next", cas, "pending", "done")
      refuses("invalid", "expected", cas, "Pending", "running")
      raises("cas_status.next", cas, "pending", true)
    end)
  end)

  describe("compares documents by what they say:", function()
    local function swaps(stored, expected)
      local run = assert(flows:create { mob = "m", flow = "f", state = stored })
      assert(flows:cas_frame { run = run.id, frame = "f", next = stored })
      local state = flows:cas_state { run = run.id, expected = expected, next = 0 }
      local frame = flows:cas_frame { run = run.id, frame = "f", expected = expected, next = 0 }
      assert.are.equal(state, frame)
      return state
    end

    it("the order of keys does not matter, at any depth", function()
      local one, other = { x = {} }, { x = {} }
      for i = 1, 40 do one.x["k" .. i] = { a = i, b = { i } } end
      for i = 40, 1, -1 do other.x["k" .. i] = { b = { i }, a = i } end
      assert.is_true(swaps(one, other))
      other.x.k20.b[1] = 0
      assert.is_false(swaps(one, other))
    end)

    it("that of an array does", function()
      assert.is_true(swaps({ 1, 2 }, { 1, 2 }))
      assert.is_false(swaps({ 1, 2 }, { 2, 1 }))
      assert.is_false(swaps({ 1, 2 }, { 1, 2, 3 }))
    end)

    it("null is not absent", function()
      assert.is_true(swaps({ a = null }, { a = null }))
      assert.is_false(swaps({ a = null }, {}))
      assert.is_false(swaps({ a = null }, { a = false }))
      assert.is_false(swaps({ null }, moonbase.array {}))
    end)

    it("1 is 1.0, and nothing but a number", function()
      assert.is_true(swaps({ 1, 0 }, { 1.0, -0.0 }))
      assert.is_true(swaps({ 1.0 }, { 1 }))
      assert.is_false(swaps({ 1 }, { "1" }))
      assert.is_false(swaps({ 1 }, { true }))
      assert.is_false(swaps({ 0.1 + 0.2 }, { 0.3 }))
    end)

    it("an empty array is no empty object", function()
      assert.is_true(swaps(moonbase.array {}, moonbase.array {}))
      assert.is_false(swaps(moonbase.array {}, {}))
      assert.is_false(swaps({ a = {} }, { a = moonbase.array {} }))
    end)

    it("what was read is what is there", function()
      local document = { 1.5, { a = null, b = moonbase.array {}, c = {} }, "\195\164\0\"", -7 }
      local run = flows:create { id = "r", mob = "m", flow = "f", state = document }
      assert.is_true(flows:cas_state { run = "r", expected = run.state, next = {} })
    end)

    if not jit then
      it("integers of 64 bits are exact, and large floats equal the integers they are", function()
        local most, large = rawget(math, "maxinteger"), rawget(math, "tointeger")(2 ^ 60)
        assert.is_true(swaps({ most }, { most }))
        assert.is_false(swaps({ most }, { most - 1 }))
        assert.is_false(swaps({ most }, { most + 0.0 }))
        assert.is_true(swaps({ 2 ^ 60 }, { large }))
        assert.is_false(swaps({ 2 ^ 60 }, { large + 1 }))
      end)
    end
  end)

  describe("of a frame", function()
    it("begins it where nothing is expected, once", function()
      assert(flows:create { id = "r", mob = "m", flow = "f", state = 0 })
      assert.is_true(flows:cas_frame { run = "r", frame = "new", next = { n = 1 } })
      assert.is_false(flows:cas_frame { run = "r", frame = "new", next = { n = 2 } })
      assert.are.same({ new = { n = 1 } }, flows:get("r").frames)
    end)

    it("tells a null document from nothing", function()
      assert(flows:create { id = "r", mob = "m", flow = "f", state = 0 })
      assert.is_false(flows:cas_frame { run = "r", frame = "f", expected = null, next = 1 })
      assert.is_true(flows:cas_frame { run = "r", frame = "f", next = null })
      assert.are.equal(null, flows:get("r").frames.f)
      assert.is_true(flows:cas_frame { run = "r", frame = "f", expected = null, next = 1 })
    end)

    it("does not meet a loop of the same name", function()
      flow.create(store, "r")
      assert.is_true(flows:cas_frame { run = "r", frame = "l", next = 1 })
      assert.are.same(flow.LOOP, flows:get("r").loops.l)
    end)
  end)

  describe("of a completed step", function()
    before_each(function() flow.create(store, "r") end)

    local function complete(step, output, loop, iteration)
      return flows:cas_complete_step { run = "r", frame = "f", expected_frame = flow.FRAME,
        next_frame = flow.FRAME, step = step, output = output, loop = loop, iteration = iteration }
    end

    it("records what it gave, in the order of the first time", function()
      for _, step in ipairs { "c", "a", "b", "a" } do assert.is_true(complete(step, step)) end
      local run = flows:get("r")
      assert.are.same({ "c", "a", "b" }, run.output_order)
      assert.are.same({ a = "a", b = "b", c = "c" }, run.outputs)
      assert.is_true(complete("a", { new = true }))
      assert.are.same({ new = true }, flows:get("r").outputs.a)
      assert.are.same({ "c", "a", "b" }, flows:get("r").output_order)
    end)

    it("keeps any JSON value, and reads each alone", function()
      for i, value in ipairs { false, null, 0, "", moonbase.array {}, {}, { { 1 } } } do
        assert.is_true(complete("s" .. i, value))
        assert.are.same(value, flows:get("r").outputs["s" .. i])
        assert.are.same(value, flows:output("r", "s" .. i))
      end
      assert.are.same({}, { flows:output("r", "none") })
      assert.are.same({}, { flows:output("none", "s1") })
    end)

    it("of a loop goes to its iteration, and fills those before with nothing", function()
      assert.is_true(complete("s", "third", "loop", 2))
      assert.is_true(complete("t", "third too", "loop", 2))
      assert.is_true(complete("s", "first", "loop", 0))
      assert.is_true(complete("s", "elsewhere", "other", 0))
      local run = flows:get("r")
      assert.are.same({
        loop = { { s = "first" }, {}, { s = "third", t = "third too" } },
        other = { { s = "elsewhere" } },
      }, run.loop_outputs)
      assert.are.same({ {}, {} }, { run.outputs, run.output_order })
      assert.are.equal("third", flows:output("r", "s", { loop = "loop", iteration = 2 }))
      assert.is_nil(flows:output("r", "s", { loop = "loop", iteration = 1 }))
      assert.is_nil(flows:output("r", "s"))
    end)

    it("of a loop needs both its name and an iteration below 10000", function()
      local before = flows:get("r")
      assert.is_true(complete("s", 1, "loop", 9999))
      assert.are.equal(10000, #flows:get("r").loop_outputs.loop)
      flows:delete("r")
      flow.create(store, "r")
      for _, iteration in ipairs { 10000, 1e9, -1, 0.5, 0 / 0 } do
        refuses("invalid", "iteration", complete, "s", 1, "loop", iteration)
      end
      refuses("invalid", "iteration", complete, "s", 1, "loop")
      refuses("invalid", "loop", complete, "s", 1, nil, 0)
      refuses("invalid", "loop", complete, "s", 1, " ", 0)
      refuses("invalid", "step", complete, "", 1)
      same_as(before)
    end)
  end)

  describe("of a body frame's start", function()
    it("records the iteration once, whoever told of it before", function()
      flow.create(store, "r")
      local entry = { loop_instance = "l", iteration = 7, frame = "x" }
      assert.is_true(flow.call(store, "cas_start_body_frame", "r", { iteration_entry = entry }))
      assert.are.same({ entry }, flows:get("r").iterations)
    end)

    it("needs a whole entry", function()
      local before = flow.create(store, "r")
      for field, bad in pairs { loop_instance = "", iteration = -1, frame = "\0" } do
        local entry = { loop_instance = "l", iteration = 0, frame = "new" }
        entry[field] = bad
        local path = "iteration_entry." .. field
        refuses("invalid", path, flow.call, store, "cas_start_body_frame", "r",
          { iteration_entry = entry })
        entry[field] = nil
        refuses("invalid", path, flow.call, store, "cas_start_body_frame", "r",
          { iteration_entry = entry })
      end
      same_as(before)
    end)
  end)
end)
