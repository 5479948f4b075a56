--- The part of a schema that an API holds a model to by itself: types, names, choices, what is
--- required. Ranges, lengths and patterns are left to the check that always follows
--- (lib/output.lua), since the APIs differ in which of them they refuse. Pure.
local dialect = require "lib.dialect"
local json = require "lib.json"

local strict = {}

---@class strict.Rules what an API asks of a schema
---@field all_required? boolean a field that may be missing is one that may be null
---@field object_root?  boolean the answer is an object, and no choice of several

local reduce -- (node, rules, at, about?) -> ordered object of lib.json; raises { why = }

local function refuse(at, why) error({ why = ("%s %s"):format(at, why) }, 0) end

local NULL <const> = json.object { { "type", "null" } }

--- Whether a field of an object may be missing.
---@param field table
---@return boolean
function strict.may_miss(field)
  return field.optional or field.schema.optional or field.schema.default ~= nil or false
end

local function object_of(node, rules, at)
  if #node.fields == 0 then refuse(at, "has no fields of known names") end
  local properties, required = {}, {}
  for i, field in ipairs(node.fields) do
    local inner = reduce(field.schema, rules, at .. "." .. field.name, field.about)
    if strict.may_miss(field) and rules.all_required then
      inner = json.object { { "anyOf", json.array { inner, NULL } } }
    end
    if not strict.may_miss(field) or rules.all_required then
      required[#required + 1] = field.name
    end
    properties[i] = { field.name, inner }
  end
  return { { "properties", json.object(properties) }, { "required", json.array(required) },
    { "additionalProperties", false } }, "object"
end

local function choice_of(values)
  local list = table.move(values, 1, #values, 1, {})
  for _, value in ipairs(list) do
    if type(value) ~= "string" then return { { "enum", json.array(list) } } end
  end
  return { { "enum", json.array(list) } }, "string"
end

--- For each kind: keywords in the order in which they are written, and the type.
local REDUCERS <const> = {
  text = function(node)
    if node.enum then return choice_of(node.enum) end
    return {}, "string"
  end,
  path    = function() return {}, "string" end,
  integer = function() return {}, "integer" end,
  number  = function() return {}, "number" end,
  boolean = function() return {}, "boolean" end,
  null    = function() return {}, "null" end,
  enum    = function(node) return choice_of(node.values) end,
  any     = function(_, _, at) refuse(at, "may be anything") end,
  map     = function(_, _, at) refuse(at, "has keys of any name") end,
  list    = function(node, rules, at)
    if not node.of then refuse(at, "is a list of anything") end
    return { { "items", reduce(node.of, rules, at .. "[]") } }, "array"
  end,
  any_of  = function(node, rules, at)
    local options = {}
    for i, option in ipairs(node.options) do options[i] = reduce(option, rules, at) end
    return { { "anyOf", json.array(options) } }
  end,
  object = object_of,
}

function reduce(node, rules, at, about)
  local keywords, kind = REDUCERS[node.kind](node, rules, at)
  local written = {}
  if kind then written[1] = { "type", kind } end
  about = about or node.about
  if about and about ~= "" then written[#written + 1] = { "description", about } end
  table.move(keywords, 1, #keywords, #written + 1, written)
  return json.object(written)
end

--- The schema as an API of these rules takes it; same schema, same bytes.
---@param node  Schema
---@param rules strict.Rules
---@return string? schema JSON Schema, string? why it has none
function strict.schema(node, rules)
  if rules.object_root and node.kind ~= "object" then return nil, "it is no object" end
  local ok, written = pcall(reduce, node, rules, "output")
  if ok then return json.encode(written) end
  if type(written) == "table" and written.why then return nil, written.why end
  error(written, 0)
end

--- What a request asks of a server for an answer of this form.
---@param target model.Target
---@param node?  Schema
---@param tools? table[] that the model is offered
---@return { name: string, schema: string }? output, string? why the server cannot hold to it
function strict.output(target, node, tools)
  if not node or target.scenario then return nil end
  local form = dialect.form(target)
  if not form then return nil, "its API has no such mode" end
  if target.legacy and not form.older then return nil, "its older API has no such mode" end
  if form.without_tools and tools and #tools > 0 then
    return nil, "a server of this kind may call no tools while it holds to a form"
  end
  local schema, why = strict.schema(node, form)
  return schema and { name = "reply", schema = schema }, why
end

--- Words of a refusal that point to the form of the answer, and nothing else in a request.
local WORDS <const> = { "output_config", "output_format", "json_schema", "response_format",
  "text.format", "structured output", "schema" }

--- Whether a server refused a request for the form that it asked for.
---@param err Failure
---@return boolean
function strict.refused(err)
  local status = err.details and err.details.status
  if status ~= 400 and status ~= 422 and status ~= 501 then return false end
  local said = err.message:lower()
  for _, word in ipairs(WORDS) do
    if said:find(word, 1, true) then return true end
  end
  return false
end

return strict
