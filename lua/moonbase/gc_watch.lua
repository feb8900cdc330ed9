--- Watching what others write while blobs are collected in several transactions: what they store
-- or name in between must stay. They say so themselves, see blob_touches. A process that dies
-- leaves the watching on; until the next one that collects, the table it fills holds each hash
-- once.

local core = require "moonbase.core"

local gc_watch = {}

local BEGIN = [[
  INSERT INTO blob_collector (id, run) VALUES (1, $run)
  ON CONFLICT (id) DO UPDATE SET run = excluded.run]]

local RUN = "SELECT 1 FROM blob_collector WHERE id = 1 AND run = $run"

local TOUCHED = "SELECT id, hash FROM blob_touches WHERE id > $after ORDER BY id"

---@class moonbase.gc.Watch
---@field ctx moonbase.Context
---@field run string
---@field after integer  touches up to this one are known
local Watch = {}
Watch.__index = Watch

local function begin(ctx, run)
  local ok, err = ctx.engine:run("DELETE FROM blob_touches")
  if ok then ok, err = ctx.engine:run(BEGIN, run) end
  if not ok then return nil, err end
  return true
end

--- Begins to watch. Another process that collects stops.
---@param ctx moonbase.Context
---@return moonbase.gc.Watch|nil
---@return moonbase.Error|nil
function gc_watch.begin(ctx)
  local run = core.uuid7()
  local ok, err = ctx:write(begin, ctx, run)
  if not ok then return nil, err end
  return setmetatable({ ctx = ctx, run = run, after = 0 }, Watch)
end

--- Whether nobody else has begun to collect. Inside a write, which keeps it so.
---@return boolean|nil
---@return moonbase.Error|nil
function Watch:is_alone()
  local found, err = self.ctx.engine:value(RUN, self.run)
  if err then return nil, err end
  return found ~= nil
end

--- Marks what was stored or named since the last call. Inside a write.
---@param marks moonbase.gc.Marks
---@return true|nil
---@return moonbase.Error|nil err  `corrupt`
function Watch:add_touched(marks)
  local rows, err = self.ctx.engine:rows(TOUCHED, self.after)
  if not rows then return nil, err end
  for _, row in ipairs(rows) do
    local stored, failure = marks:add(row.hash, true)
    if stored == nil then return nil, failure end
    self.after = row.id
  end
  return true
end

local function finish(self)
  local alone, err = self:is_alone()
  if err then return nil, err end
  if not alone then return true end
  local ok
  ok, err = self.ctx.engine:run("DELETE FROM blob_touches")
  if ok then ok, err = self.ctx.engine:run("DELETE FROM blob_collector") end
  if not ok then return nil, err end
  return true
end

--- Ends the watching.
---@return true|nil
---@return moonbase.Error|nil
function Watch:finish()
  return self.ctx:write(finish, self)
end

return gc_watch
