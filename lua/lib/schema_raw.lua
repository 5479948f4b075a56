--- Reads JSON Schema that an author wrote as a Lua table into a schema of lib.schema. Pure.
--- A keyword that cannot be checked is an error that names it: passed over, it would promise a
--- check that nobody makes. Properties stand in the order of `required`, then bytewise: a plain Lua
--- table remembers no order.
local json = require "lib.json"
local text = require "lib.text"

local DEPTH_MOST <const> = 16

local raw = {}

local read -- (written, at, depth, shallow) -> node; raises { why = } inside raw.read

local function refuse(at, why) error({ why = ("JSON Schema at %s: %s"):format(at, why) }, 0) end

local NOTES <const> = { -- these say something and check nothing
  title = true, examples = true, ["$comment"] = true, ["$schema"] = true, ["$id"] = true,
  deprecated = true, readOnly = true, writeOnly = true,
}
local SHARED <const> = { "type", "description", "default", "enum", "const" }

--- Keyword to option of our kind; true where code below reads it.
local KEYWORDS <const> = {
  string  = { minLength = "min", maxLength = "max" },
  integer = { minimum = "min", maximum = "max", exclusiveMinimum = true, exclusiveMaximum = true },
  number  = {
    minimum = "min", maximum = "max", exclusiveMinimum = "above", exclusiveMaximum = "below",
  },
  boolean = {},
  null    = {},
  array   = { items = true, minItems = "min", maxItems = "max" },
  object  = { properties = true, required = true, additionalProperties = true,
    minProperties = true, maxProperties = true },
  any     = {},
  choice  = { anyOf = true, oneOf = true },
}
local KINDS <const> = { string = "text", array = "list" } -- the others have the same name

local ADVICE <const> = {
  pattern = "use schema.text { pattern = } with a Lua pattern",
  ["$ref"] = "write the schema out in its place",
  format = "it promises a check that readers do not agree on",
  multipleOf = "say it in the description and check it in `run`",
}

local function check_keywords(written, sort, at)
  local known = text.sorted_keys(KEYWORDS[sort])
  table.move(SHARED, 1, #SHARED, #known + 1, known)
  for _, keyword in ipairs(text.sorted_keys(written)) do
    if not (NOTES[keyword] or KEYWORDS[sort][keyword]) and not text.one_of(SHARED, keyword) then
      local where = sort == "any" and " without a type"
        or sort == "choice" and " beside anyOf or oneOf"
        or (" for type %q"):format(sort)
      refuse(at, ("keyword %q cannot be checked%s%s"):format(keyword, where,
        ADVICE[keyword] and "; " .. ADVICE[keyword] or text.suggest(keyword, known)))
    end
  end
end

local function read_list(node, written, at, depth)
  if written.items ~= nil then node.of = read(written.items, at .. ".items", depth + 1) end
end

local function ordered_names(properties, required)
  local names, seen = {}, {}
  for _, name in ipairs(required) do
    if not seen[name] then names[#names + 1], seen[name] = name, true end
  end
  for _, name in ipairs(text.sorted_keys(properties)) do
    if not seen[name] then names[#names + 1] = name end
  end
  return names
end

local function read_rest(written, at, depth)
  local rest = written.additionalProperties
  if rest == nil or rest == true then return { kind = "any" } end
  if rest == false then return nil end
  return read(rest, at .. ".additionalProperties", depth + 1)
end

local function read_object(node, written, at, depth)
  local properties, required = written.properties or {}, written.required or {}
  if type(properties) ~= "table" or type(required) ~= "table" then
    refuse(at, "properties and required must be tables")
  end
  if next(properties) == nil and #required == 0 and written.additionalProperties ~= false then
    local rest = read_rest(written, at, depth)
    node.kind, node.of = "map", rest.kind ~= "any" and rest or nil
    node.min, node.max = written.minProperties, written.maxProperties
    return
  end
  if written.minProperties or written.maxProperties then
    refuse(at, 'keyword "minProperties" or "maxProperties" cannot be checked beside properties')
  end
  node.fields, node.rest = {}, read_rest(written, at, depth)
  for i, name in ipairs(ordered_names(properties, required)) do
    local inner = properties[name] ~= nil
      and read(properties[name], at .. ".properties." .. name, depth + 1)
      or { kind = "any" }
    node.fields[i] = { name = name, schema = inner, about = inner.about,
      optional = not text.one_of(required, name) or nil }
    inner.about = nil
  end
end

local function read_choice(written, at, depth, shallow)
  if shallow then refuse(at, "anyOf and oneOf inside one another cannot be checked") end
  if written.anyOf and written.oneOf then refuse(at, "anyOf beside oneOf cannot be checked") end
  if written.type or written.enum or written.const then
    refuse(at, 'keyword "type", "enum" or "const" cannot be checked beside anyOf or oneOf')
  end
  local node = { kind = "any_of", options = {}, exactly = written.oneOf and true or nil }
  for i, option in ipairs(written.anyOf or written.oneOf) do
    local place = ("%s.%s[%d]"):format(at, written.oneOf and "oneOf" or "anyOf", i)
    node.options[i] = read(option, place, depth + 1, true)
  end
  return node
end

--- type = { "string", "null" }: one alternative for each; keywords go to the types that know them.
local function read_types(written, at, depth)
  local node = { kind = "any_of", options = {} }
  local used = {}
  for i, sort in ipairs(written.type) do
    if not KEYWORDS[sort] then refuse(at, ("%s is no type"):format(tostring(sort))) end
    local part = { type = sort }
    for keyword, value in pairs(written) do
      if KEYWORDS[sort][keyword] then part[keyword], used[keyword] = value, true end
    end
    node.options[i] = read(part, at, depth + 1)
  end
  for _, keyword in ipairs(text.sorted_keys(written)) do
    if not (used[keyword] or NOTES[keyword] or keyword == "type" or keyword == "description"
      or keyword == "default") then
      refuse(at, ("keyword %q cannot be checked beside a list of types"):format(keyword))
    end
  end
  return node
end

local function read_values(written, at)
  local values = written.enum or { written.const }
  if type(values) ~= "table" then refuse(at, "enum must be a list") end
  local sort = written.type
  for _, value in ipairs(values) do
    local is = value == json.null and "null"
      or type(value) == "number" and (math.type(value) == "integer" and "integer" or "number")
      or type(value)
    if sort and sort ~= is and not (sort == "number" and is == "integer") then
      refuse(at, ("enum holds %s, which is no %s"):format(tostring(value), sort))
    end
  end
  return { kind = "enum", values = table.move(values, 1, #values, 1, {}) }
end

local function read_plain(written, at, depth, sort)
  local node = { kind = KINDS[sort] or sort }
  check_keywords(written, sort, at)
  for keyword, option in pairs(KEYWORDS[sort]) do
    if type(option) == "string" then node[option] = written[keyword] end
  end
  if sort == "integer" then
    local above, below = written.exclusiveMinimum, written.exclusiveMaximum
    if above then node.min = math.max(node.min or math.mininteger, math.floor(above) + 1) end
    if below then node.max = math.min(node.max or math.maxinteger, math.ceil(below) - 1) end
    node.min, node.max = node.min and math.ceil(node.min), node.max and math.floor(node.max)
  elseif sort == "array" then
    read_list(node, written, at, depth)
  elseif sort == "object" then
    read_object(node, written, at, depth)
  end
  return node
end

function read(written, at, depth, shallow)
  if written == true then return { kind = "any" } end
  if type(written) ~= "table" or written == json.null then
    refuse(at, "a " .. type(written) .. " is no schema")
  end
  if depth > DEPTH_MOST then refuse(at, "it nests deeper than " .. DEPTH_MOST) end
  local sort = written.type
  local node
  if written.anyOf ~= nil or written.oneOf ~= nil then
    check_keywords(written, "choice", at)
    node = read_choice(written, at, depth, shallow)
  elseif type(sort) == "table" then
    node = read_types(written, at, depth)
  elseif sort ~= nil and (not KEYWORDS[sort] or sort == "any" or sort == "choice") then
    refuse(at, ("%s is no type%s"):format(tostring(sort), text.suggest(tostring(sort),
      { "string", "integer", "number", "boolean", "null", "array", "object" })))
  elseif written.enum ~= nil or written.const ~= nil then
    check_keywords(written, "any", at)
    if written.enum ~= nil and written.const ~= nil then
      refuse(at, "enum beside const cannot be checked")
    end
    node = read_values(written, at)
  else
    node = read_plain(written, at, depth, sort or "any")
  end
  node.about, node.default = written.description, written.default
  return node
end

--- Reads raw JSON Schema.
---@param written table
---@return Schema? node, string? why
function raw.read(written)
  local ok, node = pcall(read, written, "the top", 0)
  if ok then return node end
  if type(node) == "table" and node.why then return nil, node.why end
  error(node, 0)
end

return raw
