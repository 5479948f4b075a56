--- perigee models list | serve: which models there are, and a scenario served as if it were one.
local json = require "lib.json"
local models = require "models"
local rehearsal = require "lib.rehearsal"

local USAGE <const> = [[
perigee models list [--json]
    Which models, tiers and names there are, and which keys are set.
perigee models serve rehearsal:FILE [--port N] [--dialect anthropic] [--cut SEED]
    Plays a scenario on 127.0.0.1 in a provider's wire format until Ctrl-C. Prints the base URL.
    Replies are cut at random bytes; SEED chooses where (default 1).
]]

local LONGEST_PIECE <const> = 48 -- bytes written at once while serving
local STREAM <const> = { { "content-type", "text/event-stream" }, { "cache-control", "no-cache" } }
local JSON <const> = { { "content-type", "application/json" } }

-- list --------------------------------------------------------------------------------------------

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- What `list` says, as data.
local function listing(env)
  local data = env.models or models
  local found = { providers = json.array {}, models = json.array {}, tiers = {}, names = {} }
  for _, name in ipairs(sorted_keys(data.providers)) do
    local provider = data.providers[name]
    local url = env.variables[provider.base_url_variable]
    found.providers[#found.providers + 1] = {
      name = name, base_url = url and url ~= "" and url or provider.base_url,
      base_url_variable = provider.base_url_variable,
      secret = provider.secret, has_secret = env.secrets[provider.secret] == true,
    }
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
  local function line(...) lines[#lines + 1] = (("%-28s"):rep(select("#", ...) - 1) .. "%s"):format(...) end
  line("provider", "server", "key")
  for _, provider in ipairs(found.providers) do
    line(provider.name, provider.base_url,
      provider.secret .. (provider.has_secret and " is set" or " is not set"))
  end
  line("rehearsal", "none", "none: --model rehearsal:FILE")
  lines[#lines + 1] = ""
  line("tier", "models, in order")
  for _, tier in ipairs(sorted_keys(found.tiers)) do line(tier, table.concat(found.tiers[tier], ", ")) end
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

-- serve -------------------------------------------------------------------------------------------

--- Numbers that are the same for the same seed, on every machine.
local function numbers(seed)
  local state = seed & 0x7fffffff
  return function(most)
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return (state >> 8) % most + 1
  end
end

--- Which conversation with its agent a request belongs to. A first request that comes again word for
--- word is the same visit: a client that lost its connection asks once more.
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
local function refuse(request, status, message)
  request:head(status, JSON)
  request:write(rehearsal.error_to_wire { message = message })
  request:finish()
end

--- The reply to one request, written in pieces that end anywhere.
---@async
local function answer(cli, request, part)
  if request.method ~= "POST" or request.path:gsub("%?.*$", "") ~= "/v1/messages" then
    return refuse(request, 404, "only POST /v1/messages is served here")
  end
  local given, err = rehearsal.from_wire(request.body, part.dialect)
  if not given then return refuse(request, 400, err.message) end
  given.visit = part.visit_of(given, request.body)
  cli.note(("%s, visit %d, turn %d"):format(given.agent, given.visit, given.turn))

  local reply
  reply, err = cli.rehearse(part.scenario, given)
  if not reply then
    cli.note(err.message)
    return refuse(request, 400, err.message)
  end
  local text, at = rehearsal.to_wire(reply, part.dialect), 1
  request:head(200, STREAM)
  while at <= #text do
    local size = part.random(LONGEST_PIECE)
    if not request:write(text:sub(at, at + size - 1)) then return request:abort() end -- it went away
    at = at + size
  end
  request:finish()
end

---@async
local function serve(cli, options)
  local server, err = cli.listen { port = options.port }
  if not server then return nil, err end
  local part = { scenario = options.scenario, dialect = options.dialect,
    random = numbers(options.cut), visit_of = count_visits() }
  cli.print(("http://127.0.0.1:%d\n"):format(server.port))
  while true do
    local request
    request, err = server:accept()
    if not request then return nil, err end
    answer(cli, request, part)
  end
end

-- the verb ----------------------------------------------------------------------------------------

local NUMBERS <const> = { ["--port"] = "port", ["--cut"] = "cut" }

--- The options of `serve`, or what is wrong with them.
local function serve_options(args)
  local options, at = { port = 0, cut = 1, dialect = "anthropic" }, 2
  while args[at] do
    local word, value = args[at], args[at + 1]
    if NUMBERS[word] then
      options[NUMBERS[word]] = math.tointeger(tonumber(value))
      if not options[NUMBERS[word]] then return nil, word .. " takes a number" end
      at = at + 2
    elseif word == "--dialect" then
      options.dialect, at = value or "", at + 2
    elseif word:find("^rehearsal:.") and not options.scenario then
      options.scenario, at = word:match("^rehearsal:(.+)$"), at + 1
    else
      return nil, ("%q is not known here"):format(word)
    end
  end
  if not options.scenario then return nil, "name a scenario: rehearsal:FILE" end
  if options.port < 0 or options.port > 65535 then return nil, "--port lies between 0 and 65535" end
  if not rehearsal.can_serve(options.dialect) then
    return nil, ("a scenario cannot be served as %q"):format(options.dialect)
  end
  return options
end

---@async
local function run(cli, args)
  if args[1] == "list" and (not args[2] or args[2] == "--json" and not args[3]) then
    local found = listing(cli.env())
    cli.print(args[2] and json.encode(found, { indent = 2 }) .. "\n" or show(found))
    return 0
  end
  local options, what
  if args[1] == "serve" then
    options, what = serve_options(args)
    if options then return serve(cli, options) end
  end
  cli.note((what and "models serve: " .. what .. "\n" or "") .. USAGE)
  return 2
end

return { usage = USAGE, run = run }
