--- The messages that are written and read: made up, the same in every run.

local core = require "moonbase.core"

local sample = {}

-- Lehmer's generator: exact in doubles too.
local state = 20240229

local function random(limit)
  state = state * 16807 % 2147483647
  return state % limit + 1
end

local SYLLABLES = { "ba", "co", "den", "fi", "gra", "hu", "jen", "kor", "li", "mon", "ne", "por",
  "qui", "ras", "sto", "tri", "ul", "ven", "wis", "zan" }

-- Words of two to four syllables; the n-th is as rare in `pick` as natural language has it.
local function vocabulary(size)
  local words, seen = {}, {}
  while #words < size do
    local word = ""
    for _ = 1, random(3) + 1 do word = word .. SYLLABLES[random(#SYLLABLES)] end
    if not seen[word] then
      seen[word] = true
      words[#words + 1] = word
    end
  end
  return words
end

local WORDS = vocabulary(8000)

--- A word; `rank` 1 is the most frequent one.
---@param rank integer
---@return string
function sample.word(rank)
  return WORDS[rank]
end

-- Zipf's law: ranks whose logarithms are evenly spread.
local function pick()
  return WORDS[math.floor(math.exp(random(1000000) / 1000000 * math.log(#WORDS)))]
end

local function prose(bytes)
  local parts, length = {}, 0
  while length < bytes do
    local word = pick()
    parts[#parts + 1] = word
    length = length + #word + 1
  end
  return (table.concat(parts, " "):sub(1, bytes):gsub(" $", "."))
end

--- A message of a person: plain text, `bytes` as JSON.
---@param bytes integer
---@return table
function sample.plain(bytes)
  return { role = "user", content = prose(bytes - #'{"role":"user","content":""}') }
end

--- A message of an agent: text with line breaks and quotes, a call of a tool, metadata; about 1 KB
--- as JSON.
---@param i integer
---@return table
function sample.rich(i)
  return {
    role = "assistant",
    content = {
      { type = "text", text = prose(240) .. "\n\n\"" .. prose(160) .. "\"\n- " .. prose(120) },
    },
    tool_calls = {
      { id = ("call_%08d"):format(i), name = "search_files",
        arguments = { path = "src/" .. prose(20), pattern = prose(12), limit = 20,
          recursive = true, kinds = { "lua", "c", "md" } } },
    },
    metadata = {
      run_id = ("run-%06d"):format(math.floor(i / 10)), step_index = i % 10,
      model = "large-2024-02", temperature = 0.7,
      usage = { input_tokens = 3000 + i, output_tokens = 321, cached = 0 },
    },
  }
end

--- Writes messages to a file, one JSON document a line.
---@param path string
---@param count integer
---@param make fun(i: integer): table
function sample.write(path, count, make)
  local file = assert(io.open(path, "w"))
  for i = 1, count do file:write(assert(core.encode(make(i), "message")), "\n") end
  assert(file:close())
end

return sample
