--- The log of explicit transactions: rows that are written in the very commit that they tell of.
-- A row is the decision of a two-phase commit: what has none was aborted.

local core = require "moonbase.core"
local errors = require "moonbase.errors"
local write_set = require "moonbase.write_set"

local transaction_log = {}

-- A log that nobody prunes must not grow for ever. Which of its entries are too many is looked at
-- once in so many commits, and never more than twice as many are removed in one of them.
local KEPT = 100000
local EVERY = 16

local BATCH = 1000
local PAGE = 100

-- The keys of a scope are those from the first to the last.
local FIRST = "($scope << 40)"
local LAST = "($scope << 40) + 1099511627775"

local INSERT = [[
  INSERT INTO transactions (key, committed_at, open, cut, id, label, participants, write_set)
  VALUES (1 + coalesce((SELECT key FROM transactions
                        WHERE key BETWEEN ]] .. FIRST .. " AND " .. LAST .. [[
                        ORDER BY key DESC LIMIT 1), ]] .. FIRST .. [[),
    $now, $open, $cut, $id, $label, $participants(json), $write_set)
  RETURNING key & 1099511627775]]

local INSERT_PARTICIPANT = [[
  INSERT INTO transaction_participants (scope, name, number) VALUES ($scope, $name, $number)]]

local NUMBER = [[
  SELECT key & 1099511627775 FROM transactions WHERE key >> 40 = $scope AND id = $id
  ORDER BY key DESC LIMIT 1]]

local READ = [[
  SELECT key & 1099511627775 AS "number", id, label, committed_at, open,
    cut AS "truncated(boolean)", participants AS "participants(json)",
    write_set AS "write_set(json)"
  FROM transactions WHERE key > ]] .. FIRST .. " + $after AND key <= " .. LAST .. [[
  ORDER BY key LIMIT $limit]]

local IS_OPEN = [[
  SELECT 1 FROM transaction_participants
  WHERE scope = $scope AND name = $name AND number = $number]]

local OPEN = [[
  SELECT p.number, t.id FROM transaction_participants p
  JOIN transactions t ON t.key = ]] .. FIRST .. [[ + p.number
  WHERE p.scope = $scope AND p.name = $name AND p.number > $after
  ORDER BY p.number LIMIT ]] .. PAGE

local REMOVE_PARTICIPANT = [[
  DELETE FROM transaction_participants
  WHERE scope = $scope AND name = $name AND number = $number]]

local CLOSE = "UPDATE transactions SET open = open - 1 WHERE key = " .. FIRST .. " + $number"

local PRUNE = [[
  DELETE FROM transactions WHERE key IN (
    SELECT key FROM transactions WHERE key >> 40 = $scope AND open = 0 AND committed_at < $before
    ORDER BY committed_at LIMIT $limit)]]

-- By age, which an index has, so that those that stay (a participant is not done) are not walked
-- over every time.
local OLDEST = [[
  SELECT key & 1099511627775 FROM transactions WHERE key >> 40 = $scope AND open = 0
  ORDER BY committed_at LIMIT ]] .. 2 * EVERY
local REMOVE = "DELETE FROM transactions WHERE key = " .. FIRST .. " + $number"

local function bound(engine, scope, last)
  if last % EVERY ~= 0 or last <= KEPT then return true end
  local numbers, err = engine:values(OLDEST, scope)
  if not numbers then return nil, err end
  for _, number in ipairs(numbers) do
    local ok = true
    if number <= last - KEPT then ok, err = engine:run(REMOVE, scope, number) end
    if not ok then return nil, err end
  end
  return true
end

-- Nil for none.
local function names_of(list)
  if #list == 0 then return nil end
  local names = core.array {}
  for i, participant in ipairs(list) do names[i] = participant.name end
  return names
end

local function add_participants(engine, scope, number, list)
  for _, participant in ipairs(list) do
    local ok, err = engine:run(INSERT_PARTICIPANT, scope, participant.name, number)
    if not ok then return nil, err end
  end
  return number
end

--- Writes the row of a transaction that is about to be committed. Inside it.
---@param root moonbase.Transaction
---@return integer|nil number  names it in its scope
---@return moonbase.Error|nil
function transaction_log.add(root)
  local ctx, list = root.context, root.participants
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local written, cut = write_set.written(ctx.engine)
  if not written then return nil, cut end
  local number
  number, err = ctx.engine:value(INSERT, scope, ctx:now(), #list, cut, root.id, root.label,
    names_of(list), written)
  local ok = number
  if ok then ok, err = bound(ctx.engine, scope, number) end
  if not ok then return nil, err end
  return add_participants(ctx.engine, scope, number, list)
end

--- The number of a transaction, nil when there is none of that id.
---@param ctx moonbase.Context
---@param id string
---@return integer|nil number
---@return moonbase.Error|nil
function transaction_log.find(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:value(NUMBER, scope, id)
end

local function read_participants(engine, scope, row)
  local list = core.array {}
  for i, name in ipairs(row.participants or {}) do
    local is_open, err
    if row.open > 0 then is_open, err = engine:value(IS_OPEN, scope, name, row.number) end
    if err then return nil, err end
    list[i] = { name = name, done = is_open == nil }
  end
  return list
end

local function complete(ctx, scope, row)
  local err
  row.participants, err = read_participants(ctx.engine, scope, row)
  if not row.participants then return nil, err end
  row.write_set, err = write_set.name(ctx, scope, row.write_set)
  if not row.write_set then return nil, err end
  row.number, row.open = nil, nil
  if not row.truncated then row.truncated = nil end
  return row
end

--- Transactions behind one of that number, oldest first. In one snapshot.
---@param ctx moonbase.Context
---@param after_id? string
---@param limit integer
---@return moonbase.LoggedTransaction[]|nil
---@return moonbase.Error|nil
function transaction_log.read(ctx, after_id, limit)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local after = 0
  if after_id then
    after, err = ctx.engine:value(NUMBER, scope, after_id)
    if err then return nil, err end
    if not after then
      return errors.fail("not_found", "no transaction '" .. after_id .. "' is in the log")
    end
  end
  local rows
  rows, err = ctx.engine:rows(READ, scope, after, limit)
  if not rows then return nil, err end
  for _, row in ipairs(rows) do
    local ok
    ok, err = complete(ctx, scope, row)
    if not ok then return nil, err end
  end
  return rows
end

--- Says that participants know of the commit. Inside a write.
---@param ctx moonbase.Context
---@param number integer
---@param names string[]
---@return integer|nil count  those that were not done before
---@return moonbase.Error|nil
function transaction_log.close(ctx, number, names)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local count = 0
  for _, name in ipairs(names) do
    local changed
    changed, err = ctx.engine:run(REMOVE_PARTICIPANT, scope, name, number)
    if changed == 1 then
      count = count + 1
      changed, err = ctx.engine:run(CLOSE, scope, number)
    end
    if not changed then return nil, err end
  end
  return count
end

--- A page of transactions, oldest first, of which that participant is not done.
---@param ctx moonbase.Context
---@param name string
---@param after integer  numbers behind this one
---@return { number: integer, id: string }[]|nil
---@return moonbase.Error|nil
function transaction_log.open(ctx, name, after)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:rows(OPEN, scope, name, after)
end

--- Removes transactions of before a time, but none that has a participant left: up to a number
--- of them. Inside a write.
---@param ctx moonbase.Context
---@param before integer
---@return integer|nil count
---@return boolean|moonbase.Error|nil more
function transaction_log.prune(ctx, before)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  local count
  count, err = ctx.engine:run(PRUNE, scope, before, BATCH)
  if not count then return nil, err end
  return count, count == BATCH
end

transaction_log.PAGE = PAGE

return transaction_log
