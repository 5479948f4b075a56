--- perigee agents: what is defined, what a definition means here, and what is wrong with it.
local actions = require "lib.actions"
local catalog = require "lib.catalog"
local check   = require "lib.check"
local check_rules = require "lib.check_rules"
local graph   = require "lib.graph"
local json    = require "lib.json"
local allowance = require "lib.allowance"
local show    = require "lib.show"
local start   = require "lib.start"
local text    = require "lib.text"

local PROJECT <const> = { "--project", "text", "the folder whose agents count", hint = "DIR" }
local JSON    <const> = { "--json", "flag", "print one JSON object" }
local FOLDER  <const> = { "DIR", "only the definitions of this folder", optional = true }

local LIST <const> = {
  usage = "perigee agents list",
  about = "The agents in force, with the first line of what they say of themselves.",
  options = { PROJECT, JSON },
}
local SHOW <const> = {
  usage = "perigee agents show NAME|FILE",
  about = "One agent: its tools, its model, and who it hands work to, with the lines that say so.",
  positionals = { { "NAME", "an agent, any part of its name that only one has, or a file" } },
  options = { PROJECT, JSON },
}
local CHECK <const> = {
  usage = "perigee agents check [DIR]",
  about = "What definitions and their relations leave open. Ends with 1 where a rule is broken.",
  positionals = { FOLDER },
  options = { PROJECT, JSON,
    { "--strict", "flag", "a warning fails as an error does" },
    { "--rule", "key=value list", "RULE=allow|warn|deny,...; the rules are "
      .. table.concat(check_rules.NAMES, ", "), hint = "RULE=LEVEL" },
  },
}
local GRAPH <const> = {
  usage = "perigee agents graph [DIR]",
  about = "Who hands work to whom.",
  positionals = { FOLDER },
  options = { PROJECT,
    { "--format", "text", "json (default), mermaid, dot or html (one page)", hint = "FORMAT" },
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
  row("limits", who.limits and allowance.words(who.limits))
  row("missing", table.concat(who.missing, ", "))
  row("hands to", table.concat(who.targets, ", "))
  row("other keys", table.concat(who.extra, ", "))
  if #who.edges > 0 then cli.out("relations\n") end
  for _, edge in ipairs(who.edges) do cli.out(show.clean(edge_line(edge))) end
  return 0
end

--- The agents of one folder, as they are, or those in force.
local function of_folder(cli, loaded, dir)
  if not dir then return loaded.catalog end
  local info = cli.stat(dir)
  if not info or info.kind ~= "folder" then
    return nil, { code = "not_found", message = dir .. ": no such folder" }
  end
  local found = catalog.load(cli, { { name = "named", agents = info.real } })
  start.equip(found, loaded.box.tools)
  return found
end

local function row_of(who) return json.object { { "name", who.name }, { "file", who.file } } end

local function diagnostic_of(one)
  return json.object {
    { "rule", one.rule }, { "level", one.level }, { "file", one.file }, { "line", one.line },
    { "column", one.column }, { "message", one.message },
  }
end

local function check_json(found, all)
  local agents, diagnostics = json.array {}, json.array {}
  for i, who in ipairs(found.agents) do agents[i] = row_of(who) end
  for i, one in ipairs(all) do diagnostics[i] = diagnostic_of(one) end
  return json.encode(json.object { { "agents", agents }, { "diagnostics", diagnostics } }) .. "\n"
end

--- Levels that the command line sets by rule.
local function rules_of(values)
  local levels, mistakes = check_rules.read(values.rule or {})
  if mistakes[1] then return nil, { message = "--rule: " .. mistakes[1] } end
  return levels
end

local function check_folder(cli, loaded, values, dir)
  local rules, err = rules_of(values)
  if not rules then return failed(cli, err, 2) end
  local found
  found, err = of_folder(cli, loaded, dir)
  if not found then return failed(cli, err) end
  local all, errors = check.catalog(found, rules), 0
  for _, one in ipairs(all) do
    if one.level == "error" then errors = errors + 1 end
    if not values.json then
      cli.out(show.clean(("%s:%d:%d: %s: %s [%s]\n"):format(
        one.file, one.line, one.column, one.level, one.message, one.rule)))
    end
  end
  if values.json then
    cli.out(check_json(found, all))
  else
    cli.err(("%s, %s, %s\n"):format(text.plural(#found.agents, "agent"),
      text.plural(errors, "error"), text.plural(#all - errors, "warning")))
  end
  return (errors > 0 or values.strict and #all > 0) and 1 or 0
end

local function draw(cli, loaded, values, dir)
  local format = values.format or "json"
  if not text.one_of(graph.FORMATS, format) then
    return failed(cli, { message = ("--format is one of %s%s"):format(
      table.concat(graph.FORMATS, ", "), text.suggest(format, graph.FORMATS)) }, 2)
  end
  local found, err = of_folder(cli, loaded, dir)
  if not found then return failed(cli, err) end
  cli.out(graph.draw(found, format))
  return 0
end

--- An action over what is loaded.
local function over(action)
  ---@async
  return function(cli, values, name)
    local loaded, err = start.load(cli, values.project)
    if not loaded then return failed(cli, err) end
    for _, line in ipairs(loaded.project.lines) do
      cli.err(show.clean(("perigee: %s\n"):format(line)))
    end
    return action(cli, loaded, values, name)
  end
end

return actions.verb("agents", "What is defined, what a definition means here, and what is wrong "
  .. "with it.", {
  { "list", "the agents in force", LIST, over(list) },
  { "show", "one of them: tools, model, relations", SHOW, over(show_one) },
  { "check", "what definitions and their relations leave open", CHECK, over(check_folder) },
  { "graph", "who hands work to whom", GRAPH, over(draw) },
})
