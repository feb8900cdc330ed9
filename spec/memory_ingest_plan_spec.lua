-- No statement of ingesting reads a table from end to end; and whichever fails, nothing is changed.

local embedders = require "spec.support.embedders"
local faults = require "spec.support.faults"
local plans = require "spec.support.plans"
local stores = require "spec.support.stores"

describe("ingesting", function()
  local store, memory

  local function document(text, changes)
    local fields = { source = "doc", kind = "document", text = text, max_tokens = 4, overlap = 0 }
    for name, value in pairs(changes or {}) do fields[name] = value end
    return memory:ingest(fields)
  end

  before_each(function()
    store = stores.open(nil, { embed = embedders.letters() })
    memory = store.memory
    for i = 1, 20 do assert(memory:remember { text = "text of Ann " .. i, source = "s" .. i }) end
    assert(document "# Head a\n\n# Head b\n\n# Head c")
    assert(document("# Head a", { source = "versions", version = 1 }))
  end)

  after_each(stores.cleanup)

  local CALLS = {
    ["of something new"] = function() return document("# Head n", { source = "new", tags = { "x" } }) end,
    ["of what has changed"] = function() return document "# Head n\n\n# Head a\n\n# Head c" end,
    ["of another version"] = function() return document("# Head n", { source = "versions", version = 2 }) end,
    ["of an older version"] = function() return document("# Head n", { source = "versions", version = 0 }) end,
    ["of a chat"] = function()
      return memory:ingest { source = "chat", kind = "chat",
        messages = { { author = "Ann", text = "Hello" }, { text = "Hi", at = 5 } } }
    end,
    ["and forgetting"] = function() return memory:forget_source "doc" end,
  }

  describe("goes by indexes:", function()
    for name, fn in pairs(CALLS) do
      it(name, function()
        assert.are.same({}, plans.slow(store, function() assert(fn()) end))
      end)
    end
  end)

  describe("changes nothing when any one statement fails:", function()
    for name, fn in pairs(CALLS) do
      it(name, function() assert.is_true(faults.changes_nothing(store, fn) > 0) end)
    end
  end)

  it("writes nothing, and needs no vector, for the same input", function()
    local before = faults.contents(store)
    local report = assert(document "# Head a\n\n# Head b\n\n# Head c")
    assert.are.same({ 0, 3 }, { report.written, report.skipped })
    assert.are.equal(before, faults.contents(store))
  end)
end)
