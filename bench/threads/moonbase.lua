-- The work of the threads table, through moonbase: moonbase.lua FILE FOLDER.

local moonbase = require "moonbase"
local worker = require "bench.support.worker"

local store = assert(moonbase.open(arg[1]))
local threads = store.threads
local plain = worker.documents(arg[2] .. "/plain.jsonl")

local works, next_message, forks = {}, 0, 0

-- So many messages, never the same for long.
local function batch(length)
  local messages = {}
  for i = 1, length do
    next_message = next_message % #plain + 1
    messages[i] = plain[next_message]
  end
  return messages
end

function works.append(count, thread, length)
  local batches = {}
  for i = 1, count do batches[i] = batch(length) end
  return worker.time(count, function(i) assert(threads:append(thread, batches[i])) end)
end

function works.load(count, thread)
  local length = threads:count(thread)
  return worker.time(count, function()
    assert(#assert(threads:range(thread, 1, length)) == length)
  end)
end

local compile = rawget(_G, "loadstring") or load

-- A value as Lua source.
local function source(value)
  if type(value) ~= "table" then
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  local fields = {}
  for key, field in pairs(value) do
    fields[#fields + 1] = ("[%s]=%s"):format(source(key), source(field))
  end
  return "{" .. table.concat(fields, ",") .. "}"
end

-- The least that loading can take in Lua: the same tables, made by programs that hold all their
-- strings as constants.
function works.tables(count, thread)
  local makers = {}
  for i, record in ipairs(assert(threads:range(thread, 1, 100000))) do
    makers[i] = assert(compile("return " .. source(record)))
  end
  return worker.time(count, function()
    local made = {}
    for i = 1, #makers do made[i] = makers[i]() end
    assert(#made == 1000)
  end)
end

function works.pages(count, thread)
  local cursor
  return worker.time(count, function()
    local page = assert(threads:messages(thread, { order = "desc", cursor = cursor }))
    assert(#page.items == 50)
    cursor = page.next_cursor
  end)
end

function works.fork(count, thread, at)
  return worker.time(count, function()
    forks = forks + 1
    assert(threads:fork(thread, { at = at, id = "fork-" .. forks }))
  end)
end

function works.search(count, ...)
  local text = table.concat({ ... }, " ")
  return worker.time(count, function() assert(threads:search(text, { limit = 10 })) end)
end

-- Opens the file once more, reads how long a thread is, and closes it.
function works.open(count, thread)
  return worker.time(count, function()
    local other = assert(moonbase.open(arg[1], { shared = false }))
    assert(other.threads:count(thread) > 0)
    assert(other:close())
  end)
end

-- Fills a new file: seed COUNT THREAD LENGTH FILE makes so many threads, THREAD-1 and on.
function works.seed(count, thread, length, name)
  local documents = worker.documents(arg[2] .. "/" .. name)
  local function fill(id)
    for first = 1, length, 1000 do
      local messages = {}
      for i = first, math.min(first + 999, length) do
        messages[#messages + 1] = documents[(i - 1) % #documents + 1]
      end
      assert(threads:append(id, messages))
    end
  end
  return worker.time(count, function(i) fill(thread .. "-" .. i) end)
end

worker.serve("moonbase " .. moonbase._VERSION .. ", " .. (jit and jit.version or _VERSION), works)
