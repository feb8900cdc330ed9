--- Numbers that are given out once and never again, per scope and name.
-- All calls that change one run inside a write.

local sequence = {}

--- Gives out the next `count` numbers.
---@param engine moonbase.Engine
---@param scope integer
---@param name string
---@param count integer  1 or more
---@return integer? last  the last of them; the first is last - count + 1
---@return moonbase.Error? err
function sequence.advance(engine, scope, name, count)
  return engine:value([[
    INSERT INTO sequences (scope, name, value) VALUES ($scope, $name, $count)
    ON CONFLICT (scope, name) DO UPDATE SET value = value + excluded.value
    RETURNING value]], scope, name, count)
end

--- Makes sure that no number up to `floor` is given out again.
---@param engine moonbase.Engine
---@param scope integer
---@param name string
---@param floor integer
---@return integer?, moonbase.Error?
function sequence.raise(engine, scope, name, floor)
  return engine:run([[
    INSERT INTO sequences (scope, name, value) VALUES ($scope, $name, $floor)
    ON CONFLICT (scope, name) DO UPDATE SET value = max(value, excluded.value)]],
    scope, name, floor)
end

--- The last number given out, 0 if none.
---@param engine moonbase.Engine
---@param scope integer
---@param name string
---@return integer?, moonbase.Error?
function sequence.last(engine, scope, name)
  local value, err = engine:value(
    "SELECT value FROM sequences WHERE scope = $scope AND name = $name", scope, name)
  if err then return nil, err end
  return value or 0
end

return sequence
