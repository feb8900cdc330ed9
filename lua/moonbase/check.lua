--- Arguments: what every call of the API checks in the same way.
-- A wrong Lua type or an unknown option is the programmer's mistake and raises, naming the
-- argument; a value of the right type that breaks a rule is `nil, invalid`, so that data from
-- outside never raises. Every check takes the argument's name first, and all but the raising ones
-- give the value in its normal form.

local core = require "moonbase.core"
local errors = require "moonbase.errors"

local find, type = string.find, type

local check = {}

local MAX_ID_BYTES = 512
local MAX_EXACT = 2 ^ 53 -- above it LuaJIT's numbers skip integers

-- What Unicode calls white space beyond ASCII, as UTF-8. An id of these alone would look blank.
local WIDE_SPACES = { "\194\133", "\194\160", "\225\154\128", "\226\128[\128-\138\168\169\175]",
  "\226\129\159", "\227\128\128" }

--- A whole number as an integer, where the Lua tells them from floats.
check.to_integer = rawget(math, "tointeger") or function(value) return value end
local to_integer = check.to_integer

--- The type that an argument must have; raises otherwise.
---@param name string
---@param value any
---@param expected string  a Lua type, or "any"
---@return any value
function check.type(name, value, expected)
  if type(value) == expected or expected == "any" then return value end
  return errors.misuse(name, expected .. " expected, got " .. type(value))
end

local function is_blank(text)
  if find(text, "[!-~]") then return false end
  for _, space in ipairs(WIDE_SPACES) do text = text:gsub(space, "") end
  return not find(text, "[^%s]")
end

local function is_utf8(text)
  return not find(text, "[\128-\255]") or core.encode(text, "text") ~= nil
end

-- Ids that are not plain printable ASCII without spaces.
local function unusual_id(name, value)
  if #value > MAX_ID_BYTES then return errors.invalid(name, "is longer than 512 bytes") end
  if find(value, "\0", 1, true) then return errors.invalid(name, "contains NUL") end
  if not is_utf8(value) then return errors.invalid(name, "is not valid UTF-8") end
  if is_blank(value) then return errors.invalid(name, "is blank") end
  return value
end

--- An id: a string that is not blank, valid UTF-8, at most 512 bytes, without NUL.
---@param name string
---@param value any
---@return string|nil id
---@return moonbase.Error|nil err  `invalid`
function check.id(name, value)
  check.type(name, value, "string")
  if #value <= MAX_ID_BYTES and find(value, "^[!-~]+$") then return value end
  return unusual_id(name, value)
end

--- An id inside a document, where a wrong type is bad data and not misuse.
---@param name string  path of the field
---@param value any
---@return string|nil id
---@return moonbase.Error|nil err  `invalid`
function check.document_id(name, value)
  if type(value) ~= "string" then return errors.invalid(name, "must be a string") end
  return check.id(name, value)
end

--- The id given, or a new one.
---@param name string
---@param value any
---@param ctx moonbase.Context
---@return string|nil id
---@return moonbase.Error|nil err  `invalid`
function check.id_or_new(name, value, ctx)
  if value == nil then value = ctx:new_id() end
  return check.id(name, value)
end

--- A name whose surrounding white space does not count; nil when nothing else is left.
---@param name string
---@param value any
---@return string|nil id
---@return moonbase.Error|nil err  `invalid`
function check.trimmed(name, value)
  if value == nil then return nil end
  check.type(name, value, "string")
  local text = value:match("^%s*(.-)%s*$")
  if text == "" then return nil end
  return check.id(name, text)
end

--- Text of any length: valid UTF-8.
---@param name string
---@param value any
---@return string|nil text
---@return moonbase.Error|nil err  `invalid`
function check.text(name, value)
  check.type(name, value, "string")
  if not is_utf8(value) then return errors.invalid(name, "is not valid UTF-8") end
  return value
end

--- A file's path.
---@param path any
---@return string|nil path
---@return moonbase.Error|nil err  `invalid`
function check.path(path)
  check.type("path", path, "string")
  if path == "" then return errors.invalid("path", "is blank") end
  if find(path, "\0", 1, true) then return errors.invalid("path", "contains NUL") end
  return path
end

--- A whole number from `least` up.
---@param name string
---@param value any
---@param least? integer  default 0
---@return integer|nil value
---@return moonbase.Error|nil err  `invalid`
function check.integer(name, value, least)
  check.type(name, value, "number")
  least = least or 0
  if value >= least and value <= MAX_EXACT and value % 1 == 0 then return to_integer(value) end
  return errors.invalid(name, "must be a whole number, " .. least .. " or more")
end

--- A whole number from 1 up.
---@param name string
---@param value any
---@return integer|nil value
---@return moonbase.Error|nil err  `invalid`
function check.positive(name, value)
  return check.integer(name, value, 1)
end

--- A duration in milliseconds.
check.duration = check.integer

--- A time in milliseconds since 1970.
check.time = check.integer

--- A clock of the caller's as one of whole milliseconds: many give fractions too. It raises where
--- the caller's gives no time.
---@param clock? fun(): number
---@return fun(): integer
function check.clock(clock)
  if not clock then return core.now end
  return function()
    local now = clock()
    if type(now) == "number" and now >= -MAX_EXACT and now <= MAX_EXACT then
      return to_integer(now - now % 1)
    end
    return errors.misuse("clock", "a time in milliseconds expected, got " .. tostring(now))
  end
end

--- One word of a fixed set; any other raises.
---@param name string
---@param value any
---@param choices table<string, any>  the words are its keys
---@return string
function check.choice(name, value, choices)
  check.type(name, value, "string")
  if choices[value] ~= nil then return value end
  local words = {}
  for word in pairs(choices) do words[#words + 1] = "'" .. word .. "'" end
  table.sort(words)
  return errors.misuse(name, "'" .. value .. "' is none of " .. table.concat(words, ", "))
end

--- A table of options; an unknown one, or one of a wrong type, raises, naming it.
---@param name string                  the argument's name
---@param options any                  nil for none
---@param types table<string, string>  option to Lua type, or "any"
---@return table options
function check.options(name, options, types)
  if options == nil then return {} end
  check.type(name, options, "table")
  for key, value in next, options do
    local path = name .. "." .. tostring(key)
    if types[key] == nil then errors.misuse(path, "unknown option") end
    check.type(path, value, types[key])
  end
  return options
end

--- Applies a check to each field that is there.
---@param fields table
---@param rules table[]  arrays of a field's name and its check
---@return table|nil values        the fields named by the rules, in their normal form
---@return moonbase.Error|nil err  of the first that breaks its rule
function check.fields(fields, rules)
  local values = {}
  for _, rule in ipairs(rules) do
    local field = rule[1]
    if fields[field] ~= nil then
      local value, err = rule[2](field, fields[field])
      if err then return nil, err end
      values[field] = value
    end
  end
  return values
end

--- The number of items of an array. A table with other keys is none: taking it for an empty one
--- would drop what the caller meant to write.
---@param name string
---@param list any
---@return integer
function check.array(name, list)
  check.type(name, list, "table")
  local count = #list
  if count == 0 and next(list) ~= nil then
    errors.misuse(name, "array expected, got a table with other keys")
  end
  return count
end

--- A set of words, for `check.choice`.
---@param words string  separated by spaces
---@return table<string, boolean>
function check.set(words)
  local set = {}
  for word in words:gmatch("%S+") do set[word] = true end
  return set
end

return check
