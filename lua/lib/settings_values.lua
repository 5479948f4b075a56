--- The values that settings can have, each read from a node of `cli.yaml` and checked. Pure.
---
--- A reader is `function(read, node) -> value or nil`; what is wrong with the node it tells
--- `read.problem(node, message)`, so that one reading finds all faults of a file. `read.home` is
--- the user's home folder, or nil.
local allowance = require "lib.allowance"
local duration = require "lib.duration"
local glob     = require "lib.glob"
local json     = require "lib.json"
local size     = require "lib.size"
local text     = require "lib.text"

local values = {}

---@class settings.Node as `cli.yaml` answers it
---@field kind    "scalar"|"list"|"map"
---@field line    integer
---@field column  integer
---@field text?   string  scalar: as written, quotes resolved
---@field quoted? boolean scalar
---@field amount? integer scalar: what an option read already, in milliseconds, bytes or pieces
---@field key?    string  of an entry of a map, with key_line and key_column

---@class settings.Read
---@field home?   string
---@field problem fun(node: settings.Node, message: string)

local TEXT_MOST <const> = 1000 -- bytes of a pattern, a path, a name
local WHY_MOST  <const> = 400  -- bytes of a reason
local LIST_MOST <const> = 500  -- entries

local KINDS <const> = { scalar = "one value", list = "a list", map = "keys with values" }

values.MODES = { "none", "proxy", "host" } -- the narrower first

--- Whether a value was left out: `key:` with nothing behind it.
local function is_blank(node)
  return node.kind == "scalar" and node.text == "" and not node.quoted
end

values.is_blank = is_blank

local function expect(read, node, kind, example)
  if node.kind == kind then return true end
  read.problem(node, ("%s is expected here, not %s: %s"):format(KINDS[kind],
    is_blank(node) and "nothing" or KINDS[node.kind], example))
  return false
end

--- A scalar's text in one line, not empty.
local function line_of(read, node, example)
  if not expect(read, node, "scalar", example) then return nil end
  if node.text == "" then
    read.problem(node, "a value is missing: " .. example)
  elseif #node.text > TEXT_MOST then
    read.problem(node, ("it is longer than %d bytes"):format(TEXT_MOST))
  elseif node.text:find("%c") then
    read.problem(node, "it holds a control character or a line end")
  else
    return node.text
  end
end

local function quoted(said) return ("%q"):format(said) end

-- amounts -----------------------------------------------------------------------------------------

--- A reader of amounts; `least` and `most` in the unit that `parse` answers.
local function amount(parse, words, example, least, most)
  return function(read, node)
    local written = line_of(read, node, example)
    if not written then return nil end
    local value, err = parse(node.amount or written)
    if not value then
      read.problem(node, err.message)
    elseif value < least or value > most then
      read.problem(node, ("%s is not between %s and %s"):format(quoted(written), words(least),
        words(most)))
    else
      return value
    end
  end
end

---@param least integer milliseconds
---@param most  integer milliseconds
function values.duration(least, most)
  return amount(duration.parse, duration.words, "20s", least, most)
end

--- A length of time, or "none", which is false.
---@param least integer milliseconds
---@param most  integer milliseconds
function values.duration_or_none(least, most)
  local read_duration = values.duration(least, most)
  return function(read, node)
    if node.kind == "scalar" and node.text == "none" then return false end
    return read_duration(read, node)
  end
end

---@param least integer bytes
---@param most  integer bytes
function values.size(least, most) return amount(size.parse, size.words, "512M", least, most) end

local function parse_count(written)
  local said = tostring(written)
  local number = #said <= 15 and said:match("^%d+$") and math.tointeger(tonumber(said))
  if number then return number end
  return nil, { message = quoted(said) .. " is no whole number" }
end

function values.count(least, most) return amount(parse_count, tostring, "512", least, most) end

local function parse_share(written)
  local said = tostring(written)
  local number = math.tointeger(tonumber(said:match("^(%d%d?)%s*%%$")))
  if number then return number end
  return nil, { message = quoted(said) .. " is no share; write 80%" }
end

function values.share_words(percent) return percent .. "%" end

--- A share of a whole, in percent.
function values.share(least, most)
  return amount(parse_share, values.share_words, "80%", least, most)
end

--- A limit of runs, or "none".
---@param key string of lib.allowance
function values.limit(key)
  return function(read, node)
    local written = line_of(read, node, "12")
    if not written then return nil end
    local value, err = allowance.parse(key, written)
    if value == nil then read.problem(node, ("%s: %s"):format(quoted(written), err.message)) end
    return value
  end
end

-- words -------------------------------------------------------------------------------------------

--- One of a few words.
---@param known string[]
function values.word(known)
  return function(read, node)
    local written = line_of(read, node, known[1])
    if not written then return nil end
    if text.one_of(known, written) then return written end
    read.problem(node, ("%s is not one of %s%s"):format(quoted(written),
      table.concat(known, ", "), text.suggest(written, known)))
  end
end

values.mode = values.word(values.MODES)

--- The name of a variable or a secret.
function values.name(read, node)
  local written = line_of(read, node, "JAVA_HOME")
  if not written then return nil end
  if written:match("^[%a_][%w_]*$") then return written end
  read.problem(node, quoted(written) .. " is no name of a variable: letters, digits and _")
end

--- The name of a search engine's file, or a word in place of one.
function values.engine(read, node)
  local written = line_of(read, node, "brave")
  if not written then return nil end
  if written:match("^%l[%l%d_]*$") then return written end
  read.problem(node, quoted(written) .. " is no engine's name: auto, none, provider, or a file of "
    .. "lua/search such as brave")
end

--- A path without "." and doubled slashes; nil and why where it cannot be used.
local function resolve(written, home)
  local path = written
  if path == "~" or path:sub(1, 2) == "~/" then
    if not home then return nil, "~ stands for HOME, which is not set" end
    path = home .. path:sub(2)
  end
  if path:sub(1, 1) ~= "/" then return nil, "is not absolute; begin it with / or ~/" end
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." then return nil, "must not hold .." end
    if part ~= "." then parts[#parts + 1] = part end
  end
  return "/" .. table.concat(parts, "/")
end

local function holds(outer, inner)
  return outer == "/" or inner == outer or inner:sub(1, #outer + 1) == outer .. "/"
end

--- An absolute folder or file that is to be reached; "~" is the home folder.
function values.path(read, node)
  local written = line_of(read, node, "/opt/toolchain")
  if not written then return nil end
  local path, why = resolve(written, read.home)
  if path and read.home and holds(path, read.home) then
    path, why = nil, "holds your whole home folder; name what in it is needed"
  elseif path == "/" then
    path, why = nil, "is the whole system; name what is needed"
  end
  for _, own in ipairs { "/proc", "/sys", "/dev" } do
    if path and holds(own, path) then
      path, why = nil, "belongs to the system; it is never shown"
    end
  end
  if path then return path end
  read.problem(node, ("%s %s"):format(quoted(written), why))
end

-- hosts -------------------------------------------------------------------------------------------

local function split_port(written)
  local name, port = written:match("^(.*):(%d+)$")
  if not name or (name:find(":", 1, true) and name:sub(1, 1) ~= "[") then return written end
  return name, math.tointeger(tonumber(port))
end

local function is_ipv4(labels)
  for _, label in ipairs(labels) do
    if not (label == "0" or label:match("^[1-9]%d?%d?$")) or tonumber(label) > 255 then
      return false
    end
  end
  return #labels == 4
end

--- Labels of letters, digits and inner hyphens; where the last is a number, an IPv4 address.
local function is_name(name)
  local labels = {}
  for label in (name .. "."):gmatch("([^.]*)%.") do
    if #label > 63 or not label:match("^%w$") and not label:match("^%w[%w-]*%w$") then
      return false
    end
    labels[#labels + 1] = label
  end
  if #name > 253 then return false end
  return not labels[#labels]:match("^%d+$") or is_ipv4(labels)
end

--- A name that may stand behind "*.": two labels at least, and no address.
local function is_domain(name)
  return is_name(name) and name:find(".", 1, true) ~= nil and not name:match("%d$")
end

--- `host`, `host:port`, `*.host`, `1.2.3.4:80`, `[::1]:80`, in small letters. What the proxy
--- accepts is stricter; this is to find slips where they stand.
function values.host(read, node)
  local written = line_of(read, node, "pypi.org")
  if not written then return nil end
  local name, port = split_port(written:lower())
  local why
  if written:find("/", 1, true) then
    why = "is no host: leave out https:// and any path"
  elseif name == "*" then
    why = 'would be every host; name them, as "*.example.org", or let the user set network: host'
  elseif port and (port < 1 or port > 65535) then
    why = "has no port between 1 and 65535"
  elseif name:match("^%*%.") and not is_domain(name:sub(3)) then
    why = 'is too wide, or no host; behind *. stands a domain, as in "*.npmjs.org"'
  elseif not name:match("^%*%.") and not name:match("^%[[%x:.]+%]$") and not is_name(name) then
    why = 'is no host; write it as pypi.org, "*.npmjs.org" or 127.0.0.1:8080'
  end
  if not why then return port and ("%s:%d"):format(name, port) or name end
  read.problem(node, ("%s %s"):format(quoted(written), why))
end

--- Whether everything that `inner` lets through, `outer` lets through as well. An entry without a
--- port stands for the customary ones, 80 and 443.
---@param outer string as `values.host` answers it
---@param inner string
---@return boolean
function values.host_within(outer, inner)
  local name, port = split_port(inner)
  local outer_name, outer_port = split_port(outer)
  if outer_port and outer_port ~= port then return false end
  if not outer_port and port and port ~= 80 and port ~= 443 then return false end
  if name == outer_name then return true end
  local below = outer_name:match("^%*(%..+)$")
  return below ~= nil and #name > #below and name:sub(-#below) == below
end

-- patterns and rules ------------------------------------------------------------------------------

--- A glob; what it is compared with is the business of whoever reads it.
function values.glob(read, node)
  local written = line_of(read, node, '"git push*"')
  if not written then return nil end
  local _, why = glob.expand(written)
  if not why then return written end
  read.problem(node, ("%s: %s"):format(quoted(written), why))
end

local function why(read, node)
  if not expect(read, node, "scalar", '"pushing is mine"') then return nil end
  if #node.text <= WHY_MOST then return text.trim(node.text) end
  read.problem(node, ("a reason has at most %d bytes"):format(WHY_MOST))
end

--- A reader of maps: for each key its reader; what is missing stays nil.
---@param readers table<string, fun(read: settings.Read, node: settings.Node): any>
---@param example string
local function map_of(readers, example)
  local known = text.sorted_keys(readers)
  return function(read, node)
    if not expect(read, node, "map", example) then return nil end
    local map = {}
    for _, entry in ipairs(node) do
      local reader = readers[entry.key]
      if reader then
        map[entry.key] = reader(read, entry)
      else
        read.problem({ line = entry.key_line, column = entry.key_column },
          ("unknown key %s%s (known: %s)"):format(quoted(entry.key),
            text.suggest(entry.key, known), table.concat(known, ", ")))
      end
    end
    return map
  end
end

--- A reader of lists, each value once.
---@param reader  fun(read: settings.Read, node: settings.Node): any
---@param example string
function values.list(reader, example)
  return function(read, node)
    if not expect(read, node, "list", example) then return nil end
    if #node > LIST_MOST then
      read.problem(node, ("a list has at most %d entries"):format(LIST_MOST))
      return nil
    end
    local list = json.array {}
    for _, entry in ipairs(node) do
      local value = reader(read, entry)
      if value ~= nil and not text.one_of(list, value) then list[#list + 1] = value end
    end
    return list
  end
end

local VERDICTS <const> = { "deny", "ask", "allow" }

local read_argument = map_of({ name = values.name, glob = values.glob }, '{ name: url, glob: "*" }')

local function argument(read, node)
  local said = read_argument(read, node)
  if said and node.kind == "map" and not (said.name and said.glob) then
    read.problem(node, 'both are needed: { name: url, glob: "*" }')
  end
  return said
end

local read_rule = map_of({
  deny = values.glob, ask = values.glob, allow = values.glob, command = values.glob,
  path = values.glob, host = values.glob, agent = values.glob, argument = argument, why = why,
  effect = values.word { "read", "write", "outside" },
}, '{ deny: bash, command: "git push*" }')

--- { verdict, tool, command?, path?, host?, agent?, effect?, argument?, why?, line }. Its file is
--- filled in by who knows it.
---@return settings.Rule?
function values.rule(read, node)
  local said = read_rule(read, node)
  if not said then return nil end
  local rule, given = { line = node.line }, 0
  for key, value in pairs(said) do
    if not text.one_of(VERDICTS, key) then rule[key] = value end
  end
  for _, entry in ipairs(node) do
    if text.one_of(VERDICTS, entry.key) then
      given, rule.verdict, rule.tool = given + 1, entry.key, said[entry.key]
    end
  end
  if given ~= 1 then
    read.problem(node, "a rule begins with one of deny, ask and allow, and the tool that it is for")
    return nil
  end
  return rule
end

local read_needs = map_of({
  net = values.list(values.host, "[api.example.org]"),
  secrets = values.list(values.name, "[EXAMPLE_API_KEY]"),
  read = values.list(values.path, "[/opt/data]"), write = values.list(values.path, "[/opt/data]"),
}, "{ net: [api.example.org] }")

--- What tools are granted, by the tool's name.
---@return table<string, Needs>?
function values.grants(read, node)
  if not expect(read, node, "map", "web_search: { net: [api.example.org] }") then return nil end
  local grants = {}
  for _, entry in ipairs(node) do
    if entry.key:match("^%l[%l%d_]*$") then
      grants[entry.key] = read_needs(read, entry)
    else
      read.problem({ line = entry.key_line, column = entry.key_column },
        ("%s is no tool's name: small letters, digits and _"):format(quoted(entry.key)))
    end
  end
  return grants
end

return values
