-- Key-value pairs and leases.
local steps = require "spec.native.steps"

return steps.scenario {
  { "set", function(s) return s.kv:set("a/b", "k", { x = { 1, 2 } }) end },
  { "set another", function(s) return s.kv:set("a/b", "l", "text", { ttl = 1000 }) end },
  { "swap", function(s) return s.kv:set("a/b", "k", 2, { expected = 1 }) end },
  { "get", function(s) return s.kv:get("a/b", "k") end },
  { "list", function(s) return s.kv:list("a/b", { prefix = "k" }) end },
  { "search", function(s) return s.kv:search("a", {}) end },
  { "delete", function(s) return s.kv:delete("a/b", "k") end },
  { "acquire", function(s, t)
    local lease, err = s.leases:acquire("door", "ann", { ttl = 100000 })
    t.lease = lease or t.lease
    return lease and lease.owner, err
  end },
  { "renew", function(s, t)
    local lease, err = s.leases:renew(t.lease, 200000)
    return lease and true, err
  end },
  { "release", function(s, t) return s.leases:release(t.lease) end },
}
