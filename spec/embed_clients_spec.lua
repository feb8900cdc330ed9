-- The embedder behind HTTP by each of the clients it may find: in programs of their own, so that
-- each sees only the modules it is to see.

local files = require "spec.support.files"
local nginx = require "spec.support.nginx"
local embedding_server = require "spec.support.embedding_server"

local interpreter = jit and "luajit" or "lua5.4"

-- Asks for the vectors of two texts and prints them, or the error.
local ASK = [[
  local core, embed = require "moonbase.core", require "moonbase.embed"
  local one = assert(embed.http { url = "$url", model = "$model", dim = 4, timeout = $timeout })
  local packed, err = embed.run(one, { "abc", "z" })
  local out = {}
  for i, bytes in ipairs(packed or {}) do
    out[i] = table.concat(core.vector_numbers(bytes), " ")
  end
  local told = packed and table.concat(out, ", ") or tostring(err)
]]

local FOUND = "^3%S* 97%S* 99%S* 1%S*, 1%S* 122%S* 122%S* 1"

local function ask(values)
  local all = { timeout = "2000", model = "good" }
  for name, value in pairs(values) do all[name] = value end
  return (ASK:gsub("%$(%l+)", all))
end

-- Runs a program; what it prints.
local function run(code, environment)
  local path = files.folder() .. "/program.lua"
  files.write(path, code)
  local pipe = assert(io.popen(("%s LUA_PATH='%s' LUA_CPATH='%s' %s %s 2>&1"):format(environment or "",
    package.path, package.cpath, interpreter, path)))
  local output = pipe:read("*a")
  pipe:close()
  return output
end

-- Makes modules look as if they were not installed.
local function without(...)
  local lines = {}
  for i = 1, select("#", ...) do
    lines[i] = ("package.preload[%q] = function() error('hidden') end\n"):format((select(i, ...)))
  end
  return table.concat(lines)
end

-- A key and a certificate that vouches for itself, made out to this host or another.
local function certificate(name)
  local folder = files.folder()
  local key, cert = folder .. "/key.pem", folder .. "/cert.pem"
  os.execute(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    .. " -subj /CN=test -addext subjectAltName=%s -keyout %s -out %s 2>/dev/null"):format(name, key, cert))
  return key, cert
end

describe("the embedder behind HTTP", function()
  local server

  setup(function() server = embedding_server.start() end)
  teardown(function()
    server:stop()
    files.cleanup()
  end)

  it("works by luasocket", function()
    assert.matches(FOUND, run(without "http.request" .. ask { url = server.url } .. "print(told)"))
  end)

  it("says what to install where there is no client", function()
    local told = run(without("socket", "http.request") .. ask { url = server.url } .. "print(told)")
    assert.matches("^unsupported: .*luasocket.*lua%-http", told)
    told = run(without("ssl", "http.request") .. ask { url = "https://x.y" } .. "print(told)")
    assert.matches("^unsupported: .*luasec", told)
  end)

  it("loads without any client", function()
    local told = run(without("socket", "http.request", "cjson", "ssl")
      .. "print(require('moonbase').embed.http{ url = 'http://x', model = 'm', dim = 4 }.name)")
    assert.equal("m\n", told)
  end)

  -- Debian packages lua-http for Lua 5.1 to 5.3, of which LuaJIT takes the first.
  local has_lua_http = pcall(require, "http.request")
  if has_lua_http then
    it("works by lua-http, and fails by it as it should", function()
      local expected = { good = FOUND, backwards = FOUND, chunked = FOUND, flaky = FOUND, cut = FOUND,
        moved = "^io: .*status 302", refused = "^io: .*status 401", hangs = "^io: ",
        one_less = "^invalid: ", flood = "^io: ", dropped = FOUND }
      local program = { without "socket" }
      for model in pairs(expected) do
        program[#program + 1] = "do " .. ask { url = server.url, model = model .. "-h", timeout = "1000" }
          .. ("print('%s', told) end\n"):format(model)
      end
      local told = run(table.concat(program))
      for model, answer in told:gmatch("([%a_]+)\t([^\n]*)") do
        assert.matches(expected[model], answer, 1, false, model)
        expected[model] = nil
      end
      assert.same({}, expected)
    end)

    it("does not block a program that runs by cqueues", function()
      local told = run((([[
        local cqueues = require "cqueues"
        local queue, ticks = cqueues.new(), 0
        queue:wrap(function() $ask print(told, ticks > 3) end)
        queue:wrap(function() for _ = 1, 10 do cqueues.sleep(0.01) ticks = ticks + 1 end end)
        assert(queue:loop())
      ]]):gsub("%$ask", function()
        return ask { url = server.url, model = "hangs-q", timeout = "150" }
      end)))
      assert.matches("^io: .*\ttrue\n$", told)
    end)
  end
end)

describe("behind TLS the embedder", function()
  local server, key, cert

  setup(function()
    key, cert = certificate "IP:127.0.0.1,DNS:localhost"
    server = embedding_server.start(key, cert)
  end)
  teardown(function()
    server:stop()
    files.cleanup()
  end)

  local function told_by(url, authorities)
    return run(without "http.request" .. ask { url = url, timeout = "1000" } .. "print(told)",
      "SSL_CERT_FILE=" .. authorities)
  end

  it("trusts a certificate that an authority vouches for", function()
    assert.matches(FOUND, told_by(server.url, cert))
    local status = os.execute "getent hosts localhost >/dev/null" -- bare machines have no names
    if status ~= true and status ~= 0 then return end
    assert.matches(FOUND, told_by("https://localhost:" .. server.port, cert))
  end)

  it("does not trust another one", function()
    local _, other = certificate "IP:127.0.0.1"
    assert.matches("^io: .*certificate", told_by(server.url, other))
  end)

  it("does not trust one that is made out to another host", function()
    local other_key, other = certificate "DNS:example.com,DNS:*.localhost,DNS:*.com"
    local foreign = embedding_server.start(other_key, other)
    local told = told_by("https://127.0.0.1:" .. foreign.port, other)
    foreign:stop()
    assert.matches("^io: .*another host", told)
  end)
end)

-- nginx brings a LuaJIT of its own, so one interpreter drives it.
if not jit then return end

describe("inside nginx the embedder", function()
  local server, secure, web

  setup(function()
    -- nginx compares the host with names only, also where it is an address.
    local key, cert = certificate "DNS:127.0.0.1"
    server, secure = embedding_server.start(), embedding_server.start(key, cert)
    local function say(values) return ask(values) .. "ngx.say(told)" end
    web = nginx.start {
      http = "lua_ssl_trusted_certificate " .. cert .. "; lua_socket_log_errors off;"
        .. "init_worker_by_lua_block { " .. ask { url = server.url } .. " package.loaded.early = told }",
      locations = {
        good = say { url = server.url }, chunked = say { url = server.url, model = "chunked" },
        flaky = say { url = server.url, model = "flaky-n" }, cut = say { url = server.url, model = "cut-n" },
        refused = say { url = server.url, model = "refused" },
        flood = say { url = server.url, model = "flood", timeout = "300" },
        hangs = say { url = server.url, model = "hangs-n", timeout = "400" },
        secure = say { url = secure.url }, early = "ngx.say(package.loaded.early)",
        stranger = say { url = (secure.url:gsub("127.0.0.1", "127.0.0.2")), timeout = "300" },
        beside = [[
          local hanging = ngx.thread.spawn(function() ]] .. ask { url = server.url, model = "hangs-b", timeout = "300" }
            .. [[ return told end)
          local ticks = 0
          for _ = 1, 10 do ngx.sleep(0.005) ticks = ticks + 1 end
          local alive = coroutine.status(hanging)
          local _, told = ngx.thread.wait(hanging)
          ngx.say(ticks, " ", alive, " ", told)
        ]],
        store = [[
          local moonbase, embed = require "moonbase", require "moonbase.embed"
          local store = assert(moonbase.open(":memory:", { embed = assert(embed.http {
            url = "]] .. server.url .. [[", model = "good", dim = 4 }) }))
          local report = assert(store.memory:ingest { source = "s", kind = "chat",
            messages = { { author = "Ann", text = "Hello" }, { author = "Bob", text = "Hi Ann" } } })
          ngx.say(report.written, " ", store.memory:stats().embedded)
          store:close()
        ]],
      },
    }
  end)
  teardown(function()
    web:stop()
    server:stop()
    secure:stop()
    files.cleanup()
  end)

  for path, expected in pairs { good = FOUND, chunked = FOUND, flaky = FOUND, cut = FOUND,
    refused = "^io: .*status 401", flood = "^io: ", hangs = "^io: .*timeout", secure = FOUND,
    stranger = "^io: ", store = "^2 2\n", early = "^unsupported: .*this phase" } do
    it("answers as elsewhere: " .. path, function()
      assert.matches(expected, (web:get(path)), 1, false, web:log())
    end)
  end

  it("lets the worker serve others while it waits", function()
    assert.matches("^10 running io: .*timeout", (web:get "beside"), 1, false, web:log())
  end)
end)
