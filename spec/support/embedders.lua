--- Embedders for specs.

local embedders = {}

--- One whose vectors are made of a text's first letters.
---@param options? table  name, dim (2), asked: called with the texts first; what it gives, if not
---  nil, is the answer
---@return moonbase.Embedder
function embedders.letters(options)
  options = options or {}
  local dim = options.dim or 2
  local function embed(texts)
    if options.asked then
      local answer, err = options.asked(texts)
      if answer ~= nil or err ~= nil then return answer, err end
    end
    local vectors = {}
    for i, text in ipairs(texts) do
      vectors[i] = {}
      for j = 1, dim do vectors[i][j] = (text:byte(j) or 0) + 1 end
    end
    return vectors
  end
  return { name = options.name or "letters", dim = dim, embed = embed }
end

return embedders
