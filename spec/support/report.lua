-- Busted output handler: the usual dots and failure details, then `N passed, N failed`, the line
-- that scripts/test adds up. An error outside a test (a file that does not load, a teardown that
-- raises) counts as failed.

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.plainTerminal"(options)

  local function summary()
    local failed = handler.failuresCount + handler.errorsCount
    io.write(("%d passed, %d failed\n"):format(handler.successesCount, failed))
    io.flush() -- a leak checker may end the process without
    return nil, true
  end

  busted.subscribe({ "suite", "end" }, summary)
  return handler
end
