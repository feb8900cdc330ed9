-- Every kind of parameter and of column, through every call.
local core = require "moonbase.core"

local TABLE = [[CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT, bytes BLOB, real REAL,
  flag INTEGER, document TEXT) STRICT]]
local INSERT = [[INSERT INTO things (id, text, bytes, real, flag, document)
  VALUES ($id, $text, $bytes(blob), $real, $flag, $document(json))]]
local COLUMNS = [[SELECT id, text, bytes, real, flag AS "flag(boolean)",
  document AS "document(json)", text AS "document.label" FROM things]]
local ALL = COLUMNS .. " ORDER BY id"
local SELECT = COLUMNS .. " WHERE id = $id"

local function thing(id)
  return {
    id = id, text = "text " .. id, bytes = ("\0\255"):rep(40 * id), real = id + 0.25,
    flag = id % 2 == 0,
    document = { list = { 1, 2.5, "three", { deep = { true, false } } }, name = "n\195\169",
                 big = 1764547200123456, escaped = "a\n\"b\"\\", filler = ("x"):rep(100 * id) },
  }
end

local function insert(engine, row)
  return engine:run(INSERT, row.id, row.text, row.bytes, row.real, row.flag, row.document)
end

-- As it is read: the text is a field of the document too.
local function as_read(row)
  row.document.label = row.text
  return row
end

return {
  prepare = function(t)
    t.engine = assert(t:open())
    assert(t.engine:exec(t.ITEMS))
    assert(t.engine:exec(TABLE))
    t.things = {}
  end,

  run = function(t)
    local engine = t.engine
    for id = 1, 3 do
      local row = thing(id)
      if t:try(insert, engine, row) then t.things[id] = as_read(row) end
    end
    local ok, row = t:try(engine.row, engine, SELECT, 2)
    if ok then t:same(t.things[2], row, "row") end
    local list
    ok, list = t:try(engine.rows, engine, ALL)
    if ok then for _, read in ipairs(list) do t:same(t.things[read.id], read, "rows") end end
    ok, list = t:try(engine.values, engine, 'SELECT document AS "document(json)" FROM things')
    if ok then
      for _, document in ipairs(list) do t:same(1764547200123456, document.big, "values") end
    end
    ok, row = t:try(engine.row, engine, "SELECT $null AS a, $truth AS b, $none AS c, $float AS d",
      nil, true, core.null, 1e300)
    if ok then t:same({ b = 1, d = 1e300 }, row, "plain") end
    ok, row = t:try(engine.row, engine, SELECT, 99)
    if ok then t:same(nil, row, "absent") end
  end,

  finish = function(t)
    assert(t:put(-1, "after"))
    t.items[-1] = "after"
    for id, row in pairs(t.things) do t:same(row, assert(t.engine:row(SELECT, id)), "thing") end
    for _, id in ipairs(t.engine:values("SELECT id FROM things")) do
      t:same("table", type(t.things[id]), "acknowledged")
    end
    assert(t.engine:close())
  end,
}
