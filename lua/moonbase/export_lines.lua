--- The lines of an export: a header, then for each table a line that names its columns and a line
-- for each row, then a line that tells how many rows there were and the hash of all lines before.
--
--     {"moonbase":"export","format":1,"schema":13}
--     {"table":"kv","columns":["id","scope",...]}
--     [1,1,...]
--     {"end":true,"rows":1,"sha256":"..."}
--
-- Integers are exact whatever their size, real numbers have a point or an exponent, bytes are
-- {"base64":"..."}, a real number in a column that may hold anything is {"real":1.0}.

local core = require "moonbase.core"
local errors = require "moonbase.errors"

local export_lines = {}

--- The format that is written.
export_lines.FORMAT = 1

-- On LuaJIT an integer beyond 2^53 comes as its digits.
local function is_digits(value, column, kind)
  return type(value) == "string" and (kind or column.type:lower()) == "integer"
end

-- LuaJIT's numbers do not know whether they were real.
local function encode_real(value, kind)
  local text, err = core.encode(value, "value")
  if not text then return nil, err end
  if not text:find "[.e]" then text = text .. ".0" end
  return kind and '{"real":' .. text .. "}" or text
end

--- A value of a row as JSON.
---@param value any
---@param column moonbase.TableColumn
---@param kind? string  where the column may hold anything, see tables.value
---@return string|nil
---@return moonbase.Error|nil err  `serialization` for text that is not UTF-8
function export_lines.encode(value, column, kind)
  if value == nil then return "null" end
  if is_digits(value, column, kind) then return value end
  if (kind or column.type) == (kind and "real" or "REAL") then return encode_real(value, kind) end
  if type(value) == "string" and (column.type == "BLOB" or kind == "blob") then
    local text, err = core.base64(value)
    return text and '{"base64":"' .. text .. '"}', err
  end
  return core.encode(value, column.name)
end

local KINDS = { string = "text", number = "integer", userdata = "null" }

local function decode_object(object)
  if type(object.real) == "number" then return object.real, "real" end
  local bytes = type(object.base64) == "string" and core.unbase64(object.base64)
  if bytes then return bytes, "blob" end
end

--- What stands in a line for a value.
---@param value any  decoded
---@return any value
---@return string|nil kind  "text", "integer", "real", "blob" or "null"; nil when it can be no value
function export_lines.decode(value)
  if type(value) == "table" then return decode_object(value) end
  return value, KINDS[type(value)]
end

--- Says what is wrong with a line.
---@param number integer
---@param why string
---@return nil
---@return moonbase.Error
function export_lines.damaged(number, why)
  return errors.fail("corrupt", "line " .. number .. " of the export: " .. why, { line = number })
end

return export_lines
