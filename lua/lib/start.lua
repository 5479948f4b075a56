--- From a command line to a session: folders, agents, tools, sandbox, keys.
local answers  = require "lib.answers"
local question = require "lib.ask"
local catalog  = require "lib.catalog"
local dialect  = require "lib.dialect"
local grants   = require "lib.grants"
local model    = require "lib.model"
local network  = require "lib.network"
local notes    = require "lib.notes"
local project  = require "lib.project"
local rights   = require "lib.rights"
local serving   = require "lib.serving"
local searching = require "lib.searching"
local session  = require "lib.session"
local settings = require "lib.settings"
local show     = require "lib.show"
local text     = require "lib.text"
local texts    = require "lib.texts"
local tool     = require "lib.tool"
local toolbox  = require "lib.toolbox"
local shipped  = require "models"
local trust    = require "lib.trust"
local written  = require "lib.written"

local start = {}

--- Gives each agent the tools that its definition names, and says what is missing.
function start.equip(found, tools)
  for _, who in ipairs(found.agents) do
    local given = who.narrowed and { tools = {}, missing = {}, scopes = {} }
      or rights.narrow(tool.resolve(who.written, tools, who.without), who.narrow, tools)
    who.tools, who.missing = given.tools, given.missing
    who.scopes, who.tools_note = given.scopes, given.note
  end
end

---@class start.Loaded
---@field project project.Project
---@field gate    trust.Gate
---@field catalog catalog.Catalog
---@field box     toolbox.Box
---@field changed? string[] files whose recorded text is used, and is not today's
---@field say?    fun(line: string) tells people, each thing once a process that stays

local function no_gate()
  return { level = "none", loaded = {}, refused = {}, blocked = {}, left = {}, lines = {} }
end

--- Whether a definition is taken: what a run wrote asks, and is left out where nobody can be asked.
local function taker(cli, where, how)
  local asker = trust.asker(cli, how)
  return function(layer, path, file)
    if layer.name == "distribution" then return true end
    local why = written.why(where.written, path, file.real, file.hash)
    if not why then return true end
    if asker and trust.ask_for_file(asker, path, why, file.hash) then
      return written.take(cli, where.written, { { path = path, hash = file.hash } })
    end
    local folder = where.place and where.place.root or path:match("^(.*)/[^/]+$")
    where.lines[#where.lines + 1] = ("not taken: %s: %s; look at it, then perigee trust %s")
      :format(path, why, folder)
    return false
  end
end

--- The definitions of a project, its tools and their agents; no run yet.
---@async
---@param cli   table
---@param named? string --project
---@param how?  { ask: boolean?, answered: table?, recorded: texts.Texts?, kept: table? } ask: a
---  person may be asked for what is not trusted yet; answered: see trust.How; recorded: the texts
---  of the run that is carried on, from the journal that is open; kept: see catalog.load
---@return start.Loaded? loaded, Error? err
function start.load(cli, named, how)
  local seen = {}
  local where, err = project.find(cli, named, seen)
  if not where then return nil, err end
  if where.written.denied then return nil, where.written.denied end
  local gate = where.place and trust.gate(cli, where.place, where.written, how) or no_gate()
  if where.place then
    for _, path in ipairs(written.removed(where.written, where.place.agents)) do
      where.lines[#where.lines + 1] = ("a run removed %s; an agent of its name may be another one "
        .. "now; perigee trust %s accepts that"):format(path, where.place.root)
    end
  end
  table.move(gate.lines, 1, #gate.lines, #where.lines + 1, where.lines)
  local found = catalog.load(cli, where.layers,
    { gate = gate, takes = taker(cli, where, how), kept = how and how.kept, seen = seen })
  local changed
  if how and how.recorded then
    err = texts.untrusted(how.recorded, where.place, gate)
    if err then return nil, err end
    changed, err = texts.use(cli, how.recorded, gate, found)
    if not changed then return nil, err end
  end
  local box = toolbox.load(cli, where.folders, gate)
  start.equip(found, box.tools)
  return { project = where, gate = gate, catalog = found, box = box, changed = changed }
end

--- How people are told something of what was loaded.
local function teller(cli, loaded)
  return loaded.say or function(line) cli.err("perigee: " .. show.clean(line) .. "\n") end
end

--- The hooks of an agent, looked up when it is first needed: a broken file stops this agent only.
---@async
---@return boolean? ok, Error? err
function start.hooks(cli, who)
  if who.blocked then return nil, who.blocked end
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
---@param cli table
---@param err Error
---@return Error
function start.located(cli, err)
  local file, rest = err.message:match("^([a-z:]*lua/[%w_/]+%.lua)(.*)$")
  if not file then return err end
  return { code = err.code, message = (cli.locate(file) or file) .. rest, details = err.details }
end

--- What asks the decision VM as a run does, for verbs without one.
---@param cli table
---@return { decide: function }
function start.asker(cli) return { decide = function(_, ...) return cli.decide(...) end } end

--- Whether policy, routing and context can be used; a broken one is refused before anything begins.
---@async
---@param gate trust.Gate a project's policy is asked besides
---@return { limiting: string[] }? usable, Error? err as decisions.settings has it
function start.settings(cli, gate)
  local usable, err = cli.decide("lua/lib/decisions.lua", "settings",
    gate.loaded["lua/policy.lua"] == true)
  if not usable then return nil, start.located(cli, err) end
  return usable
end

--- The table of models in force.
---@async
---@return table? models, Error? err
function start.models(cli, gate)
  local of_project = gate ~= nil and gate.loaded["lua/models.lua"] == true
  local _, _, as_built = cli.locate("lua/models.lua")
  if as_built and not of_project then return shipped end -- it was checked before it shipped
  local models, err = cli.decide("lua/lib/decisions.lua", "models", of_project, shipped)
  if not models then return nil, start.located(cli, err) end
  return models
end

--- The dialects that rows of providers name and that are not the distribution's; none where the
--- table of models cannot be used.
---@async
---@return table<string, dialect.Guest>
function start.guests(cli, gate)
  local models = start.models(cli, gate)
  return models and dialect.load(cli, models) or {}
end

--- What stands outside: the models in force, base URLs, and which keys there are.
---@async
---@param cli   table
---@param gate? trust.Gate a project's names and tiers stand over the others
---@return model.Env? env, Error? err
function start.outside(cli, gate)
  local models, err = start.models(cli, gate)
  if not models then return nil, err end
  local env = { variables = {}, secrets = {}, refused = {}, models = models,
    dialects = dialect.load(cli, models) }
  local _, layer = cli.locate("lua/models.lua")
  local known = layer == "distribution" -- a test looks at ours
  if not known then
    known, err = dialect.check_habits(models, env.dialects)
  end
  if not known then return nil, start.located(cli, err) end
  for _, provider in pairs(models.providers) do
    local variable = provider.base_url_variable
    if variable then env.variables[variable] = cli.env(variable) end
    local has, refused = false, nil
    if provider.secret then has, refused = cli.has_secret(provider.secret) end
    if refused then env.refused[provider.secret] = refused end
    if has then
      env.secrets[provider.secret] = true
    end
  end
  return env
end

--- The same for runs: each key may go to its provider, and to nobody else.
---@async
---@param cli   table
---@param gate? trust.Gate
---@param replay? cassette.About of a recording: what stood outside when it was made
---@return model.Env? env, Error? err
function start.env(cli, gate, replay)
  local env, err = start.outside(cli, gate)
  if not env then return nil, err end
  if replay then
    return { variables = replay.variables, secrets = replay.secrets, models = env.models,
      dialects = env.dialects }
  end
  for _, provider in pairs(env.models.providers) do
    if provider.secret and env.secrets[provider.secret] then
      cli.allow_secret(provider.secret, (model.address(env.variables, provider)))
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
  if file:find("/") then entry = file end -- as a record names it
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

--- Opens the journal: the one that was named, else the user's.
---@param cli    table
---@param named? string --store
---@return boolean? ok, Error? err
function start.journal(cli, named)
  local store, err = named, nil
  if not named then store, err = start.store(cli) end
  if not store then return nil, err end
  local ok
  ok, err = cli.open_journal(store)
  if ok then return true end
  local hint = named and "" or "; --store FILE keeps the journal elsewhere"
  return nil, { code = err.code, message = err.message .. hint }
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

--- The settings in force, with the user's grants held against what the tools need; says what of a
--- project's is not followed.
---@param cli    table
---@param loaded start.Loaded
---@param given? settings.Given[] what the command line says of settings
---@param replay? cassette.About
---@return settings.Settings? found, Error? err
function start.grant(cli, loaded, given, replay)
  local found, err = settings.load(cli, loaded.project, given)
  if not found then return nil, err end
  local say = teller(cli, loaded)
  for _, warning in ipairs(found.warnings) do say(warning) end
  grants.apply(loaded.box.tools, found, loaded.project.folders.home)
  serving.apply(loaded.box.tools, found)
  local ok
  ok, err = searching.apply(cli, loaded, found, replay)
  if not ok then return nil, start.located(cli, err) end
  return found
end

--- Who answers what policy asks: the person at the terminal, and what was answered for good.
---@param asks boolean whether the verb may ask
local function answering(cli, loaded, asks, sink)
  local folders = loaded.project.folders
  local who = { sink = sink, home = folders.home, project = loaded.project.root }
  if folders.user then
    who.answers = {
      find = function(key) return answers.find(cli, key) end,
      keep = function(key, verdict) return answers.keep(cli, key, verdict) end,
      scope = answers.scope,
    }
  end
  if asks and cli.person then who.ask, who.sink = question.beside(cli, sink) end
  return who
end

--- The policies that are asked about each call; the strictest holds.
local function policies(cli, loaded, inforce)
  local list = { "lua/policy.lua" }
  local _, layer = cli.locate("lua/policy.lua")
  if layer ~= "distribution" and #inforce.policy.rules > 0 then
    list[#list + 1] = "lua/lib/settings_policy.lua"
  end
  if loaded.gate.loaded["lua/policy.lua"] then list[#list + 1] = "project:lua/policy.lua" end
  return list
end

---@class start.How
---@field model?      string
---@field hops?       string
---@field unconfined? boolean
---@field asks?       boolean whether it may ask the person at the terminal
---@field workspace?  string where runs work: its notes, else the project's, are part of the prompt
---@field given?      settings.Given[] what the command line says of settings
---@field replay?     cassette.About what is played instead of the network
---@field sink        fun(event: table)

--- The tool behind run.apply. It is declared like others, but after the agents were given theirs.
---@async
---@return tool.Declaration? declaration, Error? err
function start.chain_tool(cli, loaded)
  local path = "lua/lib/apply_patch.lua"
  local declaration, err = cli.decide("lua/lib/decisions.lua", "tool", "apply_patch", path)
  if not declaration then return nil, err end
  declaration.entry, declaration.file, declaration.origin = path, path, "distribution"
  loaded.box.tools.apply_patch = loaded.box.tools.apply_patch or declaration
  return declaration
end

--- Whether a scenario can be played, before anything begins. Who in it is no agent here is told:
--- nobody will ever play that part.
---@async
---@return boolean? ok, Error? err
function start.scenario(cli, named, found, say)
  local path = named and named:match("^rehearsal:(.*)$")
  if not path then return true end
  local scenario, err = cli.decide("lua/lib/decisions.lua", "scenario", path)
  if not scenario then return nil, err end
  local names = {}
  for i, who in ipairs(found.agents) do names[i] = who.name end
  for _, name in ipairs(scenario.agents) do
    if not found.by_name[name] then
      say(("%s: there is no agent %q here%s"):format(path, name, text.suggest(name, names)))
    end
  end
  return true
end

--- A dialect that cannot be used takes its provider's models out of every list: that is said.
local function say_unspoken(env, say)
  for _, name in ipairs(text.sorted_keys(env.dialects)) do
    local guest = env.dialects[name]
    if guest.err then say(guest.err.message .. "; no model that speaks it is asked") end
  end
end

--- Opens the session of a verb that runs agents; says what of a project's settings is not followed.
---@async
---@param cli    table
---@param loaded table of start.load
---@param how    start.How
---@return Session? session, Error? err
function start.session(cli, loaded, how)
  if loaded.gate.stop then return nil, loaded.gate.stop end
  local applies, err = start.chain_tool(cli, loaded)
  if not applies then return nil, err end
  local inforce
  inforce, err = start.grant(cli, loaded, how.given, how.replay)
  if not inforce then return nil, err end
  local named
  named, err = start.model(cli, how.model)
  if how.model and not named then return nil, err end
  local playable
  playable, err = start.scenario(cli, named, loaded.catalog, teller(cli, loaded))
  if not playable then return nil, err end
  local usable
  usable, err = start.settings(cli, loaded.gate)
  if not usable then return nil, err end
  local env
  env, err = start.env(cli, loaded.gate, how.replay)
  if not env then return nil, err end
  say_unspoken(env, teller(cli, loaded))
  searching.note(loaded.box.tools, env)
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
  local said, unread
  if how.workspace then said, unread = notes.read(cli, { how.workspace, loaded.project.root }) end
  if unread then teller(cli, loaded)(unread) end
  local person = answering(cli, loaded, how.asks, how.sink)
  local new = {
    catalog = loaded.catalog, tools = loaded.box.tools, sandbox = sandbox, no_sandbox = no_sandbox,
    options = { model = named, hops = how.hops or "auto" }, env = env, settings = inforce,
    project = person.project, home = person.home, ask = person.ask, answers = person.answers,
    visits = how.visits or {}, states = {}, interrupted = {}, touched = {}, questions = {},
    speaking = {}, cuts = {}, said = {}, models = {}, part = {}, sent = {}, watched = {},
    pasts = how.pasts, given = {}, together = {}, allowed = {}, late = {}, acted = {}, stalls = {},
    inbox = {}, heard = 0, waiting = {}, parked = {}, withdrawn = {}, settled = {},
    now = cli.now, parks = how.parks and inforce.policy.unanswered == "wait",
    facts = { date = how.replay and how.replay.date or date_of(cli.now()), system = "Linux",
      notes = said },
    sink = person.sink,
    hooks = function(who) return start.hooks(cli, who) end, locate = cli.locate,
    policies = policies(cli, loaded, inforce), limiting = usable.limiting,
  }
  new.place = { pins = loaded.project.pins, unconfined = how.unconfined,
    roots = grants.of_run(new.tools), sandbox = network.of_run(new), limits = inforce.limits }
  session.open(new)
  return new
end

return start
