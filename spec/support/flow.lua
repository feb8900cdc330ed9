--- A flow run with something in each of its tables, and the compare-and-swap calls that suit it.

local flow = {}

flow.STATE = { phase = "running", ready = { "a", "b" }, count = 2 }
flow.FRAME = { status = { plan = "running" } }
flow.LOOP = { stage = "awaiting_body_frame", iteration = 0 }

--- Creates a running run with frame "f", loop "l" and an entry of each ledger.
---@param store moonbase.Store
---@param id string
---@return moonbase.Flow
function flow.create(store, id)
  local flows = store.flows
  assert(flows:create { id = id, mob = "mob", flow = "flow", state = flow.STATE, params = { 1 } })
  assert(flows:cas_status { run = id, expected = "pending", next = "running" })
  assert(flows:cas_frame { run = id, frame = "f", next = flow.FRAME })
  assert(flows:upsert_loop(id, "l", flow.LOOP, { loop_instance = "l", iteration = 7, frame = "x" }))
  assert(flows:append_step(id, { step = "s", agent = "ann", status = "dispatched" }))
  assert(flows:append_failure(id, { step = "s", reason = "no luck" }))
  return assert(flows:get(id))
end

--- What each call needs to win on such a run. Those that begin something have `absent`, the
--- argument that names what must not be there, and `there`, a name of what is.
---@type table<string, table>
flow.CALLS = {
  cas_status = { expected = "running", next = "completed" },
  cas_state = { expected = flow.STATE, next = { phase = "next" } },
  cas_snapshot = { expected_status = "running", expected_state = flow.STATE,
    next_status = "failed", next_state = { phase = "next" } },
  cas_frame = { frame = "f", expected = flow.FRAME, next = { status = {} } },
  cas_grant_node_slot = { expected_state = flow.STATE, next_state = { phase = "next" },
    frame = "f", expected_frame = flow.FRAME, next_frame = { status = {} } },
  cas_complete_step = { frame = "f", expected_frame = flow.FRAME, next_frame = { status = {} },
    step = "s", output = { 42 } },
  cas_start_loop = { loop_instance = "new", expected_state = flow.STATE,
    next_state = { phase = "next" }, frame = "f", expected_frame = flow.FRAME,
    next_frame = { status = {} }, initial_loop = { stage = "first" } },
  cas_request_body_frame = { loop_instance = "l", expected_loop = flow.LOOP,
    next_loop = { stage = "next" }, expected_state = flow.STATE, next_state = { phase = "next" } },
  cas_start_body_frame = { loop_instance = "l", expected_loop = flow.LOOP,
    next_loop = { stage = "next" }, frame = "new", initial_frame = { status = { "first" } },
    iteration_entry = { loop_instance = "l", iteration = 0, frame = "new" },
    expected_state = flow.STATE, next_state = { phase = "next" } },
  cas_complete_body_frame = { loop_instance = "l", expected_loop = flow.LOOP,
    next_loop = { stage = "next" }, frame = "f", expected_frame = flow.FRAME,
    next_frame = { status = {} }, expected_state = flow.STATE, next_state = { phase = "next" } },
  cas_complete_loop = { loop_instance = "l", expected_loop = flow.LOOP,
    next_loop = { stage = "next" }, frame = "f", expected_frame = flow.FRAME,
    next_frame = { status = {} }, expected_state = flow.STATE, next_state = { phase = "next" } },
}

--- Which argument names what must not be there yet, and what is there.
flow.BEGINNING = {
  cas_start_loop = { "loop_instance", "l" },
  cas_start_body_frame = { "frame", "f" },
}

--- The arguments of a call on a run, some of them changed.
---@param name string
---@param run string
---@param changes? table
---@return table
function flow.arguments(name, run, changes)
  local args = { run = run }
  for key, value in pairs(flow.CALLS[name]) do args[key] = value end
  for key, value in pairs(changes or {}) do args[key] = value end
  return args
end

--- The call itself.
function flow.call(store, name, run, changes)
  return store.flows[name](store.flows, flow.arguments(name, run, changes))
end

return flow
