--- Flow runs as rows: heads and documents, found and written one at a time.
-- All but `find` runs inside a write.

local core = require "moonbase.core"
local errors = require "moonbase.errors"

local flow_rows = {}

--- The statuses of a run, and whether one that has it is over.
flow_rows.terminal = { pending = false, running = false, completed = true, failed = true,
  canceled = true }

--- What every write finds first.
---@class moonbase.FlowHead
---@field key integer
---@field status string

--- A document, ready to be compared and written.
---@class moonbase.FlowDocument
---@field kind "params"|"state"|"frame"|"loop"
---@field id string          '' where there is one of the kind
---@field expected? string   canonical text of what must be there; nil: nothing may
---@field body? string       canonical text of what is written
---@field exact? string      see the schema

local FIND = "SELECT key, status FROM flows WHERE scope = $scope AND id = $id"

local INSERT = [[
  INSERT INTO flows (scope, id, mob, flow, status, created_at)
  VALUES ($scope, $id, $mob, $flow, 'pending', $now)
  ON CONFLICT (scope, id) DO NOTHING RETURNING key]]

local SET_STATUS = [[
  UPDATE flows SET status = $status, completed_at = $completed_at WHERE key = $key]]

--- The rows of run $flow in any of the tables.
flow_rows.OF_RUN = "key > $flow << 32 AND key < ($flow + 1) << 32"

local NEXT_KEY = [[
  coalesce((SELECT key FROM %s WHERE ]] .. flow_rows.OF_RUN .. [[

    ORDER BY key DESC LIMIT 1), $flow << 32) + 1]]

--- The key of the next row of run $flow in a table.
---@param table_name string
---@return string
function flow_rows.next_key(table_name)
  return NEXT_KEY:format(table_name)
end

local INSERT_DOCUMENT = "INSERT INTO flow_documents (key, kind, id, body, exact) VALUES ("
  .. flow_rows.next_key("flow_documents") .. ", $kind, $id, $body, $exact)"

local ADD_DOCUMENT = INSERT_DOCUMENT .. " ON CONFLICT DO NOTHING"

local PUT_DOCUMENT = INSERT_DOCUMENT .. [[
  ON CONFLICT (key >> 32, kind, id) DO UPDATE SET body = excluded.body, exact = excluded.exact]]

local SWAP_DOCUMENT = [[
  UPDATE flow_documents SET body = $body, exact = $exact
  WHERE key >> 32 = $flow AND kind = $kind AND id = $id AND body = $expected]]

local DELETES = {}
for i, name in ipairs { "documents", "steps", "failures", "iterations", "outputs" } do
  DELETES[i] = "DELETE FROM flow_" .. name .. " WHERE " .. flow_rows.OF_RUN
end
DELETES[#DELETES + 1] = "DELETE FROM flows WHERE key = $flow"

--- Makes a document of a value.
---@param kind string
---@param id string
---@param value any    any JSON value
---@param name string  for the error's path
---@return moonbase.FlowDocument|nil
---@return moonbase.Error|nil err  `serialization`
function flow_rows.document(kind, id, value, name)
  local body, exact = core.canonical(value, name)
  if not body then return nil, exact end
  return { kind = kind, id = id, body = body, exact = exact }
end

--- The head of a run, nil when there is none.
---@param ctx moonbase.Context
---@param id string
---@return moonbase.FlowHead|nil
---@return moonbase.Error|nil
function flow_rows.find(ctx, id)
  local scope, err = ctx:scope()
  if not scope then return nil, err end
  return ctx.engine:row(FIND, scope, id)
end

--- The head of a run that is to be changed.
---@param ctx moonbase.Context
---@param id string
---@param guard? boolean  a run that is over is not to be changed
---@return moonbase.FlowHead|false|nil head  false: the run is over
---@return moonbase.Error|nil err  `not_found`
function flow_rows.open(ctx, id, guard)
  local head, err = flow_rows.find(ctx, id)
  if err then return nil, err end
  if not head then
    return errors.fail("not_found", "flow run '" .. id .. "' not found", { id = id })
  end
  if guard and flow_rows.terminal[head.status] then return false end
  return head
end

--- Adds a document that must not be there yet.
---@param ctx moonbase.Context
---@param flow integer
---@param document moonbase.FlowDocument
---@return boolean|nil added  false: it was there
---@return moonbase.Error|nil
function flow_rows.add(ctx, flow, document)
  local count, err = ctx.engine:run(ADD_DOCUMENT, flow, document.kind, document.id, document.body,
    document.exact)
  if not count then return nil, err end
  return count == 1
end

--- Writes a document, whatever was there.
---@param ctx moonbase.Context
---@param flow integer
---@param document moonbase.FlowDocument
---@return integer|nil
---@return moonbase.Error|nil
function flow_rows.put(ctx, flow, document)
  return ctx.engine:run(PUT_DOCUMENT, flow, document.kind, document.id, document.body,
    document.exact)
end

--- Replaces the document that must be there; adds it when it must not.
---@param ctx moonbase.Context
---@param flow integer
---@param document moonbase.FlowDocument
---@return boolean|nil swapped  false: something else is there
---@return moonbase.Error|nil
function flow_rows.swap(ctx, flow, document)
  if not document.expected then return flow_rows.add(ctx, flow, document) end
  local count, err = ctx.engine:run(SWAP_DOCUMENT, document.body, document.exact, flow,
    document.kind, document.id, document.expected)
  if not count then return nil, err end
  return count == 1
end

--- Gives a run that is not over its next status. One that stays the same is not written.
---@param ctx moonbase.Context
---@param head moonbase.FlowHead
---@param status string
---@return any ok
---@return moonbase.Error|nil
function flow_rows.set_status(ctx, head, status)
  if status == head.status then return true end
  local completed_at = flow_rows.terminal[status] and ctx:now() or nil
  return ctx.engine:run(SET_STATUS, status, completed_at, head.key)
end

--- Creates a run.
---@param ctx moonbase.Context
---@param draft table  id, mob, flow; documents: moonbase.FlowDocument[]
---@return true|nil
---@return moonbase.Error|nil err  `exists`
function flow_rows.create(ctx, draft)
  local scope, err = ctx:write_scope()
  if not scope then return nil, err end
  local key
  key, err = ctx.engine:value(INSERT, scope, draft.id, draft.mob, draft.flow, ctx:now())
  if err then return nil, err end
  if not key then
    return errors.fail("exists", "flow run '" .. draft.id .. "' exists already", { id = draft.id })
  end
  for _, document in ipairs(draft.documents) do
    local ok
    ok, err = flow_rows.add(ctx, key, document)
    if not ok then return nil, err end
  end
  return true
end

--- Removes a run with all that belongs to it.
---@param ctx moonbase.Context
---@param id string
---@return true|nil
---@return moonbase.Error|nil err  `not_found`
function flow_rows.delete(ctx, id)
  local head, err = flow_rows.open(ctx, id)
  if not head then return nil, err end
  for _, sql in ipairs(DELETES) do
    local ok
    ok, err = ctx.engine:run(sql, head.key)
    if not ok then return nil, err end
  end
  return true
end

return flow_rows
