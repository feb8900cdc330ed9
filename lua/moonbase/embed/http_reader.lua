--- Reads an HTTP/1.1 answer from a socket, whatever kind of socket it is: it needs only a function
-- that gives some bytes. Nothing that the other side sends makes it read or keep without bound.

local http_reader = {}

local LONGEST_HEAD = 65536

---@class moonbase.HttpReader
---@field more fun(): string|nil, string|nil  some bytes, or nil and "closed", "timeout"...
---@field buffer string
local Reader = {}
Reader.__index = Reader

local function fill(self)
  local bytes, reason = self.more()
  if not bytes then return nil, reason or "closed" end
  self.buffer = self.buffer .. bytes
  return true
end

-- The next line without its end.
local function line(self)
  while true do
    local stop = self.buffer:find("\n", 1, true)
    if stop then
      local text = self.buffer:sub(1, stop - 1):gsub("\r$", "")
      self.buffer = self.buffer:sub(stop + 1)
      return text
    end
    if #self.buffer > LONGEST_HEAD then return nil, "too long a line" end
    local ok, reason = fill(self)
    if not ok then return nil, reason end
  end
end

local function bytes(self, count)
  local parts, have = { self.buffer }, #self.buffer
  while have < count do
    local some, reason = self.more()
    if not some then return nil, reason or "closed" end
    parts[#parts + 1] = some
    have = have + #some
  end
  local all = table.concat(parts)
  self.buffer = all:sub(count + 1)
  return all:sub(1, count)
end

-- To the end of the connection.
local function rest(self, limit)
  local parts, have = { self.buffer }, #self.buffer
  while have <= limit do
    local some, reason = self.more()
    if not some then
      if reason ~= "closed" then return nil, reason end
      return table.concat(parts)
    end
    parts[#parts + 1] = some
    have = have + #some
  end
  return nil, "too long an answer"
end

local function chunks(self, limit)
  local parts, have = {}, 0
  while true do
    local size, reason = line(self)
    size = size and tonumber(size:match("^%s*(%x+)"), 16)
    if not size then return nil, reason or "a chunk without a size" end
    have = have + size
    if have > limit then return nil, "too long an answer" end
    if size == 0 then return table.concat(parts) end
    parts[#parts + 1], reason = bytes(self, size)
    local ending = parts[#parts] and line(self)
    if not ending then return nil, reason or "closed" end
  end
end

local function head(self)
  local first, reason = line(self)
  if not first then return nil, reason end
  local status = tonumber(first:match("^HTTP/1%.%d (%d%d%d)"))
  if not status then return nil, "no answer in HTTP/1" end
  local headers, size = {}, 0
  while true do
    local text
    text, reason = line(self)
    if not text then return nil, reason end
    if text == "" then return status, headers end
    size = size + #text
    if size > LONGEST_HEAD then return nil, "too many headers" end
    local name, value = text:match("^([^:%s]+):%s*(.-)%s*$")
    if name then headers[name:lower()] = value end
  end
end

local function body(self, headers, limit)
  if (headers["transfer-encoding"] or ""):lower():find("chunked", 1, true) then
    return chunks(self, limit)
  end
  local length = headers["content-length"]
  if not length then return rest(self, limit) end
  length = tonumber(length:match("^%d+$"))
  if not length then return nil, "a wrong length" end
  if length > limit then return nil, "too long an answer" end
  return bytes(self, length)
end

--- Reads one answer.
---@param more fun(): string|nil, string|nil  gives some bytes, or nil and why there are none
---@param limit integer  bytes of a body, at most
---@return { status: integer, headers: table<string, string>, body: string }|nil
---@return string|nil reason
function http_reader.read(more, limit)
  local self = setmetatable({ more = more, buffer = "" }, Reader)
  local status, headers
  repeat -- what only announces the answer is not it
    status, headers = head(self)
    if not status then return nil, headers end
  until status >= 200
  local text, reason = body(self, headers, limit)
  if not text then return nil, reason end
  return { status = status, headers = headers, body = text }
end

return http_reader
