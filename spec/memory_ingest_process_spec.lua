-- Several processes that ingest the same source, and one that is killed while it does.

local child = require "spec.support.child"
local embedders = require "spec.support.embedders"
local moonbase = require "moonbase"
local stores = require "spec.support.stores"
local support = require "spec.support.memory"

describe("a source that several processes ingest", function()
  local path

  before_each(function() path = stores.file() end)

  after_each(stores.cleanup)

  local function open(asked)
    return assert(moonbase.open(path, { embed = embedders.letters { asked = asked }, durability = "normal" }))
  end

  local function ingest(store, text, version)
    return assert(store.memory:ingest { source = "doc", kind = "document", text = text, version = version,
      max_tokens = 4, overlap = 0 })
  end

  local function sections(prefix, count)
    local parts = {}
    for i = 1, count do parts[i] = ("# %s %d"):format(prefix, i) end
    return table.concat(parts, "\n\n")
  end

  local function pieces(store)
    local texts = {}
    for _, record in ipairs(assert(store.memory:list { source = "doc", limit = 200 }).items) do
      texts[#texts + 1] = ("%03d %s"):format(record.position, record.text)
    end
    table.sort(texts)
    return texts
  end

  it("is there once, however often it was ingested at once", function()
    local children = child.together(3, function(c)
      local store = open()
      c:ready()
      c:tell(ingest(store, sections("Same", 20)).written)
      store:close()
    end)
    local written = 0
    for _, one in ipairs(children) do written = written + tonumber(one:hear()) end
    child.finish_all(children)
    assert.are.equal(20, written)
    local store = open()
    support.check(store)
    assert.are.equal(20, store.memory:stats().count)
    store:close()
  end)

  it("is whole and of one of them where they differ", function()
    child.run_all(3, function(_, p)
      local store = open()
      for round = 1, 6 do ingest(store, sections(("P%dR%d"):format(p, round), 3 + round)) end
      store:close()
    end)
    local store = open()
    support.check(store)
    local texts = pieces(store)
    local who = texts[1]:match("P%dR6")
    assert.are.equal(9, #texts)
    for i, text in ipairs(texts) do assert.are.equal(("%03d # %s %d"):format(i, who, i), text) end
    store:close()
  end)

  it("is as it was before or as it should be, when the process is killed", function()
    local store = open()
    ingest(store, sections("Older", 10))
    store:close()
    for delay = 0, 5 do
      local one = child.start(function(c)
        local mine = open()
        c:tell("begin")
        for round = 1, 1000 do ingest(mine, sections("New" .. round, 15)) end
      end)
      one:hear()
      local until_then = os.clock() + delay * 0.004
      while os.clock() < until_then do end -- luacheck: ignore
      one:kill()
      store = open()
      support.check(store)
      local texts = pieces(store)
      assert.is_true(#texts == 10 or #texts == 15)
      local name = texts[1]:match("# (%w+) ")
      for i, text in ipairs(texts) do assert.are.equal(("%03d # %s %d"):format(i, name, i), text) end
      store:close()
    end
  end)
end)
