--- Collecting garbage after every so many commits, where the store was opened with
--- `gc = { every_commits = n }`.
-- The count is in the file, so that processes that make one commit each come to it too.

local gc = require "moonbase.gc"
local sequence = require "moonbase.sequence"

local gc_schedule = {}

-- Commits so far; how many there were when garbage was last collected.
local COMMITS, COLLECTED = "gc commits", "gc collected"

local function counted(ctx, turn, fn, ...)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  turn.commits, err = sequence.advance(ctx.engine, scope, COMMITS, 1)
  if not turn.commits then return nil, err end
  turn.collected, err = sequence.last(ctx.engine, scope, COLLECTED)
  if not turn.collected then return nil, err end
  return fn(...)
end

-- Remembered before it is done: one that fails is not tried again at once.
local function remember(ctx, commits)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  return sequence.raise(ctx.engine, scope, COLLECTED, commits)
end

local function collect(ctx, turn)
  local report
  local ok, err = ctx:write(remember, ctx, turn.commits)
  if ok then report, err = gc.collect(ctx, {}) end
  if report then
    ctx:tell("gc", report)
  else
    ctx:tell("gc_failed", { error = err })
  end
end

local function settle(ctx, turn, first, ...)
  local due = turn.commits and turn.commits - turn.collected >= ctx.gc_every
  local failed = first == nil and (...) ~= nil
  if due and not failed and not ctx.engine:in_transaction() then collect(ctx, turn) end
  return first, ...
end

--- Runs fn(...) as one write that counts as a commit, and collects garbage when it is time. Inside
--- a transaction that is left to the next commit outside one: there it would take what the
--- transaction is still about to name.
---@param ctx moonbase.Context
---@param fn function
---@return any ...  what fn gave
function gc_schedule.commit(ctx, fn, ...)
  if not ctx.gc_every then return ctx:write(fn, ...) end
  local turn = {}
  return settle(ctx, turn, ctx:write(counted, ctx, turn, fn, ...))
end

return gc_schedule
