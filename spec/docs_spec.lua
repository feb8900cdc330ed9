local files = require "spec.support.files"

-- The Lua blocks of one page, each with the line it starts at. A block whose fence says
-- ```lua norun shows a fragment.
local function blocks(text)
  local found, current, line = {}, nil, 0
  for content in (text .. "\n"):gmatch("(.-)\n") do
    line = line + 1
    if current and content:match("^```") then
      found[#found + 1] = current
      current = nil
    elseif current then
      current.text = current.text .. content .. "\n"
    elseif content == "```lua" then
      current = { line = line + 1, text = "" }
    end
  end
  return found
end

-- A later block of a page goes on from the earlier ones, so they run as one program; a line
-- number in an error is the page's.
local function program(text)
  local source, line = {}, 1
  for _, block in ipairs(blocks(text)) do
    source[#source + 1] = ("\n"):rep(block.line - line) .. block.text
    line = block.line + select(2, block.text:gsub("\n", ""))
  end
  return table.concat(source)
end

local function run(page, source)
  local folder = files.folder()
  local root = assert(io.popen("pwd")):read("*l")
  local function absolute(path)
    return (path:gsub("[^;]+", function(entry)
      return entry:match("^/") and entry or root .. "/" .. entry:gsub("^%./", "")
    end))
  end
  files.write(folder .. "/page.lua", table.concat {
    ("package.path = %q "):format(absolute(package.path)),
    ("package.cpath = %q "):format(absolute(package.cpath)), source,
  })
  local interpreter = jit and "luajit" or "lua5.4"
  local pipe = io.popen(("cd '%s' && %s page.lua 2>&1; echo \"status $?\""):format(folder,
    interpreter))
  local output = pipe:read("*a")
  pipe:close()
  assert.matches("status 0\n$", output, 1, false, page .. ":\n" .. output)
end

describe("the documentation", function()
  after_each(files.cleanup)

  local pages = { "README.md" }
  for _, name in ipairs(files.names("docs")) do
    if name:match("%.md$") then pages[#pages + 1] = "docs/" .. name end
  end

  for _, page in ipairs(pages) do
    local source = program(files.read(page) or "")
    if source ~= "" then
      it("runs as printed: " .. page, function() run(page, source) end)
    end
  end
end)
