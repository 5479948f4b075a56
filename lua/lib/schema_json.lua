--- Writes schemas (lib.schema says what these are) as JSON Schema 2020-12, in declared order. Pure.
local json  = require "lib.json"
local regex = require "lib.regex"

local write = {}

local encode -- (node, about?) -> ordered object of lib.json

--- A default as its schema means it: plain Lua cannot tell an empty list from an empty object.
local function value_of(node, value)
  if type(value) ~= "table" or value == json.null or node == nil then return value end
  if node.kind == "list" then
    local copy = {}
    for i, item in ipairs(value) do copy[i] = value_of(node.of, item) end
    return json.array(copy)
  elseif node.kind == "object" then
    local pairs_of = {}
    for _, field in ipairs(node.fields) do
      if value[field.name] ~= nil then
        pairs_of[#pairs_of + 1] = { field.name, value_of(field.schema, value[field.name]) }
      end
    end
    return json.object(pairs_of)
  end
  return value
end

local function list_of(values) return json.array(table.move(values, 1, #values, 1, {})) end

local function type_of_all(values)
  for _, value in ipairs(values) do
    if type(value) ~= "string" then return nil end
  end
  return "string"
end

--- For each kind: { keyword, value } pairs in the order they are written; a nil value is left out.
local WRITERS <const> = {
  text = function(node)
    return { { "minLength", node.min }, { "maxLength", node.max },
      { "pattern", node.pattern and regex.from_pattern(node.pattern) },
      { "enum", node.enum and list_of(node.enum) } }, "string"
  end,
  path    = function() return { { "minLength", 1 } }, "string" end,
  integer = function(node)
    return { { "minimum", node.min }, { "maximum", node.max } }, "integer"
  end,
  number  = function(node)
    return { { "minimum", node.min }, { "maximum", node.max },
      { "exclusiveMinimum", node.above }, { "exclusiveMaximum", node.below } }, "number"
  end,
  boolean = function() return {}, "boolean" end,
  null    = function() return {}, "null" end,
  any     = function() return {} end,
  enum    = function(node)
    return { { "enum", list_of(node.values) } }, type_of_all(node.values)
  end,
  list    = function(node)
    return { { "items", node.of and encode(node.of) },
      { "minItems", node.min }, { "maxItems", node.max } }, "array"
  end,
  map = function(node)
    return { { "additionalProperties", node.of and encode(node.of) },
      { "minProperties", node.min }, { "maxProperties", node.max } }, "object"
  end,
  any_of = function(node)
    local options = {}
    for i, option in ipairs(node.options) do options[i] = encode(option) end
    return { { node.exactly and "oneOf" or "anyOf", json.array(options) } }
  end,
  object = function(node)
    local properties, required = {}, {}
    for i, field in ipairs(node.fields) do
      properties[i] = { field.name, encode(field.schema, field.about) }
      local optional = field.optional or field.schema.optional or field.schema.default ~= nil
      if not optional then required[#required + 1] = field.name end
    end
    local rest = false
    if node.rest then rest = node.rest.kind ~= "any" and encode(node.rest) or nil end
    return { { "properties", json.object(properties) },
      { "required", #required > 0 and json.array(required) or nil },
      { "additionalProperties", rest } }, "object"
  end,
}

function encode(node, about)
  local keywords, kind = WRITERS[node.kind](node)
  local written = {}
  local function put(keyword, value)
    if value ~= nil then written[#written + 1] = { keyword, value } end
  end
  put("type", kind)
  put("description", about or node.about)
  for _, pair in ipairs(keywords) do put(pair[1], pair[2]) end
  if node.default ~= nil then put("default", value_of(node, node.default)) end
  return json.object(written)
end

--- The schema as JSON text; same schema, same bytes.
---@param node Schema
---@return string text
function write.text(node) return json.encode(encode(node)) end

return write
