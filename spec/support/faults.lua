--- Lets statements of a store fail one by one.

local errors = require "moonbase.errors"

local faults = {}

local CALLS = { "run", "row", "rows", "value", "values" }
local MOST = 100

--- Lets the n-th statement that fn runs fail.
---@param store moonbase.Store
---@param n integer
---@param fn fun(): any, any
---@return any result
---@return any err
---@return boolean reached  fn ran at least n statements
function faults.run(store, n, fn)
  local engine, count = store.context.engine, 0
  for _, name in ipairs(CALLS) do
    local call = engine[name]
    rawset(engine, name, function(...)
      count = count + 1
      if count == n then return errors.fail("io", "the disk is on fire") end
      return call(...)
    end)
  end
  local result, err = fn()
  for _, name in ipairs(CALLS) do rawset(engine, name, nil) end
  return result, err, count >= n
end

--- Lets each statement of fn fail in turn: fn must give nil and that error each time. Gives how
--- many statements there were; the last time, undisturbed, fn does its work.
---@param store moonbase.Store
---@param fn fun(): any, any
---@param unchanged fun(n: integer)  called after each failure
---@return integer
function faults.each_statement(store, fn, unchanged)
  for n = 1, MOST do
    local result, err, reached = faults.run(store, n, fn)
    if not reached then return n - 1 end
    if result ~= nil or type(err) ~= "table" or err.code ~= "io" then
      error(("statement %d failed, and the call gave %s, %s"):format(n, tostring(result),
        tostring(err)), 2)
    end
    unchanged(n)
  end
  error("too many statements", 2)
end

local TABLES = [[
  SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
    AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name]]

local function line_of(row)
  local fields = {}
  for field, value in pairs(row) do fields[#fields + 1] = field .. "=" .. tostring(value) end
  table.sort(fields)
  return table.concat(fields, " ")
end

--- Every row of every table, or of some, as text.
---@param store moonbase.Store
---@param tables? string[]
---@return string
function faults.contents(store, tables)
  local engine, lines = store.context.engine, {}
  for _, name in ipairs(tables or assert(engine:values(TABLES))) do
    for _, row in ipairs(assert(engine:rows('SELECT * FROM "' .. name .. '"'))) do
      lines[#lines + 1] = name .. ": " .. line_of(row)
    end
  end
  return table.concat(lines, "\n")
end

--- The same, with nothing changed in any table after each failure.
---@param store moonbase.Store
---@param fn fun(): any, any
---@return integer
function faults.changes_nothing(store, fn)
  local before = faults.contents(store)
  return faults.each_statement(store, fn, function(n)
    if faults.contents(store) ~= before then error("statement " .. n .. " left a change", 3) end
  end)
end

return faults
