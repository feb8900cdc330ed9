local conversation = require "spec.support.conversation"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local raises, refuses = outcome.raises_about, outcome.refuses

local null = moonbase.null

describe("a flow run's ledger", function()
  local store, clock, flows

  before_each(function()
    store, clock = stores.open()
    flows = store.flows
    assert(flows:create { id = "r", mob = "m", flow = "f", state = 0 })
    assert(flows:create { id = "other", mob = "m", flow = "f", state = 0 })
  end)

  after_each(stores.cleanup)

  local function step(name, agent, status, more)
    local entry = { step = name, agent = agent, status = status }
    for key, value in pairs(more or {}) do entry[key] = value end
    return entry
  end

  describe("of steps", function()
    it("takes every entry, in order, at its time or now", function()
      assert.is_true(flows:append_step("r", step("s", "ann", "dispatched")))
      clock.now = 2000
      assert.is_true(flows:append_step("r", step("s", "ann", "dispatched", { output = false })))
      assert.is_true(flows:append_step("r", step("t", "bob", "skipped", { at = 5 })))
      assert.are.same({
        step("s", "ann", "dispatched", { at = 1000 }),
        step("s", "ann", "dispatched", { at = 2000, output = false }),
        step("t", "bob", "skipped", { at = 5 }),
      }, flows:get("r").steps)
      assert.are.same({}, flows:get("other").steps)
    end)

    it("takes one that is there by step, agent and status only once, if asked", function()
      local function add(...) return flows:append_step_if_absent("r", step(...)) end
      assert.is_true(add("s", "ann", "dispatched", { output = 1, at = 1 }))
      assert.is_false(add("s", "ann", "dispatched", { output = 2, at = 2 }))
      assert.is_true(add("s", "ann", "completed"))
      assert.is_true(add("s", "bob", "dispatched"))
      assert.is_true(add("t", "ann", "dispatched"))
      assert.is_true(flows:append_step("r", step("s", "ann", "dispatched")))
      assert.is_false(add("s", "ann", "dispatched"))
      assert.are.equal(5, #flows:get("r").steps)
      assert.are.equal(1, flows:get("r").steps[1].output)
      assert.is_true(flows:append_step_if_absent("other", step("s", "ann", "dispatched")))
    end)

    it("gives the latest entry of a step its output", function()
      for _, agent in ipairs { "ann", "bob" } do
        assert(flows:append_step("r", step("s", agent, "dispatched")))
      end
      assert(flows:append_step("r", step("t", "ann", "dispatched")))
      for _, value in ipairs { { 1, { a = null } }, false, null, moonbase.array {} } do
        assert.is_true(flows:put_output("r", "s", value))
        local steps = flows:get("r").steps
        assert.are.same({ nil, value, nil }, { steps[1].output, steps[2].output, steps[3].output })
      end
      assert(flows:append_step("r", step("s", "ann", "completed")))
      assert.is_true(flows:put_output("r", "s", "late"))
      assert.are.equal("late", flows:get("r").steps[4].output)
      assert.are.same({}, flows:get("r").outputs)
    end)

    it("has no place for the output of a step that it does not know", function()
      refuses("not_found", nil, flows.put_output, flows, "r", "s", 1)
      assert(flows:append_step("other", step("s", "ann", "dispatched")))
      refuses("not_found", nil, flows.put_output, flows, "r", "s", 1)
    end)

    it("refuses entries that are none", function()
      for field, bad in pairs { step = "", agent = " ", status = "\255", at = -1 } do
        for _, call in ipairs { "append_step", "append_step_if_absent" } do
          refuses("invalid", "entry." .. field, flows[call], flows, "r",
            step("s", "ann", "dispatched", { [field] = bad }))
        end
      end
      for _, field in ipairs { "step", "agent", "status" } do
        local entry = step("s", "ann", "dispatched")
        entry[field] = nil
        refuses("invalid", "entry." .. field, flows.append_step, flows, "r", entry)
      end
      refuses("serialization", "entry.output.x", flows.append_step, flows, "r",
        step("s", "ann", "dispatched", { output = { x = print } }))
      refuses("invalid", "run", flows.append_step, flows, "", step("s", "ann", "dispatched"))
      raises("entry", flows.append_step, flows, "r")
      raises("entry.reason", flows.append_step, flows, "r", step("s", "a", "b", { reason = "x" }))
      raises("entry.step", flows.append_step, flows, "r", step(1, "a", "b"))
      raises("options.guard", flows.append_step, flows, "r", step("s", "a", "b"), { guard = true })
      assert.are.equal(0, stores.rows(store, "flow_steps"))
    end)

    it("refuses outputs that are none", function()
      assert(flows:append_step("r", step("s", "ann", "dispatched", { output = 1 })))
      refuses("serialization", "output[1]", flows.put_output, flows, "r", "s", { 0 / 0 })
      refuses("invalid", "step", flows.put_output, flows, "r", "", 1)
      raises("output", flows.put_output, flows, "r", "s", nil)
      assert.are.equal(1, flows:get("r").steps[1].output)
    end)
  end)

  describe("of failures", function()
    it("takes every failure, in order", function()
      for i, reason in ipairs { "first", "", "\195\164 'x'\0" } do
        clock.now = i
        assert.is_true(flows:append_failure("r", { step = "s", reason = reason }))
      end
      assert.is_true(flows:append_failure("r", { step = "s", reason = "x", at = 77 }))
      local failures = flows:get("r").failures
      assert.are.same({ step = "s", reason = "\195\164 'x'\0", at = 3 }, failures[3])
      assert.are.equal("first  \195\164 'x'\0 x", conversation.fields(failures, "reason"))
      assert.are.equal(77, failures[4].at)
    end)

    it("refuses what is none", function()
      refuses("invalid", "failure.step", flows.append_failure, flows, "r", { reason = "x" })
      refuses("invalid", "failure.reason", flows.append_failure, flows, "r", { step = "s" })
      refuses("invalid", "failure.reason", flows.append_failure, flows, "r",
        { step = "s", reason = "\255" })
      refuses("invalid", "failure.at", flows.append_failure, flows, "r",
        { step = "s", reason = "x", at = 0.5 })
      raises("failure.agent", flows.append_failure, flows, "r",
        { step = "s", reason = "x", agent = "ann" })
      assert.are.equal(0, stores.rows(store, "flow_failures"))
    end)
  end)

  describe("of loops", function()
    local function entry(iteration, frame)
      return { loop_instance = "f::l", iteration = iteration, frame = frame or "b" }
    end

    it("takes a snapshot whatever was there, and an iteration once", function()
      assert.is_true(flows:upsert_loop("r", "f::l", { n = 1 }, entry(0)))
      assert.is_true(flows:upsert_loop("r", "f::l", { n = 2 }, entry(0)))
      assert.is_true(flows:upsert_loop("r", "f::l", null))
      assert.is_true(flows:upsert_loop("r", "other", { 1.5 }, entry(0, "c")))
      assert.is_true(flows:upsert_loop("r", "f::l", null, entry(1)))
      local run = flows:get("r")
      assert.are.same({ ["f::l"] = null, other = { 1.5 } }, run.loops)
      assert.are.same({ entry(0), entry(0, "c"), entry(1) }, run.iterations)
      assert.are.same({}, flows:get("other").loops)
    end)

    it("gives what compare-and-swap then compares with", function()
      assert(flows:upsert_loop("r", "l", { b = 1, a = 2.0 }))
      assert.is_true(flows:cas_request_body_frame { run = "r", loop_instance = "l",
        expected_loop = { a = 2, b = 1 }, next_loop = 0, expected_state = 0, next_state = 0 })
      assert(flows:upsert_loop("r", "l", { 1.0 }))
      assert(flows:upsert_loop("r", "l", { 1 }))
      assert.are.equal("1", tostring(flows:get("r").loops.l[1]))
    end)

    it("refuses what is none, and writes neither loop nor entry", function()
      for field, bad in pairs { loop_instance = "", iteration = 0.5, frame = "" } do
        local broken = entry(0)
        broken[field] = bad
        refuses("invalid", "iteration_entry." .. field, flows.upsert_loop, flows, "r", "l", {},
          broken)
      end
      refuses("serialization", "snapshot.f", flows.upsert_loop, flows, "r", "l", { f = print })
      refuses("invalid", "loop_instance", flows.upsert_loop, flows, "r", "", {})
      raises("snapshot", flows.upsert_loop, flows, "r", "l", nil)
      raises("iteration_entry", flows.upsert_loop, flows, "r", "l", {}, "x")
      raises("iteration_entry.at", flows.upsert_loop, flows, "r", "l", {}, { at = 1 })
      assert.are.same({ {}, {} }, { flows:get("r").loops, flows:get("r").iterations })
    end)
  end)

  describe("of any kind", function()
    local CALLS = {
      append_step = { step("s", "ann", "x") },
      append_step_if_absent = { step("s", "ann", "y") },
      put_output = { "s", 1 },
      append_failure = { { step = "s", reason = "x" } },
      upsert_loop = { "l", {}, { loop_instance = "l", iteration = 0, frame = "f" } },
    }

    for name, arguments in pairs(CALLS) do
      local function call(run, options)
        local list = { unpack = table.unpack or unpack } -- luacheck: ignore
        for i = 1, 3 do list[i] = arguments[i] end
        list[#arguments + 1] = options
        return flows[name](flows, run, list.unpack(list, 1, 4))
      end

      it("is not there for a missing run: " .. name, function()
        refuses("not_found", nil, call, "nowhere")
        refuses("not_found", nil, call, "nowhere", { guard_terminal = true })
      end)

      it("may be kept as it was when the run ended: " .. name, function()
        assert(flows:append_step("r", step("s", "ann", "z")))
        assert.is_true(call("r", { guard_terminal = true }))
        assert(flows:cas_status { run = "r", expected = "pending", next = "failed" })
        local before = flows:get("r")
        assert.is_false(call("r", { guard_terminal = true }))
        assert.are.same(before, flows:get("r"))
        assert.are.equal(name ~= "append_step_if_absent", call("r"))
      end)
    end

    it("keeps its order beside other runs that grow", function()
      for i = 1, 50 do
        for _, run in ipairs { "r", "other" } do
          assert(flows:append_step(run, step("s" .. i, run, "x")))
          assert(flows:upsert_loop(run, "l", i, { loop_instance = "l", iteration = i, frame = run }))
        end
      end
      for _, run in ipairs { "r", "other" } do
        local whole = flows:get(run)
        for i = 1, 50 do
          assert.are.same({ "s" .. i, run }, { whole.steps[i].step, whole.steps[i].agent })
          assert.are.same({ i, run }, { whole.iterations[i].iteration, whole.iterations[i].frame })
        end
      end
    end)
  end)
end)
