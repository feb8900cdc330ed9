--- Capitalised names in running text: "Ann Smith", "Bank of America", "Łódź". A word that opens
-- a sentence has its capital from grammar; it counts unless it is known, or seen in the same text,
-- to be an ordinary one.

local check = require "moonbase.check"
local letters = require "moonbase.letters"

local find, sub, match = string.find, string.sub, string.match

local entity_names = {}

local MOST_WORDS = 6 -- of a name
local LONGEST = 64   -- bytes of a word
local SHOUTED = 6    -- letters of an acronym, at most
local FEW = 8        -- words that are searched for one by one

-- No names wherever they stand: capitals by custom, titles, and words of the calendar, which
-- everything would be connected by.
local NEVER = check.set [[
  i i'd i'll i'm i've monday tuesday wednesday thursday friday saturday sunday january february
  march april june july august september october november december mon tue wed thu fri sat sun
  mr mrs ms dr prof sir madam
]]

-- What opens sentences; inside of one such a word may be part of a name ("the Great Wall").
local ORDINARY = check.set [[
  a about above absolutely fine sure according actually add after again ah all alright also
  although always am an and another any anybody anyone anything anyway apparently are as ask at
  awesome basically be because been before being below besides best better between big both but
  by bye call can cannot check choose clearly click close come congrats congratulations cool
  could currently definitely delete dear describe despite did do does done due during each
  earlier early either else enjoy especially even eventually ever every everybody everyone
  everything exactly except excellent exciting explain fantastic feel few finally find first
  following for fortunately from further generally get give given glad go good got great guess
  had happy has have having he hello help hence her here hers hey hi him his honestly hope how
  however if imagine in including indeed inside instead interesting into is it its just keep
  know last lately later learn least less let like likewise listen literally little long look
  lots love luckily made make many maybe me meanwhile might mine more moreover most much must my
  need neither never nevertheless next nice no nobody none nope nor not note nothing now
  obviously of off often oh ok okay old on once one only onto open or originally other others
  otherwise our ours out outside over own perfect perhaps personally please possibly pretty
  previously probably put quite rather read really recently regarding regardless remember right
  run sadly same save say see seems send set several shall she should show similarly simply
  since so some somebody someone something sometimes somewhere soon sorry sounds speak
  specifically start still stop such surely take talk tell than thank thanks that the their
  theirs them then there therefore these they thing things think this those though three through
  thus till to today together tomorrow tonight too total totally toward true try turn two under
  unfortunately unless unlike until up update upon us use used usually very via wait want was
  watch way we welcome well were what whatever when whenever where whereas wherever whether
  which while who whoever whole whom whose why will wish with within without wonderful work
  would wow write wrote yeah year years yep yes yesterday yet you your yours der die das den dem
  des ein eine einer und oder aber ich du er sie es wir ihr ist war hat haben wenn wie wo wer
  wann warum ja nein bitte danke hallo auch nicht heute gestern morgen le les un une et ou mais
  je tu il elle nous vous ils elles est pour dans avec qui que quoi quand comment pourquoi oui
  non merci bonjour ce cette ces ma mes el los las una uno y pero yo tú él ella nosotros ellos
  para con quien como cuando donde sí gracias hola este esta estos estas mi mis appreciate plus
  life nature looks gonna wanna gotta cheers yup yay woah whoa woohoo stay aww crazy believe btw
  catch reminds super took takes feels makes cherish lucky hard tough proud impressive bet count
  change almost anyways anytime people small care hang gives heard met pets animals books music
  events game fingers challenges worries overall everywhere oof phew ouch yum bummer mm hmm huh
  haha lol yea nah omg may cute dance art chat rock mental
]]

-- Small words inside of names.
local JOINS = check.set(
  "of de da do dos di du del della van von der den la le al el bin ibn the zu y")

-- Endings of English words that are names only beside other words.
local ENDINGS = { "ing$", "ings$", "ly$", "tion$", "tions$", "ness$", "ment$", "ments$", "ed$" }

local function without_possessive(word)
  if not find(word, "['\226-]") then return word end
  word = word:gsub("\226\128\153", "'")
  return (word:gsub("'[sS]$", ""):gsub("['-]+$", ""))
end

-- Signs beyond ASCII as ASCII ones of the same length, so that words are bytes between signs.
local function plain_signs(text)
  if not find(text, "[\194\226\227\239]") then return text end
  text = text:gsub("\226\128[\128-\152\154-\191]", function(sign)
    if sign == "\226\128\166" then return ".  " end -- an ellipsis ends a sentence
    return find(sign, "[\156-\159]$") and '"  ' or ",  "
  end)
  text = text:gsub("\194[\128-\169\171-\180\182-\185\187-\191]", ", ")
  text = text:gsub("\226[\129-\175][\128-\191]", ",  "):gsub("\227\128[\128-\191]", ",  ")
  return (text:gsub("\239\188[\129-\143]", ",  "))
end

-- Does a sentence, a line, an item or somebody's speech begin here?
local function opens_sentence(text, at)
  if find(text, "^%l ", at - 2) and at > 2 then return false end -- most are in the middle
  local before = sub(text, math.max(1, at - 12), at - 1):reverse()
  local gap = match(before, "^[%s\"'(%[*_>,-]*")
  if #gap == #before or find(gap, "[\n\"]") then return true end
  return find(before, "^[.!?:;|]", #gap + 1) ~= nil
end

---@class moonbase.CapitalWord
---@field first integer
---@field last integer
---@field word string    without what only grammar adds
---@field key string     the same in small letters

local function is_capital_at(text, at)
  local byte = text:byte(at)
  if byte < 128 then return true end
  return letters.is_capital(sub(text, at, at + (byte < 224 and 1 or 2)))
end

local function capital_word(text, from)
  local at = find(text, "%f[%w\128-\255'_][" .. letters.CAPITAL .. "]", from)
  if not at then return nil end
  local whole = match(text, "^[%w\128-\255'_-]+", at)
  local item = { first = at, last = at + #whole - 1 }
  if #whole > LONGEST or find(whole, "_", 1, true) or not is_capital_at(text, at) then
    return item
  end
  item.word = without_possessive(whole)
  item.key = letters.lower(item.word)
  return item
end

local function is_never(item)
  if NEVER[item.key] then return true end
  return find(item.key, "'%l%l?$") or not find(item.word, "^..")
    or (#item.word <= 3 and find(item.word, "^[\195-\213][\128-\191]$") ~= nil)
end

local function is_ordinary(item)
  return ORDINARY[item.key] or is_never(item) or find(item.key, "(%l)%1%1") ~= nil
end

-- Do the two stand in one name?
local function joined(text, one, other)
  local gap = sub(text, one.last + 1, other.first - 1)
  if gap == " " or gap == " & " then return #one.word == one.last - one.first + 1 end
  local small = match(gap, "^ (%l+) $") or match(gap, "^ (%l+ %l+) $")
  if not small then return false end
  for word in small:gmatch("%l+") do
    if not JOINS[word] then return false end
  end
  return true
end

-- What a run of capitals begins with by grammar, and what is no name anywhere, is not part of it.
local function trimmed(run, opens)
  local first, last = 1, #run
  local is_extra = opens and is_ordinary or is_never
  while first <= last and is_extra(run[first]) do first = first + 1 end
  while last >= first and is_never(run[last]) do last = last - 1 end
  return first, last
end

local function all_ordinary(run, first, last)
  for i = first, last do
    if not is_ordinary(run[i]) then return false end
  end
  return true
end

local function is_shouted(word)
  return #word > SHOUTED and not find(word, "[%l\128-\255]")
end

local function any_shouted(run, first, last)
  for i = first, last do
    if is_shouted(run[i].word) then return true end
  end
  return false
end

local function ends_ordinarily(key)
  for _, ending in ipairs(ENDINGS) do
    if find(key, ending) then return true end
  end
  return false
end

-- A name from the first word to the last, with what joins them.
local function add(state, text, run)
  local opens = opens_sentence(text, run[1].first)
  local first, last = trimmed(run, opens)
  if last - first >= MOST_WORDS or all_ordinary(run, first, last)
    or any_shouted(run, first, last) then return end
  local from, to = run[first], run[last]
  local name = sub(text, from.first, to.first - 1) .. to.word
  local found = { first = from.first, last = to.last, name = name }
  if first < last or first > 1 or not opens then
    state.sure[#state.sure + 1] = found
  elseif not ends_ordinarily(from.key) then
    found.key = from.key
    state.doubtful[#state.doubtful + 1] = found
  end
end

local function runs(text, state)
  local run, item = {}, capital_word(text, 1)
  while item do
    local usable = item.word ~= nil
    if #run > 0 and not (usable and joined(text, run[#run], item)) then
      add(state, text, run)
      run = {}
    end
    if usable then run[#run + 1] = item end
    item = capital_word(text, item.last + 1)
  end
  if #run > 0 then add(state, text, run) end
end

-- Whether it is worth while to look at every word.
local function may_be_small(text, doubtful)
  if #doubtful > FEW then return true end
  for _, one in ipairs(doubtful) do
    if find(text, one.key, 1, true) then return true end
  end
  return false
end

-- Which of the doubtful words the text has in small letters too.
local function seen_small(text, doubtful)
  local asked, seen = {}, {}
  if not may_be_small(text, doubtful) then return seen end
  for _, one in ipairs(doubtful) do asked[one.key] = true end
  for word in text:gmatch("[%w\128-\255'-]+") do
    if asked[word] then seen[word] = true end
  end
  return seen
end

--- Adds the capitalised names of a text.
---@param text string                   valid UTF-8
---@param found moonbase.EntitySpan[]  added to
function entity_names.find(text, found)
  text = plain_signs(text)
  local state = { sure = {}, doubtful = {} }
  runs(text, state)
  for _, one in ipairs(state.sure) do found[#found + 1] = one end
  if #state.doubtful == 0 then return end
  local small = seen_small(text, state.doubtful)
  for _, one in ipairs(state.doubtful) do
    if not small[one.key] then found[#found + 1] = one end
  end
end

return entity_names
