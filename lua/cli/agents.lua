--- perigee agents: what is defined, what a definition means here, and what is wrong with it.
local args    = require "lib.args"
local catalog = require "lib.catalog"
local json    = require "lib.json"
local limits  = require "lib.limits"
local relations = require "lib.relations"
local show    = require "lib.show"
local start   = require "lib.start"
local text    = require "lib.text"

local SPEC <const> = {
  usage = "perigee agents list | show NAME|FILE | check [DIR]",
  about = "Lists the agents in force, shows one with its tools and relations, "
    .. "or checks definitions.",
  positionals = {
    { "WHAT", "list, show or check" },
    { "NAME", "an agent, a file, or for check a folder", optional = true },
  },
  options = {
    { "--project", "text", "the folder whose agents count", hint = "DIR" },
    { "--json", "flag", "print one JSON object" },
  },
}

local failed = show.failure

local function list(cli, loaded, values)
  if values.json then
    local rows = json.array {}
    for i, who in ipairs(loaded.catalog.agents) do
      rows[i] = {
        name = who.name, description = who.description, file = who.file, layer = who.layer,
        tools = json.array(who.tools), missing = json.array(who.missing), model = who.model,
        complexity = who.complexity, targets = json.array(who.targets),
      }
    end
    cli.out(json.encode(json.object { { "agents", rows } }) .. "\n")
    return 0
  end
  local width = 4
  for _, who in ipairs(loaded.catalog.agents) do width = math.max(width, #who.name) end
  for _, who in ipairs(loaded.catalog.agents) do
    cli.out(("%-" .. width .. "s  %s\n"):format(show.clean(who.name),
      show.clean(show.brief(text.first_line(who.description), 100))))
  end
  cli.err(("%s; perigee agents show NAME says more\n")
    :format(text.plural(#loaded.catalog.agents, "agent")))
  return 0
end

local function edge_line(edge)
  local to = edge.to
    or ("%s (%s)"):format(edge.target ~= "" and edge.target or "nobody", edge.resolved)
  local why = edge.text and edge.text ~= "" and (": " .. text.first_line(edge.text)) or ""
  return ("  %-12s %s%s  [line %d]\n"):format(edge.kind, to, why, edge.line)
end

local function show_one(cli, loaded, values, name)
  local who, err
  if name:sub(-3) == ".md" then
    who, err = catalog.add_file(cli, loaded.catalog, name)
    if who then start.equip(loaded.catalog, loaded.box.tools) end
  else
    who, err = loaded.catalog.find(name)
  end
  if not who then return failed(cli, err) end
  if values.json then
    cli.out(json.encode(json.object {
      { "name", who.name }, { "description", who.description }, { "file", who.file },
      { "model", who.model }, { "complexity", who.complexity }, { "tools", json.array(who.tools) },
      { "missing", json.array(who.missing) }, { "limits", who.limits }, { "output", who.output },
      { "targets", json.array(who.targets) }, { "edges", json.array(who.edges) },
      { "unknown_keys", json.array(who.extra) },
    }) .. "\n")
    return 0
  end
  local function row(key, value)
    if value and value ~= "" then cli.out(("%-12s %s\n"):format(key, show.clean(value))) end
  end
  row("name", who.name)
  row("description", who.description)
  row("file", who.file)
  row("model", who.model)
  row("complexity", who.complexity)
  row("tools", #who.tools > 0 and table.concat(who.tools, ", ") or "none")
  row("limits", who.limits and limits.words(who.limits))
  row("missing", table.concat(who.missing, ", "))
  row("hands to", table.concat(who.targets, ", "))
  row("other keys", table.concat(who.extra, ", "))
  if #who.edges > 0 then cli.out("relations\n") end
  for _, edge in ipairs(who.edges) do cli.out(show.clean(edge_line(edge))) end
  return 0
end

--- The definitions of one folder, as they are, or those in force.
local function diagnostics_of(cli, loaded, dir)
  local found = loaded.catalog
  if dir then
    local info = cli.stat(dir)
    if not info or info.kind ~= "folder" then
      return nil, { code = "not_found", message = dir .. ": no such folder" }
    end
    found = catalog.load(cli, { { name = "named", agents = info.real } })
    start.equip(found, loaded.box.tools)
  end
  local all = table.move(found.diagnostics, 1, #found.diagnostics, 1, {})
  for _, one in ipairs(relations.check(catalog.definitions(found))) do all[#all + 1] = one end
  for _, who in ipairs(found.agents) do
    for _, name in ipairs(who.missing) do
      all[#all + 1] = {
        rule = "tool", level = "warning",
        file = who.file, line = who.tools_line[1], column = who.tools_line[2],
        message = ("no tool here is called %q; the agent runs without it"):format(name),
      }
    end
  end
  return all, found
end

local function check(cli, loaded, values, dir)
  local all, found = diagnostics_of(cli, loaded, dir)
  if not all then return failed(cli, found) end
  local errors = 0
  for _, one in ipairs(all) do
    if one.level == "error" then errors = errors + 1 end
    if not values.json then
      cli.out(show.clean(("%s:%d:%d: %s: %s [%s]\n"):format(
        one.file, one.line or 1, one.column or 1, one.level, one.message, one.rule)))
    end
  end
  if values.json then
    local agents = json.array {}
    for i, who in ipairs(found.agents) do agents[i] = { name = who.name, file = who.file } end
    cli.out(json.encode(json.object {
      { "agents", agents }, { "diagnostics", json.array(all) },
    }) .. "\n")
  else
    cli.err(("%s, %s, %s\n"):format(text.plural(#found.agents, "agent"),
      text.plural(errors, "error"), text.plural(#all - errors, "warning")))
  end
  return errors > 0 and 1 or 0
end

---@async
local function agents(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return failed(cli, err, 2) end
  local values, what, name = given.values, given.positionals[1], given.positionals[2]
  if values.help then
    cli.out(args.help(SPEC))
    return 0
  end
  local loaded
  loaded, err = start.load(cli, values.project)
  if not loaded then return failed(cli, err) end
  for _, line in ipairs(loaded.project.lines) do
    cli.err(show.clean(("perigee: %s\n"):format(line)))
  end
  if what == "list" then return list(cli, loaded, values) end
  if what == "check" then return check(cli, loaded, values, name) end
  if what == "show" and name then return show_one(cli, loaded, values, name) end
  return failed(cli, { message = "usage: " .. SPEC.usage }, 2)
end

return { usage = SPEC.usage, run = agents }
