-- Looking after a file from a request; see openresty_spec.lua.
if not jit then return end

local files = require "spec.support.files"
local full_store = require "spec.support.full_store"
local moonbase = require "moonbase"
local nginx = require "spec.support.nginx"

describe("in nginx", function()
  local server, path

  before_each(function()
    path = files.database()
    local store = full_store.fill(assert(moonbase.open(path)))
    store:close()
  end)

  after_each(function()
    if server then server:stop() end
    server = nil
    files.cleanup()
  end)

  -- The reader and the writer yield, and write to the store themselves.
  it("a store is checked, copied, exported and imported by a request", function()
    server = nginx.start { locations = { care = ([[
      local moonbase = require "moonbase"
      local path = "%s"
      local store = assert(moonbase.open(path))
      assert(store:check())
      assert(store:stats().parts.threads.rows > 0)
      assert(store:backup(path .. "-copy", { progress = function() ngx.sleep(0.001) end }))
      local lines = {}
      assert(store:export(function(line)
        lines[#lines + 1] = line
        if #lines %% 50 == 0 then
          ngx.sleep(0.001)
          assert(store.kv:set("late", "k" .. #lines, 1))
        end
      end))
      local i = 0
      assert(moonbase.import(function()
        i = i + 1
        if i %% 50 == 0 then ngx.sleep(0.001) end
        return lines[i]
      end, path .. "-import"))
      ngx.say(#lines)
    ]]):format(path) } }
    local body, status = server:get("care")
    assert.are.equal(200, status, server:log())
    assert.is_true(tonumber(body) > 100)
    server:stop()
    for _, suffix in ipairs { "", "-copy", "-import" } do
      local store = assert(moonbase.open(path .. suffix))
      assert.is_true(store:check())
      assert.are.equal(suffix == "", #store.kv:list("late").items > 0)
      store:close()
    end
  end)
end)
