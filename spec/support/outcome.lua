--- What a call came to: the error that it gave or raised.

local outcome = {}

-- The code of the error that a call gave: outcome.code_of(store:begin()).
function outcome.code_of(result, err)
  assert(result == nil, "no error, but " .. tostring(result))
  return err.code
end

-- Calls fn, which must raise an error object of that code; gives it.
function outcome.raises(code, fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("raised nothing", 2) end
  if type(err) ~= "table" or err.code ~= code then
    error(("raised %s instead of '%s'"):format(tostring(err), code), 2)
  end
  return err
end

return outcome
