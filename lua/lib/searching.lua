--- Which engine `web_search` asks, and what it may reach for that: its host and its key, and
--- nothing else. lua/search/README.md says what an engine is.
local grants = require "lib.grants"
local rules  = require "lib.policy_rules"
local text   = require "lib.text"
local tool   = require "lib.tool"

local searching = {}

searching.TOOL = "web_search"

--- Words of `search.engine` that are no file.
local AUTO <const>, PROVIDER <const>, NONE <const> = "auto", "provider", "none"
searching.WORDS = { AUTO, PROVIDER, NONE }

---@class searching.Engine what lua/search/NAME.lua says of itself
---@field name               string
---@field base_url?          string
---@field base_url_variable? string
---@field secret?            string

local function names_in(cli, folder, found)
  for _, entry in ipairs(cli.list_folder(folder) or {}) do
    local name = not entry.folder and entry.name:match("^(%l[%l%d_]*)%.lua$")
    if name then found[name] = true end
  end
end

--- What stands outside: variables, and which keys there are. A recording says what stood there.
local function outside(cli, replay)
  if not replay then return { env = cli.env, has_secret = cli.has_secret } end
  return { env = function(name) return replay.variables[name] end,
    has_secret = function(name) return replay.secrets[name] == true end }
end

local function own_address(world, engine)
  local own = engine.base_url_variable and world.env(engine.base_url_variable)
  return own and own ~= "" and own or nil
end

local function address_of(world, engine) return own_address(world, engine) or engine.base_url end

local function is_configured(world, engine)
  return address_of(world, engine) ~= nil
    and (not engine.secret or world.has_secret(engine.secret))
end

--- What a user sets so that an engine is there: "BRAVE_API_KEY (brave)".
local function remedies(engines)
  local said = {}
  for _, engine in ipairs(engines) do
    said[#said + 1] = ("%s (%s)"):format(engine.secret or engine.base_url_variable, engine.name)
  end
  return table.concat(said, ", ")
end

--- The files there are, each read.
---@async
---@return searching.Engine[]? engines, Error? err
local function load(cli, folders)
  local names, engines = {}, {}
  names_in(cli, folders.distribution .. "/lua/search", names)
  if folders.user then names_in(cli, folders.user .. "/lua/search", names) end
  for _, name in ipairs(text.sorted_keys(names)) do
    local engine, err = cli.decide("lua/lib/decisions.lua", "engine", name)
    if not engine then return nil, err end
    engines[#engines + 1] = engine
  end
  return engines
end

--- The one to ask; nil where it is none of the files.
---@return searching.Engine? engine, string? why none
local function choose(world, engines, wanted)
  if wanted == PROVIDER then return nil, "search.engine says that the model's provider searches" end
  if wanted == NONE then return nil, "search.engine switches it off" end
  for _, engine in ipairs(engines) do
    local named = wanted == engine.name
    if named and not is_configured(world, engine) then
      return nil, ("search.engine says %s, and %s is not set"):format(wanted,
        not address_of(world, engine) and engine.base_url_variable or engine.secret)
    end
    if (named or wanted == AUTO) and is_configured(world, engine) then return engine end
  end
  if wanted ~= AUTO then
    return nil, ("search.engine says %s, and there is no such engine"):format(wanted)
  end
  return nil, ("no engine is configured; the user can set one of the variables %s, or "
    .. "search.engine in config.yaml"):format(remedies(engines))
end

--- Gives the tool what its engine needs, and says what it asks; without an engine it reaches
--- nothing and says why. What a project puts under that name is another tool, and so is one of the
--- user's that names its own hosts.
---@async
---@param cli     table
---@param loaded  start.Loaded
---@param inforce settings.Settings
---@param replay? cassette.About
---@return boolean? ok, Error? err
function searching.apply(cli, loaded, inforce, replay)
  local declaration = loaded.box.tools[searching.TOOL]
  if not declaration or declaration.origin == "project" then return true end
  if not text.one_of(declaration.needs.net or {}, "*") then return true end
  local folders, wanted = loaded.project.folders, inforce.search.engine
  local engines, err = load(cli, folders)
  if not engines then return nil, err end
  local world = outside(cli, replay)
  local engine, why = choose(world, engines, wanted)
  if engine then
    local url, own = address_of(world, engine), own_address(world, engine)
    declaration.needs = { net = { rules.host_of(url) },
      secrets = engine.secret and { engine.secret } or nil }
    declaration.settings = { engine = engine.name, base_url = (url:gsub("/+$", "")) }
    declaration.outside = { variables = own and { [engine.base_url_variable] = own } or {},
      secrets = engine.secret and { [engine.secret] = true } or {} }
  else
    declaration.needs = {}
    declaration.settings = { missing = why }
    local server = wanted == PROVIDER or wanted == AUTO
    declaration.server = server and { always = wanted == PROVIDER } or nil
  end
  declaration.reach = tool.reach(declaration.effect, declaration.needs)
  local granted = inforce.grants[searching.TOOL] or {}
  -- Setting the key for this engine is the user's word that it may go there.
  local lacks
  declaration.granted, lacks = grants.compare(declaration.needs, { net = granted.net,
    secrets = declaration.needs.secrets }, folders.home)
  declaration.lacks = next(lacks) and lacks or nil
  return true
end

--- Adds to what is known of the world what the engine was chosen by, for a recording.
---@param tools table<string, tool.Declaration>
---@param env   model.Env
function searching.note(tools, env)
  local declaration = tools[searching.TOOL]
  for kind, known in pairs(declaration and declaration.outside or {}) do
    for name, value in pairs(known) do env[kind][name] = value end
  end
end

return searching
