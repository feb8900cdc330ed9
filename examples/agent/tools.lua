--- The agent's tools: they look at text files below the working directory.
-- Each takes a table of arguments and gives a line for people, and the result for the planner. One
-- that takes long calls `beat` now and then.

local tools = {}

local TEXT = { md = true, lua = true, c = true, h = true }

local function shell_lines(command)
  local pipe, lines = assert(io.popen(command)), {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  table.sort(lines)
  return lines
end

-- Folder names come from a model: only plain relative ones reach the shell.
local function safe(folder)
  assert(type(folder) == "string" and folder:match("^[%w_][%w_/.-]*$")
    and not folder:find("..", 1, true), "not a folder of this project")
  return folder
end

local function text_files(folder)
  local files = {}
  for _, file in ipairs(shell_lines("find '" .. safe(folder) .. "' -type f 2>/dev/null")) do
    if TEXT[file:match("%.(%w+)$")] then files[#files + 1] = file end
  end
  return files
end

local function words_in(line, wanted)
  local found = 0
  line = line:lower()
  for _, word in ipairs(wanted) do
    if line:find(word, 1, true) then found = found + 1 end
  end
  return found
end

--- { folder } -> the text files below it.
function tools.list_files(arguments)
  local files = text_files(arguments.folder)
  return #files .. " text files in " .. arguments.folder, { files = files }
end

--- { folder, words } -> the lines that hold most of the words, best first, one per file.
function tools.search_files(arguments, beat)
  local hits, lines = {}, 0
  for i, file in ipairs(text_files(arguments.folder)) do
    if i % 20 == 0 then beat() end
    local best, number = nil, 0
    for line in io.lines(file) do
      number, lines = number + 1, lines + 1
      local score = words_in(line, arguments.words)
      if score > 0 and (not best or score > best.score) then
        best = { file = file, line = number, score = score }
      end
    end
    hits[#hits + 1] = best
  end
  table.sort(hits, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.file < b.file
  end)
  for i = #hits, 6, -1 do hits[i] = nil end
  return string.format("%d lines read, %d files worth a look", lines, #hits), { hits = hits }
end

--- { file, line } -> the passage around a line.
function tools.read_passage(arguments)
  local passage, number = {}, 0
  safe(arguments.file)
  for line in io.lines(arguments.file) do
    number = number + 1
    if number >= arguments.line and number <= arguments.line + 3 then
      passage[#passage + 1] = line:match("^%s*(.-)%s*$")
    end
  end
  local text = table.concat(passage, " "):sub(1, 400)
  return "read " .. arguments.file .. ":" .. arguments.line,
    { file = arguments.file, line = arguments.line, text = text }
end

return tools
