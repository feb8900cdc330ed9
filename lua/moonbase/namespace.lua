--- Namespaces whose names are paths: "user/ann/prefs" lies below "user/ann", "user/anna" does not.
-- What lies below one is a range of names in byte order, which an index serves as it is.

local namespace = {}

--- The names below a namespace: `from <= name < to`. One that ends in "/" stands for all that
--- begins with it, and so lies in its own range; any other does not.
---@param ns string
---@return string from
---@return string to
function namespace.below(ns)
  local stem = ns:sub(-1) == "/" and ns:sub(1, -2) or ns
  return stem .. "/", stem .. "0" -- "0" is the character behind "/"
end

--- Whether a name is the namespace or lies below it.
---@param ns string
---@param name string
---@return boolean
function namespace.covers(ns, name)
  local from = namespace.below(ns)
  return name == ns or name:sub(1, #from) == from
end

return namespace
