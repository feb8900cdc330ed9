--- Lets statements of a store fail one by one.

local errors = require "moonbase.errors"

local faults = {}

local CALLS = { "run", "row", "rows", "value", "values" }
local MOST = 100

-- Lets the n-th statement that fn runs fail; gives fn's results, and whether it came to that one.
local function with_failure(engine, n, fn)
  local count = 0
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
  local engine = store.context.engine
  for n = 1, MOST do
    local result, err, reached = with_failure(engine, n, fn)
    if not reached then return n - 1 end
    if result ~= nil or type(err) ~= "table" or err.code ~= "io" then
      error(("statement %d failed, and the call gave %s, %s"):format(n, tostring(result),
        tostring(err)), 2)
    end
    unchanged(n)
  end
  error("too many statements", 2)
end

return faults
