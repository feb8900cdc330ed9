--- Reads an HTTP/1.1 answer from a socket, whatever kind of socket it is: it needs only a function
-- that gives some bytes. Nothing that the other side sends makes it read or keep without bound.

local http_reader = {}

local LONGEST_HEAD = 65536

---@class moonbase.HttpReader
---@field more fun(): string|nil, string|nil  some bytes, or nil and "closed", "timeout"...
---@field buffer string  what was read
---@field at integer     from here on it is not used yet
local Reader = {}
Reader.__index = Reader

-- The next line without its end.
local function line(self)
  while true do
    local stop = self.buffer:find("\n", self.at, true)
    if stop then
      local text = self.buffer:sub(self.at, stop - 1):gsub("\r$", "")
      self.at = stop + 1
      return text
    end
    if #self.buffer - self.at > LONGEST_HEAD then return nil, "too long a line" end
    local some, reason = self.more()
    if not some then return nil, reason or "closed" end
    self.buffer, self.at = self.buffer:sub(self.at) .. some, 1
  end
end

-- What is in the buffer and what comes, until there are so many bytes or no more; and why.
local function gather(self, count)
  local parts, have, reason = { self.buffer:sub(self.at) }, #self.buffer - self.at + 1, nil
  while have < count do
    local some
    some, reason = self.more()
    if not some then break end
    parts[#parts + 1], have = some, have + #some
  end
  self.buffer, self.at = table.concat(parts), 1
  return have, reason or "closed"
end

local function bytes(self, count)
  if #self.buffer - self.at + 1 < count then
    local have, reason = gather(self, count)
    if have < count then return nil, reason end
  end
  self.at = self.at + count
  return self.buffer:sub(self.at - count, self.at - 1)
end

-- To the end of the connection.
local function rest(self, limit)
  local have, reason = gather(self, limit + 1)
  if have > limit then return nil, "too long an answer" end
  if reason ~= "closed" then return nil, reason end
  return self.buffer
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
  local self = setmetatable({ more = more, buffer = "", at = 1 }, Reader)
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
