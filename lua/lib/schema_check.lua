--- Checks values against schemas (lib.schema says what these are). Pure; never changes its input.
local json = require "lib.json"
local text = require "lib.text"

local DEPTH_MOST    <const> = 64
local PROBLEMS_MOST <const> = 20
local QUOTE_MOST    <const> = 60   -- bytes of a value that a message quotes
local PATH_MOST     <const> = 4095 -- bytes; the kernel's PATH_MAX without its NUL

local check = {}

local walk -- (node, value, path, found, depth) -> checked

--- Where the walk collects problems. `add` after the last that fits only counts.
local function new_found() return { problems = {}, more = 0 } end

local function add(found, path, message)
  if #found.problems >= PROBLEMS_MOST then
    found.more = found.more + 1
    return
  end
  found.problems[#found.problems + 1] = { path = path, message = message }
end

local function is_list(value)
  if json.is_array(value) then return true end
  local length = #value
  for key in pairs(value) do
    if math.type(key) ~= "integer" or key < 1 or key > length then return false end
  end
  return true -- an empty table too: plain Lua cannot tell {} from []
end

local function is_object(value)
  if json.is_array(value) then return false end
  for key in pairs(value) do
    if type(key) ~= "string" then return false end
  end
  return true
end

--- What came, in words: `the text "abc"`, `a list of 3`, `null`.
local function came(value)
  if value == json.null then return "null" end
  local kind = type(value)
  if kind == "string" then
    local quoted = #value > QUOTE_MOST and text.cut_end(value, QUOTE_MOST) .. "..." or value
    return ("the text %s"):format(json.encode((text.valid(quoted))))
  elseif kind == "number" then
    return (math.type(value) == "integer" and "the integer " or "the number ") .. tostring(value)
  elseif kind == "table" then
    if next(value) == nil and not json.is_array(value) then return "an empty object" end
    return is_list(value) and ("a list of %d"):format(#value) or "an object"
  end
  return kind == "boolean" and tostring(value) or "a " .. kind
end

local function bounds(low, high, unit)
  unit = unit and " " .. unit or ""
  if low and low == high then return (" %s%s"):format(low, unit) end
  if low and high then return (" from %s to %s%s"):format(low, high, unit) end
  if low then return (" of at least %s%s"):format(low, unit) end
  if high then return (" of at most %s%s"):format(high, unit) end
  return ""
end

local function quoted_list(values)
  local parts = {}
  for i, value in ipairs(values) do parts[i] = json.encode(value) end
  return table.concat(parts, ", ")
end

--- What a schema expects, in words.
local EXPECTED <const> = {
  text = function(node)
    if node.enum then return "one of " .. quoted_list(node.enum) end
    local words = "text" .. bounds(node.min, node.max, "characters")
    return node.pattern and words .. " that matches the Lua pattern " .. node.pattern or words
  end,
  path    = function() return "a path" end,
  integer = function(node) return "an integer" .. bounds(node.min, node.max) end,
  number  = function(node)
    local words = "a number" .. bounds(node.min, node.max)
    if node.above then words = ("%s above %s"):format(words, node.above) end
    return node.below and ("%s below %s"):format(words, node.below) or words
  end,
  boolean = function() return "true or false" end,
  null    = function() return "null" end,
  any     = function() return "any value" end,
  enum    = function(node) return "one of " .. quoted_list(node.values) end,
  list    = function(node) return "a list" .. bounds(node.min, node.max, "items") end,
  map     = function(node) return "an object" .. bounds(node.min, node.max, "keys") end,
  object  = function() return "an object" end,
}
function EXPECTED.any_of(node)
  local parts = {}
  for i, option in ipairs(node.options) do parts[i] = EXPECTED[option.kind](option) end
  return (node.exactly and "exactly one of: " or "one of: ") .. table.concat(parts, "; ")
end

--- What a schema expects, for messages and help: "an integer from 1 to 20".
---@param node Schema
---@return string words
function check.expected(node) return EXPECTED[node.kind](node) end

local function wrong(node, value, path, found)
  add(found, path, ("%s is %s; expected %s"):format(path, came(value), EXPECTED[node.kind](node)))
end

local function child_path(path, key)
  if key:match("^[%a_][%w_]*$") then return path .. "." .. key end
  return ("%s[%s]"):format(path, json.encode((text.valid(text.cut_end(key, QUOTE_MOST)))))
end

local function check_text(node, value, path, found)
  if type(value) ~= "string" then return wrong(node, value, path, found) end
  local length = utf8.len(value) or #value
  if node.enum and not text.one_of(node.enum, value) or node.min and length < node.min
    or node.max and length > node.max then
    local words = length > QUOTE_MOST and (" (%d characters)"):format(length) or ""
    return add(found, path,
      ("%s is %s%s; expected %s"):format(path, came(value), words, EXPECTED.text(node)))
  end
  if node.pattern and not value:find(node.pattern) then return wrong(node, value, path, found) end
  return value
end

local function check_path(node, value, path, found)
  if type(value) ~= "string" or value == "" or value:find("\0", 1, true) or #value > PATH_MOST then
    return wrong(node, value, path, found)
  end
  return value
end

local function check_number(node, value, path, found)
  local number = type(value) == "number" and value == value and value or nil
  if number and node.kind == "integer" then
    number = math.tointeger(number) -- 3.0 is an integer in JSON
  end
  if not number or node.min and number < node.min or node.max and number > node.max
    or node.above and number <= node.above or node.below and number >= node.below then
    return wrong(node, value, path, found)
  end
  return number
end

local function check_enum(node, value, path, found)
  if text.one_of(node.values, value) then return value end
  local near = type(value) == "string" and text.suggest(value, node.values) or ""
  add(found, path, ("%s is %s; expected %s%s"):format(path, came(value), EXPECTED.enum(node), near))
end

local function check_list(node, value, path, found, depth)
  if type(value) ~= "table" or value == json.null or not is_list(value) then
    return wrong(node, value, path, found)
  end
  local length = #value
  if node.min and length < node.min or node.max and length > node.max then
    return wrong(node, value, path, found)
  end
  local copy = {}
  for i = 1, length do
    copy[i] = walk(node.of, value[i], ("%s[%d]"):format(path, i), found, depth + 1)
  end
  return json.array(copy)
end

local function check_map(node, value, path, found, depth)
  if type(value) ~= "table" or value == json.null or not is_object(value) then
    return wrong(node, value, path, found)
  end
  local keys, copy = text.sorted_keys(value), {}
  if node.min and #keys < node.min or node.max and #keys > node.max then
    return wrong(node, value, path, found)
  end
  for _, key in ipairs(keys) do
    copy[key] = walk(node.of, value[key], child_path(path, key), found, depth + 1)
  end
  return copy
end

local function check_unknown(node, value, path, found, copy, depth)
  local names = {}
  for i, field in ipairs(node.fields) do names[i] = field.name end
  for _, key in ipairs(text.sorted_keys(value)) do
    if not text.one_of(names, key) then
      if node.rest then
        copy[key] = walk(node.rest, value[key], child_path(path, key), found, depth + 1)
      else
        local known = #names > 0 and "known are " .. table.concat(names, ", ") or "it takes nothing"
        add(found, child_path(path, key), ("%s is not known%s; %s"):format(child_path(path, key),
          text.suggest(key, names), known))
      end
    end
  end
end

--- A copy of a default: the caller may change what it gets.
local function fresh(value)
  if type(value) ~= "table" or value == json.null then return value end
  local copy = {}
  for key, part in pairs(value) do copy[key] = fresh(part) end
  return json.is_array(value) and json.array(copy) or copy
end

local function check_object(node, value, path, found, depth)
  if type(value) ~= "table" or value == json.null or not is_object(value) then
    return wrong(node, value, path, found)
  end
  local copy = {}
  for _, field in ipairs(node.fields) do
    local given, inner = value[field.name], child_path(path, field.name)
    if given ~= nil then
      copy[field.name] = walk(field.schema, given, inner, found, depth + 1)
    elseif field.schema.default ~= nil then
      copy[field.name] = walk(field.schema, fresh(field.schema.default), inner, found, depth + 1)
    elseif not (field.optional or field.schema.optional) then
      add(found, inner,
        ("%s is missing; expected %s"):format(inner, EXPECTED[field.schema.kind](field.schema)))
    end
  end
  check_unknown(node, value, path, found, copy, depth)
  return copy
end

local function check_any_of(node, value, path, found, depth)
  local fits, checked, nearest = 0, nil, nil
  for _, option in ipairs(node.options) do
    local tried = new_found()
    local copy = walk(option, value, path, tried, depth + 1)
    if #tried.problems == 0 then
      fits = fits + 1
      if fits == 1 then checked = copy end
    elseif tried.problems[1].path ~= path then
      nearest = nearest or tried -- the right type, wrong inside: its problems say more
    end
  end
  if fits == 1 or fits > 1 and not node.exactly then return checked end
  if fits == 0 and nearest then
    for _, problem in ipairs(nearest.problems) do add(found, problem.path, problem.message) end
    return
  end
  local more = fits > 1 and (", and it fits %d"):format(fits) or ""
  add(found, path,
    ("%s is %s; expected %s%s"):format(path, came(value), EXPECTED.any_of(node), more))
end

--- How deep a value nests is bounded even where any value will do.
local function check_any(_, value, path, found, depth)
  local function deep(part, level)
    if type(part) ~= "table" or part == json.null then return false end
    if level > DEPTH_MOST then return true end
    for _, inner in pairs(part) do
      if deep(inner, level + 1) then return true end
    end
    return false
  end
  if deep(value, depth) then
    return add(found, path,
      ("%s nests deeper than %d; send something flatter"):format(path, DEPTH_MOST))
  end
  return value
end

local CHECKS <const> = {
  text = check_text, path = check_path, integer = check_number, number = check_number,
  enum = check_enum, list = check_list, map = check_map, object = check_object,
  any_of = check_any_of, any = check_any,
  boolean = function(node, value, path, found)
    if type(value) ~= "boolean" then return wrong(node, value, path, found) end
    return value
  end,
  null = function(node, value, path, found)
    if value ~= json.null then return wrong(node, value, path, found) end
    return value
  end,
}

local ANY <const> = { kind = "any" }

function walk(node, value, path, found, depth)
  if depth > DEPTH_MOST then
    return add(found, path,
      ("%s nests deeper than %d; send something flatter"):format(path, DEPTH_MOST))
  end
  node = node or ANY
  return CHECKS[node.kind](node, value, path, found, depth)
end

--- Checks `value`; see lib.schema.
---@param node  Schema
---@param value any
---@param name  string
---@return any checked
---@return schema.Problem[]? problems
function check.value(node, value, name)
  local found = new_found()
  if value == nil then
    add(found, name, ("%s is missing; expected %s"):format(name, EXPECTED[node.kind](node)))
    return nil, found.problems
  end
  local checked = walk(node, value, name, found, 0)
  if #found.problems == 0 then return checked end
  if found.more > 0 then
    found.problems[#found.problems + 1] = { path = name,
      message = ("and %d more problems"):format(found.more) }
  end
  return nil, found.problems
end

return check
