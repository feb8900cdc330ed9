--- The command `moonbase COMMAND FILE [ARGUMENTS] [OPTIONS]`; see docs/cli.md.

local core = require "moonbase.core"
local moonbase = require "moonbase"
local Output = require "moonbase.command.output"
local parse = require "moonbase.command.parse"

local command = {}

--- Exit statuses.
local GOOD, FAILED, MISUSED = 0, 1, 2

--- A command.
---@class moonbase.Command
---@field name string
---@field about string         what it does, in a few words
---@field arguments string[]   names of what follows the file; one in brackets may be left out
---@field options table<string, string>  "flag", "number" or "text", beside --json and --scope
---@field writes? boolean      it changes the file
---@field bare? boolean        it opens the file itself: run(path, request, output)
---@field run fun(store: moonbase.Store, request: table, output: table): any, moonbase.Error?
---@field show? fun(result: any, output: table)  for people

---@type moonbase.Command[]
command.list = {}
for _, name in ipairs { "care", "reading" } do
  for _, entry in ipairs(require("moonbase.command." .. name)) do
    command.list[#command.list + 1] = entry
  end
end

local function find(name)
  for _, entry in ipairs(command.list) do
    if entry.name == name then return entry end
  end
end

local function usage_of(entry)
  local words = { "moonbase", entry.name, "FILE" }
  for _, argument in ipairs(entry.arguments) do words[#words + 1] = argument end
  local names = {}
  for name in pairs(entry.options) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local kind = entry.options[name]
    words[#words + 1] = kind == "flag" and "[--" .. name .. "]"
      or "[--" .. name .. " " .. (kind == "number" and "N" or "TEXT") .. "]"
  end
  return table.concat(words, " ")
end

local function usage()
  local lines = { "usage: moonbase COMMAND FILE [ARGUMENTS] [--json] [--scope NAME]", "" }
  for _, entry in ipairs(command.list) do
    lines[#lines + 1] = ("  %-9s %s"):format(entry.name, entry.about)
    lines[#lines + 1] = "            " .. usage_of(entry)
  end
  return table.concat(lines, "\n")
end

local function misused(output, why, entry)
  if output.json then
    output:error { code = "invalid", message = why }
    return MISUSED
  end
  output:complain("moonbase: " .. why)
  output:complain(entry and "usage: " .. usage_of(entry) or "moonbase --help tells the usage")
  return MISUSED
end

local function failed(output, err)
  output:error(err)
  return FAILED
end

-- A value that an option was given.
local function is_misuse(err, request)
  return err.code == "invalid" and err.field ~= nil and request.options[err.field] ~= nil
end

-- Reading commands do not write: not even a log that another process left is brought home.
local function open(entry, request)
  return moonbase.open(request.file, { create = false, readonly = not entry.writes,
    scope = request.options.scope })
end

local function answer(entry, request, output, result, err)
  if result == nil and err then
    if is_misuse(err, request) then return misused(output, err.message, entry) end
    return failed(output, err)
  end
  if result ~= nil and output.json then output:value(result)
  elseif result ~= nil and entry.show then entry.show(result, output) end
  output:finish()
  return type(result) == "table" and result.ok == false and FAILED or GOOD
end

local function perform(entry, request, output)
  if entry.bare then
    return answer(entry, request, output, entry.run(request.file, request, output))
  end
  local store, err = open(entry, request)
  if not store then return answer(entry, request, output, nil, err) end
  local returned, status = pcall(function()
    return answer(entry, request, output, entry.run(store, request, output))
  end)
  store:close()
  if not returned then error(status, 0) end
  return status
end

-- What was raised: a wrong argument is the caller's; an interruption ends what follows events.
local function raised(entry, output, err)
  if type(err) == "table" and err.code == "invalid" then
    return misused(output, err.message, entry)
  end
  if type(err) == "table" and err.code then return failed(output, err) end
  if tostring(err):find("interrupted!", 1, true) then return GOOD end
  return failed(output, core.error("internal", tostring(err)))
end

-- Also where the arguments make no sense.
local function wants_json(argv)
  for _, word in ipairs(argv) do
    if word == "--json" or word == "--" then return word == "--json" end
  end
  return false
end

local function run(argv, output)
  local name = argv[1]
  output.json = wants_json(argv)
  if name == nil then
    output:complain(usage())
    return MISUSED
  end
  if name == "--help" or name == "-h" or name == "help" then return output:line(usage()) or GOOD end
  if name == "--version" then return output:line("moonbase " .. moonbase._VERSION) or GOOD end
  local entry = find(name)
  if not entry then return misused(output, "there is no command '" .. name .. "'") end
  local request, why = parse(entry, argv)
  if not request then return misused(output, why, entry) end
  output.json = request.options.json or false
  local returned, status = pcall(perform, entry, request, output)
  return returned and status or raised(entry, output, status)
end

--- Runs the command that the arguments ask for.
---@param argv string[]
---@return integer status  0; 1 when it failed; 2 for wrong arguments
function command.main(argv)
  return run(argv, Output.new())
end

return command
