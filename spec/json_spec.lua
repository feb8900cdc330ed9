-- JSON keeps what it is given, or says why it cannot: the same promise on Lua 5.4 and on LuaJIT.

local core = require "moonbase.core"
local cases = require "spec.data.json_cases"

local encode, decode, null = core.encode, core.decode, core.null
local engine = jit and "luajit" or "lua"
local math_type = math.type or function() return "number" end

local function is_refused(result, err)
  assert.is_nil(result)
  assert.equal("table", type(err))
  assert.equal("serialization", err.code)
  assert.is_false(err.retryable)
  return err
end

-- Whether two documents are the same, integers and doubles apart, and minus zero from zero.
local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and math_type(a) == math_type(b) and (a ~= 0 or 1 / a == 1 / b)
  end
  for key, value in pairs(a) do
    if not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return getmetatable(a) == getmetatable(b)
end

local function check_round_trip(value)
  local text, err = encode(value)
  assert.is_nil(err)
  local back, problem = decode(text)
  assert.is_nil(problem)
  assert.is_true(same(value, back), text)
  return text
end

-- A stream of numbers that is the same on every run and machine.
local function stream(seed)
  local state = seed
  return function(limit)
    state = (state * 16807) % 2147483647
    return state % limit
  end
end

describe("decoding", function()
  for _, case in ipairs(cases.accepted) do
    local name, text, again = case[1], case[2], case[3] or case[2]
    it("accepts " .. name, function()
      local value, err = decode(text)
      assert.is_nil(err)
      assert.equal(type(again) == "table" and again[engine] or again, encode(value))
    end)
  end

  for _, case in ipairs(cases.refused) do
    it("refuses " .. case[1], function()
      local err = is_refused(decode(case[2]))
      assert.truthy(err.message:match("^invalid JSON: .+ at byte %d+$"), err.message)
    end)
  end

  for _, case in ipairs(cases.chosen) do
    local name, text, again = case[1], case[2], case[3]
    it("chooses: " .. name, function()
      if again then
        assert.equal(type(again) == "table" and again[engine] or again, encode(assert(decode(text))))
      else
        is_refused(decode(text))
      end
    end)
  end

  it("says where a text goes wrong", function()
    assert.equal("invalid JSON: not a JSON value at byte 4", is_refused(decode("[1,x]")).message)
    assert.equal("invalid JSON: the text ends early at byte 3", is_refused(decode("[1")).message)
    assert.equal("invalid JSON: nested too deeply at byte 1001",
      is_refused(decode(("["):rep(1001))).message)
  end)

  it("takes nothing but a string", function()
    for _, value in ipairs { 1, true, {} } do
      assert.has_error(function() decode(value) end)
    end
    assert.has_error(function() decode() end)
  end)

  it("leaves no value behind after a failure in the depth", function()
    for _ = 1, 100 do
      assert.equal(2, select("#", decode('{"a":[1,{"b":[2,3,x]}]}')))
      assert.equal(1, select("#", decode('{"a":[1,{"b":[2,3]}]}')))
    end
  end)
end)

describe("numbers", function()
  it("keep integers exact over the range of the Lua", function()
    for _, text in ipairs { "0", "1", "-1", "1764547200123456", "9007199254740992" } do
      assert.equal(text, encode(decode(text)))
    end
    if math.type then
      for _, value in ipairs { math.maxinteger, math.mininteger, math.maxinteger - 1, 1 } do
        local back = decode(encode(value))
        assert.equal("integer", math.type(back))
        assert.equal(value, back)
      end
    end
  end)

  it("keep doubles doubles", function()
    assert.equal(jit and "3" or "3.0", encode(2.5 + 0.5))
    assert.equal("-0.0", encode(-0.0))
    assert.equal("1e300", encode(1e300))
    assert.equal("1e17", encode(1e17 + 0.0))
    assert.equal(jit and "1000000" or "1000000.0", encode(1e6))
    if math.type then
      assert.equal("float", math.type(decode("1e2")))
      assert.equal("float", math.type(decode("1.0")))
      assert.equal("integer", math.type(decode("1")))
    end
  end)

  it("are written with a point or an exponent where they are no integers", function()
    local random = stream(11)
    for _ = 1, 2000 do
      local value = (random(2147483647) + 0.5) * 2.0 ^ (random(600) - 300)
      local text = encode(value)
      if value % 1 ~= 0 or value > 2 ^ 53 then
        assert.truthy(text:find("[.e]"), text)
      end
    end
  end)

  -- The significant digits of a decimal.
  local function digits_of(text)
    local digits = text:gsub("e.*", ""):gsub("[-.]", ""):gsub("^0+", ""):gsub("0+$", "")
    return #digits
  end

  local function check_double(value)
    local text = encode(value)
    if value % 1 == 0 and math.abs(value) <= 2 ^ 53 then
      return -- LuaJIT writes an integer
    end
    assert.equal(("%.17g"):format(value), ("%.17g"):format(decode(text)), text)
    assert.equal(value, tonumber(text), text)
    local digits = digits_of(text)
    if digits > 1 then
      local shorter = ("%." .. digits - 2 .. "e"):format(value)
      assert.not_equal(value, tonumber(shorter), text .. " is longer than " .. shorter)
    end
  end

  it("are the shortest that read back, over all bit patterns", function()
    local random = stream(42)
    for _ = 1, 20000 do
      local mantissa = random(2 ^ 27) * 2 ^ 26 + random(2 ^ 26)
      check_double(mantissa * 2.0 ^ (random(2046) - 1074))
    end
  end)

  it("are the shortest that read back, subnormal", function()
    local random = stream(43)
    for _ = 1, 2000 do
      check_double((1 + random(2 ^ random(31))) * 2.0 ^ -1074)
    end
  end)

  it("are the shortest that read back, near powers of two and ten", function()
    for exponent = -1022, 1023 do
      local power = 2.0 ^ exponent
      check_double(power)
      check_double(power * (1 + 2.0 ^ -52))
      check_double(power * (1 - 2.0 ^ -53))
    end
    for exponent = -307, 308 do
      check_double(tonumber("1e" .. exponent))
      check_double(tonumber("9.999999999999999e" .. exponent - 1))
    end
  end)

  it("are the shortest that read back, as people write them", function()
    local random = stream(44)
    for _ = 1, 5000 do
      check_double(random(1000000) / 10 ^ random(9))
      check_double(-random(1000000) / 10 ^ random(9))
    end
  end)

  it("refuse NaN and the infinities", function()
    is_refused(encode(0 / 0))
    is_refused(encode(1 / 0))
    is_refused(encode(-1 / 0))
  end)

  it("do not depend on the locale", function()
    local folder = os.tmpname()
    os.remove(folder)
    local made = os.execute(("mkdir %s && localedef -c -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null")
      :format(folder, folder))
    local script = ([[package.cpath = %q
      if not os.setlocale("de_DE.UTF-8") then os.exit(0) end
      assert(jit or ("%%.1f"):format(0.5) == "0,5")
      local core = require "moonbase.core"
      assert(core.encode(0.5) == "0.5" and core.encode(1e300) == "1e300")
      assert(core.encode(core.decode("0.12345678901234567890")) == "0.12345678901234568")
      assert(core.encode(core.decode("0.30000000000000004")) == "0.30000000000000004")]])
      :format(package.cpath)
    local file = folder .. "/check.lua"
    if made == true or made == 0 then
      local out = assert(io.open(file, "w"))
      out:write(script)
      out:close()
      local status = os.execute(("LOCPATH=%s %s %s"):format(folder, jit and "luajit" or "lua5.4", file))
      assert.truthy(status == true or status == 0)
    end
    os.execute("rm -rf " .. folder)
  end)
end)

describe("strings", function()
  it("survive with every byte that UTF-8 allows", function()
    check_round_trip("a\0b")
    for byte = 0, 127 do
      for _, length in ipairs { 0, 1, 7, 8, 15, 16, 17, 40 } do
        check_round_trip(("x"):rep(length) .. string.char(byte) .. ("y"):rep(length))
      end
    end
  end)

  it("survive with any character at any place", function()
    for _, character in ipairs { "é", "今", "😀", "\239\191\191", "\127", '"', "\\", "\n" } do
      for before = 0, 34 do
        for after = 0, 18 do
          check_round_trip(("x"):rep(before) .. character .. ("y"):rep(after))
        end
      end
    end
  end)

  it("are refused when they are not UTF-8, at any place", function()
    for _, bytes in ipairs { "\128", "\195", "\237\160\128", "\244\144\128\128", "\255" } do
      for before = 0, 34 do
        is_refused(encode(("x"):rep(before) .. bytes .. ("y"):rep(before % 7)))
        is_refused(encode(("é"):rep(before) .. bytes .. ("今"):rep(before % 7)))
      end
    end
  end)

  it("of a megabyte survive", function()
    check_round_trip(("0123456789abcdef"):rep(65536))
    check_round_trip(("é\n\"今"):rep(150000))
  end)
end)

describe("tables", function()
  it("keep [] and {} apart", function()
    assert.equal("{}", encode({}))
    assert.equal("[]", encode(core.array({})))
    assert.equal('{"a":[],"b":{}}', (encode(decode('{"a":[],"b":{}}')):gsub('^{"b":{},"a":%[%]}$',
      '{"a":[],"b":{}}')))
    local list = decode("[]")
    list[1] = "a"
    assert.equal('["a"]', encode(list))
    list[1] = nil
    assert.equal("[]", encode(list))
  end)

  it("mark an array and return it", function()
    local list = { 1, 2 }
    assert.equal(list, core.array(list))
    assert.equal(list, core.array(list))
    assert.equal("[1,2]", encode(list))
    assert.has_error(function() core.array() end)
    assert.has_error(function() core.array("x") end)
    assert.has_error(function() core.array(setmetatable({}, {})) end)
  end)

  it("understand the mark of another library", function()
    local theirs = {}
    assert.equal("{}", encode(setmetatable({}, theirs)))
    assert.equal(getmetatable(core.array {}), core.array_metatable(theirs))
    assert.equal("[]", encode(setmetatable({}, theirs)))
    assert.equal("[1]", encode(setmetatable({ 1 }, theirs)))
    is_refused(encode(setmetatable({ a = 1 }, theirs)))
    assert.has_error(function() core.array_metatable("x") end)
  end)

  it("understand lua-cjson's null, and its arrays where it has them", function()
    local found, cjson = pcall(require, "cjson")
    assert.equal("null", encode(null))
    assert.equal(null, decode("null"))
    if found then
      assert.equal(cjson.null, null)
      assert.equal("[null]", encode({ cjson.null }))
    end
    if found and cjson.array_mt then
      assert.equal("[]", encode(setmetatable({}, cjson.array_mt)))
      assert.equal("[]", encode(setmetatable({}, cjson.empty_array_mt)))
      assert.equal('{"a":1}', encode(setmetatable({ a = 1 }, cjson.empty_array_mt)))
      assert.equal("[]", encode(cjson.empty_array))
    end
  end)

  it("take no notice of other metatables", function()
    local class = setmetatable({}, { __index = function() error("called") end })
    class.__index, class.__pairs, class.__len = class, error, error
    assert.equal('{"a":1}', encode(setmetatable({ a = 1 }, class)))
    assert.equal("[1,2]", encode(setmetatable({ 1, 2 }, class)))
  end)

  it("are arrays in whatever order the keys came", function()
    assert.equal("[1,2,3]", encode({ [3] = 3, [2] = 2, [1] = 1 }))
    local list = {}
    for i = 100, 1, -1 do
      list[i] = i
    end
    local numbers = {}
    for i = 1, 100 do
      numbers[i] = i
    end
    assert.equal("[" .. table.concat(numbers, ",") .. "]", encode(list))
    assert.equal('[{"a":[3,2,1]}]', encode({ { a = { [2] = 2, [3] = 1, [1] = 3 } } }))
  end)

  it("are refused when they are neither arrays nor objects", function()
    is_refused(encode({ 1, nil, 3 }))
    is_refused(encode({ [2] = 1 }))
    is_refused(encode({ [0] = 1 }))
    is_refused(encode({ [-1] = 1 }))
    is_refused(encode({ [1.5] = 1 }))
    is_refused(encode({ [2 ^ 40] = 1 }))
    is_refused(encode({ 1, 2, a = 3 }))
    is_refused(encode({ a = 3, [7] = 1 }))
    is_refused(encode({ [true] = 1 }))
    is_refused(encode({ [null] = 1 }))
    is_refused(encode({ [{}] = 1 }))
    is_refused(encode(core.array({ a = 1 })))
    is_refused(encode(core.array({ 1, [3] = 1 })))
  end)

  it("hold keys of every length, and the last of two", function()
    local random = stream(5)
    for _ = 1, 300 do
      local expected, parts = {}, {}
      for i = 1, random(150) do
        local key = ("k"):rep(random(40)) .. random(30)
        expected[key] = i
        parts[i] = ('"%s":%d'):format(key, i)
      end
      assert.is_true(same(expected, decode("{" .. table.concat(parts, ",") .. "}")))
    end
  end)

  it("may say the same key in an inner and then in an outer object", function()
    assert.same({ a = { id = 1, x = 2 }, id = 3, x = 4 },
      decode('{"a":{"id":1,"x":2},"id":3,"x":4}'))
    assert.same({ a = { id = 1 }, id = 4 }, decode('{"id":2,"a":{"id":1},"id":4}'))
    assert.same({ a = { id = 1 }, id = 5 }, decode('{"id":2,"id":3,"a":{"id":1},"id":5}'))
  end)
end)

describe("large documents", function()
  it("keep arrays of every size around a portion", function()
    for _, size in ipairs { 1, 2, 63, 64, 65, 127, 128, 129, 1000, 5000, 100000 } do
      local list = {}
      for i = 1, size do
        list[i] = i
      end
      check_round_trip(list)
    end
  end)

  it("keep objects of every size around a portion", function()
    for _, size in ipairs { 1, 2, 63, 64, 65, 127, 128, 129, 1000, 5000, 50000 } do
      local object = {}
      for i = 1, size do
        object["key" .. i] = i
      end
      check_round_trip(object)
    end
  end)

  it("keep what is both deep and wide", function()
    local value = {}
    for depth = 1, 900 do
      local outer = { depth = depth }
      for i = 1, 50 do
        outer["k" .. i] = i
      end
      outer.inner = value
      outer.list = { value, depth, {} }
      value = { outer.inner, outer.depth, { list = outer.list[2] } }
    end
    check_round_trip(value)
  end)

  it("keep a wide table at every level", function()
    local text = '"end"'
    for _ = 1, 400 do
      local parts = {}
      for i = 1, 70 do
        parts[i] = tostring(i)
      end
      text = "[" .. table.concat(parts, ",") .. "," .. text .. "]"
    end
    assert.equal(text, encode(decode(text)))
  end)

  it("keep random documents", function()
    local random = stream(7)
    local words = { "", "a", "role", "content", "é", "今天", "line\nbreak", 'quo"te', "😀 smile" }
    local function value(depth)
      local kind = random(depth > 5 and 6 or 9)
      if kind == 0 then return random(2) == 0 end
      if kind == 1 then return random(2000000) - 1000000 end
      if kind == 2 then return (random(2000000) - 1000000) / 1024 + 1 / 4096 end
      if kind == 3 then return null end
      if kind < 6 then return words[random(#words) + 1]:rep(random(5)) end
      if kind == 6 then
        local object = {}
        for _ = 1, random(12) do
          object[words[random(#words) + 1] .. random(20)] = value(depth + 1)
        end
        return object
      end
      local list = {}
      for i = 1, random(12) do
        list[i] = value(depth + 1)
      end
      return #list > 0 and list or core.array(list)
    end
    for _ = 1, 2000 do
      check_round_trip(value(0))
    end
  end)
end)

describe("nesting", function()
  local function nested(depth)
    local value = core.array {}
    for _ = 2, depth do
      value = { value }
    end
    return value
  end

  it("goes 1000 deep, both ways", function()
    assert.equal(("["):rep(1000) .. ("]"):rep(1000), check_round_trip(nested(1000)))
  end)

  it("is refused beyond that", function()
    local err = is_refused(encode(nested(1001), "data"))
    assert.equal("nested too deeply", err.message)
    assert.equal("data" .. ("[1]"):rep(1000):sub(1, 235), err.field:sub(1, 239))
  end)

  it("does not go around in circles", function()
    local value = { name = "x" }
    value.self = value
    assert.equal("data.self", is_refused(encode(value, "data")).field)
    local list = { 1, { 2 } }
    list[2][2] = { { inner = list } }
    assert.equal("data[2][2][1].inner", is_refused(encode(list, "data")).field)
  end)

  it("may meet a table twice that does not hold itself", function()
    local twice = { 1 }
    assert.equal("[[1],[1]]", encode({ twice, twice }))
  end)
end)

describe("a full Lua stack", function()
  it("is an error, not a crash", function()
    local fill, met = {}, {}
    local limit = jit and 8000 or 1000000
    for i = 1, limit do
      fill[i] = false
    end
    local unpack = table.unpack or unpack
    for free = 30, 100 do
      for _, work in ipairs { decode, encode } do
        local argument = work == decode and "[1]" or { 1 }
        local called, result, err = pcall(coroutine.wrap(function() -- a stack of its own
          return work(argument, nil, unpack(fill, 1, limit - free))
        end))
        if called and not result then
          assert.equal("internal", err.code)
          assert.equal("the Lua stack is full", err.message)
          met[work] = true
        end
      end
    end
    assert.is_true(met[decode] and met[encode])
  end)
end)

describe("the path of what is refused", function()
  local function field_of(value)
    return is_refused(encode(value, "data")).field
  end

  it("leads through fields and items", function()
    assert.equal("data", field_of(print))
    assert.equal("data.x", field_of({ x = print }))
    assert.equal("data[3]", field_of({ 1, 2, print }))
    assert.equal("data.outer[1].x", field_of({ outer = { { x = 0 / 0 } } }))
    assert.equal("data[2][1].a.b", field_of({ 1, { { a = { b = "\255" } } } }))
    assert.equal("data[2]", field_of({ [3] = 1, [2] = print, [1] = 1 }))
  end)

  it("quotes what is no name", function()
    assert.equal('data["a b"]', field_of({ ["a b"] = print }))
    assert.equal('data[""]', field_of({ [""] = print }))
    assert.equal('data["1"]', field_of({ ["1"] = print }))
    assert.equal('data["a\\"b"].c', field_of({ ['a"b'] = { c = print } }))
    assert.equal('data["ключ"]', field_of({ ["ключ"] = print }))
    assert.equal("data._x1", field_of({ _x1 = print }))
  end)

  it("ends at a table that is at fault itself, or has a key that is", function()
    assert.equal("data.a", field_of({ a = { 1, nil, 3 } }))
    assert.equal("data.a[1]", field_of({ a = { { 1, b = 2 } } }))
    assert.equal("data.a", field_of({ a = { ["\255"] = 1 } }))
    assert.equal("data.a", field_of({ a = { [true] = 1 } }))
  end)

  it("begins with the name given", function()
    assert.equal("value.x", is_refused(encode({ x = print })).field)
    assert.equal("message.x", is_refused(encode({ x = print }, "message")).field)
  end)

  it("is cut between two characters when it is long", function()
    local field = field_of({ [("é"):rep(300)] = print })
    assert.is_true(#field < 240)
    assert.is_nil(select(2, encode(field)))
  end)

  it("comes with a word about the value", function()
    local function message_of(value)
      return is_refused(encode(value)).message
    end
    assert.equal("a function has no JSON form", message_of({ print }))
    assert.equal("a thread has no JSON form", message_of({ coroutine.create(print) }))
    assert.equal("a userdata has no JSON form", message_of({ io.stdout }))
    assert.equal("NaN has no JSON form", message_of({ 0 / 0 }))
    assert.equal("infinity has no JSON form", message_of({ -1 / 0 }))
    assert.equal("a string is not valid UTF-8", message_of({ "\255" }))
    assert.equal("a nil has no JSON form", message_of(nil))
    if jit then
      assert.equal("a cdata has no JSON form", message_of({ require("ffi").new("int64_t") }))
    end
  end)

  it("misuse raises", function()
    assert.has_error(function() encode() end)
    assert.has_error(function() encode({}, {}) end)
  end)
end)
