-- Looking after a file: checks, statistics, copies, export and import. What fails leaves no file,
-- and the store as it was.
local core = require "moonbase.core"
local moonbase = require "moonbase"
local steps = require "spec.native.steps"

-- They load when first used; that is not what a step is about.
for _, entry in ipairs(require("moonbase.integrity").list) do require(entry[2]) end

local function prepare(store)
  assert(store.threads:append("t", { { role = "user", content = "low tide" } }))
  assert(store.kv:set("n", "k", 1.5))
  assert(store.blobs:put("some bytes"))
  assert(store.jobs:enqueue("q", {}))
end

local function lines_of(store)
  local lines = {}
  local ok, err = store:export(function(line) lines[#lines + 1] = line end)
  if not ok then return nil, err end
  return lines
end

-- Makes a file with fn; nothing may be left of one that could not be made.
local function make(t, fn)
  local path = t.path .. "-made"
  os.remove(path)
  local ok, err = fn(path)
  if not ok and core.file_look(path) then error("half a file was left", 0) end
  for _, suffix in ipairs { "", "-wal", "-shm" } do os.remove(path .. suffix) end
  return ok, err
end

return steps.scenario {
  prepare = prepare,
  { "check", function(s) return s:check() end },
  { "stats", function(s)
    local found, err = s:stats()
    return found and found.parts.kv.rows, err
  end },
  { "backup", function(s, t)
    return make(t, function(path) return s:backup(path, { progress = function() end }) end)
  end },
  { "export and import", function(s, t)
    local lines, err = lines_of(s)
    if not lines then return nil, err end
    return make(t, function(path)
      local i = 0
      return moonbase.import(function()
        i = i + 1
        return lines[i]
      end, path)
    end)
  end },
}
