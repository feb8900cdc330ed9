--- Garbage: blobs of a scope that nothing names any more, found and removed.

local check = require "moonbase.check"
local core = require "moonbase.core"
local gc_sweep = require "moonbase.gc_sweep"
local gc_watch = require "moonbase.gc_watch"
local Marks = require "moonbase.gc_marks"
local pause = require "moonbase.pause"

local gc = {}

--- How long others may write between two steps, in ms.
local REST = 2

---@class moonbase.gc.Report
---@field roots integer        stored blobs that documents, artifacts or checkpoints name
---@field retained integer     blobs that stay
---@field deleted integer
---@field bytes_freed integer  what the deleted ones took in the file
---@field superseded? boolean  another process began to collect too, and goes on alone

local function new_sweep(ctx, scope, dry)
  local marks = Marks.new(ctx, scope)
  return { ctx = ctx, scope = scope, marks = marks, kept = marks.kept, dry = dry,
    report = { roots = 0, retained = 0, deleted = 0, bytes_freed = 0 } }
end

-- Every round of candidates is given to fn(sweep, candidates).
local function each_round(sweep, fn)
  local after = ""
  while after do
    local candidates, next_after = gc_sweep.find(sweep, after)
    if not candidates then return nil, next_after end
    local ok, err = fn(sweep, candidates)
    if not ok then return nil, err end
    after = next_after
  end
  return true
end

local function remove_all(sweep, candidates)
  local position, err = gc_sweep.remove(sweep, candidates, 1)
  while position do position, err = gc_sweep.remove(sweep, candidates, position) end
  if err then return nil, err end
  return true
end

-- Everything from one state of the file.
local function collect_at_once(sweep)
  local ok, err = sweep.marks:add_all()
  if ok then ok, err = each_round(sweep, remove_all) end
  if ok then ok, err = gc_sweep.remove_uploads(sweep) end
  if not ok then return nil, err end
  sweep.report.roots = sweep.marks.roots
  return sweep.report
end

-- A while of removing; false when another one collects.
local function step(sweep, state)
  local alone, ok, err
  alone, err = sweep.watch:is_alone()
  if not alone then return alone, err end
  ok, err = sweep.watch:add_touched(sweep.marks)
  if not ok then return nil, err end
  local deadline = core.monotonic() + sweep.max_ms
  repeat
    state.position, err = gc_sweep.remove(sweep, state.candidates, state.position)
    if err then return nil, err end
  until not state.position or core.monotonic() >= deadline
  return true
end

-- The report as it was, for a step that is undone.
local function copy(report)
  local same = {}
  for name, value in pairs(report) do same[name] = value end
  return same
end

local function remove_in_steps(sweep, candidates)
  local state = { candidates = candidates, position = 1 }
  while state.position and not sweep.report.superseded do
    local before = copy(sweep.report)
    local alone, err = sweep.ctx:write(step, sweep, state)
    if alone == nil then
      sweep.report = before
      return nil, err
    end
    if not alone then sweep.report.superseded = true end
    pause.sleep(REST)
  end
  return true
end

local function sweep_in_steps(sweep)
  local ok, err = sweep.marks:add_all(function() pause.sleep(0) end)
  if ok then ok, err = each_round(sweep, remove_in_steps) end
  if ok then ok, err = sweep.ctx:write(gc_sweep.remove_uploads, sweep) end
  if not ok then return nil, err end
  sweep.report.roots = sweep.marks.roots
  return sweep.report
end

-- Ends the watching, whatever came before it. What was removed before a failure stays removed, and
-- the error tells of it.
local function finish(sweep, ok, report, err)
  local ended, failure = sweep.watch:finish()
  if not ok then error(report, 0) end
  if report and ended then return report end
  err = err or failure
  err.report = sweep.report
  return nil, err
end

local function collect_in_steps(sweep, max_ms)
  local watch, err = gc_watch.begin(sweep.ctx)
  if not watch then return nil, err end
  sweep.watch, sweep.max_ms = watch, max_ms
  return finish(sweep, pcall(sweep_in_steps, sweep))
end

--- Removes the scope's blobs that nothing names.
---@param ctx moonbase.Context
---@param options { dry_run?: boolean, max_ms?: number }
---@return moonbase.gc.Report|nil
---@return moonbase.Error|nil err  `corrupt`
function gc.collect(ctx, options)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local sweep = new_sweep(ctx, scope, options.dry_run or false)
  if options.dry_run then return ctx.engine:snapshot(collect_at_once, sweep) end
  if options.max_ms and not ctx.engine:in_transaction() then
    return collect_in_steps(sweep, options.max_ms)
  end
  return ctx:write(collect_at_once, sweep)
end

local OPTIONS = { dry_run = "boolean", max_ms = "number", all_scopes = "boolean" }

local FIELDS = { "roots", "retained", "deleted", "bytes_freed" }

local SCOPES = "SELECT name FROM scopes ORDER BY id"

-- One scope after the other, and the sum of it.
local function collect_scopes(ctx, options)
  local names, err = ctx.engine:values(SCOPES)
  if not names then return nil, err end
  local sum = { roots = 0, retained = 0, deleted = 0, bytes_freed = 0 }
  for _, name in ipairs(names) do
    local report
    report, err = gc.collect(ctx:with { scope_name = name }, options)
    if not report then return nil, err end
    for _, field in ipairs(FIELDS) do sum[field] = sum[field] + report[field] end
    sum.superseded = sum.superseded or report.superseded
  end
  return sum
end

--- What store:gc does.
---@param ctx moonbase.Context
---@param options? table  dry_run, max_ms, all_scopes
---@return moonbase.gc.Report|nil
---@return moonbase.Error|nil err  `corrupt`, `invalid`
function gc.run(ctx, options)
  options = check.options("options", options, OPTIONS)
  if options.max_ms then
    local ok, err = check.positive("max_ms", options.max_ms)
    if not ok then return nil, err end
  end
  if not options.all_scopes then return gc.collect(ctx, options) end
  if options.dry_run then return ctx.engine:snapshot(collect_scopes, ctx, options) end
  if options.max_ms then return collect_scopes(ctx, options) end
  return ctx:write(collect_scopes, ctx, options)
end

return gc
