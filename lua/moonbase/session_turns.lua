--- Stamps of commits: a turn that is committed again, because its first answer was lost, gives the
--- first answer and changes nothing.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"

local session_turns = {}

--- The stamp of a commit.
---@class moonbase.Stamp
---@field turn string
---@field hash string  of the content: the store's own, or the caller's

-- A retry makes new ids and times, so neither they nor what refers to them are content. Nor is
-- under which lease and upon which revision it happened.
local LEFT_OUT = { id = true, parent = true, at = true }

local function content_of(nodes)
  if not nodes then return nil end
  local list = core.array({})
  for i = 1, #nodes do
    local body = {}
    for key, value in next, nodes[i] do
      if not LEFT_OUT[key] then body[key] = value end
    end
    list[i] = body
  end
  return list
end

local function settled_ids(jobs)
  if not jobs then return nil end
  local ids = core.array({})
  for i = 1, #jobs do ids[i] = jobs[i].id end
  return ids
end

-- The hash of what a commit writes: equal documents give equal ones.
local function content_hash(plan)
  local text, err = core.canonical({
    nodes = content_of(plan.nodes), replace = content_of(plan.replace),
    checkpoint = plan.checkpoint, usage = plan.usage, jobs = plan.jobs,
    settle = settled_ids(plan.settle),
  }, "commit")
  if text then return core.sha256(text) end
  err.field = err.field and err.field:gsub("^commit%.", "")
  return nil, err
end

-- Many callers count their turns: a number of a turn is the id that its digits are.
local function turn_id(turn)
  if type(turn) ~= "number" then return check.id("stamp.turn", turn) end
  local number, err = check.integer("stamp.turn", turn, 0)
  return number and string.format("%d", number), err
end

--- Checks the stamp of a commit.
---@param plan table  the commit, its other parts checked
---@return moonbase.Stamp|nil
---@return moonbase.Error|nil err  `invalid`, `serialization`
function session_turns.prepare(plan)
  local given = check.options("stamp", plan.stamp, { turn = "any", hash = "string" })
  if given.turn == nil then return errors.invalid("stamp.turn", "is missing") end
  local stamp, err = {}
  stamp.turn, err = turn_id(given.turn)
  if stamp.turn and given.hash then stamp.hash, err = check.id("stamp.hash", given.hash)
  elseif stamp.turn then stamp.hash, err = content_hash(plan) end
  if err then return nil, err end
  return stamp
end

local FIND = [[
  SELECT hash, result AS "result(json)" FROM session_turns
  WHERE session = $session AND turn = $turn]]

local INSERT = [[
  INSERT INTO session_turns (session, committed_at, turn, hash, result)
  VALUES ($session, $now, $turn, $hash, $result)]]

local PRUNE = [[
  DELETE FROM session_turns WHERE key IN (
    SELECT key FROM session_turns WHERE session = $session AND committed_at < $before
    ORDER BY committed_at LIMIT $limit)]]

--- What a stamp's first commit gave; nil when this is the first.
---@param ctx moonbase.Context
---@param key integer  of the session
---@param stamp moonbase.Stamp
---@return table|nil result
---@return moonbase.Error|nil err  `conflict` for another content
function session_turns.find(ctx, key, stamp)
  local found, err = ctx.engine:row(FIND, key, stamp.turn)
  if not found then return nil, err end
  if found.hash == stamp.hash then return found.result end
  return errors.fail("conflict", "turn '" .. stamp.turn .. "' is committed with another content",
    { expected = stamp.hash, actual = found.hash })
end

--- Records what a stamped commit gave, and gives it as a repetition will. Inside a write.
---@param ctx moonbase.Context
---@param key integer  of the session
---@param stamp moonbase.Stamp
---@param result table
---@return table|nil result
---@return moonbase.Error|nil err
function session_turns.record(ctx, key, stamp, result)
  local text, err = core.encode(result, "result")
  if not text then return nil, err end
  local ok
  ok, err = ctx.engine:run(INSERT, key, ctx:now(), stamp.turn, stamp.hash, text)
  if not ok then return nil, err end
  return core.decode(text)
end

--- Forgets stamps that are older than a time. Inside a write.
---@param ctx moonbase.Context
---@param key integer  of the session
---@param before integer
---@param limit integer
---@return integer|nil count
---@return moonbase.Error|nil err
function session_turns.prune(ctx, key, before, limit)
  return ctx.engine:run(PRUNE, key, before, limit)
end

return session_turns
