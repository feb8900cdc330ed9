-- What the repository says about itself agrees with what is in it.

local lfs = require "lfs"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- Every file below a folder whose name ends in the suffix, as a sorted array of paths.
local function files(folder, suffix, found)
  found = found or {}
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    local hidden = name:sub(1, 1) == "." -- the folder itself and its parent too
    if not hidden and lfs.attributes(path, "mode") == "directory" then
      files(path, suffix, found)
    elseif not hidden and (suffix == "" or name:sub(-#suffix) == suffix) then
      found[#found + 1] = path
    end
  end
  table.sort(found)
  return found
end

local function load_rockspec(path)
  local fields = {}
  assert(loadfile(path, "t", fields))()
  return fields
end

local function module_name(path)
  return (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

describe("the rockspec", function()
  local build = load_rockspec("moonbase-scm-1.rockspec").build

  it("compiles every C file of src/ and no other", function()
    local listed = {}
    for i, path in ipairs(build.modules["moonbase.core"].sources) do listed[i] = path end
    table.sort(listed)
    assert.same(files("src", ".c"), listed)
  end)

  it("installs every Lua file of lua/ under its name and no other", function()
    local expected, listed = {}, {}
    for _, path in ipairs(files("lua", ".lua")) do expected[module_name(path)] = path end
    for name, path in pairs(build.modules) do
      if type(path) == "string" then listed[name] = path end
    end
    assert.same(expected, listed)
  end)

  it("installs the command where there is one", function()
    local expected = lfs.attributes("bin/moonbase") and { "bin/moonbase" }
    local bin = build.install and build.install.bin
    assert.same(expected, bin and { bin.moonbase or bin[1] })
  end)
end)

describe("the version", function()
  it("is the same in the changelog, the Lua layer and the core", function()
    local newest = read("CHANGELOG.md"):match("\n## (%d+%.%d+%.%d+)")
    assert.equal(newest, require("moonbase")._VERSION)
    assert.equal(newest, require("moonbase.core").versions().moonbase)
  end)

  it("is the same in a released rockspec and its file name", function()
    if not lfs.attributes("rockspecs") then return end
    for _, path in ipairs(files("rockspecs", ".rockspec")) do
      assert.equal(path, ("rockspecs/moonbase-%s.rockspec"):format(load_rockspec(path).version))
    end
  end)
end)

describe("a floor of src/ includes only what lies under it:", function()
  local above = {
    kernel = { "lua", "lauxlib", "sqlite3", "storage/", "binding/" },
    storage = { "lua", "lauxlib", "binding/" },
  }
  for floor, refused in pairs(above) do
    it(floor, function()
      for _, path in ipairs(files("src/" .. floor, "")) do
        for included in read(path):gmatch('#%s*include%s*[<"]([^>"]+)') do
          for _, prefix in ipairs(refused) do
            assert.are_not.equal(prefix, included:sub(1, #prefix), path .. " includes " .. included)
          end
        end
      end
    end)
  end
end)
