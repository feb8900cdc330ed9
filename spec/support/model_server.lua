--- A server that speaks as much of OpenAI's chat completions as the example needs: it asks for one
-- tool after each question, then answers. Prints its port; is killed when it is not needed any
-- more, or ends when nobody has called for a minute.

local cjson = require "cjson"
local socket = require "socket"

local function reply_to(request)
  local last, calls = nil, 0
  for _, message in ipairs(request.messages) do
    if message.role == "user" then last, calls = message.content, 0 end
    if message.role == "tool" then calls = calls + 1 end
  end
  if calls > 0 then
    return { role = "assistant", content = "You asked: " .. last }
  end
  return { role = "assistant", content = cjson.null, tool_calls = { {
    id = "call-" .. #request.messages, type = "function",
    ["function"] = { name = "list_files", arguments = cjson.encode { folder = "docs" } },
  } } }
end

local function read_request(client)
  local length = 0
  repeat
    local line = assert(client:receive("*l"))
    length = tonumber(line:lower():match("^content%-length:%s*(%d+)")) or length
  until line == ""
  local body = assert(client:receive(length))
  return cjson.decode(body)
end

local function serve(client)
  local body = cjson.encode { choices = { { message = reply_to(read_request(client)) } } }
  client:send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    .. "Content-Length: " .. #body .. "\r\n\r\n" .. body)
  client:close()
end

local server = assert(socket.bind("127.0.0.1", 0))
server:settimeout(60)
local _, port = server:getsockname()
print("port " .. port)
io.stdout:flush()
for client in function() return server:accept() end do
  client:settimeout(20)
  local ok, err = pcall(serve, client)
  if not ok then io.stderr:write(tostring(err), "\n") end
  client:close()
end
