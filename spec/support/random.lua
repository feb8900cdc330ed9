--- Numbers that look random, the same on every Lua: Lehmer's generator, exact in doubles too.

---@param seed integer
---@return fun(limit: integer): integer  one from 1 to the limit
return function(seed)
  local state = seed
  return function(limit)
    state = (state * 16807) % 2147483647
    return state % limit + 1
  end
end
