local delivery = require "moonbase.delivery"

-- An entry from words: its boundary, and any of one, barrier, strict (no fallback), @run.
local function entry(words)
  local made = { granularity = "batch", barrier = false, fallback = true }
  for word in words:gmatch("%S+") do
    if delivery.boundaries[word] then made.boundary = word
    elseif word == "one" then made.granularity = "one"
    elseif word == "barrier" then made.barrier = true
    elseif word == "strict" then made.fallback = false
    else made.target_run = word:match("^@(.+)$") end
  end
  return made
end

local function select(boundary, run, ...)
  local entries = {}
  for i, words in ipairs { ... } do entries[i] = entry(words) end
  return table.concat(delivery.select(entries, boundary, run), " ")
end

describe("a boundary takes", function()
  it("what is due at it or before it, and input for a resumption only at one", function()
    local cascade = {
      interrupt = { interrupt = true },
      next_step = { interrupt = true, next_step = true },
      on_natural_end = { interrupt = true, next_step = true, on_natural_end = true },
      new_run = { interrupt = true, next_step = true, on_natural_end = true, new_run = true },
      resume_input = { resume_input = true },
    }
    for boundary, taken in pairs(cascade) do
      for kind in pairs(delivery.boundaries) do
        assert.are.equal(taken[kind] and "1" or "", select(boundary, nil, kind))
      end
    end
  end)

  it("all that is due, in order", function()
    assert.are.equal("1 2 3", select("new_run", nil, "new_run", "interrupt", "next_step"))
  end)

  it("an entry that goes alone by itself, and none with it", function()
    assert.are.equal("1", select("new_run", nil, "new_run one", "new_run"))
    assert.are.equal("1 2", select("new_run", nil, "new_run", "new_run", "new_run one",
      "new_run"))
  end)

  it("nothing behind what is not due yet", function()
    assert.are.equal("1", select("interrupt", nil, "interrupt", "next_step", "interrupt"))
    assert.are.equal("", select("next_step", nil, "resume_input", "next_step"))
    assert.are.equal("", select("new_run", nil, "resume_input", "new_run"))
  end)

  it("what goes on behind messages that wait for a new run", function()
    assert.are.equal("2 4", select("next_step", nil, "new_run", "next_step", "new_run",
      "next_step"))
    assert.are.equal("2", select("interrupt", nil, "new_run", "interrupt"))
    assert.are.equal("2", select("resume_input", nil, "new_run", "resume_input"))
  end)

  it("at a new run what stands behind entries that only a running one may have", function()
    assert.are.equal("2", select("new_run", "r", "next_step @other strict", "new_run"))
    assert.are.equal("1 2", select("new_run", "r", "next_step @other", "new_run"))
    assert.are.equal("2", select("new_run", nil, "resume_input strict", "new_run"))
  end)

  it("a barrier only when nothing was passed over, and nothing with or past it", function()
    assert.are.equal("1", select("next_step", nil, "next_step barrier", "next_step"))
    assert.are.equal("1 2", select("next_step", nil, "next_step", "next_step barrier",
      "next_step"))
    assert.are.equal("", select("next_step", nil, "new_run", "next_step barrier", "next_step"))
    assert.are.equal("", select("next_step", nil, "new_run barrier", "next_step"))
  end)

  it("an entry for a run only when that run asks", function()
    assert.are.equal("1", select("next_step", "r", "next_step @r"))
    assert.are.equal("", select("next_step", "s", "next_step @r"))
    assert.are.equal("", select("next_step", nil, "next_step @r"))
    assert.are.equal("1", select("resume_input", "r", "resume_input @r"))
    assert.are.equal("", select("resume_input", "s", "resume_input @r"))
  end)

  it("an entry for a run at a new one, if it may fall back to that", function()
    assert.are.equal("1", select("new_run", "s", "next_step @r"))
    assert.are.equal("", select("new_run", "r", "new_run @r strict"))
  end)

  it("nothing from an empty queue", function()
    assert.are.equal("", select("new_run"))
  end)
end)
