--- Errors: one object for what is returned and what is raised.
-- The codes, their messages and whether a retry makes sense come from the one
-- table in the C core (`core.codes()`).

local core = require "moonbase.core"

---@class moonbase.Error
---@field code string        one of the stable codes, such as "not_found"
---@field message string     one readable line
---@field retryable boolean  the same call may succeed later, unchanged
---@field field? string      what is wrong, for `invalid` and `serialization`
---@field expected? any      for `conflict`
---@field actual? any        for `conflict`
---@field sqlite? integer    SQLite's extended result code

local errors = {}

--- Makes an error object.
---@param code string
---@param message? string  default: the code's own message
---@param details? table   further fields
---@return moonbase.Error
errors.new = core.error

--- What a call returns when the outside world is at fault.
---@param code string
---@param message? string
---@param details? table
---@return nil, moonbase.Error
function errors.fail(code, message, details)
  return nil, core.error(code, message, details)
end

--- A bad value of the right type.
---@param field string  the argument or field at fault
---@param why string    what is wrong with it
---@return nil, moonbase.Error
function errors.invalid(field, why)
  return nil, core.error("invalid", field .. " " .. why, { field = field })
end

--- Raises an error object.
---@param code string
---@param message? string
---@param details? table
function errors.raise(code, message, details)
  error(core.error(code, message, details), 0)
end

--- Raises for a programmer's mistake; the message names the argument.
---@param field string
---@param why string
function errors.misuse(field, why)
  error(core.error("invalid", "bad argument '" .. field .. "': " .. why, { field = field }), 0)
end

return errors
