--- Schemas: what a tool, a chain or a verb takes, written as a list so that its order never
--- changes.
---
---   schema.object {
---     { "path",  schema.path { default = "." }, "Folder inside the workspace." },
---     { "limit", schema.integer { min = 1, max = 99, default = 20 }, "Most lines to answer." },
---     { "kinds", schema.list { of = schema.enum { "c", "h" } }, "Only these.", optional = true },
---   }
---
--- A schema is plain data, so it can cross from one VM to another:
---
---   { kind = "text" | "path" | "integer" | "number" | "boolean" | "null" | "any" | "list" | "enum"
---          | "object" | "map" | "any_of", [option] = value, ... }
---   object: fields = { { name =, schema =, about =?, optional =? }, ... }, rest = schema?
---   any_of: options = { schema, ... }, exactly = true where not more than one may fit
---
--- `check` looks at a value; `to_json` tells a model the same as JSON Schema 2020-12. A field is
--- required unless it has a default or is optional. `rest` says what keys beyond the fields may
--- hold; without it there may be none. Builders raise on a mistake: it is the author's.
local check = require "lib.schema_check"
local json  = require "lib.json"
local raw   = require "lib.schema_raw"
local regex = require "lib.regex"
local text  = require "lib.text"
local write = require "lib.schema_json"

---@class Schema
---@field kind string
---@class schema.Problem
---@field path    string `input.files[3]`; indexes count from 1
---@field message string one sentence that names the path, what came and what was expected

local schema = {}

local DEPTH_MOST <const> = 16 -- of schemas in schemas

--- What each kind takes beside `default`, `optional` and `about`, and what that must be.
local OPTIONS <const> = {
  text    = { min = "count", max = "count", pattern = "pattern", enum = "values" },
  path    = {},
  integer = { min = "integer", max = "integer" },
  number  = { min = "number", max = "number", above = "number", below = "number" },
  boolean = {},
  null    = {},
  any     = {},
  enum    = { values = "values" },
  list    = { of = "schema", min = "count", max = "count" },
  map     = { of = "schema", min = "count", max = "count" },
  object  = { fields = "fields", rest = "schema" },
  any_of  = { options = "schemas", exactly = "boolean" },
}
local COMMON <const> = { default = "any", optional = "boolean", about = "text" }

local verify -- (node, depth) -> why?

--- A test for each sort of option; answers what is wrong with the value, or nothing.
local SORTS <const> = {
  any     = function() end,
  boolean = function(v) return type(v) ~= "boolean" and "is not true or false" or nil end,
  text    = function(v) return type(v) ~= "string" and "is no text" or nil end,
  number  = function(v) return type(v) ~= "number" and "is no number" or nil end,
  integer = function(v) return math.type(v) ~= "integer" and "is no integer" or nil end,
  count   = function(v)
    return not (math.type(v) == "integer" and v >= 0) and "is no count" or nil
  end,
  schema  = function(v, depth) return verify(v, depth + 1) end,
  pattern = function(v)
    if type(v) ~= "string" then return "is no text" end
    local expression, why = regex.from_pattern(v)
    return not expression and why or nil
  end,
  values = function(v)
    if type(v) ~= "table" or #v == 0 then return "is no list of values" end
    for _, value in ipairs(v) do
      local sort = type(value)
      if sort ~= "string" and sort ~= "number" and sort ~= "boolean" and value ~= json.null then
        return "holds a " .. sort
      end
    end
  end,
  schemas = function(v, depth)
    if type(v) ~= "table" or #v == 0 then return "is no list of schemas" end
    for _, option in ipairs(v) do
      local why = verify(option, depth + 1)
      if why then return why end
    end
  end,
  fields = function(v, depth)
    if type(v) ~= "table" then return "is no list of fields" end
    local seen = {}
    for i, field in ipairs(v) do
      local name = type(field) == "table" and field.name
      if type(name) ~= "string" or name == "" then return ("has no name in entry %d"):format(i) end
      if seen[name] then return ("names %q twice"):format(name) end
      seen[name] = true
      local why = verify(field.schema, depth + 1)
      if why then return ("has a wrong type for %q: %s"):format(name, why) end
    end
  end,
}

--- What is wrong with one option of a schema.
local function fault(node, key, takes, depth)
  if key == "kind" then return nil end
  local sort = takes[key] or COMMON[key]
  if not sort then
    local known = text.sorted_keys(takes)
    table.move({ "default", "optional" }, 1, 2, #known + 1, known)
    return ("unknown option %q of %s%s"):format(tostring(key), node.kind,
      text.suggest(tostring(key), known))
  end
  local why = SORTS[sort](node[key], depth)
  return why and ("%s of %s %s"):format(key, node.kind, why) or nil
end

--- The fault that is told: the first by its option's name. There is none as a rule, so that nothing
--- is sorted.
local function first_fault(node, takes, depth)
  local first, told
  for key in pairs(node) do
    local why = fault(node, key, takes, depth)
    if why and (not first or tostring(key) < first) then first, told = tostring(key), why end
  end
  return told
end

function verify(node, depth)
  if type(node) ~= "table" then return "a " .. type(node) .. " is no schema" end
  if depth > DEPTH_MOST then return "schemas nest deeper than " .. DEPTH_MOST end
  local takes = OPTIONS[node.kind]
  if not takes then return ("%s is no kind of schema"):format(tostring(node.kind)) end
  local why = first_fault(node, takes, depth)
  if why then return why end
  if node.min and node.max and node.min > node.max then
    return "min of " .. node.kind .. " is above max"
  end
  if node.default ~= nil then
    local _, problems = check.value(node, node.default, "default")
    if problems then return problems[1].message end
  end
end

local function build(kind, options, given)
  local node = { kind = kind }
  for key, value in pairs(options) do node[key] = value end
  local why = verify(node, 0)
  if why then error(("schema.%s: %s"):format(given or kind, why), 3) end
  return node
end

local function builder(kind)
  return function(options)
    if options ~= nil and type(options) ~= "table" then
      error(("schema.%s: takes a table of options"):format(kind), 2)
    end
    return build(kind, options or {})
  end
end

---@class schema.TextOptions
---@field min?      integer
---@field max?      integer
---@field pattern?  string
---@field enum?     string[]
---@field default?  string
---@field optional? boolean

---@class schema.IntegerOptions
---@field min?      integer
---@field max?      integer
---@field default?  integer
---@field optional? boolean

---@class schema.NumberOptions
---@field min?      number
---@field max?      number
---@field above?    number
---@field below?    number
---@field default?  number
---@field optional? boolean

--- Text; `min` and `max` count characters. `pattern` is a Lua pattern without %b, %f and captures.
---@type fun(options?: schema.TextOptions): Schema
schema.text = builder "text"
--- A path as text: not empty, no NUL. Where it may lead is decided by the grant, not here.
---@type fun(options?: { default?: string, optional?: boolean }): Schema
schema.path = builder "path"
---@type fun(options?: schema.IntegerOptions): Schema
schema.integer = builder "integer"
--- A number; `above` and `below` are bounds that are themselves not allowed.
---@type fun(options?: schema.NumberOptions): Schema
schema.number = builder "number"
---@type fun(options?: { default?: boolean, optional?: boolean }): Schema
schema.boolean = builder "boolean"
--- JSON null and nothing else; useful in `any_of`.
---@type fun(): Schema
schema.null = builder "null"
---@type fun(options?: { default?: any, optional?: boolean }): Schema
schema.any = builder "any"

--- A list; `min` and `max` count its items, `of` is a schema for each (default: any).
---@param options { of?: Schema, min?: integer, max?: integer, default?: any[], optional?: boolean }
---@return Schema
function schema.list(options) return build("list", options or {}) end

--- An object with keys of the sender's choice; `of` is a schema for each value.
---@param options { of?: Schema, min?: integer, max?: integer, default?: table, optional?: boolean }
---@return Schema
function schema.map(options) return build("map", options or {}) end

--- One of the listed values: `schema.enum { "a", "b", default = "a" }`.
---@param options table
---@return Schema
function schema.enum(options)
  local node = { values = {} }
  for key, value in pairs(options) do
    if math.type(key) == "integer" then node.values[key] = value else node[key] = value end
  end
  return build("enum", node)
end

--- A value that fits one of the listed schemas: `schema.any_of { schema.text(), schema.null() }`.
---@param options table
---@return Schema
function schema.any_of(options)
  local node = { options = {} }
  for key, value in pairs(options) do
    if math.type(key) == "integer" then node.options[key] = value else node[key] = value end
  end
  return build("any_of", node)
end

--- An object with the listed fields: `{ name, schema, description, optional = true }`. Only `rest`,
--- a schema, allows other keys.
---@param entries table
---@return Schema
function schema.object(entries)
  local node = { fields = {} }
  for key, value in pairs(entries) do
    if math.type(key) ~= "integer" then node[key] = value end
  end
  for i, entry in ipairs(entries) do
    if type(entry) ~= "table" then error(("schema.object: entry %d is no table"):format(i), 2) end
    for key in pairs(entry) do
      if key ~= 1 and key ~= 2 and key ~= 3 and key ~= "optional" then
        error(("schema.object: unknown key %q in entry %d%s"):format(tostring(key), i,
          text.suggest(tostring(key), { "optional" })), 2)
      end
    end
    node.fields[i] = { name = entry[1], schema = entry[2], about = entry[3],
      optional = entry.optional }
  end
  return build("object", node)
end

--- Reads what an author wrote as `input` or `params`: a schema of this module, or a table that is
--- raw JSON Schema. What cannot be checked is refused by its name, never passed over.
---@param written any
---@return Schema? node, Error? err
function schema.load(written)
  if type(written) ~= "table" then
    return nil, { code = "invalid",
      message = "a " .. type(written) .. " is no schema; see lib.schema" }
  end
  local node, why = written, nil
  if written.kind == nil then node, why = raw.read(written) end
  why = why or verify(node, 0)
  if why then return nil, { code = "invalid", message = why } end
  return node
end

--- The schema as JSON Schema 2020-12, fields in declared order: same schema, same bytes.
---@param node Schema
---@return string json
function schema.to_json(node) return write.text(node) end

--- Checks a value and answers a copy with defaults in place; the value given is never changed.
---@param node  Schema
---@param value any
---@param name? string what messages call the value; default "input"
---@return any checked nil when there are problems
---@return schema.Problem[]? problems
function schema.check(node, value, name) return check.value(node, value, name or "input") end

--- Problems as one text for a model or a person: a line each.
---@param problems schema.Problem[]
---@return string lines
function schema.report(problems)
  local lines = {}
  for i, problem in ipairs(problems) do lines[i] = problem.message end
  return table.concat(lines, "\n")
end

return schema
