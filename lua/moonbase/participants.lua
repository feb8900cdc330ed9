--- Participants: outside parties to a transaction, in two phases. First all of them prepare; then
-- the decision is written, in the commit of the data; then they are told.

local check = require "moonbase.check"
local core = require "moonbase.core"
local errors = require "moonbase.errors"
local transaction_log = require "moonbase.transaction_log"

local participants = {}

---@class moonbase.Participant
---@field name string
---@field callbacks { prepare: function, commit: function, rollback: function }
---@field prepared? boolean

local CALLBACKS = { prepare = "function", commit = "function", rollback = "function" }

--- Adds one to a transaction.
---@param root moonbase.Transaction
---@param name string
---@param callbacks table
---@return true|nil
---@return moonbase.Error|nil err  `exists`, `invalid`
function participants.add(root, name, callbacks)
  local id, err = check.id("name", name)
  if not id then return nil, err end
  check.options("participant", check.type("participant", callbacks, "table"), CALLBACKS)
  for field, kind in pairs(CALLBACKS) do
    check.type("participant." .. field, callbacks[field], kind)
  end
  for _, other in ipairs(root.participants) do
    if other.name == name then
      return errors.fail("exists", "'" .. name .. "' takes part in the transaction already")
    end
  end
  table.insert(root.participants, { name = name, callbacks = callbacks })
  return true
end

-- Whether it did its work; else why not.
local function judge(returned, first, second)
  if not returned then return false, first end
  if first == nil and second ~= nil then return false, second end
  return true
end

--- Calls a function of the user's with the id of a transaction: true, or false and what it raised,
--- or returned behind a nil.
---@param fn function
---@param id string
---@return boolean done
---@return any failure
function participants.call(fn, id)
  return judge(pcall(fn, id))
end

local function tell(root, participant, phase, failure)
  root.context:tell("participant_failed", {
    id = root.id, participant = participant.name, phase = phase, error = failure,
  })
end

-- An error object goes on as it is; anything else becomes one.
local function refusal(participant, failure)
  if type(failure) == "table" and failure.code then return failure end
  return errors.new("denied", ("participant '%s' cannot commit: %s"):format(participant.name,
    tostring(failure)), { participant = participant.name, cause = failure })
end

-- What the log knows already would be taken for this one's decision.
local function is_known(root)
  local number, err = transaction_log.find(root.context, root.id)
  if err then return nil, err end
  if not number then return false end
  return errors.fail("exists", "the log has a transaction '" .. root.id .. "' already")
end

--- Lets all prepare, in their order. Inside the transaction.
---@param root moonbase.Transaction
---@return true|nil
---@return any err  why one of them cannot
function participants.prepare(root)
  if #root.participants == 0 then return true end
  local known, err = is_known(root)
  if known == nil then return nil, err end
  core.phase(root.userdata, "preparing")
  for _, participant in ipairs(root.participants) do
    local ok, failure = participants.call(participant.callbacks.prepare, root.id)
    participant.prepared = ok
    if root.lost then return nil, root.lost end
    if not ok then return nil, refusal(participant, failure) end
  end
  return true
end

--- Tells them of the commit. Those that fail are left in the log.
---@param root moonbase.Transaction
---@param number integer  its number in the log
function participants.commit(root, number)
  if #root.participants == 0 then return end
  core.phase(root.userdata, "committing")
  local done = {}
  for _, participant in ipairs(root.participants) do
    local ok, failure = participants.call(participant.callbacks.commit, root.id)
    if ok then
      done[#done + 1] = participant.name
    else
      tell(root, participant, "commit", failure)
    end
  end
  local ctx = root.context
  if #done > 0 then ctx:write(transaction_log.close, ctx, number, done) end
end

-- Those behind a number, the last first; they take part no more.
local function take_from(root, mark)
  local taken = {}
  for i = #root.participants, mark + 1, -1 do
    taken[#taken + 1] = root.participants[i]
    root.participants[i] = nil
  end
  return taken
end

--- Tells those that joined after the first `mark` that nothing is going to be committed.
---@param root moonbase.Transaction
---@param mark integer
---@param all boolean  also those that have not prepared
function participants.roll_back(root, mark, all)
  for _, participant in ipairs(take_from(root, mark)) do
    if all or participant.prepared then
      local ok, failure = participants.call(participant.callbacks.rollback, root.id)
      if not ok then tell(root, participant, "rollback", failure) end
    end
  end
end

return participants
