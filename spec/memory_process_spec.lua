-- Several processes on one memory, and one that is killed in the middle.

local child = require "spec.support.child"
local embedders = require "spec.support.embedders"
local moonbase = require "moonbase"
local stores = require "spec.support.stores"
local support = require "spec.support.memory"

describe("memory under several processes", function()
  local path

  before_each(function() path = stores.file() end)

  after_each(stores.cleanup)

  local function open(name)
    return assert(moonbase.open(path, { embed = embedders.letters { name = name, dim = 3 },
      durability = "normal" }))
  end

  local function check()
    local store = open()
    support.check(store)
    assert(store:check())
    return store
  end

  it("the same id has one record, whole, and every text of it once", function()
    child.run_all(3, function(_, p)
      local store = open()
      for i = 1, 30 do
        assert(store.memory:remember { id = "same", text = ("text %d by %d"):format(i, p),
          type = "by" .. p, tags = { "by" .. p }, entities = { "By " .. p } })
        assert(store.memory:update("same", { metadata = { [("p%d"):format(p)] = i } }))
      end
      store:close()
    end)
    local store = check()
    local record = assert(store.memory:recall("same"))
    local who = record.text:match("by (%d)$")
    assert.are.equal("by" .. who, record.type)
    assert.are.same({ "by" .. who }, record.tags)
    assert.are.equal(1, store.memory:stats().count)
    local texts = { [record.text] = true }
    for _, earlier in ipairs(assert(store.memory:history("same"))) do
      assert.is_nil(texts[earlier.text])
      texts[earlier.text] = true
    end
    assert.are.equal(90, #store.memory:history("same") + 1)
    store:close()
  end)

  it("come and go with other embedders in between", function()
    child.run_all(3, function(_, p)
      local store = open(p == 3 and "other" or nil)
      for i = 1, 40 do
        local id = "m" .. (i * 7 + p) % 11
        if i % 4 == 3 then
          assert(store.memory:forget(id) ~= nil)
        elseif i % 4 == 2 then
          local _, err = store.memory:update(id, { text = ("changed %d %d"):format(p, i) })
          assert(err == nil or err.code == "not_found", tostring(err))
        else
          assert(store.memory:remember { id = id, text = ("text %d %d"):format(p, i),
            ttl = i % 9 == 0 and 0 or nil })
        end
        if i % 10 == 0 then assert(store.memory:reembed()) end
        if i % 13 == 0 then assert(store.memory:sweep()) end
      end
      store:close()
    end)
    local store = check()
    assert(store.memory:reembed())
    support.check(store)
    assert.are.equal(0, store.memory:stats().to_embed)
    store:close()
  end)

  it("what was acknowledged survives a kill, whole", function()
    local last = child.kill_at(57, function(self)
      local store = open()
      for i = 1, 100000 do
        assert(store.memory:remember { id = "m" .. i % 20, text = "text " .. i, tags = { "t" } })
        if i % 5 == 0 then assert(store.memory:forget("m" .. (i - 2) % 20)) end
        self:tell(i)
      end
    end)
    local store = check()
    -- It may have got further than was heard, and have been stopped before forgetting.
    local texts, top = {}, 0
    for _, record in ipairs(assert(store.memory:list()).items) do
      local i = tonumber(record.text:match("%d+"))
      texts[i], top = true, math.max(top, i)
    end
    assert.is_true(top >= last)
    for i = top - 15, top do
      local forgotten = i % 5 == 3 and i + 2 <= top
      if i + 2 ~= top then assert.are.equal(not forgotten, texts[i] or false, "text " .. i) end
    end
    store:close()
  end)
end)
