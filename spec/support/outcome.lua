--- What a call came to: the error that it gave or raised. Where it is another one, or none, the
--- line of the spec that called is told.

local outcome = {}

-- The code of the error that a call gave: outcome.code_of(store:begin()).
function outcome.code_of(result, err)
  assert(result == nil, "no error, but " .. tostring(result))
  return err.code
end

local function check(code, result, err, level)
  if result ~= nil then error("no error, but " .. tostring(result), level) end
  if type(err) ~= "table" or err.code ~= code then
    error(("gave %s instead of '%s'"):format(tostring(err), code), level)
  end
end

-- The results of a call, which must be nil and an error of that code; gives the error:
-- outcome.refused("busy", store:begin()).
function outcome.refused(code, result, err)
  check(code, result, err, 3)
  return err
end

-- Calls fn, which must give nil and an error of that code about that field, nil for about none;
-- gives the error.
function outcome.refuses(code, field, fn, ...)
  local result, err = fn(...)
  check(code, result, err, 3)
  if err.field ~= field then
    error(("the field is %s instead of %s: %s"):format(tostring(err.field), tostring(field),
      tostring(err)), 2)
  end
  return err
end

-- What fn raises.
local function raised(fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("raised nothing", 3) end
  return err
end

-- Calls fn, which must raise an error object of that code; gives it.
function outcome.raises(code, fn, ...)
  local err = raised(fn, ...)
  if type(err) ~= "table" or err.code ~= code then
    error(("raised %s instead of '%s'"):format(tostring(err), code), 2)
  end
  return err
end

-- Calls fn, which must raise an error whose text has those words, such as an argument's name;
-- gives the error.
function outcome.raises_about(words, fn, ...)
  local err = raised(fn, ...)
  if not tostring(err):find(words, 1, true) then
    error(("raised %s, which is not about '%s'"):format(tostring(err), words), 2)
  end
  return err
end

return outcome
