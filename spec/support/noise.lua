-- Bytes that do not compress: the same ones each time for a length and a seed.

local char, floor = string.char, math.floor
local base

-- A megabyte, from a linear congruential generator's upper bits.
local function make()
  local parts, x = {}, 1
  for i = 1, 2 ^ 19 do
    x = x * 16807 % 2147483647
    parts[i] = char(floor(x / 128) % 256, floor(x / 65536) % 256)
  end
  return table.concat(parts)
end

return function(length, seed)
  base = base or make()
  local first = (seed or 0) * 1009 + 1
  assert(first + length - 1 <= #base, "there is not that much noise")
  return base:sub(first, first + length - 1)
end
