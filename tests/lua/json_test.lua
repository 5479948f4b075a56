--- lib.json: what was sent is what comes back (DESIGN, law 10).
local json = require "lib.json"
local t    = require "lib.test"

local function round(text) return json.encode(json.decode(text, { ordered = true })) end

t.test("what was sent comes back byte by byte: integers, empty arrays, null, order of keys", function()
  for _, text in ipairs {
    '{"z":1,"a":[],"m":{},"n":null}',
    '[9007199254740993,-9223372036854775808,9223372036854775807]',
    '[1,1.0,-0.0,0.1,1e+300,123456789.125]',
    '{"a":{"b":{"c":[null,[null]]}}}',
    '[]', '{}', 'null', '""', 'true', '"\\u0000\\u0001\\n\\t\\r\\"\\\\"',
    '"ğ 🌍"',
  } do
    t.equal(round(text), text)
  end
end)

t.test("an integer and a number with a fraction of zero are told apart", function()
  local value = json.decode "[1, 1.0, 9007199254740993]"
  t.equal(math.type(value[1]), "integer")
  t.equal(math.type(value[2]), "float")
  t.equal(value[3], 9007199254740993)
end)

t.test("null is a value of its own, and absent is nil", function()
  local value = json.decode '{"a":null}'
  t.equal(value.a == json.null, true)
  t.equal(value.a == nil, false)
  t.equal(value.b, nil)
  t.equal(json.encode { a = json.null }, '{"a":null}')
end)

t.test("an empty table is an object, and an empty list is said to be one", function()
  t.equal(json.encode {}, "{}")
  t.equal(json.encode(json.array {}), "[]")
  t.equal(json.is_array(json.decode "[]"), true)
  t.equal(json.is_array(json.decode "{}"), false)
end)

t.test("keys of a plain table are written in bytewise order", function()
  t.equal(json.encode { b = 1, a = 2, C = 3, aa = 4 }, '{"C":3,"a":2,"aa":4,"b":1}')
end)

t.test("what is added to an ordered object comes after what it remembers", function()
  local object = json.decode('{"z":1,"y":2}', { ordered = true })
  object.b, object.a, object.y = 3, 4, nil
  t.equal(json.encode(object), '{"z":1,"a":4,"b":3}')
  t.equal(json.encode(json.object { { "z", 1 }, { "a", json.null } }), '{"z":1,"a":null}')
end)

t.test("what is no JSON is refused with line and column", function()
  for _, text in ipairs {
    "", "{", "[1,]", "{'a':1}", "nul", "NaN", "Infinity", "[1] 2", "01", "+1", '"\\x"', '"a', "\xEF\xBB\xBF{}",
    '"\\ud800"', '"\\udc00\\ud800"', '"\xFF"', '"\xED\xA0\x80"', '"\n"', "1e400", "99999999999999999999",
    '{"a\\u0000":1}',
  } do
    local value, err = json.decode(text)
    t.equal(value, nil, text)
    t.equal(err.code, "invalid", text)
    t.contains(err.message, "line 1")
  end
end)

t.test("depth and size have a limit", function()
  t.truthy(json.decode(("["):rep(256) .. ("]"):rep(256)))
  local value, err = json.decode(("["):rep(257) .. ("]"):rep(257))
  t.equal(value, nil)
  t.equal(err.code, "limit")
  value, err = json.decode(("["):rep(100000))
  t.equal(value, nil)
  t.truthy(err)
  value, err = json.decode('"' .. ("x"):rep(17 * 1024 * 1024) .. '"')
  t.equal(value, nil)
  t.equal(err.code, "limit")
end)

t.test("what has no JSON form is an error, never something else", function()
  local cycle = {}
  cycle[1] = cycle
  t.error(function() json.encode(cycle) end, "contains itself")
  t.error(function() json.encode(0 / 0) end, "not finite")
  t.error(function() json.encode(math.huge) end, "not finite")
  t.error(function() json.encode(print or function() end) end, "a function has no JSON form")
  t.error(function() json.encode { [1] = "a", x = 2 } end, "text keys")
  t.error(function() json.encode { [1.5] = 1 } end, "text keys")
  local raw = json.raw "1"
  raw[1] = nil
  t.error(function() json.encode(raw) end, "json.raw")
end)

t.test("bytes that are no UTF-8 do not end a run: they become U+FFFD", function()
  t.equal(json.encode "a\xFFb\xC3", '"a\u{FFFD}b\u{FFFD}"')
  t.equal(json.encode "\xED\xA0\x80", '"\u{FFFD}\u{FFFD}\u{FFFD}"')
end)

t.test("raw JSON stands as it is, and indentation changes no value", function()
  t.equal(json.encode { a = json.raw "[ 1 ]" }, '{"a":[ 1 ]}')
  t.equal(json.encode({ a = { 1, 2 } }, { indent = 2 }), '{\n  "a": [\n    1,\n    2\n  ]\n}')
  t.equal(json.encode(json.array {}, { indent = 2 }), "[]")
end)

t.test("every float that is written reads back as the same", function()
  for _, number in ipairs { 0.1, 1 / 3, 2 ^ 53, 5e-324, 1.7976931348623157e308, 123456.789e-12, -1e-7 } do
    t.equal(json.decode(json.encode(number)), number)
  end
end)

t.test("cjson is bounded and cannot be set", function()
  local cjson = require "cjson"
  t.equal(cjson.decode(cjson.encode { a = { 1.5, 2.5 } }).a[2], 2.5)
  t.equal(cjson.decode_max_depth, nil)
  t.equal(cjson.new, nil)
  local bomb = {}
  for _ = 1, 60 do bomb = { bomb, bomb } end
  t.error(function() cjson.encode(bomb) end, "cjson.encode")
end)
