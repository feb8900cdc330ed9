--- The tokens that a session used, by source and model. Sums are kept, not single entries, so the
--- report costs the same however long the session is.

local check = require "moonbase.check"
local errors = require "moonbase.errors"

local session_usage = {}

--- What one call of a model used. Reasoning tokens are among the output tokens.
---@class moonbase.Usage
---@field source string
---@field model string
---@field input_tokens integer
---@field output_tokens integer
---@field cache_read_tokens? integer
---@field cache_write_tokens? integer
---@field reasoning_tokens? integer

local COUNTS = { "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
  "reasoning_tokens" }

local REQUIRED = { source = true, model = true, input_tokens = true, output_tokens = true }

local TYPES = { source = "string", model = "string", input_tokens = "number",
  output_tokens = "number", cache_read_tokens = "number", cache_write_tokens = "number",
  reasoning_tokens = "number" }

local NAMES = { "source", "model" }

local function prepare(entry, path)
  check.options(path, entry, TYPES)
  local usage, err = {}
  for name in pairs(REQUIRED) do
    if entry[name] == nil then return errors.invalid(path .. "." .. name, "is missing") end
  end
  for _, name in ipairs(NAMES) do
    usage[name], err = check.id(path .. "." .. name, entry[name])
    if err then return nil, err end
  end
  for _, name in ipairs(COUNTS) do
    usage[name], err = check.integer(path .. "." .. name, entry[name] or 0)
    if err then return nil, err end
  end
  return usage
end

--- Checks usage: one entry or an array of them.
---@param given table|nil
---@return moonbase.Usage[]|nil
---@return moonbase.Error|nil err  `invalid`
function session_usage.prepare(given)
  if given == nil then return {} end
  check.type("usage", given, "table")
  local single = given[1] == nil and next(given) ~= nil
  local list, entries = single and { given } or given, {}
  for i = 1, check.array("usage", list) do
    local entry, err = prepare(list[i], single and "usage" or "usage[" .. i .. "]")
    if not entry then return nil, err end
    entries[i] = entry
  end
  return entries
end

local function total(entry)
  return entry.input_tokens + entry.output_tokens + entry.cache_read_tokens
    + entry.cache_write_tokens
end

local ADD = [[
  INSERT INTO session_usage (session, source, model, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, reasoning_tokens)
  VALUES ($session, $source, $model, $input, $output, $read, $write, $reasoning)
  ON CONFLICT (session, source, model) DO UPDATE SET
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,
    cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
    reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens]]

--- Adds to what a session used. An entry without tokens leaves no trace. Inside a write.
---@param ctx moonbase.Context
---@param key integer  of the session
---@param entries moonbase.Usage[]
---@return true|nil
---@return moonbase.Error|nil
function session_usage.add(ctx, key, entries)
  for i = 1, #entries do
    local entry = entries[i]
    if total(entry) > 0 then
      local ok, err = ctx.engine:run(ADD, key, entry.source, entry.model, entry.input_tokens,
        entry.output_tokens, entry.cache_read_tokens, entry.cache_write_tokens,
        entry.reasoning_tokens)
      if not ok then return nil, err end
    end
  end
  return true
end

local LIST = [[
  SELECT source, model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens
  FROM session_usage WHERE session = $session ORDER BY source, model]]

--- Tokens of some entries together.
---@class moonbase.UsageSum
---@field input_tokens integer
---@field output_tokens integer
---@field cache_read_tokens integer
---@field cache_write_tokens integer
---@field reasoning_tokens integer  among the output tokens
---@field total_tokens integer      input, output and both of the cache

--- What a session used.
---@class moonbase.UsageReport : moonbase.UsageSum
---@field entries integer  pairs of a source and a model
---@field by_source table<string, moonbase.UsageSum>
---@field by_model table<string, moonbase.UsageSum>
---@field rows moonbase.Usage[]  the entries, by source and model

local function new_sum()
  local sum = { total_tokens = 0 }
  for _, name in ipairs(COUNTS) do sum[name] = 0 end
  return sum
end

local function add_to(sum, entry)
  for _, name in ipairs(COUNTS) do sum[name] = sum[name] + entry[name] end
  sum.total_tokens = sum.total_tokens + entry.total_tokens
end

local function group(sums, name, entry)
  sums[name] = sums[name] or new_sum()
  add_to(sums[name], entry)
end

--- What a session used.
---@param ctx moonbase.Context
---@param key integer  of the session
---@return moonbase.UsageReport|nil
---@return moonbase.Error|nil
function session_usage.report(ctx, key)
  local rows, err = ctx.engine:rows(LIST, key)
  if not rows then return nil, err end
  local report = new_sum()
  report.entries, report.by_source, report.by_model, report.rows = #rows, {}, {}, rows
  for _, entry in ipairs(rows) do
    entry.total_tokens = total(entry)
    add_to(report, entry)
    group(report.by_source, entry.source, entry)
    group(report.by_model, entry.model, entry)
  end
  return report
end

return session_usage
