--- The settings in force: the distribution's defaults, the user's config.yaml, a project's
--- narrowing, the command line.
---
---   local given = settings.given(parsed.values)       -- of a verb that offers settings.OPTIONS
---   local found, err = settings.load(cli, where, given)  -- where: of project.find
---   found.limits.time_ms, found.sandbox.network, found.grants.web_search.net
---
--- The user's file widens or narrows; what is wrong in it refuses (code "invalid"), so that nothing
--- runs under other settings than were written down. A project's file is a stranger's word: it only
--- narrows. What in it would widen is told in `warnings` and changes nothing; what cannot be read,
--- and so might have narrowed, refuses. The command line is the last word, for this run.
local duration = require "lib.duration"
local json     = require "lib.json"
local size     = require "lib.size"
local text     = require "lib.text"
local values   = require "lib.settings_values"

---@class settings.Rule
---@field verdict   "deny"|"ask"|"allow"
---@field tool      string glob
---@field command?  string glob
---@field path?     string glob
---@field host?     string glob
---@field agent?    string glob
---@field effect?   "read"|"write"|"outside"
---@field argument? { name: string, glob: string }
---@field why?      string
---@field file      string where it was written; "command line" where it was said there
---@field line      integer

---@class settings.Sandbox
---@field network "none"|"proxy"|"host"
---@field hosts   string[] "pypi.org", "*.npmjs.org", "127.0.0.1:8080"; in small letters
---@field show    string[] absolute paths
---@field pass    string[] names of variables

---@class settings.Limits of one command; milliseconds and bytes, never nil
---@field time_ms      integer
---@field time_most_ms integer
---@field cpu_ms       integer
---@field memory       integer
---@field processes    integer
---@field file_size    integer
---@field output       integer

---@class settings.Settings plain data
---@field sandbox  settings.Sandbox
---@field limits   settings.Limits
---@field policy   { ask_ms: integer, rules: settings.Rule[] } the user's rules first
---@field grants   table<string, Needs> by tool; net, secrets, read, write as far as granted
---@field warnings string[] "FILE:LINE:COLUMN: what was not followed"
---@field origin   table<string, string> where a key was set: "limits.time" to "FILE:LINE"

---@class settings.Given what the command line says about one key
---@field key   string "limits.time"
---@field value string|integer text as in a file, or what the option's kind made of it
---@field said  string "--timeout"

local settings = {}

local FILE_MOST <const> = 256 * 1024
local SECOND    <const>, MINUTE <const>, DAY <const> = 1000, 60000, 86400000
local MB        <const>, TB <const> = 1 << 20, 1 << 40

--- Every key: where it stands in Settings, how it is read, what it is by default, and what a
--- project's may do. `narrower(theirs, ours)` answers what holds then, and what was not followed.
---@class settings.Key
---@field [1]      string "section.key" as in the file
---@field [2]      string the field of its section in Settings
---@field read     fun(read: settings.Read, node: settings.Node): any
---@field default  any
---@field narrower false|fun(theirs: any, ours: any): any, string?
---@field words?   fun(value: any): string for people

local function smaller(words)
  return function(theirs, ours)
    if theirs <= ours then return theirs end
    return ours, ("%s is more than the %s in force"):format(words(theirs), words(ours))
  end
end

local function narrower_mode(theirs, ours)
  for _, mode in ipairs(values.MODES) do
    if mode == theirs then return theirs end
    if mode == ours then break end
  end
  return ours, ("%s is wider than the %s in force"):format(theirs, ours)
end

local function fewer_hosts(theirs, ours)
  local kept, dropped = json.array {}, {}
  for _, host in ipairs(theirs) do
    local within = false
    for _, known in ipairs(ours) do within = within or values.host_within(known, host) end
    local list = within and kept or dropped
    list[#list + 1] = host
  end
  return kept, dropped[1] and table.concat(dropped, ", ") .. " is not among the user's hosts"
end

--- Joins lists; what the first has comes first, and comes once.
local function joined(first, second)
  local all = json.array {}
  for _, list in ipairs { first, second } do
    for _, value in ipairs(list) do
      if not text.one_of(all, value) then all[#all + 1] = value end
    end
  end
  return all
end

--- A project's rules stand beside ours: denials and questions only narrow.
local function stricter_rules(theirs, ours)
  local kept, allowed = joined(ours, {}), {}
  for _, rule in ipairs(theirs) do
    if rule.verdict ~= "allow" then
      kept[#kept + 1] = rule
    else
      allowed[#allowed + 1] = "line " .. rule.line
    end
  end
  return kept, allowed[1] and ("an allow rule is the user's to write (%s)")
    :format(table.concat(allowed, ", "))
end

local function duration_key(name, field, default, least, most)
  return { name, field, read = values.duration(least, most), default = default,
    narrower = smaller(duration.words), words = duration.words }
end

local function size_key(name, default, least, most)
  return { name, name:match("%.(.*)"), read = values.size(least, most), default = default,
    narrower = smaller(size.words), words = size.words }
end

local function list_key(name, reader, example, narrower)
  return { name, name:match("%.(.*)"), read = values.list(reader, example), default = {},
    narrower = narrower }
end

---@type settings.Key[]
local KEYS <const> = {
  { "sandbox.network", "network", read = values.mode, default = "none", narrower = narrower_mode },
  list_key("sandbox.hosts", values.host, "[pypi.org]", fewer_hosts),
  list_key("sandbox.show", values.path, "[/opt/toolchain]", false),
  list_key("sandbox.pass", values.name, "[LANG]", false),
  duration_key("limits.time", "time_ms", 120 * SECOND, 1, 7 * DAY),
  duration_key("limits.time_most", "time_most_ms", 10 * MINUTE, 1, 7 * DAY),
  duration_key("limits.cpu", "cpu_ms", 120 * SECOND, SECOND, 7 * DAY),
  size_key("limits.memory", 4096 * MB, MB, 64 * TB),
  { "limits.processes", "processes", read = values.count(1, 100000), default = 512,
    narrower = smaller(tostring) },
  size_key("limits.file_size", 1024 * MB, 1024, 64 * TB),
  size_key("limits.output", MB, 1, 4 * MB),
  duration_key("policy.ask_deadline", "ask_ms", 5 * MINUTE, SECOND, 7 * DAY),
  list_key("policy.rules", values.rule, '[{ deny: bash, command: "git push*" }]', stricter_rules),
  { "grants", "grants", read = values.grants, default = {}, narrower = false },
}

--- The keys in the order of the file, for who shows them.
---@type settings.Key[]
settings.KEYS = KEYS

--- What verbs that start commands offer for every key. `--network` is there for being asked often.
---@type args.Option[]
settings.OPTIONS = {
  { "--network", "text", "none, proxy (the hosts of the settings) or host (all of yours)",
    hint = "MODE" },
  { "--setting", "list", "a key of config.yaml for this run, such as limits.memory=8G",
    hint = "KEY=VALUE" },
}

local function key_of(name)
  for _, key in ipairs(KEYS) do
    if key[1] == name then return key end
  end
end

local function all_names()
  local names = {}
  for i, key in ipairs(KEYS) do names[i] = key[1] end
  return names
end

-- one layer ---------------------------------------------------------------------------------------

---@class settings.Layer
---@field file     string
---@field found    table<string, { value: any, node: settings.Node }> by key
---@field problems { line: integer, column: integer, message: string }[]

local function new_layer(file, home)
  local layer = { file = file, found = {}, problems = {} }
  layer.read = { home = home, problem = function(node, message)
    table.insert(layer.problems, { line = node.line, column = node.column, message = message })
  end }
  return layer
end

local function unknown(layer, entry, name, names)
  layer.read.problem({ line = entry.key_line, column = entry.key_column },
    ("unknown key %q%s"):format(name, text.suggest(name, names)))
end

--- Reads one key, with its place.
local function take(layer, key, node)
  local value = key.read(layer.read, node)
  if value == nil then return end
  if key[1] == "policy.rules" then
    for _, rule in ipairs(value) do rule.file = layer.file end
  end
  layer.found[key[1]] = { value = value, node = node }
end

--- The keys of one section, whose own name is `section`.
local function read_section(layer, section)
  if values.is_blank(section) then return end -- its keys are commented out
  if section.kind ~= "map" then
    return layer.read.problem(section, "keys are expected below " .. section.key)
  end
  local names = {}
  for _, key in ipairs(KEYS) do
    names[#names + 1] = key[1]:match("^" .. section.key .. "%.(.*)$")
  end
  for _, entry in ipairs(section) do
    local key = key_of(section.key .. "." .. entry.key)
    if key then take(layer, key, entry) else unknown(layer, entry, entry.key, names) end
  end
end

--- A file's text as a layer. What YAML refuses is its one problem, and `unread` is set.
local function read_text(cli, layer, source)
  local tree, err, fault = cli.yaml(source)
  if not tree then
    layer.unread = true
    layer.read.problem(fault, err.message)
  elseif tree.kind ~= "map" then
    layer.read.problem(tree, "settings are expected, such as limits: { time: 60s }")
  else
    for _, entry in ipairs(tree) do
      if entry.key == "grants" then
        if not values.is_blank(entry) then take(layer, key_of("grants"), entry) end
      elseif text.one_of({ "sandbox", "limits", "policy" }, entry.key) then
        read_section(layer, entry)
      else
        unknown(layer, entry, entry.key, { "sandbox", "limits", "policy", "grants" })
      end
    end
  end
end

local function at(layer, place)
  if not place.line then return layer.file end
  return ("%s:%d:%d"):format(layer.file, place.line, place.column)
end

--- The layer's problems as one error, or nil: the first in the message, all of them in `details`.
local function refusal(layer, advice)
  if #layer.problems == 0 then return nil end
  local said = {}
  for i, one in ipairs(layer.problems) do said[i] = at(layer, one) .. ": " .. one.message end
  local more = #said > 1 and (" (and %s; perigee doctor lists them)")
    :format(text.plural(#said - 1, "more problem")) or ""
  return { code = "invalid", message = said[1] .. (advice or "") .. more, details = said }
end

--- What a missing path means: nothing by that name, or a link that leads nowhere.
---@return Error? err
local function dangling(cli, path)
  local folder, name = path:match("^(.*)/([^/]+)$")
  for _, entry in ipairs(cli.list_folder(folder) or {}) do
    if entry.name == name then
      return { code = "not_found",
        message = path .. " is a link that leads nowhere; mend it or remove it" }
    end
  end
end

--- The layer of `folder`'s config.yaml; nil where there is none.
---@return settings.Layer? layer, Error? err
local function read_file(cli, folder, home)
  local layer = new_layer(folder .. "/config.yaml", home)
  local source, err = cli.read_file(layer.file, FILE_MOST)
  if source then
    read_text(cli, layer, source)
    return layer
  end
  if err.code == "not_found" then return nil, dangling(cli, layer.file) end
  return nil, { code = err.code, message = "settings: " .. err.message }
end

--- The user's own layer. What others could have written is not obeyed.
---@return settings.Layer? layer, Error? err
local function read_own(cli, folder, home)
  for _, path in ipairs { folder, folder .. "/config.yaml" } do
    local ok, err = cli.guard(path)
    if not ok then
      if err.code == "not_found" then return nil, dangling(cli, path) end
      return nil, err
    end
  end
  return read_file(cli, folder, home)
end

-- the command line --------------------------------------------------------------------------------

--- What parsed options say about settings, for `settings.load`.
---@param parsed table<string, any> of args.parse
---@param also?  table<string, string> more options of the verb: their name to the key they set
---@return settings.Given[] given
function settings.given(parsed, also)
  local given = {}
  for _, one in ipairs(parsed.setting or {}) do
    local key, value = one:match("^%s*([^=%s]*)%s*=(.*)$")
    given[#given + 1] = { key = key or one, value = value, said = "--setting", yaml = true }
  end
  local named = { ["--network"] = "sandbox.network" }
  for option, key in pairs(also or {}) do named[option] = key end
  for _, option in ipairs(text.sorted_keys(named)) do
    local value = parsed[option:sub(3):gsub("-", "_")]
    if value ~= nil then
      given[#given + 1] = { key = named[option], value = value, said = option }
    end
  end
  return given
end

--- A value of the command line as the node that a file would have.
local function node_of(cli, one)
  if one.yaml then
    local node, err = cli.yaml(one.value)
    return node, err and err.message
  end
  if type(one.value) == "table" then
    local list = { kind = "list" }
    for i, value in ipairs(one.value) do list[i] = { kind = "scalar", text = value } end
    return list
  end
  return { kind = "scalar", text = one.value, quoted = true }
end

--- One option as a layer of one key, or what is wrong with it.
local function read_given(cli, one, home)
  local layer = new_layer("command line", home)
  local key = key_of(one.key) or one.key:match("^grants%.") and key_of("grants")
  local said = one.yaml and "--setting " .. one.key or one.said
  local function refuse(why)
    return nil, { code = "invalid", message = ("%s: %s"):format(said, why) }
  end
  if not key then
    return refuse("unknown key" .. text.suggest(one.key, all_names()) .. "; the keys are "
      .. table.concat(all_names(), ", "))
  end
  if not one.value then return refuse("KEY=VALUE is expected, such as limits.memory=8G") end
  local node, why = node_of(cli, one)
  if not node then return refuse(why) end
  local tool = one.key:match("^grants%.(.*)$")
  if tool then
    node.key = tool
    node = { kind = "map", node }
  end
  take(layer, key, node)
  if layer.problems[1] then return refuse(layer.problems[1].message) end
  layer.said = said
  return layer
end

-- joining layers ----------------------------------------------------------------------------------

local function default_values()
  local now, origin = {}, {}
  for _, key in ipairs(KEYS) do
    local value = key.default
    now[key[1]] = type(value) == "table" and key[1] ~= "grants" and json.array {} or value
    origin[key[1]] = "default"
  end
  now.grants = {}
  return now, origin
end

--- What is said replaces what was; rules and grants are added to.
local function put(now, origin, layer, place)
  for name, one in pairs(layer.found) do
    if name == "policy.rules" then
      now[name] = joined(now[name], one.value)
    elseif name == "grants" then
      local all = {}
      for _, grants in ipairs { now[name], one.value } do
        for tool, needs in pairs(grants) do all[tool] = needs end
      end
      for _, entry in ipairs(one.node) do origin["grants." .. entry.key] = place(entry) end
      now[name] = all
    else
      now[name] = one.value
    end
    origin[name] = place(one.node)
  end
end

--- The time of one command is at most what may be asked for. Who says one of them and not the other
--- means both.
local function fit_times(now, said)
  if now["limits.time"] <= now["limits.time_most"] then return true end
  local long, short = said["limits.time"], said["limits.time_most"]
  if long and short then return false end
  if long then
    now["limits.time_most"] = now["limits.time"]
  else
    now["limits.time"] = now["limits.time_most"]
  end
  return true
end

---@return boolean? ok, Error? err
local function put_user(now, origin, layer)
  local problem = refusal(layer)
  if problem then return nil, problem end
  put(now, origin, layer, function(node) return ("%s:%d"):format(layer.file, node.line) end)
  if not fit_times(now, layer.found) then
    layer.read.problem(layer.found["limits.time"].node, "time is longer than time_most")
    return nil, refusal(layer)
  end
  return true
end

--- Narrows by a project's file.
---@return boolean? ok, Error? err
local function put_project(now, origin, layer, warnings)
  local problem = refusal(layer, "; it may have narrowed what commands may do, so nothing is run "
    .. "here until it is mended")
  if problem then return nil, problem end
  for _, key in ipairs(KEYS) do
    local name, one = key[1], layer.found[key[1]]
    local value, why
    if one and key.narrower then
      value, why = key.narrower(one.value, now[name])
    elseif one then
      value, why = now[name], "only your own config.yaml can set it"
    end
    if one and value ~= now[name] then
      now[name] = value
      origin[name] = ("%s:%d"):format(layer.file, one.node.line)
    end
    if why then
      warnings[#warnings + 1] = ("%s: %s: %s; a project can only narrow")
        :format(at(layer, one.node), name, why)
    end
  end
  fit_times(now, { ["limits.time_most"] = true })
  return true
end

local function result_of(now, origin, warnings)
  local found = { sandbox = {}, limits = {}, policy = {}, grants = now.grants,
    warnings = warnings, origin = origin }
  for _, key in ipairs(KEYS) do
    local section = key[1]:match("^(%l+)%.")
    if section then found[section][key[2]] = now[key[1]] end
  end
  return found
end

--- The settings in force. A mistake in the user's file, in the command line, or in what a project
--- may have meant to narrow refuses.
---@param cli     table   of a verb with GRANT_FILES
---@param project? project.Project
---@param given?  settings.Given[]
---@return settings.Settings? found, Error? err
function settings.load(cli, project, given)
  local folders, warnings = cli.folders(), json.array {}
  local now, origin = default_values()
  local layer, err, ok
  if folders.user then
    layer, err = read_own(cli, folders.user, folders.home)
    if err then return nil, err end
    if layer then
      ok, err = put_user(now, origin, layer)
      if not ok then return nil, err end
    end
  end
  if project and project.root and project.root ~= folders.distribution then
    layer, err = read_file(cli, project.root .. "/.perigee", folders.home)
    if err then return nil, err end
    if layer then
      ok, err = put_project(now, origin, layer, warnings)
      if not ok then return nil, err end
    end
  end
  local said = {}
  for _, one in ipairs(given or {}) do
    layer, err = read_given(cli, one, folders.home)
    if not layer then return nil, err end
    local place = layer.said
    put(now, origin, layer, function() return place end)
    for name in pairs(layer.found) do said[name] = true end
  end
  if not fit_times(now, said) then
    return nil, { code = "invalid", message = "limits.time is longer than limits.time_most" }
  end
  return result_of(now, origin, warnings)
end

return settings
