local child = require "spec.support.child"
local core = require "moonbase.core"
local files = require "spec.support.files"
local flow_driver = require "moonbase.flow_driver"
local moonbase = require "moonbase"
local outcome = require "spec.support.outcome"
local stores = require "spec.support.stores"

local refuses = outcome.refuses

local null = moonbase.null

-- Two steps side by side between a first and a last one, and a loop of two steps.
local REPORT = {
  nodes = {
    { id = "plan", agent = "planner" },
    { id = "web", agent = "reader", after = { "plan" } },
    { id = "books", agent = "reader", after = { "plan" } },
    { id = "merge", agent = "writer", after = { "web", "books" } },
    { id = "polish", after = { "merge" }, repeat_until = "review", max = 4, nodes = {
      { id = "draft", agent = "writer" },
      { id = "review", agent = "critic", after = { "draft" } },
    } },
    { id = "print", agent = "writer", after = { "polish" } },
  },
}

describe("a flow driver", function()
  local store, flows, jobs, clock, path

  local function open()
    return stores.open(path, nil, clock)
  end

  before_each(function()
    path, clock = files.database(), { now = 1000 }
    store = open()
    flows, jobs = store.flows, store.jobs
    assert(store.specs:put("report", REPORT))
  end)

  after_each(stores.cleanup)

  -- Each step gives its name; the loop is done in its third iteration.
  local function answer(step)
    if step.id == "review" then return { done = step.iteration == 2 } end
    return step.name
  end

  local function driver_of(handlers, options)
    local full = { handlers = setmetatable(handlers or {}, { __index = function()
      return answer
    end }) }
    for name, value in pairs(options or {}) do full[name] = value end
    return assert(flow_driver.new(store, full))
  end

  local function finish(driver)
    assert(assert(driver:worker()):drain())
  end

  local function start(driver, fields)
    fields = fields or {}
    fields.mob, fields.flow = "team", fields.flow or "report"
    return assert(driver:start(fields))
  end

  -- The ledger as "step status" lines in order, of one status or all.
  local function ledger(run, status)
    local lines = {}
    for _, entry in ipairs(flows:get(run).steps) do
      if not status or entry.status == status then
        lines[#lines + 1] = entry.step .. (status and "" or " " .. entry.status)
      end
    end
    return table.concat(lines, status and " " or "\n")
  end

  it("does each step once, after those that it waits for", function()
    local driver = driver_of()
    local run = start(driver, { params = { topic = "x" } })
    finish(driver)
    assert.are.equal("plan web books merge polish::0::draft polish::0::review polish::1::draft "
      .. "polish::1::review polish::2::draft polish::2::review print", ledger(run, "completed"))
    assert.are.equal(ledger(run, "dispatched"), ledger(run, "completed"))
    local whole = flows:get(run)
    assert.are.same({ "completed", 0, 0 }, { whole.status, whole.state.frames, whole.state.loops })
    assert.are.same({ "plan", "web", "books", "merge", "print" }, whole.output_order)
    assert.are.same({ "root::polish" }, { next(whole.loop_outputs), nil })
    assert.are.same({ draft = "polish::1::draft", review = { done = false } },
      whole.loop_outputs["root::polish"][2])
    assert.are.equal(3, #whole.iterations)
    assert.are.equal("completed", whole.loops["root::polish"].phase)
    assert.are.equal("sealed", whole.frames["root::polish::0"].phase)
    assert.are.same({ 11, 0 }, { jobs:stats("flows").done, jobs:stats("flows").ready })
  end)

  it("runs steps side by side when nothing keeps them apart", function()
    local driver = driver_of()
    start(driver)
    local worker = assert(driver:worker { limit = 5 })
    assert.are.equal(1, worker:tick()) -- plan
    assert.are.equal(2, worker:tick()) -- web, books
    assert.are.equal(1, worker:tick())
  end)

  it("tells a handler what it works on and what others gave", function()
    local seen = {}
    local driver = driver_of {
      writer = function(step)
        if step.id == "print" then
          seen.loop = step:output("polish")
        elseif step.id == "draft" then
          seen[step.iteration] = { step:output("merge"), step:previous("review"),
            step:output("review") }
        else
          seen.merge = { step.run, step.mob, step.flow, step.params, step.agent, step.attempt,
            step.frame, step.iteration, step:output("web"), step:output("print") }
          seen.wrong = select(2, pcall(step.output, step, "nothing"))
          assert(step:heartbeat())
        end
        return step.name
      end,
    }
    local run = start(driver, { params = { 7 } })
    finish(driver)
    assert.are.same({ run, "team", "report", { 7 }, "writer", 1, "root", nil, "web" }, seen.merge)
    assert.are.same({ "merge" }, seen[0])
    assert.are.same({ "merge", { done = false } }, seen[1])
    assert.are.same({ draft = "polish::2::draft", review = { done = true } }, seen.loop)
    assert.are.equal("invalid", seen.wrong.code)
  end)

  it("takes any JSON for an output, and nil for null", function()
    for _, value in ipairs { false, 0, "", { 1, { null } }, null } do
      local driver = driver_of { planner = function() return value end }
      local run = start(driver)
      finish(driver)
      assert.are.same(value, flows:get(run).outputs.plan)
    end
    local driver = driver_of { planner = function() end }
    local run = start(driver)
    finish(driver)
    assert.are.equal(null, flows:get(run).outputs.plan)
  end)

  it("gives the run that is there for the same id", function()
    local driver = driver_of()
    local run = start(driver, { id = "r" })
    finish(driver)
    local before = flows:get(run)
    assert.are.equal("r", start(driver, { id = "r" }))
    assert.are.same(before, flows:get("r"))
    refuses("exists", nil, driver.start, driver, { id = "r", mob = "other", flow = "report" })
  end)

  it("keeps a run to the revision that it was started with", function()
    local driver = driver_of()
    local run = start(driver)
    assert(store.specs:put("report", { nodes = { { id = "only", agent = "a" } } }))
    assert(store.specs:delete("report"))
    finish(driver)
    assert.matches("print$", ledger(run, "completed"))
    refuses("not_found", nil, driver.start, driver, { mob = "team", flow = "report" })
  end)

  it("runs loops inside loops, whose names stay apart", function()
    assert(store.specs:put("nested", { nodes = { { id = "a:b", max = 3, repeat_until = "last",
      nodes = {
        { id = "in:ner", max = 2, repeat_until = "leaf", nodes = { { id = "leaf", agent = "x" } } },
        { id = "last", agent = "y", after = { "in:ner" } },
      } } } }))
    local driver = driver_of { x = function(step) return step.iteration == 1 end,
      y = function(step)
        assert.are.same({ leaf = true }, step:output("in:ner"))
        return step.iteration == 1
      end }
    local run = start(driver, { flow = "nested" })
    finish(driver)
    assert.are.equal("a:b::0::in:ner::0::leaf a:b::0::in:ner::1::leaf a:b::0::last "
      .. "a:b::1::in:ner::0::leaf a:b::1::in:ner::1::leaf a:b::1::last", ledger(run, "completed"))
    assert.are.equal("completed", flows:get(run).status)
  end)

  it("fails a run whose loop does not come to an end", function()
    local driver = driver_of { critic = function() return "no" end }
    local run = start(driver)
    finish(driver)
    local whole = flows:get(run)
    assert.are.equal("failed", whole.status)
    assert.are.same({ { step = "polish", at = 1000,
      reason = "'review' was not done after 4 iterations" } }, whole.failures)
    assert.are.equal(4, #whole.iterations)
    assert.is_nil(ledger(run):find("print", 1, true))
  end)

  describe("when a step fails", function()
    it("tries it again, later and later, and goes on", function()
      local attempts = {}
      local driver = driver_of { planner = function(step)
        attempts[#attempts + 1] = clock.now
        if step.attempt == 1 then error("no luck", 0) end
        if step.attempt == 2 then return nil, { reason = "still none" } end
        if step.attempt == 3 then return { f = print } end
        return "luck"
      end }
      local run = start(driver)
      finish(driver)
      for _, delay in ipairs { 1000, 2000, 4000 } do
        assert.are.equal(0, driver:worker():drain())
        clock.now = clock.now + delay
        finish(driver)
      end
      assert.are.same({ 1000, 2000, 4000, 8000 }, attempts)
      local whole = flows:get(run)
      assert.are.same({ "completed", "luck", 3 },
        { whole.status, whole.outputs.plan, #whole.failures })
      assert.are.equal("no luck", whole.failures[1].reason)
      assert.matches("a function has no JSON form", whole.failures[3].reason)
      assert.matches("^plan dispatched\nplan completed\n", ledger(run))
    end)

    it("fails the run after the last attempt, and leaves the other steps", function()
      local driver = driver_of({ reader = function(step)
        if step.id == "web" then error { code = "io" } end
        return "read"
      end }, { max_attempts = 2, retry_delay = 10 })
      local run = start(driver)
      finish(driver)
      clock.now = clock.now + 10
      finish(driver)
      local whole = flows:get(run)
      assert.are.equal("failed", whole.status)
      assert.are.equal("web", whole.state.failed)
      assert.are.equal(2, #whole.failures)
      assert.are.equal("plan books", ledger(run, "completed"))
      assert.are.equal("web", ledger(run, "failed"))
      assert.are.equal(1, jobs:stats("flows").failed)
    end)

    it("says so when nobody knows the agent", function()
      local driver = assert(flow_driver.new(store, { max_attempts = 1 }))
      local run = start(driver)
      finish(driver)
      assert.matches("no handler for agent 'planner'", flows:get(run).failures[1].reason)
    end)
  end)

  it("forgets steps that nobody waits for any more", function()
    local called = 0
    local driver = driver_of { planner = function() called = called + 1 end }
    local canceled, deleted = start(driver), start(driver)
    assert(flows:cas_status { run = canceled, expected = "running", next = "canceled" })
    assert(flows:delete(deleted))
    finish(driver)
    assert.are.same({ 0, 2 }, { called, jobs:stats("flows").done })
    assert.are.same({}, flows:get(canceled).outputs)
  end)

  it("does not complete a step whose run is canceled meanwhile", function()
    local driver = driver_of { planner = function(step)
      assert(flows:cas_status { run = step.run, expected = "running", next = "canceled" })
      return "too late"
    end }
    local run = start(driver)
    finish(driver)
    assert.are.same({ {}, "canceled" }, { flows:get(run).outputs, flows:get(run).status })
    assert.are.equal(1, jobs:stats("flows").done)
  end)

  it("lets a step be completed by one worker when a lease ran out", function()
    local run
    local driver = driver_of { planner = function(step)
      if step.attempt > 1 then return "second" end
      clock.now = clock.now + 60000
      assert.are.equal(1, driver_of():worker():tick()) -- takes the step over
      return "first"
    end }
    run = start(driver)
    local told = {}
    local worker = driver:worker { on_error = function(_, err) told[#told + 1] = err.code end }
    assert(worker:tick())
    finish(driver)
    assert.are.equal("lease_lost", told[1])
    assert.are.same({ "plan", "completed" }, { flows:get(run).outputs.plan, flows:get(run).status })
    assert.matches("^plan web", ledger(run, "completed"))
  end)

  describe("recovers", function()
    it("steps whose jobs are gone", function()
      local driver = driver_of()
      local run = start(driver)
      assert(driver:worker():tick()) -- web and books are next
      for _, job in ipairs(jobs:list { queue = "flows", status = "ready" }.items) do
        assert(jobs:cancel(job.id))
      end
      clock.now = clock.now + 10
      assert(jobs:purge { older_than = 0 })
      assert.are.equal(2, driver:recover(run))
      assert.are.equal(0, driver:recover(run))
      finish(driver)
      assert.are.equal("completed", flows:get(run).status)
      assert.are.equal(ledger(run, "dispatched"), ledger(run, "completed"))
    end)

    it("a run whose step killed every worker, by failing it", function()
      local driver = driver_of({}, { max_attempts = 1 })
      local run = start(driver)
      assert.are.equal(1, #jobs:claim("flows", { owner = "dies", lease = 10 }))
      assert.are.equal(0, driver:recover(run))
      clock.now = clock.now + 10
      assert.are.equal("running", flows:get(run).status)
      assert.are.equal(1, driver:recover(run))
      assert.are.equal("failed", flows:get(run).status)
      assert.are.equal(0, driver:recover(run))
    end)

    it("nothing that contradicts itself, and nothing that is not its own", function()
      local driver = driver_of()
      refuses("not_found", nil, driver.recover, driver, "nowhere")
      refuses("invalid", "run", driver.recover, driver, "")
      assert(flows:create { id = "foreign", mob = "m", flow = "f", state = { phase = 1 } })
      refuses("unsupported", nil, driver.recover, driver, "foreign")
      local run = start(driver)
      assert(flows:cas_frame { run = run, frame = "root::nothing::0", next = {} })
      refuses("corrupt", nil, driver.recover, driver, run)
      run = start(driver)
      local state = flows:peek { run = run }.state
      assert(flows:cas_state { run = run, expected = state,
        next = { driver = 1, revision = 1, frames = 2, loops = 0 } })
      refuses("corrupt", nil, driver.recover, driver, run)
    end)
  end)

  it("refuses definitions that make no flow", function()
    local driver = driver_of()
    local a, b = { id = "a", agent = "x" }, { id = "b", agent = "x", after = { "a" } }
    local loop = { id = "l", nodes = { a }, repeat_until = "a", max = 2 }
    local function changed(node, field, value)
      local copy = {}
      for key, item in pairs(node) do copy[key] = item end
      copy[field] = value
      return copy
    end
    for field, nodes in pairs {
      ["nodes"] = {},
      ["nodes[1]"] = { "a" },
      ["nodes[1].id"] = { changed(a, "id", " ") },
      ["nodes[2].id"] = { a, changed(a, "id", "x::y") },
      ["nodes[2].agent"] = { a, changed(b, "agent", nil) },
      ["nodes[1].after"] = { changed(a, "after", { "b" }), b },
      ["nodes[3].after"] = { a, b, { id = "c", agent = "x", after = { "who" } } },
      ["nodes[1].max"] = { changed(loop, "max", 0) },
      ["nodes[1].repeat_until"] = { changed(loop, "repeat_until", "z") },
      ["nodes[1].nodes[2].id"] = { changed(loop, "nodes", { a, a }) },
      ["nodes[1].nodes"] = { changed(loop, "nodes", {}) },
    } do
      assert(store.specs:put("bad", { nodes = nodes }))
      refuses("invalid", field, driver.start, driver, { mob = "m", flow = "bad" })
    end
    assert.are.same({}, flows:list().items)
    assert.are.same({}, jobs:list().items)
  end)

  it("refuses what it cannot start", function()
    local driver = driver_of()
    refuses("invalid", "mob", driver.start, driver, { flow = "report" })
    refuses("not_found", nil, driver.start, driver, { mob = "m", flow = "unknown" })
    refuses("serialization", "params", driver.start, driver,
      { mob = "m", flow = "report", params = print })
    refuses("invalid", "max_attempts", flow_driver.new, store, { max_attempts = 0 })
    assert.is_false(pcall(flow_driver.new, store, { agents = {} }))
    assert.is_false(pcall(driver.start, driver))
    assert.are.same({}, flows:list().items)
  end)

  it("works in its scope and its queue", function()
    local other = assert(store:scope("other"))
    assert(other.specs:put("report", REPORT))
    local theirs = assert(flow_driver.new(other, { handlers = { planner = answer } }))
    local run = assert(theirs:start { mob = "m", flow = "report" })
    local ours = driver_of({}, { queue = "mine" })
    local mine = start(ours)
    finish(ours)
    finish(driver_of())
    assert.are.equal("completed", flows:get(mine).status)
    assert.are.equal("running", other.flows:get(run).status)
  end)

  it("brings a run to its end while its workers are killed", function()
    store:close()
    local function own_store() -- by the real clock
      return assert(moonbase.open(path, { busy_timeout = 60000, durability = "normal" }))
    end
    store = own_store()
    local runs = {}
    local driver = assert(flow_driver.new(store, { max_attempts = 1000 }))
    for i = 1, 2 do runs[i] = assert(driver:start { mob = "team", flow = "report" }) end
    local function is_over(one)
      for _, run in ipairs(runs) do
        if one.flows:peek { run = run }.status == "running" then return false end
      end
      return true
    end
    local function work(self)
      local own = own_store()
      local handlers = setmetatable({}, { __index = function()
        return function(step)
          self:tell(step.name)
          core.sleep(2)
          return answer(step)
        end
      end })
      local worker = assert(flow_driver.new(own, { handlers = handlers, retry_delay = 1,
        max_attempts = 1000 }):worker { lease = 200 })
      for _ = 1, 20000 do -- not for ever: nobody may be left to end it
        if assert(worker:tick()) == 0 then core.sleep(5) end
        if is_over(own) then break end
      end
    end
    for round = 1, 4 do
      local children = { child.start(work), child.start(work) }
      children[round % 2 + 1]:hear() -- in the middle of a step, or after the end
      for _, one in ipairs(children) do one:kill() end
    end
    local last = child.start(work)
    for _ = 1, 20000 do
      if is_over(store) then break end
      core.sleep(5)
    end
    last:kill()
    for _, run in ipairs(runs) do
      assert.are.equal("completed", store.flows:get(run).status)
      local done = {}
      for _, entry in ipairs(store.flows:get(run).steps) do
        if entry.status == "completed" then
          assert.is_nil(done[entry.step])
          done[entry.step] = true
          done[#done + 1] = entry.step
        end
      end
      assert.are.equal(11, #done)
    end
    store:close()
  end)
end)
