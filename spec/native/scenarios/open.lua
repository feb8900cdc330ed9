-- Opening a store: a new file with its whole schema, and again.
local faults = require "faults"
local steps = require "spec.native.steps"

local function open(t)
  local store, err = steps.open(t)
  if not store then return nil, err end
  t.store = store
  return true
end

local scenario = steps.scenario {
  { "open", function(_, t) return open(t) end, may_be_done = true }, -- the schema is there then
  { "write", function(s) return s.threads:append("a", { { role = "user", content = "one" } }) end },
  { "open another", function(_, t)
    local second, err = steps.open(t)
    if not second then return nil, err end
    return (second:close())
  end },
  { "close", function(s) return s:close() end },
  { "open again", function(_, t) return open(t) end },
  { "read", function(s) return s.threads:count("a") end },
  { "in another scope", function(s) return s:scope("tenant").threads:append("a", {
    { role = "user", content = "elsewhere" } }) end },
}

function scenario.prepare(t)
  t.now, t.last_id = 0, 0
  if not faults.noted "state 0" then faults.note("state 0", "") end
end

return scenario
