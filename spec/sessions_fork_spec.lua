local outcome = require "spec.support.outcome"
local support = require "spec.support.sessions"
local moonbase = require "moonbase"

local refused = outcome.refused
local user, assistant, ids, all = support.user, support.assistant, support.ids, support.all

describe("a fork of a session", function()
  local store, clock, origin

  before_each(function()
    store, clock = support.store()
    origin = support.branched(store, "origin")
  end)

  it("holds the path alone", function()
    clock.now = 2000
    local fork = assert(origin:fork { at = "left", id = "f" })
    assert.are.same({ "root left", "root left", "left", "" }, { all(fork), ids(fork:path()),
      ids(fork:leaves()), ids(fork:orphans()) })
    local head = fork:head()
    assert.are.same({ "f", 2, 0, "left", 1, "text of root", 2000, { session = "origin",
      node = "left" } }, { head.id, head.node_count, head.revision, head.leaf,
      head.user_message_count, head.first_user_message, head.created_at, head.fork })
    assert.is_nil((fork:node("left-leaf")))
    assert.are.equal("root", fork:node("left").parent)
    refused("not_found", fork:path("right-leaf"))
    assert.are.equal("root left left-leaf", all(assert(origin:fork())))
  end)

  it("is called what its origin is called, and belongs to nobody", function()
    local named = assert(store.sessions:create { id = "named", name = "n", model = "m", cwd = "/c",
      parent = "origin", caused_by = 1 })
    local head = assert(named:fork()):head()
    assert.are.same({ "n", "m", "/c" }, { head.name, head.model, head.cwd })
    assert.is_nil(head.parent)
    assert.is_nil(head.caused_by)
  end)

  it("copies no node", function()
    for i = 1, 20 do assert(origin:fork { id = "f" .. i }) end
    assert.are.equal(4, support.rows(store, "session_nodes"))
  end)

  it("goes its own way", function()
    local fork = assert(origin:fork { at = "left", id = "f" })
    assert(fork:append { user "own" })
    assert(origin:append { user "more" })
    assert(fork:append { user("beside", "root"), user("deep", "beside") })
    assert(fork:append { { id = "alone", parent = moonbase.null, kind = "event" } })
    assert.are.equal("root left left-leaf right-leaf more", all(origin))
    assert.are.equal("root left own beside deep alone", all(fork))
    assert.are.equal("own deep alone", ids(fork:leaves()))
    assert.are.equal("root left own beside deep", ids(fork:orphans()))
    local graph = fork:graph()
    assert.are.equal("left beside", ids(graph:children("root")))
    assert.are.equal("own", ids(graph:children("left")))
    assert.are.equal("root alone", ids(graph:roots()))
    assert.are.equal("left beside own deep", ids(graph:descendants("root")))
    assert.are.equal("root", graph:lca("deep", "own"))
    assert.is_nil((graph:lca("deep", "alone")))
    assert.are.equal("right-leaf more", ids(origin:leaves()))
  end)

  it("may use the ids that are not on its path", function()
    local fork = assert(origin:fork { at = "left", id = "f" })
    for _, id in ipairs { "root", "left" } do refused("exists", fork:append { user(id) }) end
    assert(fork:append { user "left-leaf", user "right-leaf" })
    assert.are.equal("root left left-leaf right-leaf", all(fork))
    assert.are.equal("root right-leaf", ids(origin:path("right-leaf")))
  end)

  it("is whole when its origin is gone", function()
    local fork = assert(origin:fork { at = "left", id = "f" })
    local grand = assert(fork:fork { id = "g" })
    assert(fork:append { user "own" })
    local great = assert(fork:fork { id = "h" })
    assert(store.sessions:delete("origin"))
    assert.are.same({ "root left own", "root left", "root left own" }, { all(fork), all(grand),
      all(great) })
    assert(store.sessions:delete("f"))
    assert.are.same({ "root left", "root left own" }, { all(grand), all(great) })
    assert.are.equal(3, support.rows(store, "session_nodes"))
    assert(great:append { assistant "later" })
    assert.are.equal("own", great:node("later").parent)
    assert(store.sessions:delete("h"))
    assert.are.equal(2, support.rows(store, "session_nodes"))
    assert(store.sessions:delete("g"))
    assert.are.same({ 0, 0 }, { support.rows(store, "session_nodes"),
      support.rows(store, "segments") })
  end)

  it("is whole when its origin is replaced", function()
    local fork = assert(origin:fork { at = "left", id = "f" })
    assert(origin:commit { replace = { user "root", user "left", user "new" } })
    assert.are.equal("root left new", all(origin))
    assert.are.equal("root left", all(fork))
    assert.are.equal("to left", fork:node("left").content)
    assert.are.equal("text of left", origin:node("left").content)
  end)

  it("keeps what it stands on from being tombstoned", function()
    local fork = assert(origin:fork { at = "left", id = "f" })
    refused("conflict", origin:tombstone { "left", "left-leaf" })
    refused("conflict", origin:tombstone { "root", "left", "left-leaf", "right-leaf" })
    assert.are.equal(1, origin:tombstone { "left-leaf" })
    assert.are.equal(1, origin:vacuum())
    assert.are.equal("root left", all(fork))
    assert(store.sessions:delete("f"))
    assert.are.equal(1, origin:tombstone { "left" })
  end)

  it("gives up what it inherited without harm to its origin", function()
    local fork = assert(origin:fork { id = "f" })
    assert(fork:append { user("aside", "left"), user("more") })
    refused("conflict", fork:tombstone { "left" })
    assert.are.equal(1, fork:tombstone { "left-leaf" })
    assert.are.same({ "root left aside more", 4 }, { all(fork), fork:head().node_count })
    assert.are.equal("root left left-leaf right-leaf", all(origin))
    refused("conflict", origin:tombstone { "left-leaf" })
    assert.are.equal(1, fork:vacuum())
    assert.are.equal(1, origin:tombstone { "left-leaf" })
    assert(fork:append { user "left-leaf" })
    assert.are.equal("root left aside more left-leaf", all(fork))
    assert(store.sessions:delete("origin"))
    assert.are.equal(5, support.rows(store, "session_nodes"))
  end)

  it("of an empty session is empty", function()
    local empty = assert(store.sessions:create { id = "e" })
    local fork = assert(empty:fork { id = "f" })
    assert.are.same({ "", 0 }, { all(fork), fork:head().node_count })
    assert(fork:append { user "a" })
    assert.are.same({ "a", "" }, { all(fork), all(empty) })
  end)

  it("is refused where there is nothing, or where there is a session already", function()
    refused("not_found", origin:fork { at = "nowhere" })
    refused("exists", origin:fork { id = "origin" })
    assert(origin:tombstone { "right-leaf" })
    refused("not_found", origin:fork { at = "right-leaf" })
    assert.are.equal(1, support.rows(store, "sessions"))
  end)

  it("begins with the checkpoint of its path", function()
    assert(origin:commit { nodes = { user "one" }, checkpoint = { turn = { n = 1 } } })
    assert(origin:append { user "between" })
    assert(origin:commit { nodes = { user "two", user "three" }, checkpoint = { turn = { n = 2 },
      tools = { 1 } } })
    assert.is_nil((origin:fork({ at = "left" }):checkpoint()))
    for at, n in pairs { one = 1, between = 1, two = 1, three = 2 } do
      assert.are.equal(n, origin:fork({ at = at }):checkpoint().turn.n, at)
    end
    assert.are.equal(2, origin:fork():checkpoint().turn.n)
    local fork = assert(origin:fork { at = "between", id = "f" })
    assert(fork:commit { checkpoint = { tools = { 2 } } })
    assert.are.same({ turn = { n = 1 }, tools = { 2 } }, fork:checkpoint())
    assert.are.same({ turn = { n = 2 }, tools = { 1 } }, origin:checkpoint())
    assert.are.same({ 2 }, fork:fork():checkpoint().tools)
    assert(fork:append { user "four" })
    assert.are.same({ 2 }, fork:fork({ at = "four" }):checkpoint().tools)
    assert.are.same({ turn = { n = 1 } }, origin:fork({ at = "between" }):checkpoint())
  end)

  it("begins without tokens and stamps", function()
    assert(origin:commit { usage = { source = "a", model = "m", input_tokens = 1,
      output_tokens = 1 }, stamp = { turn = "t" } })
    local fork = assert(origin:fork())
    assert.are.equal(0, fork:usage().total_tokens)
    assert.are.equal(1, fork:commit({ stamp = { turn = "t" } }).revision)
  end)

  it("may stand at the end of a long line of forks", function()
    local session = origin
    for i = 1, 100 do
      session = assert(session:fork { id = "f" .. i })
      assert(session:append { user("n" .. i) })
    end
    assert.are.same({ 103, 102 }, { session:head().node_count, session:graph():depth("n100") })
    assert.are.equal("n50", session:node("n51").parent)
    assert.is_true(session:graph():is_ancestor("root", "n100"))
    refused("exists", session:append { user "left" })
    for i = 1, 99 do assert(store.sessions:delete("f" .. i)) end
    assert(store.sessions:delete("origin"))
    assert.are.equal(103, #assert(session:path()))
    assert.are.equal(103, support.rows(store, "session_nodes"))
    assert(store.sessions:delete("f100"))
    assert.are.equal(0, support.rows(store, "segments"))
  end)

  it("belongs to its origin's scope", function()
    local other = assert(store:scope("tenant"))
    local session = support.branched(other, "origin")
    local fork = assert(session:fork { id = "f" })
    assert.is_nil(store.sessions:open("f"))
    assert.are.equal(3, fork:head().node_count)
  end)
end)

describe("tombstoned nodes", function()
  local store, session

  before_each(function()
    store = support.store()
    session = support.branched(store, "s")
  end)

  it("are out of sight until a vacuum removes them", function()
    assert.are.equal(1, session:tombstone { "right-leaf" })
    assert.is_nil((session:node("right-leaf")))
    assert.are.same({ "root left left-leaf", 3, "", "left-leaf" }, { all(session),
      session:head().node_count, ids(session:orphans()), ids(session:leaves()) })
    refused("not_found", session:path("right-leaf"))
    refused("exists", session:append { user "right-leaf" })
    assert.are.equal(0, session:tombstone { "right-leaf" })
    assert.are.equal(1, session:vacuum())
    assert.are.equal(0, session:vacuum())
    assert.are.equal(3, support.rows(store, "session_nodes"))
    assert(session:append { user "right-leaf" })
  end)

  it("may not leave live nodes without what they stand on", function()
    for _, list in ipairs { { "root" }, { "left" }, { "root", "left", "left-leaf" },
      { "right-leaf", "left" } } do
      refused("conflict", session:tombstone(list))
    end
    assert.are.equal("root left left-leaf right-leaf", all(session))
    assert.are.equal(2, session:tombstone { "left-leaf", "left", "left" })
  end)

  it("leave the leaf at the nearest node that stays", function()
    assert(session:tombstone { "left-leaf", "left" })
    assert.are.same({ "root", "root" }, { session:head().leaf, ids(session:path()) })
    assert(session:append { user "new" })
    assert.are.equal("root new", ids(session:path()))
    assert(session:tombstone { "root", "new", "right-leaf" })
    assert.is_nil(session:head().leaf)
    assert.are.same({ 0, 0 }, { session:head().node_count, session:head().user_message_count })
    assert.is_nil(session:head().first_user_message)
    assert.are.same({}, session:path())
    assert.are.equal(5, session:vacuum())
    assert(session:append { user "root" })
    assert.are.equal("text of root", session:head().first_user_message)
  end)

  it("make room for others", function()
    assert(session:tombstone { "left-leaf" })
    assert(session:append { user "in-its-place" })
    assert.are.equal("root left in-its-place", ids(session:path()))
    assert.are.equal(1, session:vacuum())
    assert.are.equal("in-its-place", ids(session:graph():children("left")))
    assert(session:append { user("next", "left") })
    assert.are.equal("in-its-place next", ids(session:graph():children("left")))
  end)

  it("may be all that does not lie on the path", function()
    assert(session:append { user("a", "root"), user("b", "a"), user("c", "left") })
    assert(session:checkout("b"))
    assert.are.equal(4, session:tombstone(session:orphans()))
    assert.are.equal("root a b", all(session))
    assert.are.equal(4, session:vacuum())
    assert.are.equal(0, session:tombstone(session:orphans()))
  end)
end)
