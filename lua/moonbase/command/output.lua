--- What the command prints: JSON, or lines and columns for people.

local core = require "moonbase.core"

---@class moonbase.CommandOutput
---@field json boolean
local Output = {}
Output.__index = Output

---@return moonbase.CommandOutput
function Output.new()
  return setmetatable({ json = false }, Output)
end

-- What is stored may hold anything, also what a terminal would obey.
local function harmless(text)
  return (tostring(text):gsub("[%z\1-\31\127]", " "):gsub("\194[\128-\159]", " "))
end

local function must(ok, why)
  if not ok then error(core.error("io", "the output cannot be written: " .. tostring(why)), 0) end
end

--- A line as it is, at once.
---@param text string
function Output:raw(text)
  must(io.stdout:write(text, "\n"))
  if self.follow then self:finish() end
end

--- Sees that all that was printed has arrived.
function Output.finish()
  must(io.stdout:flush())
end

--- A line for people.
---@param text any
function Output:line(text)
  local lines = {}
  for line in (tostring(text) .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = harmless(line) end
  self:raw(table.concat(lines, "\n"))
end

--- A value as JSON on one line.
---@param value any
function Output:value(value)
  local text, err = core.encode(value, "result")
  if not text then error(err, 0) end
  self:raw(text)
end

--- A line to standard error.
---@param text string
function Output.complain(_, text)
  io.stderr:write(text, "\n")
end

--- What went wrong, to standard error.
---@param err moonbase.Error
function Output:error(err)
  local text = self.json and core.encode({ error = { code = err.code, message = err.message,
    problems = err.problems, field = err.field } }, "error")
  self:complain(text or "moonbase: " .. harmless(tostring(err)))
end

--- The columns of rows, as wide as they must be; the last one is not padded.
---@param heads string[]
---@param rows any[][]
function Output:columns(heads, rows)
  local widths, lines = {}, { heads }
  for _, row in ipairs(rows) do lines[#lines + 1] = row end
  for _, row in ipairs(lines) do
    for i = 1, #heads do
      widths[i] = math.max(widths[i] or 0, #harmless(row[i] == nil and "" or row[i]))
    end
  end
  for _, row in ipairs(lines) do
    local cells = {}
    for i = 1, #heads do
      local text = harmless(row[i] == nil and "" or row[i])
      cells[i] = i < #heads and text .. (" "):rep(widths[i] - #text) or text
    end
    self:raw((table.concat(cells, "  "):gsub("%s+$", "")))
  end
end

--- Shows on a terminal how far something is, on one line.
---@param done integer
---@param total integer
function Output:progress(done, total)
  if self.terminal == nil then
    local status = os.execute "test -t 2"
    self.terminal = status == true or status == 0
  end
  if not self.terminal or self.json then return end
  io.stderr:write(("\r%d of %d pages"):format(done, total), done == total and "\n" or "")
end

--- A time for people, in UTC.
---@param ms integer|nil
---@return string
function Output.time(ms)
  return ms and os.date("!%Y-%m-%d %H:%M:%S", math.floor(ms / 1000)) or ""
end

--- The beginning of a text, on one line.
---@param text any  another value is shown as JSON
---@param length? integer
---@return string
function Output.brief(text, length)
  if type(text) ~= "string" then text = text == nil and "" or core.encode(text, "text") or "" end
  text = text:gsub("%s+", " ")
  length = length or 100
  if #text <= length then return text end
  local last = length
  while last > 0 and text:byte(last + 1) >= 128 and text:byte(last + 1) < 192 do last = last - 1 end
  return text:sub(1, last) .. "..."
end

return Output
