--- Touches: while blobs are collected in several transactions, every write says which blobs it
-- stored or named, so that none of them is removed. At other times that is one look at an empty
-- table.

local core = require "moonbase.core"

local blob_touches = {}

local ADD = [[
  INSERT INTO blob_touches (hash) SELECT $hash FROM blob_collector WHERE id = 1
  ON CONFLICT (hash) DO NOTHING]]

--- Says that a blob is wanted. Inside a write.
---@param engine moonbase.Engine
---@param hash string
---@return integer|nil
---@return moonbase.Error|nil
function blob_touches.add(engine, hash)
  return engine:run(ADD, hash)
end

--- Says so of the blobs that the documents named which were written since the last call. Inside a
--- write.
---@param engine moonbase.Engine
---@return true|nil
---@return moonbase.Error|nil
function blob_touches.add_named(engine)
  local names, err = core.blob_names()
  if not names then return err == nil or nil, err end
  for i = 1, #names do
    local ok
    ok, err = engine:run(ADD, names[i])
    if not ok then return nil, err end
  end
  return true
end

return blob_touches
