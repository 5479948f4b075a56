--- What policy.lua is put together from: which rule holds for a call, and what follows of all that
--- hold. Pure.
---
--- Rules come from two places: functions in policy.lua, and `facts.rules`, those of config.yaml,
--- which are data. The order of both together: denials, then questions, then permissions; within
--- each the first that holds. Where none holds, the defaults of policy.lua are looked at likewise.
---
--- A rule of config.yaml holds when all that it names fits. Denials and questions are read
--- generously (any part of a command line, any of several hosts, a folder above the path),
--- permissions strictly (one plain command, each of the hosts, the path itself).
local command = require "lib.command"
local glob    = require "lib.glob"
local words   = require "lib.settings_words"

local rules = {}

---@class policy.Rule
---@field verdict "allow"|"ask"|"deny"
---@field when    fun(call: policy.Call, facts: policy.Facts): any
---@field why     string|fun(call: policy.Call, facts: policy.Facts): string
---@field about?  string what `explain` calls it where it does not hold and `why` is a function

---@class policy.Look one rule, as `explain` shows it
---@field verdict "allow"|"ask"|"deny"
---@field held    boolean
---@field why     string why it held, or what did not fit
---@field from    string "policy.lua", "policy.lua (default)", or "FILE:LINE"

-- one rule of config.yaml -------------------------------------------------------------------------

--- Whether `fits` holds for the list: of any entry where a rule is generous, of all where strict.
local function among(list, strict, fits)
  for _, one in ipairs(list) do
    local fit = fits(one) and true or false
    if fit ~= strict then return not strict end
  end
  return strict and #list > 0
end

local function named(pattern, name, what)
  if glob.text(pattern)(name) then return true end
  return false, ("%s %s is not %s"):format(what, name, pattern)
end

--- "git push" in a denial means "git push origin" as well.
local function command_fits(pattern, line, strict)
  if type(line) ~= "string" then return false, "it has no command" end
  local fits = glob.text((pattern:gsub("[ \t]+", " ")))
  if strict then
    if not command.plain(line) then return false, "it is more than one plain command" end
    return fits(line:match("^[ \t]*(.-)$")), "the command is not " .. pattern
  end
  local longer = glob.text(pattern:gsub("[ \t]+", " ") .. " *")
  local found = command.anywhere(line)
  if not found then return true end -- what cannot be read through is not passed over
  return among(found, false, function(one) return fits(one) or longer(one) end),
    "no command in it is " .. pattern
end

--- The path and, for a generous rule, the folders that it lies in.
local function steps_of(path, strict)
  local steps = { path }
  while not strict do
    path = path:match("^(.+)/[^/]+$")
    if not path then break end
    steps[#steps + 1] = path
  end
  return steps
end

local function path_fits(pattern, call, facts, strict)
  local paths = call.paths or {}
  if #paths == 0 then return false, "it names no path" end
  local absolute = pattern:sub(1, 1) == "/"
  local patterns = absolute and glob.expand(pattern) or glob.rooted(pattern, ".")
  if not patterns then return not strict, "its path cannot be read" end
  local fits = glob.matcher(patterns)
  return among(paths, strict, function(path)
    local outside = path:sub(1, 1) == "/"
    if absolute and not outside then path = (facts.workspace or "") .. "/" .. path end
    if not absolute and outside then return false end
    return among(steps_of(path, strict), false, fits)
  end), "no path fits " .. pattern
end

local function split_port(host) -- "name:80", "[::1]:80"
  local name, port = host:match("^(.-):(%d+)$")
  if not name or (name:find(":", 1, true) and name:sub(1, 1) ~= "[") then return host end
  return name, port
end

local function host_fits(pattern, call, strict)
  local hosts = call.hosts or {}
  if #hosts == 0 then return false, "it names no host" end
  local wanted, wanted_port = split_port(pattern:lower())
  local fits = glob.text(wanted)
  return among(hosts, strict, function(host)
    local name, port = split_port(host)
    if name == rules.ODD then return not strict end -- nobody knows where it leads
    local same = fits(name) or not strict and name:find("*", 1, true) and glob.text(name)(wanted)
    if not same then return false end
    if wanted_port then return wanted_port == port end
    return not strict or port == nil
  end), "no host fits " .. pattern
end

local function argument_fits(argument, call, strict)
  local value = call.input[argument.name]
  if value == nil then return false, "it has no argument " .. argument.name end
  local fits = glob.text(argument.glob)
  return among(type(value) == "table" and value or { value }, strict, function(one)
    return type(one) ~= "table" and fits(tostring(one))
  end), ("%s is not %s"):format(argument.name, argument.glob)
end

--- Whether a rule of config.yaml holds for a call, and what did not fit.
---@param rule  settings.Rule
---@param call  policy.Call
---@param facts policy.Facts
---@return boolean holds, string? why not
function rules.holds(rule, call, facts)
  local strict = rule.verdict == "allow"
  local looks = {
    { true, function() return named(rule.tool, call.tool, "the tool") end },
    { rule.agent, function() return named(rule.agent, call.agent, "the agent") end },
    { rule.effect, function() return named(rule.effect, call.effect, "the effect") end },
    { rule.command, function() return command_fits(rule.command, call.command, strict) end },
    { rule.path, function() return path_fits(rule.path, call, facts, strict) end },
    { rule.host, function() return host_fits(rule.host, call, strict) end },
    { rule.argument, function() return argument_fits(rule.argument, call, strict) end },
  }
  for _, look in ipairs(looks) do
    local asked, fits, why = look[1], true, nil
    if asked then fits, why = look[2]() end
    if not fits then return false, why end
  end
  return true
end

-- all of them -------------------------------------------------------------------------------------

local function say(why, call, facts) return type(why) == "function" and why(call, facts) or why end

--- A rule of policy.lua, looked at.
local function look_at(rule, call, facts, from)
  local held = rule.when(call, facts)
  local why = held and say(rule.why, call, facts)
    or "not so: " .. (rule.about or tostring(rule.why))
  return { verdict = rule.verdict, held = held and true or false, why = why, from = from }
end

local function look_at_written(rule, call, facts)
  local held, not_so = rules.holds(rule, call, facts)
  return { verdict = rule.verdict, held = held,
    from = rule.line and ("%s:%d"):format(rule.file, rule.line) or rule.file,
    why = not held and not_so
      or rule.why and rule.why ~= "" and rule.why or "rule: " .. words.rule(rule) }
end

--- All rules, in the order in which they are looked at.
local function looks(policy, call, facts)
  local list = {}
  for _, verdict in ipairs { "deny", "ask", "allow" } do
    for _, rule in ipairs(policy.rules) do
      if rule.verdict == verdict then
        list[#list + 1] = function() return look_at(rule, call, facts, "policy.lua") end
      end
    end
    for _, rule in ipairs(facts.rules or {}) do
      if rule.verdict == verdict then
        list[#list + 1] = function() return look_at_written(rule, call, facts) end
      end
    end
  end
  for _, verdict in ipairs { "deny", "ask", "allow" } do
    for _, rule in ipairs(policy.defaults) do
      if rule.verdict == verdict then
        list[#list + 1] = function() return look_at(rule, call, facts, "policy.lua (default)") end
      end
    end
  end
  return list
end

--- What policy.lua returns: `rules` hold whatever config.yaml says, `defaults` where it is silent.
--- `limits` is passed on as it is.
---@param policy { rules: policy.Rule[], defaults: policy.Rule[], limits?: function }
---@return policy.File
function rules.policy(policy)
  return {
    decide = function(call, facts)
      for _, look in ipairs(looks(policy, call, facts)) do
        local seen = look()
        if seen.held then return { verdict = seen.verdict, why = seen.why, from = seen.from } end
      end
      return { verdict = "deny", why = "no rule allows it" }
    end,
    explain = function(call, facts)
      local seen = {}
      for i, look in ipairs(looks(policy, call, facts)) do seen[i] = look() end
      return seen
    end,
    limits = policy.limits,
  }
end

-- what a call names -------------------------------------------------------------------------------

rules.ODD = "?" -- stands for a host that is written in a way that could be read in several

local PATH_NAMES <const> = { path = true, paths = true, file = true, files = true,
  file_path = true, folder = true, directory = true, cwd = true }
local HOST_NAMES <const> = { url = true, urls = true, uri = true, endpoint = true, host = true,
  hosts = true, hostname = true }

--- A path as rules compare it: below the workspace relative to it, else absolute; no ".", "..".
---@param path string
---@param workspace? string
---@return string plain
function rules.plain_path(path, workspace)
  local whole = path:sub(1, 1) == "/" and path or (workspace or "") .. "/" .. path
  local parts = {}
  for part in whole:gmatch("[^/]+") do
    if part == ".." then
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  local plain = "/" .. table.concat(parts, "/")
  if not workspace then return plain end
  if plain == workspace then return "." end
  if plain:sub(1, #workspace + 1) == workspace .. "/" then return plain:sub(#workspace + 2) end
  return plain
end

--- The host of an address, with its port where that is not the customary one.
---@param address string "https://example.org:8443/x", "example.org"
---@return string host
function rules.host_of(address)
  local scheme, authority = address:match("^(%a[%w+.-]*)://([^/?#]*)")
  authority = authority or address:match("^[^/?#]*")
  authority = authority:lower()
  local name, port = split_port(authority:match("([^@]*)$"))
  local known = name:match("^[%w._*-]+$") or name:match("^%[[%x:.]+%]$")
  if address:find("[%c\\ ]") or not known then return rules.ODD end
  name = name:gsub("%.$", "")
  local customary = not port or port == "443" and scheme ~= "http"
    or port == "80" and scheme ~= "https"
  return customary and name or ("%s:%s"):format(name, port)
end

--- Walks a value beside its schema and tells each text with its field's name and whether the schema
--- calls it a path.
local function walk(node, value, name, found)
  if type(value) == "string" then
    found(value, name, node and node.kind == "path")
  elseif type(value) == "table" then
    local by_name = {}
    for _, field in ipairs(node and node.fields or {}) do by_name[field.name] = field.schema end
    for key, one in pairs(value) do
      local inner = type(key) == "string" and key or name
      walk(by_name[key] or node and node.of or nil, one, inner, found)
    end
  end
end

local function add(list, one)
  for _, known in ipairs(list) do
    if known == one then return end
  end
  list[#list + 1] = one
end

--- What a call's arguments name: its command line, its paths, its hosts (else those that its tool
--- needs). A path or a host is known by its schema or by the name of its field.
---@param declaration tool.Declaration
---@param input       table
---@param workspace?  string
---@return { command: string?, paths: string[], hosts: string[] } names
function rules.names(declaration, input, workspace)
  local paths, hosts = {}, {}
  walk(declaration.input, input, "", function(said, name, is_path)
    if is_path or PATH_NAMES[name] then add(paths, rules.plain_path(said, workspace)) end
    if HOST_NAMES[name] then add(hosts, rules.host_of(said)) end
  end)
  if #hosts == 0 then
    for _, host in ipairs(declaration.needs.net or {}) do add(hosts, host:lower()) end
  end
  table.sort(paths)
  table.sort(hosts)
  return { command = type(input.command) == "string" and input.command or nil,
    paths = paths, hosts = hosts }
end

return rules
