-- A two-phase commit is killed between any two of its steps: what was decided is done, once the
-- participants are told; what was not has never been.

local child = require "spec.support.child"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local process = require "process"

local PARTICIPANTS = { "bank", "mail" }

-- What participants have done, one line each: "prepare bank <id>".
local function journal(path)
  local lines = {}
  for line in (files.read(path) or ""):gmatch("[^\n]+") do lines[#lines + 1] = line end
  return lines
end

local function note(path, line)
  local file = assert(io.open(path, "a"))
  file:write(line, "\n")
  file:close()
end

local function participant(path, name)
  local made = {}
  for _, phase in ipairs { "prepare", "commit", "rollback" } do
    made[phase] = function(id) note(path, ("%s %s %s"):format(phase, name, id)) end
  end
  return made
end

local function die()
  process.kill(process.getpid(), "KILL")
end

-- Kills the process after so many instructions of Lua.
local function die_after(instructions)
  if jit then jit.off() end
  debug.sethook(die, "", instructions)
end

-- One transaction over several parts, killed on the way; says its id first.
local function commit(c, path, notes, instructions)
  local store = assert(moonbase.open(path))
  local tx = assert(store:begin { label = "order" })
  c:tell(tx.id)
  assert(tx.threads:append("t", { { role = "user", content = tx.id } }))
  assert(tx.kv:set("ns", "last", tx.id))
  for _, name in ipairs(PARTICIPANTS) do assert(tx:enlist(name, participant(notes, name))) end
  if instructions then die_after(instructions) end
  assert(tx:commit())
  debug.sethook()
  store:close()
end

-- How often each phase of the transaction was reached, by "phase name".
local function tally(notes, id)
  local counts = {}
  for _, line in ipairs(journal(notes)) do
    local what, whose = line:match("^(%S+ %S+) (.*)$")
    if whose == id then counts[what] = (counts[what] or 0) + 1 end
  end
  return counts
end

describe("a two-phase commit that is killed", function()
  local path, notes

  before_each(function()
    path = files.database()
    notes = path .. ".notes"
    assert(moonbase.open(path)):close()
  end)

  after_each(files.cleanup)

  local function recover(store)
    local handlers = {}
    for _, name in ipairs(PARTICIPANTS) do handlers[name] = participant(notes, name).commit end
    return assert(store.transactions:recover(handlers))
  end

  -- What holds after any death: gives where it came to.
  local function verify(id, before)
    local store = assert(moonbase.open(path))
    local entry = store.transactions:log { limit = 200 }
    entry = entry[#entry]
    local decided = entry ~= nil and entry.id == id
    assert.are.equal(decided, store.kv:get("ns", "last") == id)
    assert.are.equal(before + (decided and 1 or 0), store.threads:count("t"))
    local early = tally(notes, id)
    local done = 0
    for _, name in ipairs(PARTICIPANTS) do
      if decided then assert.are.equal(1, early["prepare " .. name]) end
      if early["commit " .. name] then assert.is_true(decided) end
      if early["commit " .. name] then done = done + 1 end
    end
    local recovered = recover(store)
    local late = tally(notes, id)
    for _, name in ipairs(PARTICIPANTS) do
      if decided then assert.is_true((late["commit " .. name] or 0) >= 1) end
      if not decided then assert.is_nil(late["commit " .. name]) end
      assert.is_nil(late["rollback " .. name])
    end
    assert.are.equal(0, recover(store))
    if decided then
      for _, one in ipairs(store.transactions:log { limit = 200 }[before + 1].participants) do
        assert.is_true(one.done)
      end
    end
    store:close()
    local prepared = (early["prepare bank"] or 0) + (early["prepare mail"] or 0)
    return table.concat({ prepared, decided and "decided" or "open", done, recovered }, " ")
  end

  it("after any number of instructions leaves all or nothing, and tells everybody in the end",
    function()
      local instructions, step, count, seen = 20, 60, 0, {}
      while true do
        local one = child.start(function(c) commit(c, path, notes, instructions) end)
        local id = one:hear()
        local finished = one:finish()
        local state = verify(id, count)
        seen[state] = (seen[state] or 0) + 1
        if state:find "decided" then count = count + 1 end
        if finished then break end
        instructions = instructions + step
      end
      -- It went from one end to the other; which stages between it died in is up to how instructions
      -- are counted. Each of them follows.
      for _, state in ipairs { "0 open 0 0", "2 decided 2 0" } do
        assert.is_truthy(seen[state], state .. " was never reached")
      end
    end)

  -- The same at the very steps, wherever the instructions fall.
  local STAGES = {
    ["before anyone prepares"] = { "prepare", "bank", before = true, decided = false },
    ["between two that prepare"] = { "prepare", "bank", decided = false },
    ["when all have prepared, before the decision"] = { "prepare", "mail", decided = false },
    ["behind the decision, before anyone is told"] =
      { "commit", "bank", before = true, decided = true },
    ["between two that are told"] = { "commit", "bank", decided = true },
    ["when all were told, before that is noted"] = { "commit", "mail", decided = true },
  }
  for name, stage in pairs(STAGES) do
    it(name .. " is " .. (stage.decided and "done" or "undone"), function()
      local one = child.start(function(c)
        local real = participant
        participant = function(notes_, who) -- luacheck: ignore
          local made = real(notes_, who)
          local phase = stage[1]
          local inner = made[phase]
          if who == stage[2] then
            made[phase] = function(id)
              if not stage.before then inner(id) end
              die()
            end
          end
          return made
        end
        commit(c, path, notes)
      end)
      local id = one:hear()
      assert.is_false((one:finish()))
      assert.are.equal(stage.decided, verify(id, 0):find "decided" ~= nil)
    end)
  end

  it("while others recover is told at least once, and noted once", function()
    local one = child.start(function(c)
      local store = assert(moonbase.open(path))
      for _ = 1, 20 do
        local tx = assert(store:begin())
        assert(tx.threads:append("t", { { role = "user", content = "x" } }))
        local fail = { prepare = function() end, commit = error, rollback = error }
        assert(tx:enlist("bank", fail))
        assert(tx:commit())
      end
      store:close()
      c:tell("ready")
    end)
    assert.are.equal("ready", one:hear())
    assert.is_true(one:finish())
    local total = 0
    for _, count in ipairs(child.lines(child.together(3, function(c)
      local store = assert(moonbase.open(path))
      c:ready()
      c:tell(assert(store.transactions:recover { bank = participant(notes, "bank").commit }))
      store:close()
    end))) do
      total = total + tonumber(count)
    end
    assert.are.equal(20, total)
    local told = {}
    for _, line in ipairs(journal(notes)) do told[line] = true end
    local distinct = 0
    for _ in pairs(told) do distinct = distinct + 1 end
    assert.are.equal(20, distinct)
  end)
end)
