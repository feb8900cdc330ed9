-- The same with a rollback journal.
local large = dofile "spec/native/scenarios/large.lua"
large.journal = "truncate"
return large
