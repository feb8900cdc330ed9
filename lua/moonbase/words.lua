--- Words: how text and queries are made ready for the full-text index, and snippets cut.
-- Scripts without spaces between words are indexed by character: a run of such characters in a
-- query becomes a phrase of single ones, and so is found as a substring.

local words = {}

local MAX_QUERY_WORDS = 128
local SNIPPET_BEFORE, SNIPPET_AFTER = 60, 140 -- bytes around the first word found

-- UTF-8 of punctuation and spaces beyond ASCII: Latin-1 signs, general punctuation, CJK and
-- full-width signs.
local SEPARATORS = { "\194[\128-\169\171-\180\182-\185\187-\191]", "\195[\151\183]",
  "\226[\128-\130][\128-\191]", "\227\128[\128-\191]", "\239\188[\129-\143\154-\160]",
  "\239\189[\155-\165]" }

-- UTF-8 of one character of a script without spaces: Thai and Lao, Myanmar, Khmer, Kana, Han,
-- Hangul, compatibility forms, and the supplementary planes of Han.
local CHARACTERS = { "\224[\184-\187][\128-\191]", "\225[\128-\130\158-\159][\128-\191]",
  "\227[\129-\191][\128-\191]", "[\228-\233][\128-\191][\128-\191]",
  "\234[\176-\191][\128-\191]", "[\235-\236][\128-\191][\128-\191]",
  "\237[\128-\158][\128-\191]", "\239[\164-\171][\128-\191]",
  "\240[\160-\179][\128-\191][\128-\191]" }

local function is_ascii(text)
  return not text:find("[\128-\255]")
end

--- Text as the index takes it: characters of scripts without spaces stand alone.
---@param text string  valid UTF-8
---@return string
function words.spaced(text)
  if is_ascii(text) then return text end
  for _, pattern in ipairs(CHARACTERS) do text = text:gsub(pattern, " %0 ") end
  return text
end

-- Marks runs of spaceless characters, which `split` keeps together as one word.
local function separated(text)
  if is_ascii(text) then return text end
  for _, pattern in ipairs(SEPARATORS) do text = text:gsub(pattern, " ") end
  for _, pattern in ipairs(CHARACTERS) do text = text:gsub(pattern, "\1%0\2") end
  return (text:gsub("\2\1", ""):gsub("[\1\2]", " "))
end

--- The words of a query, each once, in order.
---@param text string  valid UTF-8
---@return string[]
function words.split(text)
  local found, seen = {}, {}
  for word in separated(text):gmatch("[0-9A-Za-z\128-\255]+") do
    local key = word:lower()
    if not seen[key] and #found < MAX_QUERY_WORDS then
      seen[key] = true
      found[#found + 1] = word
    end
  end
  return found
end

--- A query for any of the words, in the index's language: each is a quoted string, so nothing in
--- a user's text is an operator.
---@param list string[]  from `words.split`
---@return string|nil  nil without a word
function words.any(list)
  if #list == 0 then return nil end
  local quoted = {}
  for i, word in ipairs(list) do quoted[i] = '"' .. words.spaced(word) .. '"' end
  return table.concat(quoted, " OR ")
end

local ENDINGS = { "ations?$", "ings?$", "ies$", "ed$", "es$", "s$", "ly$", "e$", "y$" }

-- Enough of English inflection to find the word that the index's stemmer matched.
local function stem(word)
  word = word:lower()
  for _, ending in ipairs(ENDINGS) do
    local cut = word:gsub(ending, "")
    if cut ~= word and #cut >= 3 then return (cut:gsub("([bdfgklmnprt])%1$", "%1")) end
  end
  return word
end

local function stems_of(list)
  local set = {}
  for _, word in ipairs(list) do
    if is_ascii(word) then set[stem(word)] = true end
  end
  return set
end

-- Where the first of the words begins in the text; 1 when none is seen.
local function first_match(text, list)
  local best
  for _, word in ipairs(list) do
    local at = not is_ascii(word) and text:find(word, 1, true)
    if at and (not best or at < best) then best = at end
  end
  local stems = stems_of(list)
  for at, word in text:gmatch("()([0-9A-Za-z]+)") do
    if best and at >= best then break end
    if stems[stem(word)] then return at end
  end
  return best or 1
end

-- Moves an index off the inside of a character, and off the inside of a word when a space is near.
local function cut_start(text, at)
  if at <= 1 then return 1 end
  local space = text:find("%s", at)
  if space and space - at < 20 then return space + 1 end
  while at > 1 and text:find("^[\128-\191]", at) do at = at - 1 end
  return at
end

local function cut_end(text, at)
  if at >= #text then return #text end
  local tail = text:sub(1, at):match("()%s+%S*$")
  if tail and at - tail < 20 then return tail - 1 end
  while at > 0 and text:find("^[\128-\191]", at + 1) do at = at - 1 end
  return at
end

--- Bytes of a text that `words.piece` shows at least, if there are as many.
words.PIECE = SNIPPET_AFTER

--- A piece of a text around a place, on one line.
---@param text string  valid UTF-8
---@param at integer
---@return string
function words.piece(text, at)
  local first = cut_start(text, at - SNIPPET_BEFORE)
  local last = cut_end(text, at + SNIPPET_AFTER)
  local piece = text:sub(first, last):gsub("%s+", " "):match("^ ?(.-) ?$")
  return (first > 1 and "…" or "") .. piece .. (last < #text and "…" or "")
end

--- A piece of a text around the first of the words, on one line.
---@param text string    valid UTF-8
---@param list string[]  from `words.split`
---@return string
function words.snippet(text, list)
  return words.piece(text, first_match(text, list))
end

return words
