-- The power fails in the middle of every scenario: the chunk that power_loss_lua_test.c runs, with
-- a folder to work in, the path of a scenario, and how many points of it to try.
--
-- A scenario runs once, undisturbed, while all that it writes is remembered. Then, for points spread
-- evenly over its writes, the files are made as a power loss might leave them there: what was
-- synced, and of the rest nothing, some, or parts. Such a file must open and be sound, and hold
-- what was acknowledged then, or in addition what was being committed: the content of the file,
-- had only the process been killed, at the last acknowledgement or at a later sync.
--
-- MOONBASE_POWER says how many points of a scenario are tried in each way (25 unless told), or "all".

local core = require "moonbase.core"
local crash = require "crash"

local folder, name, points = ...
points = points or os.getenv "MOONBASE_POWER" or 25
points = points == "all" and math.huge or tonumber(points)

local WAYS = { "none", "some", "torn" }
local SUFFIXES = { "", "-wal", "-shm", "-journal", ".template" }

local marks, notes = {}, {}

local function mark(...)
  marks[#marks + 1] = crash.length()
  return ...
end

-- What the scenarios know as the driver of faults: here none is injected.
package.preload.faults = function()
  return {
    attempt = function(fn, ...)
      mark()
      return mark(pcall(fn, ...))
    end,
    injected = function() return 0 end,
    fault = function() return "power", "io", false end,
    note = function(key, text) notes[key] = text end,
    noted = function(key) return notes[key] end,
  }
end

local function remove(path)
  for _, suffix in ipairs(SUFFIXES) do os.remove(path .. suffix) end
end

local function line_of(row)
  local parts = {}
  for column, value in pairs(row) do parts[#parts + 1] = column .. "=" .. tostring(value) end
  table.sort(parts)
  return table.concat(parts, " ")
end

local TABLES = [[
  SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'
  ORDER BY name]]

-- Everything that is committed, as text; raises when the file is not sound.
local function content(path)
  local connection = assert(core.open(path, { busy_timeout = 0 }))
  local found = assert(connection:value "PRAGMA integrity_check")
  if found ~= "ok" then error("integrity: " .. found, 0) end
  local lines = { tostring(connection:value "PRAGMA user_version") }
  for _, kind in ipairs(assert(connection:values(TABLES))) do
    lines[#lines + 1] = kind
    for _, row in ipairs(assert(connection:rows('SELECT * FROM "' .. kind .. '"'))) do
      lines[#lines + 1] = line_of(row)
    end
  end
  assert(connection:close())
  return table.concat(lines, "\n")
end

local image = folder .. "/image.db"

local function content_after(n, way, seed)
  remove(image)
  crash.write(n, way, seed, image)
  local text = content(image)
  remove(image)
  return text
end

-- The content had the process been killed, by the number of operations.
local killed

local function killed_content(n)
  killed[n] = killed[n] or content_after(n, "kill", 0)
  return killed[n]
end

-- The last mark up to a point, and the first one behind it.
local function marks_around(n)
  local before, behind = 0, crash.length()
  for _, at in ipairs(marks) do
    if at <= n then
      before = at
    else
      behind = at
      break
    end
  end
  return before, behind
end

local function is_allowed(text, n)
  local before, behind = marks_around(n)
  if text == killed_content(before) or text == killed_content(behind) then return true end
  for at = before + 1, behind do
    if crash.is_sync(at) and text == killed_content(at) then return true end
  end
  return false
end

local function try(n, way, seed)
  local ok, text = pcall(content_after, n, way, seed)
  if not ok then return false, text end
  if is_allowed(text, n) then return true end
  return false, "the content is of no moment since the last acknowledgement"
end

-- Of the operations behind the first `from`: what the scenario prepares is another's to try.
local function sweep(from, count)
  local tried, lost = 0, 0
  local most = math.min(points, count - from)
  for i = 0, most - 1 do
    local n = math.floor(count - i * (count - from) / most)
    for _, way in ipairs(WAYS) do
      local ok, why = try(n, way, n)
      tried = tried + 1
      if not ok then
        lost = lost + 1
        if lost <= 5 then print(("%s, %s, at %d: %s"):format(name, way, n, why)) end
      end
    end
  end
  return tried, lost
end

local path = folder .. "/test.db"
remove(path)
marks, notes, killed = {}, {}, {}
crash.watch(path)
assert(loadfile "spec/native/faults.lua")(name, path)
mark()
local count = crash.length()
local tried, lost = sweep(marks[1], count)
print(("%-44s %6d writes and syncs, %4d power losses, %3d lost"):format(name, count, tried, lost))
remove(path)
return tried, lost
