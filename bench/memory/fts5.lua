--- SQLite's own full-text index, as one would use it: Porter's stemmer, BM25, any of the words but
-- those that are in every text.

local core = require "moonbase.core"

local Fts5 = {}
Fts5.__index = Fts5

local STOP = {}
for word in ([[a about after again all also am an and any are as at be because been before being both
  but by can could did do does doing during each few for from further had has have having he her here
  him his how i if in into is it its just me more most my no nor not now of off on once only or other
  our out over own same she should so some such than that the their them then there these they this
  those through to too under until up very was we were what when where which while who whom whose why
  will with would you your s t d m re ve ll]]):gmatch("%S+") do STOP[word] = true end

local SEARCH = "SELECT rowid FROM texts WHERE texts MATCH $words ORDER BY rank LIMIT $k"

---@param path string
---@return table
function Fts5.open(path)
  local connection = assert(core.open(path, {}))
  assert(connection:exec [[PRAGMA journal_mode = WAL;
    CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize = 'porter unicode61')]])
  return setmetatable({ connection = connection }, Fts5)
end

---@param texts string[]
function Fts5:put(texts)
  local level = assert(self.connection:enter())
  for i, text in ipairs(texts) do
    assert(self.connection:run("INSERT INTO texts (rowid, text) VALUES ($rowid, $text)", i, text))
  end
  assert(self.connection:leave(level, true))
end

---@param text string
---@param k integer
---@return integer[]
function Fts5:search(text, k)
  local words = {}
  for word in text:lower():gmatch("[%w\128-\255]+") do
    if not STOP[word] then words[#words + 1] = '"' .. word .. '"' end
  end
  if #words == 0 then return {} end
  return assert(self.connection:values(SEARCH, table.concat(words, " OR "), k))
end

function Fts5:close()
  self.connection:close()
end

return Fts5
