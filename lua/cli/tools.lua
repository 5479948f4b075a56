--- perigee tools: what tools there are, what each may reach, why a call is allowed or not, and one
--- called by hand.
local actions  = require "lib.actions"
local agent    = require "lib.agent"
local answers  = require "lib.answers"
local door     = require "lib.door"
local explain  = require "lib.explain"
local grants   = require "lib.grants"
local json     = require "lib.json"
local limits   = require "lib.limits"
local network  = require "lib.network"
local serving  = require "lib.serving"
local session  = require "lib.session"
local show     = require "lib.show"
local start    = require "lib.start"
local text     = require "lib.text"
local toolbox  = require "lib.toolbox"

local PROJECT    <const> = { "--project", "text", "the folder whose agents count", hint = "DIR" }
local JSON       <const> = { "--json", "flag", "print one JSON object" }
local NAME       <const> = { "NAME", "a tool" }
local ARGUMENTS  <const> = { "JSON", "the arguments of a call (default: {})", optional = true }
local WORKSPACE  <const> = { "--workspace", "text", "the folder to work in (default: the current "
  .. "one)", hint = "DIR" }
local UNCONFINED <const> = { "--unconfined", "flag", "run commands WITHOUT a sandbox" }

local LIST <const> = {
  usage = "perigee tools list",
  about = "The tools that agents can be given, each with its effect and its reach.",
  options = { PROJECT, JSON, table.unpack(network.OPTIONS) },
}
local SHOW <const> = {
  usage = "perigee tools show NAME",
  about = "One tool as a model sees it, what it may reach, and how to grant what is missing.",
  positionals = { NAME },
  options = { PROJECT, JSON, table.unpack(network.OPTIONS) },
}
local CALL <const> = {
  usage = "perigee tools call NAME [JSON]",
  about = "Calls a tool as a model would: schema, policy, sandbox and journal are the same.",
  positionals = { NAME, ARGUMENTS },
  options = { WORKSPACE, PROJECT, JSON, UNCONFINED,
    { "--store", "text", "the journal's file", hint = "FILE" },
    table.unpack(network.OPTIONS) },
}
local EXPLAIN <const> = {
  usage = "perigee tools explain NAME [JSON]",
  about = "Whether such a call would be allowed, and which rules say so. Ends with 1 where it is "
    .. "asked about or denied.",
  positionals = { NAME, ARGUMENTS },
  options = { WORKSPACE, PROJECT, JSON, UNCONFINED,
    { "--agent", "text", "who would call (default: you)" },
    table.unpack(network.OPTIONS) },
}
local ANSWERS <const> = {
  usage = "perigee tools answers",
  about = "What you answered for good when a call was asked about.",
  options = { JSON,
    { "--revoke", "integer", "forget the one with this number", hint = "N" } },
}

local failed = show.failure

-- list, show --------------------------------------------------------------------------------------

local function list(cli, loaded, values)
  local names = text.sorted_keys(loaded.box.tools)
  if values.json then
    local rows = json.array {}
    for i, name in ipairs(names) do rows[i] = loaded.box.tools[name] end
    cli.out(json.encode(json.object {
      { "tools", rows }, { "diagnostics", json.array(loaded.box.diagnostics) },
      { "not_loaded", json.array(loaded.gate.left) },
    }) .. "\n")
    return 0
  end
  local width = 0
  for _, name in ipairs(names) do width = math.max(width, #name) end
  for _, name in ipairs(names) do
    local tool = loaded.box.tools[name]
    local lacks = tool.lacks and "; NOT granted: " .. grants.words(tool.lacks) or ""
    cli.out(show.clean(("%-" .. width .. "s  %-7s %s%s\n")
      :format(name, tool.effect, tool.reach .. serving.words(tool), lacks)))
  end
  for _, one in ipairs(loaded.box.diagnostics) do
    cli.err(show.clean(("perigee: %s\n"):format(toolbox.say(one))))
  end
  return #loaded.box.diagnostics > 0 and 1 or 0
end

local function show_one(cli, loaded, values, tool)
  if values.json then
    cli.out(json.encode(tool) .. "\n")
    return 0
  end
  local schema = json.encode(json.decode(tool.schema, { ordered = true }), { indent = 2 })
  cli.out(show.clean(
    ("%s\n\n%s\n\nreach    %s\neffect   %s\ntimeout  %s\nfile     %s\n\n%s\n"):format(
      tool.name, tool.description, tool.reach .. serving.words(tool), tool.effect,
      show.time(tool.timeout_ms), tool.file, schema)))
  if tool.lacks then
    local refused = grants.must_be_written(tool.lacks)
    cli.out(show.clean(("\nnot granted: %s; %s. To grant it, in config.yaml:\n%s\n"):format(
      grants.words(tool.lacks), refused and "calls are refused" or "each call asks",
      grants.lines(tool, loaded.project.folders.home))))
  end
  return 0
end

-- call, explain -----------------------------------------------------------------------------------

local function user_with(tool)
  return { name = "user", tools = { tool.name }, targets = {}, edges = {} }
end

--- Opens the session, the journal and a run.
local function open(cli, loaded, values)
  local said, err = network.given(values)
  if not said then return nil, err end
  local opened
  opened, err = start.session(cli, loaded, {
    sink = function() end, unconfined = values.unconfined, given = said,
    asks = not values.json,
  })
  if not opened then return nil, err end
  local ok
  ok, err = start.journal(cli, values.store)
  if not ok then return nil, err end
  return cli.open_run {
    agent = "user", task = "", workspace = values.workspace or loaded.project.folders.current,
    pins = loaded.project.pins, unconfined = values.unconfined,
    roots = grants.of_run(opened.tools),
    sandbox = network.of_run(opened), limits = opened.settings.limits,
  }
end

--- The call goes through the same door as a model's: schema, policy, grant, journal.
local function call(cli, loaded, values, tool, input)
  local run, err = open(cli, loaded, values)
  if not run then return failed(cli, err) end
  limits.set(run)
  local result
  result, err = agent.whole(run, function()
    session.record(run, "run.started", { format = 2, agent = "user",
      task = "tools call " .. tool.name, workspace = run.workspace,
      sandbox = session.get().sandbox, files = run:sources() })
    return door.call(run, user_with(tool), { id = "call_1", name = tool.name, input = input })
  end)
  run:close()
  if not result then return failed(cli, err) end
  if values.json then
    cli.out(json.encode(result) .. "\n")
  else
    cli[result.error and "err" or "out"](show.clean((result.text:gsub("\n*$", "\n"))))
  end
  if not result.error then return 0 end
  return cli.exit_code(result.code or "invalid")
end

local function explain_one(cli, loaded, values, tool, source)
  local input, err = json.decode(source)
  if type(input) ~= "table" or json.is_array(input) then
    return failed(cli, { code = "invalid",
      message = "the arguments are no JSON object" .. (err and ": " .. err.message or "") })
  end
  local said
  said, err = network.given(values)
  if not said then return failed(cli, err, 2) end
  local opened
  opened, err = start.session(cli, loaded, {
    sink = function() end, unconfined = values.unconfined, given = said })
  if not opened then return failed(cli, err) end
  local who = user_with(tool)
  if values.agent then
    who, err = loaded.catalog.find(values.agent)
    if not who then return failed(cli, err) end
    local usable
    usable, err = opened.hooks(who)
    if not usable then return failed(cli, err) end
  end
  local folder = values.workspace or loaded.project.folders.current
  local info = cli.stat(folder)
  if not info or info.kind ~= "folder" then
    return failed(cli, { code = "not_found", message = folder .. ": no such folder" })
  end
  local found
  found, err = explain.call(cli, who, tool, input, info.real)
  if not found then return failed(cli, err) end
  cli.out(values.json and json.encode(found) .. "\n" or explain.words(found))
  return found.verdict == "allow" and 0 or 1
end

-- answers -----------------------------------------------------------------------------------------

local function print_answers(cli, list_of, values)
  if values.json then
    cli.out(json.encode { answers = json.array(list_of) } .. "\n")
    return
  end
  for i, one in ipairs(list_of) do cli.out(("%3d  %s\n"):format(i, answers.line(one))) end
  if #list_of == 0 then
    cli.err("nothing was answered for good yet\n")
  else
    cli.err("perigee tools answers --revoke N forgets one\n")
  end
end

local function kept_answers(cli, values)
  local kept, err = answers.list(cli)
  if not kept then return failed(cli, err) end
  if not values.revoke then
    print_answers(cli, kept, values)
    return 0
  end
  local one = kept[values.revoke]
  if not one then
    return failed(cli, { code = "not_found", message = ("--revoke %d: there are %s")
      :format(values.revoke, text.plural(#kept, "answer")) })
  end
  local ok
  ok, err = answers.revoke(cli, one)
  if not ok then return failed(cli, err) end
  cli.err("forgotten: " .. answers.line(one) .. "\n")
  return 0
end

-- the verb ----------------------------------------------------------------------------------------

local function find(loaded, name)
  local tool = loaded.box.tools[name]
  if tool then return tool end
  return nil, { code = "not_found", message = ("no tool is called %q%s"):format(
    name, text.suggest(name, text.sorted_keys(loaded.box.tools))) }
end

--- An action over what is loaded.
local function over(action, asks)
  ---@async
  return function(cli, values, ...)
    local loaded, err = start.load(cli, values.project, { ask = asks and not values.json })
    if not loaded then return failed(cli, err) end
    for _, line in ipairs(loaded.project.lines) do
      cli.err(show.clean(("perigee: %s\n"):format(line)))
    end
    return action(cli, loaded, values, ...)
  end
end

--- An action that looks at tools as this project's settings grant them.
local function granted(action)
  return over(function(cli, loaded, values, name)
    local said, err = network.given(values)
    if not said then return failed(cli, err, 2) end
    local found
    found, err = start.grant(cli, loaded, said)
    if not found then return failed(cli, err) end
    return action(cli, loaded, values, name)
  end)
end

--- An action on one tool.
local function on_tool(action)
  ---@async
  return function(cli, loaded, values, name, input)
    local tool, err = find(loaded, name)
    if not tool then return failed(cli, err) end
    return action(cli, loaded, values, tool, input or "{}")
  end
end

return actions.verb("tools", "What tools there are, what each may reach, why a call is allowed or "
  .. "not, and one called by hand.", {
  { "list", "the tools with their effect and reach", LIST, granted(list) },
  { "show", "one as a model sees it", SHOW, granted(on_tool(show_one)) },
  { "call", "calls one, as a model would", CALL, over(on_tool(call), true) },
  { "explain", "which rules decide about a call", EXPLAIN, over(on_tool(explain_one)) },
  { "answers", "what you answered for good, and forgetting it", ANSWERS, kept_answers },
})
