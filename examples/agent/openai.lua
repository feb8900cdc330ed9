--- A planner that asks a language model: any endpoint that speaks OpenAI's chat completions over
-- plain HTTP (a local server, or a proxy that adds TLS). Needs luasocket and lua-cjson.

local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"

local openai = {}

local function tool(name, description, properties)
  local required = {}
  for property in pairs(properties) do required[#required + 1] = property end
  return { type = "function", ["function"] = { name = name, description = description,
    parameters = { type = "object", properties = properties, required = required } } }
end

local TEXT, NUMBER = { type = "string" }, { type = "integer" }

local TOOLS = {
  tool("list_files", "Lists the text files below a folder", { folder = TEXT }),
  tool("search_files", "Finds the lines that hold most of some lower-case words",
    { folder = TEXT, words = { type = "array", items = TEXT } }),
  tool("read_passage", "Reads a few lines of a file", { file = TEXT, line = NUMBER }),
}

-- Our messages hold arguments as tables; the wire holds them as JSON text.
local function to_wire(message)
  local wire = { role = message.role, content = message.content,
    tool_call_id = message.tool_call_id }
  if message.role == "tool" then
    wire.content = message.content .. "\n" .. cjson.encode(message.metadata.result)
  end
  for i, call in ipairs(message.tool_calls or {}) do
    wire.tool_calls = wire.tool_calls or {}
    wire.tool_calls[i] = { id = call.id, type = "function",
      ["function"] = { name = call.name, arguments = cjson.encode(call.arguments) } }
  end
  return wire
end

local function from_wire(wire)
  local content = type(wire.content) == "string" and wire.content or ""
  local message = { role = "assistant", content = content }
  for i, call in ipairs(type(wire.tool_calls) == "table" and wire.tool_calls or {}) do
    message.tool_calls = message.tool_calls or {}
    message.tool_calls[i] = { id = call.id, name = call["function"].name,
      arguments = cjson.decode(call["function"].arguments) }
  end
  return message
end

local function post(url, key, body)
  local reply = {}
  local _, status = http.request {
    url = url, method = "POST", source = ltn12.source.string(body), sink = ltn12.sink.table(reply),
    headers = { ["content-type"] = "application/json", ["content-length"] = #body,
      authorization = key and "Bearer " .. key or nil },
  }
  local text = table.concat(reply)
  assert(status == 200, "the model answered " .. tostring(status) .. ": " .. text:sub(1, 200))
  return cjson.decode(text)
end

--- Makes a planner.
---@param options table  url: the base, such as http://127.0.0.1:8080/v1; model; key?
---@return table planner  next(messages) -> message
function openai.new(options)
  return {
    next = function(messages)
      local wire = {}
      for i, message in ipairs(messages) do wire[i] = to_wire(message) end
      local reply = post(options.url .. "/chat/completions", options.key,
        cjson.encode { model = options.model, messages = wire, tools = TOOLS })
      return from_wire(reply.choices[1].message)
    end,
  }
end

return openai
