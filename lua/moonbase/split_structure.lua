--- The structure of a text in Markdown or plain paragraphs: where its headings, paragraphs and
-- fenced blocks begin. What stands inside a fence is neither.

local split_structure = {}

--- How strongly a place invites a cut: a heading of level 1 most, a paragraph least.
local PARAGRAPH = 3
local HEADING = 10 -- minus its level: 9 to 4

---@class moonbase.Structure
---@field at integer[]        where something begins, ascending
---@field rank integer[]      how strong each of these is
---@field title table         by place: the heading's text
---@field fence_first integer[]  fenced blocks, from the line that opens one
---@field fence_last integer[]   to the end of the line that closes it

-- The sign that opens or closes a fence: at least three of them.
local function fence_of(line)
  return line:match("^ ? ? ?(```+)[^`]*$") or line:match("^ ? ? ?(~~~+)")
end

local function closes(line, fence)
  local sign = line:match("^ ? ? ?([`~]+)%s*$")
  return sign ~= nil and sign:sub(1, 1) == fence:sub(1, 1) and #sign >= #fence
end

local function heading_of(line)
  local marks, title = line:match("^ ? ? ?(#+)[ \t]+(.-)[ \t\r]*$")
  if not marks or #marks > 6 then return nil end
  return #marks, (title:gsub("[ \t]+#+$", ""))
end

local function add(structure, at, rank)
  local count = #structure.at
  if structure.at[count] == at then
    if rank > structure.rank[count] then structure.rank[count] = rank end
    return
  end
  structure.at[count + 1], structure.rank[count + 1] = at, rank
end

local function open_fence(state, structure, first, fence)
  state.fence, state.opened = fence, first
  add(structure, first, PARAGRAPH)
end

local function close_fence(state, structure, last)
  local count = #structure.fence_first + 1
  structure.fence_first[count], structure.fence_last[count] = state.opened, last
  state.fence, state.fresh = nil, true
end

local function plain_line(state, structure, first, line)
  if not line:find("%S") then
    state.fresh = true
    return
  end
  local level, title = heading_of(line)
  local fence = not level and fence_of(line)
  if level then
    add(structure, first, HEADING - level)
    structure.title[first] = { level = level, text = title }
  elseif fence then
    open_fence(state, structure, first, fence)
  elseif state.fresh then
    add(structure, first, PARAGRAPH)
  end
  state.fresh = level ~= nil
end

--- Reads the structure of a text.
---@param text string
---@return moonbase.Structure
function split_structure.of(text)
  local structure = { at = {}, rank = {}, title = {}, fence_first = {}, fence_last = {} }
  local state = { fresh = false }
  local first, length = 1, #text
  while first <= length do
    local last = text:find("\n", first, true) or length
    local line = text:sub(first, last):gsub("\n$", "")
    if not state.fence then
      plain_line(state, structure, first, line)
    elseif closes(line, state.fence) then
      close_fence(state, structure, last)
    end
    first = last + 1
  end
  if state.fence then close_fence(state, structure, length) end -- never closed: to the end
  return structure
end

return split_structure
