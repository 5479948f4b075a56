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
local json   = require "lib.json"
local keys   = require "lib.settings_keys"
local layers = require "lib.settings_layer"
local text   = require "lib.text"

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

---@class settings.Budget: Limits of one run with its children; false: no limit
---@field on_reached "ask"|"park"|"end"

---@class settings.Settings plain data
---@field sandbox  settings.Sandbox
---@field limits   settings.Limits
---@field budget   settings.Budget
---@field stalls   table<string, string> by stall.Name, `child`, `ask` and `run`
---@field policy   { ask_ms: integer, wait_ms: integer|false, unanswered: "wait"|"refuse",
---  rules: settings.Rule[] } the user's rules first
---@field grants   table<string, Needs> by tool; net, secrets, read, write as far as granted
---@field warnings string[] "FILE:LINE:COLUMN: what was not followed"
---@field origin   table<string, string> where a key was set: "limits.time" to "FILE:LINE"

---@class settings.Given what the command line says about one key
---@field key   string "limits.time"
---@field value string|integer text as in a file, or what the option's kind made of it
---@field said  string "--timeout"

local settings = {}

--- What verbs that start commands offer for every key. `--network` is there for being asked often.
---@type args.Option[]
settings.OPTIONS = {
  { "--network", "text", "none, proxy (the hosts of the settings) or host (all of yours)",
    hint = "MODE" },
  { "--setting", "list", "a key of config.yaml for this run, such as limits.memory=8G",
    hint = "KEY=VALUE" },
}

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

-- joining layers ----------------------------------------------------------------------------------

local function default_values()
  local now, origin = {}, {}
  for _, key in ipairs(keys.ALL) do
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
      now[name] = keys.joined(now[name], one.value)
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
local function fit_times(now, origin, said)
  if now["limits.time"] <= now["limits.time_most"] then return true end
  local from, to = "limits.time_most", "limits.time"
  if said["limits.time"] then
    if said["limits.time_most"] then return false end
    from, to = to, from
  end
  now[to], origin[to] = now[from], origin[from]
  return true
end

local UNFIT <const> = "context.left is not less than context.full"

--- What is left of a conversation that was made shorter is less than what made it necessary.
local function fit_shares(now) return now["context.left"] < now["context.full"] end

--- What the user shows, as far as it is there: one file may serve several machines.
local function shown(cli, layer, paths, warnings)
  local there, node = json.array {}, layer.found["sandbox.show"].node
  for _, path in ipairs(paths) do
    if cli.stat(path) then
      there[#there + 1] = path
    else
      warnings[#warnings + 1] = ("%s: sandbox.show: %s is not there; it is left out")
        :format(layers.at(layer, node), path)
    end
  end
  return there
end

---@return boolean? ok, Error? err
local function put_user(cli, now, origin, layer, warnings)
  local problem = layers.refusal(layer)
  if problem then return nil, problem end
  put(now, origin, layer, function(node) return ("%s:%d"):format(layer.file, node.line) end)
  if layer.found["sandbox.show"] then
    now["sandbox.show"] = shown(cli, layer, now["sandbox.show"], warnings)
  end
  if not fit_times(now, origin, layer.found) then
    layer.read.problem(layer.found["limits.time"].node, "time is longer than time_most")
    return nil, layers.refusal(layer)
  end
  local share = layer.found["context.left"] or layer.found["context.full"]
  if share and not fit_shares(now) then
    layer.read.problem(share.node, UNFIT)
    return nil, layers.refusal(layer)
  end
  return true
end

local UNREAD <const> = "; it may have narrowed what commands may do, so nothing is run here until "
  .. "it is mended"

--- Narrows by a project's file.
---@return boolean? ok, Error? err
local function put_project(now, origin, layer, warnings)
  local problem, told = layers.refusal(layer, UNREAD), {}
  if problem then return nil, problem end
  for _, key in ipairs(keys.ALL) do
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
    if why then told[#told + 1] = { node = one.node, name = name, why = why } end
  end
  fit_times(now, origin, { ["limits.time_most"] = true })
  table.sort(told, function(a, b) return a.node.line < b.node.line end)
  for _, one in ipairs(told) do
    warnings[#warnings + 1] = ("%s: %s: %s; a project can only narrow")
      :format(layers.at(layer, one.node), one.name, one.why)
  end
  return true
end

local function result_of(now, origin, warnings)
  local found = { grants = now.grants, warnings = warnings, origin = origin }
  for _, section in ipairs(keys.SECTIONS) do found[section] = {} end
  for _, key in ipairs(keys.ALL) do
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
    layer, err = layers.of_user(cli, folders.user, folders.home)
    if err then return nil, err end
    if layer then
      ok, err = put_user(cli, now, origin, layer, warnings)
      if not ok then return nil, err end
    end
  end
  if project and project.root and project.root ~= folders.distribution then
    layer, err = layers.of_file(cli, project.root .. "/.perigee", folders.home)
    if err then return nil, err end
    if layer then
      ok, err = put_project(now, origin, layer, warnings)
      if not ok then return nil, err end
    end
  end
  local said = {}
  for _, one in ipairs(given or {}) do
    layer, err = layers.of_option(cli, one, folders.home)
    if not layer then return nil, err end
    local place = layer.said
    put(now, origin, layer, function() return place end)
    for name in pairs(layer.found) do said[name] = true end
  end
  if not fit_times(now, origin, said) then
    return nil, { code = "invalid", message = "limits.time is longer than limits.time_most" }
  end
  if not fit_shares(now) then return nil, { code = "invalid", message = UNFIT } end
  return result_of(now, origin, warnings)
end

return settings
