--- lib/output.lua: what a final reply must be.
local json   = require "lib.json"
local output = require "lib.output"
local schema = require "lib.schema"
local t      = require "lib.test"

local function node(written) return assert(output.read(written)) end

local FORM = { verdict = json.array { "accept", "reject" }, defects = json.array { "text" }, ["score?"] = "integer",
  place = { file = "path", line = "integer" } }

t.test("the short form is a schema", function()
  t.equal(schema.to_json(node(FORM)), '{"type":"object","properties":{"defects":{"type":"array","items":{"type":"string"}},'
    .. '"place":{"type":"object","properties":{"file":{"type":"string","minLength":1},"line":{"type":"integer"}},'
    .. '"required":["file","line"],"additionalProperties":false},"score":{"type":"integer"},'
    .. '"verdict":{"type":"string","enum":["accept","reject"]}},"required":["defects","place","verdict"],"additionalProperties":false}')
  t.equal(schema.to_json(node { files = "list of paths" }), schema.to_json(node { files = "path[]" }))
end)

t.test("JSON Schema as front matter writes it, all values text", function()
  local form = node { type = "object", required = json.array { "n" }, additionalProperties = "false",
    properties = { n = { type = "integer", minimum = "1" } } }
  t.equal(output.of(form, '{"n":1}'), { n = 1 })
  t.contains(select(2, output.of(form, '{"n":0}')), "n is the integer 0")
end)

t.test("a schema of lib.schema is taken as it is", function()
  t.equal(output.of(node(schema.object { { "ok", schema.boolean(), "?" } }), '{"ok":true}'), { ok = true })
end)

t.test("what cannot be read is an error that names the place", function()
  t.contains(select(2, output.read { a = "txet" }), 'output.a: "txet" is no type; did you mean "text"?')
  t.contains(select(2, output.read { a = json.array { { "x" }, "y" } }), "output.a")
  t.contains(select(2, output.read {}), "no field")
  t.contains(select(2, output.read(json.array { "a" })), "map of fields")
  t.contains(select(2, output.read { type = "object", properties = { a = { type = "string", format = "date" } } }), "format")
  local deep = "text"
  for _ = 1, 20 do deep = { a = deep } end
  t.contains(select(2, output.read(deep)), "too deep")
end)

t.test("the JSON is found alone, in a fence, the last of several, and between braces", function()
  local form = node { n = "integer" }
  for _, said in ipairs { '{"n":7}', '\n {"n":7}\n', 'Here:\n```json\n{"n":7}\n```\nDone.', '```\n{"n":7}\n```',
    '```json\n{"n":1}\n```\nNo:\n```json\n{"n":7}\n```', 'It is {"n":7}.', '```lua\nlocal x = {\n```\n\n```JSON\r\n{"n":7}\r\n```' } do
    t.equal(output.of(form, said), { n = 7 }, said)
  end
  for _, said in ipairs { "", "n is 7", "7", '"n"', "{n:7}", '```json\n{"n":7' } do
    t.contains(select(2, output.of(form, said)), "no JSON", said)
  end
end)

t.test("every problem of a reply is told, and the repair has the schema", function()
  local form = node(FORM)
  local _, problem = output.of(form, '{"verdict":"maybe","defects":["x",7],"extra":1}')
  for _, part in ipairs { "verdict", "defects[2]", "extra", "place" } do t.contains(problem, part) end
  t.contains(output.repair(form, problem), '"enum":["accept","reject"]')
end)

return t
