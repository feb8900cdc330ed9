-- The canonical form of documents, small and large, with and without numbers that change.
local core = require "moonbase.core"

local function document(size)
  local object = { ["\n"] = 1.0, list = { core.array {}, {}, core.null } }
  for i = 1, size do object["key" .. i * 7919 % 997] = { ("x"):rep(i % 50), i + 0.5 } end
  return object
end

local documents, expected = {}, {}
for i, size in ipairs { 0, 1, 300 } do
  documents[i] = document(size)
  expected[i] = { core.canonical(documents[i]) }
end

return {
  run = function(t)
    for i, value in ipairs(documents) do
      local ok, text, exact = t:try(core.canonical, value)
      if ok then t:same(expected[i], { text, exact }, "canonical") end
    end
  end,
}
