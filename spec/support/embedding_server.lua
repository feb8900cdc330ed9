--- A server that speaks OpenAI's embeddings, well or in one of many wrong ways: the name of the
-- model says how. Prints its port; ends when nobody has called for a minute.
--
--     server = require("spec.support.embedding_server").start()
--     server.url   server:log()   server:stop()

if not ... or ... ~= "spec.support.embedding_server" then
  local cjson = require "cjson"
  local socket = require "socket"

  local requests, tries, open = {}, {}, {}

  -- A vector that tells its text: its length, its first and its last byte, and one.
  local function vector(text)
    return { #text, text:byte(1) or 0, text:byte(-1) or 0, 1 }
  end

  local function items(request, order)
    local list = {}
    for i, text in ipairs(request.input) do
      list[i] = { object = "embedding", index = i - 1, embedding = vector(text) }
    end
    if order then table.sort(list, order) end
    return list
  end

  local function good(request, order)
    return cjson.encode { object = "list", model = request.model, data = items(request, order) }
  end

  local function answer(status, body, headers)
    return ("HTTP/1.1 %s\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n%s")
      :format(status, headers or "", #body, body)
  end

  local function chunked(body)
    local parts = { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" }
    for i = 1, #body, 7 do
      local part = body:sub(i, i + 6)
      parts[#parts + 1] = ("%x;ext=1\r\n%s\r\n"):format(#part, part)
    end
    return table.concat(parts) .. "0\r\n\r\n"
  end

  local function spoiled(request, change)
    local list = items(request)
    change(list)
    return answer("200 OK", cjson.encode { data = list })
  end

  local SLOW_DOWN = '{"error":{"message":"slow down"}}'

  -- By the model's name: what to send. nil sends nothing and keeps the connection open.
  local MODELS = {
    good = function(request) return answer("200 OK", good(request)) end,
    backwards = function(request)
      return answer("200 OK", good(request, function(a, b) return a.index > b.index end))
    end,
    unnumbered = function(request)
      return spoiled(request, function(list)
        for _, item in ipairs(list) do item.index = nil end
      end)
    end,
    chunked = function(request) return chunked(good(request)) end,
    to_the_end = function(request) return "HTTP/1.0 200 OK\n\n" .. good(request) end,
    continued = function(request)
      return "HTTP/1.1 100 Continue\r\n\r\n" .. answer("200 OK", good(request))
    end,
    flaky = function(request, try)
      if try < 3 then return answer("503 Busy", "try later") end
      return answer("200 OK", good(request))
    end,
    hasty = function(request, try)
      if try == 1 then return answer("429 Slow", SLOW_DOWN, "Retry-After: 0\r\n") end
      if try == 2 then
        return answer("429 Slow", SLOW_DOWN, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n")
      end
      return answer("200 OK", good(request))
    end,
    patient = function() return answer("429 Slow", SLOW_DOWN, "Retry-After: 3600\r\n") end,
    hurried = function() return answer("429 Slow", SLOW_DOWN, "Retry-After: 0\r\n") end,
    broken = function() return answer("500 Oops", '{"error":"it broke"}') end,
    dropped = function(request, try) return try == 1 and "" or answer("200 OK", good(request)) end,
    cut = function(request, try)
      local text = answer("200 OK", good(request))
      return try == 1 and text:sub(1, -10) or text
    end,
    cut_chunk = function(request, try)
      local text = chunked(good(request))
      return try == 1 and text:sub(1, -20) or text
    end,
    refused = function(request)
      return answer("401 No", cjson.encode { error = {
        message = "Incorrect key: " .. tostring(request.authorization) .. "\r\nX: y" } })
    end,
    moved = function() return answer("302 Found", "", "Location: http://127.0.0.1:1/\r\n") end,
    hangs = function() return nil end,
    not_json = function() return answer("200 OK", "<html>") end,
    no_list = function() return answer("200 OK", '{"data":7}') end,
    one_less = function(request) return spoiled(request, table.remove) end,
    too_short = function(request)
      return spoiled(request, function(list) table.remove(list[1].embedding) end)
    end,
    nulls = function(request)
      return spoiled(request, function(list) list[1].embedding[2] = cjson.null end)
    end,
    infinite = function(request)
      return answer("200 OK", (good(request):gsub("%[%d+,", "[1e999,", 1)))
    end,
    doubled = function(request)
      return spoiled(request, function(list) list[#list].index = 0 end)
    end,
    far = function(request)
      return spoiled(request, function(list) list[1].index = 99 end)
    end,
    huge = function() return "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{" end,
    flood = function() return answer("200 OK", (" "):rep(2 ^ 20)) end,
    chunk_flood = function()
      return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. ("2000\r\n" .. (" "):rep(8192) .. "\r\n"):rep(64) .. "0\r\n\r\n"
    end,
    endless_head = function() return "HTTP/1.1 200 OK\r\nx: " .. ("y"):rep(2 ^ 18) end,
    not_http = function() return "SSH-2.0-OpenSSH\r\n\r\n" end,
  }

  local function read_request(client)
    local first, length, headers = assert(client:receive("*l")), 0, {}
    repeat
      local line = assert(client:receive("*l"))
      local name, value = line:match("^([^:]+):%s*(.*)$")
      if name then headers[name:lower()] = value end
      length = tonumber(headers["content-length"]) or length
    until line == ""
    local request = length > 0 and cjson.decode((assert(client:receive(length)))) or {}
    request.path, request.authorization = first:match("^%S+ (%S+)"), headers.authorization
    return request
  end

  local function respond(request)
    if request.path == "/log" then return answer("200 OK", cjson.encode { requests = requests }) end
    local model = request.model:match("^%a[%a_]*")
    tries[request.model] = (tries[request.model] or 0) + 1
    requests[#requests + 1] = { path = request.path, model = request.model,
      count = #request.input, input = request.input, authorization = request.authorization }
    return MODELS[model](request, tries[request.model])
  end

  local function serve(client)
    client:settimeout(20)
    local text = respond(read_request(client))
    if text then
      client:send(text)
      client:close()
    else
      open[#open + 1] = client
    end
  end

  local wrap = function(client) return client end
  if arg[1] then
    local ssl = require "ssl"
    wrap = function(client)
      local wrapped = assert(ssl.wrap(client, { mode = "server", protocol = "any",
        key = arg[1], certificate = arg[2] }))
      assert(wrapped:dohandshake())
      return wrapped
    end
  end

  local server = assert(socket.bind("127.0.0.1", 0))
  server:settimeout(60)
  local _, port = server:getsockname()
  print("port " .. port)
  io.stdout:flush()
  for client in function() return server:accept() end do
    local ok, err = pcall(function()
      client:settimeout(20)
      serve(wrap(client))
    end)
    if not ok then
      io.stderr:write(tostring(err), "\n")
      client:close()
    end
  end
  os.exit(0)
end

local server = {}
server.__index = server

--- Starts it.
---@param key? string          with both of these: behind TLS
---@param certificate? string
function server.start(key, certificate)
  local pipe = assert(io.popen(("%s spec/support/embedding_server.lua %s %s 2>/dev/null & echo pid $!")
    :format(jit and "luajit" or "lua5.4", key or "", certificate or "")))
  local told = pipe:read("*l") .. "\n" .. pipe:read("*l")
  local self = setmetatable({ pipe = pipe, pid = told:match("pid (%d+)"),
    port = told:match("port (%d+)") }, server)
  self.url = ("%s://127.0.0.1:%s/v1"):format(key and "https" or "http", self.port)
  return self
end

--- The requests it got: arrays of { path, model, count, input, authorization }.
function server:log()
  local body = require("socket.http").request(("http://127.0.0.1:%s/log"):format(self.port))
  return require("moonbase.core").decode(body).requests
end

function server:stop()
  os.execute("kill " .. self.pid)
  self.pipe:close()
end

return server
