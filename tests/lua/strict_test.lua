--- lib/strict.lua: what of a schema an API holds a model to.
local json   = require "lib.json"
local output = require "lib.output"
local schema = require "lib.schema"
local strict = require "lib.strict"
local t      = require "lib.test"

local OPENAI <const> = { all_required = true, object_root = true }

local VERDICT <const> = schema.object {
  { "verdict", schema.enum { "accept", "reject" }, "What you say." },
  { "score", schema.integer { min = 0, max = 10 }, "", optional = true },
  { "lines", schema.list { of = schema.text { min = 1, pattern = "^%a" }, min = 2 }, "" },
}

t.test("types, names and choices are held to; ranges and patterns are left to the check", function()
  t.equal(strict.schema(VERDICT, {}), '{"type":"object","properties":{'
    .. '"verdict":{"type":"string","description":"What you say.","enum":["accept","reject"]},'
    .. '"score":{"type":"integer"},'
    .. '"lines":{"type":"array","items":{"type":"string"}}},'
    .. '"required":["verdict","lines"],"additionalProperties":false}')
end)

t.test("where every field has to be there, one that may be missing may be null", function()
  local written = strict.schema(VERDICT, OPENAI)
  t.contains(written, '"score":{"anyOf":[{"type":"integer"},{"type":"null"}]}')
  t.contains(written, '"required":["verdict","score","lines"]')
end)

t.test("a null for what may be missing reads as missing, and only there", function()
  t.equal(output.of(VERDICT, '{"verdict":"accept","score":null,"lines":["a","b"]}'),
    { verdict = "accept", lines = json.array { "a", "b" } })
  local _, problem = output.of(VERDICT, '{"verdict":null,"score":3,"lines":["a","b"]}')
  t.contains(problem, "verdict")
  local nullable = schema.object {
    { "at", schema.any_of { schema.text(), schema.null() }, "", optional = true } }
  t.equal(output.of(nullable, '{"at":null}'), { at = json.null })
  local nested = schema.object { { "list", schema.list { of = VERDICT }, "" } }
  t.equal(output.of(nested, '{"list":[{"verdict":"reject","score":null,"lines":["a","b"]}]}').list[1].score, nil)
end)

t.test("what no API holds to is said with its place", function()
  local function why(node, rules) return select(2, strict.schema(node, rules or {})) end
  t.equal(why(schema.object { { "facts", schema.map {}, "" } }), "output.facts has keys of any name")
  t.equal(why(schema.object { { "list", schema.list { of = schema.any() }, "" } }), "output.list[] may be anything")
  t.equal(why(schema.object { { "list", schema.list {}, "" } }), "output.list is a list of anything")
  t.equal(why(schema.object {}), "output has no fields of known names")
  t.equal(why(schema.any_of { VERDICT, VERDICT }, OPENAI), "it is no object")
  t.truthy(strict.schema(schema.any_of { VERDICT, VERDICT }, {}))
end)

t.test("a server that could call no tools then is not held to a form", function()
  local chat = { dialect = "openai_chat" }
  t.equal(strict.output(chat, VERDICT, {}).name, "reply")
  local held, why = strict.output(chat, VERDICT, { { name = "read" } })
  t.equal(held, nil)
  t.contains(why, "no tools")
  t.truthy(strict.output({ dialect = "openai_responses" }, VERDICT, { { name = "read" } }))
  t.contains(select(2, strict.output({ dialect = "anthropic", legacy = true }, VERDICT, {})), "older API")
  t.equal(strict.output(chat, nil, {}), nil)
end)

t.test("a refusal of the form is known from other refusals", function()
  local function refused(status, message) return strict.refused { message = message, details = { status = status } } end
  t.truthy(refused(400, "output_config.format: schema is too complex"))
  t.truthy(refused(400, "This response_format type is unavailable now"))
  t.falsy(refused(400, "messages: text content blocks must be non-empty"))
  t.falsy(refused(500, "response_format"))
  t.falsy(strict.refused { message = "json_schema" })
end)

return t
