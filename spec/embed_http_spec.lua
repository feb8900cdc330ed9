-- The embedder behind HTTP, against a real server in a process of its own.

local core = require "moonbase.core"
local embed = require "moonbase.embed"
local files = require "spec.support.files"
local moonbase = require "moonbase"
local embedding_server = require "spec.support.embedding_server"
local outcome = require "spec.support.outcome"

local server

setup(function() server = embedding_server.start() end)
teardown(function()
  server:stop()
  files.cleanup()
end)

local counter = 0

-- An embedder of a model that behaves in a way; each has a name of its own, and so its own tries.
local function embedder(behaviour, options)
  counter = counter + 1
  local all = { url = server.url, model = behaviour .. "-" .. counter, dim = 4, timeout = 5000 }
  for name, value in pairs(options or {}) do all[name] = value end
  return assert(embed.http(all))
end

local function vector(text)
  return { #text, text:byte(1) or 0, text:byte(-1) or 0, 1 }
end

local function vectors_of(one, texts)
  local packed, err = embed.run(one, texts)
  if not packed then return nil, err end
  local list = {}
  for i, bytes in ipairs(packed) do list[i] = core.vector_numbers(bytes) end
  return list
end

local function assert_works(one)
  local texts = { "alpha", "be", "gamma ray" }
  assert.same({ vector "alpha", vector "be", vector "gamma ray" }, assert(vectors_of(one, texts)))
end

local function requests_of(one)
  local list = {}
  for _, request in ipairs(server:log()) do
    if request.model == one.name then list[#list + 1] = request end
  end
  return list
end

describe("the embedder behind HTTP", function()
  it("gives a vector for each text, in order", function()
    assert_works(embedder "good")
  end)

  it("puts answers in the order of their index, whatever order they come in", function()
    assert_works(embedder "backwards")
    assert_works(embedder "unnumbered")
  end)

  it("reads answers in chunks, without a length, and behind interim ones", function()
    assert_works(embedder "chunked")
    assert_works(embedder "to_the_end")
    assert_works(embedder "continued")
  end)

  it("sends texts in batches", function()
    local one, texts = embedder("good", { batch = 3 }), {}
    for i = 1, 8 do texts[i] = ("x"):rep(i) end
    local list = assert(vectors_of(one, texts))
    for i = 1, 8 do assert.same(vector(texts[i]), list[i]) end
    local counts = {}
    for i, request in ipairs(requests_of(one)) do counts[i] = request.count end
    assert.same({ 3, 3, 2 }, counts)
  end)

  it("sends a text once, however often it is asked for", function()
    local one = embedder "good"
    assert(vectors_of(one, { "a", "b", "a" }))
    assert.same({ vector "b", vector "c", vector "a" }, assert(vectors_of(one, { "b", "c", "a" })))
    local sent = {}
    for _, request in ipairs(requests_of(one)) do
      for _, text in ipairs(request.input) do sent[#sent + 1] = text end
    end
    assert.same({ "a", "b", "c" }, sent)
  end)

  it("asks for nothing when there is no text", function()
    local one = embedder "good"
    assert.same({}, assert(embed.run(one, {})))
    assert.same({}, requests_of(one))
  end)

  it("knows the address of an API from its base", function()
    local base = "http://127.0.0.1:" .. server.port
    for url, path in pairs {
      [base] = "/v1/embeddings", [base .. "/"] = "/v1/embeddings", [base .. "/v1"] = "/v1/embeddings",
      [base .. "/v1/"] = "/v1/embeddings", [base .. "/x/embeddings"] = "/x/embeddings",
      [base .. "/api?version=2"] = "/api?version=2", ["HTTP" .. base:sub(5)] = "/v1/embeddings",
    } do
      local one = embedder("good", { url = url })
      assert_works(one)
      assert.equal(path, requests_of(one)[1].path)
    end
  end)

  it("shows its key, and only to the server", function()
    local one = embedder("good", { api_key = "sk-secret" })
    assert_works(one)
    assert.equal("Bearer sk-secret", requests_of(one)[1].authorization)
    for _, value in pairs(one) do assert.is_nil(tostring(value):find("secret", 1, true)) end
  end)
end)

describe("where the server fails for a while, the embedder", function()
  for behaviour, tries in pairs { flaky = 3, hasty = 3, dropped = 2, cut = 2, cut_chunk = 2 } do
    it("tries again: " .. behaviour, function()
      local one = embedder(behaviour)
      assert_works(one)
      assert.equal(tries, #requests_of(one))
    end)
  end

  it("gives up in the end, and says so", function()
    local one = embedder("broken", { timeout = 1200 })
    local list, err = vectors_of(one, { "a" })
    assert.is_nil(list)
    assert.same({ "io", true, 500 }, { err.code, err.retryable, err.status })
    assert.matches("it broke", err.message, 1, true)
    assert.is_true(#requests_of(one) >= 2)
  end)

  it("asks four times at most", function()
    local one = embedder "hurried"
    local list, err = vectors_of(one, { "a" })
    assert.is_nil(list)
    assert.same({ "io", true, 429 }, { err.code, err.retryable, err.status })
    assert.equal(4, #requests_of(one))
  end)

  it("does not wait longer than its time allows", function()
    local one = embedder "patient"
    local list, err = vectors_of(one, { "a" })
    assert.is_nil(list)
    assert.same({ "io", true, 429 }, { err.code, err.retryable, err.status })
    assert.equal(1, #requests_of(one))
  end)

  it("lets a server that hangs go", function()
    local list, err = vectors_of(embedder("hangs", { timeout = 150 }), { "a" })
    assert.is_nil(list)
    assert.same({ "io", true }, { err.code, err.retryable })
  end)

  it("says that nobody is there", function()
    local one = embedder("good", { url = "http://127.0.0.1:1/v1", timeout = 400 })
    local list, err = vectors_of(one, { "a" })
    assert.is_nil(list)
    assert.same({ "io", true }, { err.code, err.retryable })
  end)

  it("keeps what it got of the batches before", function()
    local one = embedder("cut", { batch = 1, timeout = 200 })
    assert.is_nil((vectors_of(one, { "a", "b" })))
    assert.same({ vector "a" }, assert(vectors_of(one, { "a" })))
  end)
end)

describe("an answer that no retry would better", function()
  it("is given back at once, without the key", function()
    local one = embedder("refused", { api_key = "sk-s.e%c+ret" })
    local list, err = vectors_of(one, { "a" })
    assert.is_nil(list)
    assert.same({ "io", false, 401 }, { err.code, err.retryable, err.status })
    assert.matches("Incorrect key: Bearer ***", err.message, 1, true)
    assert.is_nil(tostring(err):find("[%c]"))
    for _, value in pairs(err) do assert.is_nil(tostring(value):find("s.e%c+ret", 1, true)) end
    assert.equal(1, #requests_of(one))
  end)

  it("is not followed elsewhere", function()
    local _, err = vectors_of(embedder "moved", { "a" })
    assert.same({ "io", false, 302 }, { err.code, err.retryable, err.status })
  end)

  for _, behaviour in ipairs { "not_json", "no_list", "one_less", "too_short", "nulls", "infinite",
    "doubled", "far" } do
    it("is `invalid` for a wrong shape: " .. behaviour, function()
      local list, err = vectors_of(embedder(behaviour), { "aa", "bb" })
      assert.is_nil(list)
      assert.same({ "invalid", false }, { err.code, err.retryable })
    end)
  end

  for _, behaviour in ipairs { "huge", "flood", "chunk_flood", "endless_head", "not_http" } do
    it("is not read to the end: " .. behaviour, function()
      outcome.refused("io", vectors_of(embedder(behaviour, { timeout = 200 }), { "a" }))
    end)
  end
end)

describe("a store with such an embedder", function()
  it("finds what it remembers", function()
    local store = assert(moonbase.open(":memory:", { embed = embedder "good" }))
    assert(store.memory:remember { id = "a", text = "apple" })
    assert.equal("apple", store.memory:recall("a").text)
    store:close()
  end)

  it("writes nothing when it fails", function()
    for behaviour, code in pairs { broken = "io", one_less = "invalid", hangs = "io" } do
      local store = assert(moonbase.open(":memory:", { embed = embedder(behaviour, { timeout = 100 }) }))
      local record, err = store.memory:remember { id = "a", text = "apple" }
      assert.is_nil(record)
      assert.equal(code, err.code)
      local report
      report, err = store.memory:ingest { source = "s", kind = "document", text = "An apple." }
      assert.is_nil(report)
      assert.equal(code, err.code)
      assert.equal(0, store.memory:stats().count)
      store:close()
    end
  end)
end)

describe("embed.http", function()
  local GOOD = { url = "http://x.y", model = "m", dim = 4 }

  local function try(field, value)
    local options = {}
    for name, one in pairs(GOOD) do options[name] = one end
    options[field] = value -- nil leaves it out
    return embed.http(options)
  end

  it("refuses what cannot be", function()
    for _, case in ipairs {
      { "url", "" }, { "url", "ftp://x" }, { "url", "http://" }, { "url", "http://a b" },
      { "url", "http://u:p@x" }, { "url", "http://x:0" }, { "url", "http://x:99999" },
      { "url", "http://x/\r\nEvil: 1" }, { "url", "x" }, { "url", "http://x#f" },
      { "model", "" }, { "dim", 0 }, { "dim", 1.5 }, { "dim", 2 ^ 20 }, { "dim", 0 / 0 },
      { "api_key", "" }, { "api_key", "a\r\nEvil: 1" }, { "api_key", "a b" }, { "timeout", 0 },
      { "batch", 0 }, { "batch", -1 },
    } do
      local one, err = try(case[1], case[2])
      assert.is_nil(one, case[1] .. " " .. tostring(case[2]))
      assert.same({ "invalid", case[1] }, { err.code, err.field })
    end
    for name in pairs(GOOD) do
      local one, err = try(name, nil)
      assert.is_nil(one)
      assert.same({ "invalid", name }, { err.code, err.field })
    end
  end)

  it("raises for wrong types and unknown options", function()
    assert.has_error(function() try("url", 7) end)
    assert.has_error(function() try("dim", "4") end)
    assert.has_error(function() try("foo", 1) end)
    assert.has_error(function() embed.http(7) end)
  end)
end)
