--- Commands that show what is in a file.

local core = require "moonbase.core"
local errors = require "moonbase.errors"

local reading = {}

local PAGED = { limit = "number", cursor = "text" }

local function with(options, more)
  local all = {}
  for name, kind in pairs(options) do all[name] = kind end
  for name, kind in pairs(more) do all[name] = kind end
  return all
end

local function add(entry)
  entry.arguments, entry.options = entry.arguments or {}, entry.options or {}
  reading[#reading + 1] = entry
end

-- The options that a query takes by the same names.
local function query(request, names)
  local fields = {}
  for name in names:gmatch("%S+") do fields[name] = request.options[name] end
  return fields
end

local function page(items, err)
  if items then core.array(items.items) end
  return items, err
end

local function list(items, err)
  if items then core.array(items) end
  return items, err
end

-- How to show a page: its columns, and how to go on.
local function table_of(heads, row)
  return function(result, output)
    local rows = {}
    for i, item in ipairs(result.items or result) do rows[i] = row(item, output) end
    output:columns(heads, rows)
    if result.has_more then output:line("more: --cursor " .. result.next_cursor) end
  end
end

local function text_of(message, output)
  local content = message.content
  if type(content) == "table" and type(content[1]) == "table" and content[1].text then
    content = content[1].text
  end
  return output.brief(content or message.tool_calls)
end

-- What memory knows stands behind what was said.
local function search(store, request)
  local hits, err = store.threads:search(request.arguments[1], query(request, "limit thread"))
  if not hits or request.options.thread or request.options.limit == 0 then
    return list(hits, err)
  end
  local found
  found, err = store.memory:search { text = request.arguments[1], mode = "keyword",
    k = request.options.limit }
  if not found then return nil, err end
  for _, hit in ipairs(found) do hits[#hits + 1] = hit end
  return list(hits)
end

add {
  name = "search", about = "messages and memories that hold any of the words",
  arguments = { "TEXT" }, options = { limit = "number", thread = "text" }, run = search,
  show = table_of({ "in", "seq", "score", "text" }, function(hit, output)
    return { hit.thread or hit.id, hit.seq and ("%d"):format(hit.seq) or "memory",
      ("%.2f"):format(hit.score), hit.snippet or output.brief(hit.record.text) }
  end),
}

add {
  name = "threads", about = "conversations, the latest first",
  options = with(PAGED, { resource = "text" }),
  run = function(store, request)
    return page(store.threads:list(query(request, "limit cursor resource")))
  end,
  show = table_of({ "id", "messages", "updated", "title" }, function(thread, output)
    return { thread.id, ("%d"):format(thread.count), output.time(thread.updated_at), thread.title }
  end),
}

add {
  name = "messages", about = "a conversation", arguments = { "THREAD" },
  options = with(PAGED, { order = "text" }),
  run = function(store, request)
    local id = request.arguments[1]
    local thread, err = store.threads:get(id)
    if err then return nil, err end
    if not thread then return errors.fail("not_found", "thread '" .. id .. "' not found") end
    return page(store.threads:messages(id, query(request, "limit cursor order")))
  end,
  show = table_of({ "seq", "at", "role", "text" }, function(record, output)
    return { ("%d"):format(record.seq), output.time(record.created_at), record.message.role,
      text_of(record.message, output) }
  end),
}

add {
  name = "sessions", about = "sessions, the latest first", options = PAGED,
  run = function(store, request)
    return page(store.sessions:list(query(request, "limit cursor")))
  end,
  show = table_of({ "id", "nodes", "updated", "name", "begins with" }, function(session, output)
    return { session.id, ("%d"):format(session.node_count), output.time(session.updated_at),
      session.name, output.brief(session.first_user_message) }
  end),
}

add {
  name = "path", about = "the nodes of a session from the root to its leaf, or to a node",
  arguments = { "SESSION", "[NODE]" },
  run = function(store, request)
    local id = request.arguments[1]
    local session, err = store.sessions:open(id)
    if err then return nil, err end
    if not session then return errors.fail("not_found", "session '" .. id .. "' not found") end
    return list(session:path(request.arguments[2]))
  end,
  show = table_of({ "id", "at", "kind", "role", "text" }, function(node, output)
    return { node.id, output.time(node.at), node.kind, node.role, text_of(node, output) }
  end),
}

local EVENT = { "cursor", "at", "stream", "type", "data" }

local function event_row(event, output)
  return { ("%d"):format(event.cursor), output.time(event.at), event.stream, event.type,
    output.brief(event.data) }
end

local FILTERS = { after = "number", stream = "text", type = "text", limit = "number" }

add {
  name = "events", about = "the log of events", options = FILTERS,
  run = function(store, request)
    return list(store.events:poll(query(request, "after limit stream type")))
  end,
  show = table_of(EVENT, event_row),
}

add {
  name = "jobs", about = "jobs of queues",
  options = with(PAGED, { queue = "text", status = "text" }),
  run = function(store, request)
    return page(store.jobs:list(query(request, "limit cursor queue status")))
  end,
  show = table_of({ "id", "queue", "status", "attempt", "updated", "error" },
    function(job, output)
      return { job.id, job.queue, job.status, job.attempt and ("%d"):format(job.attempt),
        output.time(job.updated_at), output.brief(job.error) }
    end),
}

-- How long one look for new events takes, in ms: an interruption is noticed between two.
local PATIENCE = 500

local function print_event(output, event)
  if output.json then return output:value(event) end
  output:line(table.concat(event_row(event, output), "  "))
end

-- Follows the log behind a cursor, up to so many events.
local function follow(store, request, output, after)
  local left = request.options.limit or math.huge
  while left > 0 do
    local events, err = store.events:wait { after = after, timeout = PATIENCE,
      stream = request.options.stream }
    if not events then return nil, err end
    for _, event in ipairs(events) do
      if left > 0 then print_event(output, event) end
      left, after = left - 1, event.cursor
    end
  end
  return nil
end

add {
  name = "tail", about = "new events as they come", options = { after = "number", stream = "text",
    limit = "number" },
  run = function(store, request, output)
    local after, err = request.options.after, nil
    output.follow = true
    if not after then after, err = store.events:latest() end
    if not after then return nil, err end
    return follow(store, request, output, after)
  end,
}

return reading
