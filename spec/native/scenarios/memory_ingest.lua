-- Ingesting: first, changed and in versions; conversations; forgetting a source.
local steps = require "spec.native.steps"

require "moonbase.memory" -- undisturbed
require "moonbase.embed.hash"

local function context(s)
  local embedder = { name = "e", dim = 3, embed = function(texts)
    local vectors = {}
    for i, text in ipairs(texts) do vectors[i] = { #text, text:byte(1), 1 } end
    return vectors
  end }
  return require("moonbase.memory").new(s.context:with { embedder = embedder })
end

local function document(text, changes)
  return function(s)
    local fields = { source = "doc", kind = "document", text = text, max_tokens = 4, overlap = 0 }
    for name, value in pairs(changes or {}) do fields[name] = value end
    return (assert(context(s):ingest(fields)))
  end
end

return steps.scenario {
  { "document", document("# Head a\n\n# Head b\n\n# Head c", { title = "T", tags = { "x" } }) },
  { "changed", document("# New\n\n# Head a\n\n# Head d", { title = "T", tags = { "x" } }) },
  { "the same again", document("# New\n\n# Head a\n\n# Head d", { title = "T", tags = { "x" } }) },
  { "a version", document("# Head a\n\n# Head e", { version = 2 }) },
  { "an older one", document("# Head z", { version = 1 }) },
  { "a chat", function(s)
    return (assert(context(s):ingest { source = "chat", kind = "chat", on_admit = true, messages = {
      { author = "Ann", text = "We met Bob Smith in Berlin to talk of the contract and its dates.", at = 5 },
      { text = "ok" } } }))
  end },
  { "forget a source", function(s) return context(s):forget_source("doc") end },
}
