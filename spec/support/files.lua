--- Scratch folders and files for specs.

local files = {}

local made = {}

local function shell(command, ...)
  local words = {}
  for i = 1, select("#", ...) do
    words[i] = "'" .. select(i, ...):gsub("'", "'\\''") .. "'"
  end
  local pipe = assert(io.popen(command .. " " .. table.concat(words, " ")))
  local output = pipe:read("*a")
  pipe:close()
  return (output:gsub("\n$", ""))
end

--- A new empty folder, removed by `files.cleanup`.
---@return string path
function files.folder()
  local path = shell("mktemp -d -t moonbase-XXXXXX")
  made[#made + 1] = path
  return path
end

--- The name of a database file that does not exist yet, in a folder of its own.
---@return string path
function files.database()
  return files.folder() .. "/test.db"
end

--- Removes what this module made.
function files.cleanup()
  for _, path in ipairs(made) do shell("rm -rf", path) end
  made = {}
end

---@return string? bytes  nil for a missing file
function files.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read("*a")
  file:close()
  return bytes
end

function files.write(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

--- The names in a folder, sorted.
---@return string[]
function files.names(folder)
  local names = {}
  for name in shell("ls -A", folder):gmatch("[^\n]+") do names[#names + 1] = name end
  table.sort(names)
  return names
end

return files
