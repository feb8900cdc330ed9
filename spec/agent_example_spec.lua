-- The example runs as a program of its own, with this interpreter and this build.
local function run(arguments)
  local interpreter = jit and "luajit" or "lua5.4"
  local pipe = assert(io.popen(("LUA_PATH='%s' LUA_CPATH='%s' %s examples/agent.lua %s 2>&1;"
    .. " echo \"status $?\""):format(package.path, package.cpath, interpreter, arguments)))
  local output = pipe:read("*a")
  pipe:close()
  return output
end

describe("the agent of the examples", function()
  it("is killed three times and has done everything once", function()
    local output = run("")
    assert.matches("status 0\n$", output, 1, false, output)
    assert.are.equal(3, select(2, output:gsub("kill %-9", "")), output)
    assert.matches("word for word those of a run that nobody killed", output, 1, true)
    assert.matches("8 tool jobs done, 0 left over", output, 1, true)
    assert.matches("forked after 4 of 13 messages", output, 1, true)
  end)

  it("works with a language model behind HTTP", function()
    local server = assert(io.popen((jit and "luajit" or "lua5.4")
      .. " spec/support/model_server.lua & echo pid $!"))
    local told = server:read("*l") .. "\n" .. server:read("*l")
    local pid, port = told:match("pid (%d+)"), told:match("port (%d+)")
    local output = run("--question 'What is there?' --model m --url http://127.0.0.1:" .. port
      .. "/v1")
    os.execute("kill " .. pid)
    server:close()
    assert.matches("status 0\n$", output, 1, false, output)
    assert.matches("You asked: What is there?", output, 1, true)
  end)
end)
