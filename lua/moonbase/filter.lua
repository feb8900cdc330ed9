--- Filters over documents: one grammar for every part that takes a `filter`.
-- A filter is a table of fields to values or to tables of operators, all of which must hold:
--
--     { type = "fact", tags = { contains = "x" }, ["metadata.lang"] = { ne = "de" },
--       any = { filter, ... }, all = { filter, ... }, none = { filter, ... } }
--
-- It becomes a function over a decoded document. Nothing of it ever becomes SQL, so fields and
-- values may hold any text.

local check = require "moonbase.check"
local core = require "moonbase.core"
local document = require "moonbase.document"
local errors = require "moonbase.errors"

local byte, min, type = string.byte, math.min, type

local filter = {}

---@alias moonbase.Filter table<string, any>
---@alias moonbase.Predicate fun(document: any): boolean

-- Arrays come from JSON here: an object has no key 1.
local function is_array(value)
  return type(value) == "table" and (value[1] ~= nil or next(value) == nil)
end

-- Lua compares strings by the process's locale, which must not decide what a filter finds.
local function text_less(a, b)
  for i = 1, min(#a, #b) do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function less(a, b)
  if type(a) == "number" then return a < b end
  return text_less(a, b)
end

-- An operator takes its operand and gives a test of a field's value, which is nil where the
-- field is missing.
local operators = {}

function operators.eq(operand)
  return function(value) return document.equal(value, operand) end
end

function operators.ne(operand)
  return function(value) return not document.equal(value, operand) end
end

-- Order is known among numbers and among texts only.
local function ordering(holds)
  return function(operand, path)
    local kind = type(operand)
    if kind ~= "number" and kind ~= "string" then
      return errors.invalid(path, "must be a number or a string")
    end
    return function(value) return type(value) == kind and holds(value, operand) end
  end
end

operators.lt = ordering(function(value, operand) return less(value, operand) end)
operators.gt = ordering(function(value, operand) return less(operand, value) end)
operators.lte = ordering(function(value, operand) return not less(operand, value) end)
operators.gte = ordering(function(value, operand) return not less(value, operand) end)

local function holds_one(list, wanted)
  for i = 1, #list do
    if document.equal(list[i], wanted) then return true end
  end
  return false
end

function operators.one_of(operand, path)
  if not is_array(operand) then return errors.invalid(path, "must be an array") end
  local plain = {} -- found at once, however long the list is
  for i = 1, #operand do plain[operand[i]] = true end
  return function(value)
    if type(value) == "table" then return holds_one(operand, value) end
    return value ~= nil and plain[value] == true
  end
end

function operators.contains(operand)
  return function(value)
    if type(value) == "table" then return holds_one(value, operand) end
    return type(value) == "string" and type(operand) == "string"
      and value:find(operand, 1, true) ~= nil
  end
end

function operators.exists(operand, path)
  if type(operand) ~= "boolean" then return errors.invalid(path, "must be true or false") end
  return function(value) return (value ~= nil) == operand end
end

-- A dotted key as steps: the name to go into, and all that is left of the key there. A field whose
-- own name has dots in it is found by the latter.
local function steps_of(key)
  local steps, rest = {}, key
  while true do
    local name, further = rest:match("^([^.]*)%.(.*)$")
    steps[#steps + 1] = { name or rest, rest }
    if not name then return steps end
    rest = further
  end
end

local function look_up(value, steps)
  for i = 1, #steps do
    if type(value) ~= "table" then return nil end
    local whole = value[steps[i][2]]
    if whole ~= nil then return whole end
    value = value[steps[i][1]]
  end
  return value
end

-- All of an array of predicates over one value.
local function conjunction(tests)
  if #tests == 1 then return tests[1] end
  return function(value)
    for i = 1, #tests do
      if not tests[i](value) then return false end
    end
    return true
  end
end

local function disjunction(tests)
  return function(value)
    for i = 1, #tests do
      if tests[i](value) then return true end
    end
    return false
  end
end

local function negation(tests)
  local some = disjunction(tests)
  return function(value) return not some(value) end
end

local COMBINATIONS = { all = conjunction, any = disjunction, none = negation }

-- A table of operators as one test; anything else stands for being equal to it.
local function compile_condition(condition, path)
  if type(condition) ~= "table" then return operators.eq(condition) end
  local tests = {}
  for name, operand in next, condition do
    local here = path .. "." .. tostring(name)
    local operator = operators[name]
    if not operator then return errors.invalid(here, "is no operator") end
    local test, err = operator(operand, here)
    if not test then return nil, err end
    tests[#tests + 1] = test
  end
  if #tests == 0 then return errors.invalid(path, "has no operator") end
  return conjunction(tests)
end

-- The key that a field is found by in the documents; nil for an unknown field.
local function resolve(key, fields)
  if fields == nil then return key end
  if type(fields) == "function" then return fields(key) end
  local name = key:match("^[^.]*")
  return (fields[key] or fields[name]) and key or nil
end

local function compile_field(key, condition, path, fields)
  local found = resolve(key, fields)
  if not found then return errors.invalid(path, "is no field to filter by") end
  local test, err = compile_condition(condition, path)
  if not test then return nil, err end
  local steps = steps_of(found)
  return function(value) return test(look_up(value, steps)) end
end

local compile

local function compile_list(combine, list, path, fields)
  if not is_array(list) then return errors.invalid(path, "must be an array of filters") end
  local tests = {}
  for i = 1, #list do
    local test, err = compile(list[i], path .. "[" .. i .. "]", fields)
    if not test then return nil, err end
    tests[i] = test
  end
  return combine(tests)
end

local function compile_entry(key, value, path, fields)
  if type(key) ~= "string" then return errors.invalid(path, "must have names of fields as keys") end
  local here = path .. "." .. key
  local combine = COMBINATIONS[key]
  if combine then return compile_list(combine, value, here, fields) end
  return compile_field(key, value, here, fields)
end

function compile(source, path, fields)
  if type(source) ~= "table" then return errors.invalid(path, "must be a table") end
  local tests = {}
  for key, value in next, source do
    local test, err = compile_entry(key, value, path, fields)
    if not test then return nil, err end
    tests[#tests + 1] = test
  end
  return conjunction(tests)
end

-- The filter as JSON would give it back: arrays and null look as they do in documents, and what
-- the caller does to his table later changes nothing.
local function normal(source)
  local copy, err = document.stored(source, "filter")
  if err then return errors.fail("invalid", err.message, { field = err.field }) end
  return copy
end

--- Makes a function that tells whether a document matches.
--- `eq` and `ne` compare as JSON (1 is 1.0), `ne` holds for a missing field. `lt lte gt gte`
--- compare numbers with numbers and strings with strings, in byte order. `contains` looks for an
--- element of an array or a part of a string. `exists` holds for null too.
---@param source moonbase.Filter  a table; anything else raises
---@param fields? table<string, any>|fun(key: string): string?  the fields that there are, by their
---  first name (default: any); or a function that gives the dotted key to look up, nil for no field
---@return moonbase.Predicate|nil
---@return moonbase.Error|nil err  `invalid`, `field` is the path of what is wrong
function filter.compile(source, fields)
  check.type("filter", source, "table")
  local copy, err = normal(source)
  if not copy then return nil, err end
  return compile(copy, "filter", fields)
end

--- Whether a filter asks for nothing, and so holds for everything: what a program that collects
--- conditions gives when it has found none.
---@param source moonbase.Filter  one that compiles
---@return boolean
function filter.is_empty(source)
  for key, value in next, source do
    if key ~= "all" and key ~= "any" and (key ~= "none" or value[1] ~= nil) then return false end
    local empty = 0
    for i = 1, #value do
      if filter.is_empty(value[i]) then empty = empty + 1 end
    end
    if key == "all" and empty < #value or key == "any" and empty == 0 then return false end
  end
  return true
end

local write

local function write_object(value)
  local names, parts = {}, {}
  for name in next, value do names[#names + 1] = name end
  table.sort(names, text_less)
  for i, name in ipairs(names) do
    parts[i] = core.encode(name, "filter") .. ":" .. write(value[name])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function write(value)
  if type(value) ~= "table" or next(value) == nil then return (core.encode(value, "filter")) end
  if value[1] == nil then return write_object(value) end
  local parts = {}
  for i = 1, #value do parts[i] = write(value[i]) end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- A text that is the same for the same filter, in every process: what cursors are bound to.
---@param source moonbase.Filter  one that compiles
---@return string
function filter.text(source)
  return write((normal(source)))
end

return filter
