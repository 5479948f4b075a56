--- Command lines of verbs: options, positionals, help. Pure.
---
---   local SPEC <const> = {
---     usage   = "perigee run [AGENT|FILE] TASK",
---     options = {
---       { "--json",  "flag",           "print one JSON object" },
---       { "--model", "text",           "which model answers" },
---       { "--limit", "key=value list", "turns=,calls=,usd=", keys = { "turns", "calls", "usd" } },
---     },
---     positionals = { { "AGENT", optional = true }, { "TASK" } },
---   }
---   local given, err = args.parse(SPEC, list)   -- given.values.json, given.positionals[1]
---
--- Kinds: flag | text | integer | duration (to ms) | list (repeatable text) | key=value list (to a
--- table). `--opt value` and `--opt=value` are the same, `--` ends the options, `-` alone is a
--- positional, and values stand under the option's name with "_" for "-". `--help` and `-h` are
--- always known.
local duration = require "lib.duration"
local text     = require "lib.text"

---@class args.Option
---@field [1]   string  "--name"
---@field [2]   "flag"|"text"|"integer"|"duration"|"list"|"key=value list"
---@field [3]   string  what it does, for the help
---@field short? string "-n"
---@field keys? string[] of a key=value list: what may stand before "="
---@field hint? string  what stands for the value in the help

---@class args.Positional
---@field [1]      string name for messages and help
---@field [2]?     string what it is, for the help
---@field optional? boolean
---@field many?    boolean this and all that follow; last one only

---@class args.Spec
---@field usage        string
---@field about?       string
---@field options?     args.Option[]
---@field positionals? args.Positional[]

local args = {}

args.WIDTH = 100 -- characters of a line of help

local HELP <const> = { "--help", "flag", "show this", short = "-h" }

local function refuse(message)
  return nil, { code = "invalid", message = message }
end

local function key_of(option) return (option[1]:gsub("^%-+", ""):gsub("-", "_")) end

local function all_options(spec)
  local options = table.move(spec.options or {}, 1, #(spec.options or {}), 1, {})
  options[#options + 1] = HELP
  return options
end

local function find_option(options, name)
  for _, option in ipairs(options) do
    if option[1] == name or option.short == name then return option end
  end
end

local function read_pairs(option, into, value)
  for part in (value .. ","):gmatch("([^,]*),") do
    local key, said = part:match("^%s*([^=]-)%s*=%s*(.-)%s*$")
    if not key or key == "" or said == "" then
      return nil, ('%s: "%s" is not key=value'):format(option[1], part)
    end
    if option.keys and not text.one_of(option.keys, key) then
      return nil, ('%s: unknown key "%s"%s (known: %s)'):format(option[1], key,
        text.suggest(key, option.keys), table.concat(option.keys, ", "))
    end
    into[key] = said
  end
  return into
end

--- Reads one value by its option's kind; `before` is what the option held so far.
local function read_value(option, value, before)
  local kind = option[2]
  if kind == "text" then return value end
  if kind == "integer" then
    local number = value:match("^-?%d+$") and math.tointeger(tonumber(value))
    if not number then return nil, ('%s: "%s" is no whole number'):format(option[1], value) end
    return number
  elseif kind == "duration" then
    local ms, err = duration.parse(value)
    if not ms then return nil, ("%s: %s"):format(option[1], err.message) end
    return ms
  elseif kind == "list" then
    before = before or {}
    before[#before + 1] = value
    return before
  elseif kind == "key=value list" then
    return read_pairs(option, before or {}, value)
  end
  error(("args: option %s is of the unknown kind %q"):format(option[1], tostring(kind)), 0)
end

local function unknown_option(options, name)
  local known = {}
  for _, option in ipairs(options) do known[#known + 1] = option[1] end
  return refuse(("unknown option %s%s"):format(name, text.suggest(name, known)))
end

--- Reads the option at list[at]. Answers the place after it.
local function read_option(options, values, list, at)
  local word = list[at]
  local name, attached = word:match("^(%-%-[^=]+)=(.*)$")
  name = name or word
  local option = find_option(options, name)
  if not option then return unknown_option(options, name) end
  local key = key_of(option)
  if option[2] == "flag" then
    if attached then return refuse(option[1] .. " takes no value") end
    values[key] = true
    return at + 1
  end
  local value = attached or list[at + 1]
  if not value then return refuse(option[1] .. " needs a value") end
  local read, why = read_value(option, value, values[key])
  if read == nil then return refuse(why) end
  values[key] = read
  return attached and at + 1 or at + 2
end

local function check_positionals(spec, given)
  local wanted = spec.positionals or {}
  local least, most = 0, #wanted
  for _, positional in ipairs(wanted) do
    if not positional.optional then least = least + 1 end
    if positional.many then most = math.huge end
  end
  if #given < least then
    local missing = {}
    for _, positional in ipairs(wanted) do
      if not positional.optional then missing[#missing + 1] = positional[1] end
    end
    return refuse(("%s is missing; usage: %s"):format(missing[#given + 1], spec.usage))
  end
  if #given > most then
    return refuse(('too many words, from "%s" on; usage: %s'):format(given[most + 1], spec.usage))
  end
  return true
end

--- Reads a command line. With `--help` nothing is missing: `values.help` is true.
---@param spec args.Spec
---@param list string[] the words after the verb
---@return { values: table<string, any>, positionals: string[] }? given, Error? err
function args.parse(spec, list)
  local options, values, positionals = all_options(spec), {}, {}
  local at = 1
  while at <= #list do
    local word = list[at]
    if word == "--" then
      table.move(list, at + 1, #list, #positionals + 1, positionals)
      break
    elseif word:sub(1, 1) == "-" and word ~= "-" then
      local after, err = read_option(options, values, list, at)
      if not after then return nil, err end
      at = after
    else
      positionals[#positionals + 1] = word
      at = at + 1
    end
  end
  local given = { values = values, positionals = positionals }
  if values.help then return given end
  local ok, err = check_positionals(spec, positionals)
  if not ok then return nil, err end
  return given
end

local HINTS <const> = {
  text = "TEXT", integer = "N", duration = "TIME", list = "TEXT",
  ["key=value list"] = "KEY=VALUE,...",
}


local function row(name, about, width)
  local lines = text.wrap(about, math.max(30, args.WIDTH - width - 4))
  return ("  %-" .. width .. "s  %s"):format(name,
    table.concat(lines, "\n" .. (" "):rep(width + 4)))
end

--- The help of a verb: usage, what it is about, its words and its options.
---@param spec args.Spec
---@return string help
function args.help(spec)
  local left, right, width = {}, {}, 0
  local function add(name, about)
    left[#left + 1], right[#right + 1] = name, about or ""
    width = math.max(width, #name)
  end
  for _, positional in ipairs(spec.positionals or {}) do
    if positional[2] then add(positional[1], positional[2]) end
  end
  local described = #left
  for _, option in ipairs(all_options(spec)) do
    local hint = option[2] ~= "flag" and " " .. (option.hint or HINTS[option[2]] or "VALUE") or ""
    add((option.short and option.short .. ", " or "") .. option[1] .. hint, option[3])
  end

  local lines = { "Usage: " .. spec.usage }
  if spec.about then lines[#lines + 1] = table.concat(text.wrap(spec.about, args.WIDTH), "\n") end
  for i = 1, #left do
    if i == 1 or i == described + 1 then lines[#lines + 1] = "" end
    lines[#lines + 1] = row(left[i], right[i], width)
  end
  return table.concat(lines, "\n") .. "\n"
end

return args
