--- The arguments of a command.

---@class moonbase.CommandRequest
---@field file string
---@field arguments string[]       what follows the file
---@field options table<string, any>

local COMMON = { json = "flag", scope = "text" }

local CONVERT = {
  text = function(text) return text end,
  number = function(text)
    local value = tonumber(text)
    return value and value % 1 == 0 and value or nil
  end,
}

local function take_option(entry, argv, i, options)
  local name, value = argv[i]:match("^%-%-([%w-]+)=?(.*)$")
  local kind = name and (entry.options[name] or COMMON[name])
  if not kind then return nil, "there is no option '" .. argv[i] .. "'" end
  local given = argv[i]:find("=", 1, true) ~= nil
  if kind == "flag" then
    if given then return nil, "--" .. name .. " takes no value" end
    options[name] = true
    return i
  end
  if not given then i, value = i + 1, argv[i + 1] end
  options[name] = value and CONVERT[kind](value)
  if options[name] == nil then return nil, "--" .. name .. " needs a " .. kind end
  return i
end

local function required(entry)
  local count = 1
  for _, name in ipairs(entry.arguments) do
    if name:sub(1, 1) ~= "[" then count = count + 1 end
  end
  return count
end

--- Reads the arguments behind the command's name.
---@param entry moonbase.Command
---@param argv string[]
---@return moonbase.CommandRequest|nil
---@return string|nil why
return function(entry, argv)
  local words, options, plain, i = {}, {}, false, 2
  while argv[i] ~= nil do
    if argv[i] == "--" and not plain then
      plain = true
    elseif argv[i]:sub(1, 2) == "--" and not plain then
      local why
      i, why = take_option(entry, argv, i, options)
      if not i then return nil, why end
    else
      words[#words + 1] = argv[i]
    end
    i = i + 1
  end
  if #words < required(entry) then return nil, "there are too few arguments" end
  if #words > 1 + #entry.arguments then return nil, "there are too many arguments" end
  return { file = table.remove(words, 1), arguments = words, options = options }
end
