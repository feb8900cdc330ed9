--- What the statements that a store runs cost: each must be served by an index.

local files = require "spec.support.files"

local plans = {}

local CALLS = { "run", "row", "rows", "value", "values" }

-- Lets the engine tell of every statement that it runs.
local function listen(engine, heard)
  for _, name in ipairs(CALLS) do
    local call = engine[name]
    rawset(engine, name, function(self, sql, ...)
      heard(sql, select("#", ...), ...)
      return call(self, sql, ...)
    end)
  end
end

local function silence(engine)
  for _, name in ipairs(CALLS) do rawset(engine, name, nil) end
end

--- The statements that fn runs on the store.
---@return table[] statements  { sql, arguments, their number }
local function statements_of(store, fn)
  local engine, list = store.context.engine, {}
  listen(engine, function(sql, count, ...) list[#list + 1] = { sql, { ... }, count } end)
  local ok, failure = pcall(fn)
  silence(engine)
  if not ok then error(failure, 0) end
  return list
end

-- A scan of a table or an index, or rows that are sorted after they were read.
local function is_slow(step)
  return step:find("TEMP B-TREE", 1, true) ~= nil
    or (step:find("^SCAN ") ~= nil and step:find("CONSTANT ROW", 1, true) == nil)
end

--- The steps of fn's statements that read more than they give: an array of texts.
---@param store moonbase.Store
---@param fn fun()
---@return string[]
function plans.slow(store, fn)
  local engine, found = store.context.engine, {}
  for _, statement in ipairs(statements_of(store, fn)) do
    local sql, arguments, count = statement[1], statement[2], statement[3]
    local unpack = table.unpack or unpack -- luacheck: ignore
    local steps = assert(engine:rows("EXPLAIN QUERY PLAN " .. sql, unpack(arguments, 1, count)))
    for _, step in ipairs(steps) do
      if is_slow(step.detail) then found[#found + 1] = step.detail .. "\n" .. sql end
    end
  end
  return found
end

-- The text of C string literals and of macros that stand for some.
local function text_of(source, macros)
  local parts = {}
  for quoted, name in source:gmatch('"(.-)"([%s\\A-Z_]*)') do
    parts[#parts + 1] = quoted
    for macro in name:gmatch("[A-Z_]+") do parts[#parts + 1] = macros[macro] end
  end
  return table.concat(parts)
end

--- The statements that C files hold as constants, by the path and the constant's name.
---@param paths string[]
---@return table<string, string>
function plans.core_statements(paths)
  local found = {}
  for _, path in ipairs(paths) do
    local source, macros = assert(files.read(path), path), {}
    for name, text in source:gmatch("#define ([A-Z_]+)(.-[^\\])\n") do
      macros[name] = text_of(text, {})
    end
    for name, text in source:gmatch("static const char ([A-Z_]+)%[%]%s*=%s*(.-);\n") do
      found[path .. " " .. name] = text_of(text, macros)
    end
  end
  return found
end

return plans
