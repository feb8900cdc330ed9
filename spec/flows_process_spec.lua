local child = require "spec.support.child"
local files = require "spec.support.files"
local flow = require "spec.support.flow"
local stores = require "spec.support.stores"

local CHILDREN = 4

describe("a flow run that several processes change at once", function()
  local store, flows, path

  local function open()
    return stores.open(path, { busy_timeout = 60000, durability = "normal" })
  end

  before_each(function()
    path = files.database()
    store = open()
    flows = store.flows
  end)

  after_each(stores.cleanup)

  -- Runs fn(child, store, number) in each of several processes, which begin together.
  local function start(fn)
    return child.together(CHILDREN, function(self, i)
      local own = open()
      self:ready()
      fn(self, own, i)
      own:close()
    end)
  end

  -- How many of them told "true".
  local function winners(children)
    local count = 0
    for _, line in ipairs(child.lines(children)) do
      if line == "true" then count = count + 1 end
    end
    return count
  end

  for name in pairs(flow.CALLS) do
    it("is won by one of those that make the same step: " .. name, function()
      for round = 1, 3 do flow.create(store, "r" .. round) end
      local won = winners(start(function(self, own)
        for round = 1, 3 do self:tell(flow.call(own, name, "r" .. round)) end
      end))
      assert.are.equal(3, won)
    end)
  end

  it("begins a frame once", function()
    flow.create(store, "r")
    local won = winners(start(function(self, own, i)
      for n = 1, 10 do
        self:tell(own.flows:cas_frame { run = "r", frame = "new" .. n, next = i })
      end
    end))
    assert.are.equal(10, won)
  end)

  it("is created once, and records a step once", function()
    local won = winners(start(function(self, own, i)
      for n = 1, 5 do
        local made, err = own.flows:create { id = "r" .. n, mob = "m", flow = "f", state = i }
        assert(made or err.code == "exists")
        self:tell(made ~= nil)
        self:tell(own.flows:append_step_if_absent("r" .. n,
          { step = "s", agent = "a", status = "completed" }))
      end
    end))
    assert.are.equal(10, won)
    for n = 1, 5 do assert.are.equal(1, #flows:get("r" .. n).steps) end
  end)

  it("counts every change that won, and loses none", function()
    assert(flows:create { id = "r", mob = "m", flow = "f", state = { count = 0 } })
    winners(start(function(_, own)
      local done = 0
      while done < 25 do
        local state = own.flows:peek { run = "r" }.state
        local won, err = own.flows:cas_state { run = "r", expected = state,
          next = { count = state.count + 1 } }
        assert.is_nil(err)
        if won then done = done + 1 end
      end
    end))
    assert.are.equal(25 * CHILDREN, flows:get("r").state.count)
  end)

  it("keeps what was acknowledged, whole, when they are killed", function()
    assert(flows:create { id = "r", mob = "m", flow = "f", state = 0 })
    assert(flows:cas_frame { run = "r", frame = "f", next = 0 })
    assert(flows:upsert_loop("r", "l", 0))
    local function look(own) return own:peek { run = "r", frame = "f", loop_instance = "l" } end
    local children = start(function(self, own)
      while true do
        local now = look(own.flows)
        local next = now.state + 1
        local won = own.flows:cas_complete_body_frame { run = "r", loop_instance = "l", frame = "f",
          expected_loop = now.loop, next_loop = next, expected_frame = now.frame,
          next_frame = next, expected_state = now.state, next_state = next }
        if won then self:tell(next) end
      end
    end)
    local acknowledged = 0
    for _, one in ipairs(children) do
      for _ = 1, 5 do acknowledged = math.max(acknowledged, tonumber(one:hear())) end
    end
    for _, one in ipairs(children) do one:kill() end
    local now = look(flows)
    assert.is_true(now.state >= acknowledged)
    assert.are.same({ now.state, now.state }, { now.frame, now.loop })
    assert.are.equal("ok", store.context.engine:value("PRAGMA integrity_check"))
  end)
end)
