--- The record of a run: its rules, its row, and what a thread shows of it. Below the parts that
-- write runs: runs, freezes and checkpoints.

local check = require "moonbase.check"
local core = require "moonbase.core"
local document = require "moonbase.document"
local errors = require "moonbase.errors"
local hierarchy = require "moonbase.hierarchy"

local run_record = {}

local null = core.null

--- A run. Any other fields are kept.
---@class moonbase.Run
---@field id string
---@field thread string
---@field agent string
---@field parent? string      the run that started it
---@field status "created"|"running"|"waiting"|"done"
---@field created_at integer  ms since 1970, the store's
---@field updated_at integer  ms since 1970, the store's
---@field started_at? integer
---@field finished_at? integer  for `done` filled in when absent
---@field steps integer
---@field input_tokens integer
---@field output_tokens integer
---@field waiting? table      what for; exactly while the status is `waiting`
---@field outcome? table      termination_reason, final_output, error_payload; only when `done`
---@field state? table

--- Which statuses may follow a status, besides itself.
run_record.transitions = {
  created = { running = true, done = true },
  running = { waiting = true, done = true },
  waiting = { running = true, done = true },
  done = {},
}

-- Fields with a column of their own; the rest is the body.
local COLUMNS = check.set [[ id thread agent parent status created_at updated_at started_at
  finished_at steps input_tokens output_tokens ]]

-- Fields for which JSON's null means that they are absent.
local OPTIONAL = { "id", "parent", "status", "started_at", "finished_at", "steps", "input_tokens",
  "output_tokens", "waiting", "outcome" }

local COUNTS = { "steps", "input_tokens", "output_tokens" }

local READ = [[
  SELECT body AS "run(json)", id AS "run.id", thread AS "run.thread", agent AS "run.agent",
    parent AS "run.parent", status AS "run.status", created_at AS "run.created_at",
    updated_at AS "run.updated_at", started_at AS "run.started_at",
    finished_at AS "run.finished_at", steps AS "run.steps", input_tokens AS "run.input_tokens",
    output_tokens AS "run.output_tokens", key]]

--- The columns of a run; `row.run` is the run.
run_record.columns = (READ:gsub("^%s*SELECT ", ""))

local FIND = READ .. " FROM runs WHERE scope = $scope AND id = $id"

local LATEST = READ .. [[
  FROM runs WHERE scope = $scope AND thread = $thread
  ORDER BY updated_at DESC, written DESC LIMIT 1]]

-- Of runs with the same updated_at the one written last is the latest.
local NEXT_WRITTEN = [[
  (SELECT coalesce(max(written), 0) + 1 FROM runs
   WHERE scope = $scope AND thread = $thread AND updated_at = $updated_at)]]

local INSERT = [[
  INSERT INTO runs (scope, id, thread, agent, parent, status, created_at, updated_at, written,
    started_at, finished_at, steps, input_tokens, output_tokens, body)
  VALUES ($scope, $id, $thread, $agent, $parent, $status, $created_at, $updated_at,
    ]] .. NEXT_WRITTEN .. [[,
    $started_at, $finished_at, $steps, $input_tokens, $output_tokens, $run(json))
  ON CONFLICT DO NOTHING]]

-- Two forms, for naming an unchanged status would rewrite an entry of its index.
local UPDATE = [[
  UPDATE runs SET written = ]] .. NEXT_WRITTEN .. [[, updated_at = $updated_at,
    started_at = $started_at, finished_at = $finished_at, steps = $steps,
    input_tokens = $input_tokens, output_tokens = $output_tokens, parent = $parent,
    body = ]] .. document.changed("$run(json)", "body") .. [[%s
  WHERE key = $key]]
local UPDATE_BODY = UPDATE:format("")
local UPDATE_ALL = UPDATE:format(", status = $status, agent = $agent")

local refuse = errors.invalid

-- What a run of each status must and must not have.
local RULES = {
  created = { waiting = false, outcome = false, finished_at = false },
  running = { waiting = false, outcome = false, finished_at = false },
  waiting = { waiting = true, outcome = false, finished_at = false },
  done = { waiting = false, finished_at = true },
}

local IDS = { "id", "thread", "agent" }

local function check_ids(run)
  for _, field in ipairs(IDS) do
    local ok, err = check.document_id(field, run[field])
    if not ok then return nil, err end
  end
  if run.parent == nil then return true end
  return check.document_id("parent", run.parent)
end

local function check_number(run, field)
  local value = run[field]
  if value == nil then return true end
  if type(value) ~= "number" then return refuse(field, "must be a number") end
  local whole, err = check.integer(field, value)
  if err then return nil, err end
  run[field] = whole
  return true
end

local NUMBERS = { "started_at", "finished_at", "steps", "input_tokens", "output_tokens" }

local function check_numbers(run)
  for _, field in ipairs(NUMBERS) do
    local ok, err = check_number(run, field)
    if not ok then return nil, err end
  end
  return true
end

local OF_STATUS = { "waiting", "outcome", "finished_at" }

local function check_status(run)
  local rules = RULES[run.status]
  if not rules then
    return refuse("status", "must be 'created', 'running', 'waiting' or 'done'")
  end
  for _, field in ipairs(OF_STATUS) do
    if rules[field] == true and run[field] == nil then
      return refuse(field, "is required of a run that is " .. run.status)
    elseif rules[field] == false and run[field] ~= nil then
      return refuse(field, "is not for a run that is " .. run.status)
    end
  end
  return true
end

local TABLES = { "waiting", "outcome", "state" }

local function check_tables(run)
  for _, field in ipairs(TABLES) do
    if run[field] ~= nil and run[field] ~= null and type(run[field]) ~= "table" then
      return refuse(field, "must be a table")
    end
  end
  return true
end

local ENDINGS = { "termination_reason", "final_output", "error_payload" }

-- A run that says how it ended twice must say the same.
local function check_outcome(run)
  for _, field in ipairs(ENDINGS) do
    local value = run[field]
    if run.outcome and value ~= nil and value ~= null
      and not document.equal(value, run.outcome[field]) then
      return refuse(field, "differs from the outcome's")
    end
  end
  return true
end

local function as_table(value)
  return type(value) == "table" and value or {}
end

local function check_span(span, path)
  local from, to = span.from_seq or span.from, span.to_seq or span.to
  if type(from) ~= "number" or type(to) ~= "number" or from < 1 or from > to then
    return refuse(path, "must be a range of seqs that begins at 1 or later")
  end
  return to - from + 1
end

-- `input`, `output` and `activation` name messages of the run's own thread.
local function check_messages(run, part, path)
  part = as_table(part)
  local thread = part.thread_id or part.thread
  if thread ~= nil and thread ~= run.thread then
    return refuse(path .. ".thread_id", "must be the run's thread")
  end
  if type(part.range) ~= "table" then return true end
  local length, err = check_span(part.range, path .. ".range")
  if not length then return nil, err end
  if path == "output" and length ~= #as_table(part.message_ids) then
    return refuse("output.range", "must be as long as output.message_ids")
  end
  return true
end

local function check_references(run)
  local activation = as_table(run.activation)
  local ok, err = check_messages(run, run.input, "input")
  if ok then ok, err = check_messages(run, run.output, "output") end
  if ok then ok, err = check_messages(run, activation.input, "activation.input") end
  if ok then ok, err = check_messages(run, activation.intent, "activation.intent") end
  return ok, err
end

local CHECKS = { check_ids, check_numbers, check_status, check_tables, check_outcome,
  check_references }

local function check_run(run)
  for _, rule in ipairs(CHECKS) do
    local ok, err = rule(run)
    if not ok then return nil, err end
  end
  return true
end

-- A legal change of a stored run.
local function check_change(stored, run)
  if stored.thread ~= run.thread then
    return refuse("thread", "cannot change: a run keeps its thread")
  end
  if stored.status ~= run.status and not run_record.transitions[stored.status][run.status] then
    return refuse("status", "cannot go from '" .. stored.status .. "' to '" .. run.status .. "'")
  end
  return true
end

-- Fills in what is the store's to say, and defaults.
local function complete(ctx, given, stored)
  local run, now = {}, ctx:now()
  for key, value in next, given do run[key] = value end
  for _, field in ipairs(OPTIONAL) do
    if run[field] == null then run[field] = nil end
  end
  for _, field in ipairs(COUNTS) do
    if run[field] == nil then run[field] = 0 end
  end
  if run.id == nil then run.id = ctx:new_id() end
  if run.status == nil then run.status = stored and stored.status or "created" end
  run.created_at, run.updated_at = stored and stored.created_at or now, now
  if run.status == "done" and run.finished_at == nil then
    run.finished_at = stored and stored.finished_at or now
  end
  return run
end

local function body_of(run)
  local body = {}
  for key, value in next, run do
    if not COLUMNS[key] then body[key] = value end
  end
  return body
end

local function place_error(err)
  if err and err.code == "serialization" and err.field then
    err.field = err.field:gsub("^run%.?", "")
  end
  return nil, err
end

local function insert(ctx, run)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local changes
  changes, err = ctx.engine:run(INSERT, scope, run.id, run.thread, run.agent, run.parent,
    run.status, run.created_at, run.updated_at, run.started_at, run.finished_at, run.steps,
    run.input_tokens, run.output_tokens, body_of(run))
  if err then return place_error(err) end
  if changes == 0 then return errors.fail("exists", "run '" .. run.id .. "' already exists") end
  return run
end

local function update(ctx, key, stored, run)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local ok
  if stored.status == run.status and stored.agent == run.agent then
    ok, err = ctx.engine:run(UPDATE_BODY, scope, run.thread, run.updated_at, run.started_at,
      run.finished_at, run.steps, run.input_tokens, run.output_tokens, run.parent, body_of(run),
      key)
  else
    ok, err = ctx.engine:run(UPDATE_ALL, scope, run.thread, run.updated_at, run.started_at,
      run.finished_at, run.steps, run.input_tokens, run.output_tokens, run.parent, body_of(run),
      run.status, run.agent, key)
  end
  if not ok then return place_error(err) end
  return run
end

--- A run's row: `run` and its `key`; nil when there is none.
---@param ctx moonbase.Context
---@param id string
---@return table|nil
---@return moonbase.Error|nil
function run_record.find(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(FIND, scope, id)
end

--- The run of a thread that was written last; nil when there is none.
---@param ctx moonbase.Context
---@param thread string
---@return moonbase.Run|nil
---@return moonbase.Error|nil
function run_record.latest(ctx, thread)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local row
  row, err = ctx.engine:row(LATEST, scope, thread)
  return row and row.run, err
end

-- Which of a thread's pointers a run moves, by its status; false clears one, and only a pointer
-- to the run itself where the run is done.
local function point(row, run, current)
  local own_active, own_open = row.active_run == run.id, row.open_run == run.id
  if run.status == "done" then
    return not own_active and row.active_run or nil, not own_open and row.open_run or nil
  elseif not current then
    return row.active_run, row.open_run
  end
  return run.status == "running" and run.id or nil, run.id
end

-- A thread without a parent takes the one that the run's request names, once.
local function adopt(ctx, row, run)
  local wanted = as_table(run.request).parent_thread_id
  if row.parent or type(wanted) ~= "string" then return true end
  local parent, err = check.trimmed("request.parent_thread_id", wanted)
  if err then return nil, err end
  if not parent then return true end
  local ok
  ok, err = hierarchy.check(ctx, run.thread, parent)
  if not ok then return nil, err end
  return ctx.engine:run("UPDATE threads SET parent = $parent WHERE key = $key", parent, row.key)
end

local POINTERS = [[
  SELECT key, parent, active_run, open_run, latest_run, latest_run_at, updated_at FROM threads
  WHERE scope = $scope AND id = $id]]

local function write_pointers(ctx, row, run, current)
  local active, open = point(row, run, current)
  local latest, latest_at = row.latest_run, row.latest_run_at
  if current then latest, latest_at = run.id, run.updated_at end
  local ok, err = ctx.engine:run("UPDATE threads SET active_run = $active, open_run = $open,"
    .. " latest_run = $latest, latest_run_at = $latest_at WHERE key = $key",
    active, open, latest, latest_at, row.key)
  if not ok or row.updated_at >= run.updated_at then return ok, err end
  return ctx.engine:run("UPDATE threads SET updated_at = $now WHERE key = $key",
    run.updated_at, row.key)
end

--- Shows a run on its thread, if there is one: which run is active, which is open, which was the
--- latest. A run older than the one shown only takes back its own pointers when it is done.
--- Inside the write of the run.
---@param ctx moonbase.Context
---@param run moonbase.Run
---@return any ok
---@return moonbase.Error|nil  `invalid`: the parent it asks for
function run_record.project(ctx, run)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local row
  row, err = ctx.engine:row(POINTERS, scope, run.thread)
  if err then return nil, err end
  if not row then return true end
  local current = row.latest_run_at == nil or run.updated_at >= row.latest_run_at
  if current then
    local ok
    ok, err = adopt(ctx, row, run)
    if not ok then return nil, err end
  end
  return write_pointers(ctx, row, run, current)
end

local function save(ctx, run, stored, key)
  local ok, err = true, nil
  if stored then ok, err = check_change(stored, run) end
  if ok then ok, err = check_run(run) end
  if ok then
    if stored then ok, err = update(ctx, key, stored, run) else ok, err = insert(ctx, run) end
  end
  if ok then ok, err = run_record.project(ctx, run) end
  if not ok then return nil, err end
  return run
end

--- Creates a run. Inside a write.
---@param ctx moonbase.Context
---@param given table
---@return moonbase.Run|nil
---@return moonbase.Error|nil  `exists`, `invalid`, `serialization`
function run_record.create(ctx, given)
  return save(ctx, complete(ctx, given))
end

-- Leaving a status drops what belongs to it, unless the patch says something of it.
local function leave_status(run, stored, patch)
  if stored.status == "waiting" and run.status ~= "waiting" and patch.waiting == nil then
    run.waiting = nil
  end
end

--- Changes fields of a run; null clears one. Inside a write.
---@param ctx moonbase.Context
---@param id string
---@param patch table
---@return moonbase.Run|nil
---@return moonbase.Error|nil  `not_found`, `invalid`, `serialization`
function run_record.update(ctx, id, patch)
  local row, err = run_record.find(ctx, id)
  if err then return nil, err end
  if not row then return errors.fail("not_found", "run '" .. id .. "' not found") end
  local merged = {}
  for key, value in next, row.run do merged[key] = value end
  for key, value in next, patch do
    if value == null then merged[key] = nil else merged[key] = value end
  end
  if merged.id ~= id then return refuse("id", "cannot change") end
  leave_status(merged, row.run, patch)
  return save(ctx, complete(ctx, merged, row.run), row.run, row.key)
end

--- Writes a whole run: creates it, or replaces the one of that id. Inside a write.
---@param ctx moonbase.Context
---@param given table  with the thread that it must belong to
---@return moonbase.Run|nil
---@return moonbase.Error|nil  `invalid`, `serialization`
function run_record.put(ctx, given)
  local row, err
  if given.id ~= nil and given.id ~= null then
    local ok
    ok, err = check.document_id("id", given.id)
    if not ok then return nil, err end
    row, err = run_record.find(ctx, given.id)
    if err then return nil, err end
  end
  if not row then return run_record.create(ctx, given) end
  return save(ctx, complete(ctx, given, row.run), row.run, row.key)
end

return run_record
