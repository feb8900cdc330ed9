-- No call on threads and runs reads a table from end to end or sorts rows after reading them.

local conversation = require "spec.support.conversation"
local plans = require "spec.support.plans"

local user = conversation.user

-- What may be walked whole: the path of one chain; the noted tails, of which there are 50 at most;
-- and the full-text index, whose scan is its way to look words up.
local SMALL = { "^SCAN path", "^SCAN b\n", "^SCAN message_backlog",
  "^SCAN message_text VIRTUAL TABLE",
  "^SCAN t\n.*path %(thread" }

local function is_small(step)
  for _, pattern in ipairs(SMALL) do
    if step:find(pattern) then return true end
  end
  -- A text index ranks what it found.
  return step:find("TEMP B-TREE", 1, true) and step:find("ORDER BY rank", 1, true)
end

local function large_steps(store, fn)
  local found = {}
  for _, step in ipairs(plans.slow(store, fn)) do
    if not is_small(step) then found[#found + 1] = step end
  end
  return found
end

-- Follows a list in both directions.
local function all_pages(list)
  local page = assert(list {})
  page = assert(list { cursor = page.next_cursor })
  assert(list { cursor = page.prev_cursor })
  assert(list { total = true })
  assert(list { offset = 1 })
end

describe("every call is served by an index:", function()
  local store, clock, threads, runs

  before_each(function()
    store, clock = conversation.store()
    threads, runs = store.threads, store.runs
    assert(threads:create { id = "p", resource = "res" })
    for i = 1, 5 do
      clock.now = 1000 + math.floor(i / 2)
      assert(threads:create { id = "kid" .. i, parent = "p", resource = "res" })
      assert(threads:create { id = "root" .. i })
      assert(runs:create { id = "r" .. i, thread = "p", agent = "a" })
    end
    assert(threads:append("p", conversation.many(9)))
    assert(threads:fork("p", { id = "f", at = 5 }))
    assert(threads:append("f", conversation.many(9, "f")))
  end)

  local function serves(name, fn)
    it(name, function() assert.are.same({}, large_steps(store, fn)) end)
  end

  serves("create, get, save, update", function()
    assert(threads:create { id = "new", parent = "p" })
    assert(threads:save { id = "new", parent = "kid1" })
    assert(threads:update("new", { parent = "kid2", title = "x" }))
    assert(threads:get("new"))
  end)

  serves("delete, with each strategy", function()
    assert(threads:create { id = "below", parent = "kid1" })
    assert(threads:delete("root1", { children = "reject" }))
    assert(threads:delete("kid1"))
    assert(threads:delete("p", { children = "cascade" }))
  end)

  for name, filter in pairs { ["all threads"] = {},
    ["threads of a resource"] = { resource = "res" },
    ["children"] = { parent = "p" }, ["roots"] = { root = true },
    ["children of a resource"] = { parent = "p", resource = "res" } } do
    serves("list of " .. name, function()
      all_pages(function(query)
        query.resource, query.parent, query.root, query.limit = filter.resource,
          filter.parent, filter.root, 1
        if name == "children of a resource" then query.limit = 2 end
        return threads:list(query)
      end)
    end)
  end

  serves("children", function() assert(threads:children("p")) end)

  serves("append, also idempotent, also to a fork", function()
    assert(threads:append("p", conversation.many(3, "more"), { expected = 9 }))
    assert(threads:append("p", conversation.many(3, "more"), { idempotent = true }))
    assert(threads:append("f", { user("x", "x") }))
    assert(threads:append("new", { user("x") }))
  end)

  for _, query in ipairs { {}, { run = "r" }, { visibility = "internal" },
    { visibility = "external" },
    { run = "r", visibility = "internal" }, { run = "r", visibility = "external" } } do
    serves("messages " .. (query.run or "") .. (query.visibility or ""), function()
      for _, order in ipairs { "asc", "desc" } do
        assert(threads:messages("f", { order = order, run = query.run,
          visibility = query.visibility,
          after = 1, limit = 3, total = true }))
      end
    end)
  end

  serves("message, range, count, view, each", function()
    assert(threads:message("f", "m2"))
    assert(threads:range("f", 3, 8))
    assert(threads:count("f"))
    assert(threads:view("f"))
    for _ in threads:each("f") do end
  end)

  serves("replace, clear, fork and the deletes of their origins", function()
    assert(threads:replace("p", conversation.many(2)))
    assert(threads:fork("f", { id = "g", at = 3 }))
    assert(threads:clear("f"))
    assert(threads:delete("g"))
  end)

  serves("state", function()
    assert(threads:set_state("p", { a = 1 }))
    assert(threads:set_state("p", { a = 2 }))
    assert(threads:state("p"))
  end)

  serves("search everywhere, in a thread and for a resource", function()
    assert(threads:search("m2"))
    assert(threads:search("m2", { thread = "f" }))
    assert(threads:search("m2", { resource = "res" }))
  end)

  serves("the queue", function()
    assert(threads:enqueue("f", conversation.many(4, "q")))
    assert(threads:revise("f", "q1", user("x")))
    assert(threads:retract("f", "q2"))
    assert(threads:reorder("f", { "q4", "q3", "q1" }))
    assert(threads:pending("f"))
    assert(threads:freeze("f", { boundary = "new_run", run = { id = "r1", agent = "a",
      thread = "f" } }) == nil)
    assert(threads:freeze("f", { boundary = "new_run", run = { id = "new", agent = "a" } }))
  end)

  serves("runs", function()
    assert(runs:create { id = "r", thread = "p", agent = "b",
      request = { parent_thread_id = "root2" } })
    assert(runs:update("r", { status = "running" }))
    assert(runs:update("r", { steps = 2 }))
    assert(runs:get("r"))
    assert(runs:latest("p"))
  end)

  serves("runs:prune", function()
    for i = 1, 3 do
      assert(runs:create { id = "done" .. i, thread = "p", agent = "a", status = "done" })
    end
    clock.now = clock.now + 10
    assert(runs:prune { older_than = 5 } > 0)
  end)

  for name, filter in pairs { all = {}, thread = { thread = "p" },
    status = { status = "created" },
    agent = { agent = "a" }, together = { thread = "p", status = "created", agent = "a" } } do
    serves("list of runs by " .. name, function()
      all_pages(function(query)
        query.thread, query.status, query.agent, query.limit = filter.thread, filter.status,
          filter.agent, 2
        return runs:list(query)
      end)
    end)
  end
end)
