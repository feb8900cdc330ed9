--- Profiles: how an agent is set up, every revision of which is kept.

local Revisions = require "moonbase.revisions"

---@class moonbase.Profiles: moonbase.Revisions
local Profiles = {}
Revisions.extend(Profiles, Revisions.kind("profiles", "profile", "profile"))

--- Creates a profile that is not there.
---@param id string
---@param profile table
---@return integer|nil revision    1, or the next one of a profile that was deleted
---@return moonbase.Error|nil err  `exists`, `invalid`, `serialization`
function Profiles:create(id, profile)
  return self:store(id, profile, { absent = true })
end

--- Changes a profile that is there.
---@param id string
---@param profile table
---@param options { expected: integer }  the revision it must have now; without it any will do
---@return integer|nil revision
---@return moonbase.Error|nil err  `not_found`, `conflict` with `expected` and `actual`, `invalid`,
---  `serialization`
function Profiles:update(id, profile, options)
  local rules, err = Revisions.rules(options)
  if not rules then return nil, err end
  rules.present = true
  return self:store(id, profile, rules)
end

return Profiles
