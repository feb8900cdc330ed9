--- Labels: what texts in memory are listed and selected by, each with its texts in order of time.
-- A label is a letter and a name (n namespace, t type, g tag, s source), or the empty text, which
-- all have. A text bears the labels of its namespace and of all above it.

local memory_labels = {}

local ADD = [[
  INSERT INTO memory_labels (scope, label, at, serial) VALUES ($scope, $label, $at, $serial)]]

local REMOVE = [[
  DELETE FROM memory_labels
  WHERE scope = $scope AND label = $label AND at = $at AND serial = $serial]]

local ADD_MENTION = [[
  INSERT INTO memory_mentions (scope, name, serial) VALUES ($scope, $name, $serial)]]

local REMOVE_MENTION = [[
  DELETE FROM memory_mentions WHERE scope = $scope AND name = $name AND serial = $serial]]

local MENTIONING = [[
  SELECT serial FROM memory_mentions WHERE scope = $scope AND name = $name AND serial < $below
  ORDER BY serial DESC LIMIT $limit]]

--- The labels of a text, each once.
---@param record table  namespace, type, source, tags
---@return string[]
function memory_labels.of(record)
  local labels, seen = { "", "n" .. record.namespace }, {}
  for position in record.namespace:gmatch("()/") do
    labels[#labels + 1] = "n" .. record.namespace:sub(1, position - 1)
  end
  if record.type then labels[#labels + 1] = "t" .. record.type end
  if record.source then labels[#labels + 1] = "s" .. record.source end
  for _, tag in ipairs(record.tags or {}) do
    if not seen[tag] then labels[#labels + 1] = "g" .. tag end
    seen[tag] = true
  end
  return labels
end

--- The labels that texts must bear, the one that fewest bear first, as far as one can tell
--- without looking.
---@param query table  source, tag, type, namespace
---@return string[] labels  at least one
---@return string|nil above  the namespace itself, which does not count as being below itself
function memory_labels.wanted(query)
  local labels, above = {}, nil
  if query.source then labels[#labels + 1] = "s" .. query.source end
  if query.tag then labels[#labels + 1] = "g" .. query.tag end
  if query.type then labels[#labels + 1] = "t" .. query.type end
  if query.namespace then
    local name = query.namespace
    if name:sub(-1) == "/" then name = name:sub(1, -2) above = name end
    labels[#labels + 1] = "n" .. name
  end
  if #labels == 0 then labels[1] = "" end
  return labels, above
end

local function together(list)
  return table.concat(list or {}, "\0") -- which no name has
end

--- Whether two texts are found by the same labels and names.
---@param a table  at, mentions, and what labels are made of
---@param b table
---@return boolean
function memory_labels.same(a, b)
  return a.at == b.at and together(memory_labels.of(a)) == together(memory_labels.of(b))
    and together(a.mentions) == together(b.mentions)
end

local function for_each(engine, sql, scope, list, ...)
  for i = 1, #list do
    local ok, err = engine:run(sql, scope, list[i], ...)
    if not ok then return nil, err end
  end
  return true
end

--- Writes what a text is found by. Inside a write.
---@param engine moonbase.Engine
---@param scope integer
---@param record table  serial, at, mentions, and what labels are made of
---@param shelved boolean  nothing that searches look up
---@return true|nil
---@return moonbase.Error|nil err
function memory_labels.add(engine, scope, record, shelved)
  local ok, err = for_each(engine, ADD, scope, memory_labels.of(record), record.at, record.serial)
  if not ok or shelved then return ok, err end
  return for_each(engine, ADD_MENTION, scope, record.mentions or {}, record.serial)
end

--- Removes the mentions of a text. Inside a write.
---@param engine moonbase.Engine
---@param scope integer
---@param record table  serial, mentions
---@return true|nil
---@return moonbase.Error|nil err
function memory_labels.remove_mentions(engine, scope, record)
  return for_each(engine, REMOVE_MENTION, scope, record.mentions or {}, record.serial)
end

--- Removes what a text is found by. Inside a write.
---@param engine moonbase.Engine
---@param scope integer
---@param record table  as it was added
---@return true|nil
---@return moonbase.Error|nil err
function memory_labels.remove(engine, scope, record)
  local ok, err = for_each(engine, REMOVE, scope, memory_labels.of(record), record.at,
    record.serial)
  if not ok then return nil, err end
  return memory_labels.remove_mentions(engine, scope, record)
end

--- The texts that mention a name, the newest numbers first.
---@param engine moonbase.Engine
---@param scope integer
---@param name string  as entities.normalise gives it
---@param below integer  numbers below it
---@param limit integer
---@return integer[]|nil serials
---@return moonbase.Error|nil err
function memory_labels.mentioning(engine, scope, name, below, limit)
  return engine:values(MENTIONING, scope, name, below, limit)
end

return memory_labels
