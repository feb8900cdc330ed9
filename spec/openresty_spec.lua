-- nginx brings a LuaJIT of its own, so which interpreter drives it does not matter: one does.
if not jit then return end

local child = require "spec.support.child"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local nginx = require "spec.support.nginx"
local process = require "process"

local STORE = [[
  local moonbase = require "moonbase"
  local store = package.loaded.the_store or assert(moonbase.open("$path", $options))
  package.loaded.the_store = store
]]

-- The store of the worker is opened by the first request.
local function with_store(path, code, options)
  return STORE:gsub("$(%l+)", { path = path, options = options or "nil" }) .. code
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
    local asker = process.fork()
    if asker == 0 then
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
    process.wait(asker)
    store:close()
  end)

  -- Asks for a page in a process of its own; gives a function that waits for the answer.
  local function asking(page)
    local one = child.start(function(c)
      c:tell("asking")
      c:tell((server:get(page) or "nothing"):gsub("%s+$", ""))
    end)
    one:hear()
    return function()
      local answer = one:hear()
      one:finish()
      return answer
    end
  end

  local function pings(times)
    for _ = 1, times do assert.are.equal("pong\n", (server:get("ping")), server:log()) end
  end

  -- A transaction that is open from `slow` to `go`, and what it ends in.
  local function slow(path_, ending)
    return with_store(path_, [[
      local result, why = store:transaction(function(tx)
        assert(tx.threads:create { id = "slow" })
        package.loaded.inside = true
        while not package.loaded.go_on do ngx.sleep(0.005) end
        ]] .. ending .. [[
      end)
      ngx.say(result or why)
    ]])
  end

  local PING = "ngx.say('pong')"
  local INSIDE = "while not package.loaded.inside do ngx.sleep(0.005) end ngx.say('inside')"
  local GO = "package.loaded.go_on = true ngx.say('gone on')"

  it("a transaction that yields is not joined by another request, which gets `busy` in time",
    function()
      server = nginx.start { locations = {
        slow = slow(path, [[return nil, "rolled back"]]), inside = INSIDE, go = GO, ping = PING,
        fast = with_store(path, [[
          local seen = store.threads:get("slow")
          local thread, err = store.threads:create { id = "fast" }
          local tx, begin_err = store:begin { timeout = 10 }
          ngx.say(tostring(seen), " ", thread == nil and err.code or "written", " ",
            tx == nil and begin_err.code or "begun")
        ]]),
        first = with_store(path, "ngx.say('open')", "{ busy_timeout = 30 }"),
      } }
      assert.are.equal("open\n", (server:get("first")), server:log())
      local answer = asking("slow")
      server:get("inside")
      assert.are.equal("nil busy busy\n", (server:get("fast")), server:log())
      pings(1)
      server:get("go")
      assert.are.equal("rolled back", answer(), server:log())
      local store = assert(moonbase.open(path))
      assert.is_nil(store.threads:get("slow"))
      assert.is_nil(store.threads:get("fast"))
      store:close()
    end)

  it("requests that write wait for the transaction of another one, and the worker goes on", function()
    server = nginx.start { locations = {
      slow = slow(path, "return 'committed'"), inside = INSIDE, go = GO, ping = PING,
      write = with_store(path, [[
        local record = assert(store.threads:append("t", { { role = "user", content = "x" } }))[1]
        ngx.say(record.seq, " ", store.threads:get("slow") and "after" or "before")
      ]]),
      whole = with_store(path, [[
        ngx.say(assert(store:transaction(function(tx)
          local count = assert(tx.threads:append("t", { { role = "user", content = "y" } }))[1].seq
          ngx.sleep(0.005)
          assert(tx.threads:append("t", { { role = "user", content = "y" } }))
          assert(tx.threads:count("t") == count + 1)
          return "whole"
        end)))
      ]]),
    } }
    local answers = { asking("slow") }
    assert.are.equal("inside\n", (server:get("inside")), server:log())
    for i = 2, 5 do answers[i] = asking(i % 2 == 0 and "write" or "whole") end
    pings(20)
    server:get("go")
    assert.are.equal("committed", answers[1](), server:log())
    for i = 2, 5 do
      assert.matches(i % 2 == 0 and "^%d+ after$" or "^whole$", answers[i](), server:log())
    end
    local store = assert(moonbase.open(path))
    assert.are.equal(6, store.threads:count("t"))
    store:close()
  end)

  it("a request waits for the lock of another process, and the worker goes on", function()
    server = nginx.start { locations = {
      ping = PING,
      write = with_store(path, [[
        ngx.say(assert(store.kv:set("ns", "k", 1)), " ",
          store.threads:get("theirs") and "after" or "before")
      ]]),
      open = with_store(path, "ngx.say('open')"),
      refused = with_store(path, [[
        local tx, err = store:begin { timeout = 20 }
        ngx.say(tx == nil and err.code)
      ]]),
    } }
    assert.are.equal("open\n", (server:get("open")), server:log())
    local store = assert(moonbase.open(path))
    local tx = assert(store:begin())
    assert(tx.threads:create { id = "theirs" })
    local answer = asking("write")
    pings(20)
    assert.are.equal("busy\n", (server:get("refused")), server:log())
    assert(tx:commit())
    assert.matches(" after$", answer(), server:log())
    store:close()
  end)

  it("workers and their requests write all at once, and nothing is lost or refused", function()
    server = nginx.start { workers = 2, locations = {
      add = with_store(path, [[
        ngx.say(assert(store:transaction({ timeout = 60000 }, function(tx)
          local count = (tx.kv:get("ns", "count") or 0) + 1
          ngx.sleep(0.002)
          assert(tx.kv:set("ns", "count", count))
          assert(tx.threads:append("t", { { role = "user", content = "number " .. count } }))
          return count
        end)))
      ]]),
    } }
    local clients, seen = {}, {}
    for i = 1, 4 do
      clients[i] = child.start(function(c)
        for _ = 1, 10 do c:tell((server:get("add") or "nothing"):gsub("%s+$", "")) end
      end)
    end
    for _, client in ipairs(clients) do
      for _ = 1, 10 do
        local count = tonumber(client:hear())
        assert.is_truthy(count, server:log())
        assert.is_nil(seen[count])
        seen[count] = true
      end
      client:finish()
    end
    local store = assert(moonbase.open(path))
    assert.are.equal(40, store.kv:get("ns", "count"))
    assert.are.equal(40, store.threads:count("t"))
    assert.are.equal(40, #store.transactions:log())
    store:close()
  end)

  it("where nothing can wait, it is `busy` at once", function()
    local filter = with_store(path, [[
      local result, err = store.threads:create { id = "from the filter" }
      ngx.header["X-Result"] = result and "written" or err.code
    ]])
    server = nginx.start {
      server = ([[location = /filtered {
        content_by_lua_block { ngx.say("content") }
        header_filter_by_lua_block { %s }
      }]]):format(filter),
      locations = { ping = PING },
    }
    local store = assert(moonbase.open(path))
    local tx = assert(store:begin())
    local _, _, headers = server:get("filtered")
    assert.are.equal("busy", headers["x-result"], server:log())
    assert(tx:rollback())
    _, _, headers = server:get("filtered")
    assert.are.equal("written", headers["x-result"], server:log())
    assert(store.threads:get("from the filter"))
    store:close()
  end)

  it("a request that is cut off in a transaction leaves nothing of it, and no lock", function()
    server = nginx.start { locations = {
      cut = with_store(path, [[
        store:transaction(function(tx)
          assert(tx.threads:create { id = "cut off" })
          ngx.exit(200)
        end)
      ]]),
      write = with_store(path, [[
        assert(store.threads:create { id = "whole" })
        ngx.say(store.threads:get("cut off") == nil)
      ]]),
    } }
    server:get("cut")
    assert.are.equal("true\n", (server:get("write")), server:log())
  end)

  it("a transaction of a request that was cut off is not taken for one of the next", function()
    local backup = files.database()
    server = nginx.start { locations = {
      cut = with_store(path, [[
        local tx = store:begin()
        package.loaded.kept = tx
        assert(tx.threads:create { id = "cut off" })
        ngx.exit(200)
      ]]),
      begin = with_store(path, [[
        local tx = assert(store:begin())
        assert(tx.threads:create { id = "whole" })
        ngx.say(tx:commit())
      ]]),
      transaction = with_store(path, [[
        ngx.say(store:transaction(function(tx) return tx:status() end))
        ngx.say(#store.transactions:log())
      ]]),
      backup = with_store(path, ("ngx.say((store:backup(%q)))"):format(backup)),
      vacuum = with_store(path, "ngx.say((store:vacuum()))"),
      recover = with_store(path, "ngx.say(store.transactions:recover {})"),
    } }
    for name, answer in pairs {
      begin = "true\n", backup = "true\n", vacuum = "true\n", recover = "0\n",
    } do
      server:get("cut")
      assert.are.equal(answer, (server:get(name)), name .. server:log())
    end
    server:get("cut")
    assert.are.equal("active\n2\n", (server:get("transaction")), server:log())
  end)

  it("a long operation runs in a thread, whose waiting holds nobody up", function()
    local call = ([[
      local long = require("moonbase.resty").new { path = "%s" }
      local function show(value, err) ngx.say(value ~= nil and tostring(value) or err.code) end
    ]]):format(path)
    server = nginx.start { main = "thread_pool moonbase threads=2;", locations = {
      ping = PING,
      long = call .. [[show(long:call("kv.set", "ns", "k", { deep = { 1, ngx.null } }))]],
      read = call .. [[
        local value = long:call("kv.get", "ns", "k")
        show(value.deep[1] == 1 and value.deep[2] == ngx.null)
      ]],
      failed = call .. [[show(long:call("threads.update", "missing", { title = "x" }))]],
      raised = call .. [[show(nil, select(2, pcall(long.call, long, "threads.get", 1)))]],
      without = [[show = nil
        local long = require("moonbase.resty").new { path = "]] .. path .. [[", pool = "missing" }
        ngx.say(select(2, long:call("kv.get", "ns", "k")).code)
      ]],
    } }
    local store = assert(moonbase.open(path))
    local tx = assert(store:begin())
    local answer = asking("long")
    pings(20)
    assert(tx:commit())
    assert.are.equal("1", answer(), server:log())
    assert.are.equal(1, store.kv:get("ns", "k").deep[1])
    assert.are.equal("true\n", (server:get("read")), server:log())
    assert.are.equal("not_found\n", (server:get("failed")), server:log())
    assert.are.equal("invalid\n", (server:get("raised")), server:log())
    assert.are.equal("unsupported\n", (server:get("without")), server:log())
    store:close()
  end)

  it("a timer ends transactions that are open for too long", function()
    server = nginx.start { locations = {
      forgotten = with_store(path, [[
        local tx = assert(store:begin())
        assert(tx.threads:create { id = "forgotten" })
        package.loaded.inside = true
        while not package.loaded.go_on do ngx.sleep(0.005) end
        local thread, err = store.threads:create { id = "joined" }
        ngx.say(thread == nil and err.code)
        assert(store.threads:create { id = "alone" })
      ]]),
      inside = INSIDE, go = GO,
      stale = with_store(path, [[
        local count
        ngx.timer.at(0, function()
          count = assert(store.transactions:timeout_stale(0))
        end)
        ngx.sleep(0.005)
        for _ = 1, 200 do
          if count then break end
          ngx.sleep(0.005)
        end
        ngx.say(count)
      ]]),
    } }
    local answer = asking("forgotten")
    server:get("inside")
    assert.are.equal("1\n", (server:get("stale")), server:log())
    server:get("go")
    assert.are.equal("timeout", answer(), server:log())
    local store = assert(moonbase.open(path))
    assert.is_nil(store.threads:get("forgotten"))
    assert.is_nil(store.threads:get("joined"))
    assert(store.threads:get("alone"))
    store:close()
  end)
end)
