--- lib.schema: what authors write, what models are told, what is checked.
local json   = require "lib.json"
local regex  = require "lib.regex"
local schema = require "lib.schema"
local t      = require "lib.test"

local SEARCH = schema.object {
  { "pattern", schema.text { max = 500 },                               "Regular expression." },
  { "path",    schema.path { default = "." },                           "Folder or file." },
  { "limit",   schema.integer { min = 1, max = 2000, default = 200 },   "Most lines." },
  { "kinds",   schema.list { of = schema.enum { "c", "lua" }, max = 3 }, "Only these.", optional = true },
}

local function only_message(node, value)
  local checked, problems = schema.check(node, value)
  t.equal(checked, nil)
  t.equal(#problems, 1, "problems")
  return problems[1].message, problems[1].path
end

t.test("JSON Schema keeps the declared order and closes the object", function()
  t.equal(schema.to_json(SEARCH), '{"type":"object","properties":{'
    .. '"pattern":{"type":"string","description":"Regular expression.","maxLength":500},'
    .. '"path":{"type":"string","description":"Folder or file.","minLength":1,"default":"."},'
    .. '"limit":{"type":"integer","description":"Most lines.","minimum":1,"maximum":2000,"default":200},'
    .. '"kinds":{"type":"array","description":"Only these.","items":{"type":"string","enum":["c","lua"]},"maxItems":3}},'
    .. '"required":["pattern"],"additionalProperties":false}')
end)

t.test("an object without fields takes nothing", function()
  t.equal(schema.to_json(schema.object {}), '{"type":"object","properties":{},"additionalProperties":false}')
  t.equal(schema.check(schema.object {}, {}), {})
  t.equal(only_message(schema.object {}, { x = 1 }), "input.x is not known; it takes nothing")
end)

t.test("defaults are filled in and the value given is not changed", function()
  local given = { pattern = "x" }
  t.equal(schema.check(SEARCH, given), { pattern = "x", path = ".", limit = 200 })
  t.equal(given, { pattern = "x" })
end)

t.test("a default is a copy each time", function()
  local node = schema.object { { "tags", schema.list { of = schema.text(), default = { "a" } } } }
  local first = schema.check(node, {})
  first.tags[1] = "changed"
  t.equal(schema.check(node, {}), { tags = { "a" } })
end)

t.test("a missing field says what was expected", function()
  t.equal({ only_message(SEARCH, {}) },
    { "input.pattern is missing; expected text of at most 500 characters", "input.pattern" })
  t.equal({ only_message(SEARCH, nil) }, { "input is missing; expected an object", "input" })
end)

t.test("a wrong type says what came", function()
  t.equal(only_message(SEARCH, { pattern = "x", limit = "20" }),
    'input.limit is the text "20"; expected an integer from 1 to 2000')
  t.equal(only_message(SEARCH, { pattern = json.null }),
    "input.pattern is null; expected text of at most 500 characters")
  t.equal(only_message(SEARCH, { pattern = "x", limit = 2.5 }),
    "input.limit is the number 2.5; expected an integer from 1 to 2000")
  t.equal(only_message(SEARCH, { pattern = "x", limit = 0 }),
    "input.limit is the integer 0; expected an integer from 1 to 2000")
  t.equal(only_message(SEARCH, json.array { "x" }), "input is a list of 1; expected an object")
  t.equal(only_message(SEARCH, json.array {}), "input is a list of 0; expected an object")
end)

t.test("an unknown key comes with the nearest one that is known", function()
  t.equal({ only_message(SEARCH, { pattern = "x", limits = 3 }) },
    { 'input.limits is not known; did you mean "limit"?; known are pattern, path, limit, kinds', "input.limits" })
  local _, path = only_message(SEARCH, { pattern = "x", ["a b"] = 3 })
  t.equal(path, 'input["a b"]')
end)

t.test("items are named by their place", function()
  local message, path = only_message(SEARCH, { pattern = "x", kinds = { "c", "luo" } })
  t.equal(message, 'input.kinds[2] is the text "luo"; expected one of "c", "lua"; did you mean "lua"?')
  t.equal(path, "input.kinds[2]")
end)

t.test("all problems are told at once, up to a bound", function()
  local _, problems = schema.check(SEARCH, { limit = "x", kinds = "c" })
  t.equal(#problems, 3)
  t.contains(schema.report(problems), "input.pattern is missing")
  local many = {}
  for i = 1, 100 do many["key" .. i] = i end
  _, problems = schema.check(SEARCH, many)
  t.equal(#problems, 21)
  t.equal(problems[21].message, "and 81 more problems")
end)

t.test("long values are quoted in part, at a character", function()
  local message = only_message(schema.object { { "a", schema.integer() } }, { a = ("é"):rep(500) })
  t.truthy(#message < 150)
  t.truthy(utf8.len(message))
  message = only_message(schema.object { { "a", schema.integer() } }, { a = "\xff\0" })
  t.truthy(utf8.len(message))
end)

t.test("text is measured in characters", function()
  local node = schema.text { min = 2, max = 3 }
  t.equal(schema.check(node, "äöü"), "äöü")
  t.contains(only_message(node, "äöüß"), "expected text from 2 to 3 characters")
  t.contains(only_message(node, "a"), "expected text from 2 to 3 characters")
end)

t.test("text can be bound to a pattern, which the model is told as a regular expression", function()
  local node = schema.text { pattern = "^%l[%w_]*$" }
  t.equal(schema.check(node, "a_1"), "a_1")
  t.contains(only_message(node, "A"), "matches the Lua pattern ^%l[%w_]*$")
  t.equal(schema.to_json(node), '{"type":"string","pattern":"^[a-z][0-9A-Za-z_]*$"}')
  t.error(function() schema.text { pattern = "(a)" } end, "has captures")
  t.error(function() schema.text { pattern = "[a" } end, "is no Lua pattern")
end)

t.test("patterns become regular expressions where both can say it", function()
  local cases = { ["a-b+"] = "a*?b+", ["%d%.%d"] = "[0-9]\\.[0-9]", ["[^%s]"] = "[^\\t-\\r ]", ["$"] = "$",
    ["a$b"] = "a\\$b", ["{x|y}"] = "\\{x\\|y\\}", ["%%%-"] = "%-", ["[]]"] = "[\\]]", ["."] = "[\\s\\S]", ["%S"] = "[^\\t-\\r ]" }
  for pattern, wanted in pairs(cases) do
    t.equal((regex.from_pattern(pattern)), wanted, pattern)
  end
  for _, refused in ipairs { "%b()", "%f[%w]", "()", "%1", "[%S]" } do
    local expression, why = regex.from_pattern(refused)
    t.equal(expression, nil, refused)
    t.truthy(why, refused)
  end
end)

t.test("an integer may come as a float without a fraction and leaves as an integer", function()
  t.equal(schema.check(schema.integer(), 3.0), 3)
  t.equal(schema.check(schema.number(), 3), 3)
  t.contains(only_message(schema.number { above = 0, below = 1 }, 1), "expected a number above 0 below 1")
  t.contains(only_message(schema.number(), 0 / 0), "expected a number")
end)

t.test("a path is not empty and holds no NUL", function()
  t.equal(schema.check(schema.path(), "a/b"), "a/b")
  t.contains(only_message(schema.path(), ""), "expected a path")
  t.contains(only_message(schema.path(), "a\0b"), "expected a path")
  t.contains(only_message(schema.path(), ("x"):rep(4096)), "expected a path")
end)

t.test("booleans, null, maps and any", function()
  t.equal(schema.check(schema.boolean(), false), false)
  t.contains(only_message(schema.boolean(), "true"), "expected true or false")
  t.equal(schema.check(schema.null(), json.null), json.null)
  local map = schema.map { of = schema.integer(), max = 2 }
  t.equal(schema.check(map, { a = 1 }), { a = 1 })
  t.contains(only_message(map, { a = "x" }), 'input.a is the text "x"')
  t.contains(only_message(map, { a = 1, b = 2, c = 3 }), "expected an object of at most 2 keys")
  t.equal(schema.check(schema.any(), { { "x" } }), { { "x" } })
  t.equal(schema.to_json(map), '{"type":"object","additionalProperties":{"type":"integer"},"maxProperties":2}')
end)

t.test("an empty list stays a list", function()
  t.truthy(json.is_array(schema.check(schema.list {}, json.array {})))
  t.truthy(json.is_array(schema.check(schema.list {}, {})))
  t.equal(schema.to_json(schema.list { default = {} }), '{"type":"array","default":[]}')
end)

t.test("any_of answers with what fits, and says what could", function()
  local node = schema.any_of { schema.text(), schema.list { of = schema.text() } }
  t.equal(schema.check(node, "a"), "a")
  t.equal(schema.check(node, { "a" }), { "a" })
  t.equal(only_message(node, 5), "input is the integer 5; expected one of: text; a list")
  t.equal(only_message(node, { "a", 5 }), "input[2] is the integer 5; expected text")
  t.equal(schema.to_json(node), '{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}')
end)

t.test("depth is bounded whatever the schema", function()
  local deep = {}
  for _ = 1, 100 do deep = { deep } end
  t.contains(only_message(schema.any(), deep), "nests deeper than 64")
  local cycle = {}
  cycle[1] = cycle
  t.contains(only_message(schema.object { { "a", schema.any() } }, { a = cycle }), "nests deeper than 64")
end)

t.test("a mistake in a builder is an error that names it", function()
  t.error(function() schema.text { maximum = 3 } end, 'unknown option "maximum" of text')
  t.error(function() schema.text { zeal = 3, apex = 1, max = "x" } end, 'unknown option "apex" of text')
  t.error(function() schema.integer { mim = 3 } end, 'did you mean "min"?')
  t.error(function() schema.integer { min = 3, max = 2 } end, "min of integer is above max")
  t.error(function() schema.integer { max = 2, default = 3 } end, "default is the integer 3; expected an integer of at most 2")
  t.error(function() schema.object { { "a" } } end, 'has a wrong type for "a": a nil is no schema')
  t.error(function() schema.object { { "a", schema.text() }, { "a", schema.text() } } end, 'names "a" twice')
  t.error(function() schema.object { { "a", schema.text(), "x", optionl = true } } end, 'did you mean "optional"?')
  t.error(function() schema.enum {} end, "is no list of values")
end)

t.test("a schema is plain data", function()
  local function plain(value)
    if type(value) ~= "table" then return type(value) ~= "function" and type(value) ~= "userdata" end
    for key, part in pairs(value) do
      if not (plain(key) and plain(part)) then return false end
    end
    return getmetatable(value) == nil
  end
  t.truthy(plain(SEARCH))
  t.equal(schema.load(SEARCH), SEARCH)
end)

t.test("load refuses what only looks like a schema", function()
  for _, wrong in ipairs { { kind = "txt" }, { kind = "list", of = 3 }, { kind = "object", fields = { {} } } } do
    local node, err = schema.load(wrong)
    t.equal(node, nil)
    t.equal(err.code, "invalid")
  end
  t.equal(schema.load("text"), nil)
end)

t.test("raw JSON Schema is read, required ones first", function()
  local node = schema.load {
    type = "object",
    properties = { b = { type = "string", description = "B." }, a = { type = "integer", exclusiveMinimum = 0, default = 1 } },
    required = { "b" },
    additionalProperties = false,
  }
  t.equal(schema.to_json(node), '{"type":"object","properties":{"b":{"type":"string","description":"B."},'
    .. '"a":{"type":"integer","minimum":1,"default":1}},"required":["b"],"additionalProperties":false}')
  t.equal(schema.check(node, { b = "x" }), { b = "x", a = 1 })
  t.contains(only_message(node, { b = "x", c = 1 }), "input.c is not known")
end)

t.test("a raw object is open unless it says otherwise", function()
  local node = schema.load { type = "object", properties = { a = { type = "string" } } }
  t.equal(schema.check(node, { z = 1 }), { z = 1 })
  t.equal(schema.to_json(node), '{"type":"object","properties":{"a":{"type":"string"}}}')
  node = schema.load { type = "object", properties = { a = true }, additionalProperties = { type = "integer" } }
  t.contains(only_message(node, { z = "x" }), "expected an integer")
end)

t.test("raw choices, constants and lists of types are read", function()
  local node = schema.load { oneOf = { { type = "integer" }, { type = "number", minimum = 5 } } }
  t.equal(schema.check(node, 3), 3)
  t.contains(only_message(node, 7), "and it fits 2")
  node = schema.load { type = { "string", "null" }, maxLength = 2 }
  t.equal(schema.check(node, json.null), json.null)
  t.truthy(only_message(node, "abc"))
  t.equal(schema.check(schema.load { const = "x" }, "x"), "x")
  t.truthy(only_message(schema.load { type = "string", enum = { "x" } }, "y"))
end)

t.test("a raw keyword that cannot be checked is refused by name", function()
  local cases = {
    { { type = "string", pattern = "^a" },               '"pattern" cannot be checked for type "string"' },
    { { type = "string", minlength = 2 },                'did you mean "minLength"?' },
    { { type = "string", format = "uri" },               '"format"' },
    { { ["$ref"] = "#/x" },                              '"$ref"' },
    { { type = "array", uniqueItems = true },            '"uniqueItems"' },
    { { type = "text" },                                 "text is no type" },
    { { type = "string", enum = { "a" }, minLength = 1 }, '"minLength"' },
    { { anyOf = { { type = "string" } }, type = "string" }, "beside anyOf" },
    { { anyOf = { { anyOf = { { type = "string" } } } } }, "inside one another" },
    { { type = "object", properties = { a = { type = "string", ["if"] = {} } } }, "at the top.properties.a" },
    { { type = { "string", "null" }, minItems = 1 },     '"minItems"' },
    { { type = "integer", enum = { "a" } },              "which is no integer" },
  }
  for _, case in ipairs(cases) do
    local node, err = schema.load(case[1])
    t.equal(node, nil, case[2])
    t.contains(err.message, case[2])
  end
end)

return t
