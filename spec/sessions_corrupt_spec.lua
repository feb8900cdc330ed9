-- A file that was damaged behind the store's back: whatever reads it says so, in bounded time, and
-- gives no short answer.

local core = require "moonbase.core"
local checks = require "spec.support.checks"
local support = require "spec.support.sessions"

local user = support.user

describe("damaged sessions", function()
  local store, engine, session

  before_each(function()
    store = support.store()
    engine = store.context.engine
    session = support.branched(store, "s")
    assert(session:append { user "tip" })
    assert(session:commit { checkpoint = { turn = { n = 1 }, tools = { 1 } } })
    assert(session:append { user("deep", "right-leaf"), user("deeper") })
    assert(session:checkout("tip"))
    assert.is_true(checks.run("session_check", engine))
    assert(engine:exec "PRAGMA foreign_keys = OFF")
  end)

  local function damage(sql, ...) assert(assert(engine:run(sql, ...)) > 0) end

  local function corrupt(result, err, ...)
    assert.is_nil(result)
    assert.are.equal("corrupt", err.code)
    return err, ...
  end

  local function iterate()
    local nodes, err = session:nodes()
    if not nodes then return nil, err end
    local ok, failure = pcall(function()
      while nodes() do end -- luacheck: ignore
    end)
    if ok then return true end
    return nil, failure
  end

  local function checked() return corrupt(checks.run("session_check", engine)) end

  it("whose path has a gap", function()
    damage "DELETE FROM session_nodes WHERE id = 'left'"
    local graph = session:graph()
    assert.matches("depth 1 of segment 1 is missing", corrupt(session:path()).message)
    corrupt(session:path("left-leaf"))
    corrupt(graph:path("tip"))
    corrupt(graph:ancestors("tip"))
    corrupt(graph:descendants("root"))
    corrupt(session:node("left-leaf"))
    corrupt(iterate())
    checked()
    assert.is_table(session:path("right-leaf"))
  end)

  it("whose root is gone", function()
    damage "DELETE FROM session_nodes WHERE id = 'root'"
    corrupt(session:path())
    corrupt(session:path("deeper"))
    corrupt(iterate())
    checked()
  end)

  it("whose leaf is gone", function()
    damage "DELETE FROM session_nodes WHERE id = 'tip'"
    corrupt(session:head())
    corrupt(session:path())
    corrupt(session:append { user "new" })
    corrupt(session:fork())
    checked()
  end)

  it("whose branches have lost their beginning", function()
    damage "DELETE FROM session_nodes WHERE id = 'right-leaf'"
    local graph = session:graph()
    corrupt(graph:children("root"))
    corrupt(graph:descendants("root"))
    corrupt(session:orphans())
    corrupt(session:path("deeper"))
    checked()
    damage "DELETE FROM session_nodes WHERE id IN ('deep', 'deeper')"
    corrupt(session:leaves())
    corrupt(session:orphans())
    checked()
  end)

  it("whose segments stand in a circle", function()
    damage "UPDATE segments SET parent = 2, fork = 2, level = 1, jump = 2 WHERE id = 1"
    local graph = session:graph()
    for _, id in ipairs { "tip", "deeper" } do
      corrupt(session:path(id))
      corrupt(graph:path(id))
      corrupt(graph:ancestors(id))
    end
    corrupt(graph:lca("tip", "deeper"))
    corrupt(graph:is_ancestor("root", "deeper"))
    checked()
  end)

  it("whose segments stand on themselves", function()
    damage "UPDATE segments SET parent = id, jump = id WHERE id = 2"
    corrupt(session:path("deeper"))
    corrupt(session:graph():lca("tip", "deeper"))
    corrupt(session:graph():ancestors("deeper"))
    checked()
  end)

  it("whose segments are gone", function()
    damage "DELETE FROM segments WHERE id = 1"
    corrupt(session:path())
    corrupt(session:path("deeper"))
    corrupt(session:node("left"))
    corrupt(session:graph():depth("left"))
    corrupt(session:checkout("left"))
    corrupt(iterate())
    checked()
  end)

  it("whose segments have lost what they branch off", function()
    damage "UPDATE segments SET parent = NULL, level = 0, jump = NULL WHERE id = 2"
    corrupt(session:path("deeper"))
    corrupt(session:graph():ancestors("deeper"))
    checked()
  end)

  it("whose steps lead astray", function()
    local fork = assert(assert(session:fork { at = "deeper" }):fork())
    assert(fork:append { user "far" })
    assert(fork:append { user("farther", "right-leaf") })
    damage "UPDATE segments SET jump = 4 WHERE id = 4"
    corrupt(fork:graph():is_ancestor("root", "far"))
    checked()
  end)

  it("whose nodes cannot be read", function()
    for _, body in ipairs { "{", "[]7", "" } do
      damage("UPDATE session_nodes SET body = $body WHERE id = 'left'", body)
      assert.matches("left", corrupt(session:node("left")).message)
      assert.matches("left", corrupt(session:path()).message)
      corrupt(iterate())
      checked()
      assert.are.equal(3, #session:path("deep"))
    end
    damage "UPDATE session_nodes SET body = '7' WHERE id = 'left'"
    corrupt(session:node("left"))
    corrupt(session:path())
    checked()
  end)

  it("whose checkpoint is gone, or none", function()
    local ref = session:head().checkpoint_ref
    damage("DELETE FROM blobs WHERE hash = $ref", ref)
    corrupt(session:checkpoint())
    corrupt(session:commit { checkpoint = { turn = 7 } })
    checked()
    assert.is_nil((session:checkpoint(ref)))
    for _, bytes in ipairs { "no manifest", "7", "{\"turn\":7}", "{\"other\":{\"$blob\":\"x\"}}" } do
      local hash = assert(store.blobs:put(bytes))
      damage("UPDATE sessions SET checkpoint_ref = $ref", hash)
      assert.are.equal(hash, corrupt(session:checkpoint()).hash)
      corrupt(session:checkpoint(hash))
      checked()
    end
  end)

  it("whose checkpoint has lost a part, or one that cannot be read", function()
    damage("DELETE FROM blobs WHERE hash = $hash", core.sha256("{\"n\":1}"))
    assert.matches("'turn'", corrupt(session:checkpoint()).message)
    checked()
  end)

  it("whose numbers are wrong are found by a check", function()
    for _, sql in ipairs {
      "UPDATE sessions SET node_count = node_count + 1",
      "UPDATE sessions SET user_count = 0",
      "UPDATE sessions SET first_user = first_user + 1",
      "UPDATE sessions SET first_user = NULL",
      "UPDATE sessions SET last_seq = 2",
      "UPDATE sessions SET inherited = 1",
      "UPDATE sessions SET tree = 2",
      "UPDATE sessions SET leaf = (9 << 32) + 1",
      "UPDATE session_nodes SET users = 9 WHERE id = 'left'",
      "UPDATE session_nodes SET user = 1 WHERE id = 'left'",
      "UPDATE session_nodes SET first_user = NULL WHERE id = 'tip'",
      "UPDATE session_nodes SET tree = 2 WHERE id = 'tip'",
      "UPDATE session_nodes SET checkpoint = key WHERE id = 'left'",
      "UPDATE segments SET level = 2 WHERE id = 2",
      "UPDATE segments SET fork = 9 WHERE id = 2",
      "UPDATE segments SET jump = NULL WHERE id = 2",
      "UPDATE segments SET owner = -7 WHERE id = 2",
      "UPDATE segments SET live = 9 WHERE id = 2",
      "DELETE FROM session_checkpoints",
      "DELETE FROM session_details",
      "DELETE FROM sessions",
      "INSERT INTO session_checkpoints (node, ref) VALUES ((9 << 32) + 1, 'x')",
    } do
      local ok = store:transaction(function()
        damage(sql)
        checked()
        return nil, "undo"
      end)
      assert.is_nil(ok, sql)
      assert.is_true(checks.run("session_check", engine))
    end
  end)
end)
