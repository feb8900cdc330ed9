-- What a reader without exact integers writes back: the function that makes them integers again.
local BIG = "9007199254740993"
local OLD = ('{"n":%s,"list":[%s,"%s"],"x":{"y\\n":-%s}}'):format(BIG, BIG, BIG, BIG)
local GIVEN = ('{"n":"%s","list":["%s","%s"],"x":{"y\\n":"-%s","z":1}}'):format(BIG, BIG, BIG, BIG)
local KEPT = ('{"n":%s,"list":[%s,"%s"],"x":{"y\\n":-%s,"z":1}}'):format(BIG, BIG, BIG, BIG)
local CASES = { { GIVEN, OLD, KEPT }, { GIVEN, "{", GIVEN }, { "[", OLD, "[" }, { GIVEN, nil, GIVEN },
  { "[]", ("["):rep(900) .. BIG .. ("]"):rep(900), "[]" } }

return {
  run = function(t)
    for _, case in ipairs(CASES) do
      local ok, text = t:try(t.engine.value, t.engine, "SELECT keep_integers($given, $old)", case[1],
        case[2])
      if ok then t:same(case[3], text, "kept") end
    end
  end,
}
