--- Tombstoning: nodes that nobody stands on go out of sight, until a vacuum removes them.
-- What goes is the end of each segment that it touches, and with it all that branches off there.
-- A fork's inherited nodes are others' too: it only takes fewer of them.

local check = require "moonbase.check"
local errors = require "moonbase.errors"
local session_nodes = require "moonbase.session_nodes"
local session_rows = require "moonbase.session_rows"
local session_text = require "moonbase.session_text"

local session_tombstones = {}

--- The nodes of one segment that go: from position `from` to the end. A fork's inherited nodes
--- count as one segment, that has no number.
---@class moonbase.session.Cut
---@field segment? integer
---@field from integer
---@field count integer
---@field taken table<integer, boolean>  the positions

local KNOWN = "SELECT 1 FROM session_nodes WHERE tree = $tree AND id = $id"

local END = [[
  SELECT fork, owner = -$tree AS "own(boolean)",
    coalesce(live, (SELECT max(key) & 4294967295 FROM session_nodes
      WHERE key > (segments.id << 32) + fork AND key <= (segments.id << 32) + 4294967295)) AS last
  FROM segments WHERE id = $id]]

-- Segments of the session's own in which a node stands on one from a position on.
local BRANCHES = [[
  SELECT id, fork FROM segments
  WHERE parent = $parent AND owner = -$tree AND fork >= $from AND fork <= $to
    AND (live IS NULL OR live > fork)]]

local FOREIGN = [[
  SELECT 1 FROM segments WHERE parent = $parent AND fork >= $from AND owner <> -$tree LIMIT 1]]

local EMPTY = [[
  SELECT 1 FROM session_nodes
  WHERE key > ($segment << 32) + $fork AND key <= ($segment << 32) + 4294967295 LIMIT 1]]

local CUT = "UPDATE segments SET live = $live WHERE id = $id"

-- The user's messages from one place on, to another that stands on it.
local USERS = [[
  SELECT (SELECT users FROM session_nodes WHERE key = ($last << 32) + $last_position)
    - users + user
  FROM session_nodes WHERE key = ($segment << 32) + $position]]

local function conflict(path, id, why)
  return errors.fail("conflict", path .. ": " .. why .. " node '" .. id .. "'", { field = path })
end

local function new_cut(ctx, row, segment)
  local found, err = ctx.engine:row(END, row.tree, segment)
  if err then return nil, err end
  if not found then return errors.fail("corrupt", "segment " .. segment .. " is missing") end
  if found.own then
    return { segment = segment, fork = found.fork, last = found.last, count = 0, taken = {} }
  end
  return { fork = 0, last = row.inherited, count = 0, taken = {} }
end

-- Which cut a segment belongs to, made when there is none.
local function cut_of(ctx, row, cuts, segment)
  local cut = cuts[segment]
  if cut then return cut end
  local err
  cut, err = new_cut(ctx, row, segment)
  if not cut then return nil, err end
  if not cut.segment then
    cut = cuts.inherited or cut
    cuts.inherited = cut
  end
  cuts[segment] = cut
  return cut
end

local function add(ctx, row, cuts, id, path)
  local segment, position = ctx.engine:session_graph(row.key):place(id)
  if not segment and position then return nil, position end
  if not segment then
    local known, err = ctx.engine:value(KNOWN, row.tree, id)
    if known or err then return known, err end -- tombstoned before
    return errors.fail("not_found", path .. ": node '" .. id .. "' not found", { field = path })
  end
  local cut, err = cut_of(ctx, row, cuts, segment)
  if not cut then return nil, err end
  if cut.taken[position] then return true end
  cut.taken[position], cut.count = true, cut.count + 1
  if not cut.from or position < cut.from then cut.from, cut.id, cut.path = position, id, path end
  return true
end

-- The cuts that ids ask for, as an array, each with the id of its first node.
local function collect(ctx, row, ids)
  local cuts, list, seen = {}, {}, {}
  for i = 1, #ids do
    local ok, err = add(ctx, row, cuts, ids[i], "ids[" .. i .. "]")
    if not ok then return nil, err end
  end
  for _, cut in pairs(cuts) do
    if not seen[cut] then list[#list + 1] = cut end
    seen[cut] = true
  end
  return list, cuts
end

-- Whether a segment goes as a whole, or has no node yet.
local function goes(ctx, row, cuts, branch)
  local cut = cuts[branch.id]
  if cut then return cut.from == branch.fork + 1 end
  if branch.id ~= row.tree then return false end
  local filled, err = ctx.engine:value(EMPTY, branch.id, branch.fork)
  if err then return nil, err end
  return not filled
end

-- Nothing may stay that stands on a part of a segment that goes.
local function check_branches(ctx, row, cuts, cut, segment, from, to)
  local branches, err = ctx.engine:rows(BRANCHES, segment, row.tree, from, to)
  if not branches then return nil, err end
  for _, branch in ipairs(branches) do
    local ok, failure = goes(ctx, row, cuts, branch)
    if failure then return nil, failure end
    if not ok then return conflict(cut.path, cut.id, "live nodes stand on") end
  end
  return true
end

local function check_foreign(ctx, row, cut)
  local found, err = ctx.engine:value(FOREIGN, cut.segment, cut.from, row.tree)
  if err then return nil, err end
  if found then return conflict(cut.path, cut.id, "a fork stands on") end
  return true
end

-- The ranges of a cut: one, or those that the inherited nodes lie in.
local function ranges_of(ctx, row, cut)
  if cut.segment then return { { segment = cut.segment, low = cut.fork, high = cut.last } } end
  local tip, err = ctx.engine:chain_holder(row.tree, row.inherited)
  if not tip then return nil, err end
  return ctx.engine:chain_path(tip, row.inherited)
end

local function check_cut(ctx, row, cuts, cut)
  if cut.count ~= cut.last - cut.from + 1 then
    return conflict(cut.path, cut.id, "live nodes stand on")
  end
  cut.ranges = nil
  local ok, ranges, err
  if cut.segment then
    ok, err = check_foreign(ctx, row, cut)
    if not ok then return nil, err end
  end
  ranges, err = ranges_of(ctx, row, cut)
  if not ranges then return nil, err end
  cut.ranges = ranges
  for _, range in ipairs(ranges) do
    if range.high < cut.from then break end
    ok, err = check_branches(ctx, row, cuts, cut, range.segment,
      math.max(cut.from, range.low + 1), range.high)
    if not ok then return nil, err end
  end
  return true
end

local function segment_of(cut, position)
  for _, range in ipairs(cut.ranges) do
    if position > range.low then return range.segment end
  end
end

local function apply_cut(ctx, row, cut)
  local users, ok, err
  users, err = ctx.engine:value(USERS, segment_of(cut, cut.last), cut.last,
    segment_of(cut, cut.from), cut.from)
  if err then return nil, err end
  if not users then return errors.fail("corrupt", "node '" .. cut.id .. "' is missing") end
  row.user_count, row.node_count = row.user_count - users, row.node_count - cut.count
  if cut.segment then return ctx.engine:run(CUT, cut.from - 1, cut.segment) end
  row.inherited = cut.from - 1
  ok, err = session_rows.save_tree(ctx, row)
  return ok, err
end

local PARENT = [[
  SELECT CASE WHEN $position > fork + 1 THEN id ELSE parent END AS segment,
    $position - 1 AS position
  FROM segments WHERE id = $segment]]

local ID = "SELECT id FROM session_nodes WHERE key = ($segment << 32) + $position"

-- The cut that takes a place away, nil for one that stays.
local function cut_at(cuts, segment, position)
  local cut = segment and cuts[segment]
  if cut and position >= cut.from then return cut end
end

-- Lets a leaf that went be at the nearest node above it that stays.
local function move_leaf(ctx, row, cuts)
  local place = { segment = row.leaf_segment, position = row.leaf_position }
  local cut = cut_at(cuts, place.segment, place.position)
  if not cut then return true end
  while cut do
    local err
    place, err = ctx.engine:row(PARENT, cut.from, segment_of(cut, cut.from))
    if not place then return nil, err end
    cut = cut_at(cuts, place.segment, place.position)
  end
  if not place.segment then
    session_rows.set_leaf(row)
    return true
  end
  local id, err = ctx.engine:value(ID, place.segment, place.position)
  if err then return nil, err end
  if not id then return errors.fail("corrupt", "session '" .. row.id .. "': a node is missing") end
  return session_nodes.move_leaf(ctx, row, id, "leaf")
end

-- The first of the user's messages among those that a fork inherited, and among its own.
local FIRST_INHERITED = [[
  SELECT f.key >> 32 AS segment, f.key & 4294967295 AS position, f.body AS "body(json)"
  FROM session_nodes n CROSS JOIN session_nodes f ON f.key = n.first_user
  WHERE n.key = ($segment << 32) + $position]]

local FIRST_OWN = [[
  SELECT n.key >> 32 AS segment, n.key & 4294967295 AS position, n.body AS "body(json)"
  FROM session_nodes n CROSS JOIN segments s ON s.id = n.key >> 32
  WHERE n.tree = $tree AND n.user = 1 AND (s.live IS NULL OR (n.key & 4294967295) <= s.live)
  ORDER BY n.seq LIMIT 1]]

local function find_first(ctx, row)
  if row.inherited > 0 then
    local holder, err = ctx.engine:chain_holder(row.tree, row.inherited)
    if not holder then return nil, err end
    local first
    first, err = ctx.engine:row(FIRST_INHERITED, holder, row.inherited)
    if first or err then return first, err end
  end
  return ctx.engine:row(FIRST_OWN, row.tree)
end

-- What lists show when the first of the user's messages went.
local function move_first_user(ctx, row, cuts)
  if not cut_at(cuts, row.first_segment, row.first_position) then return true end
  local first, err = find_first(ctx, row)
  if err then return nil, err end
  row.first_segment, row.first_position = first and first.segment, first and first.position
  return session_rows.set_text(ctx, row, first and session_text.of(first.body.content))
end

--- Takes nodes out of sight. Inside a write.
---@param ctx moonbase.Context
---@param handle { key: integer, id: string }
---@param ids string[]
---@return integer|nil count       how many were in sight
---@return moonbase.Error|nil err  `not_found`, `conflict`
function session_tombstones.set(ctx, handle, ids)
  local row, list, cuts, ok, err
  row, err = session_rows.find(ctx, handle)
  if not row then return nil, err end
  list, cuts = collect(ctx, row, ids)
  if not list then return nil, cuts end
  for _, cut in ipairs(list) do
    ok, err = check_cut(ctx, row, cuts, cut)
    if not ok then return nil, err end
  end
  local before = row.node_count
  for _, cut in ipairs(list) do
    ok, err = apply_cut(ctx, row, cut)
    if not ok then return nil, err end
  end
  ok, err = move_leaf(ctx, row, cuts)
  if ok then ok, err = move_first_user(ctx, row, cuts) end
  if ok then ok, err = session_rows.save(ctx, row) end
  if not ok then return nil, err end
  return before - row.node_count
end

--- Checks a list of ids.
---@param ids any
---@return string[]|nil
---@return moonbase.Error|nil err  `invalid`
function session_tombstones.check(ids)
  for i = 1, check.array("ids", ids) do
    local ok, err = check.document_id("ids[" .. i .. "]", ids[i])
    if not ok then return nil, err end
  end
  return ids
end

return session_tombstones
