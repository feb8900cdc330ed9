--- Removing the blobs that are not kept.
-- The hashes are read in order from their index; those that may go are removed by the order of
-- their rows, as many as are found together being neighbours in the file.

local blob_pieces = require "moonbase.blob_pieces"

local gc_sweep = {}

--- How many hashes are read at a time; how many blobs may go are collected before they do; how
--- many of these go at a time.
local PAGE, ROUND, BATCH = 1000, 20000, 100

--- A blob that is being written and was not added to for so long is never finished.
local UPLOAD_AGE = 24 * 60 * 60 * 1000

local HASHES = [[
  SELECT key, hash FROM blobs WHERE scope = $scope AND hash > $after ORDER BY hash LIMIT $count]]

local ROWS = [[
  SELECT b.key, b.hash, b.stored, b.pieces FROM json_each($keys(json)) k
  CROSS JOIN blobs b ON b.key = k.value WHERE b.scope = $scope]]

local DELETE = "DELETE FROM blobs WHERE key IN (SELECT value FROM json_each($keys(json)))"

local UPLOADS = [[
  SELECT key, hash, stored, pieces FROM blobs
  WHERE scope = $scope AND upload IS NOT NULL AND created_at <= $before LIMIT $count]]

---@class moonbase.gc.Sweep
---@field ctx moonbase.Context
---@field scope integer
---@field kept table<string, boolean>  see Marks
---@field report moonbase.gc.Report
---@field dry boolean

--- The next blobs that may go, by key; counts those that stay.
---@param sweep moonbase.gc.Sweep
---@param after string  a hash, "" to begin
---@return table[]|nil candidates  { key, hash }
---@return string|moonbase.Error|nil after  to go on from, nil at the end
function gc_sweep.find(sweep, after)
  local found = {}
  repeat
    local rows, err = sweep.ctx.engine:rows(HASHES, sweep.scope, after, PAGE)
    if not rows then return nil, err end
    for i = 1, #rows do
      if sweep.kept[rows[i].hash] == nil then
        found[#found + 1] = rows[i]
      else
        sweep.report.retained = sweep.report.retained + 1
      end
    end
    after = #rows == PAGE and rows[PAGE].hash or nil
  until not after or #found >= ROUND
  table.sort(found, function(a, b) return a.key < b.key end)
  return found, after
end

local function remove(ctx, rows)
  local keys = {}
  for i, row in ipairs(rows) do
    keys[i] = row.key
    if row.pieces ~= 0 then
      local ok, err = blob_pieces.remove(ctx, row.key)
      if not ok then return nil, err end
    end
  end
  if #keys == 0 then return true end
  return ctx.engine:run(DELETE, keys)
end

local function add_bytes(report, rows)
  for _, row in ipairs(rows) do report.bytes_freed = report.bytes_freed + row.stored end
end

-- Since they were found some may have been named, or their rows been given to others.
local function still_unwanted(sweep, hashes, rows)
  local doomed = {}
  for _, row in ipairs(rows) do
    if row.hash == hashes[row.key] then
      if sweep.kept[row.hash] == nil then
        doomed[#doomed + 1] = row
      else
        sweep.report.retained = sweep.report.retained + 1
      end
    end
  end
  return doomed
end

--- Removes the next few of the candidates, or only counts them. Inside a write.
---@param sweep moonbase.gc.Sweep
---@param candidates table[]
---@param first integer  where to go on in them
---@return integer|nil next  nil at the end
---@return moonbase.Error|nil err
function gc_sweep.remove(sweep, candidates, first)
  local keys, hashes = {}, {}
  for i = first, math.min(first + BATCH - 1, #candidates) do
    keys[#keys + 1] = candidates[i].key
    hashes[candidates[i].key] = candidates[i].hash
  end
  if #keys == 0 then return nil end
  local rows, err = sweep.ctx.engine:rows(ROWS, keys, sweep.scope)
  if not rows then return nil, err end
  rows = still_unwanted(sweep, hashes, rows)
  local ok = true
  if not sweep.dry then ok, err = remove(sweep.ctx, rows) end
  if not ok then return nil, err end
  sweep.report.deleted = sweep.report.deleted + #rows
  add_bytes(sweep.report, rows)
  return first + BATCH
end

--- Removes what was begun to be written and left, or only counts its bytes. Inside a write.
---@param sweep moonbase.gc.Sweep
---@return true|nil
---@return moonbase.Error|nil err
function gc_sweep.remove_uploads(sweep)
  local ctx, before = sweep.ctx, sweep.ctx:now() - UPLOAD_AGE
  local rows, err = ctx.engine:rows(UPLOADS, sweep.scope, before, ROUND)
  if not rows then return nil, err end
  local ok = true
  if not sweep.dry then ok, err = remove(ctx, rows) end
  if not ok then return nil, err end
  add_bytes(sweep.report, rows)
  return true
end

return gc_sweep
