--- What is worth remembering: a score from 0 to 1 of a piece that is about to be ingested, made of
-- signals that need no model. What chatter scores lowest: short, repetitive, naming nobody.

local entities = require "moonbase.entities"
local letters = require "moonbase.letters"
local split_points = require "moonbase.split_points"

local min = math.min

local memory_admission = {}

local LEAST = 0.3      -- from this score on a piece is admitted
local TINY = 10        -- tokens: fewer, and nobody named, is refused whatever the score
local PRIORITY = 0.25  -- what the tag priority_high adds

local WEIGHTS = { length = 1, variety = 1, kind = 1.5, provider = 1.5, interaction = 3, names = 1 }
local WEIGHT = 0
for _, weight in pairs(WEIGHTS) do WEIGHT = WEIGHT + weight end

local KINDS = { email = 0.8, document = 0.9, chat = 0.5 }

-- By a tag "provider:NAME"; by the kind where there is none.
local PROVIDERS = { gmail = 0.8, other_email = 0.7, whatsapp = 0.75, telegram = 0.6, discord = 0.5,
  conversation = 0.9, notion = 0.75, drive = 0.6, meeting = 0.85 }
local UNKNOWN_PROVIDERS = { email = 0.75, document = 0.7, chat = 0.5 }

local INTERACTIONS = { sent = 0.6, reply = 0.5, dm = 0.3, mention = 0.2 }

-- The line through two points, flat beyond them.
local function ramp(x, x1, y1, x2, y2)
  if x <= x1 then return y1 end
  if x >= x2 then return y2 end
  return y1 + (y2 - y1) * (x - x1) / (x2 - x1)
end

local function length_signal(tokens)
  if tokens < TINY then return 0 end
  if tokens <= 30 then return ramp(tokens, TINY, 0, 30, 1) end
  return ramp(tokens, 3000, 1, 8000, 0.5)
end

local function variety_signal(text)
  local count, different, seen = 0, 0, {}
  for word in letters.lower(text):gmatch("[%w\128-\255']+") do
    count = count + 1
    if not seen[word] then different = different + 1 end
    seen[word] = true
  end
  if count < 5 then return 0.5 end
  return ramp(different / count, 0.3, 0, 0.7, 1)
end

local function provider_signal(kind, tags)
  for _, tag in ipairs(tags) do
    local weight = PROVIDERS[tag:match("^provider:(.*)$")]
    if weight then return weight end
  end
  return UNKNOWN_PROVIDERS[kind]
end

local function interaction_signal(tags)
  local sum
  for _, tag in ipairs(tags) do
    if INTERACTIONS[tag] then sum = (sum or 0) + INTERACTIONS[tag] end
  end
  return sum and min(sum, 1) or 0.5
end

local function has_tag(tags, wanted)
  for _, tag in ipairs(tags) do
    if tag == wanted then return true end
  end
  return false
end

--- Scores a piece.
---@param piece { text: string, kind: string, tags: string[]? }
---@return number score                   0 to 1
---@return table<string, number> signals  each 0 to 1: length, variety, kind, provider, interaction,
---  names
function memory_admission.score(piece)
  local tags = piece.tags or {}
  local tokens = math.ceil(split_points.length(piece.text) / 4)
  local names = #entities.extract(piece.text)
  local signals = {
    length = length_signal(tokens), variety = variety_signal(piece.text),
    kind = KINDS[piece.kind], provider = provider_signal(piece.kind, tags),
    interaction = interaction_signal(tags), names = min(names * 100 / math.max(tokens, 1), 1),
  }
  if tokens < TINY and names == 0 then return 0, signals end
  local sum = 0
  for name, weight in pairs(WEIGHTS) do sum = sum + weight * signals[name] end
  local bonus = has_tag(tags, "priority_high") and PRIORITY or 0
  return min(sum / WEIGHT + bonus, 1), signals
end

--- The rule that applies where a caller asks for one without giving it.
---@param _ table   the piece
---@param score number
---@return boolean admitted
function memory_admission.admit(_, score)
  return score >= LEAST
end

return memory_admission
