--- Tries a request again while that may help: after a pause that doubles, or as long as the other
-- side asks for, and never beyond the time that all of it may take.

local core = require "moonbase.core"
local errors = require "moonbase.errors"
local http_answer = require "moonbase.embed.http_answer"
local http_date = require "moonbase.embed.http_date"
local pause = require "moonbase.pause"

local http_retry = {}

local TRIES = 4
local FIRST_PAUSE = 200 -- ms

local function may_pass(status)
  return status == 408 or status == 425 or status == 429 or status >= 500
end

-- An answer may repeat what was sent to it.
local function without_key(text, settings)
  local key = settings.api_key
  if not key then return text end
  return (text:gsub(key:gsub("%W", "%%%0"), "***"))
end

local function failure(settings, what, details)
  local text = ("the embedding endpoint at %s %s"):format(settings.url.authority, what)
  return errors.fail("io", without_key(text, settings), details)
end

local function refused(settings, answer)
  local complaint = http_answer.complaint(answer.body)
  local what = ("answered with status %d%s"):format(answer.status,
    complaint and ": " .. complaint or "")
  return failure(settings, what, { retryable = may_pass(answer.status), status = answer.status })
end

-- How long to wait before the next try.
local function pause_before(try, answer)
  local wish = answer and http_date.retry_after(answer.headers["retry-after"], core.now())
  return wish or FIRST_PAUSE * 2 ^ (try - 1)
end

--- Runs a request until it is answered well.
---@param settings table  timeout: ms for all tries; url and api_key, for messages
---@param send fun(timeout: number): moonbase.HttpAnswer|nil, string|moonbase.Error|nil
---@return moonbase.HttpAnswer|nil answer  of a status 2xx
---@return moonbase.Error|nil err  `io`, `unsupported`
function http_retry.run(settings, send)
  local deadline = core.monotonic() + settings.timeout
  for try = 1, TRIES do
    local answer, reason = send(math.max(deadline - core.monotonic(), 1))
    if answer and answer.status >= 200 and answer.status < 300 then return answer end
    if type(reason) == "table" then return nil, reason end
    local wait = pause_before(try, answer)
    local last = try == TRIES or core.monotonic() + wait >= deadline
      or (answer and not may_pass(answer.status))
    if last or not pause.sleep(wait) then
      if answer then return refused(settings, answer) end
      return failure(settings, "failed: " .. tostring(reason), { retryable = true })
    end
  end
end

return http_retry
