--- perigee run: an agent or a chain on a task.
local agent   = require "lib.agent"
local allowance = require "lib.allowance"
local args    = require "lib.args"
local cassette = require "lib.cassette"
local catalog = require "lib.catalog"
local chains  = require "lib.chains"
local chooser = require "lib.chooser"
local grants  = require "lib.grants"
local json    = require "lib.json"
local limits  = require "lib.limits"
local network = require "lib.network"
local opening = require "lib.opening"
local session = require "lib.session"
local show    = require "lib.show"
local start   = require "lib.start"
local text    = require "lib.text"
local toolbox = require "lib.toolbox"
local written = require "lib.written"

local SPEC <const> = {
  usage = "perigee run [OPTIONS] [AGENT|FILE.md|CHAIN.lua] TASK",
  about = "Runs an agent on a task and follows its relations to the next agents. "
    .. "Without an agent lua/routing.lua chooses one. A task of - is read from stdin.",
  positionals = {
    { "WHO", "an agent (any unique part of its name), a definition's file, or a chain" },
    { "TASK", "what you want done", optional = true },
  },
  options = {
    { "--model", "text", "a model, a tier, or rehearsal:FILE, which needs no key" },
    { "--workspace", "text", "the folder to work in (default: the current one)", hint = "DIR" },
    { "--project", "text", "the folder whose agents count (default: found from the current one)",
      hint = "DIR" },
    { "--hops", "text",
      "off, auto (handoff calls and trigger phrases) or full (the primary chain too)",
      hint = "MODE" },
    { "--chooser", "text", "who chooses an agent: rank (default) or model (from the best ten)",
      hint = "HOW" },
    { "--limit", "key=value list",
      "turns=, calls=, hops=, children=, tokens=, usd=, written=, time=; none lifts one",
      keys = allowance.KEYS },
    { "--set", "list", "a parameter of a chain; perigee run CHAIN.lua --help lists them",
      hint = "KEY=VALUE" },
    { "--attach", "list", "a text file whose content is added to the task", hint = "FILE" },
    { "--store", "text", "the journal's file", hint = "FILE" },
    { "--record", "text", "keep what is asked of models and servers, and what they answer",
      hint = "FILE" },
    { "--replay", "text", "take the answers from a recording: no network, no key", hint = "FILE" },
    { "--json", "flag", "print one JSON object at the end" },
    { "--events", "flag", "print one JSON object a line while it runs" },
    { "--unconfined", "flag", "run commands WITHOUT a sandbox" },
    table.unpack(network.OPTIONS),
  },
}

local ATTACH_MOST <const> = 1024 * 1024

--- Says why no run began; with --json also as the one object that was promised.
local function refuse(cli, words, err, code)
  for _, word in ipairs(words) do
    if word == "--" then break end
    if word == "--json" then
      local why = { code = err.code or "invalid", message = err.message }
      cli.out(json.encode(json.object { { "status", why.code }, { "error", why } }) .. "\n")
      break
    end
  end
  return show.failure(cli, err, code)
end

--- The task with what was attached, or what is wrong.
local function read_task(cli, given, task)
  local err
  if task == "-" then
    task, err = cli.read_stdin()
    if not task then
      return nil, { code = err.code, message = "read the task from stdin: " .. err.message }
    end
  end
  if not utf8.len(task) then return nil, { code = "invalid", message = "the task is not UTF-8" } end
  for _, path in ipairs(given.values.attach or {}) do
    local content
    content, err = cli.read_file(path, ATTACH_MOST)
    if not content then return nil, err end
    if not utf8.len(content) then
      return nil, { code = "invalid", message = path .. " is no UTF-8 text" }
    end
    task = ("%s\n\n## %s\n```\n%s\n```"):format(task, path, content)
  end
  return task
end

--- A file that the command line names is taken at the user's word; whose it is should be seen.
local function note_named(loaded, path, real)
  local why = written.why(loaded.project.written, path, real)
  if why then
    loaded.project.lines[#loaded.project.lines + 1] =
      ("%s: %s; it is taken because you named it"):format(path, why)
  end
end

--- What the first word names: an agent, or a chain's file.
local function find_who(cli, loaded, word)
  local info = cli.stat(word)
  local path = info and info.kind == "file" and info.real
  if path and (word:match("%.md$") or word:match("%.lua$")) then
    note_named(loaded, word, path)
  end
  if word:sub(-3) == ".md" then return catalog.add_file(cli, loaded.catalog, word) end
  if word:sub(-4) ~= ".lua" then return loaded.catalog.find(word) end
  local found, err = chains.find(cli, word)
  if not found then return nil, err end
  return { chain = found, name = word:match("([^/]+)%.lua$") }
end

--- Who gets a task that names nobody. Where a model is to pick, that is done in the run.
local function choose_who(cli, loaded, task, values)
  if not task:find("%S") then
    return nil, { message = "the task is missing; usage: " .. SPEC.usage, exit = 2 }
  end
  local named = not task:find("%s") and loaded.catalog.find(task)
  if named then
    return nil, { exit = 2, message = ("the task is missing: %q names the agent %s; "
      .. "perigee run %s TASK"):format(task, named.name, task) }
  end
  local usable, err = start.settings(cli, loaded.gate)
  if not usable then return nil, err end
  local choice
  choice, err = chooser.choose(start.asker(cli), loaded.catalog, task)
  if not choice then return nil, start.located(cli, err) end
  local candidates
  if choice.ask or values.chooser == "model" then candidates = chooser.candidates(choice) end
  if candidates and #candidates == 1 then
    choice.to, candidates = candidates[1], nil
  end
  local first = loaded.catalog.by_name[choice.to]
  return { name = first and not candidates and first.name or chooser.NAME, choice = choice,
    candidates = candidates, file = first and first.file, blocked = first and not candidates
    and first.blocked, missing = first and not candidates and first.missing }
end

--- What people should know of the project, each line once.
local function say_lines(cli, loaded)
  for _, line in ipairs(loaded.project.lines) do
    cli.err("perigee: " .. show.clean(line) .. "\n")
  end
  loaded.project.lines = {}
end

--- Says before anything happens what could not be used.
local function report(cli, loaded, who)
  local function say(...) cli.err("perigee: " .. show.clean(string.format(...)) .. "\n") end
  for _, one in ipairs(loaded.box.diagnostics) do say("%s", toolbox.say(one)) end
  say_lines(cli, loaded)
  for _, one in ipairs(loaded.catalog.diagnostics) do
    if one.file == who.file or one.taken == who.file then
      say("%s:%d:%d: %s", one.file, one.line, one.column, one.message)
    end
  end
  if who.missing and #who.missing > 0 then
    say("%s has no tool here called %s; it runs without", who.name, table.concat(who.missing, ", "))
  end
end

--- The agent for a task that names nobody: what routing chose, or what a model picks of it now. The
--- decision is recorded with those who came after.
local function settle(run, who, task)
  local found, name, why = who.choice, who.choice.to, who.choice.why
  if who.candidates then
    name, why = chooser.pick(run, task, who.candidates)
    if not name then return nil, why end
  end
  session.record(run, "decision", { what = "choose", to = name, why = why, from = found.from,
    by = who.candidates and "model" or "routing", candidates = who.candidates,
    runners_up = found.runners_up })
  session.emit(run, "notice", { text = ("%s gets the task: %s"):format(name, why) })
  return session.get().catalog.by_name[name]
end

local function agent_work(run, who, task, options)
  return function()
    if who.choice then
      local err
      who, err = settle(run, who, task)
      if not who then return nil, err end
      if who.blocked then return nil, who.blocked end
    end
    local bare, first = opening.of(task)
    return agent.run(run, { agent = who, task = bare, opening = first, hops = options.hops,
      attachments = options.attachments })
  end
end

--- Who watches, by the options; and how text is spoken.
local function watchers(cli, values)
  local count, total = show.counter()
  local watch
  if values.events then
    watch = show.events(cli)
  elseif values.json then
    watch = function() end
  else
    watch = show.people(cli, cli.terminal and cli.out or cli.err)
  end
  return function(event)
    count(event)
    watch(event)
  end, total
end

local function print_result(cli, values, total, result, err)
  if values.events then return end
  if values.json then
    cli.out(json.encode(json.object {
      { "run", total.run }, { "status", total.status },
      { "agent", result and result.agent }, { "text", result and result.text },
      { "value", result and result.value }, { "hops", result and result.hops },
      { "questions", result and result.questions },
      { "turns", total.turns }, { "calls", total.calls },
      { "tokens", not total.rehearsed and total.tokens or nil },
      { "cost_usd", not total.rehearsed and total.usd or nil },
      { "rehearsed", total.rehearsed }, { "time_ms", total.ms },
      { "error", err and { code = err.code, message = err.message } or result and result.error },
    }) .. "\n")
    return
  end
  if err then show.failure(cli, err, 0) end
  if result and result.error then
    cli.err("perigee: ended early: " .. show.clean(result.error) .. "\n")
  end
  for _, one in ipairs(result and result.questions or {}) do
    cli.err(show.clean(("perigee: %s asked you, and nobody answered: %s\n"):format(one.agent,
      one.question)))
  end
  if result and (not cli.terminal or not result.agent) then
    cli.out(show.clean((result.text:gsub("\n*$", "\n"))))
  end
  cli.err(show.total(total) .. "\n")
end

--- The workspace's real path, as far as it can be told before it is opened.
local function workspace_of(cli, values, project)
  local path = values.workspace or project.folders.current
  local info = cli.stat(path)
  return info and info.real or path
end

--- Opens journal, recording, workspace and run.
local function open_run(cli, values, project, who, task, opened)
  local ok, err = start.journal(cli, values.store)
  if not ok then return nil, err end
  if values.record then
    ok, err = cli.record(values.record,
      cassette.about(opened, task, workspace_of(cli, values, project)))
    if not ok then return nil, err end
  end
  return cli.open_run {
    agent = who.name, task = task, workspace = values.workspace or project.folders.current,
    pins = project.pins, unconfined = values.unconfined,
    roots = grants.of_run(opened.tools),
    sandbox = network.of_run(opened), limits = opened.settings.limits,
  }
end

--- Prints the help of the verb, or of the chain that was named.
local function help(cli, given)
  local word = given.positionals[1] or ""
  if word:sub(-4) ~= ".lua" then
    cli.out(args.help(SPEC))
    return nil
  end
  local loaded, err = start.load(cli, given.values.project)
  if not loaded then return nil, err end
  say_lines(cli, loaded)
  local path, chain
  path, err = chains.find(cli, word)
  if not path then return nil, err end
  chain, err = chains.declare(cli, path)
  if not chain then return nil, err end
  cli.out(show.clean(chains.help(chain)))
end

--- Everything that can be refused before a run exists.
---@return table? ready, Error? err, integer? code
local function prepare(cli, words)
  local given, err = args.parse(SPEC, words)
  if not given then return nil, err, 2 end
  local values = given.values
  if values.help then return help(cli, given) end
  if values.chooser and not text.one_of({ "rank", "model" }, values.chooser) then
    return nil, { message = ("--chooser %s: rank or model"):format(values.chooser) }, 2
  end
  if values.hops and not text.one_of({ "off", "auto", "full" }, values.hops) then
    return nil, { message = ("--hops %s: off, auto or full"):format(values.hops) }, 2
  end
  if values.record and values.replay then
    return nil, { message = "--record and --replay do not go together" }, 2
  end
  local bounds
  bounds, err = allowance.read(values.limit or {}, allowance.KEYS)
  if not bounds then return nil, err, 2 end
  local set
  set, err = chains.pairs(values.set or {})
  if not set then return nil, err, 2 end
  local said
  said, err = network.given(values)
  if not said then return nil, err, 2 end
  local loaded
  loaded, err = start.load(cli, values.project, { ask = not (values.json or values.events) })
  if not loaded then return nil, err end
  say_lines(cli, loaded)
  local words_given, word = #given.positionals, given.positionals[1]
  local a_file = (word:match("%.md$") or word:match("%.lua$"))
    and (not word:find("%s") or cli.stat(word) ~= nil)
  local names_one = words_given > 1 or a_file
  local task
  task, err = read_task(cli, given, names_one and (given.positionals[2] or "") or word)
  if not task then return nil, err end
  local who
  if names_one then who, err = find_who(cli, loaded, word)
  else who, err = choose_who(cli, loaded, task, values) end
  if not who then return nil, err, err.exit end
  start.equip(loaded.catalog, loaded.box.tools)
  report(cli, loaded, who)
  if who.blocked then return nil, who.blocked end
  if task == "" and not who.chain then
    return nil, { message = "the task is missing; usage: " .. SPEC.usage }, 2
  end
  local replay
  if values.replay then
    replay, err = cassette.play(cli, values.replay, workspace_of(cli, values, loaded.project))
    if not replay then return nil, err end
  end
  return { values = values, limits = bounds, loaded = loaded, who = who, task = task,
    said = said, set = set, replay = replay }
end

--- The exit code. A recording that is not whole, or was not played whole, is no success.
local function finish(cli, values, status)
  local whole, err = cli.end_traffic()
  local code = status == "ok" and 0 or cli.exit_code(status)
  if whole or values.replay and code ~= 0 then return code end -- the run ended with it
  return show.failure(cli, err, code ~= 0 and code or nil)
end

---@async
local function run_verb(cli, words)
  local began = cli.now()
  local ready, err, code = prepare(cli, words)
  if not ready then return err and refuse(cli, words, err, code) or 0 end
  local values, loaded, who, task = ready.values, ready.loaded, ready.who, ready.task

  local sink, total = watchers(cli, values)
  local opened
  opened, err = start.session(cli, loaded, {
    replay = ready.replay,
    model = values.model, hops = values.hops, unconfined = values.unconfined, sink = sink,
    asks = not values.json and not values.events,
    given = ready.said, workspace = values.workspace or loaded.project.folders.current,
  })
  if not opened then return refuse(cli, words, err) end
  if values.unconfined then
    cli.err("perigee: WITHOUT a sandbox: commands of this run may do all that you may\n")
  end
  if opened.no_sandbox then
    cli.err("perigee: no sandbox, so nothing that starts commands is offered: "
      .. show.clean(opened.no_sandbox.message) .. "\n")
  end
  local params, chain
  if who.chain then
    chain, err = chains.declare(cli, who.chain)
    if chain then params, err = chains.params(chain, task, ready.set) end
    if not params then return refuse(cli, words, err) end
  end

  local run
  run, err = open_run(cli, values, loaded.project, who, task, opened)
  if not run then return refuse(cli, words, err) end
  total.run = run.id
  local most = limits.set(run, ready.limits, chain and chain.limits)

  local work = who.chain and function() return chains.work(run, who.chain, params) end
    or agent_work(run, who, task,
      { hops = opened.options.hops, attachments = #(values.attach or {}) })
  local result
  result, err = agent.whole(run, function()
    session.record(run, "run.started", {
      format = 1, agent = not who.chain and who.name or nil, chain = who.chain, task = task,
      params = params, workspace = run.workspace, model = opened.options.model,
      hops = opened.options.hops, sandbox = opened.sandbox, limits = most, files = run:sources(),
    })
    return work()
  end)
  total.status = err and err.code or result.status
  total.ms = cli.now() - began
  print_result(cli, values, total, result, err)
  run:close()
  return finish(cli, values, total.status)
end

return { usage = SPEC.usage, run = run_verb }
