--- Which hosts the commands of a run may reach: the options of verbs, and what each tool gets.
local settings = require "lib.settings"
local text     = require "lib.text"

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

--- What `cli.open_run` is told. The commands of a tool that asks for hosts go through the proxy,
--- once these are granted or allowed for a call, also where commands in general have no network;
--- the others then get no way to it.
---@param opened Session
---@return settings.Sandbox sandbox
function network.of_run(opened)
  local sandbox = opened.settings.sandbox
  local own = { network = sandbox.network, hosts = sandbox.hosts, show = sandbox.show,
    pass = sandbox.pass }
  if sandbox.network ~= "none" then return own end
  own.hosts = {}
  for _, tool in pairs(opened.tools) do
    if tool.needs.net and tool.needs.exec then own.network = "proxy" end
  end
  return own
end

local SHELLS <const> = { "bash", "sh", "dash", "zsh", "*" }

--- What the commands of a tool may reach: what of its needs it was allowed. A tool that names no
--- hosts and may start a shell runs what the sandbox's own rules are for, and gets those (nil); any
--- other that names none reaches nothing.
---@param needs    Needs
---@param allowed? string[] hosts, all of them among `needs.net`
---@return string[]? hosts
function network.of_tool(needs, allowed)
  for _, program in ipairs(not needs.net and needs.exec or {}) do
    if text.one_of(SHELLS, program) then return nil end
  end
  return allowed or {}
end

return network
