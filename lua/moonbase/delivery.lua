--- Delivery: which queued messages the model is given at a boundary of its work. Pure.

local delivery = {}

--- When and how a queued message is delivered.
---@class moonbase.DeliveryMode
---@field boundary "interrupt"|"next_step"|"on_natural_end"|"resume_input"|"new_run"
---@field granularity "one"|"batch"  one: alone at its boundary
---@field barrier boolean            nothing behind it goes before it or with it
---@field target_run? string         only for that run
---@field fallback boolean           a targeted one may start a new run instead

--- What may be delivered early may be delivered late too: a boundary takes entries of its own
--- precedence and all before it. `resume_input` answers exactly itself.
delivery.boundaries = {
  interrupt = 0, next_step = 1, on_natural_end = 2, resume_input = 3, new_run = 4,
}

delivery.granularities = { one = true, batch = true }

local function reaches_target(entry, boundary, run)
  if not entry.target_run then return true end
  if boundary == "new_run" then return entry.fallback end
  return entry.target_run == run
end

local function reaches_boundary(entry, boundary)
  if entry.boundary == "resume_input" or boundary == "resume_input" then
    return entry.boundary == boundary
  end
  return delivery.boundaries[entry.boundary] <= delivery.boundaries[boundary]
end

-- Entries of the other lane are passed over: a running turn leaves what waits for a new run, a
-- new run what only a running turn may take. Anything else that is not due holds up the queue.
local function is_other_lane(entry, boundary)
  if boundary == "new_run" then return entry.boundary ~= "new_run" and not entry.fallback end
  return entry.boundary == "new_run"
end

local function stops_before(entry, skipped, selected)
  return (entry.barrier and skipped) or (#selected > 0 and entry.granularity == "one")
end

--- Selects from a queue.
---@param entries moonbase.DeliveryMode[]  in order
---@param boundary string  where the model's work stands
---@param run? string      the run that asks
---@return integer[] indexes  in order
function delivery.select(entries, boundary, run)
  local selected, skipped = {}, false
  for i, entry in ipairs(entries) do
    if reaches_target(entry, boundary, run) and reaches_boundary(entry, boundary) then
      if stops_before(entry, skipped, selected) then break end
      selected[#selected + 1] = i
      if entry.barrier or entry.granularity == "one" then break end
    else
      if entry.barrier or not is_other_lane(entry, boundary) then break end
      skipped = true
    end
  end
  return selected
end

return delivery
