--- perigee tools: what tools there are, what each may reach, and one called by hand.
local agent   = require "lib.agent"
local args    = require "lib.args"
local door    = require "lib.door"
local json    = require "lib.json"
local limits  = require "lib.limits"
local network = require "lib.network"
local show    = require "lib.show"
local start   = require "lib.start"
local text    = require "lib.text"
local toolbox = require "lib.toolbox"

local SPEC <const> = {
  usage = "perigee tools list | show NAME | call NAME JSON",
  about = "Lists tools with their reach, shows one as a model sees it, "
    .. "or calls one as a model would.",
  positionals = {
    { "WHAT", "list, show or call" },
    { "NAME", "a tool", optional = true },
    { "JSON", "the arguments of a call", optional = true },
  },
  options = {
    { "--workspace", "text", "the folder to work in (default: the current one)", hint = "DIR" },
    { "--project", "text", "the folder whose agents count", hint = "DIR" },
    { "--json", "flag", "print one JSON object" },
    { "--unconfined", "flag", "run commands WITHOUT a sandbox" },
    table.unpack(network.OPTIONS),
  },
}

local failed = show.failure

local function list(cli, loaded, values)
  local names = text.sorted_keys(loaded.box.tools)
  if values.json then
    local rows = json.array {}
    for i, name in ipairs(names) do rows[i] = loaded.box.tools[name] end
    cli.out(json.encode(json.object {
      { "tools", rows }, { "diagnostics", json.array(loaded.box.diagnostics) },
      { "not_loaded", json.array(loaded.project.ignored) },
    }) .. "\n")
    return 0
  end
  for _, name in ipairs(names) do
    local tool = loaded.box.tools[name]
    cli.out(("%-10s %-7s %s\n"):format(name, tool.effect, tool.reach))
  end
  for _, one in ipairs(loaded.box.diagnostics) do
    cli.err(show.clean(("perigee: %s\n"):format(toolbox.say(one))))
  end
  for _, path in ipairs(loaded.project.ignored) do
    cli.err(show.clean(("perigee: not loaded: %s (Lua of a project)\n"):format(path)))
  end
  return #loaded.box.diagnostics > 0 and 1 or 0
end

local function find(loaded, name)
  local tool = loaded.box.tools[name]
  if tool then return tool end
  return nil, { code = "not_found", message = ("no tool is called %q%s"):format(
    name, text.suggest(name, text.sorted_keys(loaded.box.tools))) }
end

local function show_one(cli, tool, values)
  if values.json then
    cli.out(json.encode(tool) .. "\n")
    return 0
  end
  local schema = json.encode(json.decode(tool.schema, { ordered = true }), { indent = 2 })
  cli.out(("%s\n\n%s\n\nreach    %s\neffect   %s\ntimeout  %s\nfile     %s\n\n%s\n"):format(
    tool.name, tool.description, tool.reach, tool.effect, show.time(tool.timeout_ms), tool.file,
    schema))
  return 0
end

--- The call goes through the same door as a model's: schema, policy, grant.
local function call(cli, loaded, values, tool, input)
  local said, err = network.given(values)
  if not said then return failed(cli, err, 2) end
  local opened
  opened, err = start.session(cli, loaded, {
    sink = function() end, unconfined = values.unconfined, given = said,
  })
  if not opened then return failed(cli, err) end
  local run
  run, err = cli.open_run {
    agent = "", task = "", workspace = values.workspace or loaded.project.folders.current,
    pins = loaded.project.pins, unconfined = values.unconfined,
    sandbox = network.of_run(opened.settings), limits = opened.settings.limits,
  }
  if not run then return failed(cli, err) end
  limits.set(run)
  local who = { name = "user", tools = { tool.name }, targets = {}, edges = {} }
  local result
  result, err = agent.whole(run, function()
    return door.call(run, who, { id = "call_1", name = tool.name, input = input })
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

---@async
local function tools(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return failed(cli, err, 2) end
  local values = given.values
  local what, name, input = given.positionals[1], given.positionals[2], given.positionals[3]
  if values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  local loaded
  loaded, err = start.load(cli, values.project)
  if not loaded then return failed(cli, err) end
  if what == "list" and not name then return list(cli, loaded, values) end
  if not name or (what ~= "show" and what ~= "call") then
    return failed(cli, { message = "usage: " .. SPEC.usage }, 2)
  end
  local tool
  tool, err = find(loaded, name)
  if not tool then return failed(cli, err) end
  if what == "show" then return show_one(cli, tool, values) end
  return call(cli, loaded, values, tool, input or "{}")
end

return { usage = SPEC.usage, run = tools }
