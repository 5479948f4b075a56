--- Which hosts the commands of a run may reach: the options of verbs, and what each tool gets.
local settings = require "lib.settings"
local text     = require "lib.text"
local values   = require "lib.settings_values"

local network = {}

--- What verbs that start commands offer.
---@type args.Option[]
network.OPTIONS = {
  { "--allow-host", "list", "a host that commands may reach, through a proxy, instead of those of "
    .. "the settings: pypi.org, *.npmjs.org, 127.0.0.1:8080", hint = "HOST" },
  table.unpack(settings.OPTIONS),
}

local function invalid(message) return nil, { code = "invalid", message = message } end

local function says(given, key)
  for _, one in ipairs(given) do
    if one.key == key then return one end
  end
end

--- What a command line says about settings. Who names a host means the proxy.
---@param parsed table<string, any> of args.parse
---@param also?  table<string, string> further options of the verb, and the keys that they set
---@return settings.Given[]? given, Error? err
function network.given(parsed, also)
  local options = { ["--allow-host"] = "sandbox.hosts" }
  for option, key in pairs(also or {}) do options[option] = key end
  local given = settings.given(parsed, options)
  local mode = says(given, "sandbox.network")
  if parsed.unconfined and (mode or parsed.allow_host) then
    return invalid("--unconfined: there are no rules for the network then; leave out "
      .. (parsed.allow_host and "--allow-host" or mode.said))
  end
  if not parsed.allow_host then return given end
  if not mode then
    given[#given + 1] = { key = "sandbox.network", value = "proxy", said = "--allow-host" }
  elseif mode.value ~= "proxy" then
    return invalid(("--allow-host goes with --network proxy, not with %s"):format(mode.value))
  end
  return given
end

--- What `cli.open_run` is told. A tool that was granted hosts needs the proxy also where commands
--- in general have no network; these then get no way to it.
---@param found settings.Settings
---@return settings.Sandbox sandbox
function network.of_run(found)
  local sandbox = found.sandbox
  local own = { network = sandbox.network, hosts = sandbox.hosts, show = sandbox.show,
    pass = sandbox.pass }
  if sandbox.network ~= "none" then return own end
  own.hosts = {}
  for _, grant in pairs(found.grants) do
    if grant.net and grant.net[1] then own.network = "proxy" end
  end
  return own
end

local SHELLS <const> = { "bash", "sh", "dash", "zsh", "*" }

--- What the commands of a tool may reach: a tool that may start a shell runs what the sandbox's own
--- rules are for, and gets those (nil); any other what it needs, as far as it was granted, which is
--- nothing where it asks for nothing.
---@param needs    Needs
---@param granted? string[] hosts
---@return string[]? hosts
function network.of_tool(needs, granted)
  for _, program in ipairs(needs.exec or {}) do
    if text.one_of(SHELLS, program) then return nil end
  end
  local hosts = {}
  for _, host in ipairs(needs.net or {}) do
    local within = false
    for _, known in ipairs(granted or {}) do within = within or values.host_within(known, host) end
    if within then hosts[#hosts + 1] = host end
  end
  return hosts
end

return network
