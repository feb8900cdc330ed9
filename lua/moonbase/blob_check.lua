--- Whether every blob is what its hash says, piece by piece.

local BlobReader = require "moonbase.blob_reader"
local impossible = require "moonbase.impossible"

local blob_check = {}

local RULES = {
  {
    message = "piece %s of blob row %s belongs to no blob",
    sql = [[
      SELECT p.key & 16777215 AS a, p.key >> 24 AS b FROM blob_pieces p
      WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.key = p.key >> 24
        AND (b.upload IS NOT NULL OR (p.key & 16777215) <= b.pieces))]],
  },
}

local PAGE = 500

local HASHES = [[
  SELECT key, scope, hash, size FROM blobs
  WHERE key > $after AND hash IS NOT NULL ORDER BY key LIMIT $limit]]

-- Reading verifies; what is left to see is that the size is that of the bytes.
local function read_whole(engine, row)
  local ctx = { engine = engine, scope = function() return row.scope end }
  local reader, err = BlobReader.open(ctx, row.hash)
  local size, bytes = 0, reader
  while bytes do
    bytes, err = reader:read()
    if bytes then size = size + #bytes end
  end
  if not err and size ~= row.size then
    return { code = "corrupt", message = "blob " .. row.hash .. ": its size is wrong" }
  end
  return err
end

local function check_all(engine, report)
  local after = 0
  repeat
    local rows, err = engine:rows(HASHES, after, PAGE)
    if not rows then return nil, err end
    for _, row in ipairs(rows) do
      local damage = read_whole(engine, row)
      local ok, failure = not damage, damage
      if damage then ok, failure = impossible.note(report, damage) end
      if not ok then return nil, failure end
      after = row.key
    end
  until #rows < PAGE
  return true
end

---@param engine moonbase.Engine
---@param report moonbase.Finding
---@return true|nil
---@return moonbase.Error|nil err
function blob_check.find(engine, report)
  local ok, err = impossible.find(engine, RULES, report)
  if not ok then return nil, err end
  return check_all(engine, report)
end

return blob_check
