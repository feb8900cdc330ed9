-- Several processes on one text index, and one that is killed in the middle.

local child = require "spec.support.child"
local moonbase = require "moonbase"
local stores = require "spec.support.stores"
local text_index = require "moonbase.text_index"

local set = { key = 1 }

local function put(engine, serial, text)
  return engine:atomic(text_index.put, engine, set, serial, text)
end

describe("the text index under several processes", function()
  local path

  before_each(function() path = stores.file() end)

  after_each(stores.cleanup)

  it("is whole when all write at once, and each sees its own texts at once", function()
    child.run_all(3, function(_, p)
      local store = assert(moonbase.open(path))
      local engine = store.context.engine
      for i = 1, 150 do
        local serial = i * 10 + p
        assert(put(engine, serial, ("own%dx%d common"):format(p, i)))
        local found = assert((text_index.search(engine, set, ("own%dx%d"):format(p, i), 5)))
        assert(#found == 1 and found[1] == serial)
        if i % 3 == 0 then
          assert(engine:atomic(text_index.remove, engine, set, serial,
            ("own%dx%d common"):format(p, i)))
        end
      end
      store:close()
    end)
    local store = assert(moonbase.open(path))
    local engine = store.context.engine
    assert(text_index.check(engine, set))
    assert.are.equal(300, #assert((text_index.search(engine, set, "common", 1000))))
    assert.are.equal(300, engine:value "SELECT docs FROM text_sets")
    store:close()
  end)

  it("holds what was acknowledged before a kill, whole", function()
    local last = child.kill_at(150, function(self)
      local store = assert(moonbase.open(path))
      local engine = store.context.engine
      for i = 1, 100000 do
        assert(put(engine, i, "word" .. i .. " common"))
        self:tell(i)
      end
    end)
    local store = assert(moonbase.open(path))
    local engine = store.context.engine
    assert(text_index.check(engine, set))
    for i = 1, last, 7 do
      assert.are.same({ i }, (text_index.search(engine, set, "word" .. i, 5)))
    end
    assert.is_true(engine:value "SELECT docs FROM text_sets" >= last)
    store:close()
  end)
end)
