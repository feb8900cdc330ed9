--- What one of the modules that store:check is made of finds by itself.

local core = require "moonbase.core"

local checks = {}

---@param name string  such as "session_check"
---@param engine moonbase.Engine
---@return true|nil
---@return moonbase.Error|nil err  `corrupt` with the first finding, or what ended the check
function checks.run(name, engine)
  local found = {}
  local ok, err = engine:snapshot(require("moonbase." .. name).find, engine, function(message)
    found[#found + 1] = message
  end)
  if not ok then return nil, err end
  if #found == 0 then return true end
  return nil, core.error("corrupt", found[1])
end

return checks
