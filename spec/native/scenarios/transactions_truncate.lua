-- The same with a rollback journal.
local transactions = dofile "spec/native/scenarios/transactions.lua"
transactions.journal = "truncate"
return transactions
