--- Chains in a file that was salvaged: each ends at its first hole.
-- A chain's rows are numbered without gaps through its segments (schema 002). Where some are gone,
-- what follows them is nobody's history any more: it is removed, and what branched off there
-- branches off where the chain ends now.

local salvage_chains = {}

-- A tip that was lost is made again: only its rows beyond what it inherited are its own.
local MAKE_TIPS = [[
  INSERT INTO segments (id, parent, fork, level, owner)
  SELECT segment, NULL, 0, 0, key FROM threads
  WHERE segment > 0 AND segment NOT IN (SELECT id FROM segments)]]

local MAKE_TREES = [[
  INSERT INTO segments (id, parent, fork, level, owner)
  SELECT tree, NULL, 0, 0, -tree FROM sessions WHERE tree NOT IN (SELECT id FROM segments)]]

local SEGMENTS = [[
  SELECT id, parent, fork, level, jump, owner, live FROM segments ORDER BY id]]

-- Threads and sessions by what they own.
local OWNERS = [[
  SELECT key AS owner FROM threads UNION ALL SELECT -tree FROM sessions]]

-- Where the rows that begin behind the fork have their first hole; %s is the table.
local RUN = [[
  SELECT m.key & 4294967295 FROM %s m
  WHERE m.key >= ($segment << 32) + $fork + 1 AND m.key <= ($segment << 32) + 4294967295
    AND NOT EXISTS (SELECT 1 FROM %s n WHERE n.key = m.key + 1)
    AND EXISTS (SELECT 1 FROM %s n WHERE n.key = ($segment << 32) + $fork + 1)
  ORDER BY m.key LIMIT 1]]

local CUT = [[
  DELETE FROM %s WHERE key > ($segment << 32) + $last AND key <= ($segment << 32) + 4294967295]]

-- Rows that lie before their segment's beginning, or in none.
local STRAY = [[
  DELETE FROM %s WHERE NOT EXISTS (
    SELECT 1 FROM segments s WHERE s.id = %s.key >> 32 AND s.fork < (%s.key & 4294967295)
      AND (s.owner < 0) = %s)]]

local SAVE = [[
  UPDATE segments SET parent = $parent, fork = $fork, level = $level, jump = $jump,
    owner = $owner, live = $live WHERE id = $id]]

-- What follows from how long the chains are now.
local SETTLE_THREADS = [[
  UPDATE threads SET inherited = $fork, count = min(count, $last) WHERE segment = $segment]]
local SETTLE_SESSIONS = [[
  UPDATE sessions SET inherited = min(inherited, $fork) WHERE tree = $segment]]

local function rows_of(segment)
  return segment.owner < 0 and "session_nodes" or "messages"
end

local function load(engine)
  local list, owners, err
  list, err = engine:rows(SEGMENTS)
  if not list then return nil, err end
  owners, err = engine:values(OWNERS)
  if not owners then return nil, err end
  local state = { list = list, by_id = {}, owners = {} }
  for _, segment in ipairs(list) do state.by_id[segment.id] = segment end
  for _, owner in ipairs(owners) do state.owners[owner] = true end
  return state
end

-- How far a segment's own rows go without a hole.
local function own_end(engine, segment)
  local name = rows_of(segment)
  local last, err = engine:value(RUN:format(name, name, name), segment.id, segment.fork)
  if err then return nil, err end
  return last or segment.fork
end

-- A segment stands on its parent's rows where those end before it.
local function move_up(state, segment, base)
  local parent = state.by_id[segment.parent]
  while parent and base <= parent.fork do parent = state.by_id[parent.parent] end
  segment.parent, segment.fork = parent and parent.id, parent and base or 0
end

-- Ends a segment at the first hole of the chain through it.
local function cut(engine, state, segment, report)
  local parent = state.by_id[segment.parent]
  local base = parent and math.min(segment.fork, parent.last) or 0
  local whole = base == segment.fork
  if whole then
    local last, err = own_end(engine, segment)
    if not last then return nil, err end
    segment.last = last
  else
    move_up(state, segment, base)
    segment.last = segment.fork
  end
  local gone, err = engine:run(CUT:format(rows_of(segment)), segment.id,
    whole and segment.last or 0)
  if not gone then return nil, err end
  report:lose(rows_of(segment), gone)
  if segment.live then
    segment.live = math.max(segment.fork, math.min(segment.live, segment.last))
  end
  return true
end

-- Jumps as chain.open makes them.
local function set_level(state, segment)
  local p = state.by_id[segment.parent]
  if not p then
    segment.level, segment.jump = 0, nil
    return
  end
  local j = state.by_id[p.jump]
  local k = j and state.by_id[j.jump]
  segment.level = p.level + 1
  segment.jump = k and p.level - j.level == j.level - k.level and k.id or p.id
end

-- Of what stands on a segment, that which needs the most of it.
local function heir_of(children)
  local heir
  for _, child in ipairs(children or {}) do
    if not heir or child.fork > heir.fork then heir = child end
  end
  return heir
end

-- Whether anybody needs a segment, and how much of it.
local function is_needed(state, segment, heir)
  if state.owners[segment.owner] then
    return segment.owner > 0 or segment.id == -segment.owner or segment.last > segment.fork
  end
  return heir ~= nil
end

local function trim(engine, segment, heir, report)
  if segment.owner > 0 then segment.owner = heir.owner end
  segment.last, segment.live = heir.fork, nil
  local gone, err = engine:run(CUT:format(rows_of(segment)), segment.id, segment.last)
  if not gone then return nil, err end
  report:lose(rows_of(segment), gone)
  return true
end

local function remove(engine, segment, report)
  local gone, err = engine:run(CUT:format(rows_of(segment)), segment.id, 0)
  if not gone then return nil, err end
  report:lose(rows_of(segment), gone)
  return engine:run("DELETE FROM segments WHERE id = $id", segment.id)
end

-- From the farthest branches back: what nobody has any more goes, or to whoever stands on it.
local function settle_owners(engine, state, report)
  local children = {}
  for i = #state.list, 1, -1 do
    local segment = state.list[i]
    local heir, ok, err = heir_of(children[segment.id]), true, nil
    if not is_needed(state, segment, heir) then
      segment.removed = true
      ok, err = remove(engine, segment, report)
    elseif not state.owners[segment.owner] then
      ok, err = trim(engine, segment, heir, report)
    end
    if not ok then return nil, err end
    if segment.parent and not segment.removed then
      children[segment.parent] = children[segment.parent] or {}
      table.insert(children[segment.parent], segment)
    end
  end
  return true
end

local function save(engine, state)
  for _, s in ipairs(state.list) do
    if not s.removed then
      set_level(state, s)
      local ok, err = engine:run(SAVE, s.parent, s.fork, s.level, s.jump, s.owner, s.live, s.id)
      if ok then ok, err = engine:run(SETTLE_THREADS, s.fork, s.last, s.id) end
      if ok then ok, err = engine:run(SETTLE_SESSIONS, s.fork, s.id) end
      if not ok then return nil, err end
    end
  end
  return true
end

local function drop_strays(engine, report)
  for name, is_tree in pairs { messages = 0, session_nodes = 1 } do
    local gone, err = engine:run(STRAY:format(name, name, name, is_tree))
    if not gone then return nil, err end
    report:lose(name, gone)
  end
  return true
end

--- Puts the chains right.
---@param engine moonbase.Engine
---@param report moonbase.SalvageReport
---@return any ok
---@return moonbase.Error|nil err
function salvage_chains.repair(engine, report)
  local ok, err = engine:run(MAKE_TIPS)
  if ok then ok, err = engine:run(MAKE_TREES) end
  if not ok then return nil, err end
  local state
  state, err = load(engine)
  if not state then return nil, err end
  for _, segment in ipairs(state.list) do
    ok, err = cut(engine, state, segment, report)
    if not ok then return nil, err end
  end
  ok, err = settle_owners(engine, state, report)
  if ok then ok, err = save(engine, state) end
  if ok then ok, err = drop_strays(engine, report) end
  return ok, err
end

return salvage_chains
