--- Which part of a store a table belongs to, for what is told part by part.
-- A table is named after its part, or stands here.

local table_parts = {}

--- Where tables that several parts share are counted.
table_parts.BASE = "base"

-- The beginnings of the names of tables, the first that fits counts.
local BEGINNINGS = {
  { "thread", "threads" }, { "message", "threads" }, { "pending", "threads" },
  { "runs", "runs" }, { "event", "events" }, { "job", "jobs" }, { "lease", "leases" },
  { "kv", "kv" }, { "flow", "flows" }, { "specs", "specs" }, { "profiles", "profiles" },
  { "session", "sessions" }, { "blob", "blobs" }, { "artifact", "artifacts" },
  { "vector", "vectors" }, { "memor", "memory" }, { "text", "memory" }, { "entit", "memory" },
  { "graph", "graph" }, { "transaction", "transactions" },
}

--- The part that a table belongs to.
---@param name string  of a table
---@return string
function table_parts.of(name)
  for _, entry in ipairs(BEGINNINGS) do
    if name:sub(1, #entry[1]) == entry[1] then return entry[2] end
  end
  return table_parts.BASE
end

return table_parts
