-- The command, as a process of its own.

local core = require "moonbase.core"
local files = require "spec.support.files"
local full_store = require "spec.support.full_store"
local moonbase = require "moonbase"

local INTERPRETER = jit and "luajit" or "lua5.4"

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

describe("the command", function()
  local folder, path

  before_each(function()
    folder = files.folder()
    path = folder .. "/test.db"
    local store = assert(moonbase.open(path, { durability = "off" }))
    full_store.fill(store)
    assert(store:close())
  end)

  after_each(files.cleanup)

  -- Runs it; gives its exit status, what it printed, and what it complained about.
  local function run(words, redirection)
    local command = { ("LUA_PATH=%s LUA_CPATH=%s"):format(quoted(package.path),
      quoted(package.cpath)), INTERPRETER, "bin/moonbase" }
    for _, word in ipairs(words) do command[#command + 1] = quoted(word) end
    local complaint = folder .. "/complaint"
    local pipe = io.popen(("%s %s 2>%s; printf '\n%%d' $?"):format(table.concat(command, " "),
      redirection or "", quoted(complaint)))
    local output = pipe:read "*a"
    pipe:close()
    local printed, status = output:match("^(.*)\n(%d+)$")
    local complained = files.read(complaint)
    os.remove(complaint)
    return tonumber(status), printed, complained
  end

  local function good(...)
    local status, printed, complained = run({ ... })
    assert.are.equal("", complained)
    assert.are.equal(0, status)
    return printed
  end

  local function json(...)
    local words = { ... }
    words[#words + 1] = "--json"
    local status, printed = run(words)
    assert.are.equal(0, status)
    return assert(core.decode((printed:gsub("\n$", ""))))
  end

  it("tells its usage and its version", function()
    assert.matches("usage: moonbase COMMAND FILE", good "--help", 1, true)
    assert.matches(moonbase._VERSION, good "--version", 1, true)
    for name in ("info check backup vacuum gc export import search threads messages sessions path "
      .. "events jobs tail"):gmatch("%S+") do
      assert.matches("\n  " .. name .. " ", good "--help", 1, true)
    end
  end)

  it("exits with 2 and the usage for wrong arguments", function()
    for _, words in ipairs {
      {}, { "nothing", path }, { "info" }, { "info", path, "more" }, { "info", path, "--strange" },
      { "messages", path }, { "threads", path, "--limit" }, { "threads", path, "--limit", "many" },
      { "threads", path, "--limit=1.5" }, { "threads", path, "--limit", "-1" },
      { "threads", path, "--cursor", "none" }, { "messages", path, "chat", "--order", "up" },
      { "info", path, "--json=yes" }, { "gc", path, "--dry-run=1" }, { "path", path, "a", "b", "c" },
      { "threads", path, "--scope", " " },
    } do
      local status, printed, complained = run(words)
      assert.are.equal(2, status, table.concat(words, " "))
      assert.are.equal("", printed)
      assert.matches("moonbase", complained, 1, true)
      words[#words + 1] = "--json"
      local again, _, document = run(words)
      assert.are.equal(2, again)
      assert.are.equal("invalid", core.decode((document:gsub("\n$", ""))).error.code)
    end
  end)

  it("exits with 1 and says why when it fails", function()
    local none = folder .. "/none.db"
    for _, words in ipairs {
      { "info", none }, { "check", none }, { "threads", none }, { "vacuum", none }, { "gc", none },
      { "export", none }, { "tail", none }, { "backup", path, path }, { "backup", none, path },
      { "messages", path, "nobody" }, { "path", path, "nobody" }, { "path", path, "session", "x" },
      { "import", path }, { "info", folder }, { "info", "bin/moonbase" },
    } do
      local status, printed, complained = run(words, "</dev/null")
      assert.are.equal(1, status, table.concat(words, " "))
      assert.are.equal("", printed)
      assert.matches("^moonbase: %l+_?%l*: ", complained)
      words[#words + 1] = "--json"
      local again, _, document = run(words, "</dev/null")
      assert.are.equal(1, again)
      assert.is_string(core.decode((document:gsub("\n$", ""))).error.code)
    end
    assert.is_nil(files.read(none))
  end)

  it("info tells what the file holds", function()
    local found = json("info", path)
    assert.are.same({ "default", "tenant" }, found.scopes)
    assert.are.equal(#require("moonbase.schema").migrations, found.schema)
    assert.is_true(found.bytes > 0 and found.parts.threads.rows > 0)
    assert.matches("scopes: default, tenant", good("info", path), 1, true)
  end)

  it("check exits with 1 when something is wrong, and names it all", function()
    assert.are.equal("sound\n", good("check", path))
    assert.are.same({ ok = true }, json("check", path))
    local store = assert(moonbase.open(path, { durability = "off" }))
    assert(store.context.engine:run "UPDATE threads SET count = 9")
    assert(store.context.engine:run "UPDATE kv SET value = 'x'")
    store:close()
    local status, printed = run { "check", path }
    assert.are.equal(1, status)
    assert.matches("threads: ", printed, 1, true)
    assert.matches("documents: ", printed, 1, true)
    status, printed = run { "check", path, "--json" }
    assert.are.equal(1, status)
    local found = core.decode((printed:gsub("\n$", "")))
    assert.is_false(found.ok)
    assert.is_true(#found.problems > 1)
  end)

  it("backup, export and import give the same store again", function()
    good("backup", path, folder .. "/copy.db")
    local lines = good("export", path)
    assert.are.equal(lines, good("export", folder .. "/copy.db"))
    files.write(folder .. "/lines", lines)
    local status = run({ "import", folder .. "/new.db" }, "<" .. quoted(folder .. "/lines"))
    assert.are.equal(0, status)
    assert.are.equal(lines, good("export", folder .. "/new.db"))
    files.write(folder .. "/lines", lines:sub(1, #lines - 100))
    status = run({ "import", folder .. "/cut.db" }, "<" .. quoted(folder .. "/lines"))
    assert.are.equal(1, status)
    assert.is_nil(files.read(folder .. "/cut.db"))
  end)

  it("export says so when what it writes does not arrive", function()
    local status, _, complained = run({ "export", path }, ">/dev/full")
    assert.are.equal(1, status)
    assert.matches("io: ", complained, 1, true)
  end)

  it("gc and vacuum take what nothing names, of every scope or of one", function()
    local store = assert(moonbase.open(path, { durability = "off" }))
    for i = 1, 50 do assert(store.blobs:put(("blob %d "):format(i):rep(2000))) end
    assert(store:scope("tenant").blobs:put("nobody's"))
    store:close()
    assert.are.equal(1, json("gc", path, "--scope", "tenant", "--dry-run").deleted)
    local would = json("gc", path, "--dry-run")
    assert.is_true(would.deleted > 50)
    assert.are.equal(would.deleted, json("gc", path).deleted)
    assert.are.equal(0, json("gc", path).deleted)
    local vacuumed = json("vacuum", path)
    assert.is_true(vacuumed.ok and vacuumed.bytes < vacuumed.bytes_before)
  end)

  it("shows what is in the file", function()
    assert.are.equal(2, #json("threads", path).items)
    assert.are.equal(1, #json("threads", path, "--scope", "tenant").items)
    local page = json("threads", path, "--limit", "1")
    local rest = json("threads", path, "--limit=1", "--cursor", page.next_cursor)
    assert.are_not.equal(page.items[1].id, rest.items[1].id)
    assert.are.equal("At 14:20.", json("messages", path, "chat").items[2].message.content)
    assert.are.equal(3, json("messages", path, "chat", "--order", "desc").items[1].seq)
    assert.are.equal(2, #json("sessions", path).items)
    assert.are.equal("a", json("path", path, "session")[2].id)
    assert.are.equal(1, #json("path", path, "session", "q"))
    assert.are.equal(2, json("events", path)[1].cursor)
    assert.are.same({}, json("events", path, "--after", "2"))
    assert.are.equal(1, #json("jobs", path, "--status", "done").items)
    assert.is_true(#json("search", path, "tide") > 1)
    assert.are.equal(1, #json("search", path, "tide", "--limit", "1", "--thread", "chat"))
    local found = json("search", path, "tide")
    assert.are.equal("m", found[#found].id)
    assert.matches("memory .* Low tide is at 14:20", good("search", path, "tide"))
    for _, name in ipairs { "threads", "sessions", "events", "jobs" } do
      assert.is_true(#good(name, path) > 20)
    end
  end)

  it("prints what is stored without obeying it", function()
    local store = assert(moonbase.open(path, { durability = "off" }))
    assert(store.threads:append("evil", { { role = "user", content = "a\27[2Jb\rc\nd\7" } }))
    store:close()
    local printed = good("messages", path, "evil")
    assert.is_nil(printed:find("[%z\1-\9\11-\31\127]"))
    assert.matches("a [2Jb c d", printed, 1, true)
    assert.are.equal("a\27[2Jb\rc\nd\7", json("messages", path, "evil").items[1].message.content)
  end)

  it("takes for an argument what follows --", function()
    local store = assert(moonbase.open(path, { durability = "off" }))
    assert(store.threads:append("--odd", { { role = "user", content = "hello" } }))
    store:close()
    assert.matches("hello", good("messages", path, "--", "--odd"), 1, true)
  end)

  it("leaves the file alone that it only shows", function()
    local before = files.read(path)
    for _, words in ipairs { { "info", path }, { "check", path }, { "threads", path },
      { "search", path, "tide" }, { "export", path }, { "events", path } } do
      assert.are.equal(0, (run(words)))
    end
    assert.are.equal(before, files.read(path))
  end)

  it("tail prints events as they come, from the end on or from a cursor", function()
    assert.are.equal(2, json("tail", path, "--after", "0", "--limit", "1").cursor)
    local store = assert(moonbase.open(path, { durability = "off" }))
    local output = folder .. "/tail"
    os.execute(("LUA_PATH=%s LUA_CPATH=%s %s bin/moonbase tail %s --limit 2 --json >%s 2>&1 &")
      :format(quoted(package.path), quoted(package.cpath), INTERPRETER, quoted(path), output))
    local deadline, sent = core.monotonic() + 8000, 0
    repeat
      sent = sent + 1
      assert(store.events:append { stream = "s", type = "t", data = sent })
      core.sleep(50)
      local lines = files.read(output) or ""
    until select(2, lines:gsub("\n", "")) >= 2 or core.monotonic() > deadline
    local lines = files.read(output)
    store:close()
    local first, second = lines:match("^(.-)\n(.-)\n$")
    assert.are.equal("t", core.decode(first).type)
    assert.are.equal(core.decode(first).cursor + 1, core.decode(second).cursor)
  end)

  it("tail keeps nothing back that it has", function()
    local output = folder .. "/tail"
    os.execute(("LUA_PATH=%s LUA_CPATH=%s %s bin/moonbase tail %s --after 0 --limit 2 >%s 2>&1 &")
      :format(quoted(package.path), quoted(package.cpath), INTERPRETER, quoted(path), output))
    local deadline, lines = core.monotonic() + 8000
    repeat
      core.sleep(20)
      lines = files.read(output) or ""
    until select(2, lines:gsub("\n", "")) >= 1 or core.monotonic() > deadline
    local store = assert(moonbase.open(path, { durability = "off" }))
    assert(store.events:append { stream = "s", type = "t" })
    store:close()
    assert.are.equal(1, select(2, lines:gsub("\n", "")))
  end)

  it("tail ends well when it is interrupted", function()
    -- In the foreground the signal goes to the command only, once: Lua dies of a second one.
    local command = ("LUA_PATH=%s LUA_CPATH=%s timeout --foreground --preserve-status -s INT 2 %s "
      .. "bin/moonbase tail %s 2>&1; echo $?"):format(quoted(package.path), quoted(package.cpath), INTERPRETER,
      quoted(path))
    local pipe = io.popen(command)
    assert.are.equal("0\n", pipe:read "*a")
    pipe:close()
  end)
end)
