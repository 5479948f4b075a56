--- From a command line to a session: folders, agents, tools, sandbox, keys.
local catalog  = require "lib.catalog"
local project  = require "lib.project"
local session  = require "lib.session"
local settings = require "lib.settings"
local show     = require "lib.show"
local tool     = require "lib.tool"
local toolbox  = require "lib.toolbox"

local start = {}

--- Gives each agent the tools that its definition names, and says what is missing.
function start.equip(found, tools)
  for _, who in ipairs(found.agents) do
    local given = who.narrowed and { tools = {}, missing = {}, scopes = {} }
      or tool.resolve(who.written, tools)
    who.tools, who.missing = given.tools, given.missing
    who.scopes, who.tools_note = given.scopes, given.note
  end
end

---@class start.Loaded
---@field project project.Project
---@field catalog catalog.Catalog
---@field box     toolbox.Box

--- The definitions of a project, its tools and their agents; no run yet.
---@async
---@param cli   table
---@param named? string --project
---@return start.Loaded? loaded, Error? err
function start.load(cli, named)
  local where, err = project.find(cli, named)
  if not where then return nil, err end
  local found = catalog.load(cli, where.layers)
  local box = toolbox.load(cli, where.folders)
  start.equip(found, box.tools)
  return { project = where, catalog = found, box = box }
end

--- The hooks of an agent, looked up when it is first needed: a broken file stops this agent only.
---@async
---@return boolean? ok, Error? err
function start.hooks(cli, who)
  if not who.hooks_file or who.hooks then return true end
  local hooks, err = cli.decide("lua/lib/decisions.lua", "hooks", who.hooks_file)
  if not hooks then
    return nil, { code = err.code, message = ("hooks of %s: %s"):format(who.name, err.message) }
  end
  who.hooks = hooks
  return true
end

--- The error of a file of the layers, with its real path: a broken copy of the user's must not look
--- like ours.
local function located(cli, err)
  local file, rest = err.message:match("^(lua/[%w_/]+%.lua)(.*)$")
  if not file then return err end
  return { code = err.code, message = (cli.locate(file) or file) .. rest, details = err.details }
end

--- Whether policy, routing and context can be used; a broken one is refused before anything begins.
---@async
---@return boolean? ok, Error? err
function start.settings(cli)
  local ok, err = cli.decide("lua/lib/decisions.lua", "settings")
  if not ok then return nil, located(cli, err) end
  return true
end

--- What stands outside: the models in force, base URLs, and which keys there are. Each key may go
--- to its provider only.
---@async
---@return model.Env? env, Error? err
function start.env(cli)
  local models, err = cli.decide("lua/lib/decisions.lua", "models")
  if not models then return nil, located(cli, err) end
  local env = { variables = {}, secrets = {}, models = models }
  for _, provider in pairs(models.providers) do
    local url = cli.env(provider.base_url_variable)
    env.variables[provider.base_url_variable] = url
    if cli.has_secret(provider.secret) then
      env.secrets[provider.secret] = true
      cli.allow_secret(provider.secret, url and url ~= "" and url or provider.base_url)
    end
  end
  return env
end

--- A scenario by its file or its bare name, as an entry that the decision VM loads.
---@return string? model, Error? err
function start.model(cli, named)
  local file = named and named:match("^rehearsal:(.+)$")
  if not file then return named end
  local info = cli.stat(file)
  if info and info.kind == "file" then return "rehearsal:" .. info.real end
  local entry = ("lua/scenarios/%s.lua"):format((file:gsub("%.lua$", "")))
  if cli.locate(entry) then return "rehearsal:" .. entry end
  return nil, { code = "not_found",
    message = ("--model %s: no such file, and no scenario of that name"):format(named) }
end

--- The journal's file where `--store` names none; its folder is the user's alone from here on.
---@param cli table
---@return string? path, Error? err
function start.store(cli)
  local folder, mended = cli.state_folder()
  if not folder then
    local err = mended
    return nil, { code = err.code, message = err.message .. "; --store FILE keeps the journal "
      .. "elsewhere" }
  end
  if mended then
    cli.err(("perigee: %s could be read by others; it is closed to them now\n")
      :format(show.clean(folder)))
  end
  return folder .. "/journal.db"
end

--- Day of a Unix time in milliseconds, as YYYY-MM-DD (UTC). Howard Hinnant's days_from_civil,
--- inverted.
local function date_of(ms)
  local days = ms // 86400000 + 719468
  local era = days // 146097
  local doe = days - era * 146097
  local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
  local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
  local mp = (5 * doy + 2) // 153
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return ("%04d-%02d-%02d"):format(year, month, doy - (153 * mp + 2) // 5 + 1)
end

start.date_of = date_of

---@class start.How
---@field model?      string
---@field hops?       string
---@field unconfined? boolean
---@field given?      settings.Given[] what the command line says of settings
---@field sink        fun(event: table)

--- Opens the session of a verb that runs agents; says what of a project's settings is not followed.
---@async
---@param cli    table
---@param loaded table of start.load
---@param how    start.How
---@return Session? session, Error? err
function start.session(cli, loaded, how)
  local inforce, err = settings.load(cli, loaded.project, how.given)
  if not inforce then return nil, err end
  for _, warning in ipairs(inforce.warnings) do
    cli.err("perigee: " .. show.clean(warning) .. "\n")
  end
  local named
  named, err = start.model(cli, how.model)
  if how.model and not named then return nil, err end
  local usable
  usable, err = start.settings(cli)
  if not usable then return nil, err end
  local env
  env, err = start.env(cli)
  if not env then return nil, err end
  local sandbox, no_sandbox = "unconfined", nil
  if not how.unconfined then
    local ok
    ok, no_sandbox = cli.probe_sandbox()
    sandbox = ok and "full" or "none"
  end
  if sandbox == "none" then -- what cannot be done is not offered
    for _, who in ipairs(loaded.catalog.agents) do
      local kept = {}
      for _, name in ipairs(who.tools) do
        if not loaded.box.tools[name].needs.exec then kept[#kept + 1] = name end
      end
      who.tools = kept
    end
  end
  local new = {
    catalog = loaded.catalog, tools = loaded.box.tools, sandbox = sandbox, no_sandbox = no_sandbox,
    options = { model = named, hops = how.hops or "auto" }, env = env, settings = inforce,
    visits = {}, states = {}, touched = {}, speaking = {}, unpriced = {}, part = {},
    facts = { date = date_of(cli.now()), system = "Linux" }, sink = how.sink,
    hooks = function(who) return start.hooks(cli, who) end, locate = cli.locate,
  }
  session.open(new)
  return new
end

return start
