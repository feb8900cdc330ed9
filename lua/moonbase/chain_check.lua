--- What must hold of the segments of chains, whatever their rows are; for the checks of those who
-- have chains.

local chain_check = {}

-- A segment branches off a position that its parent holds, one level below it, and its jump is what
-- chain.open makes it.
local BRANCHES = [[
  SELECT s.id AS a FROM segments s
  LEFT JOIN segments p ON p.id = s.parent
  LEFT JOIN segments j ON j.id = p.jump
  LEFT JOIN segments k ON k.id = j.jump
  WHERE s.owner %s AND (
    (s.parent IS NULL AND (s.fork <> 0 OR s.level <> 0 OR s.jump IS NOT NULL))
    OR (s.parent IS NOT NULL AND (p.id IS NULL OR NOT p.owner %s OR s.level <> p.level + 1
      OR s.fork <= p.fork OR NOT EXISTS (
        SELECT 1 FROM %s n WHERE n.key = (s.parent << 32) + s.fork)
      OR s.jump IS NOT CASE WHEN p.level - j.level = j.level - k.level THEN k.id
        ELSE p.id END)))]]

--- What cannot be of the branches of some chains.
---@param rows string   the table of their rows
---@param owner string  what tells their segments from others': a comparison
---@return moonbase.Impossible
function chain_check.branches(rows, owner)
  return { message = "segment %s cannot branch off where it does",
    sql = BRANCHES:format(owner, owner, rows) }
end

return chain_check
