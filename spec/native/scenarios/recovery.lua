-- Opening a file whose first page is damaged: it is repaired, or opening fails and the next one does
-- it. Whatever fails, nothing of what was there is lost.
local steps = require "spec.native.steps"

-- The parts that repairing needs are loaded undisturbed.
for _, name in ipairs { "opening", "recovery", "salvage", "integrity", "side_files" } do
  require("moonbase." .. name)
end

local function fill(store)
  for i = 1, 4 do
    assert(store.threads:append("a", { { role = "user", content = "message " .. i } }))
    assert(store.events:append { stream = "s", type = "t", data = { i = i } })
  end
  assert(store.memory:remember { id = "m", text = "a text" })
end

local function write_page(path, bytes)
  local file = assert(io.open(path, "r+b"))
  file:write(bytes)
  file:close()
end

local function open(t)
  local store, err = steps.open(t)
  if not store then return nil, err end
  t.store = store
  return true
end

local scenario = steps.scenario { prepare = fill }

-- What others have open is not repaired.
scenario.allowed = { corrupt = true }

function scenario.run(t)
  assert(t.store:close())
  write_page(t.path, ("\170"):rep(100))
  require("moonbase.breaker").reset(t.path)
  t.now = 1000
  local ok = t:try(open, t)
  require("moonbase.breaker").reset(t.path)
  if not ok then assert(open(t)) end
end

local function remove_quarantined(path)
  local folder, name = path:match "^(.*)/([^/]*)$"
  local pipe = assert(io.popen("ls '" .. folder .. "'"))
  for line in pipe:lines() do
    if line:find(name .. ".corrupt-", 1, true) then os.remove(folder .. "/" .. line) end
  end
  pipe:close()
end

function scenario.verify(t)
  local store = assert(steps.open(t))
  t:same(4, store.threads:count "a", "messages")
  t:same(4, store.events:latest "s", "events")
  t:same("a text", store.memory:recall("m").text, "memory")
  t:same(true, (assert(store:check())), "check")
  assert(store:close())
  remove_quarantined(t.path)
end

return scenario
