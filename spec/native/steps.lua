-- Scenarios on the public API: an array of steps, each a name and a function over the store. The
-- first run, undisturbed, notes the result of each step and what is in the file after it. When a
-- step fails in another run, the file must be as it was before the step, and the same step done
-- again must succeed: every state and result is that of the undisturbed run. (The clock stands
-- still within a step, and ids are numbered.) A step may raise the error: assert(store:op()).
-- With `may_be_done`, one that failed may have done its work nevertheless.
--
--     return steps.scenario {
--       { "create", function(store, t) return store.threads:create {...} end },
--     }

local core = require "moonbase.core"
local faults = require "faults"
local moonbase = require "moonbase"

local steps = {}

-- The parts load when first used; that they are loaded is not what a step is about.
local PARTS = "threads runs checkpoints events leases jobs kv flows sessions blobs artifacts specs "
  .. "profiles vectors memory graph gc transactions"
for part in PARTS:gmatch "%S+" do pcall(require, "moonbase." .. part) end

local function canonical(value)
  if type(value) ~= "table" then
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  local parts = {}
  for k, v in pairs(value) do
    if k ~= "token" then parts[#parts + 1] = "[" .. canonical(k) .. "]=" .. canonical(v) end
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

-- The order of the keys in a stored document differs from one Lua state to the next.
local function column(value)
  local document = type(value) == "string" and value:find "^[%[{]" and core.decode(value)
  return canonical(document or value)
end

-- Tokens and stamps are random by design. Nor is the index of words compared, what waits for it, or how far
-- it goes: a search may bring these up to date and then fail.
local UPKEEP = { indexed = true, token = true, stamp = true }
local TABLES = [[SELECT name FROM pragma_table_list
  WHERE type = 'table' AND schema = 'main' AND name <> 'sqlite_schema'
    AND name NOT LIKE '%backlog%' ORDER BY name]]

local function dump_table(connection, name)
  local lines = { name }
  for _, row in ipairs(assert(connection:rows(('SELECT * FROM "%s"'):format(name)))) do
    local parts = {}
    for key, value in pairs(row) do
      if not UPKEEP[key] then parts[#parts + 1] = key .. "=" .. column(value) end
    end
    table.sort(parts)
    lines[#lines + 1] = "  " .. table.concat(parts, " ")
  end
  return table.concat(lines, "\n")
end

local function table_names(connection)
  if connection:value "SELECT count(*) FROM sqlite_schema" == 0 then return function() end end
  local names = faults.noted "tables"
  if not names then
    names = table.concat(assert(connection:values(TABLES)), " ")
    faults.note("tables", names)
  end
  return names:gmatch "%S+"
end

-- Everything that is committed, as text.
function steps.dump(t, connection)
  local own = not connection and assert(core.open(t.path, {}))
  connection = connection or own
  local lines = {}
  for name in table_names(connection) do lines[#lines + 1] = dump_table(connection, name) end
  if own then assert(own:close()) end
  return table.concat(lines, "\n")
end

local function first_difference(expected, actual)
  local theirs = {}
  for line in (expected .. "\n"):gmatch "(.-)\n" do theirs[line] = (theirs[line] or 0) + 1 end
  for line in (actual .. "\n"):gmatch "(.-)\n" do
    if not theirs[line] then return "has " .. line end
    theirs[line] = theirs[line] > 1 and theirs[line] - 1 or nil
  end
  return "lacks " .. tostring(next(theirs))
end

-- Compares with the undisturbed run, which notes it.
local function compare(key, text, what)
  local expected = faults.noted(key)
  if not expected then
    faults.note(key, text)
  elseif expected ~= text then
    error(what .. ": " .. first_difference(expected, text), 0)
  end
end

local function again(t, step, name)
  local result, err = step(t.store, t)
  if result == nil and err ~= nil then error(name .. " again: " .. tostring(err), 0) end
  return result
end

local function take(t, n, name, step, may_be_done)
  t.now, t.last_id = n * 1000, 0
  local ok, result = t:try(step, t.store, t)
  if not ok then
    local what = ("after '%s' had failed (%s)"):format(name, tostring(result))
    local state = steps.dump(t)
    if not (may_be_done and state == faults.noted("state " .. n)) then
      compare("state " .. n - 1, state, what)
    end
    t.last_id = 0
    result = again(t, step, name)
  end
  compare("result " .. n, canonical(result), "result of '" .. name .. "'")
  if not faults.noted("state " .. n) then faults.note("state " .. n, steps.dump(t)) end
end

--- Opens the store of a trial.
function steps.open(t)
  return moonbase.open(t.path, {
    busy_timeout = 0, journal = t.journal,
    clock = function() return 1000000000000 + t.now end,
    new_id = function()
      t.last_id = t.last_id + 1
      return ("id-%d-%d"):format(t.now, t.last_id)
    end,
  })
end

local function verify(t, count)
  local connection = assert(core.open(t.path, {}))
  t:same("ok", connection:value "PRAGMA integrity_check", "integrity")
  t:same({}, connection:rows "PRAGMA foreign_key_check", "foreign keys")
  compare("state " .. count, steps.dump(t, connection), "at the end")
  assert(connection:close())
end

local function copy(from, to)
  local input, output = assert(io.open(from, "rb")), assert(io.open(to, "wb"))
  output:write(input:read "*a")
  input:close()
  output:close()
end

-- A new file costs as much as all steps, so it is made once, in the undisturbed run.
local function make_file(t, prepare)
  local template = t.path .. ".template"
  if not faults.noted "template" then
    local store = assert(steps.open(t))
    if prepare then prepare(store) end
    assert(store:close())
    faults.note("state 0", steps.dump(t))
    copy(t.path, template)
    faults.note("template", template)
  end
  copy(template, t.path)
end

--- A scenario for faults.lua.
function steps.scenario(list)
  return {
    journal = list.journal,
    asserts = true,
    prepare = function(t)
      t.now, t.last_id = 0, 0
      make_file(t, list.prepare)
      t.store = assert(steps.open(t))
    end,
    run = function(t)
      for n, step in ipairs(list) do take(t, n, step[1], step[2], step.may_be_done) end
    end,
    finish = function(t) assert(t.store:close()) end,
    verify = function(t) verify(t, #list) end,
  }
end

return steps
