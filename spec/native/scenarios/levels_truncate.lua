-- The same with a rollback journal.
local levels = dofile "spec/native/scenarios/levels.lua"
levels.journal = "truncate"
return levels
