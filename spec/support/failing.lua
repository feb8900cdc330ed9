--- Statements that fail: what a call does when the n-th one that it runs gives an error.

local errors = require "moonbase.errors"

local failing = {}

local CALLS = { "run", "row", "rows", "value", "values" }

--- Lets the n-th statement that fn runs fail.
---@param store moonbase.Store
---@param n integer
---@param fn function
---@return any result
---@return any err
---@return boolean reached  fn ran at least n statements
function failing.run(store, n, fn)
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

local TABLES = [[
  SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
    AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name]]

local function line_of(row)
  local fields = {}
  for field, value in pairs(row) do fields[#fields + 1] = field .. "=" .. tostring(value) end
  table.sort(fields)
  return table.concat(fields, " ")
end

--- Every row of every table, as text.
---@param store moonbase.Store
---@return string
function failing.contents(store)
  local engine, lines = store.context.engine, {}
  for _, name in ipairs(assert(engine:values(TABLES))) do
    for _, row in ipairs(assert(engine:rows('SELECT * FROM "' .. name .. '"'))) do
      lines[#lines + 1] = name .. ": " .. line_of(row)
    end
  end
  return table.concat(lines, "\n")
end

--- Lets each statement that fn runs fail in turn; each time fn must give the error and change
--- nothing. It runs through at last.
---@param store moonbase.Store
---@param fn function
---@return integer count  of the statements
function failing.each(store, fn)
  local luassert = require "luassert"
  local before = failing.contents(store)
  for n = 1, 200 do
    local result, err, reached = failing.run(store, n, fn)
    if not reached then return n - 1 end
    luassert.is_nil(result)
    luassert.are.equal("io", err.code)
    luassert.are.equal(before, failing.contents(store))
  end
  error("too many statements")
end

return failing
