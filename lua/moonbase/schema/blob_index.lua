--- The index of the rows whose document names a blob, as `{"$blob": "<hash>"}`: collecting garbage
-- reads no others. A row that names none pays for one look at its text, which GLOB is the fastest
-- way to take: `$` is rare, so what it searches for is hardly ever begun.

local INDEX = [[
  CREATE INDEX %s_blobs ON %s (%s) WHERE %s GLOB '*$blob"*';
]]

--- What makes the index.
---@param table_name string
---@param column string  the document, or text of one
---@param key string     the columns that the rows are found by: the scope where there is one
---@return string sql
return function(table_name, column, key)
  return INDEX:format(table_name, table_name, key, column)
end
