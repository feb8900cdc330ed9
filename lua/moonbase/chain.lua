--- Chains: numbered rows that share their beginnings, stored as segments (schema 002).
-- A chain is read as a few ranges, so its length and its depth in branches cost nothing by
-- themselves. Positions count from 1; a range leaves out `low` and takes in `high`.

local errors = require "moonbase.errors"

local chain = {}

---@class moonbase.chain.Range
---@field segment integer
---@field low integer   the range begins behind this position
---@field high integer  and ends with this one

local ROOT = [[
  INSERT INTO segments (parent, fork, level, owner) VALUES (NULL, 0, 0, $owner) RETURNING id]]

-- The jumps are as long as those of a skew-binary counter: any level is a logarithm of jumps away.
local BRANCH = [[
  INSERT INTO segments (parent, fork, level, jump, owner)
  SELECT p.id, $fork, p.level + 1,
    CASE WHEN p.level - j.level = j.level - k.level THEN k.id ELSE p.id END, $owner
  FROM segments p
  LEFT JOIN segments j ON j.id = p.jump
  LEFT JOIN segments k ON k.id = j.jump
  WHERE p.id = $parent
  RETURNING id]]

local HEIR = [[
  SELECT fork, owner FROM segments WHERE parent = $segment ORDER BY fork DESC LIMIT 1]]

--- Opens a segment.
---@param engine moonbase.Engine
---@param owner integer    key of the row whose tip it is
---@param parent? integer  the segment it branches off
---@param fork? integer    the position it branches off at
---@return integer|nil id
---@return moonbase.Error|nil
function chain.open(engine, owner, parent, fork)
  if not parent then return engine:value(ROOT, owner) end
  local id, err = engine:value(BRANCH, fork, owner, parent)
  if id or err then return id, err end
  return errors.fail("corrupt", "segment " .. parent .. " is missing")
end

--- The ranges of a chain, newest first.
---@param engine moonbase.Engine
---@param tip integer        its last segment
---@param inherited integer  positions that lie before the tip; 0 spares a look
---@param count integer      positions of the whole chain
---@return moonbase.chain.Range[]|nil
---@return moonbase.Error|nil  `corrupt`
function chain.path(engine, tip, inherited, count)
  if inherited == 0 then return { { segment = tip, low = 0, high = count } } end
  return engine:chain_path(tip, count)
end

--- The segment that holds a position of a chain; nil for position 0.
---@param engine moonbase.Engine
---@param tip integer
---@param at integer
---@return integer|nil segment
---@return moonbase.Error|nil  `corrupt`
function chain.holder(engine, tip, at)
  if at == 0 then return nil end
  return engine:chain_holder(tip, at)
end

-- Rows behind the farthest branch are nobody's any more; the rest now belongs to that branch.
local function hand_over(ctx, segment, heir, erase, row)
  local ok, err = erase(ctx, segment, heir.fork, row)
  if not ok then return nil, err end
  return ctx.engine:run("UPDATE segments SET owner = $owner WHERE id = $id", heir.owner, segment)
end

local function remove(ctx, segment, erase, row)
  local ok, err = erase(ctx, segment, 0, row)
  if not ok then return nil, err end
  return ctx.engine:run("DELETE FROM segments WHERE id = $id", segment)
end

--- Gives up a chain: removes what no other chain stands on. Inside a write.
-- The owner's segments are a run that starts at its tip, for an owner's chain holds all of what
-- it owns.
---@param ctx moonbase.Context
---@param row table  the owner: its key and its tip, `segment`
---@param erase fun(ctx: moonbase.Context, segment: integer, low: integer, row: table)
---  removes the rows of a segment behind position `low`; gives nil and an error when it fails
---@return true|nil
---@return moonbase.Error|nil
function chain.release(ctx, row, erase)
  local engine, segment = ctx.engine, row.segment
  while segment do
    local found, heir, ok, err
    found, err = engine:row("SELECT parent, owner FROM segments WHERE id = $id", segment)
    if err then return nil, err end
    if not found or found.owner ~= row.key then break end
    heir, err = engine:row(HEIR, segment)
    if err then return nil, err end
    if heir then ok, err = hand_over(ctx, segment, heir, erase, row)
    else ok, err = remove(ctx, segment, erase, row) end
    if not ok then return nil, err end
    segment = found.parent
  end
  return true
end

return chain
