-- What searches find in real conversations, where LoCoMo's file is; see docs/search.md.

local conversations = require "bench.memory.conversations"
local moonbase = require "moonbase"

local list = conversations.load()

describe("memory:search in conversations", function()
  if not list then
    pending "LoCoMo's file is not here"
    return
  end

  local found = {}

  local function remembered(conversation)
    local store = assert(moonbase.open ":memory:")
    assert(store:transaction(function(tx)
      for _, turn in ipairs(conversation.turns) do
        assert(tx.memory:remember { id = turn.id, text = turn.speaker .. ": " .. turn.text,
          at = turn.at })
      end
      return true
    end))
    return store
  end

  local function searching(memory, mode)
    return function(text)
      local ids = {}
      for i, hit in ipairs(assert(memory:search { text = text, mode = mode })) do ids[i] = hit.id end
      return ids
    end
  end

  setup(function()
    local stores = {}
    for _, mode in ipairs { "keyword", "vector", "hybrid" } do
      found[mode] = conversations.measure(list, function(conversation)
        stores[conversation] = stores[conversation] or remembered(conversation)
        return searching(stores[conversation].memory, mode)
      end)
    end
    for _, store in pairs(stores) do store:close() end
  end)

  it("finds more of what answers a question than FTS5's 54.7 and 63.3 %", function()
    assert.is_true(found.hybrid.all.five > 0.70)
    assert.is_true(found.hybrid.all.ten > 0.775)
    assert.is_true(found.hybrid.all.first > 0.55)
    assert.is_true(found.keyword.all.five > 0.57)
    assert.is_true(found.keyword.all.ten > 0.645)
  end)

  it("finds more by both than by words or vectors alone, in every conversation", function()
    for i = 1, #list do
      local key = "c" .. i
      for _, mode in ipairs { "keyword", "vector" } do
        assert.is_true(found.hybrid[key].five > found[mode][key].five)
        assert.is_true(found.hybrid[key].ten > found[mode][key].ten)
        assert.is_true(found.hybrid[key].first > found[mode][key].first)
      end
    end
  end)
end)
