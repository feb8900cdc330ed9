--- Specs: definitions of mobs and their flows, every revision of which is kept.

local Revisions = require "moonbase.revisions"

---@class moonbase.Specs: moonbase.Revisions
local Specs = {}
Revisions.extend(Specs, Revisions.kind("specs", "spec", "definition"))

return Specs
