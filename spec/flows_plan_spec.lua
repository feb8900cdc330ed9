-- No call on flows reads a table from end to end, or sorts rows after reading them; and whichever
-- statement fails, nothing is changed.

local faults = require "spec.support.faults"
local flow = require "spec.support.flow"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

local STEP = { step = "s", agent = "ann", status = "new" }
local ITERATION = { loop_instance = "l", iteration = 1, frame = "z" }

-- Every call but the compare-and-swaps, on the run "r".
local function calls_on(flows)
  return {
    create = function()
      return flows:create { id = "new", mob = "m", flow = "f", params = 1, state = 1 }
    end,
    append_step = function() return flows:append_step("r", STEP) end,
    append_step_if_absent = function() return flows:append_step_if_absent("r", STEP) end,
    put_output = function() return flows:put_output("r", "s", 1) end,
    append_failure = function() return flows:append_failure("r", { step = "s", reason = "x" }) end,
    upsert_loop = function() return flows:upsert_loop("r", "l", 1, ITERATION) end,
    get = function() return flows:get("r") end,
    peek = function() return flows:peek { run = "r", frame = "f", loop_instance = "l" } end,
    output = function() return flows:output("r", "s") end,
    list = function() return flows:list { total = true } end,
    delete = function() return flows:delete("r") end,
  }
end

local function each_page(flows, query)
  query.limit, query.cursor = 1, nil
  query.cursor = assert(flows:list(query)).next_cursor
  local page = assert(flows:list(query))
  query.cursor = page.prev_cursor
  assert(flows:list(query))
  query.cursor, query.total = nil, true
  assert(flows:list(query))
end

describe("flows", function()
  local store, flows

  before_each(function()
    store = stores.open()
    flows = store.flows
    for i = 1, 4 do flow.create(store, "r" .. i) end
    flow.create(store, "r")
    assert(flow.call(store, "cas_complete_step", "r"))
    assert(flows:delete("r1"))
    flow.create(store, "r1")
  end)

  after_each(stores.cleanup)

  it("are found by an index, whatever is asked", function()
    for name, call in pairs(calls_on(flows)) do
      assert.are.same({}, plans.slow(store, call), name)
      if name == "delete" then flow.create(store, "r") end
      if name == "create" then flows:delete("new") end
    end
    for name in pairs(flow.CALLS) do
      assert.are.same({}, plans.slow(store, function() flow.call(store, name, "r") end), name)
    end
  end)

  -- Enough for statistics that mean something.
  local function crowd()
    for i = 1, 60 do
      local id = "n" .. i
      assert(flows:create { id = id, mob = "mob" .. i % 5, flow = "flow" .. i % 4, state = 0 })
      assert(flows:cas_frame { run = id, frame = "f", next = 0 })
      assert(flow.call(store, "cas_complete_step", id, { expected_frame = 0 }))
      assert(flows:append_step(id, STEP))
      assert(flows:append_failure(id, { step = "s", reason = "x" }))
      assert(flows:upsert_loop(id, "l", 1, ITERATION))
    end
    assert(store.context.engine:exec("ANALYZE"))
  end

  for mask = 0, 7 do
    local query = {
      mob = mask % 2 == 1 and "mob" or nil, flow = mask % 4 > 1 and "flow" or nil,
      status = mask > 3 and "running" or nil,
    }
    it("are listed by an index, for filters of kind " .. mask, function()
      assert.are.same({}, plans.slow(store, function() each_page(flows, query) end))
      crowd()
      assert.are.same({}, plans.slow(store, function() each_page(flows, query) end))
    end)
  end

  it("change nothing when any statement of a call fails", function()
    flows:delete("r")
    local before = flow.create(store, "r")
    local function unchanged() assert.are.same(before, flows:get("r")) end
    local function undone(call) -- succeeds once, and is undone so that the next finds the same
      store:transaction(function()
        assert(faults.each_statement(store, call, unchanged) > 1)
        return nil, "undone"
      end)
      unchanged()
      assert.is_nil(flows:get("new"))
    end
    for _, name in ipairs { "create", "append_step", "append_step_if_absent", "put_output",
      "append_failure", "upsert_loop", "delete" } do
      undone(calls_on(flows)[name])
    end
    for name in pairs(flow.CALLS) do
      undone(function() return flow.call(store, name, "r") end)
    end
  end)

  it("tell of a failure while reading", function()
    for _, name in ipairs { "get", "list", "peek", "output" } do
      assert.is_true(faults.each_statement(store, calls_on(flows)[name], function() end) > 0)
    end
  end)
end)
