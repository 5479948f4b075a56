--- What an agent's final reply must be: read from a definition or a chain, found in a reply,
--- checked. Pure.
---
---   output: { verdict: [accept, reject], defects: [text], score: integer, "notes?": text }
---
--- A field is a word for its type, a list of one such word (a list of these), a list of other words
--- (one of them), or a map (an object again). "?" behind a name: the field may be missing. JSON
--- Schema is read as well.
local json   = require "lib.json"
local schema = require "lib.schema"
local strict = require "lib.strict"
local text   = require "lib.text"

local output = {}

local DEPTH_MOST <const> = 8
local QUOTE_MOST <const> = 300 -- bytes of a reply that an error shows
local PROBLEMS_MOST <const> = 10

local WORDS <const> = { -- what a type may be called
  text = "text", string = "text", str = "text", path = "path", file = "path",
  integer = "integer", int = "integer", number = "number", float = "number",
  boolean = "boolean", bool = "boolean", list = "list", array = "list",
  object = "map", map = "map", any = "any",
}
local COUNTS <const> = { "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength",
  "maxLength", "minItems", "maxItems", "minProperties", "maxProperties" }

local read_type -- (written, at, depth) -> node; raises { why = }

local function refuse(at, why) error({ why = ("%s: %s"):format(at, why) }, 0) end

local function word(written, at)
  local kind = WORDS[written:lower()]
  if kind then return schema[kind]() end
  local items = written:match("^[Ll]ist of (%S+)$") or written:match("^(%S+)%[%]$")
  if items then return schema.list { of = word((items:gsub("s$", "")), at) } end
  refuse(at, ("%q is no type%s (text, integer, number, boolean, path, list, map, any; "
    .. "[a, b] is one of these words)"):format(written, text.suggest(written,
      text.sorted_keys(WORDS))))
end

local function of_list(written, at, depth)
  local all_text = #written > 0
  for _, item in ipairs(written) do all_text = all_text and type(item) == "string" end
  if #written == 1 and (not all_text or WORDS[written[1]:lower()]) then
    return schema.list { of = read_type(written[1], at .. "[]", depth + 1) }
  end
  if not all_text then refuse(at, "a list of words, or of one type, is expected") end
  return schema.enum(table.move(written, 1, #written, 1, {}))
end

local function of_map(written, at, depth)
  local entries = {}
  for _, key in ipairs(text.sorted_keys(written)) do
    local name, optional = key:match("^(.-)(%??)$")
    if name == "" then refuse(at, "a field has no name") end
    entries[#entries + 1] = { name,
      read_type(written[key], at .. "." .. name, depth + 1),
      optional = optional == "?" or nil }
  end
  if #entries == 0 then refuse(at, "it names no field") end
  return schema.object(entries)
end

function read_type(written, at, depth)
  if depth > DEPTH_MOST then refuse(at, "it nests too deep") end
  if type(written) == "string" then return word(written, at) end
  if json.is_array(written) then return of_list(written, at, depth) end
  return of_map(written, at, depth)
end

local function is_json_schema(written)
  return type(written.properties) == "table" or type(written.anyOf) == "table"
    or type(written.items) == "table" and written.type == "array"
end

--- Front matter is text: numbers and truth values of JSON Schema are read here.
local function typed(node)
  if type(node) ~= "table" then return node end
  local copy = json.is_array(node) and json.array {} or {}
  for key, value in pairs(node) do copy[key] = typed(value) end
  for _, key in ipairs(COUNTS) do
    if type(copy[key]) == "string" then copy[key] = tonumber(copy[key]) or copy[key] end
  end
  local extra = copy.additionalProperties
  if extra == "true" or extra == "false" then copy.additionalProperties = extra == "true" end
  return copy
end

--- Reads the field `output` of a definition, or the option of run.ask: a schema of lib.schema, JSON
--- Schema, or the short form.
---@param written any
---@return Schema? node, string? why
function output.read(written)
  if type(written) ~= "table" or json.is_array(written) then
    return nil, "it should be a map of fields, such as { verdict: [accept, reject], notes: text }"
  end
  if written.kind ~= nil and schema.load(written) then return schema.load(written) end
  if is_json_schema(written) then
    local node, err = schema.load(typed(written))
    return node, err and err.message
  end
  local ok, node = pcall(of_map, written, "output", 0)
  if ok then return node end
  if type(node) == "table" and node.why then return nil, node.why end
  return nil, tostring(node):gsub("^[^:]*:%d+: ", "") -- a builder's own words
end

--- The JSON in a reply: all of it, else the last code fence that holds some, else what stands
--- between the first and the last brace.
local function find_json(said)
  local whole = json.decode(said)
  if type(whole) == "table" then return whole end
  local found
  for fenced in ("\n" .. said):gmatch("\n```[%w_-]*[ \t]*\r?\n(.-)\n[ \t]*```") do
    local value = json.decode(fenced)
    if type(value) == "table" then found = value end
  end
  if found then return found end
  local braced = said:match("%b{}")
  local value = braced and json.decode(braced)
  return type(value) == "table" and value or nil
end

--- The value without the nulls of fields that may be missing: where an API wants each field to be
--- there, that is how a model leaves one out.
local function without_nulls(node, value)
  if type(value) ~= "table" or value == json.null then return value end
  if node.kind == "list" and node.of and json.is_array(value) then
    for i, item in ipairs(value) do value[i] = without_nulls(node.of, item) end
  elseif node.kind == "object" then
    for _, field in ipairs(node.fields) do
      local inner, may_miss = value[field.name], strict.may_miss(field)
      if inner == json.null and may_miss and schema.check(field.schema, inner, "") == nil then
        value[field.name] = nil
      elseif inner ~= nil then
        value[field.name] = without_nulls(field.schema, inner)
      end
    end
  end
  return value
end

--- The value of a final reply, or what is wrong with it, in words for the model.
---@param node Schema
---@param said string
---@return any value, string? problem
function output.of(node, said)
  local value = find_json(said)
  if value == nil then
    return nil, ("there is no JSON in it. It was: %s"):format(text.cut_middle(said, QUOTE_MOST))
  end
  local checked, problems = schema.check(node, without_nulls(node, value), "reply")
  if checked ~= nil then return checked end
  local lines = {}
  for i, problem in ipairs(problems) do
    if i > PROBLEMS_MOST then break end
    lines[i] = "- " .. problem.message
  end
  return nil, "\n" .. table.concat(lines, "\n")
end

--- What the model is told when its reply does not fit; it has one more turn.
---@param node    Schema
---@param problem string of output.of
---@return string
function output.repair(node, problem)
  return ("Your final reply is not what was asked for: %s\n\nReply again with one JSON object that "
    .. "fits this schema, and nothing else:\n%s"):format(problem, schema.to_json(node))
end

return output
