-- Integers beyond 2^53, which LuaJIT reads as strings of their digits, under both interpreters.

local files = require "spec.support.files"
local moonbase = require "moonbase"

local BIG = "9007199254740993"

describe("an integer beyond 2^53", function()
  local store, path, sql

  -- A document as Lua 5.4 would have written it.
  local DOCUMENT = ('{"n":%s,"list":[1,[%s,2],{"n":-%s}],"text":"%s","a.b":%s,"small":7}'):format(
    BIG, BIG, BIG, BIG, "9223372036854775807")

  before_each(function()
    path = files.database()
    store = assert(moonbase.open(path))
    sql = store.context.engine
    assert(store.threads:create { id = "t", custom = { x = 1 } })
    assert(store.runs:create { id = "r", thread = "t", agent = "a", fields = { x = 1 } })
    assert(store.memory:remember { id = "m", text = "text", metadata = { x = 1 } })
    assert(sql:run("UPDATE threads SET custom = $text", DOCUMENT))
    assert(sql:run("UPDATE memories SET metadata = $text", DOCUMENT))
    assert(sql:run("UPDATE runs SET body = $text", '{"fields":' .. DOCUMENT .. "}"))
  end)

  after_each(function()
    store:close()
    files.cleanup()
  end)

  local function integer(place, text)
    local sqls = "SELECT json_type(document, $place) || ' ' || json_extract(document, $place) FROM ("
      .. text .. ")"
    return assert(sql:value(sqls, place))
  end

  local function stays(text, prefix)
    for place, expected in pairs { n = "integer " .. BIG, ["list[1][0]"] = "integer " .. BIG,
      ["list[2].n"] = "integer -" .. BIG, text = "text " .. BIG, small = "integer 7",
      ['"a.b"'] = "integer 9223372036854775807" } do
      assert.are.equal(expected, integer("$." .. prefix .. place, text))
    end
  end

  local function custom_of(id)
    return ("SELECT custom AS document FROM threads WHERE id = '%s'"):format(id)
  end

  local METADATA = "SELECT metadata AS document FROM memories"
  local BODY = "SELECT body AS document FROM runs"

  it("is one after other fields of its thread changed, and in a fork", function()
    assert(store.threads:update("t", { title = "new" }))
    assert(store.threads:update("t", { custom = { other = { 1, 2 } } }))
    assert(store.threads:fork("t", { id = "f" }))
    stays(custom_of "t", "")
    stays(custom_of "f", "")
    assert.are.equal("integer 2", integer("$.other[1]", custom_of "t"))
  end)

  it("is one after the thread was read and saved", function()
    assert(store.threads:save(store.threads:get "t"))
    stays(custom_of "t", "")
  end)

  it("is one after other fields of its run changed", function()
    assert(store.runs:update("r", { steps = 3 }))
    assert(store.runs:update("r", { status = "running", note = "x" }))
    stays(BODY, "fields.")
  end)

  it("is one after other fields of its memory changed", function()
    assert(store.memory:update("m", { type = "fact" }))
    assert(store.memory:update("m", { text = "another", metadata = { y = 2 } }))
    stays(METADATA, "")
  end)

  it("is what it was changed to where it was changed", function()
    assert(store.threads:update("t", { custom = { n = 8, list = { BIG }, text = "x" } }))
    assert.are.equal("integer 8", integer("$.n", custom_of "t"))
    local other = "9223372036854775799" -- as many digits as before, and not the same
    assert(store.threads:update("t", { custom = { ["a.b"] = other } }))
    assert.are.equal("text " .. other, integer('$."a.b"', custom_of "t"))
    assert.are.equal("text " .. BIG, integer("$.list[0]", custom_of "t")) -- a string, elsewhere
    assert.are.equal("text x", integer("$.text", custom_of "t"))
    assert(store.threads:update("t", { custom = moonbase.null }))
    assert.is_nil(store.threads:get("t").custom)
  end)

  it("is kept among many", function()
    local numbers = {}
    for i = 1, 3000 do numbers[i] = "90071992547" .. 40993 + i end
    local text = '{"ids":[' .. table.concat(numbers, ",") .. "]}"
    assert(sql:run("UPDATE threads SET custom = $text", text))
    assert(store.threads:update("t", { title = "new" }))
    local custom = assert(sql:value("SELECT custom FROM threads"))
    assert.are.equal(text, custom)
  end)
end)
