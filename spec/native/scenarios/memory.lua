-- Memory: the calls that write, whatever they leave in the tables of rows, labels, names, words and
-- vectors.
local steps = require "spec.native.steps"

require "moonbase.memory" -- undisturbed
require "moonbase.embed.hash"

local function context(s, name)
  local embedder = { name = name, dim = 3, embed = function(texts)
    local vectors = {}
    for i, text in ipairs(texts) do vectors[i] = { #text, text:byte(1), 1 } end
    return vectors
  end }
  return require("moonbase.memory").new(s.context:with { embedder = embedder })
end

return steps.scenario {
  { "remember", function(s)
    return (assert(context(s, "one"):remember { id = "a", text = "Ann likes \"green tea\"",
      tags = { "x" }, metadata = { n = 1 }, namespace = "u/ann", source = "s", ttl = 100000 }))
  end },
  { "another", function(s)
    return (assert(context(s, "one"):remember { id = "b", text = "Bob likes coffee",
      entities = { "Bob" }, vector = { 1, 2, 3 }, type = "fact" }))
  end },
  { "the same id again", function(s)
    return (assert(context(s, "one"):remember { id = "a", text = "Ann likes black tea", ttl = 1500 }))
  end },
  { "update", function(s)
    return (assert(context(s, "one"):update("b", { text = "Bob hates coffee", metadata = { m = 2 } })))
  end },
  { "a checkpoint", function(s)
    return #assert(s.checkpoints:commit { thread = "t", run = { id = "r", agent = "g" },
      memories = { { id = "c", text = "Carl" }, { id = "d", text = "Dora", namespace = "u" } } }).memories
  end },
  { "reembed those of one embedder", function(s) return context(s, "two"):reembed { limit = 2 } end },
  { "reembed those of another", function(s) return context(s, "two"):reembed { limit = 2 } end },
  { "list", function(s)
    return (assert(context(s, "two"):list { namespace = "default", limit = 1 }).items[1])
  end },
  { "history", function(s) return context(s, "two"):history("b") end },
  { "sweep", function(s) return context(s, "two"):sweep() end },
  { "stats", function(s) return context(s, "two"):stats() end },
  { "forget", function(s) return context(s, "two"):forget("b") end },
  { "forget by filter", function(s) return context(s, "two"):forget { namespace = "u" } end },
}
