--- From a model's name to a server, and from a request to a reply. Names and numbers stand in
--- models.lua, wire formats in dialects/; here is how they are used.
local dialect = require "lib.dialect"
local framing = require "lib.framing"
local models = require "models"
local strict = require "lib.strict"
local text = require "lib.text"

local model = {}

local ERROR_BODY <const> = 64 * 1024 -- bytes read of an answer that is no stream

---@class model.Env what stands outside; plain data
---@field variables table<string, string>  base URLs, by the variable's name
---@field secrets   table<string, boolean> names of the secrets that are there
---@field refused?  table<string, string> why a key's file was not taken, by the secret's name
---@field models?   table                  instead of models.lua
---@field dialects? table<string, dialect.Guest> that are not the distribution's

---@class model.Target one server and model to ask; plain data
---@field provider string
---@field model    string the id on the wire
---@field dialect  string
---@field guest?   dialect.Guest of a dialect that is not the distribution's
---@field base_url string
---@field habits?  table<string, string> how its server differs from others of its dialect
---@field named?   string what names it, where that is not its id
---@field own      boolean a server that the user named, not the provider's
---@field secret   string? name of the secret to send
---@field legacy   boolean
---@field why      string  how the name led here
---@field scenario string? for a rehearsal, instead of base_url and secret
---@field context  integer? tokens, if known
---@field max_output integer? tokens, if known
---@field thinking string?
---@field effort   boolean? it can be told how much effort to make
---@field sees     boolean? false for one that takes text only
---@field prices   table?
---@field cache_least? integer tokens of the shortest prompt that the server caches
---@field marks?   boolean it takes marks of where its cache ends
---@field at_once? integer requests at a time, at most
---@field limits   table

---@class model.How what asking needs of the world
---@field wait   async fun(ms: integer)
---@field random fun(): number from 0 to 1
---@field left   fun(): integer? milliseconds that the run has left
---@field now    fun(): integer Unix milliseconds
---@field turn   fun(target: model.Target): throttle.Turn whose turn it is with the server
---@field decide dialect.Decide calls a function in the decision VM

-- names ------------------------------------------------------------------------------------------

--- One spelling: "us.anthropic/Claude 3.5 Sonnet[1m]" is "claude-3-5-sonnet", and with its dots
--- "claude-3.5-sonnet".
---@return string plain, string dotted
local function normal(name)
  local plain = name:lower():gsub("%[%w+%]$", ""):gsub("^.*/", ""):gsub("^.*anthropic%.", "")
  plain = plain:gsub("[%s_]+", "-")
  return (plain:gsub("%.+", "-")), plain
end

local function fitting(rules, name)
  for _, rule in ipairs(rules) do
    if name:find(rule[1]) then return rule[2] end
  end
end

local function owner(data, name)
  for provider, facts in pairs(data.providers) do
    for _, pattern in ipairs(facts.owns or {}) do
      if name:find(pattern) then return provider, facts end
    end
  end
end

--- What a variable's value leaves out is that of `base`: "10.0.0.5" may stand for
--- "http://10.0.0.5:11434/v1". An address with a scheme has its scheme's port.
local function filled(said, base)
  local scheme, rest = said:match("^(%a[%w+.-]*://)(.*)$")
  if said:find("^unix:") then return said end
  local base_scheme, base_host, base_path = base:match("^(%a+://)([^/]*)(.*)$")
  local host, path = (rest or said):match("^([^/]*)(.*)$")
  if host:sub(1, 1) == ":" then host = "127.0.0.1" .. host end
  host = host:gsub("^0%.0%.0%.0", "127.0.0.1") -- all of a server's addresses are this one here
  if not scheme and not host:find(":%d+$") then
    host = host .. (base_host:match(":%d+$") or "")
  end
  return (scheme or base_scheme) .. host .. (path:find("[^/]") and path or base_path)
end

--- The address that the user gave for a provider.
local function own_url(env, provider)
  local said = provider.base_url_variable and env.variables[provider.base_url_variable]
  if not said or said == "" then return nil end
  return provider.fills and filled(said, provider.base_url) or said
end

--- Where a provider is asked, and whether the user named that server.
---@param variables table<string, string>
---@param provider  table a row of models.lua
---@return string base_url, boolean own
function model.address(variables, provider)
  local own = own_url({ variables = variables }, provider)
  return own or provider.base_url, own ~= nil
end

--- A provider's server that the user named; it knows its own models' names. Of several the first
--- by name. One whose variable may be filled up is named for other programs too.
---@param for_others boolean such a one
local function own_server(data, env, for_others)
  local first
  for name, provider in pairs(data.providers) do
    if own_url(env, provider) and (provider.fills or false) == for_others
      and (not first or name < first) then
      first = name
    end
  end
  return first
end

--- The error where a model's dialect cannot be used.
local function unspoken(id, guest)
  return { code = guest.err.code, retryable = false,
    message = ("model %q cannot be asked: %s"):format(id, guest.err.message) }
end

local function can_ask(env, provider)
  return own_url(env, provider) ~= nil or not provider.secret or provider.keyless
    or env.secrets[provider.secret] == true
end

--- "groq/openai/gpt-oss-120b": a provider and the id of one of its models.
local function split(data, name)
  local provider, id = name:match("^([%w_-]+)/(.+)$")
  local facts = provider and data.providers[provider]
  if not facts or facts.owns then return nil end
  if facts.takes and not id:find("/", 1, true) then id = name end -- it is the maker itself
  return provider, id
end

--- A provider that takes names of other makers' models, such as "maker/model", and can be asked.
local function gateway(data, env, name)
  for _, provider in ipairs(text.sorted_keys(data.providers)) do
    local facts = data.providers[provider]
    if facts.takes and name:find(facts.takes) and can_ask(env, facts) then
      local row = provider .. "/" .. name
      return { id = data.models[row] and row or name, provider = provider,
        why = "named, through " .. provider }
    end
  end
end

--- What a name stands for: ids, and the tier if it is one.
---@return { id: string, provider: string?, why: string }[]? found, string? tier
local function look_up(data, env, name)
  local plain, dotted = normal(name)
  local function tier(word, why)
    local ids = {}
    for i, id in ipairs(data.tiers[word]) do ids[i] = { id = id, why = why } end
    return ids, word
  end
  if data.models[name] then return { { id = name, why = "named" } } end
  local server, its_id = split(data, name)
  if server then return { { id = its_id, provider = server, why = "named with its provider" } } end
  for _, id in ipairs { plain, dotted } do
    if data.models[id] then return { { id = id, why = ("%q"):format(name) } } end
  end
  if data.tiers[plain] then return tier(plain, "tier " .. plain) end

  local alias = data.aliases[plain]
  if alias and data.tiers[alias] then return tier(alias, ("%q is tier %s"):format(name, alias)) end
  if alias then return { { id = alias, why = ("%q is %s"):format(name, alias) } } end

  local retired = fitting(data.retired, plain)
  if retired then return tier(retired, ("%q is retired; its tier is %s"):format(name, retired)) end

  local provider, facts = owner(data, plain)
  if provider then
    local id = facts.dots and dotted or plain
    return { { id = id, provider = provider, why = "named, not listed" } }
  end
  local function own(for_others)
    local named = own_server(data, env, for_others)
    return named and { { id = name, provider = named, why = "named, for a server of your own" } }
  end
  local other = fitting(data.others, plain)
  local found = own(false)
  if not found and other then
    return tier(other, ("%q is foreign; its tier is %s"):format(name, other))
  end
  return found or own(true)
end

--- The target, or why there is none: an error of its dialect, or the provider whose key is missing.
local function target_of(data, env, found)
  local listed = data.models[found.id]
  local name = found.provider or listed.provider
  local facts = data.models[name .. "/" .. found.id] or listed
  if not facts or facts.provider ~= name then facts = {} end -- another server's model of that id
  local provider = data.providers[name]
  if not can_ask(env, provider) then return nil, nil, provider end
  local _, id = split(data, found.id)
  local url = own_url(env, provider)
  local own = url ~= nil
  local speaks = own and provider.own_dialect or provider.dialect
  local guest = env.dialects and env.dialects[speaks]
  if guest and guest.err then return nil, unspoken(found.id, guest) end
  return {
    provider = name, model = id or found.id, why = found.why,
    named = (id or found.provider and not provider.owns)
      and ("%s/%s"):format(name, id or found.id) or nil,
    dialect = speaks, guest = guest, habits = provider.habits,
    base_url = ((url or provider.base_url):gsub("/+$", "")), own = own,
    secret = provider.secret and env.secrets[provider.secret] and provider.secret or nil,
    legacy = provider.legacy == "always",
    may_be_legacy = (own or not provider.secret) and provider.legacy == "refused",
    context = facts.context, max_output = facts.max_output, thinking = facts.thinking,
    sees = facts.sees, effort = facts.effort,
    prices = not own and facts.prices or nil, limits = data.limits,
    cache_least = not own and (facts.cache_least or provider.cache_least) or nil,
    marks = not own and facts.marks or nil,
    at_once = provider.at_once or data.limits.at_once,
  }
end

local function rehearsed(data, name)
  local scenario = name:match("^rehearsal:(.+)$")
  if not scenario then return nil end
  return { provider = "rehearsal", model = "rehearsed", dialect = "rehearsal", base_url = "",
    own = true, legacy = false, scenario = scenario, why = "named", limits = data.limits }
end

local function is_inherit(name) return name:lower() == "inherit" end

--- The names to try for an agent, when the caller gives none.
local function names_of(data, wanted, agent)
  if type(wanted) == "string" then wanted = { wanted } end
  if wanted and #wanted > 0 then return wanted end
  local said = agent.model
  if said and said ~= "" and not (is_inherit(said) and not agent.inherit) then return { said } end
  return { data.complexity[(agent.complexity or ""):lower()] or data.complexity.default }
end

--- Whether somebody can be asked for one of these.
local function any_asked(data, env, found)
  for _, one in ipairs(found or {}) do
    local facts = data.models[one.id] or {}
    if can_ask(env, data.providers[one.provider or facts.provider]) then return true end
  end
  return false
end

--- What a name of a definition stands for where nobody can be asked for what it names: its tier.
local function instead(data, env, name, found)
  if any_asked(data, env, found) then return found end
  local tier = fitting(data.others, (normal(name)))
  if not tier then return found end
  local others = {}
  for i, id in ipairs(data.tiers[tier]) do
    others[i] = { id = id, why = ("no key for %q; its tier is %s"):format(name, tier) }
  end
  return others, tier
end

local function unknown(data, name)
  local known = {}
  for id in pairs(data.models) do known[#known + 1] = id end
  for alias in pairs(data.aliases) do known[#known + 1] = alias end
  table.sort(known)
  return { code = "not_found", retryable = false, details = { known = known },
    message = ("no model is called %q; `perigee models list` shows those there are, and "
      .. "PROVIDER/%s is one of a provider listed there"):format(name, name) }
end

local function no_key(env, name, provider)
  local refused = env.refused and env.refused[provider.secret]
  if refused then
    return { code = "denied", retryable = false, details = { variable = provider.secret },
      message = ("model %q needs a key: %s"):format(name, refused) }
  end
  local variable = provider.base_url_variable
  local address = variable and (", or %s to the address of a server of your own"):format(variable)
  return { code = "unavailable", retryable = false, details = { variable = provider.secret },
    message = ("model %q needs a key: set %s, or %s_FILE to the path of a file with mode 0600%s; "
      .. "--model rehearsal:FILE needs none")
      :format(name, provider.secret, provider.secret, address or "") }
end

--- The targets to try, in order.
---@param wanted? string|string[] names, tiers, ids or rehearsal:FILE; nil takes the agent's own
---@param agent?  { model: string?, complexity: string?, inherit: string[]?, exact: boolean? }
---  `inherit`: names that the asking agent uses, none of them inherit; `exact`: no fallbacks, the
---  user has chosen
---@param env     model.Env
---@return model.Target[]? targets, table? err
function model.resolve(wanted, agent, env)
  local data = env.models or models
  agent = agent or {}
  local targets, seen, tiers, first_err = {}, {}, {}, nil
  local add
  function add(name)
    if is_inherit(name) then
      if not agent.inherit then return add(data.complexity.default) end
      for _, one in ipairs(agent.inherit) do add(one) end
      return
    end
    -- A scenario is a Lua file: a definition, which is data, cannot have one loaded.
    local rehearsal = wanted and rehearsed(data, name)
    if rehearsal then targets[#targets + 1] = rehearsal return end
    local found, tier = look_up(data, env, name)
    local others = not tier and not any_asked(data, env, found) and gateway(data, env, name)
    if others then found = { others } end
    if not found then first_err = first_err or unknown(data, name) return end
    if not tier and not agent.exact then found, tier = instead(data, env, name, found) end
    tiers[#tiers + 1] = tier
    for _, one in ipairs(found) do
      local target, broken, provider = target_of(data, env, one)
      if not target then
        first_err = first_err or broken or no_key(env, name, provider)
      elseif not seen[target.provider .. "/" .. target.model] then
        seen[target.provider .. "/" .. target.model] = true
        targets[#targets + 1] = target
        if target.own then return end -- one server: under another name it answers no better
      end
    end
  end
  for _, name in ipairs(names_of(data, wanted, agent)) do add(name) end
  local one_server = targets[1] and targets[1].own
  if not agent.exact and not one_server then
    for _, tier in ipairs { table.unpack(tiers) } do -- a copy: fallbacks have none of their own
      for _, name in ipairs(data.fallbacks[tier] or {}) do add(name) end
    end
  end
  if #targets == 0 then return nil, first_err end
  return targets
end

--- Dollars for one reply; nil when the price or the usage is not known. What a provider takes for
--- the time of its machines when it runs code stands in no reply: then it is the least.
---@param target model.Target
---@param usage  { input: integer?, output: integer?, cache_read: integer?, cache_write: integer?,
---  searches: integer?, code_runs: integer?, usd: number? }? of the server's own tools; `usd` where
---  the server says itself what it cost
---@return number? usd, boolean? least
function model.cost(target, usage)
  if usage and usage.usd then return usage.usd end
  local prices = target.prices
  if not prices or not usage or not usage.input or not usage.output then return nil end
  local prompt = usage.input + (usage.cache_read or 0) + (usage.cache_write or 0)
  if prices.above and prompt > prices.above.tokens then prices = prices.above end
  local total = 0.0
  for _, kind in ipairs { "input", "output", "cache_read", "cache_write" } do
    local tokens = usage[kind] or 0
    if tokens > 0 and not prices[kind] then return nil end
    total = total + tokens * (prices[kind] or 0)
  end
  local searches, search = usage.searches or 0, target.prices.search
  if searches > 0 and not search then return nil end
  return total / 1e6 + searches * (search or 0), (usage.code_runs or 0) > 0 or nil
end

-- asking -----------------------------------------------------------------------------------------

--- The body of an answer that is no stream, as far as it matters.
local function short_body(response)
  local parts, size = {}, 0
  while size < ERROR_BODY do
    local piece = response:next()
    if not piece then break end
    parts[#parts + 1] = piece.data
    size = size + #piece.data
  end
  return table.concat(parts):sub(1, ERROR_BODY)
end

local IS_SAID <const> = { text = true, thinking = true, call = true }

--- Reads a stream to its end.
---@return table? reply, table? err, boolean used whether anything of the reply was passed on
local function listen(response, speech, on_event)
  local reader, next_pieces = speech.begin(), framing.of(response, speech.stream)
  local used, said = false, {}
  local function broken(err)
    err.details = err.details or {}
    err.details.partial = err.details.partial or table.concat(said)
    return nil, err, used
  end
  while not reader.done do
    local pieces, err = next_pieces()
    if err then return broken(err) end
    if not pieces then break end
    local events
    events, err = reader:hear(pieces)
    if not events then return broken(err) end
    for _, event in ipairs(events) do
      if IS_SAID[event.kind] then used = true end
      if event.kind == "text" then said[#said + 1] = event.text end
      if event.kind ~= "error" then on_event(event) end
    end
  end
  local reply, err = reader:finish()
  if not reply then return broken(err) end
  return reply, nil, used
end

--- The longest reply that is asked for: of a small window a quarter, so that a prompt has room.
---@param target model.Target
---@return integer tokens
function model.reply_most(target)
  local most = target.limits.max_tokens
  if target.context then most = math.min(most, math.max(1, target.context // 4)) end
  return math.min(most, target.max_output or most)
end

--- Whether a server may do the work of a tool: its provider's own, or any where the user says so.
local function serves(target, tool)
  if not tool.server or target.scenario or target.refused and target.refused[tool.name] then
    return false
  end
  local forms = dialect.serves(target)
  return forms ~= nil and forms[tool.name] ~= nil and (tool.server.always or not target.own)
end

---@param targets model.Target[]
---@param tool    { server: { always: boolean }? }
---@return boolean whether one of them might
function model.can_serve(targets, tool)
  for _, target in ipairs(targets) do
    if serves(target, tool) then return true end
  end
  return false
end

--- The tools, each with `server` only where this server is to do its work itself. What nobody here
--- can do is not offered where the server does not.
local function tools_for(target, tools)
  local list = {}
  for _, tool in ipairs(tools or {}) do
    local served = serves(target, tool)
    if served or not tool.only_served then
      list[#list + 1] = { name = tool.name, description = tool.description, schema = tool.schema,
        server = served or nil }
    end
  end
  return tools and list
end

--- What a dialect makes its requests of.
local function question(target, request)
  return {
    model = target.model, system = request.system, tools = tools_for(target, request.tools),
    messages = request.messages,
    output = request.output or (strict.output(target, request.form, request.tools)),
    max_tokens = request.max_tokens or model.reply_most(target),
    effort = target.effort and request.effort or nil, blocks = request.blocks,
    cache_key = request.cache_key, marks = target.marks,
    -- Only the provider's own server knows what it was sent before.
    diagnose = not target.own, previous = request.previous, container = request.container,
    thinking = request.thinking or target.thinking, legacy = target.legacy,
    habits = target.habits or {},
  }
end

--- Sends what a dialect built.
---@return table? response, table? err
local function send(http, target, built, events)
  local limits = target.limits
  return http.send {
    method = built.method, url = target.base_url .. built.path, headers = built.headers,
    body = built.body, events = events,
    secret = target.secret, secret_header = target.secret and built.secret_header,
    secret_prefix = target.secret and built.secret_prefix,
    connect_ms = limits.connect_ms, first_byte_ms = limits.first_byte_ms,
    idle_ms = limits.idle_ms, body_limit = limits.body_limit,
  }
end

--- One request and its reply.
---@return table? reply, table? err, boolean used
local function exchange(http, target, request, speech, on_event)
  local built, err = speech.request(question(target, request))
  if not built then return nil, err, false end
  local response
  response, err = send(http, target, built, framing.asked(speech.stream))
  if not response then return nil, err, false end
  local reply, used = nil, false
  if framing.fits(response, speech.stream) then
    reply, err, used = listen(response, speech, on_event)
  else
    err = speech.failure(response.status, response.headers, short_body(response))
  end
  response:close()
  return reply, err, used
end

--- Milliseconds before attempt number `attempt`; nil when the server asks for longer than we wait,
--- or than the run has left. Those who were told the same time do not come back together.
local function pause_before(attempt, err, limits, how)
  local asked = err.details and err.details.retry_after_ms
  if asked and asked > limits.most_asked_ms then return nil end
  local most = math.min(limits.most_wait_ms, limits.first_wait_ms * 2 ^ (attempt - 2))
  local pause = asked and asked + math.floor(how.random() * limits.first_wait_ms)
    or math.floor(how.random() * most)
  local left = how.left()
  if left and pause >= left then return nil end
  return pause
end

--- How long a server asks to be left alone that names a date and not its own time: by the clock
--- here. Where that is ahead of the server's the date may be past, and the pause is ours to choose;
--- where it is behind, the bounds of every pause hold.
local function by_clock(err, how)
  local at = err and err.details and err.details.retry_at_ms
  local ms = at and at - how.now()
  if ms and ms > 0 then err.details.retry_after_ms = ms end
end

--- The error with what was being done, and how often, before it.
local function explained(err, target, attempts)
  local host = target.base_url:gsub("^(%a+://)[^/]*@", "%1") -- no credentials of a URL
  local often = attempts > 1 and (" (%d attempts)"):format(attempts) or ""
  return { code = err.code, retryable = err.retryable == true, details = err.details,
    message = ("ask %s at %s%s: %s"):format(target.model, host, often, err.message) }
end

--- A server that knows only the older form is asked again in it, once; from then on always.
local function in_older_form(http, target, request, speech, on_event, first)
  on_event { kind = "retry", attempt = 1, wait_ms = 0, code = first.code,
    why = "the server refused the newer form of the request: " .. first.message }
  target.legacy = true
  local reply, err, used = exchange(http, target, request, speech, on_event)
  if reply or not speech.wants_legacy(err) then return reply, err, used end
  target.legacy = false -- it was not the form
  return nil, first, false
end

--- The tool of the server's own that a refusal is about: not every model can, and an organisation
--- may have forbidden it. It goes by the tool's name, or by what the dialect asks for it with.
local function tool_refused(target, request, speech, err)
  if not err.details or err.details.status ~= 400 then return nil end
  for _, tool in ipairs(tools_for(target, request.tools) or {}) do
    local form = tool.server and speech.serves[tool.name]:match('"type":"([%w_]+)"')
    if form and (err.message:find(tool.name, 1, true) or err.message:find(form, 1, true)) then
      return tool.name
    end
  end
end

--- Asks again without what the server refused of what is its own: a tool, whose place ours takes
--- where there is one, or the container of its code, which lasts for a while only. Once for each.
local function without_refused(http, target, request, speech, on_event, err, used)
  local reply
  while err do
    local name = tool_refused(target, request, speech, err)
    local expired = not name and request.container and (err.details or {}).status
      and err.message:lower():find("container", 1, true)
    if name then
      target.refused = target.refused or {}
      target.refused[name] = true
    elseif expired then
      request.container = nil
    else
      break
    end
    on_event { kind = "retry", attempt = 1, wait_ms = 0, code = err.code,
      why = ("the server refused %s: %s"):format(name and "its own tool " .. name
        or "the place where its code ran, which is begun anew", err.message) }
    reply, err, used = exchange(http, target, request, speech, on_event)
  end
  return reply, err, used
end

local function rehearse(http, target, request, on_event)
  local reply, err = http.rehearse(target.scenario, request.given)
  if not reply then return nil, err end
  for _, event in ipairs(require("dialects.rehearsal").events(reply)) do on_event(event) end
  return reply
end

--- One attempt, when it is its turn with the server.
local function attempt_of(http, target, request, speech, on_event, how, attempt)
  local turn <close> = how.turn(target)
  local ready, err = turn:wait(on_event)
  if not ready then return nil, err, false end
  local reply, used
  reply, err, used = exchange(http, target, request, speech, on_event)
  if err and attempt == 1 and target.may_be_legacy and not target.legacy
    and speech.wants_legacy(err) then
    reply, err, used = in_older_form(http, target, request, speech, on_event, err)
  end
  if err and attempt == 1 then
    reply, err, used = without_refused(http, target, request, speech, on_event, err, used)
  end
  by_clock(err, how)
  turn:over(err)
  return reply, err, used
end

--- Asks a model and waits for its whole reply; what comes on the way goes to `on_event`. A reply
--- that broke off is asked for anew, whole: no API here goes on with one, and two halves are no
--- reply. What of it was passed on is void then.
---@async
---@param http     table { send =, rehearse = } of the host
---@param target   model.Target `legacy` is set once the server turned out to need it
---@param request  table system, tools, messages (fragments); form (Schema of the answer) or output
---  (as dialects take it), max_tokens, effort, thinking, given
---@param on_event fun(event: table) the dialect's; { kind = "waiting", ahead, at_once }; and
---  { kind = "retry", attempt, wait_ms, code, why, void }, `void` where the events of this reply so
---  far count no more
---@param how      model.How
---@return Reply? reply, table? err
function model.ask(http, target, request, on_event, how)
  if target.scenario then return rehearse(http, target, request, on_event) end
  local speech, limits = dialect.of(target, how.decide), target.limits
  local attempt = 1
  while true do
    local reply, err, used =
      attempt_of(http, target, request, speech, on_event, how, attempt)
    if reply then return reply end
    local pause = err.retryable and attempt < limits.attempts
      and pause_before(attempt + 1, err, limits, how)
    if not pause then return nil, explained(err, target, attempt) end
    attempt = attempt + 1
    on_event { kind = "retry", attempt = attempt, wait_ms = pause, code = err.code,
      why = err.message, void = used or nil }
    how.wait(pause)
  end
end

--- How many tokens the server says that a request is; nil and no error where its API does not tell.
---@async
---@param decide dialect.Decide
---@return integer? tokens, table? err
function model.count(http, target, request, decide)
  local speech = dialect.of(target, decide)
  if not speech.count then return nil end
  local built, err = speech.count(question(target, request))
  local response
  if built then response, err = send(http, target, built) end
  if not response then return nil, explained(err, target, 1) end
  local body, tokens = short_body(response), nil
  if response.status == 200 then
    tokens, err = speech.counted(body)
  end
  if not tokens then err = err or speech.failure(response.status, response.headers, body) end
  response:close()
  if err then return nil, explained(err, target, 1) end
  return tokens
end

return model
