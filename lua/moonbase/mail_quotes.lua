--- What e-mails of a thread quote of each other. Most repeat all that was written before, so each
-- search would find the same words in every later mail. Only quotes of what an earlier mail of the
-- thread says are left out: nothing that was written is lost.

local mail_quotes = {}

local SHORT = 2 -- lines: quotes that short belong to what is said about them

local ATTRIBUTIONS = { "wrote:%s*$", "schrieb.*:%s*$", "écrit%s*:%s*$", "escribió:%s*$" }
local LONGEST_ATTRIBUTION = 200 -- bytes

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

local function is_quoted(line)
  return line:find("^%s*>") ~= nil
end

local function is_blank(line)
  return not line:find("%S")
end

-- The words of a line, however often it was quoted.
local function bare(line)
  return (line:gsub("^[%s>]+", ""):gsub("%s+", " "):gsub(" $", ""))
end

-- "On Monday, Ann wrote:", which mail programs put before what they quote.
local function is_attribution(line)
  if #line > LONGEST_ATTRIBUTION then return false end
  for _, pattern in ipairs(ATTRIBUTIONS) do
    if line:find(pattern) then return true end
  end
  return false
end

-- Where the quoted lines that begin at `first` end, blank ones in between included; how many say
-- something; and whether all of these were said before.
local function quote_at(lines, first, said)
  local last, count, known, i = first, 0, true, first
  while lines[i] and (is_quoted(lines[i]) or is_blank(lines[i])) do
    local words = bare(lines[i])
    if is_quoted(lines[i]) then last = i end
    if words ~= "" then
      count = count + 1
      known = known and said[words] == true
    end
    i = i + 1
  end
  return last, count, known
end

-- Takes back an attribution that was just kept, with the blank lines behind it.
local function drop_attribution(kept)
  local last = #kept
  while last > 0 and is_blank(kept[last]) do last = last - 1 end
  if last == 0 or not is_attribution(kept[last]) then return end
  for i = #kept, last, -1 do kept[i] = nil end
end

local function without_quotes(lines, said)
  local kept, i = {}, 1
  while lines[i] do
    local last, count, known = i, 0, false
    if is_quoted(lines[i]) then last, count, known = quote_at(lines, i, said) end
    if known and count > SHORT then
      drop_attribution(kept)
    else
      for j = i, last do kept[#kept + 1] = lines[j] end
    end
    i = last + 1
  end
  return kept
end

local function remember(lines, said)
  for _, line in ipairs(lines) do said[bare(line)] = true end
end

--- The texts of a thread without their quotes of earlier ones of it.
---@param texts string[]  in their order
---@return string[]
function mail_quotes.without(texts)
  local said, own = {}, {}
  for i, text in ipairs(texts) do
    local lines = lines_of(text)
    local kept = without_quotes(lines, said)
    own[i] = #kept == #lines and text or table.concat(kept, "\n")
    remember(lines, said)
  end
  return own
end

return mail_quotes
