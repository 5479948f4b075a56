--- perigee models list | which | check | serve | scenario: which models there are, whether one does
--- what a run needs, a scenario served as if it were one, and one made of what a model said.
local actions = require "lib.actions"
local asking = require "lib.asking"
local dialects = require "lib.dialect"
local fresh = require "lib.fresh"
local json = require "lib.json"
local model = require "lib.model"
local models = require "models"
local model_check = require "lib.model_check"
local recorded = require "lib.recorded"
local rehearsal = require "lib.rehearsal"
local shown = require "lib.show"
local start = require "lib.start"

local LIST <const> = {
  usage = "perigee models list [--json]",
  about = "Which models, tiers and names there are, and which keys are set.",
  options = { { "--json", "flag", "print one JSON object" } },
}
local WHICH <const> = {
  usage = "perigee models which NAME|AGENT",
  about = "Which model answers under a name or for an agent, which follow when it fails, and why.",
  positionals = { { "NAME", "a model, a tier, a name from the field, or an agent" } },
}
local CHECK <const> = {
  usage = "perigee models check NAME",
  about = "Tries the server that answers under a name: text, a tool call, parallel calls, a long "
    .. "stream, cancelling, structured output, token counts. Some short requests, which cost "
    .. "tokens.",
  positionals = { { "NAME", "a model, a tier, or a name from the field" } },
}
local SERVE <const> = {
  usage = "perigee models serve rehearsal:FILE [--port N] [--dialect NAME] [--cut SEED]",
  about = "Plays a scenario on 127.0.0.1 in a provider's wire format until Ctrl-C. Prints the base "
    .. "URL.",
  options = {
    { "--port", "integer", "where to listen (default: a free one)" },
    { "--dialect", "text", "whose wire format: anthropic (default), openai_chat or "
      .. "openai_responses" },
    { "--cut", "integer", "replies are cut at random bytes; this seed chooses where (default: 1)" },
  },
  positionals = { { "SCENARIO", "rehearsal:FILE.lua, or rehearsal:NAME of lua/scenarios/" } },
}
local SCENARIO <const> = {
  usage = "perigee models scenario FILE",
  about = "Prints a scenario that plays the replies of a recording (perigee run --record FILE): "
    .. "perigee models scenario a.rec > a.lua, then --model rehearsal:a.lua.",
  positionals = { { "FILE", "a recording" } },
}

local LONGEST_PIECE <const> = 48 -- bytes written at once while serving
local STREAM <const> = { { "content-type", "text/event-stream" }, { "cache-control", "no-cache" } }
local JSON <const> = { { "content-type", "application/json" } }

-- list -------------------------------------------------------------------------------------------

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- What `list` says, as data.
local function listing(env)
  local data = env.models or models
  local found = { providers = json.array {}, dialects = json.array {}, models = json.array {},
    tiers = {}, names = {} }
  for _, name in ipairs(sorted_keys(data.providers)) do
    local provider = data.providers[name]
    local url, own = model.address(env.variables, provider)
    found.providers[#found.providers + 1] = {
      name = name, base_url = url, base_url_variable = provider.base_url_variable,
      dialect = own and provider.own_dialect or provider.dialect,
      secret = provider.secret, keyless = provider.keyless,
      has_secret = provider.secret ~= nil and env.secrets[provider.secret] == true,
      refused = provider.secret and env.refused[provider.secret],
    }
  end
  local spoken = {}
  for _, provider in ipairs(found.providers) do spoken[provider.dialect] = true end
  for _, name in ipairs(sorted_keys(spoken)) do
    local guest = env.dialects[name]
    found.dialects[#found.dialects + 1] = { name = name, file = guest and guest.file,
      from = dialects.origin(guest), usable = not (guest and guest.err) }
  end
  for _, id in ipairs(sorted_keys(data.models)) do
    local facts = data.models[id]
    found.models[#found.models + 1] = { id = id, provider = facts.provider, context = facts.context,
      max_output = facts.max_output, prices = facts.prices, retires = facts.retires }
  end
  for tier, ids in pairs(data.tiers) do found.tiers[tier] = json.array { table.unpack(ids) } end
  for alias, name in pairs(data.aliases) do found.names[alias] = name end
  return found
end

local function thousands(count)
  return count and ("%dK"):format(count // 1000) or "-"
end

local function price(prices)
  if not prices then return "-" end
  local more = prices.above and " and more" or ""
  return ("$%g / $%g%s"):format(prices.input, prices.output, more)
end

local function show(found)
  local lines = {}
  local function line(...)
    local columns = ("%-27s "):rep(select("#", ...) - 1)
    lines[#lines + 1] = (columns .. "%s"):format(...)
  end
  line("provider", "server", "speaks", "key")
  for _, provider in ipairs(found.providers) do
    line(provider.name, provider.base_url, provider.dialect, not provider.secret and "none"
      or provider.secret .. (provider.has_secret and " is set"
        or provider.refused and " is refused: " .. provider.refused
        or provider.keyless and " is not set; it may need none" or " is not set"))
  end
  line("rehearsal", "none", "rehearsal", "none: --model rehearsal:FILE")
  lines[#lines + 1] = ""
  line("dialect", "comes from")
  for _, one in ipairs(found.dialects) do line(one.name, one.from) end
  lines[#lines + 1] = ""
  line("tier", "models, in order")
  for _, tier in ipairs(sorted_keys(found.tiers)) do
    line(tier, table.concat(found.tiers[tier], ", "))
  end
  lines[#lines + 1] = ""
  line("name", "stands for")
  for _, name in ipairs(sorted_keys(found.names)) do line(name, found.names[name]) end
  lines[#lines + 1] = ""
  line("model", "context / most output", "a million tokens in / out")
  for _, one in ipairs(found.models) do
    line(one.id, thousands(one.context) .. " / " .. thousands(one.max_output),
      price(one.prices) .. (one.retires and "  retires " .. one.retires or ""))
  end
  return table.concat(lines, "\n") .. "\n"
end

-- serve ------------------------------------------------------------------------------------------

--- Numbers that are the same for the same seed, on every machine.
local function numbers(seed)
  local state = seed & 0x7fffffff
  return function(most)
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return (state >> 8) % most + 1
  end
end

--- Which conversation with its agent a request belongs to. A first request that comes again word
--- for word is the same visit: a client that lost its connection asks once more.
local function count_visits()
  local visits = {}
  return function(given, body)
    local seen = visits[given.agent] or { count = 0 }
    visits[given.agent] = seen
    if given.turn == 1 and body ~= seen.body then seen.count, seen.body = seen.count + 1, body end
    return math.max(seen.count, 1)
  end
end

---@async
local function refuse(request, dialect, status, message)
  request:head(status, JSON)
  request:write(rehearsal.error_to_wire({ message = message }, dialect))
  request:finish()
end

--- The reply to one request, written in pieces that end anywhere.
---@async
local function answer(cli, request, part)
  local path = rehearsal.path(part.dialect)
  if request.method ~= "POST" or request.path:gsub("%?.*$", "") ~= path then
    return refuse(request, part.dialect, 404, ("only POST %s is served here"):format(path))
  end
  local given, err = rehearsal.from_wire(request.body, part.dialect)
  if not given then return refuse(request, part.dialect, 400, err.message) end
  given.visit = part.visit_of(given, request.body)
  cli.err(("%s, visit %d, turn %d\n"):format(shown.clean(given.agent), given.visit, given.turn))

  local reply
  cli.refresh(true) -- whoever writes the scenario need not start this anew
  reply, err = fresh.attempt(cli, function()
    return cli.decide("lua/lib/decisions.lua", "play", part.scenario, given)
  end)
  if not reply then
    cli.err(shown.clean(err.message) .. "\n")
    return refuse(request, part.dialect, 400, err.message)
  end
  local text, at = rehearsal.to_wire(reply, part.dialect), 1
  request:head(200, STREAM)
  while at <= #text do
    local size = part.random(LONGEST_PIECE)
    local heard = request:write(text:sub(at, at + size - 1))
    if not heard then return request:abort() end -- the client went away
    cli.sleep(0) -- so that a piece leaves before the next
    at = at + size
  end
  request:finish()
end

---@async
local function serve(cli, options)
  local server, err = cli.listen { port = options.port }
  if not server then error(err, 0) end
  local part = { scenario = options.scenario, dialect = options.dialect,
    random = numbers(options.cut), visit_of = count_visits() }
  local _, base = rehearsal.path(options.dialect)
  cli.out(("http://127.0.0.1:%d%s\n"):format(server.port, base))
  while true do
    local request
    request, err = server:accept()
    if not request then error(err, 0) end
    answer(cli, request, part)
  end
end

-- the verb ---------------------------------------------------------------------------------------

--- What `serve` was asked for, or what is wrong with it.
local function serve_options(cli, values, named_as)
  local options = { port = values.port or 0, cut = values.cut or 1,
    dialect = values.dialect or "anthropic" }
  local named, err = start.model(cli, named_as)
  if not named then return nil, err.message end
  options.scenario = named:match("^rehearsal:(.+)$")
  if not options.scenario then return nil, "name a scenario: rehearsal:FILE" end
  if options.port < 0 or options.port > 65535 then
    return nil, "--port lies between 0 and 65535"
  end
  if not rehearsal.can_serve(options.dialect) then
    return nil, ("a scenario cannot be served as %q"):format(options.dialect)
  end
  local scenario
  scenario, err = cli.decide("lua/lib/decisions.lua", "scenario", options.scenario)
  if not scenario then return nil, err.message end
  return options
end

---@async
local function list(cli, values)
  local loaded, err = start.load(cli)
  if not loaded then cli.err("perigee: " .. shown.clean(err.message) .. "\n") end
  local env
  env, err = start.env(cli, loaded and loaded.gate)
  if not env then error(err, 0) end
  local found = listing(env)
  local text = values.json and json.encode(found, { indent = 2 }) .. "\n" or show(found)
  cli.out(values.json and text or shown.clean(text))
  return 0
end

local function start_serving(cli, values, scenario)
  local options, what = serve_options(cli, values, scenario)
  if options then return serve(cli, options) end
  cli.err("perigee models serve: " .. shown.clean(what) .. "\n")
  return 2
end

--- The file of a dialect that is not the distribution's.
local function spoken_by(target)
  return target.guest and (", dialect of the " .. dialects.origin(target.guest)) or ""
end

--- Who would answer for an agent, or under a name.
---@async
local function which(cli, _, name)
  local loaded = start.load(cli)
  local env, err = start.env(cli, loaded and loaded.gate)
  if not env then error(err, 0) end
  local who = loaded and loaded.catalog.find(name)
  local targets
  targets, err = model.resolve(not who and name or nil,
    who and { model = who.model, complexity = who.complexity }, env)
  if not targets then
    cli.err("perigee: " .. shown.clean(err.message) .. "\n")
    return cli.exit_code(err.code)
  end
  for i, target in ipairs(targets) do
    cli.out(shown.clean(("%s%s at %s (%s)%s\n"):format(i > 1 and "else " or "", target.model,
      target.base_url, target.why, spoken_by(target))))
  end
  return 0
end

--- The one model that is checked: what was named, not what would stand in for it.
---@async
local function checked(cli, name)
  local loaded = start.load(cli)
  local env, err = start.env(cli, loaded and loaded.gate)
  if not env then return nil, err end
  local targets
  targets, err = model.resolve(name, { exact = true }, env)
  if not targets then return nil, err end
  local target = targets[1]
  if target.scenario then
    return nil, { code = "invalid", message = "a rehearsal has no server to check; perigee models "
      .. "serve gives it one" }
  end
  target.limits = setmetatable({ attempts = 1 }, { __index = target.limits }) -- failures are seen
  return target
end

---@async
local function check(cli, _, name)
  local target, err = checked(cli, name)
  local run
  if target then run, err = cli.open_run { agent = "models check", task = "" } end
  if not run then
    cli.err("perigee: " .. shown.clean(err.message) .. "\n")
    return cli.exit_code(err.code)
  end
  cli.out(shown.clean(("%s at %s, %s%s\n"):format(target.model, target.base_url, target.dialect,
    spoken_by(target))))
  local works
  works, err = run:scope(function()
    return model_check.run({ target = target,
      http = { send = function(request) return run:http(request) end },
      how = asking.how(run, cli.now),
    }, function(found)
      cli.out(("%-19s%-7s%s\n"):format(found.name, found.state, shown.clean(found.detail)))
    end)
  end)
  run:close()
  if err then cli.err("perigee: " .. shown.clean(err.message) .. "\n") end
  return works and 0 or 1
end

--- The replies of a recording as a scenario.
local function scenario(cli, _, file)
  local text, err = cli.read_file(file)
  local made, left
  if text then made, err, left = recorded.scenario(text, file) end
  if not made then return shown.failure(cli, err) end
  cli.out(made)
  if left > 0 then
    cli.err(("perigee: %d requests to models have no whole reply; they are left out\n")
      :format(left))
  end
  return 0
end

return actions.verb("models", "Which models there are, who answers, and what stands in for one.", {
  { "list", "models, tiers, names and keys", LIST, list },
  { "which", "who answers under a name or for an agent, and why", WHICH, which },
  { "check", "tries a server: text, calls, a long stream, cancelling", CHECK, check },
  { "serve", "plays a scenario on loopback in a provider's wire format", SERVE, start_serving },
  { "scenario", "makes a scenario of a recording", SCENARIO, scenario },
})
