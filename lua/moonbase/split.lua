--- Splits long texts into pieces of a bounded number of tokens, at the strongest break that the
-- text itself offers: headings, then paragraphs, sentences, lines, words; never inside a character.
-- Of several breaks of one kind the text around them decides, not their place, so a change in a
-- text moves the cuts near it and leaves those farther on where they were.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local split_points = require "moonbase.split_points"
local split_structure = require "moonbase.split_structure"

local find, sub = string.find, string.sub
local floor, max, min = math.floor, math.max, math.min

local split = {}

local MAX_TOKENS = 3000
local OVERLAP = 0.12
local TOKEN = 4 -- characters

local MOST_OVERLAP = 0.5
local LEAST = 0.1      -- of the budget: no piece is made shorter for the sake of a better break
local GOOD = 0.6       -- from here to the whole budget a piece has a good length
local RECOGNISED = 48  -- bytes behind a break that it is told by

---@class moonbase.Piece
---@field text string      as it stands in the whole, without white space around it
---@field first integer    its first byte there
---@field last integer
---@field heading? string  the headings it stands under, outermost first: "Guide > Setup"

---@class moonbase.Splitting
---@field text string
---@field structure moonbase.Structure
---@field budget integer   characters of a piece
---@field overlap integer  characters that a piece repeats of the one before
---@field next integer     the first of structure.at that may still be ahead
---@field fence integer    the first fence that may still be ahead

-- The place in `list` that the text itself prefers; of those from `good` on, if there are any.
local function preferred(text, list, good)
  local best, best_key
  for i = #list, 1, -1 do
    local at = list[i]
    if at < good then break end
    local key = core.sha256(sub(text, at, at + RECOGNISED - 1))
    if not best or key <= best_key then best, best_key = at, key end
  end
  return best or list[#list]
end

-- Headings and paragraphs from `least` to `limit`: those of the highest rank.
local function structural(self, least, limit)
  local structure, list, rank = self.structure, {}, 0
  while structure.at[self.next] and structure.at[self.next] < least do
    self.next = self.next + 1
  end
  local i = self.next
  while structure.at[i] and structure.at[i] <= limit do
    if structure.rank[i] > rank then list, rank = {}, structure.rank[i] end
    if structure.rank[i] == rank then list[#list + 1] = structure.at[i] end
    i = i + 1
  end
  return list
end

local function in_fence(self, at)
  local first, last = self.structure.fence_first, self.structure.fence_last
  while last[self.fence] and last[self.fence] < at do self.fence = self.fence + 1 end
  return first[self.fence] ~= nil and first[self.fence] < at
end

-- Sentences, or in a fenced block lines: first where the piece would have a good length.
local function textual(self, least, good, limit)
  local fenced = in_fence(self, least)
  local kinds = fenced and { split_points.lines } or { split_points.sentences, split_points.lines }
  for _, from in ipairs { good, least } do
    for _, points in ipairs(kinds) do
      local list = points(self.text, from, limit - 1)
      if #list > 0 then return list end
    end
  end
  return {}
end

-- Where the next piece begins, given where this one does and the place behind its last character.
local function break_of(self, start, segment, limit)
  local length = limit - start
  local least = max(segment + 1, start + floor(length * LEAST))
  local good = max(least, start + floor(length * GOOD))
  local list = structural(self, least, limit)
  if #list == 0 then list = textual(self, least, good, limit) end
  if #list > 0 then return preferred(self.text, list, good) end
  return split_points.last_word(self.text, floor((least + good) / 2), limit - 1) or limit
end

-- How far back the piece at a place begins, so that a sentence cut off from its reason is found
-- with it. A new section has nothing to repeat.
local function overlap_start(self, before, at)
  if self.overlap == 0 or self.structure.title[at] then return at end
  local text = self.text
  local least = max(at - 4 * self.overlap, floor((before + at + 1) / 2))
  local from = split_points.character(text, least)
  local extra = split_points.length(sub(text, from, at - 1)) - self.overlap
  if extra > 0 then from = split_points.forward(text, from, extra) end
  return split_points.sentences(text, from, at - 1)[1]
    or split_points.first_word(text, from, at - 1)
end

-- The headings that hold at each piece; pieces come in order.
local function enter_headings(self, path, from, to)
  local titles, at = self.structure.title, self.structure.at
  while at[path.next] and at[path.next] < to do
    local title = at[path.next] <= from and titles[at[path.next]]
    if title then
      for level = title.level, 6 do path[level] = nil end
      path[title.level] = title.text
    end
    if at[path.next] > from then break end
    path.next = path.next + 1
  end
  local words = {}
  for level = 1, 6 do
    if path[level] and path[level] ~= "" then words[#words + 1] = path[level] end
  end
  return #words > 0 and table.concat(words, " > ") or nil
end

local function piece_of(self, path, segment, start, following)
  local content = sub(self.text, start, following - 1):match("^.*%S")
  return {
    text = content, first = start, last = start + #content - 1,
    heading = enter_headings(self, path, segment, following),
  }
end

-- `segment` is the first byte that no piece has yet; from `start` to there the next one repeats.
local function run(self)
  local text, pieces, path = self.text, {}, { next = 1 }
  local segment = find(text, "%S")
  local start = segment
  while segment do
    local limit = split_points.forward(text, start, self.budget)
    limit = find(text, "%S", limit) or #text + 1 -- white space at an end counts for nothing
    local following = limit > #text and limit or break_of(self, start, segment, limit)
    pieces[#pieces + 1] = piece_of(self, path, segment, start, following)
    segment = find(text, "%S", following)
    start = segment and find(text, "%S", overlap_start(self, pieces[#pieces].first, segment))
  end
  return pieces
end

--- Checks how texts are to be split.
---@param max_tokens? number
---@param overlap? number
---@return { max_tokens: integer, overlap: number }|nil
---@return moonbase.Error|nil err  `invalid`
function split.options(max_tokens, overlap)
  local tokens, err = check.positive("max_tokens", max_tokens or MAX_TOKENS)
  if not tokens then return nil, err end
  overlap = check.type("overlap", overlap or OVERLAP, "number")
  if not (overlap >= 0 and overlap <= MOST_OVERLAP) then
    return errors.invalid("overlap", "must be from 0 to " .. MOST_OVERLAP)
  end
  return { max_tokens = tokens, overlap = overlap }
end

--- The pieces of a text, in order. Each has at most `max_tokens` tokens of four characters, what it
-- repeats of the one before included. A text that fits is one piece; one of white space is none.
---@param text string  valid UTF-8
---@param options { max_tokens: integer, overlap: number }  from `split.options`
---@return moonbase.Piece[]
function split.pieces(text, options)
  local budget = min(options.max_tokens * TOKEN, 2 ^ 31)
  return run {
    text = text, budget = budget, overlap = floor(budget * options.overlap),
    structure = split_structure.of(text), next = 1, fence = 1,
  }
end

return split
