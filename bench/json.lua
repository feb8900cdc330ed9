-- JSON of chat messages, side by side with lua-cjson in one run. The same file runs on Lua 5.4 and on
-- LuaJIT: LUA_CPATH names the build.
--
--   LUA_CPATH="./build/5.4/?.so;;" lua5.4 bench/json.lua

local core = require("moonbase.core")
local has_cjson, cjson = pcall(require, "cjson")

local PROSE = "The tide tables say low water is at 14:20, so we should leave the harbour by noon.\n"
  .. 'He said "wait for the others" and went on reading; nobody minded. '

-- A message of plain text, an assistant's message with tool calls, and a record of small fields: of
-- about a kilobyte each.
local function messages()
  return {
    { "text", { id = "01a1f87d-b83f-7000-aeee-b498b1778881", role = "user", content = PROSE:rep(6) } },
    { "tools", {
      id = "01a1f87d-b83f-7000-aeee-b498b1778881", role = "assistant",
      content = { { type = "text", text = PROSE:rep(2) }, { type = "text", text = "Let me look that up." } },
      tool_calls = {
        { id = "call_8f3a2b1c", name = "search_documents",
          arguments = { query = "tide tables harbour", limit = 10, rerank = true } },
        { id = "call_8f3a2b1d", name = "read_calendar",
          arguments = { from = "2025-11-20", to = "2025-11-27", kinds = { "trip", "meeting" } } },
      },
      visibility = "internal",
      metadata = { run_id = "01a1f87d-b83f-7001-a82e-f949c96320bf", step_index = 7,
        model = "example-large", tokens = { input = 1834, output = 212 }, temperature = 0.7,
        created_at = 1763632670123 },
    } },
    { "fields", (function()
      local record = {}
      for i = 1, 60 do
        record["field_" .. i] = i % 3 == 0 and i * 0.25 or i % 3 == 1 and i or "v" .. i
      end
      return record
    end)() },
    { "numbers", (function()
      local list = {}
      for i = 1, 60 do
        list[i] = math.sin(i)
      end
      return list
    end)() },
    { "unicode", { role = "user", content = ("Привет, как дела? 今日は良い天気ですね。 "):rep(14) } },
  }
end

local ROUNDS, CALLS = 60, 1000

local function round(fn, argument)
  local started = core.monotonic()
  for _ = 1, CALLS do
    fn(argument)
  end
  return (core.monotonic() - started) * 1e6 / CALLS
end

-- Nanoseconds a call of both, the best of many short rounds taken in turn: the machine may be shared.
local function compare(ours, theirs, argument)
  local best_ours, best_theirs = math.huge, math.huge
  for _ = 1, ROUNDS do
    best_ours = math.min(best_ours, round(ours, argument))
    best_theirs = math.min(best_theirs, theirs and round(theirs, argument) or 0)
  end
  return best_ours, best_theirs
end

local function report(what, bytes, ours, theirs)
  local ratio = theirs > 0 and ("%10.0f %7.2f x"):format(theirs, theirs / ours) or ""
  print(("%-16s %6d B %10.0f %s"):format(what, bytes, ours, ratio))
end

print(("JSON on %s: ns a call"):format(jit and jit.version or _VERSION))
print(("%-16s %8s %10s %10s %9s"):format("", "", "moonbase", "lua-cjson", "ratio"))
for _, case in ipairs(messages()) do
  local name, value = case[1], case[2]
  local text = core.encode(value)
  report("decode " .. name, #text, compare(core.decode, has_cjson and cjson.decode, text))
  report("encode " .. name, #text, compare(core.encode, has_cjson and cjson.encode, value))
end
