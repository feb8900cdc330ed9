local lfs = require "lfs"

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

-- The headings of a page as links name them.
local function anchors(text)
  local found = {}
  for heading in ("\n" .. text):gmatch("\n#+ ([^\n]*)") do
    found[heading:lower():gsub("[^%w_%- \128-\255]", ""):gsub(" ", "-")] = true
  end
  return found
end

-- The links of a page, without those of its code and those that leave the repository.
local function links(text)
  local found = {}
  text = ("\n" .. text):gsub("\n```.-\n```", "")
  for link in text:gmatch("%]%(([^)%s]+)%)") do
    if not link:match("^%a+:") then found[#found + 1] = link end
  end
  return found
end

local function leads_somewhere(page, link)
  local path, anchor = link:match("^([^#]*)#?(.*)$")
  local target = path == "" and page or page:match("^(.*/)") .. path
  target = target:gsub("[^/]+/%.%./", "")
  assert.is_truthy(lfs.attributes(target), page .. " names " .. link)
  if anchor ~= "" then
    assert.is_true(anchors(files.read(target))[anchor], page .. " names " .. link)
  end
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

  it("names no page and no heading that is not there", function()
    pages[#pages + 1], pages[#pages + 2] = "CONTRIBUTING.md", "CHANGELOG.md"
    for _, page in ipairs(pages) do
      for _, link in ipairs(links(files.read(page))) do leads_somewhere("./" .. page, link) end
    end
  end)
end)
