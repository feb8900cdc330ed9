-- nginx brings a LuaJIT of its own, so which interpreter drives it does not matter: one does.
if not jit then return end

local files = require "spec.support.files"
local moonbase = require "moonbase"
local nginx = require "spec.support.nginx"
local process = require "process"

local STORE = [[
  local moonbase = require "moonbase"
  local store = package.loaded.the_store or assert(moonbase.open("$path"))
  package.loaded.the_store = store
]]

local function with_store(path, code)
  return (STORE:gsub("%$path", path)) .. code
end

describe("in nginx", function()
  local server, path

  before_each(function() path = files.database() end)

  after_each(function()
    if server then server:stop() end
    server = nil
    files.cleanup()
  end)

  it("a store of a worker keeps what requests wrote, through a kill", function()
    server = nginx.start { workers = 2, locations = {
      append = with_store(path, [[
        local records = assert(store.threads:append("t", { { role = "user", content = "x" } }))
        ngx.say(records[1].seq)
      ]]),
    } }
    for n = 1, 50 do
      local body, status = server:get("append")
      assert.are.same({ n .. "\n", 200 }, { body, status }, server:log())
    end
    server:stop("KILL")
    local store = assert(moonbase.open(path))
    assert.are.equal(50, store.threads:count("t"))
    store:close()
  end)

  it("a store opened before the workers were made answers `forked`, and harms nothing", function()
    local opened = ([[init_by_lua_block {
      local moonbase = require "moonbase"
      package.loaded.too_early = assert(moonbase.open("%s"))
      assert(package.loaded.too_early.threads:create { id = "early" })
    }]]):format(path)
    server = nginx.start { http = opened, locations = {
      early = [[
        local thread, err = package.loaded.too_early.threads:get("early")
        ngx.say(thread == nil and err.code)
      ]],
      again = with_store(path, [[ngx.say(store.threads:get("early").id)]]),
    } }
    assert.are.equal("forked\n", (server:get("early")), server:log())
    assert.are.equal("early\n", (server:get("again")), server:log())
    server:stop()
    local store = assert(moonbase.open(path))
    assert.are.equal("early", store.threads:get("early").id)
    store:close()
  end)

  it("waiting for an event lets other requests through, and wakes for another process", function()
    server = nginx.start { locations = {
      wait = with_store(path, [[
        local found = assert(store.events:wait { after = 0, timeout = 60000 })
        ngx.say(#found, " ", found[1].type)
      ]]),
      ping = "ngx.say('pong')",
    } }
    assert.are.equal("pong\n", (server:get("ping")), server:log())
    local from_child, to_parent = process.pipe()
    local child = process.fork()
    if child == 0 then
      process.write(to_parent, "asking ")
      local body = server:get("wait")
      process.write(to_parent, body or "nothing")
      process.exit_now(0)
    end
    process.close(to_parent)
    assert.are.equal("asking ", process.read(from_child))
    for _ = 1, 20 do assert.are.equal("pong\n", (server:get("ping")), server:log()) end
    local store = assert(moonbase.open(path))
    assert(store.events:append { stream = "s", type = "woken" })
    assert.are.equal("1 woken\n", process.read(from_child), server:log())
    process.wait(child)
    store:close()
  end)

  it("a transaction that yields is not joined by another request", function()
    server = nginx.start { locations = {
      slow = with_store(path, [[
        local _, why = store:transaction(function(tx)
          assert(tx.threads:create { id = "slow" })
          package.loaded.inside = true
          while not package.loaded.go_on do ngx.sleep(0.01) end
          return nil, "rolled back"
        end)
        ngx.say(why)
      ]]),
      fast = with_store(path, [[
        while not package.loaded.inside do ngx.sleep(0.01) end
        local seen = store.threads:get("slow")
        local thread, err = store.threads:create { id = "fast" }
        package.loaded.go_on = true
        ngx.say(tostring(seen), " ", thread == nil and err.code or "written")
      ]]),
    } }
    local from_child, to_parent = process.pipe()
    local child = process.fork()
    if child == 0 then
      process.write(to_parent, server:get("slow") or "nothing")
      process.exit_now(0)
    end
    process.close(to_parent)
    assert.are.equal("nil busy\n", (server:get("fast")), server:log())
    assert.are.equal("rolled back\n", process.read(from_child), server:log())
    process.wait(child)
    local store = assert(moonbase.open(path))
    assert.is_nil(store.threads:get("slow"))
    assert.is_nil(store.threads:get("fast"))
    store:close()
  end)
end)
