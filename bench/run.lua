-- Measures moonbase on this machine, beside bare C and other bindings: `make bench`.
--
--     make bench ONLY=threads      one of the tables below, or several: ONLY="threads json"
--
-- A table is a program bench/NAME.lua that prints itself. One that compares several programs
-- starts them all; any other is run on each interpreter. What is `named` runs only where it is.

local TABLES = {
  { name = "json", on = { "lua54", "luajit" } },
  { name = "threads", on = { "lua54" } },
  { name = "processes", on = { "lua54" } },
  { name = "checkpoints", on = { "lua54" } },
  { name = "events", on = { "lua54" } },
  { name = "kv", on = { "lua54", "luajit" } },
  { name = "transactions", on = { "lua54", "luajit" } },
  { name = "jobs", on = { "lua54", "luajit" } },
  { name = "flows", on = { "lua54", "luajit" } },
  { name = "blobs", on = { "lua54" } },
  { name = "sessions", on = { "lua54" } },
  { name = "vectors", on = { "lua54" } },
  { name = "nearest", on = { "lua54" }, named = true }, -- others' indexes take minutes to build
  { name = "text", on = { "lua54" } },
  { name = "memory_write", on = { "lua54", "luajit" } },
  { name = "memory", on = { "lua54", "luajit" } },
  { name = "graph", on = { "lua54" } },
}

local core = require "moonbase.core"
local engines = require "bench.support.engines"
local machine = require "bench.support.machine"

local function wanted(entry)
  local only = os.getenv("ONLY") or ""
  if only == "" then return not entry.named end
  return (" " .. only .. " "):find(" " .. entry.name .. " ", 1, true) ~= nil
end

local function print_head()
  local versions = core.versions()
  print(("moonbase %s, SQLite %s"):format(versions.moonbase, versions.sqlite))
  for _, line in ipairs(machine.describe(engines.build)) do print(line) end
  print()
end

local function run(name, key)
  if not engines.available(key) then return true end
  io.stdout:flush()
  local ok = os.execute(engines.command(key, "bench/" .. name .. ".lua"))
  print()
  return ok == true or ok == 0
end

local function main()
  local good = true
  print_head()
  for _, entry in ipairs(TABLES) do
    for _, key in ipairs(wanted(entry) and entry.on or {}) do
      good = run(entry.name, key) and good
    end
  end
  return good
end

os.exit(main() and 0 or 1)
